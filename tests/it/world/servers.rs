//! What does a test have of RabbitMQ and PostgreSQL for itself? A virtual host, a database.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::peer::{peer, run};

/// A virtual host with `amq.topic` and no queue, where `guest` and `tannery` have all rights. It lives
/// as long as the broker, which is started afresh for each run of the tests.
#[derive(Debug)]
pub struct Broker {
    vhost: String,
}

impl Broker {
    /// Returns a virtual host that nobody had before.
    pub fn new() -> Self {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let vhost = made.pop().unwrap_or_else(|| {
            let new: Vec<String> = (0..AT_ONCE).map(|_| unique("v")).collect();
            add_vhosts(&new);
            made.extend_from_slice(&new[1..]);
            new[0].clone()
        });
        Self { vhost }
    }

    /// Returns the URL for user and password, without TLS.
    pub fn url(&self) -> String {
        peer("AMQP").replace("%2F", &self.vhost)
    }

    /// Returns the URL for TLS with the client certificate of `TANNERY_PEERS_TLS`.
    pub fn tls_url(&self) -> String {
        peer("AMQPS").replace("%2F", &self.vhost)
    }

    /// Returns the name of the virtual host, for `rabbitmqctl -p`.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    /// Ends all connections to this virtual host, as a broker that restarts does.
    pub fn close_connections(&self) {
        rabbitmqctl(&["close_all_connections", "--vhost", &self.vhost, "test"]);
    }
}

/// How many virtual hosts are made at once: the administration program takes longer to start than one to be made.
const AT_ONCE: usize = 8;

/// Virtual hosts that nobody had yet.
static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn add_vhosts(names: &[String]) {
    let listed: Vec<String> = names.iter().map(|name| format!("<<\"{name}\">>")).collect();
    rabbitmqctl(&[
        "eval",
        &format!(
            "[begin rabbit_vhost:add(Vhost, <<\"test\">>), \
             [rabbit_auth_backend_internal:set_permissions(User, Vhost, <<\".*\">>, <<\".*\">>, <<\".*\">>, \
             <<\"test\">>) || User <- [<<\"guest\">>, <<\"tannery\">>]] end || Vhost <- [{}]].",
            listed.join(", ")
        ),
    ]);
}

/// Runs the administration program of the broker and returns what it printed.
///
/// # Panics
/// If it fails.
pub fn rabbitmqctl(arguments: &[&str]) -> String {
    run(Command::new(peer("RABBITMQCTL")).arg("--quiet").args(arguments)).ok()
}

/// An empty PostgreSQL database, dropped with its handle.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Makes a new database.
    pub fn new() -> Self {
        let name = unique("d");
        psql("postgres", &format!("CREATE DATABASE {name}"));
        Self { name }
    }

    /// Returns its URL.
    pub fn url(&self) -> String {
        format!("{}/{}", peer("POSTGRES"), self.name)
    }

    /// Runs SQL in it; returns the rows, one a line, columns divided by `|`.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn query(&self, sql: &str) -> String {
        psql(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let url = format!("{}/postgres", peer("POSTGRES"));
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // What remains goes with the server, which lives for one run of the tests.
        let _ = Command::new(peer("PSQL")).args(["-X", "-q", "-d", &url, "-c", &sql]).output();
    }
}

fn psql(database: &str, sql: &str) -> String {
    let url = format!("{}/{database}", peer("POSTGRES"));
    run(Command::new(peer("PSQL")).args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &url, "-c", sql])).ok()
}

/// Returns a name that nothing else on the servers has.
fn unique(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}
