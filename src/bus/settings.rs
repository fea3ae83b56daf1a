//! What does the bus have to be told? Where the broker is, what to listen to, and how patient to be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lapin::types::ShortString;
use lapin::uri::{AMQPScheme, AMQPUri, SASLMechanism};
use serde_json::{Map, Value};

/// Everything the bus has to be told.
#[derive(Clone)]
pub struct Settings {
    /// `amqp://USER:PASSWORD@HOST:PORT/VHOST`, or `amqps://`; a slash in VHOST is written `%2F`.
    pub url: String,
    /// Files for TLS; read at every connect, so that renewed certificates are taken up.
    pub tls: Tls,
    /// The exchange that [`Queue::bindings`] bind to.
    pub exchange: String,
    /// The exchange that messages are published to.
    pub publish_exchange: String,
    /// The queue to consume.
    pub queue: Queue,
    /// Seconds between heartbeats; twice as long without a byte ends the link. The broker may
    /// propose less, never more.
    pub heartbeat: u16,
    /// How many messages the broker may send ahead of their acknowledgement, at least 1.
    pub prefetch: u16,
    /// Bodies longer than this, in bytes, are cut (see [`super::Cut`]).
    pub body_limit: usize,
    /// Longest time for connecting, handshakes included.
    pub connect_timeout: Duration,
    /// Longest time for an answer to a declaration, an acknowledgement, a publish with its confirm.
    pub reply_timeout: Duration,
    /// How often the broker is asked whether the queue still has a consumer. A link that is dead
    /// without a sign is noticed within this and `reply_timeout`.
    pub probe_every: Duration,
    /// First pause after a lost link, or after [`super::Verdict::TryLater`]; doubled each time.
    pub pause_min: Duration,
    /// Longest such pause.
    pub pause_max: Duration,
}

/// The queue to consume.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Its name; empty asks the broker for one (a new one after every reconnect).
    pub name: String,
    /// Routing keys to bind, `#` and `*` allowed. Bound also where the queue is declared passively.
    pub bindings: Vec<String>,
    /// Only look whether it is there; for queues that administrators make.
    pub passive: bool,
    /// Survives a restart of the broker.
    pub durable: bool,
    /// For this connection alone.
    pub exclusive: bool,
    /// Deleted with its last consumer.
    pub auto_delete: bool,
    /// Arguments such as `x-queue-type`.
    pub arguments: Map<String, Value>,
}

/// Files for TLS, PEM each.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Authorities to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// Client certificate, its chain after it. With it the login is EXTERNAL: the user is its CN.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub key: Option<PathBuf>,
}

/// Settings that can never work.
#[derive(Debug, thiserror::Error)]
pub enum BadSettings {
    /// The URL cannot be read. The URL itself is not shown: it may hold a password.
    #[error("the broker's URL cannot be read: {0}")]
    Url(String),
    /// Only one of certificate and key is given.
    #[error("a client certificate and its key go together; the {0} is missing")]
    HalfIdentity(&'static str),
    /// TLS files for an unencrypted link.
    #[error("TLS files are given, but the URL begins with amqp:// instead of amqps://")]
    TlsUnused,
    /// AMQP allows 255 bytes.
    #[error("the {0} is longer than 255 bytes")]
    TooLong(&'static str),
    /// A number that must not be zero is, or a pair is in the wrong order.
    #[error("{0}")]
    Range(&'static str),
}

impl Settings {
    /// Returns settings for the broker at `url` and a durable queue `queue`, all else at its default.
    pub fn new(url: &str, queue: &str) -> Self {
        Self {
            url: url.to_owned(),
            tls: Tls::default(),
            exchange: "amq.topic".to_owned(),
            publish_exchange: "amq.topic".to_owned(),
            queue: Queue { name: queue.to_owned(), durable: true, ..Queue::default() },
            heartbeat: 60,
            prefetch: 20,
            body_limit: 4 * 1024 * 1024,
            connect_timeout: Duration::from_secs(20),
            reply_timeout: Duration::from_secs(30),
            probe_every: Duration::from_secs(60),
            pause_min: Duration::from_millis(500),
            pause_max: Duration::from_secs(60),
        }
    }

    /// Returns the reason why these settings can never work, if there is one.
    pub(super) fn check(&self) -> Result<(), BadSettings> {
        let uri = self.uri()?;
        let Tls { ca, certificate, key } = &self.tls;
        match (certificate, key) {
            (Some(_), None) => return Err(BadSettings::HalfIdentity("key")),
            (None, Some(_)) => return Err(BadSettings::HalfIdentity("certificate")),
            _ => {}
        }
        if uri.scheme == AMQPScheme::AMQP && (ca.is_some() || certificate.is_some()) {
            return Err(BadSettings::TlsUnused);
        }
        short("exchange's name", &self.exchange)?;
        short("exchange's name", &self.publish_exchange)?;
        short("queue's name", &self.queue.name)?;
        self.queue.bindings.iter().try_for_each(|key| short("routing key", key))?;
        self.queue.arguments.keys().try_for_each(|key| short("queue argument's name", key))?;
        if self.prefetch == 0 {
            return Err(BadSettings::Range("prefetch is at least 1: without a limit memory has none either"));
        }
        if self.probe_every.is_zero() || self.pause_min.is_zero() || self.pause_min > self.pause_max {
            return Err(BadSettings::Range("pauses are longer than zero, and the shortest is not above the longest"));
        }
        Ok(())
    }

    /// Returns the URL in parts, with heartbeat and login as these settings want them.
    pub(super) fn uri(&self) -> Result<AMQPUri, BadSettings> {
        let mut uri: AMQPUri = self.url.parse().map_err(BadSettings::Url)?;
        if let Some(address) = ipv6_host(&self.url) {
            uri.authority.host = address.to_owned();
        }
        uri.query.heartbeat = Some(self.heartbeat);
        if self.tls.certificate.is_some() {
            uri.query.auth_mechanism = Some(SASLMechanism::External);
        }
        Ok(uri)
    }
}

/// Returns the literal IPv6 address that a URL names, for which the parser would put localhost.
fn ipv6_host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    let host = authority.rsplit('@').next()?;
    Some(host.strip_prefix('[')?.split_once(']')?.0)
}

fn short(what: &'static str, text: &str) -> Result<(), BadSettings> {
    ShortString::try_new(text).map(|_| ()).map_err(|_| BadSettings::TooLong(what))
}

impl fmt::Debug for Settings {
    /// Writes where the broker is, never the password in the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.url.rsplit_once('@').map_or("(hidden)", |(_, place)| place);
        f.debug_struct("Settings").field("place", &place).field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::new("amqps://me:secret@broker/%2Fpubsub", "mine");
        change(&mut settings);
        settings.check().map_or_else(|bad| bad.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn settings_that_can_never_work_are_refused_with_the_reason() {
        assert_eq!(reason(|_| ()), "fine");
        assert!(reason(|s| s.url = "http://x/".into()).starts_with("the broker's URL cannot be read"));
        assert!(reason(|s| s.url = "no url".into()).starts_with("the broker's URL cannot be read"));
        assert!(reason(|s| s.tls.key = Some("k".into())).contains("the certificate is missing"));
        assert!(reason(|s| s.tls.certificate = Some("c".into())).contains("the key is missing"));
        let plain = |s: &mut Settings| {
            s.url = "amqp://h/".into();
            s.tls.ca = Some("ca".into());
        };
        assert!(reason(plain).contains("amqps://"));
        assert!(reason(|s| s.queue.bindings = vec!["x".repeat(256)]).contains("routing key is longer"));
        assert!(reason(|s| s.prefetch = 0).contains("prefetch"));
        assert!(reason(|s| s.pause_min = s.pause_max * 2).contains("pauses"));
    }

    #[test]
    fn a_client_certificate_asks_for_external_login() {
        let mut settings = Settings::new("amqps://me@broker/%2Fpubsub", "mine");
        assert_eq!(settings.uri().unwrap().query.auth_mechanism, None);
        settings.tls.certificate = Some("c".into());
        let uri = settings.uri().unwrap();
        assert_eq!(uri.query.auth_mechanism, Some(SASLMechanism::External));
        assert_eq!((uri.vhost.as_str(), uri.authority.port, uri.query.heartbeat), ("/pubsub", 5671, Some(60)));
    }

    #[test]
    fn an_ipv6_address_is_not_taken_for_localhost() {
        let uri = Settings::new("amqp://guest:guest@[fe80::1]:99/", "q").uri().unwrap();
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("fe80::1", 99));
        let uri = Settings::new("amqp://guest:a[b]c@broker/", "q").uri().unwrap();
        assert_eq!(uri.authority.host, "broker");
    }

    #[test]
    fn the_password_is_not_shown() {
        let shown = format!("{:?}", Settings::new("amqp://me:secret@broker/", "q"));
        assert!(shown.contains("broker") && !shown.contains("secret"), "{shown}");
    }
}
