//! Does the broker hear everything, in order and under one id, also when it was away?

use serde_json::Value;

use crate::world::{Broker, Consumer, SOON, Site, Store, eventually, peer, rabbitmqctl};

#[test]
fn what_is_made_while_the_broker_is_away_comes_later_in_order_under_the_same_ids() {
    let broker = Broker::new();
    let tls = peer("TLS");
    let config = format!(
        "[bus]\nurl = \"{}\"\nca = \"{tls}/ca.pem\"\ncert = \"{tls}/client.pem\"\nkey = \"{tls}/client.key\"\n\
         backoff_min = \"50ms\"\nbackoff_max = \"500ms\"\n",
        broker.tls_url()
    );
    let may = |rights: [&str; 3]| {
        rabbitmqctl(&[&["set_permissions", "-p", broker.vhost(), "tannery"], rights.as_slice()].concat());
    };
    rabbitmqctl(&["clear_permissions", "-p", broker.vhost(), "tannery"]);
    let mut told = Consumer::new(&["--messages", "100", "--timeout", "120", &broker.url(), "#.tannery.#"]);
    let site = Site::new(Store::Sqlite, &config);
    let create = |tag: &str| site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
    let waiting = |count: i64| {
        eventually(SOON, "messages that wait", || site.json(&["status"])["outbox"]["pending"] == count);
    };
    let service = site.serve();
    create("a");
    waiting(4);
    let ids = || {
        let all: Value = serde_json::from_str(&site.get("/api/v1/messages").text()).unwrap();
        let ids = all.as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let first = ids();
    service.kill();
    let service = site.serve();
    create("b");
    waiting(8);
    assert_eq!(ids()[..4], first);
    may([".*", ".*", ".*"]);
    eventually(SOON, "all messages sent", || site.json(&["status"])["outbox"]["sent"] == 8);
    broker.close_connections();
    create("c");
    eventually(SOON, "all messages sent", || site.json(&["status"])["outbox"]["sent"] == 12);
    // The consumer's own connection was closed too; what it has seen before is enough.
    let all = ids();
    let heard: Vec<String> = told.by_ref().take(8).map(|message| message["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(heard, all[..8]);
    assert!(service.stop(SOON).success());
}
