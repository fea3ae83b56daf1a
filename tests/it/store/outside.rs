//! Generations, composes and the outbox: what is shown outside.

use tannery::config::{Compression, Form};
use tannery::model::{Blake3, ComposeId, ComposeStatus, RepoName, Sha256, TagName};
use tannery::store::Db;
use tannery::store::composes::{self, ComposeRow};
use tannery::store::generations::{self, Generation, GenerationState};
use tannery::store::outbox::{self, OutMessage, OutState};

use super::on_both;

on_both![
    one_generation_is_current_and_the_ones_before_are_kept,
    a_compose_ends_once_and_respins_count_up,
    messages_out_are_sent_in_order_and_then_forgotten,
];

fn generation(repo: &str, number: i64) -> Generation {
    Generation {
        tag: "f43".parse().unwrap(),
        repo: repo.parse().unwrap(),
        number,
        revision: 1,
        style: "style".to_owned(),
        form: Form::Files,
        compression: Compression::default(),
        manifest: Blake3::of(b"manifest"),
        repomd: Sha256::from_bytes([number as u8; 32]),
        files: vec!["a-primary.xml.zst".to_owned(), "ü".to_owned()],
        records: vec![],
        signature: None,
        pool: "any".to_owned(),
        packages: 5_000_000_000,
        state: GenerationState::Publishing,
        made_at: 10,
        replaced_at: None,
        lag: None,
    }
}

async fn one_generation_is_current_and_the_ones_before_are_kept(db: Db) {
    let (tag, repo): (TagName, RepoName) = ("f43".parse().unwrap(), "x86_64-debug".parse().unwrap());
    let mut tx = db.write().await.unwrap();
    assert_eq!(generations::current(&mut tx, &tag, &repo).await.unwrap(), None);
    for number in [1, 2] {
        generations::put_manifest(&mut tx, &Blake3::of(b"manifest"), b"manifest").await.unwrap();
        let new = generation("x86_64-debug", number);
        generations::put(&mut tx, &new).await.unwrap();
        generations::make_current(&mut tx, &new, 100 + number, Some(5_000_000_000)).await.unwrap();
    }
    generations::put_manifest(&mut tx, &Blake3::of(b"manifest"), b"manifest").await.unwrap();
    generations::put(&mut tx, &generation("src", 1)).await.unwrap();
    let shown = generations::current(&mut tx, &tag, &repo).await.unwrap().unwrap();
    let lag = Some(5_000_000_000);
    assert_eq!(shown, Generation { state: GenerationState::Current, lag, ..generation("x86_64-debug", 2) });
    generations::set_revision(&mut tx, &shown, i64::MAX).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    let all = generations::of_repo(&mut tx, &tag, &repo).await.unwrap();
    let expected = [
        Generation { state: GenerationState::Current, revision: i64::MAX, lag, ..generation("x86_64-debug", 2) },
        Generation { state: GenerationState::Kept, replaced_at: Some(102), lag, ..generation("x86_64-debug", 1) },
    ];
    assert_eq!(all, expected);
    let order = async |tx: &mut tannery::store::Tx| -> Vec<(String, i64)> {
        generations::all(tx).await.unwrap().iter().map(|one| (one.repo.to_string(), one.number)).collect()
    };
    let of = |repo: &str, number| (repo.to_owned(), number);
    assert_eq!(order(&mut tx).await, [of("src", 1), of("x86_64-debug", 1), of("x86_64-debug", 2)]);
    generations::remove(&mut tx, &all[1]).await.unwrap();
    assert_eq!(order(&mut tx).await, [of("src", 1), of("x86_64-debug", 2)]);
    for state in [GenerationState::Publishing, GenerationState::Current, GenerationState::Kept] {
        assert_eq!(state.name().parse(), Ok(state));
    }
    assert!(generations::put(&mut tx, &generation("src", 1)).await.is_err(), "a number is given once");
}

async fn a_compose_ends_once_and_respins_count_up(db: Db) {
    let row = |id: &str, started_at| ComposeRow {
        id: id.parse().unwrap(),
        definition: "f.toml".to_owned(),
        definition_digest: Blake3::of(b"f"),
        release_name: "F".parse().unwrap(),
        label: None,
        tag: "f43".parse().unwrap(),
        revision: None,
        status: ComposeStatus::Started,
        reason: None,
        started_at,
        ended_at: None,
    };
    let unknown: ComposeId = "F-43-20261121.5".parse().unwrap();
    let mut tx = db.write().await.unwrap();
    assert_eq!(composes::next_respin(&mut tx, "F-43-20261121").await.unwrap(), 0);
    let first = ComposeRow { revision: Some(7), ..row("F-43-20261121.0", 1) };
    composes::start(&mut tx, &first).await.unwrap();
    composes::start(&mut tx, &row("F-43-20261121.9", 2)).await.unwrap();
    assert_eq!(composes::next_respin(&mut tx, "F-43-20261121").await.unwrap(), 10);
    assert_eq!(composes::next_respin(&mut tx, "F-43-20261122").await.unwrap(), 0);
    assert_eq!(composes::unfinished(&mut tx).await.unwrap().len(), 2);
    assert!(composes::end(&mut tx, &first.id, ComposeStatus::Doomed, Some("disk\0full"), 5).await.unwrap());
    assert!(!composes::end(&mut tx, &first.id, ComposeStatus::Finished, None, 6).await.unwrap());
    assert!(!composes::end(&mut tx, &unknown, ComposeStatus::Finished, None, 6).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = db.read().await.unwrap();
    let ended = ComposeRow {
        status: ComposeStatus::Doomed,
        reason: Some("disk\u{fffd}full".to_owned()),
        ended_at: Some(5),
        ..first.clone()
    };
    assert_eq!(composes::by_id(&mut tx, &first.id).await.unwrap(), Some(ended.clone()));
    assert_eq!(composes::by_id(&mut tx, &unknown).await.unwrap(), None);
    assert_eq!(composes::newest(&mut tx, 9).await.unwrap(), [row("F-43-20261121.9", 2), ended]);
    assert_eq!(composes::newest(&mut tx, 1).await.unwrap().len(), 1);
    assert_eq!(composes::unfinished(&mut tx).await.unwrap(), [row("F-43-20261121.9", 2)]);
}

async fn messages_out_are_sent_in_order_and_then_forgotten(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(outbox::last(&mut tx).await.unwrap(), 0);
    let new = |n: i64| OutMessage {
        sequence: 0,
        message_id: format!("id-{n}"),
        topic: "tannery.tag.changed".to_owned(),
        subject: "f43".to_owned(),
        headers: "{}".to_owned(),
        body: r#"{"x":"ü\u0000"}"#.to_owned(),
        made_at: n,
    };
    for n in 1..=4 {
        assert_eq!(outbox::put(&mut tx, &new(n)).await.unwrap(), n);
    }
    outbox::settle(&mut tx, 1, OutState::Sent, None).await.unwrap();
    outbox::settle(&mut tx, 2, OutState::Parked, Some("403\0")).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    let sequences = |messages: Vec<OutMessage>| messages.into_iter().map(|one| one.sequence).collect::<Vec<_>>();
    assert_eq!(outbox::after(&mut tx, 0, 1).await.unwrap(), [OutMessage { sequence: 1, ..new(1) }]);
    assert_eq!(sequences(outbox::after(&mut tx, 1, 100).await.unwrap()), [2, 3, 4]);
    assert_eq!(sequences(outbox::pending(&mut tx, 100).await.unwrap()), [3, 4]);
    assert_eq!(sequences(outbox::pending(&mut tx, 1).await.unwrap()), [3]);
    assert_eq!(outbox::last(&mut tx).await.unwrap(), 4);
    let counts = outbox::counts(&mut tx).await.unwrap();
    assert_eq!(counts, [(OutState::Parked, 1), (OutState::Pending, 2), (OutState::Sent, 1)]);
    for (state, _) in counts {
        assert_eq!(state.name().parse(), Ok(state));
    }
    let parked = outbox::last_parked(&mut tx).await.unwrap().unwrap();
    assert_eq!((parked.reason.as_str(), parked.is_newest), ("403\u{fffd}", true), "nothing was sent after it");
    assert_eq!(outbox::resend_parked(&mut tx).await.unwrap(), 1);
    assert_eq!(sequences(outbox::pending(&mut tx, 1).await.unwrap()), [2]);
    outbox::settle(&mut tx, 2, OutState::Parked, None).await.unwrap();
    assert_eq!(outbox::forget(&mut tx, i64::MAX, i64::MAX).await.unwrap(), 2);
    assert_eq!(outbox::last_parked(&mut tx).await.unwrap(), None);
    assert_eq!(outbox::last(&mut tx).await.unwrap(), 4, "the cursor never goes back");
    for sequence in [3, 4] {
        outbox::settle(&mut tx, sequence, OutState::Sent, None).await.unwrap();
    }
    assert_eq!(outbox::forget(&mut tx, i64::MAX, i64::MAX).await.unwrap(), 2);
    assert_eq!(outbox::last(&mut tx).await.unwrap(), 4, "not even where nothing is left");
}
