//! What would a Koji hub do? A fake one: release engineers act on it, its plugin says what a real one's would put
//! on the bus, and it answers the read calls over HTTP, from versioned rows and a volume of real RPM files.
//!
//! It shares no code with what it tests: neither the wire format nor the rules of what a tag contains. It is held to
//! answers recorded from a real hub by the stories of `koji`.

mod answers;
mod builds;
pub mod files;
mod forms;
mod history;
mod messages;
mod right;
mod rows;
mod server;
mod shown;
mod signatures;
mod tags;
pub mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

pub use builds::NewBuild;
pub use files::unverifiable;
pub use messages::Message;
pub use right::Right;
pub use rows::Link;
use rows::Rows;
pub use server::Trouble;
use server::{Desk, Server};

/// By package: builds, and the tags that hold them.
pub type Builds = BTreeMap<String, Vec<(String, String)>>;

/// A Koji hub with its volume and its plugin.
#[derive(Debug)]
pub struct Hub {
    desk: Arc<Desk>,
    server: Mutex<Option<Server>>,
    address: String,
    volume: PathBuf,
    /// The events that acts take next, drawn long before.
    drawn: Mutex<Option<i64>>,
}

impl Hub {
    /// Starts a hub that knows of nothing; `volume` is where it puts its files.
    pub fn start(volume: &Path) -> Self {
        let desk = Arc::new(Desk::default());
        desk.rows().volumes.insert(0, "DEFAULT".to_owned());
        desk.rows().events.insert(0, now());
        let server = Server::start("127.0.0.1:0", &desk);
        let address = server.address();
        let (server, drawn) = (Mutex::new(Some(server)), Mutex::default());
        Self { desk, server, address, volume: volume.to_owned(), drawn }
    }

    /// Returns where calls are sent.
    pub fn url(&self) -> String {
        format!("http://{}/kojihub", self.address)
    }

    /// Returns the directory of its files.
    pub fn volume(&self) -> &Path {
        &self.volume
    }

    /// Listens no more: connections are refused.
    pub fn go_away(&self) {
        self.server.lock().unwrap().take();
    }

    /// Listens again, where it did before.
    pub fn come_back(&self) {
        *self.server.lock().unwrap() = Some(Server::start(&self.address, &self.desk));
    }

    /// Is in trouble from now on.
    pub fn trouble(&self, trouble: Trouble) {
        self.desk.trouble(Some(trouble), 0, None, None);
    }

    /// Is in trouble for so many calls, of a method if one is given.
    pub fn trouble_for(&self, calls: usize, method: Option<&str>, trouble: Trouble) {
        self.desk.trouble(Some(trouble), 0, Some(calls), method);
    }

    /// Is in trouble for one call of a method, once so many were answered.
    pub fn trouble_after(&self, calls: usize, method: &str, trouble: Trouble) {
        self.desk.trouble(Some(trouble), calls, Some(1), Some(method));
    }

    /// Is in no trouble any more.
    pub fn well(&self) {
        self.desk.trouble(None, 0, None, None);
    }

    /// Whether answers are compressed.
    pub fn gzip(&self, whether: bool) {
        self.desk.gzip(whether);
    }

    /// Returns how many requests there were by method; those in a multiCall by `multiCall/METHOD` too.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        self.desk.asked()
    }

    /// Returns how many calls are being answered, and how many were at once at most.
    pub fn open(&self) -> (usize, usize) {
        self.desk.open()
    }

    /// Returns the newest event whose act is done.
    pub fn last_event(&self) -> i64 {
        self.desk.rows().committed
    }

    /// Returns what is in a tag at an event (now for none): all builds for no `latest`, else so many of each package.
    pub fn right_set(&self, tag: &str, latest: Option<usize>, event: Option<i64>) -> Vec<Right> {
        let rows = self.desk.rows();
        let tag = rows.tag_id(&tag.into()).unwrap();
        right::tagged_builds(&rows, tag, event, true, latest, None)
    }

    /// Returns the NVRs of [`Hub::right_set`] as it is now.
    pub fn right_nvrs(&self, tag: &str, latest: Option<usize>) -> Vec<String> {
        let set = self.right_set(tag, latest, None);
        let rows = self.desk.rows();
        let mut nvrs: Vec<String> = set.iter().map(|right| rows.builds[&right.build].nvr()).collect();
        nvrs.sort();
        nvrs.dedup();
        nvrs
    }

    /// Returns what [`Hub::right_set`] has of each package, in its order: builds and the tags that hold them, once each.
    pub fn right_builds(&self, tag: &str, latest: Option<usize>, event: Option<i64>) -> Builds {
        let set = self.right_set(tag, latest, event);
        let rows = self.desk.rows();
        let mut builds = Builds::new();
        for right in set {
            let build = &rows.builds[&right.build];
            let of_package: &mut Vec<(String, String)> = builds.entry(build.name.clone()).or_default();
            if of_package.iter().all(|(nvr, _)| *nvr != build.nvr()) {
                of_package.push((build.nvr(), rows.tags[&right.tag].name.clone()));
            }
        }
        builds
    }

    /// Returns the builds that stand in a tag itself.
    pub fn standing(&self, tag: &str) -> Vec<String> {
        let rows = self.desk.rows();
        let tag = &rows.tags[&rows.tag_id(&tag.into()).unwrap()];
        let stands = tag.taggings.iter().filter(|(_, rows)| rows.iter().any(|row| row.when.revoke.is_none()));
        stands.map(|(build, _)| rows.builds[build].nvr()).collect()
    }

    /// Draws an event, as a transaction that takes long does. What is done by [`Hub::late`] with it becomes visible
    /// after later events.
    pub fn draw_event(&self) -> i64 {
        draw(&mut self.desk.rows())
    }

    /// Does something by an event that was drawn before.
    pub fn late<T>(&self, event: i64, act: impl FnOnce(&Self) -> T) -> T {
        *self.drawn.lock().unwrap() = Some(event);
        let done = act(self);
        *self.drawn.lock().unwrap() = None;
        done
    }

    /// Returns the messages of acts that are rolled back: nothing of them is done, but they are announced.
    pub fn rolled_back(&self, acts: impl FnOnce(&Self) -> Vec<Message>) -> Vec<Message> {
        let before = self.desk.rows().clone();
        let messages = acts(self);
        *self.desk.rows() = before;
        messages
    }

    /// Changes rows in one transaction of one event.
    fn act<T>(&self, change: impl FnOnce(&mut Rows, i64) -> T) -> T {
        let mut rows = self.desk.rows();
        let event = self.drawn.lock().unwrap().unwrap_or_else(|| draw(&mut rows));
        let done = change(&mut rows, event);
        rows.committed = rows.committed.max(event);
        done
    }
}

fn draw(rows: &mut Rows) -> i64 {
    let event = rows.events.last_key_value().map_or(0, |(event, _)| *event) + 1;
    rows.events.insert(event, now());
    event
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as f64 / 1e6
}
