//! How do messages reach the broker? One after the other, each confirmed before it counts as sent.
//!
//! After a crash, or where a confirm did not come, a message is sent again with the same id. One that
//! the broker forbids is parked with its reason and holds up no other.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bus::{self, PublishError, Publisher};
use crate::lifecycle::Bell;
use crate::model::chain;
use crate::store::outbox::{self, OutMessage, OutState};
use crate::store::{self, Db};

/// How many messages are read at a time.
const BATCH: i64 = 200;

/// Longest wait without a ring: another process may have written a message.
const LOOK: Duration = Duration::from_secs(1);

/// Longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Brings messages to the broker.
#[derive(Debug)]
pub struct Drain {
    /// Where the messages are.
    pub db: Db,
    /// The broker; `None` where none is configured: messages then only stand in the outbox.
    pub publisher: Option<Publisher>,
    /// What is put before each topic, such as `org.example.prod`; empty for nothing.
    pub topic_prefix: String,
    /// Rings when there is a new message.
    pub bell: Bell,
}

impl Drain {
    /// Sends what is pending, until cancelled.
    pub async fn run(self, cancel: CancellationToken) {
        let mut pause = Duration::ZERO;
        while !cancel.is_cancelled() {
            pause = match self.batch().await {
                Ok(()) => Duration::ZERO,
                Err(error) => {
                    let next = (pause * 2).clamp(Duration::from_millis(250), LONGEST_PAUSE);
                    tracing::warn!(error = %chain(&*error), "messages wait; next try in {} ms", next.as_millis());
                    next
                }
            };
            let wait = async {
                match pause {
                    Duration::ZERO => self.bell.heard(LOOK).await,
                    pause => tokio::time::sleep(pause).await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                () = wait => {}
            }
        }
    }

    /// Sends all that is pending now; the error is that of the first message that has to wait.
    async fn batch(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        loop {
            let pending = outbox::pending(&mut self.db.read().await?, BATCH).await?;
            if pending.is_empty() {
                return Ok(());
            }
            for row in pending {
                self.send(row).await?;
            }
        }
    }

    async fn send(&self, row: OutMessage) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let sequence = row.sequence;
        let Some(publisher) = &self.publisher else {
            return Ok(self.settle(sequence, OutState::Sent, None).await?);
        };
        let message = self.outgoing(row)?;
        let topic = message.routing_key.clone();
        match publisher.publish(message).await {
            Ok(()) => self.settle(sequence, OutState::Sent, None).await?,
            Err(PublishError::Forbidden { reason }) => {
                tracing::error!(topic, reason, "the broker forbids {topic}; the message is parked");
                self.settle(sequence, OutState::Parked, Some(&reason)).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn outgoing(&self, row: OutMessage) -> Result<bus::Outgoing, store::Error> {
        let body = row.body.clone().into_bytes();
        let message = super::message(row)?;
        let routing_key = match self.topic_prefix.as_str() {
            "" => message.topic,
            prefix => format!("{prefix}.{}", message.topic),
        };
        Ok(bus::Outgoing { routing_key, message_id: message.id, headers: message.headers, body, priority: None })
    }

    async fn settle(&self, sequence: i64, state: OutState, reason: Option<&str>) -> Result<(), store::Error> {
        let mut tx = self.db.write().await?;
        outbox::settle(&mut tx, sequence, state, reason).await?;
        tx.commit().await
    }
}
