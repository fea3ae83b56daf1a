//! What if the broker itself dies? A RabbitMQ of a test's own, to kill and to start again.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::Service;
use super::peer::{run, tool};
use super::site::SOON;
use super::wait::eventually;

/// What the broker's log says when it takes connections.
const STARTED: &str = "Server startup complete";

/// A RabbitMQ that no other test uses, with the users of [`super::Broker`]; ended with its handle.
#[derive(Debug)]
pub struct OwnBroker {
    server: Option<Service>,
    _epmd: Service,
    starts: usize,
    directory: TempDir,
}

impl OwnBroker {
    /// Makes a broker and waits until it takes connections.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("tannery-broker.").tempdir().unwrap();
        run(Command::new(tool("broker")).arg(directory.path())).ok();
        let epmd = Service::start(&mut Command::new(directory.path().join("epmd")), &directory.path().join("epmd.log"));
        let mut broker = Self { server: None, _epmd: epmd, starts: 0, directory };
        broker.start();
        broker
    }

    /// Starts the broker after [`OwnBroker::kill`], with what it has on disk, and waits until it takes connections.
    pub fn start(&mut self) {
        let program = self.directory.path().join("rabbitmq-server");
        self.server = Some(Service::start(&mut Command::new(program), &self.directory.path().join("server.log")));
        self.starts += 1;
        let log = self.directory.path().join("log/rabbitmq.log");
        eventually(SOON, "a broker that has started", || {
            fs::read_to_string(&log).is_ok_and(|log| log.matches(STARTED).count() == self.starts)
        });
    }

    /// Ends the broker as a crash would, with SIGKILL.
    pub fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    /// Returns the URL for user and password, without TLS.
    pub fn url(&self) -> String {
        let port = fs::read_to_string(self.directory.path().join("rabbitmq.port")).unwrap();
        format!("amqp://guest:guest@127.0.0.1:{}/%2F", port.trim())
    }

    /// Sets a variable of the broker's application `rabbit`, for connections made from now on.
    pub fn set(&self, variable: &str, value: u64) {
        self.eval(&format!("application:set_env(rabbit, {variable}, {value})."));
    }

    /// Has the broker write down which queues and bindings there are. By itself it does so up to two seconds later: one
    /// that is killed before comes back without them, and confirms what it can route nowhere.
    pub fn write_definitions(&self) {
        self.eval("mnesia:sync_log().");
    }

    fn eval(&self, program: &str) {
        run(Command::new(self.directory.path().join("rabbitmqctl")).args(["--quiet", "eval", program])).ok();
    }
}
