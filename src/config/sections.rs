//! Which sections has the configuration, and what do their values mean? One struct a section.
//!
//! No defaults are explained here: `config/tannery.toml` is the manual.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::address::{Address, Secret, broker, database, public};
use super::units::{duration, positive_duration, size_limit};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `Human` where the log goes to a terminal, else `Json`.
    Auto,
    /// For eyes.
    Human,
    /// One JSON object a line.
    Json,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, in the language of `tracing_subscriber::EnvFilter`; parses as one.
    #[serde(deserialize_with = "filter")]
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned() }
    }
}

fn filter<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    tracing_subscriber::EnvFilter::try_new(&text).map_err(de::Error::custom)?;
    Ok(text)
}

/// Which database holds the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite in this file.
    Sqlite(PathBuf),
    /// PostgreSQL at this URL.
    Postgres(Address),
}

/// `[state]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawState {
    #[serde(deserialize_with = "database")]
    pub url: Option<Address>,
}

/// `[http]`, with tokens read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where to listen; port 0 takes any free port.
    pub bind: SocketAddr,
    /// Under which URL others see us, without a final slash; `None`: what [`Http::url`] makes of the bound address.
    pub public_url: Option<String>,
    /// Any of these lets a request in that changes something. Empty only on loopback.
    pub tokens: Vec<Secret>,
    /// Longest request body, in bytes.
    pub max_body: u64,
    /// How long one request may take, those that wait by design excepted.
    pub request_timeout: Duration,
}

impl Http {
    /// Returns the URL to tell others, given the address that was really bound.
    pub fn url(&self, bound: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{bound}"))
    }
}

/// `[http]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawHttp {
    pub bind: SocketAddr,
    #[serde(deserialize_with = "public")]
    pub public_url: Option<String>,
    pub token_file: Option<PathBuf>,
    pub tokens: Vec<Secret>,
    #[serde(deserialize_with = "size_limit")]
    pub max_body: u64,
    #[serde(deserialize_with = "positive_duration")]
    pub request_timeout: Duration,
}

impl Default for RawHttp {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8180)),
            public_url: None,
            token_file: None,
            tokens: vec![],
            max_body: 16 << 20,
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// `[bus]`: the message broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// The broker, `amqp` or `amqps`.
    pub url: Address,
    /// Authorities that may vouch for the broker, a PEM file; `None`: the system's. Only with `amqps`.
    pub ca: Option<PathBuf>,
    /// The client's certificate and its key, PEM files: login is EXTERNAL then. Only with `amqps`.
    pub identity: Option<Identity>,
    /// The topic exchange that build events are taken from.
    pub exchange: String,
    /// Our queue.
    pub queue: String,
    /// Routing patterns that bind the queue to the exchange.
    pub bindings: Vec<String>,
    /// Exchange and queue are made by others: only looked for, never declared.
    pub passive_declares: bool,
    /// How many messages the broker hands out ahead of their acknowledgement.
    pub prefetch: NonZeroU16,
    /// AMQP heartbeat, whole seconds.
    pub heartbeat: Duration,
    /// How often the watchdog asks the broker for a sign of life.
    pub probe_every: Duration,
    /// How long connecting, declaring, confirming and the watchdog's question may each take.
    pub answer_within: Duration,
    /// First pause before connecting again,
    pub backoff_min: Duration,
    /// and the longest, to which it doubles.
    pub backoff_max: Duration,
    /// The exchange that our own messages go to.
    pub publish_exchange: String,
    /// What our topics begin with; a dot follows it. May be empty: then nothing does.
    pub topic_prefix: String,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, a PEM file.
    pub cert: PathBuf,
    /// Its private key, a PEM file.
    pub key: PathBuf,
}

/// `[bus]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawBus {
    #[serde(deserialize_with = "broker")]
    pub url: Option<Address>,
    pub ca: Option<PathBuf>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    #[serde(deserialize_with = "amqp_name")]
    pub exchange: String,
    #[serde(deserialize_with = "amqp_name")]
    pub queue: String,
    #[serde(deserialize_with = "bindings")]
    pub bindings: Vec<String>,
    pub passive_declares: bool,
    pub prefetch: NonZeroU16,
    #[serde(deserialize_with = "heartbeat")]
    pub heartbeat: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub probe_every: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub answer_within: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub backoff_min: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub backoff_max: Duration,
    #[serde(deserialize_with = "amqp_name")]
    pub publish_exchange: String,
    #[serde(deserialize_with = "topic_prefix")]
    pub topic_prefix: String,
}

impl Default for RawBus {
    fn default() -> Self {
        let bindings = [
            "#.buildsys.tag",
            "#.buildsys.untag",
            "#.buildsys.build.state.change",
            "#.buildsys.build.promote",
            "#.buildsys.package.list.change",
            "#.buildsys.rpm.sign",
        ];
        Self {
            url: None,
            ca: None,
            cert: None,
            key: None,
            exchange: "amq.topic".to_owned(),
            queue: "tannery".to_owned(),
            bindings: bindings.map(str::to_owned).to_vec(),
            passive_declares: false,
            prefetch: NonZeroU16::MIN.saturating_add(49),
            heartbeat: Duration::from_secs(20),
            probe_every: Duration::from_secs(15),
            answer_within: Duration::from_secs(15),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_secs(30),
            publish_exchange: "amq.topic".to_owned(),
            topic_prefix: "org.tannery.local".to_owned(),
        }
    }
}

/// Reads a name or routing key as AMQP's short strings hold it.
fn amqp_name<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err(de::Error::custom("must be 1 to 255 bytes without control characters"));
    }
    Ok(text)
}

fn bindings<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(input)?;
    if list.iter().all(|text| is_routing_pattern(text)) {
        return Ok(list);
    }
    let why = "a binding is at most 255 bytes of words between dots, a word being text, * (one) or # (any number)";
    Err(de::Error::custom(why))
}

/// Returns whether a text binds a queue: words between dots, of which `*` and `#` stand alone.
pub(super) fn is_routing_pattern(text: &str) -> bool {
    let word = |word: &str| matches!(word, "*" | "#") || !word.contains(['*', '#']);
    text.len() <= 255 && !text.chars().any(char::is_control) && text.split('.').all(word)
}

fn heartbeat<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let span = duration(input)?;
    let whole = span.subsec_nanos() == 0 && (1..=3600).contains(&span.as_secs());
    if whole { Ok(span) } else { Err(de::Error::custom("must be whole seconds, 1s to 1h")) }
}

fn topic_prefix<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let words = text.is_empty() || text.split('.').all(|word| !word.is_empty());
    // Room for the topic itself within AMQP's 255 bytes.
    if text.len() > 150 || !words || !text.chars().all(allowed) {
        let why = "must be words of letters, digits, - and _ with dots between them, at most 150 bytes";
        return Err(de::Error::custom(why));
    }
    Ok(text)
}

/// `[inbox]`: what happens to messages before they are applied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub struct Inbox {
    /// Longest message body in bytes; a longer one is quarantined.
    #[serde(deserialize_with = "size_limit")]
    pub max_body: u64,
    /// Deepest nesting of JSON in a body; a deeper one is quarantined.
    pub max_depth: NonZeroU32,
    /// How long an event waits for a build that is not imported yet.
    #[serde(deserialize_with = "duration")]
    pub wait_for_build: Duration,
    /// A sent-at that is further in the future counts as the time of arrival.
    #[serde(deserialize_with = "duration")]
    pub future_skew: Duration,
    /// How long messages are kept once they are applied, or quarantined.
    #[serde(deserialize_with = "positive_duration")]
    pub keep: Duration,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            max_body: 4 << 20,
            max_depth: NonZeroU32::MIN.saturating_add(63),
            wait_for_build: Duration::from_secs(7 * 86_400),
            future_skew: Duration::from_secs(60),
            keep: Duration::from_secs(30 * 86_400),
        }
    }
}

/// Reads a name by which something is kept.
pub(super) fn short_name<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.len() <= 64 && text.chars().all(allowed) {
        return Ok(text);
    }
    Err(de::Error::custom("must be 1 to 64 letters, digits, -, _ or ., beginning with a letter or digit"))
}

/// `[compose]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// The directory that composes are published in.
    pub dir: PathBuf,
}

/// `[compose]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawCompose {
    pub dir: Option<PathBuf>,
}
