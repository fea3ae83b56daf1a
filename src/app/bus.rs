//! How does the broker's door open into the house? Settings carried over, deliveries handed in.

use crate::bus::{Delivery, Handler, Queue, Settings, Tls, Verdict};
use crate::config;
use crate::http::Received;
use crate::model::chain;
use crate::store::inbox::Door;
use crate::tags::{Incoming, Tags};

/// Returns the bus's settings as the configuration has them.
pub(super) fn settings(bus: &config::Bus, body_limit: u64) -> Settings {
    let (certificate, key) = match &bus.identity {
        Some(identity) => (Some(identity.cert.clone()), Some(identity.key.clone())),
        None => (None, None),
    };
    let mut settings = Settings::new(bus.url.expose(), &bus.queue);
    settings.tls = Tls { ca: bus.ca.clone(), certificate, key };
    settings.exchange = bus.exchange.clone();
    settings.publish_exchange = bus.publish_exchange.clone();
    settings.queue = Queue {
        name: bus.queue.clone(),
        bindings: bus.bindings.clone(),
        passive: bus.passive_declares,
        durable: true,
        ..Queue::default()
    };
    settings.heartbeat = u16::try_from(bus.heartbeat.as_secs()).unwrap_or(u16::MAX);
    settings.prefetch = bus.prefetch.get();
    settings.body_limit = usize::try_from(body_limit).unwrap_or(usize::MAX);
    settings.connect_timeout = bus.answer_within;
    settings.reply_timeout = bus.answer_within;
    settings.probe_every = bus.probe_every;
    settings.pause_min = bus.backoff_min;
    settings.pause_max = bus.backoff_max;
    settings
}

/// Hands deliveries to the room of tags; acknowledged once their effect is durable.
pub(super) struct Inward {
    /// Where messages take effect.
    pub tags: Tags,
    /// Where they are counted.
    pub received: Received,
}

impl Handler for Inward {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        match self.tags.receive(&incoming(delivery)).await {
            Ok(outcome) => {
                self.received.count(Door::Amqp, &outcome);
                Verdict::Ack
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "a message waits: its effect cannot be stored now");
                Verdict::TryLater
            }
        }
    }

    async fn handle_together(&self, deliveries: &[&Delivery]) -> bool {
        let messages: Vec<Incoming<'_>> = deliveries.iter().map(|delivery| incoming(delivery)).collect();
        match self.tags.receive_together(&messages).await {
            Ok(outcomes) => {
                outcomes.iter().for_each(|outcome| self.received.count(Door::Amqp, outcome));
                true
            }
            // Each is tried by itself, and says what is wrong.
            Err(_) => false,
        }
    }
}

fn incoming(delivery: &Delivery) -> Incoming<'_> {
    Incoming {
        door: Door::Amqp,
        topic: &delivery.routing_key,
        message_id: delivery.message_id.as_deref(),
        headers: &delivery.headers,
        body: &delivery.body,
        cut: delivery.cut.as_ref().map(|cut| (cut.size, cut.digest)),
        force: false,
    }
}
