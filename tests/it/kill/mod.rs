//! Is a SIGKILL at any moment just a restart? Events, commands and kills by chance, and at the end the
//! same as without kills: sets, repository bytes, every event counted, every message sent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tannery::demo::packages::Distribution;
use tannery::model::Sha256;

use crate::world::{
    Broker, Chance, Consumer, Publisher, Readers, SOON, Service, Site, Store, peer, run, tagging, true_within,
};

const KILLS: usize = 50;
const EVENTS: usize = 200;

/// Whole reads that each reader makes at least.
const READS: u64 = 500;

/// The second tag inherits from the first.
const TAGS: [&str; 2] = ["oak-1", "oak-1-candidate"];

const REPOSITORIES: [&str; 3] = ["src", "x86_64", "x86_64-debug"];

/// Longest time from one thing that happens in a life to the next, in milliseconds.
const MOMENT: u64 = 200;

/// What is different in each test: chance, the same for the run with and that without kills.
struct Story {
    seed: u64,
    messages: Vec<Value>,
    /// Files of each build, half of which are imported at the beginning.
    builds: Vec<Vec<PathBuf>>,
}

#[test]
fn a_service_killed_at_random_comes_to_the_same_as_one_that_was_not() {
    let seed = Chance::seed();
    say(&format!("TANNERY_TEST_SEED={seed}"));
    let calm = Side::new();
    let distribution = calm.site.world.distribution();
    let story = Story::by_chance(seed, &distribution);
    let expected = calm.without_kills(&story);
    let killed = Side::new().with_kills(&story);
    for (tag, set) in &expected.sets {
        assert_eq!(killed.sets[tag], *set, "the set of {tag}, seed {seed}");
    }
    for (repository, signature) in &expected.repositories {
        assert_eq!(killed.repositories[repository], *signature, "the bytes of {repository}, seed {seed}");
    }
}

impl Story {
    fn by_chance(seed: u64, distribution: &Distribution) -> Self {
        let mut chance = Chance::new(seed);
        let files: Vec<PathBuf> = distribution.first.iter().chain(&distribution.update).cloned().collect();
        let by_build = files_by_build(&files);
        let names: Vec<&str> = by_build.keys().map(String::as_str).collect();
        let mut messages = Vec::new();
        for second in 0..EVENTS as u32 {
            // Two of three are tagged: the sets grow. What is tagged is tagged again, what is not is untagged.
            let action = chance.of(&["tag", "tag", "untag"]);
            messages.push(tagging(action, chance.of(&TAGS), chance.of(&names), second));
        }
        Self { seed, messages, builds: by_build.into_values().collect() }
    }
}

/// Returns the files of each build, named by its source package.
fn files_by_build(files: &[PathBuf]) -> BTreeMap<String, Vec<PathBuf>> {
    let format = "%|SOURCERPM?{%{SOURCERPM}}:{%{NVR}.src.rpm}|\n";
    let mut query = Command::new(peer("RPM"));
    let named = run(query.args(["-qp", "--nosignature", "--qf", format]).args(files)).ok();
    let mut builds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (source, file) in named.lines().zip(files) {
        builds.entry(source.strip_suffix(".src.rpm").unwrap().to_owned()).or_default().push(file.clone());
    }
    builds
}

/// What a run came to.
struct Outcome {
    sets: BTreeMap<&'static str, Value>,
    repositories: BTreeMap<String, String>,
}

/// One of the two runs.
struct Side {
    site: Site,
    broker: Broker,
}

impl Side {
    fn new() -> Self {
        let broker = Broker::new();
        let config = format!(
            "[bus]\nurl = \"{}\"\nbackoff_min = \"50ms\"\n[repos]\nquiet = \"20ms\"\nat_latest = \"200ms\"\n\
             keep_for = \"60s\"\n",
            broker.url()
        );
        Self { site: Site::new(Store::Sqlite, &config), broker }
    }

    /// Makes the tags and imports every other build.
    fn prepare(&self, story: &Story) {
        self.site.run(&["tag", "create", TAGS[0], "--arch", "x86_64"]).ok();
        self.site.run(&["tag", "create", TAGS[1], "--arch", "x86_64", "--parent", TAGS[0]]).ok();
        let half: Vec<PathBuf> = story.builds.iter().step_by(2).flatten().cloned().collect();
        self.site.import(&half);
    }

    fn without_kills(&self, story: &Story) -> Outcome {
        self.prepare(story);
        let rest: Vec<PathBuf> = story.builds.iter().skip(1).step_by(2).flatten().cloned().collect();
        self.site.import(&rest);
        let service = self.site.serve();
        Publisher::new(&self.broker.url()).send(&story.messages);
        self.settled();
        assert!(service.stop(SOON).success());
        self.outcome()
    }

    fn with_kills(&self, story: &Story) -> Outcome {
        self.prepare(story);
        let told = Consumer::new(&["--messages", "100000", "--timeout", "600", &self.broker.url(), "#.tannery.#"]);
        // Publishes the empty repositories, so that readers have something to read.
        assert!(self.site.serve().stop(SOON).success());
        let readers = Readers::start(&self.site, (TAGS[1], "x86_64"), READS, 0, story.seed);
        let mut publisher = Publisher::new(&self.broker.url());
        let began = Instant::now();
        self.lives(story, &mut publisher);
        let lived = began.elapsed();
        let service = self.site.serve();
        self.settled();
        let (http, directory) = readers.seen();
        self.all_is_told(told, &mut publisher);
        assert!(service.stop(SOON).success());
        let repeated = self.site.events("duplicates");
        say(&format!("{KILLS} in {lived:?}, {repeated} messages came again, HTTP {http}, directory {directory}"));
        assert!(http["excused"].as_u64() > Some(0), "the reader over HTTP never saw the service down: {http}");
        assert!(directory["excused"] == 0 && directory["generations"].as_u64() > Some(10), "{directory}");
        self.outcome()
    }

    /// Starts and kills the service again and again, while events come and builds are imported.
    fn lives(&self, story: &Story, publisher: &mut Publisher) {
        let mut chance = Chance::new(story.seed ^ 1);
        let mut messages = story.messages.chunks(EVENTS / KILLS / 2);
        let mut imports = story.builds.iter().skip(1).step_by(2).collect::<Vec<_>>().into_iter();
        for life in 0..KILLS {
            publisher.send(messages.next().unwrap_or_default());
            let service = self.site.start();
            moment(&mut chance);
            publisher.send(messages.next().unwrap_or_default());
            if life % 2 == 0
                && let Some(build) = imports.next()
            {
                // An import that is killed leaves nothing that the next one stumbles over.
                let mut import = self.site.world.tannery(&["import"]);
                let import = Service::start(import.args(build), &self.site.world.path("import.log"));
                moment(&mut chance);
                import.kill();
                self.site.import(build);
            }
            moment(&mut chance);
            service.kill();
        }
        publisher.send(&messages.flatten().cloned().collect::<Vec<_>>());
        let rest: Vec<PathBuf> = imports.flatten().cloned().collect();
        if !rest.is_empty() {
            self.site.import(&rest);
        }
    }

    /// Waits until every event has taken effect and every repository shows it.
    fn settled(&self) {
        self.site.has_events(EVENTS as u64, "applied");
        let mut status = Value::Null;
        let is_settled = || {
            status = self.site.json(&["status"]);
            let tags = status["tags"].as_array().unwrap();
            tags.len() == TAGS.len()
                && tags.iter().all(shows_its_set)
                && status["outbox"]["pending"].as_u64().unwrap_or(0) == 0
        };
        let settled = true_within(SOON, is_settled);
        assert!(settled, "the repositories do not show the sets: {status}");
        for state in ["waiting", "refused", "quarantined", "dropped"] {
            assert_eq!(status["events"]["states"][state], 0, "{}", status["events"]);
        }
    }

    /// Every message of the outbox has reached the broker, and the last one about each repository says
    /// what stands there.
    fn all_is_told(&self, told: Consumer, publisher: &mut Publisher) {
        let end = json!({"id": "end", "topic": "org.example.tannery.end", "body": {}});
        publisher.send(std::slice::from_ref(&end));
        let heard: BTreeSet<String> =
            told.map(|message| message["id"].as_str().unwrap().to_owned()).take_while(|id| id != "end").collect();
        let printed = self.site.run(&["messages"]).ok();
        let mut generations: BTreeMap<String, (u64, Value)> = BTreeMap::new();
        for message in printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            assert!(heard.contains(message["id"].as_str().unwrap()), "never sent: {message}");
            let body = &message["body"];
            let Some(generation) = body["generation"].as_u64() else { continue };
            let repository = format!("{}/{}", body["tag"].as_str().unwrap(), body["repo"].as_str().unwrap());
            let before = generations.insert(repository, (generation, body["repomd_sha256"].clone()));
            assert!(before.is_none_or(|(before, _)| before < generation), "a generation was told twice: {message}");
        }
        for (tag, name) in repositories() {
            let repomd = std::fs::read(self.site.repository(tag, name).join("repodata/repomd.xml")).unwrap();
            let (_, last) = &generations[&format!("{tag}/{name}")];
            assert_eq!(*last, Sha256::of(&repomd).to_string(), "{tag}/{name}");
        }
    }

    fn outcome(&self) -> Outcome {
        let set = |tag| {
            let shown = self.site.json(&["tag", "show", tag]);
            json!({"digest": shown["revision"]["digest"], "builds": shown["builds"]})
        };
        let signature = |(tag, name)| (format!("{tag}/{name}"), self.site.signature(tag, name));
        Outcome {
            sets: TAGS.into_iter().map(|tag| (tag, set(tag))).collect(),
            repositories: repositories().map(signature).collect(),
        }
    }
}

fn repositories() -> impl Iterator<Item = (&'static str, &'static str)> {
    TAGS.into_iter().flat_map(|tag| REPOSITORIES.into_iter().map(move |name| (tag, name)))
}

fn shows_its_set(tag: &Value) -> bool {
    let repositories = tag["repositories"].as_array().unwrap();
    let current = |repository: &Value| repository["revision"] == tag["revision"];
    tag["pending"] == false && repositories.len() == REPOSITORIES.len() && repositories.iter().all(current)
}

/// Says something past the capture of output: a seed must be seen whatever becomes of the test.
fn say(text: &str) {
    let mut out = std::io::stderr().lock();
    writeln!(out, "kills: {text}").unwrap();
}

/// Lets time pass: a kill may come at any moment, so there is no condition to wait for.
fn moment(chance: &mut Chance) {
    thread::sleep(Duration::from_millis(15 + chance.below(MOMENT)));
}
