//! Merged repositories: of what they are made, what is known of external ones, and what is wrong.

use tannery::model::{Arch, Blake3, Sha256, TagName};
use tannery::store::externals::{self, Copy, Use};
use tannery::store::merged::{self, MergedGeneration, MergedState, Problem};
use tannery::store::{Db, Write};

use super::on_both;

on_both!(
    external_repositories_are_known_once_for_all_who_use_them,
    generations_follow_each_other_and_keep_what_they_need,
    problems_are_new_once,
);

fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}

fn x86() -> Arch {
    "x86_64".parse().unwrap()
}

fn uses(tag_name: &str, names: &[&str]) -> Vec<Use> {
    let one = |name: &&str| Use {
        tag: tag(tag_name),
        arch: x86(),
        url: format!("http://h/{name}"),
        name: (*name).to_owned(),
        via: tag("base"),
    };
    names.iter().map(one).collect()
}

async fn external_repositories_are_known_once_for_all_who_use_them(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (both, first) = (uses("a", &["two", "one"]), uses("b", &["one"]));
    assert!(externals::set_uses(&mut tx, &tag("a"), &x86(), &both).await.unwrap());
    assert!(!externals::set_uses(&mut tx, &tag("b"), &x86(), &first).await.unwrap(), "known already");
    let fresh = externals::all(&mut tx).await.unwrap();
    assert_eq!(fresh.iter().map(|copy| &*copy.url).collect::<Vec<_>>(), ["http://h/one", "http://h/two"]);
    let read = Copy {
        repomd: Some(Sha256::of(b"x")),
        etag: Some("\"e\"".to_owned()),
        last_modified: Some("then".to_owned()),
        changed_at: Some(1),
        tried_at: Some(2),
        failing_since: Some(3),
        failures: 4,
        problem: Some("no\0answer".to_owned()),
        ..fresh[0].clone()
    };
    externals::put(&mut tx, &read).await.unwrap();
    let read = Copy { problem: Some("no\u{fffd}answer".to_owned()), ..read };
    let of_a = externals::of(&mut tx, &tag("a"), &x86()).await.unwrap();
    assert_eq!(of_a, [(both[0].clone(), fresh[1].clone()), (both[1].clone(), read.clone())]);
    externals::distrust(&mut tx, "http://h/one").await.unwrap();
    let gone = Copy { repomd: None, etag: None, last_modified: None, tried_at: None, ..read };
    assert_eq!(externals::all(&mut tx).await.unwrap()[0], gone);
    externals::set_uses(&mut tx, &tag("a"), &x86(), &[]).await.unwrap();
    assert_eq!(externals::uses(&mut tx).await.unwrap(), first);
    externals::forget_unused(&mut tx).await.unwrap();
    assert_eq!(externals::all(&mut tx).await.unwrap(), [gone]);
    assert_eq!(merged::known(&mut tx).await.unwrap(), [(tag("b"), x86())]);
    merged::forget(&mut tx, &tag("b"), &x86()).await.unwrap();
    assert_eq!(merged::known(&mut tx).await.unwrap(), []);
}

async fn put(tx: &mut Write, number: i64, own: i64) -> MergedGeneration {
    let new = MergedGeneration {
        tag: tag("a"),
        arch: x86(),
        number,
        key: Blake3::of(&number.to_le_bytes()),
        parts: "{}".to_owned(),
        why: vec!["own".to_owned()],
        own,
        repomd: Sha256::of(&number.to_le_bytes()),
        files: vec![format!("{number}-primary.xml.zst")],
        signature: None,
        packages: number * 10,
        state: MergedState::Current,
        made_at: number * 100,
        replaced_at: None,
    };
    merged::put(tx, &new).await.unwrap();
    new
}

async fn generations_follow_each_other_and_keep_what_they_need(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(merged::last_number(&mut tx, &tag("a"), &x86()).await.unwrap(), 0);
    let first = put(&mut tx, 1, 7).await;
    let second = put(&mut tx, 2, 9).await;
    let kept = MergedGeneration { state: MergedState::Kept, replaced_at: Some(200), ..first };
    assert_eq!(merged::of_repo(&mut tx, &tag("a"), &x86()).await.unwrap(), [second.clone(), kept.clone()]);
    assert_eq!(merged::current(&mut tx, &tag("a"), &x86()).await.unwrap(), Some(second.clone()));
    assert_eq!(merged::needed(&mut tx, &tag("a"), &x86()).await.unwrap(), [7, 9]);
    assert_eq!(merged::last_number(&mut tx, &tag("a"), &x86()).await.unwrap(), 2);
    assert_eq!(merged::shown(&mut tx, Some(&tag("a"))).await.unwrap(), std::slice::from_ref(&second));
    assert_eq!(merged::shown(&mut tx, Some(&tag("b"))).await.unwrap(), []);
    merged::remove(&mut tx, &kept).await.unwrap();
    let (key, parts, signature) = (Blake3::of(b"other"), "{\"a\":1}".to_owned(), Some("signed".to_owned()));
    let same = MergedGeneration { key, parts, own: 11, signature, ..second };
    merged::rekey(&mut tx, &same).await.unwrap();
    assert_eq!(merged::shown(&mut tx, None).await.unwrap(), [same]);
    assert_eq!(merged::needed(&mut tx, &tag("a"), &x86()).await.unwrap(), [11]);
    merged::forget(&mut tx, &tag("a"), &x86()).await.unwrap();
    assert_eq!(merged::of_repo(&mut tx, &tag("a"), &x86()).await.unwrap(), []);
}

async fn problems_are_new_once(db: Db) {
    let mut tx = db.write().await.unwrap();
    let problem = |since, text: &str| Problem { tag: tag("a"), arch: x86(), since, problem: text.to_owned() };
    assert!(merged::put_problem(&mut tx, &problem(1, "away")).await.unwrap());
    assert!(!merged::put_problem(&mut tx, &problem(2, "away")).await.unwrap());
    assert!(merged::put_problem(&mut tx, &problem(3, "mixed\0")).await.unwrap());
    assert_eq!(merged::problems(&mut tx).await.unwrap(), [problem(1, "mixed\u{fffd}")], "since the first");
    assert!(merged::solved(&mut tx, &tag("a"), &x86()).await.unwrap());
    assert!(!merged::solved(&mut tx, &tag("a"), &x86()).await.unwrap());
}
