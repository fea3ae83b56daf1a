//! Does a reader ever see a broken repository? Two that read again and again, over HTTP and from the
//! directory, whatever happens meanwhile.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{Ended, Site, peer, tool};

/// Readers of one repository.
pub struct Readers {
    until: PathBuf,
    http: Option<Child>,
    directory: Option<Child>,
    reads: u64,
}

impl Readers {
    /// Starts both. Each makes at least so many whole reads, and waits up to so many milliseconds between two
    /// files.
    pub fn start(site: &Site, (tag, name): (&str, &str), reads: u64, pause: u64, seed: u64) -> Self {
        let until = site.world.path("readers-may-end");
        let start = |base: String| {
            // They take what the service leaves of the machine.
            let mut command = Command::new("nice");
            command.args(["-n", "10"]).arg(peer("PYTHON")).arg(tool("read_repo.py"));
            command.args(["--reads", &reads.to_string(), "--seed", &seed.to_string(), "--max-seconds", "400"]);
            command.args(["--pause", &pause.to_string()]);
            command.arg("--until").arg(&until).arg(base).env("PYTHONDONTWRITEBYTECODE", "1");
            Some(command.stdout(Stdio::piped()).spawn().unwrap())
        };
        let http = start(site.url(&format!("/repos/{tag}/{name}")));
        let directory = start(site.repository(tag, name).display().to_string());
        Self { until, http, directory, reads }
    }

    /// Lets both end once they have read enough, and returns what they saw: over HTTP, in the directory.
    pub fn seen(mut self) -> (Value, Value) {
        std::fs::write(&self.until, "").unwrap();
        (summary(self.http.take(), self.reads), summary(self.directory.take(), self.reads))
    }
}

/// Returns what a reader counted.
///
/// # Panics
/// If it saw anything broken.
fn summary(child: Option<Child>, reads: u64) -> Value {
    let ended: Ended = child.unwrap().wait_with_output().unwrap().into();
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap_or("null")).unwrap();
    assert_eq!(ended.status, 0, "{summary} {}", ended.stderr);
    assert!(summary["errors"] == Value::Array(Vec::new()) && summary["reads"].as_u64() >= Some(reads), "{summary}");
    summary
}

impl Drop for Readers {
    fn drop(&mut self) {
        for child in [&mut self.http, &mut self.directory].into_iter().flatten() {
            // Fails only where it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
