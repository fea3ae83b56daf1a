//! Does an event lead to an installable repository? The whole way, with a real broker, real databases,
//! stock clients of both, and dnf.

use std::path::Path;

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use tannery::demo::packages::{Distribution, META, UPDATED};

use crate::world::{
    Broker, Consumer, Publisher, SOON, Service, Site, Store, eventually, feed, peer, python, rabbitmqctl, request,
    tagging,
};

const TAG: &str = "oak-1";

/// Three builds of the distribution: an older release, the newer one of the same package, another one.
const OLD: &str = "oak-hello-1.0-1.oak1";
const NEW: &str = "oak-hello-1.0-2.oak1";

#[test]
fn the_story_over_sqlite() {
    eprintln!("story over SQLite");
    an_event_leads_to_an_installed_build(Store::Sqlite);
}

#[test]
fn the_story_over_postgresql() {
    eprintln!("story over PostgreSQL");
    an_event_leads_to_an_installed_build(Store::Postgres);
}

#[test]
fn the_story_by_the_http_door_over_sqlite() {
    eprintln!("story by the HTTP door over SQLite");
    posted_events_lead_to_a_repository(Store::Sqlite);
}

#[test]
fn the_story_by_the_http_door_over_postgresql() {
    eprintln!("story by the HTTP door over PostgreSQL");
    posted_events_lead_to_a_repository(Store::Postgres);
}

/// Refreshes without much waiting for quiet.
const QUICK: &str = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n";

/// A site that runs, with the distribution imported and the tag made.
struct Story {
    site: Site,
    distribution: Distribution,
    _service: Service,
}

impl Story {
    fn begin(store: Store, config: &str) -> Self {
        let site = Site::new(store, &format!("{QUICK}{config}"));
        let distribution = site.world.distribution();
        site.import(&distribution.first);
        site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
        let service = site.serve();
        Self { site, distribution, _service: service }
    }

    /// Returns the messages that all builds of the distribution were tagged, one a second.
    fn all_tagged(&self) -> Vec<Value> {
        let builds = self.distribution.first_builds.iter();
        builds.zip(1..).map(|(nvr, second)| tagging("tag", TAG, &nvr.to_string(), second)).collect()
    }

    fn is_shown(&self, nvr: &str) {
        let ended = self.site.wait_repo(TAG, nvr, 60);
        assert_eq!(ended.status, 0, "{ended:?}");
    }

    fn installs(&self, root: &str, package: &str, nevra: &str) {
        let installed = self.site.dnf_install(&format!("/repos/{TAG}/x86_64.repo"), root, package);
        assert!(installed.lines().any(|line| line == nevra), "{nevra} is not in\n{installed}");
    }
}

fn an_event_leads_to_an_installed_build(store: Store) {
    let broker = Broker::new();
    let story = Story::begin(store, &format!("[bus]\nurl = \"{}\"\n", broker.url()));
    let site = &story.site;
    let mut told =
        Consumer::new(&["--messages", "1000", "--timeout", "300", &broker.url(), "#.tannery.repo.published"]);
    let mut publisher = Publisher::new(&broker.url());
    let messages = story.all_tagged();
    publisher.send(&messages);
    story.is_shown(&story.distribution.first_builds.last().unwrap().to_string());
    site.has_events(messages.len() as u64, "applied");
    story.is_shown(OLD);
    story.installs("one", META, &format!("{META}-1-1.oak1.x86_64"));
    the_world_is_told(site, &mut told);
    a_repeat_has_no_effect(site, &mut publisher, &messages);
    garbage_is_kept_apart(site, &mut publisher);
    a_message_waits_for_its_build(&story, &mut publisher);
    untagging_brings_the_older_release_back(&story, &mut publisher);
    waiting_ends_where_it_is_in_vain(&story, &mut publisher);
}

/// The consumer hears of each repository, in the documented form and once it can be read.
fn the_world_is_told(site: &Site, told: &mut Consumer) {
    let mut missing = vec!["src", "x86_64", "x86_64-debug"];
    while !missing.is_empty() {
        let message = told.next().expect("not all repositories were told of");
        assert_eq!(message["topic"], "org.tannery.local.tannery.repo.published");
        is_as_documented(&message["body"], "tannery.repo.published");
        let name = message["body"]["repo"].as_str().unwrap().to_owned();
        assert_eq!(message["body"]["url"], site.url(&format!("/repos/{TAG}/{name}/")));
        assert_eq!(site.get(&format!("/repos/{TAG}/{name}/repodata/repomd.xml")).status, 200);
        missing.retain(|missing| *missing != name);
    }
}

/// A value is what the JSON Schema of that message says.
fn is_as_documented(body: &Value, topic: &str) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/messages/{topic}.json"));
    feed(python("validate.py").arg(&schema), &body.to_string()).ok();
    let broken = feed(python("validate.py").arg(&schema), "{\"tag\": 5}");
    assert_eq!(broken.status, 1, "the schema of {topic} takes anything");
}

fn a_repeat_has_no_effect(site: &Site, publisher: &mut Publisher, messages: &[Value]) {
    let (before, repomd) = (revision(site), site.get(&format!("/repos/{TAG}/x86_64/repodata/repomd.xml")).body);
    publisher.send(&messages[..3]);
    site.has_events(3, "duplicates");
    assert_eq!(site.events("applied"), messages.len() as u64);
    assert_eq!(revision(site), before);
    assert_eq!(site.get(&format!("/repos/{TAG}/x86_64/repodata/repomd.xml")).body, repomd);
}

fn revision(site: &Site) -> Value {
    site.json(&["tag", "show", TAG])["revision"]["number"].clone()
}

fn garbage_is_kept_apart(site: &Site, publisher: &mut Publisher) {
    let mut garbage = tagging("tag", TAG, OLD, 70);
    garbage["body"]["name"] = json!("../../etc");
    publisher.send(std::slice::from_ref(&garbage));
    site.has_events(1, "quarantined");
    let kept = &site.json(&["events", "quarantine"])[0];
    assert_eq!((&kept["id"], &kept["door"]), (&garbage["id"], &json!("amqp")));
    assert!(kept["reason"].as_str().unwrap().contains("name"), "{kept}");
}

/// A message about a build that is not imported yet waits, visibly, and takes effect with the import.
fn a_message_waits_for_its_build(story: &Story, publisher: &mut Publisher) {
    let site = &story.site;
    assert_eq!(story.distribution.update_build.to_string(), NEW);
    publisher.send(&[tagging("tag", TAG, NEW, 80)]);
    site.has_events(1, "waiting");
    let waiting = &site.json(&["events", "list", "--state", "waiting"])[0];
    assert!(waiting["reason"].as_str().unwrap().contains(NEW), "{waiting}");
    assert_eq!(site.wait_repo(TAG, NEW, 0).status, 3);
    site.import(&story.distribution.update);
    story.is_shown(NEW);
    assert_eq!(site.events("waiting"), 0);
    story.installs("two", UPDATED, "oak-hello-1.0-2.oak1.x86_64");
}

fn untagging_brings_the_older_release_back(story: &Story, publisher: &mut Publisher) {
    assert_eq!(story.site.wait_repo(TAG, OLD, 60).status, 4);
    publisher.send(&[tagging("untag", TAG, NEW, 90)]);
    // Superseded until the message has arrived.
    eventually(SOON, "the older release again", || story.site.wait_repo(TAG, OLD, 60).status == 0);
    story.installs("three", UPDATED, "oak-hello-1.0-1.oak1.x86_64");
}

fn waiting_ends_where_it_is_in_vain(story: &Story, publisher: &mut Publisher) {
    let site = &story.site;
    site.run(&["tag", "block", TAG, UPDATED]).ok();
    // Visible until the repository has followed.
    eventually(SOON, "a blocked build", || {
        let ended = site.wait_repo(TAG, OLD, 60);
        ended.status == 4 && ended.stdout.contains("blocked")
    });
    // Sent after the block, whose place is now: so with the library's own sent-at, not one of long ago.
    let mut message = tagging("tag", TAG, NEW, 100);
    message["headers"] = json!({});
    publisher.send(&[message]);
    site.has_events(1, "refused");
    let ended = site.wait_repo("oak-none", OLD, 60);
    assert!(ended.status == 4 && ended.stdout.contains("no-tag"), "{ended:?}");
}

fn posted_events_lead_to_a_repository(store: Store) {
    let story = Story::begin(store, "");
    let site = &story.site;
    let mut messages = story.all_tagged();
    let last = messages.last().unwrap()["id"].clone();
    messages.push(messages[0].clone());
    messages.push(tagging("tag", TAG, NEW, 80));
    messages.push(tagging("tag", "oak-none", OLD, 81));
    messages.push(json!({"topic": "org.example.buildsys.tag", "body": {"tag": 5}}));
    messages.push(json!({"topic": 5}));
    let answer = post(site, &Value::Array(messages.clone()));
    let (status, verdicts) = (answer.0, answer.1);
    let verdicts = verdicts.as_array().cloned().unwrap_or_else(|| panic!("{status}: {verdicts}"));
    assert_eq!((status, verdicts.len()), (200, messages.len()));
    let words: Vec<String> = verdicts.iter().map(Value::to_string).collect();
    let applied = messages.len() - 5;
    assert!(words[..applied].iter().all(|word| word.contains("\"applied\"")), "{words:?}");
    assert!(words[applied - 1].contains(last.as_str().unwrap()), "{}", words[applied - 1]);
    for (word, expected) in words[applied..].iter().zip(["duplicate", "waiting", "unfollowed"]) {
        assert!(word.contains(expected), "{word}");
    }
    story.is_shown(OLD);
    story.installs("one", META, &format!("{META}-1-1.oak1.x86_64"));
    one_posted_message_is_answered_by_status(site);
    site.import(&story.distribution.update);
    story.is_shown(NEW);
    messages_can_be_read_over_http(site);
}

fn post(site: &Site, message: &Value) -> (u16, Value) {
    let headers = [("content-type", "application/json")];
    let answer = request(&site.address, "POST", "/api/v1/events", &headers, message.to_string().as_bytes()).unwrap();
    (answer.status, serde_json::from_str(&answer.text()).unwrap_or_else(|_| Value::String(answer.text())))
}

fn one_posted_message_is_answered_by_status(site: &Site) {
    let (repeated, waiting) = (tagging("tag", TAG, "oak-soon-1-1", 200), tagging("tag", TAG, "oak-soon-1-1", 200));
    assert_eq!(post(site, &repeated).0, 202);
    assert_eq!(post(site, &waiting).0, 202);
    let kept = site.events("quarantined");
    let mut bad = tagging("tag", TAG, OLD, 201);
    bad["body"]["version"] = json!(5);
    let (status, why) = post(site, &bad);
    assert_eq!(status, 400, "{why}");
    assert!(why.to_string().contains("version"), "{why}");
    assert_eq!(site.events("quarantined"), kept, "a single message that is refused is not kept");
    assert_eq!(post(site, &json!([])).0, 400);
}

/// All messages, oldest first, in pages; each as documented; each repository's last one names what
/// stands there.
fn messages_can_be_read_over_http(site: &Site) {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let answer = site.get(&format!("/api/v1/messages?after={after}&limit=2"));
        let page: Value = serde_json::from_str(&answer.text()).unwrap();
        let page = page.as_array().or_else(|| page["messages"].as_array()).unwrap_or_else(|| panic!("{page}"));
        let Some(last) = page.last() else { break };
        after = last["sequence"].as_i64().unwrap();
        all.extend(page.iter().cloned());
    }
    assert!(all.windows(2).all(|two| two[0]["sequence"].as_i64() < two[1]["sequence"].as_i64()));
    for message in &all {
        is_as_documented(&message["body"], message["topic"].as_str().unwrap());
    }
    for name in ["src", "x86_64", "x86_64-debug"] {
        let repomd = site.get(&format!("/repos/{TAG}/{name}/repodata/repomd.xml")).body;
        let last = all.iter().rfind(|message| message["body"]["repo"] == name).unwrap();
        assert_eq!(last["body"]["repomd_sha256"], tannery::model::Sha256::of(&repomd).to_string());
    }
}

#[test]
fn the_story_with_a_client_certificate_and_a_queue_made_by_others() {
    let broker = Broker::new();
    made_by_others(&broker, "tannery-of-others");
    // May write and read, and make nothing.
    rabbitmqctl(&["set_permissions", "-p", broker.vhost(), "tannery", "", ".*", ".*"]);
    let tls = peer("TLS");
    let bus = format!(
        "[bus]\nurl = \"{}\"\nca = \"{tls}/ca.pem\"\ncert = \"{tls}/client.pem\"\nkey = \"{tls}/client.key\"\n\
         queue = \"tannery-of-others\"\npassive_declares = true\n",
        broker.tls_url()
    );
    let story = Story::begin(Store::Sqlite, &bus);
    let mut told = Consumer::new(&["--timeout", "120", &broker.url(), "#.tannery.repo.published"]);
    let message = tagging("tag", TAG, OLD, 1);
    feed(python("publish.py").args(["--tls", &tls, &broker.tls_url()]), &message.to_string()).ok();
    story.is_shown(OLD);
    let message = told.next().unwrap();
    assert_eq!(message["body"]["tag"], TAG);
    assert_eq!(told.ended(), Some(0));
    assert_eq!(story.site.json(&["status"])["service"]["running"], true);
}

/// Declares and binds a queue, as the administrators of a broker would.
fn made_by_others(broker: &Broker, queue: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), durable, FieldTable::default()).await.unwrap();
        let bound = channel.queue_bind(
            queue.into(),
            "amq.topic".into(),
            "#.buildsys.tag".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.unwrap();
        connection.close(200, "done".into()).await.unwrap();
    });
}
