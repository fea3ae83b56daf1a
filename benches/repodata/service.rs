//! How is a running `tannery serve` watched? Its log in JSON, its memory, and what clients read over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::measure::{self, Memory, tail, words};
use super::setup::tannery;

/// How long a stop may take before the service is killed.
const STOP: Duration = Duration::from_secs(60);

/// What a line of the log tells that is measured here.
#[derive(Debug, Clone)]
pub enum Line {
    Serving {
        address: String,
    },
    /// The set of a tag changed; written just before that is committed.
    Changed {
        tag: String,
        at: Timestamp,
    },
    /// A repository shows what changed.
    Shown {
        tag: String,
        repo: String,
        packages: u64,
        at: Timestamp,
    },
}

type Lines = Arc<(Mutex<Vec<Line>>, Condvar)>;

/// A service with a data directory of its own, stopped when dropped.
pub struct Service {
    child: Child,
    pub data: PathBuf,
    config: PathBuf,
    log: PathBuf,
    pub address: String,
    lines: Lines,
}

impl Service {
    /// Starts a service in `directory`, whose repositories have the form; waits until it serves.
    pub fn start(directory: &Path, form: &str) -> anyhow::Result<Self> {
        // The default is not said, so that also versions can be measured that know no other.
        let form = if form == "files" { String::new() } else { format!("form = \"{form}\"\n") };
        let follow = "[[follow]]\ntags = [\"*\"]\narches = [\"x86_64\"]\nmultilib = { x86_64 = [\"i686\"] }\n";
        Self::start_with(directory, &format!("[repos]\n{form}quiet = \"{}ms\"\n{follow}", QUIET.as_millis()))
    }

    /// Starts a service in `directory` whose configuration has these sections; waits until it serves.
    pub fn start_with(directory: &Path, sections: &str) -> anyhow::Result<Self> {
        let (data, config) = (directory.join("data"), directory.join("tannery.toml"));
        let text = format!(
            "data_dir = \"{}\"\n[log]\nformat = \"json\"\n[http]\nbind = \"127.0.0.1:0\"\n{sections}",
            data.display(),
        );
        fs::write(&config, text)?;
        let mut command = tannery();
        command.arg("--config").arg(&config).arg("serve").stdin(Stdio::null());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let said = child.stderr.take().context("the service has no log")?;
        let lines = Lines::default();
        let place = directory.join("serve.log");
        let (log, shared) = (fs::File::create(&place)?, lines.clone());
        thread::spawn(move || follow_log(said, log, &shared));
        let mut service = Self { child, data, config, log: place, address: String::new(), lines };
        service.address = service.wait("where it serves", Duration::from_secs(60), |lines| {
            lines.iter().find_map(|line| match line {
                Line::Serving { address } => Some(address.clone()),
                _ => None,
            })
        })?;
        Ok(service)
    }

    /// Returns a command that works on the same data directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tannery();
        command.arg("--config").arg(&self.config).args(arguments);
        command
    }

    /// Runs a command on the same data directory; returns its standard output.
    pub fn tell(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(arguments);
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            let last = complaint.lines().last().unwrap_or_default();
            let words: String = words(&command).chars().take(200).collect();
            bail!("{words} ended with {}: {last}", output.status);
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until `find` finds something in the log so far; `what` says it in the error.
    pub fn wait<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut find: impl FnMut(&[Line]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let ends = Instant::now() + timeout;
        let (lines, changed) = &*self.lines;
        let mut guard = lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&guard) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the service ended with {status} before it told {what}: {}", tail(&self.log));
            }
            if Instant::now() > ends {
                bail!("waited {} s in vain for {what}", timeout.as_secs());
            }
            let waited = changed.wait_timeout(guard, Duration::from_millis(200));
            guard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns its memory now.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        measure::memory(self.id()).context("the service has ended")
    }

    /// Lets its peak of memory begin again.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        measure::forget_peak(self.id())
    }

    /// Returns its resident memory once it does nothing more: when it was the same for some seconds.
    pub fn idle(&self) -> anyhow::Result<u64> {
        let mut last = self.memory()?.resident;
        for _ in 0..60 {
            thread::sleep(Duration::from_secs(3));
            let now = self.memory()?.resident;
            if now.abs_diff(last) < 1 << 20 {
                return Ok(now);
            }
            last = now;
        }
        Ok(last)
    }
}

/// How long a set must be quiet before its repositories are refreshed: Tannery's default.
pub const QUIET: Duration = Duration::from_millis(200);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let ends = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < ends {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow_log(said: ChildStderr, mut log: fs::File, lines: &Lines) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        if let Some(line) = serde_json::from_str(&line).ok().and_then(|line| parse(&line)) {
            lines.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            lines.1.notify_all();
        }
    }
}

fn parse(line: &Value) -> Option<Line> {
    let text = |name: &str| line[name].as_str().map(ToOwned::to_owned);
    if let Some(url) = text("url") {
        return Some(Line::Serving { address: url.strip_prefix("http://")?.trim_end_matches('/').to_owned() });
    }
    let at = line["timestamp"].as_str()?.parse().ok()?;
    let tag = text("tag.name")?;
    match (text("repo"), line["packages"].as_u64(), line["revision"].is_number()) {
        (Some(repo), Some(packages), _) => Some(Line::Shown { tag, repo, packages, at }),
        (None, _, true) => Some(Line::Changed { tag, at }),
        _ => None,
    }
}
