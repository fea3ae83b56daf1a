//! What a hub says of its builds' RPMs, and what went wrong with them.

use std::collections::BTreeSet;

use tannery::model::{Nevra, Nvr, Sha256};
use tannery::store::builds::{self, BuildState, RpmRow};
use tannery::store::hub_rpms::{self, Form, HubRpm, HubRpms};
use tannery::store::wakeups::{self, Room};
use tannery::store::{Db, Write};

use super::on_both;

on_both![
    what_is_said_of_a_build_is_kept_whole,
    what_was_found_out_otherwise_is_no_answer_of_the_hubs,
    problems_are_news_once,
    files_of_a_build_are_replaced_and_dropped_by_their_places,
    what_is_woken_already_is_not_woken_again,
];

async fn build(tx: &mut Write, nvr: &str) -> i64 {
    builds::create(tx, "koji", &nvr.parse::<Nvr>().unwrap(), 0, 1).await.unwrap()
}

fn said(volume: &str) -> HubRpms {
    let form = |sigkey: Option<&str>, again| Form {
        sigkey: sigkey.map(|key| key.parse().unwrap()),
        sighash: Some("0f".to_owned()).filter(|_| again),
        again,
    };
    let rpm = HubRpm {
        id: i64::MAX,
        nevra: Nevra::new("bash", u32::MAX, "5", "1", "nosrc").unwrap(),
        size: i64::MAX as u64,
        payloadhash: "aa".to_owned(),
        again: true,
        forms: vec![form(None, false), form(Some("aaaaaaaa"), true)],
    };
    HubRpms { volume: volume.to_owned(), rpms: vec![rpm], left_out: vec!["ä".to_owned()], refusal: None }
}

async fn what_is_said_of_a_build_is_kept_whole(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (one, other) = (build(&mut tx, "bash-5-1").await, build(&mut tx, "zsh-6-1").await);
    assert_eq!(hub_rpms::of_build(&mut tx, one).await.unwrap(), None);
    hub_rpms::put(&mut tx, one, &said("DEFAULT"), 1).await.unwrap();
    hub_rpms::put(&mut tx, one, &said("fast"), 2).await.unwrap();
    let refused = HubRpms { refusal: Some("no\0name".to_owned()), rpms: vec![], ..said("slow") };
    hub_rpms::put(&mut tx, other, &refused, 3).await.unwrap();
    assert_eq!(hub_rpms::of_build(&mut tx, one).await.unwrap(), Some(said("fast")));
    let all = hub_rpms::of_builds(&mut tx, &[one, other, 77]).await.unwrap();
    assert_eq!((all.len(), &all[&one]), (2, &said("fast")));
    assert_eq!(all[&other].refusal.as_deref(), Some("no\u{fffd}name"));
    let volumes = hub_rpms::volumes(&mut tx, "koji").await.unwrap();
    assert_eq!(volumes, BTreeSet::from(["fast".to_owned(), "slow".to_owned()]));
    assert!(hub_rpms::volumes(&mut tx, "other").await.unwrap().is_empty());
    builds::set_state(&mut tx, other, BuildState::Deleted).await.unwrap();
    let ids = hub_rpms::hub_ids(&mut tx, "koji", &[one, other, 77]).await.unwrap();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), [(one, one)]);
    let known = hub_rpms::known(&mut tx, 5).await.unwrap();
    assert_eq!((known.listed, known.with_left_out, known.refused, known.all_problems), (2, 2, 1, 0));
}

async fn what_was_found_out_otherwise_is_no_answer_of_the_hubs(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (one, other) = (build(&mut tx, "bash-5-1").await, build(&mut tx, "zsh-6-1").await);
    hub_rpms::put(&mut tx, one, &said("DEFAULT"), 1).await.unwrap();
    hub_rpms::put(&mut tx, other, &said("DEFAULT"), 2).await.unwrap();
    let mut rpms = said("DEFAULT").rpms;
    rpms[0].forms[0].sighash = Some("0e".to_owned());
    hub_rpms::set_rpms(&mut tx, one, &rpms).await.unwrap();
    assert_eq!(hub_rpms::of_build(&mut tx, one).await.unwrap().unwrap(), HubRpms { rpms, ..said("DEFAULT") });
    assert_eq!(hub_rpms::longest_ago(&mut tx, &[other, one, 77]).await.unwrap(), [one, other]);
    hub_rpms::put(&mut tx, one, &said("DEFAULT"), 3).await.unwrap();
    assert_eq!(hub_rpms::longest_ago(&mut tx, &[other, one]).await.unwrap(), [other, one]);
}

async fn problems_are_news_once(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (one, other) = (build(&mut tx, "bash-5-1").await, build(&mut tx, "zsh-6-1").await);
    for (build, part, problem, is_news) in [
        (one, "", None, false),
        (one, "", Some("it is\0gone"), true),
        (one, "", Some("it is\0gone"), false),
        (one, "unsigned", Some("it is broken"), true),
        (other, "aaaaaaaa", Some("it is missing"), true),
        (other, "aaaaaaaa", Some("it is another"), true),
        (one, "unsigned", None, true),
    ] {
        let news = hub_rpms::set_problem(&mut tx, build, part, problem, 1).await.unwrap();
        assert_eq!(news, is_news, "{build} {part} {problem:?}");
    }
    let problems = hub_rpms::problems(&mut tx, &[one, other]).await.unwrap();
    let shown: Vec<_> = problems.iter().map(|((id, part), text)| (*id, part.as_str(), text.as_str())).collect();
    assert_eq!(shown, [(one, "", "it is\u{fffd}gone"), (other, "aaaaaaaa", "it is another")]);
    let known = hub_rpms::known(&mut tx, 1).await.unwrap();
    let first = ("bash-5-1".to_owned(), String::new(), "it is\u{fffd}gone".to_owned());
    assert_eq!((known.problems, known.all_problems), (vec![first], 2));
}

async fn files_of_a_build_are_replaced_and_dropped_by_their_places(db: Db) {
    let mut tx = db.write().await.unwrap();
    let id = build(&mut tx, "bash-5-1").await;
    for (digest, content) in [(1, None), (2, Some(Sha256::from_bytes([9; 32])))] {
        let row = RpmRow {
            sha256: Sha256::from_bytes([digest; 32]),
            nevra: Nevra::new("bash", 0, "5", "1", "x86_64").unwrap(),
            size: 1,
            content,
            sigkey: None,
            source_rpm: String::new(),
            build_time: 0,
        };
        builds::put_rpm(&mut tx, &row, b"").await.unwrap();
        assert!(builds::replace_copy(&mut tx, id, "a", &row.sha256).await.unwrap());
        assert!(!builds::replace_copy(&mut tx, id, "a", &row.sha256).await.unwrap());
        builds::replace_copy(&mut tx, id, "b", &row.sha256).await.unwrap();
        // What was read since is kept, what was not forgets nothing.
        builds::put_rpm(&mut tx, &RpmRow { content: None, ..row.clone() }, b"").await.unwrap();
        let copies = builds::copies(&mut tx, &[id]).await.unwrap();
        assert_eq!((copies.len(), &copies[0].rpm), (2, &row));
    }
    assert_eq!(builds::drop_copies(&mut tx, id, &[]).await.unwrap(), 0);
    assert_eq!(builds::drop_copies(&mut tx, id, &["a", "c"]).await.unwrap(), 1);
    let left: Vec<String> = builds::copies(&mut tx, &[id]).await.unwrap().into_iter().map(|copy| copy.path).collect();
    assert_eq!(left, ["b"]);
}

async fn what_is_woken_already_is_not_woken_again(db: Db) {
    let mut tx = db.write().await.unwrap();
    wakeups::wake(&mut tx, Room::Files, "1", "", 1).await.unwrap();
    let first = wakeups::of(&mut tx, Room::Files, "1").await.unwrap();
    let some = [("1", ""), ("1", "unsigned"), ("2", "")];
    wakeups::wake_unwoken(&mut tx, Room::Files, &some, 2, Some(1)).await.unwrap();
    wakeups::wake_unwoken(&mut tx, Room::Files, &[], 3, None).await.unwrap();
    let all = wakeups::pending(&mut tx, Room::Files).await.unwrap();
    let shown: Vec<_> = all.iter().map(|one| (one.key.as_str(), one.part.as_str(), one.since)).collect();
    assert_eq!(shown, [("1", "", 1), ("1", "unsigned", 2), ("2", "", 2)]);
    assert_eq!(all[0], first[0], "its place is the one it had");
    assert_eq!(all[1].caused, Some(1));
}
