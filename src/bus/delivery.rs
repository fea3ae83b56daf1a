//! What is handed to the one who understands messages, and what may be answered?

use std::future::Future;

use lapin::message;
use serde_json::{Map, Value};

use super::headers;
use crate::model::Blake3;

/// How much of a body is kept when it is cut, in bytes.
pub(super) const HEAD: usize = 64 * 1024;

/// One message as it came from the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The routing key; in fedora-messaging, the topic.
    pub routing_key: String,
    /// The exchange it was published to.
    pub exchange: String,
    /// The publisher's id of the message, a UUID by fedora-messaging's rule; nobody enforces it.
    pub message_id: Option<String>,
    /// The headers. Text that is not UTF-8 has replacement characters, and numbers that JSON has not
    /// (NaN, infinities) are text. A message whose properties are malformed, or nested deeper than
    /// eight tables, comes without id and headers.
    pub headers: Map<String, Value>,
    /// The content type, `application/json` by fedora-messaging's rule.
    pub content_type: Option<String>,
    /// The content encoding, `utf-8` by fedora-messaging's rule.
    pub content_encoding: Option<String>,
    /// Whether the broker has handed this message out before.
    pub redelivered: bool,
    /// The body; only its first 64 KiB if [`Delivery::cut`] is set.
    pub body: Vec<u8>,
    /// Set when the body was longer than [`super::Settings::body_limit`].
    pub cut: Option<Cut>,
}

/// What is left of a body that was too long to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Length of the whole body, in bytes.
    pub size: u64,
    /// Digest of the whole body.
    pub digest: Blake3,
}

/// What the handler made of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect, or its quarantine, is durable: the broker may forget it.
    Ack,
    /// Not now (the database is away). The message stays in hand and is given again after a pause
    /// that grows; those behind it wait, so their order is kept. It is not put back to the broker,
    /// which would change the order and, on quorum queues, drop it after some twenty returns.
    TryLater,
}

/// The one who understands messages.
pub trait Handler: Send + Sync + 'static {
    /// Makes the message's effect durable, then answers.
    ///
    /// Called for one message at a time, in the broker's order. May be called again for the same
    /// message at any time, and its future is dropped when the link breaks (to be called once more at
    /// once), so the effect must be one transaction keyed by the message's id. A panic is caught: the message goes
    /// back to the broker after a pause, so that those behind it can pass.
    fn handle(&self, delivery: &Delivery) -> impl Future<Output = Verdict> + Send;

    /// Makes the effects of several messages durable at once, in the broker's order: a burst then waits for the disk
    /// some hundred times and not ten thousands. Returns whether that was done; where it was not, nothing was, and
    /// each is given to [`Handler::handle`].
    fn handle_together(&self, deliveries: &[&Delivery]) -> impl Future<Output = bool> + Send;
}

impl Delivery {
    /// Takes over what lapin received, cutting the body if it is longer than `limit` bytes.
    pub(super) fn from_lapin(received: message::Delivery, limit: usize) -> Self {
        let properties = &received.properties;
        let text = |field: &Option<lapin::types::ShortString>| field.as_ref().map(ToString::to_string);
        let mut delivery = Self {
            routing_key: received.routing_key.to_string(),
            exchange: received.exchange.to_string(),
            message_id: text(properties.message_id()),
            headers: properties.headers().as_ref().map(headers::to_json).unwrap_or_default(),
            content_type: text(properties.content_type()),
            content_encoding: text(properties.content_encoding()),
            redelivered: received.redelivered,
            body: received.data,
            cut: None,
        };
        delivery.cut_to(limit);
        delivery
    }

    fn cut_to(&mut self, limit: usize) {
        if self.body.len() <= limit {
            return;
        }
        self.cut = Some(Cut { size: self.body.len() as u64, digest: Blake3::of(&self.body) });
        // A new allocation: shrinking in place may keep the large one.
        self.body = self.body.iter().take(HEAD).copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(body: Vec<u8>) -> message::Delivery {
        message::Delivery::mock(1, "amq.topic".into(), "a.b".into(), true, body)
    }

    #[test]
    fn a_body_within_the_limit_is_kept_as_it_is() {
        let delivery = Delivery::from_lapin(received(vec![7; 100]), 100);
        assert_eq!((delivery.body.len(), delivery.cut), (100, None));
        assert_eq!((delivery.exchange.as_str(), delivery.routing_key.as_str()), ("amq.topic", "a.b"));
        assert!(delivery.redelivered && delivery.message_id.is_none() && delivery.headers.is_empty());
    }

    #[test]
    fn a_longer_body_leaves_its_digest_its_size_and_its_beginning() {
        let body: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        let delivery = Delivery::from_lapin(received(body.clone()), 100_000);
        assert_eq!(delivery.cut, Some(Cut { size: 200_000, digest: Blake3::of(&body) }));
        assert_eq!(delivery.body, body[..HEAD]);
        assert!(delivery.body.capacity() < 100_000, "the whole body's memory is given back");
    }
}
