//! Webhooks: where each stands, what it did not take, and what of the outbox must be kept for that.

use tannery::store::outbox::{self, OutMessage, OutState};
use tannery::store::webhooks::{self, Turn, Webhook};
use tannery::store::{Db, Write};

use super::on_both;

on_both!(a_webhook_goes_on_only_from_where_it_stands, parked_messages_come_again, what_webhooks_need_is_kept);

/// Puts `count` messages, made at second 1, 2 and so on, that the broker has.
async fn tell(tx: &mut Write, count: i64) {
    for n in 1..=count {
        let row = OutMessage {
            sequence: 0,
            message_id: format!("id-{n}"),
            topic: format!("topic.{n}"),
            subject: "f43".to_owned(),
            headers: "{}".to_owned(),
            body: "{}".to_owned(),
            made_at: n,
        };
        let sequence = outbox::put(tx, &row).await.unwrap();
        outbox::settle(tx, sequence, OutState::Sent, None).await.unwrap();
    }
}

async fn stands(tx: &mut Write) -> Webhook {
    webhooks::by_name(tx, "ci").await.unwrap().unwrap()
}

async fn a_webhook_goes_on_only_from_where_it_stands(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert!(webhooks::begin(&mut tx, "ci", 2).await.unwrap());
    assert!(!webhooks::begin(&mut tx, "ci", 9).await.unwrap());
    let fresh = stands(&mut tx).await;
    assert_eq!((fresh.cursor, fresh.delivered, fresh.attempts, fresh.failing_since), (2, 0, 0, None));
    webhooks::failed(&mut tx, "ci", 50, "no\0answer", 60).await.unwrap();
    let failed = stands(&mut tx).await;
    assert_eq!((failed.attempts, failed.failing_since, failed.tried_at), (1, Some(50), Some(60)));
    assert_eq!(failed.problem.as_deref(), Some("no\u{fffd}answer"));
    webhooks::pass(&mut tx, "ci", 2, 4).await.unwrap();
    webhooks::pass(&mut tx, "ci", 2, 3).await.unwrap();
    assert_eq!(stands(&mut tx).await.cursor, 4, "only from where it stands");
    webhooks::delivered(&mut tx, "ci", 3, Turn::After(2), 70).await.unwrap();
    let taken = stands(&mut tx).await;
    assert_eq!((taken.cursor, taken.delivered, taken.delivered_at), (4, 1, Some(70)));
    assert_eq!((taken.attempts, taken.failing_since, taken.problem), (1, None, None));
    webhooks::delivered(&mut tx, "ci", 5, Turn::After(4), 80).await.unwrap();
    let taken = stands(&mut tx).await;
    assert_eq!((taken.cursor, taken.delivered, taken.attempts), (5, 2, 0));
    assert_eq!(webhooks::all(&mut tx).await.unwrap(), [taken]);
    webhooks::remove(&mut tx, "ci").await.unwrap();
    assert_eq!(webhooks::by_name(&mut tx, "ci").await.unwrap(), None);
}

async fn parked_messages_come_again(db: Db) {
    let mut tx = db.write().await.unwrap();
    tell(&mut tx, 4).await;
    webhooks::begin(&mut tx, "ci", 0).await.unwrap();
    assert!(webhooks::park(&mut tx, "ci", 1, Turn::After(0), "500", 7).await.unwrap());
    assert!(!webhooks::park(&mut tx, "ci", 2, Turn::After(0), "500", 7).await.unwrap(), "it has gone on");
    assert!(webhooks::park(&mut tx, "ci", 2, Turn::After(1), "5\0", 9).await.unwrap());
    assert_eq!(webhooks::due_again(&mut tx, "ci").await.unwrap(), None);
    let parked = webhooks::parked(&mut tx).await.unwrap();
    assert_eq!((parked.len(), parked[1].message_id.as_str(), parked[1].topic.as_str()), (2, "id-2", "topic.2"));
    assert_eq!((parked[1].reason.as_str(), parked[1].parked_at, parked[1].is_due), ("5\u{fffd}", 9, false));
    webhooks::failed(&mut tx, "ci", 50, "no", 60).await.unwrap();
    assert_eq!(webhooks::replay_parked(&mut tx, "ci").await.unwrap(), 2);
    assert_eq!((stands(&mut tx).await.attempts, stands(&mut tx).await.tried_at), (0, None), "at once");
    assert_eq!(webhooks::due_again(&mut tx, "ci").await.unwrap().unwrap().sequence, 1);
    webhooks::delivered(&mut tx, "ci", 1, Turn::Again, 70).await.unwrap();
    assert_eq!(webhooks::due_again(&mut tx, "ci").await.unwrap().unwrap().sequence, 2);
    assert!(webhooks::park(&mut tx, "ci", 2, Turn::Again, "501", 80).await.unwrap());
    assert_eq!(webhooks::due_again(&mut tx, "ci").await.unwrap(), None);
    assert_eq!(stands(&mut tx).await.parked, 1);
    webhooks::replay_parked(&mut tx, "ci").await.unwrap();
    assert_eq!(webhooks::forget_parked(&mut tx, i64::MAX).await.unwrap(), 0, "it is about to come");
    webhooks::replay_from(&mut tx, "ci", 2).await.unwrap();
    assert_eq!((stands(&mut tx).await.cursor, webhooks::parked(&mut tx).await.unwrap()), (1, vec![]));
    assert!(!webhooks::park(&mut tx, "ci", 2, Turn::Again, "501", 90).await.unwrap(), "it comes with the others");
    webhooks::park(&mut tx, "ci", 2, Turn::After(1), "500", 90).await.unwrap();
    assert_eq!(webhooks::forget_parked(&mut tx, 90).await.unwrap(), 0);
    assert_eq!(webhooks::forget_parked(&mut tx, 91).await.unwrap(), 1);
}

async fn what_webhooks_need_is_kept(db: Db) {
    let mut tx = db.write().await.unwrap();
    tell(&mut tx, 5).await;
    assert_eq!(
        outbox::topics_after(&mut tx, 3, 9).await.unwrap(),
        [(4, "topic.4".to_owned()), (5, "topic.5".to_owned())]
    );
    assert_eq!(outbox::topics_after(&mut tx, 3, 1).await.unwrap().len(), 1);
    for (name, cursor) in [("ahead", 1), ("ci", 3)] {
        webhooks::begin(&mut tx, name, cursor).await.unwrap();
    }
    webhooks::park(&mut tx, "ahead", 2, Turn::After(1), "500", 7).await.unwrap();
    webhooks::pass(&mut tx, "ahead", 2, 5).await.unwrap();
    let kept = async |tx: &mut Write| {
        let all = outbox::after(tx, 0, 9).await.unwrap();
        all.into_iter().map(|row| row.sequence).collect::<Vec<_>>()
    };
    assert_eq!(outbox::forget(&mut tx, 9, 0).await.unwrap(), 2);
    assert_eq!(kept(&mut tx).await, [2, 4, 5], "one is parked, two are not passed yet");
    assert_eq!(outbox::first(&mut tx).await.unwrap(), Some(2));
    assert_eq!(outbox::forget(&mut tx, 9, 5).await.unwrap(), 1);
    assert_eq!(kept(&mut tx).await, [2, 5], "made before anybody is waited for");
    webhooks::remove(&mut tx, "ci").await.unwrap();
    webhooks::remove(&mut tx, "ahead").await.unwrap();
    assert_eq!(outbox::forget(&mut tx, 9, 0).await.unwrap(), 2, "without webhooks nothing is kept for them");
    assert_eq!((outbox::first(&mut tx).await.unwrap(), outbox::by_sequence(&mut tx, 5).await.unwrap()), (None, None));
}
