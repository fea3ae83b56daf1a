//! Where are the programs that the tests talk to? What `scripts/peers` says of them, in the environment.
//!
//! A peer that is missing is a failure of the test, never a reason to skip it.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Returns the value that `scripts/peers` exports as `TANNERY_PEERS_NAME`.
///
/// # Panics
/// If the peers have not been started for this test run.
pub fn peer(name: &str) -> String {
    let variable = format!("TANNERY_PEERS_{name}");
    std::env::var(&variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with `scripts/peers run cargo test`"))
}

/// Returns the path of a tool in `tests/peers/`.
pub fn tool(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// Returns the command that runs a script of `tests/peers/` with the Python that has the peers' libraries.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(peer("PYTHON"));
    command.arg(tool(script)).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What a command that has ended said.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; -1 where a signal ended it.
    pub status: i32,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Ended {
    /// Returns standard output.
    ///
    /// # Panics
    /// If the command did not end with status 0.
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command) -> Ended {
    command.output().unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display())).into()
}
