//! What does each story about faults of the broker have? The service, a build system that keeps at it until the
//! broker has its messages, a queue that hears ours, and what must be true in the end, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ops::Range;
use std::time::Duration;

use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{SOON, Service, Site, Store, eventually, tagging, true_within};

/// How many messages a build system sends.
pub const MESSAGES: usize = 190;

/// How many builds they are about: all are tagged, then untagged, and so on. The last round is not finished.
const BUILDS: usize = 20;

/// The tag that they are about.
const TAG: &str = "oak-1";

/// Times that suit a test: all faults are seen within seconds.
const TIMES: &str = "heartbeat = \"2s\"\nanswer_within = \"2s\"\nprobe_every = \"1s\"\nbackoff_min = \"50ms\"\n\
    backoff_max = \"500ms\"\n";

/// The queue that keeps all that the service says.
const HEARD: &str = "heard";

/// The longest wait for an answer of the broker; one that hangs is left then.
const ANSWER: Duration = Duration::from_secs(5);

/// Between two tries to reach a broker that is away.
const PAUSE: Duration = Duration::from_millis(50);

/// A service that runs, and what it is told.
pub struct Story {
    pub site: Site,
    pub service: Service,
    /// How the test itself reaches the broker: never by the way that is cut.
    broker: String,
    messages: Vec<Value>,
    /// The builds that the tag has once every message took effect.
    builds: BTreeSet<String>,
}

impl Story {
    /// Starts a service that reaches by `url` the broker that the test reaches at `broker`, with builds that can be
    /// tagged, and waits until it is connected.
    pub async fn begin(broker: &str, url: &str) -> Self {
        let config = format!(
            "[bus]\nurl = \"{url}\"\nbindings = [\"#.buildsys.#\"]\n{TIMES}[repos]\nquiet = \"20ms\"\n\
             at_latest = \"200ms\"\n"
        );
        let site = Site::new(Store::Sqlite, &config);
        let distribution = site.world.distribution();
        site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
        site.import(&distribution.first);
        let by_name: BTreeMap<_, _> =
            distribution.first_builds.iter().map(|nvr| (nvr.name(), nvr.to_string())).collect();
        let nvrs: Vec<String> = by_name.into_values().take(BUILDS).collect();
        let message = |at: usize| {
            let action = if (at / BUILDS).is_multiple_of(2) { "tag" } else { "untag" };
            tagging(action, TAG, &nvrs[at % BUILDS], at as u32)
        };
        let messages = (0..MESSAGES).map(message).collect();
        let builds = nvrs[MESSAGES % BUILDS..].iter().cloned().collect();
        listen(broker).await;
        let service = site.serve();
        let story = Self { site, service, broker: broker.to_owned(), messages, builds };
        story.comes_to("both links", Story::is_connected);
        story
    }

    /// Begins to send all messages, one after the other, each until the broker has confirmed it.
    pub fn send(&self) -> Stream {
        self.send_some(0..MESSAGES)
    }

    /// As [`Story::send`], but only those at these places.
    pub fn send_some(&self, places: Range<usize>) -> Stream {
        let (confirmed, count) = watch::channel(0);
        let task = tokio::spawn(send_all(self.broker.clone(), self.messages[places].to_vec(), confirmed));
        Stream { count, task }
    }

    /// Waits until this is true.
    pub fn comes_to(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        eventually(SOON, what, || condition(self));
    }

    /// Returns what the service says of itself over HTTP.
    pub fn status(&self) -> Value {
        serde_json::from_slice(&self.site.get("/api/v1/status").body).unwrap()
    }

    /// Returns whether both links to the broker stand.
    pub fn is_connected(&self) -> bool {
        let bus = &self.status()["bus"];
        [&bus["consumer"], &bus["publisher"]].iter().all(|link| link["link"] == "up")
    }

    /// Returns whether neither link to the broker stands.
    pub fn is_cut_off(&self) -> bool {
        let bus = &self.status()["bus"];
        [&bus["consumer"], &bus["publisher"]].iter().all(|link| link["link"] == "down")
    }

    /// Returns how many messages took effect.
    pub fn applied(&self) -> usize {
        self.status()["inbox"]["messages"]["applied"].as_u64().unwrap() as usize
    }

    /// Returns the value of a metric without labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.site.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).parse().unwrap()
    }

    /// Waits until all is as if nothing had happened, without anybody's help: every message took effect, once; the
    /// set is right; and all that the service says was heard, under the ids that it has in the outbox.
    pub async fn ends_well(mut self) {
        self.comes_to("both links", Story::is_connected);
        let mut status = Value::Null;
        let is_done = || {
            status = self.status();
            status["inbox"]["messages"]["applied"] == MESSAGES
                && status["outbox"]["pending"].as_u64().unwrap_or(0) == 0
                && status["wakeups"].as_object().unwrap().values().all(|left| *left == 0)
        };
        assert!(true_within(SOON, is_done), "{status}");
        for state in ["waiting", "refused", "quarantined", "dropped"] {
            assert_eq!(status["inbox"]["messages"][state].as_u64().unwrap_or(0), 0, "{status}");
        }
        let shown = self.site.json(&["tag", "show", TAG]);
        let builds = shown["builds"].as_array().unwrap().iter();
        let builds: BTreeSet<String> = builds.map(|build| build["nvr"].as_str().unwrap().to_owned()).collect();
        assert_eq!(builds, self.builds);
        let heard = heard(&self.broker).await;
        let said = self.site.run(&["messages"]).ok();
        let said =
            said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned());
        assert_eq!(said.collect::<BTreeSet<_>>(), heard);
        assert!(self.service.runs());
        assert!(self.service.stop(SOON).success());
    }
}

/// Messages on their way to the broker.
pub struct Stream {
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Stream {
    /// Waits until the broker has confirmed so many.
    pub async fn confirmed(&mut self, count: usize) {
        self.count.wait_for(|confirmed| *confirmed >= count).await.unwrap();
    }

    /// Waits until the broker has confirmed all.
    pub async fn ended(self) {
        tokio::time::timeout(SOON, self.task).await.expect("the broker never took all messages").unwrap();
    }
}

async fn send_all(url: String, messages: Vec<Value>, confirmed: watch::Sender<usize>) {
    let mut wire = None;
    for message in &messages {
        while let Err(error) = send(&mut wire, &url, message).await {
            println!("sent again: {error}");
            wire = None;
            tokio::time::sleep(PAUSE).await;
        }
        confirmed.send_modify(|count| *count += 1);
    }
}

/// A connection, and a channel of it.
type Wire = (Connection, Channel);

async fn send(wire: &mut Option<Wire>, url: &str, message: &Value) -> Result<(), Box<dyn Error + Send + Sync>> {
    let sending = async {
        let channel = match wire {
            Some((_, channel)) => channel,
            None => {
                let connected = connect(url).await?;
                connected.1.confirm_select(ConfirmSelectOptions::default()).await?;
                &wire.insert(connected).1
            }
        };
        let (key, body) = (message["topic"].as_str().unwrap(), message["body"].to_string());
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("amq.topic".into(), key.into(), options, body.as_bytes(), properties(message))
            .await?
            .await
    };
    match tokio::time::timeout(ANSWER, sending).await?? {
        Confirmation::Ack(None) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

async fn connect(url: &str) -> lapin::Result<Wire> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

fn properties(message: &Value) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in message["headers"].as_object().unwrap() {
        let value = value
            .as_i64()
            .map_or_else(|| AMQPValue::LongString(value.as_str().unwrap().into()), AMQPValue::LongLongInt);
        headers.insert(name.as_str().into(), value);
    }
    let id = message["id"].as_str().unwrap();
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_message_id(id.into())
        .with_headers(headers)
}

/// Makes a queue that keeps what the service says, also while the broker is dead.
async fn listen(broker: &str) {
    let (_connection, channel) = connect(broker).await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(HEARD.into(), options, FieldTable::default()).await.unwrap();
    let (exchange, topics) = ("amq.topic".into(), "#.tannery.#".into());
    channel
        .queue_bind(HEARD.into(), exchange, topics, QueueBindOptions::default(), FieldTable::default())
        .await
        .unwrap();
}

/// Returns the ids of what the service said.
async fn heard(broker: &str) -> BTreeSet<String> {
    let (_connection, channel) = connect(broker).await.unwrap();
    let mut ids = BTreeSet::new();
    while let Some(message) = channel.basic_get(HEARD.into(), BasicGetOptions { no_ack: true }).await.unwrap() {
        ids.insert(message.properties.message_id().as_ref().unwrap().to_string());
    }
    ids
}
