//! Are the answers of a real hub understood? Every one that was recorded, whole and cut short.

use serde_json::{Value, json};

use super::super::xmlrpc::Limits;
use super::*;
use crate::buildsys::koji::Error;

/// Returns the answers to a method, in the order they were recorded.
fn replies(method: &str) -> Vec<String> {
    let samples = include_str!("../../../../tests/data/koji/xmlrpc.jsonl").lines();
    let samples = samples.map(|sample| serde_json::from_str::<Value>(sample).unwrap());
    let of = samples.filter(|sample| sample["method"] == method);
    of.map(|sample| sample["reply"].as_str().unwrap().to_owned()).collect()
}

fn read<T>(ask: &Ask<T>, reply: &str) -> Result<T, Error> {
    ask.answer.read(ask.call.method(), &mut reply.as_bytes(), Limits::default())
}

/// Reads the answer to a call that was recorded, and makes sure that no part of it passes for the whole.
fn answer<T>(ask: &Ask<T>, at: usize) -> Result<T, Error> {
    let reply = &replies(ask.call.method())[at];
    let end = reply.trim_end().len();
    for cut in [0, 1, end / 4, end / 2, end * 3 / 4, end - 20, end - 1] {
        let error = read(ask, &reply[..cut]).err().unwrap();
        let is_broken = matches!(error, Error::Broken { .. } | Error::Fault { .. });
        assert!(is_broken, "{} cut at {cut}: {error}", ask.call.method());
    }
    read(ask, reply)
}

/// Returns the number of the fault that a call was answered with.
fn fault(ask: &Ask<impl Sized>, at: usize) -> i64 {
    match answer(ask, at).err().unwrap() {
        Error::Fault { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[test]
fn events_and_tags_are_read() {
    let event = answer(&last_event(), 0).unwrap();
    assert_eq!(event, Event { id: 8059, micros: 1_795_226_436_523_096 });
    let ask = tag(TagRef::Name("f43-updates"), Some(30));
    for at in [0, 1] {
        let found = answer(&ask, at).unwrap().unwrap();
        assert_eq!((found.id, found.name.as_str(), found.locked), (2, "f43-updates", false));
        assert_eq!(found.arches, ["x86_64", "aarch64"]);
        assert_eq!(found.repo_include_all(), None);
    }
    assert_eq!(answer(&ask, 2).unwrap(), None);
    assert_eq!(fault(&ask, 3), 1000);
    assert_eq!(fault(&ask, 4), 1019);
}

#[test]
fn links_are_read_with_every_attribute() {
    // Recorded of the whole order, whose rows are those of a tag's own links and more.
    let reply = &replies("getFullInheritance")[0];
    let found = read(&links(6, 8059), reply).unwrap();
    let shown: Vec<_> = found.iter().map(|link| (link.child_id, link.parent_id, link.parent_name.as_str())).collect();
    assert_eq!(shown, [(6, 5, "f43-override"), (5, 2, "f43-updates"), (2, 1, "f43")]);
    let first = Link {
        child_id: 6,
        parent_id: 5,
        parent_name: "f43-override".to_owned(),
        priority: 0,
        maxdepth: None,
        intransitive: false,
        noconfig: false,
        pkg_filter: String::new(),
    };
    assert_eq!(found[0], first);
    let broken = reply.replace("<name>intransitive</name>", "<name>x</name>");
    let error = read(&links(6, 8059), &broken).unwrap_err().to_string();
    assert_eq!(error, "getInheritanceData: intransitive of the answer is missing");
}

#[test]
fn package_lists_and_external_repositories_are_read() {
    let found = answer(&packages(2, 8059), 0).unwrap();
    assert_eq!(found.len(), 5);
    assert!(found[0].blocked && found[0].package_name == "epsilon" && found[0].package_id == 5);
    assert!(!found[1].blocked);
    assert_eq!(answer(&packages(2, 8059), 1).unwrap().len(), 5);
    assert_eq!(answer(&external_repos(1, 8059), 0).unwrap(), []);
}

#[test]
fn builds_are_read_by_themselves_and_in_tags() {
    let found = answer(&build(2), 0).unwrap().unwrap();
    assert_eq!((found.id, found.package_id, found.name.as_str()), (2, 1, "alpha"));
    assert_eq!((found.version.as_str(), found.release.as_str(), found.epoch), ("1.1", "1.fc43", None));
    assert_eq!((found.state, found.volume_name.as_str(), found.draft), (BuildState::Complete, "DEFAULT", false));
    assert_eq!(answer(&build(2), 1).unwrap(), None);
    let tagged = answer(&tagged(2, 8059, true, None), 0).unwrap();
    assert_eq!(tagged.len(), 4);
    assert_eq!((tagged[0].tag_id, tagged[0].create_event, tagged[0].build.id), (2, 50, 5));
    assert_eq!(tagged[1].build.epoch, Some(2));
}

#[test]
fn rpms_are_read_once_for_each_signature() {
    let found = answer(&tagged_rpms(2, 8059, true, "alpha"), 0).unwrap();
    assert_eq!((found.rpms.len(), found.builds.len()), (12, 1));
    assert_eq!((found.rpms[0].sigkey.as_deref(), found.rpms[1].sigkey.as_deref()), (Some(""), Some("83b0d6df")));
    let first = &found.rpms[0].rpm;
    assert_eq!((first.id, first.build_id, first.arch.as_str(), first.size), (7, 2, "src", 7161));
    assert_eq!(first.payloadhash, "dd56a214f01154072051a348930d7089");
    let of_build = answer(&build_rpms(8), 0).unwrap();
    assert_eq!((of_build.len(), of_build[0].epoch), (6, Some(2)));
}

#[test]
fn rpms_are_given_to_a_sink_as_they_come() {
    let reply = &replies("listTaggedRPMS")[0];
    let wanted = TaggedRpms { tag_id: 2, event: 8059, inherit: true, latest: false, package: None, arches: &[] };
    let method = wanted.call().method();
    let mut sink = Taken::default();
    let pour = |reply: &str, sink: &mut Taken| pour(method, &mut reply.as_bytes(), Limits::default(), sink);
    assert!(pour(&reply[..reply.len() / 2], &mut sink).is_err());
    assert!(!sink.rpms.is_empty());
    // What came before the answer broke off is not kept.
    pour(reply, &mut sink).unwrap();
    assert_eq!((sink.rpms.len(), sink.builds.len()), (12, 1));
    // What a hub answers about a tag that is not there, if it may.
    let nothing = &replies("getTagExternalRepos")[0];
    let error = pour(nothing, &mut sink).unwrap_err().to_string();
    assert_eq!(error, "listTaggedRPMS: the number of lists of the answer is 0");
}

#[test]
fn signatures_and_checksums_are_read() {
    let found = answer(&rpm_signatures(9), 0).unwrap();
    assert_eq!(found.iter().map(|row| row.sigkey.as_deref()).collect::<Vec<_>>(), [None, Some("83b0d6df")]);
    assert_eq!(found[1].sighash, "7994c470fae6adf7fcb9c480193b057a");
    let sums = answer(&rpm_checksums(9), 0).unwrap();
    let shown: Vec<_> = sums.iter().map(|sums| (sums.sigkey.as_deref(), sums.sha256.unwrap().to_string())).collect();
    assert_eq!(shown[0].0, None);
    assert_eq!(shown[0].1, "eb61b6e76e9c2ee743d0027ad6ccc46b4ae9d6e7e0ebec638f11214794a50405");
    assert_eq!(shown[1].0, Some("83b0d6df"));
    let ask = rpm_checksums(9);
    let none = ask.answer.take("getRPMChecksums", json!({ "": { "sha256": null } })).unwrap();
    assert_eq!(none, [Checksums { sigkey: None, sha256: None }]);
    let error = ask.answer.take("getRPMChecksums", json!({ "": { "sha256": "short" } })).unwrap_err().to_string();
    assert_eq!(error, "getRPMChecksums: sha256 of the answer is \"short\"");
}

#[test]
fn history_is_read_table_by_table() {
    let filter = Filter { tag: Some(TagRef::Name("f43")), after: Some(40), ..Filter::default() };
    let found = answer(&history(&[Table::Taggings], &filter), 0).unwrap();
    assert_eq!(found.len(), 4);
    let created_at = Some(1_795_226_199_277_164);
    assert_eq!(found[0].span, Span { create_event: 41, revoke_event: None, created_at, revoked_at: None });
    let Was::Tagged { build_id: 9, package_name, state: BuildState::Complete, .. } = &found[0].was else {
        panic!("{:?}", found[0]);
    };
    assert_eq!((package_name.as_str(), found[0].tag_id), ("epsilon", 1));
    let ask = history(&[Table::Links, Table::Packages], &Filter { after: None, ..filter });
    let found = answer(&ask, 1).unwrap();
    let links = found.iter().filter(|row| matches!(row.was, Was::Linked { .. })).count();
    assert_eq!((links, found.len()), (3, 4));
    assert_eq!(found[3].was, Was::Listed { package_name: "epsilon".to_owned(), blocked: true });
    let error = read(&ask, &replies("queryHistory")[0]).unwrap_err().to_string();
    assert_eq!(error, "queryHistory: tag_inheritance of the answer is missing");
}

#[test]
fn tables_without_packages_are_not_asked_about_one() {
    let filter = Filter { package: Some("alpha"), ..Filter::default() };
    let call = history(&[Table::Taggings, Table::Links], &filter).call;
    let body = call.body();
    assert!(body.contains("tag_listing") && !body.contains("tag_inheritance"), "{body}");
}

#[test]
fn a_table_that_is_missing_is_no_empty_one() {
    let ask = history(&[Table::Taggings, Table::Configs], &Filter::default());
    let error = read(&ask, &replies("queryHistory")[0]).unwrap_err().to_string();
    assert_eq!(error, "queryHistory: tag_config of the answer is missing");
}

#[test]
fn what_the_probes_answer_is_read() {
    let answered = |ask: &Ask<Option<i64>>, value: Value| ask.answer.take("tagLastChangeEvent", value);
    let ask = last_change(TagRef::Id(2), None, false);
    assert_eq!(answered(&ask, json!(96642)).unwrap(), Some(96642));
    assert_eq!(answered(&ask, Value::Null).unwrap(), None);
    assert!(answered(&ask, json!("96642")).is_err());
    assert!(changed_since(5, &[1, 2]).answer.take("tagChangedSinceEvent", json!(true)).unwrap());
    assert!(changed_since(5, &[1, 2]).answer.take("tagChangedSinceEvent", Value::Null).is_err());
}

#[test]
fn a_state_that_is_not_known_is_refused() {
    let reply =
        replies("getBuild")[0].replace("<name>state</name>\n<value><int>1<", "<name>state</name>\n<value><int>9<");
    assert_eq!(read(&build(2), &reply).unwrap_err().to_string(), "getBuild: state of the answer is 9");
}
