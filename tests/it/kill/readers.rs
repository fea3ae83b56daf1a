//! Does a reader ever see a broken repository? Two that read again and again, over HTTP and from the
//! directory, whatever happens meanwhile.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::world::{Ended, Site, peer, tool};

/// Whole reads that each reader makes at least.
const READS: u64 = 500;

/// Readers of one repository.
pub struct Readers {
    until: PathBuf,
    http: Option<Child>,
    directory: Option<Child>,
}

impl Readers {
    /// Starts both.
    pub fn start(site: &Site, tag: &str, name: &str, seed: u64) -> Self {
        let until = site.world.path("readers-may-end");
        let start = |base: String| {
            // They take what the service leaves of the machine.
            let mut command = Command::new("nice");
            command.args(["-n", "10"]).arg(peer("PYTHON")).arg(tool("read_repo.py"));
            command.args(["--reads", &READS.to_string(), "--seed", &seed.to_string(), "--max-seconds", "400"]);
            command.arg("--until").arg(&until).arg(base).env("PYTHONDONTWRITEBYTECODE", "1");
            Some(command.stdout(Stdio::piped()).spawn().unwrap())
        };
        let http = start(site.url(&format!("/repos/{tag}/{name}")));
        let directory = start(site.repository(tag, name).display().to_string());
        Self { until, http, directory }
    }

    /// Lets both end once they have read enough, and returns what they saw: over HTTP, in the directory.
    pub fn seen(mut self) -> (Value, Value) {
        std::fs::write(&self.until, "").unwrap();
        (summary(self.http.take()), summary(self.directory.take()))
    }
}

/// Returns what a reader counted.
///
/// # Panics
/// If it saw anything broken.
fn summary(child: Option<Child>) -> Value {
    let ended: Ended = child.unwrap().wait_with_output().unwrap().into();
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap_or("null")).unwrap();
    assert_eq!(ended.status, 0, "{summary} {}", ended.stderr);
    assert!(summary["errors"] == Value::Array(Vec::new()) && summary["reads"].as_u64() >= Some(READS), "{summary}");
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
