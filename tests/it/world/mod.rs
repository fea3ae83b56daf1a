//! In what world does a story take place? Real peers, a data directory of its own, and the service as
//! its users have it: the built program, its command line and its HTTP.
//!
//! Nothing here looks into the crate, so that a story holds whatever the rooms do inside; it only takes
//! the packages of the demonstration from it.

mod chance;
mod contents;
mod http;
pub mod hub;
mod listener;
mod messages;
mod outside;
mod own_broker;
mod peer;
mod readers;
mod receiver;
mod servers;
mod service;
mod signer;
mod site;
mod wait;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tannery::demo::packages::{self, Distribution};
use tempfile::TempDir;

pub use chance::Chance;
pub use contents::{packages_in, packages_of};
pub use http::{Answer, get, request};
pub use messages::{Consumer, Publisher, feed, tagging};
pub use outside::Outside;
pub use own_broker::OwnBroker;
pub use peer::{Ended, peer, python, run, tool};
pub use readers::Readers;
pub use receiver::{Heard, Receiver};
pub use servers::{Broker, Database, rabbitmqctl};
pub use service::{Service, free_port};
pub use signer::Signer;
pub use site::{SOON, Site, Store};
pub use wait::{eventually, true_within};

/// How long the service may take to become ready, also on a busy machine.
const READY: Duration = Duration::from_secs(60);

/// A place of its own for one story: configuration, data and logs, gone at its end.
#[derive(Debug)]
pub struct World {
    directory: TempDir,
}

impl World {
    /// Makes an empty world.
    pub fn new() -> Self {
        Self { directory: tempfile::Builder::new().prefix("tannery-test.").tempdir().unwrap() }
    }

    /// Returns a path in this world; nothing is made there.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of this world, with the directories above it, and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes a sample of `tests/peers/sample.py` (`repository`, `compose`) in the directory of that name.
    pub fn sample(&self, kind: &str) {
        run(python("sample.py").arg(kind).arg(self.path(kind))).ok();
    }

    /// Makes the demonstration's distribution for x86_64 in the directory `distribution`.
    pub fn distribution(&self) -> Distribution {
        packages::make(&self.path("distribution"), &"x86_64".parse().unwrap()).unwrap()
    }

    /// Serves a directory of this world with Python's own server, ready when returned with its address.
    pub fn static_server(&self, directory: &str) -> (Service, String) {
        let port = free_port().to_string();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(peer("PYTHON"));
        command.args(["-u", "-m", "http.server", &port, "--bind", "127.0.0.1", "-d"]).arg(self.path(directory));
        let mut server = Service::start(&mut command, &self.path("static-server.log"));
        server.ready(&address, "/", READY).unwrap();
        (server, address)
    }

    /// As [`World::static_server`], by a server that answers range requests, whose log has a line
    /// `METHOD PATH STATUS BYTES` for each answer.
    pub fn partial_server(&self, directory: &str) -> (Service, String) {
        let port = free_port().to_string();
        let address = format!("127.0.0.1:{port}");
        let mut command = python("partial_server.py");
        command.arg(&port).arg(self.path(directory));
        let mut server = Service::start(&mut command, &self.path("partial-server.log"));
        server.ready(&address, "/repodata/repomd.xml", READY).unwrap();
        (server, address)
    }

    /// Returns the command `tannery --config FILE ARGUMENTS`, where FILE is `tannery.toml` of this world.
    pub fn tannery(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tannery"));
        // Neither the configuration of whoever runs the tests nor the peers' addresses reach it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TANNERY_") {
                command.env_remove(name);
            }
        }
        command.arg("--config").arg(self.path("tannery.toml")).args(arguments).current_dir(self.directory.path());
        command
    }

    /// Starts `tannery serve` with this configuration, and waits until `/readyz` at `address` says so. Its log
    /// is `serve.log` of this world, one for all starts.
    ///
    /// # Errors
    /// The end of its log, when it ends before it is ready or takes too long.
    pub fn serve(&self, config: &str, address: &str) -> Result<Service, String> {
        self.write("tannery.toml", config);
        let mut service = Service::start(&mut self.tannery(&["serve"]), &self.path("serve.log"));
        service.ready(address, "/readyz", READY)?;
        Ok(service)
    }
}
