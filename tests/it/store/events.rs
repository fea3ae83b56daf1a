//! Inbox, wake-ups, and what the service says of itself.

use tannery::store::inbox::{self, Door, InboxState, NewMessage};
use tannery::store::service;
use tannery::store::wakeups::{self, Room};
use tannery::store::{Db, Error};

use super::on_both;

on_both![
    the_inbox_keeps_each_message_once_with_what_became_of_it,
    waiting_messages_are_released_or_dropped,
    messages_are_followed_in_the_order_of_arrival,
    unfollowed_tags_are_counted_and_their_names_bounded,
    a_nul_never_reaches_a_text_column,
    a_wake_up_goes_only_at_the_sequence_it_was_read_at,
    a_wake_up_knows_the_first_cause_there_was,
    a_note_takes_the_place_of_the_one_before,
];

fn message(id: &str, state: InboxState) -> NewMessage<'_> {
    NewMessage {
        message_id: id,
        door: Door::Amqp,
        topic: "buildsys.tag",
        headers: r#"{"sent-at":"ä\u0000"}"#,
        body: b"{\0\xff}",
        body_size: i64::MAX,
        body_digest: "digest".to_owned(),
        arrived_at: 1_000,
        event_id: None,
        state,
        reason: None,
        waits_for: None,
    }
}

async fn the_inbox_keeps_each_message_once_with_what_became_of_it(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(inbox::last_arrival(&mut tx).await.unwrap(), None);
    assert_eq!(inbox::repeat(&mut tx, "a").await.unwrap(), None);
    let reason = Some("no JSON: ü".to_owned());
    let first = NewMessage { reason, event_id: Some(i64::MAX), ..message("a", InboxState::Quarantined) };
    assert_eq!(inbox::insert(&mut tx, first).await.unwrap(), 1);
    for (at, door) in [Door::Http, Door::Cli].into_iter().enumerate() {
        let id = door.name();
        let arrived_at = 2_000 + at as i64;
        let new = NewMessage { door, arrived_at, ..message(id, InboxState::Quarantined) };
        assert_eq!(inbox::insert(&mut tx, new).await.unwrap(), at as i64 + 2);
    }
    assert_eq!(inbox::repeat(&mut tx, "a").await.unwrap(), Some(InboxState::Quarantined));
    assert_eq!(inbox::repeat(&mut tx, "a").await.unwrap(), Some(InboxState::Quarantined));
    tx.commit().await.unwrap();
    let mut tx = db.read().await.unwrap();
    let kept = inbox::newest(&mut tx, InboxState::Quarantined, 10).await.unwrap();
    assert_eq!(kept.iter().map(|one| one.sequence).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(inbox::newest(&mut tx, InboxState::Quarantined, 1).await.unwrap().len(), 1);
    let first = &kept[2];
    assert_eq!((first.message_id.as_str(), first.door.as_str(), first.topic.as_str()), ("a", "amqp", "buildsys.tag"));
    assert_eq!((first.headers.as_str(), first.body.as_slice()), (r#"{"sent-at":"ä\u0000"}"#, &b"{\0\xff}"[..]));
    assert_eq!((first.body_size, first.arrived_at, first.event_id), (i64::MAX, 1_000, Some(i64::MAX)));
    assert_eq!((first.reason.as_deref(), first.duplicates), (Some("no JSON: ü"), 2));
    let (counts, repeats) = inbox::counts(&mut tx).await.unwrap();
    let expected = InboxState::ALL.map(|state| (state, if state == InboxState::Quarantined { 3 } else { 0 }));
    assert_eq!((counts, repeats), (expected.to_vec(), 2));
    assert_eq!(inbox::last_arrival(&mut tx).await.unwrap(), Some(2_001));
    drop(tx);
    let mut tx = db.write().await.unwrap();
    let again = inbox::insert(&mut tx, message("a", InboxState::Applied)).await;
    assert!(matches!(&again, Err(error) if !error.is_passing()), "{again:?}");
    drop(tx);
    let mut tx = db.write().await.unwrap();
    assert_eq!(inbox::forget(&mut tx, 2_001).await.unwrap(), 2);
    assert_eq!(inbox::counts(&mut tx).await.unwrap().1, 0);
}

async fn waiting_messages_are_released_or_dropped(db: Db) {
    let mut tx = db.write().await.unwrap();
    let waits = |id, event_id, arrived_at| NewMessage {
        event_id: Some(event_id),
        arrived_at,
        reason: Some("bash-1-1 is not imported yet".to_owned()),
        waits_for: Some("bash-1-1".to_owned()),
        ..message(id, InboxState::Waiting)
    };
    for (id, event_id, arrived_at) in [("late", 9, 10), ("early", 3, 20), ("old", 5, 1)] {
        inbox::insert(&mut tx, waits(id, event_id, arrived_at)).await.unwrap();
    }
    let ids = async |tx: &mut tannery::store::Tx, nvr: &str| -> Vec<String> {
        let waiting = inbox::waiting_for(tx, nvr).await.unwrap();
        waiting.into_iter().map(|one| one.message_id).collect()
    };
    assert_eq!(ids(&mut tx, "bash-1-1").await, ["early", "old", "late"]);
    assert!(ids(&mut tx, "bash-1-2").await.is_empty());
    assert_eq!(inbox::forget(&mut tx, i64::MAX).await.unwrap(), 0, "what waits is not forgotten");
    let dropped = inbox::drop_waiting(&mut tx, 10).await.unwrap();
    assert_eq!(dropped, [("old".to_owned(), "bash-1-1 is not imported yet".to_owned())]);
    let early = inbox::waiting_for(&mut tx, "bash-1-1").await.unwrap()[0].sequence;
    inbox::settle(&mut tx, early, InboxState::Refused, Some("blocked")).await.unwrap();
    assert_eq!(ids(&mut tx, "bash-1-1").await, ["late"]);
    let refused = inbox::newest(&mut tx, InboxState::Refused, 9).await.unwrap();
    assert_eq!((refused.len(), refused[0].reason.as_deref()), (1, Some("blocked")));
    inbox::settle(&mut tx, refused[0].sequence, InboxState::Applied, None).await.unwrap();
    assert_eq!(inbox::newest(&mut tx, InboxState::Applied, 9).await.unwrap()[0].reason, None);
    assert_eq!(inbox::newest(&mut tx, InboxState::Dropped, 9).await.unwrap()[0].message_id, "old");
}

async fn messages_are_followed_in_the_order_of_arrival(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(inbox::before_last(&mut tx, 3).await.unwrap(), 0);
    assert!(inbox::last_by(&mut tx, Door::Amqp).await.unwrap().is_none());
    for (id, door, state) in [
        ("one", Door::Amqp, InboxState::Waiting),
        ("two", Door::Cli, InboxState::Applied),
        ("three", Door::Amqp, InboxState::Waiting),
        ("four", Door::Http, InboxState::Waiting),
    ] {
        inbox::insert(&mut tx, NewMessage { door, ..message(id, state) }).await.unwrap();
    }
    let after = async |tx: &mut tannery::store::Tx, sequence, limit| {
        let heads = inbox::heads_after(tx, sequence, limit).await.unwrap();
        assert!(heads.iter().all(|head| head.body.is_empty() && head.body_size == i64::MAX));
        heads.into_iter().map(|head| head.message_id).collect::<Vec<_>>()
    };
    assert_eq!(after(&mut tx, 0, 9).await, ["one", "two", "three", "four"]);
    assert_eq!(after(&mut tx, 1, 2).await, ["two", "three"]);
    for (count, place) in [(0, 4), (1, 3), (3, 1), (4, 0), (9, 0)] {
        assert_eq!(inbox::before_last(&mut tx, count).await.unwrap(), place, "{count}");
    }
    assert_eq!(inbox::waiting_from(&mut tx, 2).await.unwrap(), [3, 4]);
    inbox::settle(&mut tx, 3, InboxState::Applied, None).await.unwrap();
    assert_eq!(inbox::waiting_from(&mut tx, 0).await.unwrap(), [1, 4]);
    let ended = inbox::head(&mut tx, 3).await.unwrap().unwrap();
    assert_eq!((ended.message_id.as_str(), ended.state), ("three", InboxState::Applied));
    assert!(inbox::head(&mut tx, 5).await.unwrap().is_none());
    assert_eq!(inbox::last_by(&mut tx, Door::Amqp).await.unwrap().unwrap().message_id, "three");
}

async fn unfollowed_tags_are_counted_and_their_names_bounded(db: Db) {
    let mut tx = db.write().await.unwrap();
    for n in 0..1000 {
        inbox::count_unfollowed(&mut tx, &format!("t{n:04}"), n).await.unwrap();
    }
    for tag in ["t0007", "beyond", "further", "t0007"] {
        inbox::count_unfollowed(&mut tx, tag, 2_000).await.unwrap();
    }
    let seen = inbox::unfollowed(&mut tx, 3).await.unwrap();
    let expected = [("t0007", 3), (inbox::OTHER_TAGS, 2), ("t0000", 1)];
    assert_eq!(seen, expected.map(|(tag, count)| (tag.to_owned(), count)));
    assert_eq!(inbox::unfollowed(&mut tx, 5_000).await.unwrap().len(), 1_001);
}

async fn a_nul_never_reaches_a_text_column(db: Db) {
    let mut tx = db.write().await.unwrap();
    let new = NewMessage { reason: Some("a\0b".to_owned()), ..message("x", InboxState::Waiting) };
    let sequence = inbox::insert(&mut tx, new).await.unwrap();
    inbox::settle(&mut tx, sequence, InboxState::Refused, Some("c\0d")).await.unwrap();
    let kept = inbox::newest(&mut tx, InboxState::Refused, 1).await.unwrap();
    assert_eq!(kept[0].reason.as_deref(), Some("c\u{fffd}d"));
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    let refused = service::note(&mut tx, "a\0b", "value", 1).await;
    if db.kind() == "PostgreSQL" {
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
}

async fn a_wake_up_goes_only_at_the_sequence_it_was_read_at(db: Db) {
    let mut tx = db.write().await.unwrap();
    for (key, part, now) in [("b", "", 2), ("a", "y", 2), ("a", "x", 2), ("c", "", 1)] {
        wakeups::wake(&mut tx, Room::Tags, key, part, now).await.unwrap();
    }
    wakeups::wake(&mut tx, Room::Repos, "a", "x", 5).await.unwrap();
    let read = wakeups::pending(&mut tx, Room::Tags).await.unwrap();
    let order: Vec<_> = read.iter().map(|one| (one.key.as_str(), one.part.as_str())).collect();
    assert_eq!(order, [("c", ""), ("a", "x"), ("a", "y"), ("b", "")]);
    wakeups::wake(&mut tx, Room::Tags, "c", "", 7).await.unwrap();
    for wake_up in &read {
        wakeups::done(&mut tx, Room::Tags, wake_up).await.unwrap();
    }
    let left = wakeups::pending(&mut tx, Room::Tags).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].key.as_str(), left[0].since, left[0].touched), ("c", 1, 7));
    assert!(left[0].sequence > read[0].sequence);
    assert_eq!(wakeups::count(&mut tx, Room::Repos).await.unwrap(), 1);
    wakeups::done(&mut tx, Room::Tags, &left[0]).await.unwrap();
    assert_eq!(wakeups::count(&mut tx, Room::Tags).await.unwrap(), 0);
}

async fn a_wake_up_knows_the_first_cause_there_was(db: Db) {
    let mut tx = db.write().await.unwrap();
    for (caused, expected) in
        [(None, None), (Some(9), Some(9)), (None, Some(9)), (Some(7), Some(7)), (Some(8), Some(7))]
    {
        wakeups::wake_for(&mut tx, Room::Tags, &[("a", "")], 1, caused).await.unwrap();
        let woken = wakeups::of(&mut tx, Room::Tags, "a").await.unwrap();
        assert_eq!(woken[0].caused, expected);
    }
    wakeups::wake_for(&mut tx, Room::Tags, &[("a", "x")], 1, Some(5)).await.unwrap();
    wakeups::wake(&mut tx, Room::Tags, "a", "y", 1).await.unwrap();
    let woken = wakeups::of(&mut tx, Room::Tags, "a").await.unwrap();
    assert_eq!(wakeups::first_cause(&woken), Some(5));
}

async fn a_note_takes_the_place_of_the_one_before(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(service::read(&mut tx, service::BUS).await.unwrap(), None);
    service::note(&mut tx, service::BUS, "null", 1).await.unwrap();
    service::note(&mut tx, service::BUS, "{\"state\": \"ü\"}", i64::MAX).await.unwrap();
    service::note(&mut tx, service::URL, "http://127.0.0.1:1", 3).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.read().await.unwrap();
    let note = service::read(&mut tx, service::BUS).await.unwrap().unwrap();
    assert_eq!(note, ("{\"state\": \"ü\"}".to_owned(), i64::MAX));
    assert_eq!(service::read(&mut tx, service::URL).await.unwrap().unwrap().1, 3);
}
