//! What the signatures of files are worth.

use std::collections::BTreeSet;

use tannery::model::{Blake3, Nevra, Sha256};
use tannery::store::builds::{self, RpmRow};
use tannery::store::verdicts::{self, Verdict};
use tannery::store::{Db, Write};

use super::on_both;

on_both![a_verdict_is_kept_by_file_and_keys, verdicts_by_keys_that_nobody_names_are_forgotten];

async fn file(tx: &mut Write, text: &str) -> Sha256 {
    let sha256 = Sha256::of(text.as_bytes());
    let nevra = Nevra::new("bash", 0, "5", "1", "noarch").unwrap();
    let (content, sigkey, source_rpm) = (None, None, String::new());
    let row = RpmRow { sha256, nevra, size: 1, content, sigkey, source_rpm, build_time: 0 };
    builds::put_rpm(tx, &row, b"").await.unwrap();
    sha256
}

fn good() -> Verdict {
    Verdict::Good { key: "AB".to_owned() }
}

async fn a_verdict_is_kept_by_file_and_keys(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (one, other) = (file(&mut tx, "one").await, file(&mut tx, "other").await);
    let (ours, theirs) = (Blake3::of(b"ours"), Blake3::of(b"theirs"));
    let unknown = Verdict::Unknown { problem: "it\0is gone".to_owned() };
    assert!(verdicts::put(&mut tx, &ours, &one, &unknown).await.unwrap());
    assert!(!verdicts::put(&mut tx, &ours, &one, &unknown_read()).await.unwrap(), "no news");
    let all = BTreeSet::from([one, other, Sha256::of(b"unknown")]);
    assert_eq!(verdicts::of(&mut tx, &ours, &all).await.unwrap()[&one], unknown_read());
    assert!(verdicts::put(&mut tx, &ours, &one, &good()).await.unwrap());
    let bad = Verdict::Bad { why: "by nobody".to_owned() };
    assert!(verdicts::put(&mut tx, &theirs, &one, &bad).await.unwrap());
    assert!(!verdicts::put(&mut tx, &ours, &Sha256::of(b"unknown"), &good()).await.unwrap(), "no such file");
    let by = verdicts::of(&mut tx, &ours, &all).await.unwrap();
    assert_eq!(by.into_iter().collect::<Vec<_>>(), [(one, good())]);
    assert_eq!(verdicts::of(&mut tx, &theirs, &all).await.unwrap()[&one], bad);
    assert!(verdicts::of(&mut tx, &theirs, &BTreeSet::from([other])).await.unwrap().is_empty());
}

/// Returns what is kept of a problem with a character that no database holds.
fn unknown_read() -> Verdict {
    Verdict::Unknown { problem: "it\u{fffd}is gone".to_owned() }
}

async fn verdicts_by_keys_that_nobody_names_are_forgotten(db: Db) {
    let mut tx = db.write().await.unwrap();
    let one = file(&mut tx, "one").await;
    let [ours, theirs] = [b"ours".as_slice(), b"theirs"].map(Blake3::of);
    for keys in [&ours, &theirs] {
        verdicts::put(&mut tx, keys, &one, &good()).await.unwrap();
    }
    assert_eq!(verdicts::forget_others(&mut tx, &BTreeSet::from([ours])).await.unwrap(), 1);
    let files = BTreeSet::from([one]);
    assert_eq!(verdicts::of(&mut tx, &ours, &files).await.unwrap().len(), 1);
    assert!(verdicts::of(&mut tx, &theirs, &files).await.unwrap().is_empty());
    assert_eq!(verdicts::forget_others(&mut tx, &BTreeSet::new()).await.unwrap(), 1);
}
