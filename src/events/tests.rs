//! Do real messages decode, and does garbage get a reason? Over all topics at once.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::TagName;

/// 35 messages of a real hub over a real broker, with all their properties.
const RECORDED: &str = include_str!("../../tests/data/koji/messages.jsonl");

fn recorded() -> Vec<(String, Map<String, Value>, Vec<u8>)> {
    let read = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap();
        let headers = message["properties"]["headers"].as_object().unwrap().clone();
        (message["routing_key"].as_str().unwrap().to_owned(), headers, serde_json::to_vec(&message["body"]).unwrap())
    };
    RECORDED.lines().map(read).collect()
}

fn of(topic: &str, body: &Value) -> Result<Event, Undecodable> {
    decode(topic, &Map::new(), body.to_string().as_bytes(), &Limits::default()).map(|decoded| decoded.event)
}

#[test]
fn all_recorded_messages_are_understood() {
    let mut seen = std::collections::BTreeMap::new();
    for (topic, headers, body) in recorded() {
        let decoded = decode(&topic, &headers, &body, &Limits::default()).unwrap();
        assert_eq!(decoded.base_url.as_deref(), Some("https://127.0.0.1"), "{topic}");
        assert_eq!(decoded.instance.as_deref(), Some("primary"));
        assert!(decoded.envelope.sent_at.is_some_and(|at| at > 1_795_000_000));
        let kind = match decoded.event {
            Event::Tagged(_) => "tag",
            Event::Untagged(_) => "untag",
            Event::BuildState(_) => "state",
            Event::RpmSigned(_) => "sign",
            Event::PackageListChanged(_) => "list",
            Event::RepoInit(_) => "init",
            Event::RepoDone(_) => "done",
            Event::BuildPromoted => "promote",
            Event::TaskState(_) => "task",
            Event::Other { .. } => "other",
        };
        *seen.entry(kind).or_insert(0) += 1;
    }
    let counts = [
        ("done", 2),
        ("init", 3),
        ("list", 9),
        ("promote", 1),
        ("sign", 1),
        ("state", 6),
        ("tag", 7),
        ("task", 3),
        ("untag", 3),
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), counts);
}

#[test]
fn the_fields_of_recorded_messages_are_where_they_belong() {
    let events: Vec<Event> = recorded()
        .iter()
        .map(|(topic, headers, body)| decode(topic, headers, body, &Limits::default()).unwrap().event)
        .collect();
    let tag = Tagging {
        tag: "scn8059-a".parse().unwrap(),
        tag_id: Some(11),
        nvr: "alpha-1.1-1.fc43".parse().unwrap(),
        build_id: Some(2),
        user: Some("kojiadmin".to_owned()),
        owner: Some("kojiadmin".to_owned()),
    };
    assert_eq!(events[3], Event::Tagged(tag.clone()));
    assert_eq!(events[4], Event::Untagged(tag));
    let signed = events.iter().find_map(|event| if let Event::RpmSigned(signed) = event { Some(signed) } else { None });
    let signed = signed.unwrap();
    assert_eq!((signed.sigkey.as_str(), signed.rpm.to_string().as_str()), ("83b0d6df", "alpha-0:1.1-1.fc43.src"));
    assert_eq!((signed.nvr.to_string().as_str(), signed.build_id), ("alpha-1.1-1.fc43", Some(2)));
    let changes: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::BuildState(change) = event { Some((change.old, change.new)) } else { None })
        .collect();
    assert!(changes.contains(&(Some(BuildState::Building), BuildState::Failed)), "{changes:?}");
    assert!(changes.contains(&(Some(BuildState::Complete), BuildState::Deleted)), "{changes:?}");
    assert!(changes.contains(&(None, BuildState::Complete)), "the draft: {changes:?}");
}

#[test]
fn optional_fields_may_be_absent_null_or_written_as_text() {
    let body = json!({"tag": "f43", "name": "a", "version": "1", "release": "2", "build_id": "77", "tag_id": null, "user": 5,
        "added_later": {"x": [1]}});
    let Event::Tagged(tagging) = of("buildsys.tag", &body).unwrap() else { panic!("no tagging") };
    assert_eq!((tagging.build_id, tagging.tag_id, tagging.user, tagging.owner), (Some(77), None, None, None));
    assert_eq!(tagging.tag, "f43".parse::<TagName>().unwrap());
    let body = json!({"tag": "f43", "package": "a", "action": "frobnicate"});
    let Event::PackageListChanged(change) = of("buildsys.package.list.change", &body).unwrap() else {
        panic!("no change")
    };
    assert_eq!(change.action, PackageAction::Other);
}

#[test]
fn a_topic_of_others_is_told_apart_without_reading_the_body() {
    let decoded = decode("org.fedoraproject.prod.bodhi.update", &Map::new(), b"\xff", &Limits::default()).unwrap();
    assert_eq!(decoded.event, Event::Other { topic: "org.fedoraproject.prod.bodhi.update".to_owned() });
    let state = json!({"attribute": "volume", "name": "a", "version": "1", "release": "1", "new": 5});
    assert!(matches!(of("buildsys.build.state.change", &state), Ok(Event::Other { .. })));
}

#[test]
fn garbage_has_a_typed_reason_on_every_topic() {
    let topics = [
        "tag",
        "untag",
        "build.state.change",
        "rpm.sign",
        "package.list.change",
        "repo.init",
        "repo.done",
        "task.state.change",
    ];
    let broken: &[(&[u8], &str)] = &[
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"{}}", "not_json"),
        (b"{\"tag\": NaN}", "not_json"),
        (b"{\"id\": 1e999}", "not_json"),
        (b"{\"tag\": \"a\nb\"}", "not_json"),
        (b"{\"tag\": \"\\ud800\"}", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"{\"tag\": \"\xff\"}", "not_utf8"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b"\"text\"", "not_an_object"),
        (b"12", "not_an_object"),
        (b"{}", "missing_field"),
    ];
    for topic in topics {
        for (body, code) in broken {
            let error = decode(&format!("x.buildsys.{topic}"), &Map::new(), body, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), *code, "{topic}: {}", String::from_utf8_lossy(body));
        }
    }
}

#[test]
fn a_wrong_field_is_named_with_its_place() {
    let tag = |tag: Value, name: Value| {
        of("buildsys.tag", &json!({"tag": tag, "name": name, "version": "1", "release": "1"}))
    };
    let text = |error: Undecodable| error.to_string();
    assert_eq!(text(tag(json!(null), json!("a")).unwrap_err()), "the field tag is missing");
    assert_eq!(text(tag(json!(["f43"]), json!("a")).unwrap_err()), "the field tag is not a string");
    for bad in ["../../etc", "a/b", "a\0b", "a\nb", "-rf", ""] {
        assert!(
            matches!(tag(json!(bad), json!("a")), Err(Undecodable::BadName { field, .. }) if field == "tag"),
            "{bad:?}"
        );
        assert!(
            matches!(tag(json!("f43"), json!(bad)), Err(Undecodable::BadName { field, .. }) if field == "name"),
            "{bad:?}"
        );
    }
    assert_eq!(tag(json!("x".repeat(4096)), json!("a")).unwrap_err().code(), "bad_name");
    let state = json!({"name": "a", "version": "1", "release": "1", "new": 9});
    assert_eq!(
        text(of("buildsys.build.state.change", &state).unwrap_err()),
        "the field new is not a build state, 0 to 4"
    );
    let state = json!({"name": "a", "version": "1/..", "release": "1", "new": 1});
    assert!(
        matches!(of("buildsys.build.state.change", &state), Err(Undecodable::BadName { field, .. }) if field == "version")
    );
    let build = json!({"name": "a", "version": "1", "release": "1"});
    let sign =
        |build: &Value, rpm: Value| of("buildsys.rpm.sign", &json!({"sigkey": "12c944d0", "build": build, "rpm": rpm}));
    assert_eq!(text(sign(&build, json!({"name": "a"})).unwrap_err()), "the field rpm.version is missing");
    assert_eq!(text(sign(&json!(5), json!({})).unwrap_err()), "the field build is not an object");
    let epoch = json!({"name": "a", "version": "1", "release": "1", "arch": "src", "epoch": 1e308});
    assert_eq!(text(sign(&build, epoch).unwrap_err()), "the field rpm.epoch is not an integer");
    let epoch = json!({"name": "a", "version": "1", "release": "1", "arch": "src", "epoch": -1});
    assert_eq!(text(sign(&build, epoch).unwrap_err()), "the field rpm.epoch is not an epoch of 32 bits");
}

#[test]
fn a_body_beyond_the_limit_is_not_even_read() {
    let limits = Limits { body: 10, ..Limits::default() };
    let error = decode("buildsys.tag", &Map::new(), &[0xff; 11], &limits).unwrap_err();
    assert_eq!(error, Undecodable::TooLarge { what: "body", size: 11, limit: 10 });
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..300), topic in 0..10_usize) {
        let topics = ["tag", "untag", "build.state.change", "rpm.sign", "package.list.change", "repo.init", "repo.done",
            "build.promote", "task.state.change", "other"];
        let _ = decode(&format!("buildsys.{}", topics[topic]), &Map::new(), &body, &Limits::default());
        let _ = parse(&body, &Limits::default());
    }

    /// A recorded message with some bytes changed: near to the real thing, where parsers have bugs.
    #[test]
    fn no_damaged_message_panics(which in 0..35_usize, changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..5)) {
        let (topic, headers, mut body) = recorded().swap_remove(which);
        let length = body.len();
        for (at, byte) in changes {
            body[at % length] = byte;
        }
        let _ = decode(&topic, &headers, &body, &Limits::default());
    }
}
