//! Does hostile size stay outside? Messages of 50 MB and such without bottom, and how much memory they cost.

use std::fs;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::world::{Broker, Site, Store, tagging};

const MIB: usize = 1 << 20;

/// What the service may need at most.
const LIMIT_KIB: u64 = 512 * 1024;

/// How much of a body is kept.
const KEPT: usize = 64 * 1024;

#[test]
fn huge_and_bottomless_messages_are_kept_apart_within_512_mib() {
    let broker = Broker::new();
    let site = Site::new(Store::Sqlite, &format!("[bus]\nurl = \"{}\"\n", broker.url()));
    site.run(&["tag", "create", "oak-1", "--arch", "x86_64"]).ok();
    let service = site.serve();
    let bodies = hostile();
    publish(&broker, &bodies);
    site.has_events(bodies.len() as u64, "quarantined");
    // What comes behind them is understood.
    let tail = tagging("tag", "oak-1", "oak-hello-1-1", 1);
    publish(&broker, &[("tail", tail["body"].to_string().into_bytes())]);
    site.has_events(1, "waiting");
    for (id, body) in &bodies {
        is_kept_in_part(&site, id, body);
    }
    let peak = peak_kib(service.id());
    assert!(peak < LIMIT_KIB, "the service needed {peak} KiB");
}

/// Returns bodies that can never be understood, with an id each.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let text = format!(r#"{{"tag": "{}"}}"#, "x".repeat(50_000_000));
    let numbers = format!(r#"{{"tag": [{}1]}}"#, "1,".repeat(25_000_000));
    let nested = |depth: usize| format!(r#"{{"tag": {}{}}}"#, "[".repeat(depth), "]".repeat(depth)).into_bytes();
    let objects = format!("{}1{}", r#"{"a":"#.repeat(600_000), "}".repeat(600_000));
    vec![
        ("noise", vec![0xff; 50_000_000]),
        ("text", text.into_bytes()),
        ("numbers", numbers.into_bytes()),
        ("nested", nested(25_000_000)),
        ("nested-within-the-limit", nested(2_000_000)),
        ("objects-within-the-limit", objects.into_bytes()),
        ("unclosed", vec![b'['; 4 * MIB]),
    ]
}

fn publish(broker: &Broker, bodies: &[(&str, Vec<u8>)]) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        for (id, body) in bodies {
            let properties = BasicProperties::default().with_message_id((*id).into());
            let key = "org.example.buildsys.tag".into();
            let options = BasicPublishOptions::default();
            let sent = channel.basic_publish("amq.topic".into(), key, options, body, properties);
            sent.await.unwrap().await.unwrap();
        }
        connection.close(200, "done".into()).await.unwrap();
    });
}

/// A body above the limit is kept as digest, size and beginning.
fn is_kept_in_part(site: &Site, id: &str, body: &[u8]) {
    let listed = site.json(&["events", "list", "--state", "quarantined"]);
    let head = listed.as_array().unwrap().iter().find(|head| head["id"] == id).cloned().unwrap_or(Value::Null);
    assert_eq!(head["body_size"], json!(body.len()), "{head}");
    assert!(head["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{head}");
    let shown = site.json(&["events", "show", id]);
    let kept = shown["body"].as_str().map_or(0, str::len);
    if body.len() > 4 * MIB && body.is_ascii() {
        assert_eq!(kept, KEPT, "{id}");
        assert!(body.starts_with(shown["body"].as_str().unwrap().as_bytes()), "{id}");
        assert_eq!(shown["body_digest"], blake3::hash(body).to_hex().to_string(), "{id}");
    }
}

/// Returns the most memory that a process has had resident so far, in KiB.
fn peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
