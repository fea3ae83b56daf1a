//! How does a test start, watch and end a program that keeps running?
//!
//! Each is ended when its handle is dropped, by its own id. What it says goes to a file, whose end
//! a failure shows.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::http::get;
use super::wait::{eventually, true_within};

/// The ports that services listen on: below those that connections are given, apart from those of
/// `scripts/peers`.
const PORTS: Range<u16> = 10_240..20_000;

/// How many lines of a log a failure shows.
const TAIL: usize = 60;

/// A program that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Starts a program whose output, both kinds, goes to the end of `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let other = file.try_clone().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(other)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        Self { child, log: log.to_owned() }
    }

    /// Returns the id of the program.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `path` at `address` is answered with status 200. An `Err` says that the program has
    /// ended before, or was not ready in time, with the end of its log.
    pub fn ready(&mut self, address: &str, path: &str, timeout: Duration) -> Result<(), String> {
        let mut ended = None;
        let answered = true_within(timeout, || {
            ended = self.child.try_wait().unwrap();
            ended.is_some() || get(address, path).is_ok_and(|answer| answer.status == 200)
        });
        match ended {
            Some(status) => Err(format!("ended before it was ready ({status})\n{}", self.tail())),
            None if !answered => Err(format!("not ready within {timeout:?}\n{}", self.tail())),
            None => Ok(()),
        }
    }

    /// Waits until the log has a line with `text` in it.
    ///
    /// # Panics
    /// If none came in time.
    pub fn says(&self, text: &str, timeout: Duration) {
        eventually(timeout, &format!("{text:?} in {}", self.log.display()), || self.log().contains(text));
    }

    /// Returns all that the program has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns the last lines of the log.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("--- {}\n{}", self.log.display(), lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// Returns whether the program still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends the program as a crash would, with SIGKILL, and waits until it has ended.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the program to stop, with SIGTERM, and returns how it ended.
    ///
    /// # Panics
    /// If it has not ended within `timeout`.
    pub fn stop(mut self, timeout: Duration) -> ExitStatus {
        let id = Pid::from_child(&self.child);
        if self.runs() {
            kill_process(id, Signal::TERM).unwrap();
        }
        let ended = true_within(timeout, || !self.runs());
        assert!(ended, "still running {timeout:?} after SIGTERM\n{}", self.tail());
        self.child.wait().unwrap()
    }

    /// Waits until the program has ended by itself, and returns how.
    ///
    /// # Panics
    /// If it has not ended within `timeout`.
    pub fn wait(mut self, timeout: Duration) -> ExitStatus {
        let ended = true_within(timeout, || !self.runs());
        assert!(ended, "still running after {timeout:?}\n{}", self.tail());
        self.child.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a port of the loopback address that was free a moment ago.
///
/// Not one that the kernel gives to those who connect: while a story has its service down, another
/// client, or even who tries to reach the service, could be given it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16;
    for _ in 0..PORTS.len() {
        let offset = start.wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + offset % PORTS.len() as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}
