//! What does a user of the service have? A configuration, a data directory, commands, and HTTP.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::peer::{Ended, python, run, tool};
use super::servers::Database;
use super::wait::eventually;
use super::{Answer, Service, World, free_port, get};

/// Where the state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// SQLite in the data directory.
    Sqlite,
    /// A PostgreSQL database of this site's own.
    Postgres,
}

/// One installation of Tannery in a world of its own.
#[derive(Debug)]
pub struct Site {
    /// Its files: `data/` is the data directory.
    pub world: World,
    /// Where it serves HTTP, as `host:port`.
    pub address: String,
    /// What the configuration begins with, whatever it is.
    head: String,
    config: String,
    _database: Option<Database>,
}

impl Site {
    /// Makes a site; `config` is what its configuration has beside data directory, address and state.
    pub fn new(store: Store, config: &str) -> Self {
        let world = World::new();
        let address = format!("127.0.0.1:{}", free_port());
        let database = (store == Store::Postgres).then(Database::new);
        let state =
            database.as_ref().map_or(String::new(), |database| format!("[state]\nurl = \"{}\"\n", database.url()));
        let head = format!("data_dir = \"data\"\n[http]\nbind = \"{address}\"\n{state}");
        let config = format!("{head}{config}");
        world.write("tannery.toml", &config);
        Self { world, address, head, config, _database: database }
    }

    /// Starts the service and waits until it is ready.
    pub fn serve(&self) -> Service {
        self.world.serve(&self.config, &self.address).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Site::serve`], with another configuration than the site was made with.
    pub fn serve_as(&self, config: &str) -> Service {
        let config = format!("{}{config}", self.head);
        self.world.serve(&config, &self.address).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`Site::start`], with another configuration than the site was made with.
    pub fn start_as(&self, config: &str) -> Service {
        self.world.write("tannery.toml", format!("{}{config}", self.head));
        self.start()
    }

    /// Starts the service and waits for nothing.
    pub fn start(&self) -> Service {
        Service::start(&mut self.world.tannery(&["serve"]), &self.world.path("serve.log"))
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        run(&mut self.world.tannery(arguments))
    }

    /// Runs a command that has to succeed, and returns what it printed as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[arguments, &["--json"]].concat()).ok();
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    /// Imports RPM files and directories.
    pub fn import(&self, paths: &[PathBuf]) {
        run(self.world.tannery(&["import"]).args(paths)).ok();
    }

    /// Returns how many messages are in a state, or came again (`duplicates`).
    pub fn events(&self, state: &str) -> u64 {
        let events = &self.json(&["status"])["events"];
        let count = if state == "duplicates" { &events["duplicates"] } else { &events["states"][state] };
        count.as_u64().unwrap_or_else(|| panic!("no count of {state} in {events}"))
    }

    /// Waits until so many messages are in a state.
    pub fn has_events(&self, count: u64, state: &str) {
        let mut seen = 0;
        eventually(SOON, &format!("{count} messages {state}"), || {
            seen = self.events(state);
            seen == count
        });
    }

    /// Waits until a fresh client would see a build, and returns how the waiting ended.
    pub fn wait_repo(&self, tag: &str, nvr: &str, seconds: u32) -> Ended {
        self.run(&["wait-repo", tag, "--contains", nvr, "--timeout", &seconds.to_string()])
    }

    /// Returns the directory of a repository.
    pub fn repository(&self, tag: &str, name: &str) -> PathBuf {
        fs::canonicalize(self.world.path("data")).unwrap().join("repos").join(tag).join(name)
    }

    /// Returns what the bytes of a repository come to, whatever its revision and times.
    pub fn signature(&self, tag: &str, name: &str) -> String {
        run(python("repo_signature.py").arg(self.repository(tag, name))).ok()
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Gets a path.
    pub fn get(&self, path: &str) -> Answer {
        get(&self.address, path).unwrap()
    }

    /// Installs a package with dnf into the install root `root` of this world, from a `.repo` file or
    /// repository at a path of the service; returns the NEVRAs that the root has then.
    pub fn dnf_install(&self, path: &str, root: &str, package: &str) -> String {
        let root = self.world.path(root);
        run(Command::new(tool("dnf-install")).arg(self.url(path)).arg(root).arg(package)).ok()
    }
}

/// How long anything may take, also on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);
