//! Are the peers what the stories take them for? Each is asked once, as the stories will.

use std::process::Command;
use std::time::Duration;

use crate::world::{
    Broker, Consumer, Database, Publisher, World, eventually, feed, peer, python, rabbitmqctl, run, tagging, tool,
};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn fedora_messaging_publishes_and_consumes() {
    let broker = Broker::new();
    let mut messages = Consumer::new(&["--timeout", "60", &broker.url(), "org.example.#"]);
    let message = r#"{"id": "6fe646bd-948b-48ef-aa2b-ee47c058fffb", "topic": "tag", "body": {"name": "é"}}"#;
    let sent = feed(python("publish.py").args(["--topic-prefix", "org.example", &broker.url()]), message).ok();
    assert_eq!(sent.trim(), "6fe646bd-948b-48ef-aa2b-ee47c058fffb");
    let received = messages.next().unwrap();
    assert_eq!(received["id"], sent.trim());
    assert_eq!(received["topic"], "org.example.tag");
    assert_eq!(received["body"]["name"], "é");
    assert_eq!(messages.ended(), Some(0));
}

#[test]
fn a_publisher_that_stays_sends_each_message_as_it_comes() {
    let broker = Broker::new();
    let mut messages = Consumer::new(&["--messages", "2", "--timeout", "60", &broker.url(), "#"]);
    let mut publisher = Publisher::new(&broker.url());
    for second in [1, 86_399] {
        let message = tagging("tag", "oak", "hello-world-1.0-1", second);
        publisher.send(std::slice::from_ref(&message));
        let received = messages.next().unwrap();
        assert_eq!((&received["id"], &received["body"]), (&message["id"], &message["body"]));
        assert_eq!(received["headers"]["sent-at"], message["headers"]["sent-at"]);
    }
    assert_eq!(messages.ended(), Some(0));
}

#[test]
fn the_broker_takes_our_client_certificate_and_no_strangers() {
    let broker = Broker::new();
    let message = r#"{"topic": "tag", "body": {}}"#;
    let publish = |tls: &str| feed(python("publish.py").args(["--tls", tls, &broker.tls_url()]), message);
    publish(&peer("TLS")).ok();
    assert_eq!(publish(&format!("{}/stranger", peer("TLS"))).status, 1);
}

#[test]
fn a_consumer_that_gets_nothing_ends_with_status_one() {
    let broker = Broker::new();
    let mut messages = Consumer::new(&["--timeout", "1", &broker.url(), "#"]);
    assert_eq!(messages.next(), None);
    assert_eq!(messages.ended(), Some(1));
}

#[test]
fn a_broker_can_close_one_virtual_hosts_connections() {
    let broker = Broker::new();
    let _consumer = Consumer::new(&["--timeout", "300", "--queue", "mine", &broker.url(), "#"]);
    let consumers = || rabbitmqctl(&["-p", broker.vhost(), "list_queues", "name", "consumers"]);
    assert!(consumers().contains("mine\t1"));
    let connection = || rabbitmqctl(&["list_connections", "vhost", "pid"]);
    let of_ours = |text: String| text.lines().find(|line| line.starts_with(broker.vhost())).map(str::to_owned);
    let before = of_ours(connection()).unwrap();
    broker.close_connections();
    // The stock consumer connects again.
    eventually(SOON, "a new connection", || of_ours(connection()).is_some_and(|now| now != before));
}

#[test]
fn each_test_has_a_database_of_its_own() {
    let (one, other) = (Database::new(), Database::new());
    one.query("CREATE TABLE t (x BIGINT); INSERT INTO t VALUES (1), (2)");
    assert_eq!(one.query("SELECT x FROM t ORDER BY x").trim(), "1\n2");
    assert_eq!(other.query("SELECT count(*) FROM pg_tables WHERE tablename = 't'").trim(), "0");
    let url = one.url();
    drop(one);
    assert_ne!(run(Command::new(peer("PSQL")).args(["-X", "-d", &url, "-c", "SELECT 1"])).status, 0);
}

#[test]
fn dnf_installs_with_dependencies_from_a_url_and_from_a_repo_file() {
    let world = World::new();
    world.sample("repository");
    let (_server, address) = world.static_server("repository");
    let file = format!("[sample]\nname=sample\nbaseurl=http://{address}/\nenabled=1\ngpgcheck=0\n");
    let file = world.write("sample.repo", file);
    for (root, repository) in [("one", format!("http://{address}/")), ("two", file.display().to_string())] {
        let installed = run(Command::new(tool("dnf-install")).arg(repository).arg(world.path(root)).arg("hello")).ok();
        assert_eq!(installed, "hello-1.0-1.noarch\nhello-data-1.0-1.noarch\n");
        assert!(world.path(root).join("usr/bin/hello").is_file());
    }
    let missing = format!("http://{address}/");
    let missing = run(Command::new(tool("dnf-install")).arg(missing).arg(world.path("three")).arg("absent"));
    assert_ne!(missing.status, 0);
}
