//! What does a webhook get, and when? Against a receiver of HTTP, with a clock that the test moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::*;
use crate::config::{Config, Overrides};

/// 2026-11-21T00:42:24Z.
const BEGIN: i64 = 1_795_221_744;

#[derive(Debug, Default)]
struct Seen {
    /// What is answered to messages with this cursor; 200 to all others.
    answers: BTreeMap<i64, u16>,
    heard: Vec<(i64, HeaderMap, Bytes)>,
}

/// A webhook's receiver, a state, and a sender.
struct World {
    _dir: tempfile::TempDir,
    clock: Clock,
    webhooks: Webhooks,
    sender: Sender,
    seen: Arc<Mutex<Seen>>,
}

async fn answer(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    let cursor = headers["tannery-cursor"].to_str().unwrap().parse().unwrap();
    seen.heard.push((cursor, headers, body));
    StatusCode::from_u16(seen.answers.get(&cursor).copied().unwrap_or(200)).unwrap()
}

impl World {
    async fn new(topics: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = Router::new().fallback(answer).with_state(seen.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "0123456789abcdef\n").unwrap();
        let text =
            format!("[[webhook]]\nname = \"ci\"\nurl = \"{url}\"\nsecret_file = \"secret\"\ntopics = [\"{topics}\"]\n");
        std::fs::write(dir.path().join("t.toml"), text).unwrap();
        let config = Config::load(Some(&dir.path().join("t.toml")), &Overrides::none(), []).unwrap();
        let (clock, db) = (Clock::held(BEGIN), Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap());
        let webhooks = Webhooks { db: db.clone(), clock: clock.clone(), hooks: config.webhooks };
        let sender = Sender::new(db, clock.clone(), webhooks.hooks[0].clone());
        webhooks.begin().await.unwrap();
        Self { _dir: dir, clock, webhooks, sender, seen }
    }

    /// Tells messages with these topics.
    async fn tell(&self, topics: &[&str]) {
        let mut tx = self.webhooks.db.write().await.unwrap();
        for topic in topics {
            crate::outbox::tell(&mut tx, &self.clock, topic, "f43", Map::new()).await.unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// Has the sender do what is due, until there is nothing.
    async fn turn(&mut self) {
        while self.sender.turn().await.unwrap().is_zero() {}
    }

    fn answers(&self, cursor: i64, status: u16) {
        self.seen.lock().unwrap().answers.insert(cursor, status);
    }

    /// Returns the cursors of what came since the last call.
    fn heard(&self) -> Vec<i64> {
        std::mem::take(&mut self.seen.lock().unwrap().heard).into_iter().map(|(cursor, ..)| cursor).collect()
    }

    async fn stands(&self) -> webhooks::Webhook {
        let mut tx = self.webhooks.db.read().await.unwrap();
        webhooks::by_name(&mut tx, "ci").await.unwrap().unwrap()
    }

    async fn parked(&self) -> Vec<webhooks::Parked> {
        webhooks::parked(&mut self.webhooks.db.read().await.unwrap()).await.unwrap()
    }

    /// Lets pauses pass until the clock has moved by a day and an hour.
    async fn a_day(&mut self) {
        for _ in 0..25 * 12 {
            self.turn().await;
            self.clock.advance(300);
        }
    }
}

#[tokio::test]
async fn what_is_posted_is_the_message_as_it_is_served_signed() {
    let mut world = World::new("#").await;
    world.tell(&["tannery.tag.changed"]).await;
    world.turn().await;
    let (_, headers, body) = world.seen.lock().unwrap().heard.pop().unwrap();
    let document: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&document["sequence"], &document["topic"]), (&1.into(), &"tannery.tag.changed".into()));
    assert_eq!(headers["tannery-message-id"], document["id"].as_str().unwrap());
    assert_eq!(
        (&headers["tannery-topic"], &headers["tannery-cursor"]),
        (&"tannery.tag.changed".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(
        (&headers["tannery-timestamp"], &headers["content-type"]),
        (&"1795221744".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let mut signed = format!("{BEGIN}.").into_bytes();
    signed.extend_from_slice(&body);
    assert_eq!(headers["tannery-signature"], format!("sha256={}", by_definition(b"0123456789abcdef", &signed)));
    let stands = world.stands().await;
    assert_eq!((stands.cursor, stands.delivered, stands.delivered_at), (1, 1, Some(BEGIN * 1_000_000)));
}

/// Returns the HMAC-SHA256 by RFC 2104, for a key of at most a block.
fn by_definition(key: &[u8], text: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let padded = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_new_webhook_begins_behind_the_newest_and_hears_its_topics_only() {
    let mut world = World::new("tannery.#").await;
    world.tell(&["pungi.compose.status.change"]).await;
    world.turn().await;
    assert_eq!((world.heard(), world.stands().await.cursor), (vec![], 1));
    world.tell(&["tannery.a", "pungi.x", "tannery.b", "pungi.x"]).await;
    world.turn().await;
    assert_eq!((world.heard(), world.stands().await.cursor), (vec![2, 4], 5));
    let hooks = world.webhooks.hooks[0].clone();
    world.webhooks.hooks.push(Webhook { name: "late".to_owned(), ..hooks });
    world.webhooks.begin().await.unwrap();
    let mut tx = world.webhooks.db.read().await.unwrap();
    assert_eq!(webhooks::by_name(&mut tx, "late").await.unwrap().unwrap().cursor, 5);
    drop(tx);
    world.webhooks.hooks.remove(0);
    world.webhooks.begin().await.unwrap();
    let mut tx = world.webhooks.db.read().await.unwrap();
    assert_eq!(webhooks::by_name(&mut tx, "ci").await.unwrap(), None, "what is configured no more is forgotten");
}

#[tokio::test]
async fn a_message_that_is_not_taken_comes_again_after_growing_pauses_and_before_all_others() {
    let mut world = World::new("#").await;
    world.tell(&["a", "b"]).await;
    world.answers(1, 302);
    for pause in [1, 2, 4, 8] {
        world.turn().await;
        assert_eq!(world.heard(), [1]);
        world.clock.advance(pause - 1);
        world.turn().await;
        assert_eq!(world.heard(), Vec::<i64>::new(), "within {pause} s");
        world.clock.advance(1);
    }
    let stands = world.stands().await;
    assert_eq!((stands.attempts, stands.failing_since), (4, Some(BEGIN * 1_000_000)));
    assert_eq!(stands.problem.as_deref(), Some("it answered 302: redirects are not followed"));
    world.answers(1, 204);
    world.turn().await;
    assert_eq!(world.heard(), [1, 2]);
    let stands = world.stands().await;
    assert_eq!((stands.attempts, stands.failing_since, stands.problem), (0, None, None));
}

#[tokio::test]
async fn a_message_refused_for_a_day_is_parked_and_comes_once_it_is_asked_for() {
    let mut world = World::new("#").await;
    world.tell(&["a", "b"]).await;
    world.answers(1, 500);
    world.clock.advance(3600);
    for _ in 0..23 {
        world.turn().await;
        world.clock.advance(3600);
    }
    assert!(world.parked().await.is_empty() && !world.heard().contains(&2), "not before the day is over");
    world.a_day().await;
    assert_eq!(world.heard().last(), Some(&2));
    let parked = world.parked().await;
    assert_eq!((parked.len(), parked[0].sequence, parked[0].reason.as_str()), (1, 1, "it answered 500"));
    assert_eq!(world.stands().await.failing_since, None);

    let mut tx = world.webhooks.db.write().await.unwrap();
    assert_eq!(outbox::forget(&mut tx, i64::MAX, i64::MAX).await.unwrap(), 0, "pending, all of them");
    for sequence in [1, 2] {
        outbox::settle(&mut tx, sequence, outbox::OutState::Sent, None).await.unwrap();
    }
    assert_eq!(outbox::forget(&mut tx, i64::MAX, i64::MAX).await.unwrap(), 1, "what is parked is kept");
    assert_eq!(webhooks::replay_parked(&mut tx, "ci").await.unwrap(), 1);
    tx.commit().await.unwrap();
    world.tell(&["c"]).await;
    world.answers(1, 200);
    world.turn().await;
    assert_eq!((world.heard(), world.parked().await), (vec![1, 3], vec![]));
}

#[tokio::test]
async fn a_receiver_that_is_back_after_days_gets_what_it_missed_and_each_message_was_offered_more_than_once() {
    let mut world = World::new("#").await;
    world.tell(&["a", "b", "c"]).await;
    for cursor in 1..=4 {
        world.answers(cursor, 503);
    }
    world.a_day().await;
    world.tell(&["d"]).await;
    world.a_day().await;
    let heard = world.heard();
    for cursor in 1..=3 {
        assert!(heard.iter().filter(|heard| **heard == cursor).count() >= 5, "{cursor}");
    }
    assert_eq!(world.parked().await.len(), 4);
    world.tell(&["e"]).await;
    world.turn().await;
    assert_eq!(world.heard(), [5]);
}

#[tokio::test]
async fn time_in_which_the_service_was_not_running_does_not_count() {
    let mut world = World::new("#").await;
    world.tell(&["a"]).await;
    world.answers(1, 500);
    for _ in 0..6 {
        world.turn().await;
        world.clock.advance(300);
    }
    world.clock.advance(3 * 86_400);
    world.turn().await;
    assert!(world.parked().await.is_empty());
    world.a_day().await;
    assert_eq!(world.parked().await.len(), 1);
}

#[tokio::test]
async fn a_replay_counts_also_for_a_message_under_way() {
    let mut world = World::new("#").await;
    world.tell(&["a", "b", "c"]).await;
    world.turn().await;
    assert_eq!(world.heard(), [1, 2, 3]);
    world.tell(&["d"]).await;
    let Task::Offer(offer) = world.sender.task().await.unwrap() else { panic!("nothing is due") };
    let mut tx = world.webhooks.db.write().await.unwrap();
    webhooks::replay_from(&mut tx, "ci", 2).await.unwrap();
    tx.commit().await.unwrap();
    world.sender.write_down(&offer, Ok(())).await.unwrap();
    world.turn().await;
    assert_eq!(world.heard(), [2, 3, 4]);
    assert_eq!(world.stands().await.delivered, 7);
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_a_reason_like_any_other() {
    let mut world = World::new("#").await;
    let mut hook = world.webhooks.hooks[0].clone();
    let file = world._dir.path().join("ca.pem");
    hook.ca = Some(file.clone());
    world.sender.post = Post::new(hook);
    world.tell(&["a"]).await;
    for (content, word) in [(None, "No such file"), (Some("nothing"), "holds no certificate")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        world.turn().await;
        let problem = world.stands().await.problem.unwrap();
        assert!(problem.starts_with("cannot read ") && problem.contains(word), "{problem}");
        world.clock.advance(300);
    }
    assert_eq!(world.heard(), Vec::<i64>::new());
}
