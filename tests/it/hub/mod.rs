//! Are sets and repositories those of the hub, whatever happens to it and to its messages? `tannery serve` as it is
//! run, a real broker, and a hub that can be made to lie.

mod announced;
mod lost;
mod silent;
mod troubles;
mod trusted;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::hub::{Hub, Link, Message, NewBuild};
use crate::world::{Broker, Publisher, SOON, Service, Site, Store, eventually, packages_of};

/// The key that counts most in `signed`, and the other one.
pub const BEST: &str = "aaaaaaaa";
pub const OTHER: &str = "bbbbbbbb";

/// The tags that are followed, with their keys.
const FOLLOWED: [(&str, &[&str]); 3] = [("base", &[]), ("side", &[]), ("signed", &[BEST, OTHER])];

/// The packages of a repository: digests by NEVRA.
type Shown = BTreeMap<String, String>;

/// What may tell the service of a change: everything else comes an hour later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Messages alone.
    Messages,
    /// Probes, every second.
    Probes,
    /// Comparisons of all rows, every second, and probes with them.
    Checks,
}

/// A hub, a broker, and the service that follows both.
pub struct Rig {
    service: RefCell<Option<Service>>,
    pub koji: Hub,
    pub site: Site,
    pub broker: Broker,
    publisher: RefCell<Option<Publisher>>,
    said: Cell<u32>,
    /// What was read last of each tag's repository, and its `repomd.xml`.
    read: RefCell<BTreeMap<String, (Vec<u8>, Shown)>>,
}

impl Rig {
    /// Starts all, and waits until everything is right.
    pub fn new(by: By) -> Self {
        let rig = Self::prepared(by, "");
        rig.serve();
        rig.is_right();
        rig
    }

    /// As [`Rig::new`], without the service; `more` is more of the section on the hub.
    pub fn prepared(by: By, more: &str) -> Self {
        let broker = Broker::new();
        let volume = tempfile::Builder::new().prefix("tannery-test.").tempdir().unwrap().keep();
        let koji = Hub::start(&volume);
        let site = Site::new(Store::Sqlite, &config(by, &koji, &broker, more));
        fill(&koji);
        let (service, publisher, read) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { service, koji, site, broker, publisher, said: Cell::new(0), read }
    }

    /// Starts the service.
    pub fn serve(&self) {
        *self.service.borrow_mut() = Some(self.site.serve());
    }

    /// Ends the service as a crash would.
    pub fn kill(&self) {
        self.service.borrow_mut().take().unwrap().kill();
    }

    /// Waits until the service's log says something.
    pub fn says(&self, text: &str) {
        self.service.borrow().as_ref().unwrap().says(text, SOON);
    }

    /// Publishes the hub's messages, as it does; gives them as they were published.
    pub fn say(&self, messages: Vec<Message>) -> Vec<Value> {
        let mut said = Vec::new();
        for Message { topic, body } in messages {
            self.said.set(self.said.get() + 1);
            let id = format!("00000000-0000-4000-8000-{:012}", self.said.get());
            let headers = json!({ "sent-at": "2026-11-21T00:42:24+00:00", "fedora_messaging_severity": 10 });
            said.push(
                json!({ "id": id, "topic": format!("org.example.prod.{topic}"), "headers": headers, "body": body }),
            );
        }
        self.say_again(&said);
        said
    }

    /// Publishes messages as they were published before.
    pub fn say_again(&self, messages: &[Value]) {
        let mut publisher = self.publisher.borrow_mut();
        publisher.get_or_insert_with(|| Publisher::new(&self.broker.url())).send(messages);
    }

    /// Waits until every set and every repository is what the hub's own rows amount to.
    pub fn is_right(&self) {
        self.are_right(&FOLLOWED.map(|(tag, _)| tag));
    }

    /// As [`Rig::is_right`], of some tags.
    pub fn are_right(&self, tags: &[&str]) {
        for (tag, keys) in FOLLOWED.into_iter().filter(|(tag, _)| tags.contains(tag)) {
            let mut seen = String::new();
            eventually(SOON, &format!("what is right for {tag}"), || {
                let right = self.koji.right_files(tag, keys);
                let shown = self.shown(tag);
                seen = difference(&right, &shown);
                if !seen.is_empty() {
                    eprintln!("{tag}: {seen}");
                }
                seen.is_empty()
            });
        }
    }

    /// Returns what the x86_64 repository of a tag has: digests by NEVRA. None where it is not there yet.
    pub fn shown(&self, tag: &str) -> Shown {
        let repomd = self.site.repository(tag, "x86_64").join("repodata/repomd.xml");
        let Ok(repomd) = std::fs::read(repomd) else { return Shown::new() };
        if let Some((known, shown)) = self.read.borrow().get(tag)
            && *known == repomd
        {
            return shown.clone();
        }
        let url = self.site.url(&format!("/repos/{tag}/x86_64"));
        let shown = packages_of(&url);
        self.read.borrow_mut().insert(tag.to_owned(), (repomd, shown.clone()));
        shown
    }

    /// Returns a counter or gauge of the service.
    pub fn metric(&self, name: &str) -> i64 {
        let text = self.site.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Returns the bodies of the messages of a topic that the world was told.
    pub fn told(&self, topic: &str) -> Vec<Value> {
        let printed = self.site.run(&["messages"]).ok();
        let messages = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        messages.filter(|message| message["topic"] == topic).map(|message| message["body"].clone()).collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.service.borrow_mut().take();
        let _ = std::fs::remove_dir_all(self.koji.volume());
    }
}

fn config(by: By, koji: &Hub, broker: &Broker, more: &str) -> String {
    let (probe, check) = match by {
        By::Messages => ("1h", "1h"),
        By::Probes => ("1s", "1h"),
        By::Checks => ("1s", "1s"),
    };
    let mut text = format!(
        "[bus]\nurl = \"{}\"\nbackoff_min = \"100ms\"\nbackoff_max = \"1s\"\n[buildsys]\nkind = \"koji\"\nvolume = \"{}\"\n\
         [koji]\nhub = \"{}\"\ncalls_per_second = 1000\nquiet = \"50ms\"\nat_latest = \"1s\"\nprobe_every = \"{probe}\"\n\
         check_every = \"{check}\"\n{more}[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n",
        broker.url(),
        volume(koji.volume()),
        koji.url(),
    );
    for (tag, keys) in FOLLOWED {
        let _ = write!(text, "[[follow]]\ntags = [\"{tag}\"]\nsigkeys = {keys:?}\n");
    }
    text
}

fn volume(path: &Path) -> String {
    path.display().to_string()
}

/// Two builds of alpha in base, the second signed, the first in side too; beta and delta in base, delta a draft; all
/// tags inherit from it. More builds of beta and gamma, and a tag aside of which nothing is followed.
fn fill(koji: &Hub) {
    koji.create_tag("base", Some("x86_64"));
    for tag in ["side", "signed", "aside"] {
        koji.create_tag(tag, Some("x86_64"));
    }
    for tag in ["side", "signed"] {
        koji.set_inheritance(tag, &[Link::to(1, 0)]);
    }
    for package in ["alpha", "beta", "delta"] {
        koji.add_package("base", package);
    }
    for nvr in ["alpha-1-1", "alpha-2-1", "beta-1-1", "beta-2-1", "gamma-1-1"] {
        koji.import(&NewBuild::new(nvr, &["x86_64"]).rpm(&format!("{}-common", &nvr[..nvr.len() - 4]), "noarch"));
    }
    let draft = koji.import(&NewBuild::new("delta-1-1", &["x86_64"]).draft()).0;
    for nvr in ["alpha-1-1", "alpha-2-1", "beta-1-1", &format!("delta-1-1,draft_{draft}")] {
        koji.tag_build("base", nvr);
    }
    koji.tag_build("side", "alpha-1-1");
    koji.sign("alpha-1-1", OTHER);
    koji.sign("beta-1-1", BEST);
    koji.write_signed("beta-1-1", BEST);
}

/// Returns what one has and the other has not, in words; nothing where they are equal.
fn difference(right: &BTreeMap<String, String>, shown: &BTreeMap<String, String>) -> String {
    let of = |one: &BTreeMap<String, String>, other: &BTreeMap<String, String>| {
        let only = one.iter().filter(|(nevra, digest)| other.get(*nevra) != Some(digest));
        only.map(|(nevra, digest)| format!("{nevra} ({})", &digest[..8])).collect::<Vec<_>>().join(" ")
    };
    let (missing, surplus) = (of(right, shown), of(shown, right));
    if missing.is_empty() && surplus.is_empty() { String::new() } else { format!("missing {missing}; wrong {surplus}") }
}
