//! Does `tannery bus check` say what is right and what is wrong with a real broker, and leave nothing behind?

use serde_json::{Value, json};

use crate::world::{Broker, Ended, Publisher, SOON, Site, Store, eventually, peer, rabbitmqctl, tagging};

const BINDING: &str = "bindings = [\"#.buildsys.tag\"]\n";

fn site(url: &str, more: &str) -> Site {
    Site::new(Store::Sqlite, &format!("[bus]\nurl = \"{url}\"\n{more}"))
}

/// Returns the lines of a check that has to find nothing wrong.
fn fine(site: &Site) -> String {
    let ended = site.run(&["bus", "check"]);
    assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// Asserts that a check finds something wrong, in a line that has these words.
fn wrong(site: &Site, name: &str, words: &str) -> Ended {
    let ended = site.run(&["bus", "check"]);
    let line = format!("WRONG   {name:<12} ");
    let found = ended.stdout.lines().find_map(|said| said.strip_prefix(line.as_str()));
    assert!(ended.status == 1 && found.is_some_and(|found| found.contains(words)), "{words}:\n{}", ended.stdout);
    ended
}

fn listed(broker: &Broker, what: &[&str]) -> String {
    rabbitmqctl(&[&["-p", broker.vhost()], what].concat())
}

#[test]
fn what_is_right_is_said_in_a_line_each_and_nothing_is_left_behind() {
    let broker = Broker::new();
    let site = site(&broker.url(), BINDING);
    let said = fine(&site);
    for line in [
        "fine    exchange     amq.topic is there\n",
        "fine    publishing   amq.topic is there\n",
        "notice  queue        tannery is not there yet; we may make it\n",
        "fine    bindings     may be made: #.buildsys.tag\n",
        "notice  messages in  none has come from a broker yet\n",
        "fine    messages out 0 messages to be sent\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(said.contains("without TLS, as guest"), "{said}");
    assert_eq!(listed(&broker, &["list_queues", "name"]), "");

    site.run(&["tag", "create", "oak", "--arch", "x86_64"]).ok();
    let service = site.serve();
    eventually(SOON, "the consumer", || listed(&broker, &["list_queues", "name", "consumers"]).contains("tannery\t1"));
    let bindings = listed(&broker, &["list_bindings"]);
    Publisher::new(&broker.url()).send(&[tagging("tag", "oak", "hello-1-1", 1)]);
    eventually(SOON, "a message", || site.json(&["events", "list"])[0]["door"] == "amqp");
    let report = site.json(&["bus", "check"]);
    assert_eq!(report["is_fine"], true);
    let text = |at: usize| report["findings"][at]["text"].as_str().unwrap().to_owned();
    assert!(text(4).starts_with("tannery is there: ") && text(4).ends_with(" 1 consumers"), "{}", text(4));
    assert!(text(6).contains("after it was sent"), "{}", text(6));
    assert!(!report.to_string().contains("guest:guest"), "{report}");
    assert_eq!(listed(&broker, &["list_bindings"]), bindings, "no binding more, none less");
    assert!(service.stop(SOON).success());
    assert!(fine(&site).contains("notice  queue        tannery is there: "), "nobody consumes it");
}

#[test]
fn what_is_wrong_is_said_with_the_reason() {
    let broker = Broker::new();
    let url = broker.url();
    let ended = wrong(&site("amqp://guest:guest@127.0.0.1:1/%2F", BINDING), "network", "refused");
    assert!(!ended.stdout.contains("login"), "what needs the network is not tried: {}", ended.stdout);
    wrong(&site(&url.replace("guest:guest", "guest:hunter2"), BINDING), "login", "ACCESS_REFUSED");
    wrong(&site(&format!("{url}-elsewhere"), BINDING), "login", "not found");
    wrong(&site(&url, "exchange = \"none\"\n"), "exchange", "NOT_FOUND");
    wrong(&site(&url, "publish_exchange = \"none\"\n"), "publishing", "NOT_FOUND");
    wrong(&site(&url, "passive_declares = true\n"), "queue", "NOT_FOUND");
    let none = Site::new(Store::Sqlite, "").run(&["bus", "check"]);
    assert!(none.status == 1 && none.stderr.contains("no broker is configured"), "{}", none.stderr);
}

#[test]
fn rights_that_are_missing_are_named() {
    let broker = Broker::new();
    let tls = peer("TLS");
    let files = format!("ca = \"{tls}/ca.pem\"\ncert = \"{tls}/client.pem\"\nkey = \"{tls}/client.key\"\n");
    let ours = site(&broker.tls_url(), &format!("{files}{BINDING}"));
    assert!(fine(&ours).contains("with TLS, by the client certificate"));
    let (queue, both) = ("^tannery$", r"^(tannery|amq\.topic)$");
    let all_it_needs = ["set_permissions", "-p", broker.vhost(), "tannery", queue, both, both];
    rabbitmqctl(&all_it_needs);
    fine(&ours);
    let may = |configure: &str, write: &str, read: &str| {
        rabbitmqctl(&["set_permissions", "-p", broker.vhost(), "tannery", configure, write, read]);
    };
    may("", ".*", ".*");
    wrong(&ours, "queue", "declare the queue: ");
    may(".*", ".*", "^tannery$");
    wrong(&ours, "bindings", "ACCESS_REFUSED");
    rabbitmqctl(&["clear_permissions", "-p", broker.vhost(), "tannery"]);
    wrong(&ours, "login", "connect");
    let stranger = files.replace("client.", "stranger/client.");
    wrong(&site(&broker.tls_url(), &stranger), "login", "connect");
    let bare = site(&broker.tls_url(), &format!("ca = \"{tls}/ca.pem\"\n"));
    wrong(&bare, "login", "connect without a client certificate");
}

#[test]
fn topics_that_the_broker_forbids_are_told_and_hold_up_no_others() {
    let broker = Broker::new();
    let tls = peer("TLS");
    let site = site(
        &broker.tls_url(),
        &format!(
            "ca = \"{tls}/ca.pem\"\ncert = \"{tls}/client.pem\"\nkey = \"{tls}/client.key\"\n\
             topic_prefix = \"org.example.prod\"\n"
        ),
    );
    let allowed = r"^org\.example\.prod\.tannery\.tag\.";
    rabbitmqctl(&["set_topic_permissions", "-p", broker.vhost(), "tannery", "amq.topic", allowed, ".*"]);
    let service = site.serve();
    for (tag, parked) in [("a", 3), ("b", 6)] {
        site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
        let mut outbox = Value::Null;
        eventually(SOON, "messages parked and sent", || {
            outbox = site.json(&["status"])["outbox"].clone();
            outbox["parked"] == parked && outbox["sent"] == parked / 3
        });
    }
    service.says("the broker forbids org.example.prod.tannery.repo.published", SOON);
    let ended = wrong(&site, "messages out", "6 parked, the last of tannery.repo.published: ");
    assert!(ended.stdout.contains("ACCESS_REFUSED"), "{}", ended.stdout);

    rabbitmqctl(&["clear_topic_permissions", "-p", broker.vhost(), "tannery"]);
    assert_eq!(site.run(&["bus", "resend"]).ok(), "6 messages are sent again\n");
    eventually(SOON, "all messages sent", || site.json(&["status"])["outbox"] == json!({"sent": 8}));
    assert!(fine(&site).contains("fine    messages out 0 messages to be sent\n"));
}
