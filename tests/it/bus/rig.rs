//! What does each story about the bus need? A broker, a queue of its own, a handler that does what
//! the story says, and a way to wait for what must come.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Map, Value, json};
use tannery::bus::{Bus, Delivery, Handler, Outgoing, Publisher, Settings, Snapshot, Status, Verdict};
use tannery::clock::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Returns what `scripts/peers` says about a peer. Without it there is nothing to test against, and
/// a test that passes then would lie.
pub fn peer(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests through scripts/peers, which starts RabbitMQ"))
}

/// Waits for `condition` of the bus.
pub async fn until(status: &Status, what: &str, condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
    let mut changes = status.subscribe();
    let reached = tokio::time::timeout(PATIENCE, changes.wait_for(condition)).await;
    match reached {
        Ok(now) => now.unwrap().clone(),
        Err(_) => panic!("never came: {what}; {:?}", status.read()),
    }
}

/// Waits for a future, not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// The test's own hand on the broker.
pub struct Admin {
    pub channel: Channel,
    connection: Connection,
    pub queue: String,
}

impl Admin {
    /// Connects and invents a queue name; nothing is declared.
    pub async fn new() -> Self {
        let url = peer("TANNERY_PEERS_AMQP");
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        Self { channel, connection, queue: format!("tannery-test-{}", Clock::system().uuid()) }
    }

    /// Returns settings for the plain listener with short patience: a queue that vanishes by itself,
    /// bound to topics under its own name.
    pub fn settings(&self) -> Settings {
        self.settings_for(&peer("TANNERY_PEERS_AMQP"))
    }

    /// Returns such settings for another URL.
    pub fn settings_for(&self, url: &str) -> Settings {
        let mut settings = Settings::new(url, &self.queue);
        settings.queue.bindings = vec![format!("{}.#", self.queue)];
        settings.queue.arguments = Map::from_iter([("x-expires".to_owned(), json!(120_000))]);
        settings.heartbeat = 2;
        settings.connect_timeout = Duration::from_secs(2);
        settings.reply_timeout = Duration::from_secs(2);
        settings.probe_every = Duration::from_millis(300);
        settings.pause_min = Duration::from_millis(20);
        settings.pause_max = Duration::from_millis(200);
        settings
    }

    /// Returns a message on one of this queue's topics.
    pub fn message(&self, id: &str) -> Outgoing {
        let Value::Object(headers) = json!({"fedora_messaging_severity": 20, "sent-at": "2026-11-21T00:42:24+00:00"})
        else {
            unreachable!()
        };
        Outgoing {
            routing_key: format!("{}.buildsys.tag", self.queue),
            message_id: id.to_owned(),
            headers,
            body: br#"{"tag": "f43"}"#.to_vec(),
            priority: None,
        }
    }

    /// Returns how many messages are ready in the queue.
    pub async fn waiting(&self) -> u32 {
        let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.connection.create_channel().await.unwrap();
        let queue = channel.queue_declare(self.queue.as_str().into(), options, Default::default()).await.unwrap();
        queue.message_count()
    }

    /// Deletes the queue.
    pub async fn delete_queue(&self) {
        self.channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
}

/// What the handler does with the next messages; after the last word, it acknowledges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Word {
    Ack,
    Later,
    Panic,
    /// Acknowledge once the story releases it.
    Hold,
}

struct Script {
    words: Mutex<VecDeque<Word>>,
    seen: mpsc::UnboundedSender<Delivery>,
    release: CancellationToken,
}

impl Handler for Script {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.seen.send(delivery.clone()).unwrap();
        let word = self.words.lock().unwrap().pop_front().unwrap_or(Word::Ack);
        match word {
            Word::Ack => Verdict::Ack,
            Word::Later => Verdict::TryLater,
            Word::Panic => panic!("the story wants the handler to panic"),
            Word::Hold => {
                self.release.cancelled().await;
                Verdict::Ack
            }
        }
    }

    /// Only what there is no word for is taken together.
    async fn handle_together(&self, deliveries: &[&Delivery]) -> bool {
        let may = self.words.lock().unwrap().is_empty();
        if may {
            deliveries.iter().for_each(|delivery| self.seen.send((*delivery).clone()).unwrap());
        }
        may
    }
}

/// A bus that runs.
pub struct Running {
    pub publisher: Publisher,
    pub status: Status,
    pub cancel: CancellationToken,
    pub release: CancellationToken,
    seen: mpsc::UnboundedReceiver<Delivery>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts a bus whose handler speaks `words`.
    pub fn start(settings: Settings, words: &[Word]) -> Self {
        // A second installation is refused, and that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (bus, publisher, status) = Bus::new(settings, Clock::system()).unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let (cancel, release) = (CancellationToken::new(), CancellationToken::new());
        let words = Mutex::new(words.iter().copied().collect());
        let script = Script { words, seen: sender, release: release.clone() };
        let task = tokio::spawn(bus.run(script, cancel.clone()));
        Self { publisher, status, cancel, release, seen, task }
    }

    /// Starts a bus and waits until both links stand.
    pub async fn ready(settings: Settings, words: &[Word]) -> Self {
        let running = Self::start(settings, words);
        until(&running.status, "both links", |now| now.consumer.is_up() && now.publisher.is_up()).await;
        running
    }

    /// Returns the next message the handler is given.
    pub async fn next(&mut self) -> Delivery {
        soon("a message", self.seen.recv()).await.unwrap()
    }

    /// Returns the id of the next message the handler is given.
    pub async fn next_id(&mut self) -> String {
        self.next().await.message_id.unwrap()
    }

    /// Asks for the end and waits for it.
    pub async fn stop(self) -> Snapshot {
        self.cancel.cancel();
        soon("the end of the bus", self.task).await.unwrap();
        self.status.read()
    }
}
