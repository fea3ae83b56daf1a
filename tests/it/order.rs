//! Does the order of arrival matter? Random histories of messages, delivered in order and in any other
//! order with repeats, give the same sets: those that a naive reading of Koji's rules gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};
use tannery::buildsys::{Local, Volume};
use tannery::clock::Clock;
use tannery::config::Config;
use tannery::demo::packages;
use tannery::model::{Nvr, TagName};
use tannery::store::inbox::{Door, InboxState};
use tannery::store::tags::LinkRow;
use tannery::store::{Db, durable, pkgsets};
use tannery::tags::{Bells, Incoming, LinkEdit, Outcome, TagEdit, Tags};

use crate::world::{Database, World};

/// A second long before any message.
const BEGIN: i64 = 2_000_000_000;

/// The first second in which a message was sent.
const SENT: i64 = BEGIN + 1_000;

/// The second in which all messages arrive, and late builds are imported.
const ARRIVAL: i64 = BEGIN + 2_000;

/// Each inherits from the one before it; the last is never tagged into.
const TAGS: [&str; 3] = ["base", "side", "leaf"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Tag(usize),
    Untag(usize),
    Delete,
}

/// One message: what happened to a build, in a second.
#[derive(Debug, Clone)]
struct Sent {
    second: i64,
    act: Act,
    build: usize,
}

#[derive(Debug, Clone)]
struct History {
    /// In the order of their seconds; within one, in the order of arrival.
    messages: Vec<Sent>,
    /// Which builds are imported only after some messages about them: after how many.
    late: Vec<Option<usize>>,
    /// Whether `side` blocks the package of the first build.
    blocked: bool,
    /// What decides the other order of arrival.
    shuffle: Vec<u16>,
    /// Which messages are repeated, and how many places later.
    repeats: Vec<Option<usize>>,
}

fn history() -> impl Strategy<Value = History> {
    let act = prop_oneof![5 => (0..2_usize).prop_map(Act::Tag), 2 => (0..2_usize).prop_map(Act::Untag), 1 => Just(Act::Delete)];
    let sent = (0..4_i64, act, 0..4_usize).prop_map(|(second, act, build)| Sent { second, act, build });
    let late = prop::collection::vec(prop::option::weighted(0.3, 0..6_usize), 4);
    let parts = (prop::collection::vec(sent, 1..10), late, prop::bool::weighted(0.3));
    parts.prop_flat_map(|(mut messages, late, blocked)| {
        messages.sort_by_key(|message| message.second);
        let count = messages.len();
        let shuffle = prop::collection::vec(any::<u16>(), count);
        let repeats = prop::collection::vec(prop::option::weighted(0.3, 0..5_usize), count);
        let rest = (shuffle, repeats);
        rest.prop_map(move |(shuffle, repeats)| History {
            messages: messages.clone(),
            late: late.clone(),
            blocked,
            shuffle,
            repeats,
        })
    })
}

impl History {
    /// Returns the indices of the messages in another order of arrival: that of one second is kept.
    fn shuffled(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.messages.len()).collect();
        order.sort_by_key(|at| self.shuffle[*at]);
        let seconds: Vec<i64> = order.iter().map(|at| self.messages[*at].second).collect();
        let mut next: BTreeMap<i64, usize> = BTreeMap::new();
        for (at, message) in self.messages.iter().enumerate().rev() {
            next.insert(message.second, at);
        }
        let in_turn = |second: &i64| {
            let at = next.get_mut(second).unwrap();
            *at += 1;
            *at - 1
        };
        let mut order: Vec<usize> = seconds.iter().map(in_turn).collect();
        for (message, repeat) in self.repeats.iter().enumerate() {
            if let Some(later) = repeat {
                let first = order.iter().position(|at| *at == message).unwrap();
                order.insert((first + 1 + later).min(order.len()), message);
            }
        }
        order
    }

    /// Returns what each tag must hold: by package, the build and the tag it stands in.
    fn oracle(&self, builds: &[Nvr]) -> Vec<BTreeSet<(String, String)>> {
        let refused = |tag: usize, build: usize| self.blocked && tag == 1 && builds[build].name() == builds[0].name();
        let mut standing: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut listed: BTreeSet<(usize, &str)> = BTreeSet::new();
        let mut deleted: BTreeSet<usize> = BTreeSet::new();
        for (at, Sent { act, build, .. }) in self.messages.iter().enumerate() {
            match act {
                Act::Tag(tag) if refused(*tag, *build) => {}
                Act::Tag(tag) => {
                    standing.insert((*tag, *build), at);
                    listed.insert((*tag, builds[*build].name().as_str()));
                }
                Act::Untag(tag) => drop(standing.remove(&(*tag, *build))),
                Act::Delete => {
                    standing.retain(|(_, other), _| other != build);
                    // A build that is imported afterwards is there again, in no tag.
                    if self.late[*build].is_none() {
                        deleted.insert(*build);
                    }
                }
            }
        }
        standing.retain(|(_, build), _| !deleted.contains(build));
        let mut sets = Vec::new();
        for tag in 0..TAGS.len() {
            let mut set = BTreeSet::new();
            for package in builds.iter().map(|nvr| nvr.name().as_str()).collect::<BTreeSet<_>>() {
                let blocked = self.blocked && tag >= 1 && package == builds[0].name().as_str();
                if blocked || !(0..=tag).any(|from| listed.contains(&(from, package))) {
                    continue;
                }
                let latest = (0..=tag).rev().find_map(|from| {
                    let here = standing
                        .iter()
                        .filter(|((of, build), _)| *of == from && builds[*build].name().as_str() == package);
                    here.max_by_key(|(_, at)| **at).map(|((_, build), _)| (*build, from))
                });
                set.extend(latest.map(|(build, from)| (builds[build].to_string(), TAGS[from].to_owned())));
            }
            sets.push(set);
        }
        sets
    }
}

/// The world that holds the files, and the builds with their files.
type Made = (World, Vec<(Nvr, Vec<PathBuf>)>);

/// Four builds, two of each of two packages, with their files; made once.
fn material() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let world = World::new();
        let made = packages::make(&world.path("rpms"), &"x86_64".parse().unwrap()).unwrap();
        let times = |nvr: &&Nvr| made.first_builds.iter().filter(|other| other.name() == nvr.name()).count();
        let mut builds: Vec<(Nvr, Vec<PathBuf>)> =
            made.first_builds.iter().filter(|nvr| times(nvr) == 2).map(|nvr| (nvr.clone(), Vec::new())).collect();
        builds.sort();
        builds.truncate(4);
        for path in made.first {
            let (package, _) = tannery::rpms::read(&path).unwrap();
            let source = if package.source_rpm.is_empty() { package.nevra.file_name() } else { package.source_rpm };
            let of = builds.iter_mut().find(|(nvr, _)| source == format!("{nvr}.src.rpm"));
            of.into_iter().for_each(|(_, files)| files.push(path.clone()));
        }
        assert!(builds.len() == 4 && builds.iter().all(|(_, files)| files.len() > 1));
        (world, builds)
    })
}

struct House {
    clock: Clock,
    db: Db,
    tags: Tags,
    _world: World,
}

impl House {
    async fn new(history: &History, postgres: Option<&Database>) -> Self {
        let world = World::new();
        let config = Arc::new(Config::default_for(&world.path("data")));
        durable::make_dir(&config.data_dir).unwrap();
        let db = match postgres {
            Some(database) => Db::open_postgres(&database.url()).await.unwrap(),
            None => Db::open_sqlite(&world.path("data/state.sqlite")).await.unwrap(),
        };
        let clock = Clock::held(BEGIN);
        let local = Local::new(db.clone(), "local", Volume::new(&config.buildsys.volume));
        let tags = Tags::new(db.clone(), local, config, clock.clone(), Bells::default());
        let house = Self { clock, db, tags, _world: world };
        for (at, name) in TAGS.iter().enumerate() {
            let with = at.checked_sub(1).map(|parent| LinkEdit { priority: None, link: link(TAGS[parent]) });
            let edit = TagEdit { with: with.into_iter().collect(), ..TagEdit::default() };
            house.tags.create_tag(&name.parse().unwrap(), &edit).await.unwrap();
        }
        if history.blocked {
            let package = material().1[0].0.name().clone();
            house.tags.block(&TAGS[1].parse().unwrap(), &[package]).await.unwrap();
        }
        let there = history.late.iter().enumerate().filter(|(_, late)| late.is_none());
        house.import(there.map(|(build, _)| build)).await;
        house.clock.advance(ARRIVAL - BEGIN);
        house
    }

    async fn import(&self, builds: impl Iterator<Item = usize>) {
        let files: Vec<PathBuf> = builds.flat_map(|build| material().1[build].1.clone()).collect();
        let report = self.tags.import(files).await.unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }

    /// Delivers the messages in this order, with the imports of late builds in between; a step each.
    async fn deliver(&self, history: &History, order: &[usize], look: bool) {
        let mut known: Vec<bool> = history.late.iter().map(Option::is_none).collect();
        let mut seen = BTreeSet::new();
        for step in 0..=order.len() {
            let due = |late: &Option<usize>| late.is_some_and(|after| after == step || step == order.len());
            let now: Vec<usize> =
                (0..known.len()).filter(|build| !known[*build] && due(&history.late[*build])).collect();
            now.iter().for_each(|build| known[*build] = true);
            self.import(now.into_iter()).await;
            if let Some(at) = order.get(step) {
                let outcome = self.receive(&history.messages[*at], *at).await;
                let repeated = matches!(outcome, Outcome::Duplicate { .. });
                assert_eq!(repeated, !seen.insert(*at), "{outcome:?}");
                let waits = matches!(outcome, Outcome::Waiting { .. });
                assert!(repeated || waits != known[history.messages[*at].build], "{outcome:?}");
            }
            if look {
                self.step_by_step_equals_whole().await;
            }
        }
        self.tags.reconcile_woken().await.unwrap();
    }

    async fn receive(&self, sent: &Sent, id: usize) -> Outcome {
        let nvr = &material().1[sent.build].0;
        let mut body = json!({"name": nvr.name(), "version": nvr.version(), "release": nvr.release()});
        let topic = match sent.act {
            Act::Tag(tag) | Act::Untag(tag) => {
                body["tag"] = json!(TAGS[tag]);
                if matches!(sent.act, Act::Tag(_)) { "org.example.buildsys.tag" } else { "org.example.buildsys.untag" }
            }
            Act::Delete => {
                body["old"] = json!(1);
                body["new"] = json!(2);
                "org.example.buildsys.build.state.change"
            }
        };
        let (body, id) = (body.to_string(), format!("message-{id}"));
        let time = jiff::Timestamp::from_second(SENT + sent.second).unwrap().to_string();
        let headers = Map::from_iter([("sent-at".to_owned(), Value::String(time))]);
        let incoming = Incoming {
            door: Door::Amqp,
            topic,
            message_id: Some(&id),
            headers: &headers,
            body: body.as_bytes(),
            cut: None,
            force: false,
        };
        self.tags.receive(&incoming).await.unwrap()
    }

    /// Reconciles what was woken, then everything; the second finds nothing to do.
    async fn step_by_step_equals_whole(&self) {
        self.tags.reconcile_woken().await.unwrap();
        let before = self.revisions().await;
        self.tags.wake_all().await.unwrap();
        self.tags.reconcile_woken().await.unwrap();
        assert_eq!(self.revisions().await, before);
    }

    async fn revisions(&self) -> Vec<Option<pkgsets::Revision>> {
        let mut tx = self.db.read().await.unwrap();
        let mut revisions = Vec::new();
        for name in TAGS {
            revisions.push(pkgsets::newest(&mut tx, &name.parse::<TagName>().unwrap()).await.unwrap());
        }
        revisions
    }

    /// Returns what each tag holds: the builds and the tags they stand in, and the digest of the whole.
    async fn sets(&self) -> (Vec<BTreeSet<(String, String)>>, Vec<String>) {
        let (mut sets, mut digests) = (Vec::new(), Vec::new());
        for revision in self.revisions().await {
            let revision = revision.unwrap();
            let names: Vec<_> = revision.chunks.iter().map(|chunk| chunk.digest).collect();
            let chunks = pkgsets::chunks(&mut self.db.read().await.unwrap(), &names).await.unwrap();
            let builds = chunks.into_iter().flat_map(|chunk| chunk.builds);
            sets.push(builds.map(|build| (build.nvr.to_string(), build.from.to_string())).collect());
            assert_eq!(revision.builds as usize, sets.last().map_or(0, BTreeSet::len));
            digests.push(revision.digest.to_string());
        }
        (sets, digests)
    }

    async fn none_is_left_waiting(&self) {
        let mut tx = self.db.read().await.unwrap();
        let waiting = tannery::store::inbox::newest(&mut tx, InboxState::Waiting, 9).await.unwrap();
        assert!(waiting.is_empty(), "{waiting:?}");
    }
}

fn link(parent: &str) -> LinkRow {
    LinkRow {
        parent: parent.parse().unwrap(),
        priority: 0,
        maxdepth: None,
        intransitive: false,
        noconfig: false,
        pkg_filter: String::new(),
    }
}

async fn holds(history: &History, on_postgres: bool) -> Result<(), TestCaseError> {
    let databases = on_postgres.then(|| (Database::new(), Database::new()));
    let builds: Vec<Nvr> = material().1.iter().map(|(nvr, _)| nvr.clone()).collect();
    let in_order = House::new(history, databases.as_ref().map(|(one, _)| one)).await;
    in_order.deliver(history, &(0..history.messages.len()).collect::<Vec<_>>(), false).await;
    let (sets, digests) = in_order.sets().await;
    prop_assert_eq!(&sets, &history.oracle(&builds), "in order, on {}", in_order.db.kind());
    let order = history.shuffled();
    let shuffled = House::new(history, databases.as_ref().map(|(_, other)| other)).await;
    shuffled.deliver(history, &order, true).await;
    prop_assert_eq!(shuffled.sets().await, (sets, digests), "in the order {:?}", order);
    shuffled.none_is_left_waiting().await;
    in_order.db.close().await;
    shuffled.db.close().await;
    Ok(())
}

fn any_order(cases: u32, on_postgres: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = asked.unwrap_or(cases);
    // A failure prints the history, shrunk: it is all there is of chance.
    let cases = Cases { cases, max_shrink_iters: 60, failure_persistence: None, ..Cases::default() };
    let ran = TestRunner::new(cases).run(&history(), |history| runtime.block_on(holds(&history, on_postgres)));
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_order_of_arrival_gives_one_state_on_sqlite() {
    any_order(16, false);
}

#[test]
fn any_order_of_arrival_gives_one_state_on_postgres() {
    any_order(3, true);
}
