//! How does the bus stand? What `/metrics`, `tannery status` and the reconciler read of it.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where the bus writes how it stands. Cheap to clone and to read.
#[derive(Debug, Clone)]
pub struct Status(watch::Sender<Snapshot>);

/// How the bus stands at one moment. Counters begin at zero with the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The connection that consumes.
    pub consumer: Link,
    /// The connection that publishes.
    pub publisher: Link,
    /// The queue's name, the broker's choice included.
    pub queue: String,
    /// Messages ready in the queue when it was last asked; those on their way to us not counted.
    pub queue_depth: Option<u32>,
    /// When the last message came, in seconds after 1970.
    pub last_message_at: Option<i64>,
    /// How often a consumer was set up; see [`Snapshot::may_have_missed`].
    pub connects: u64,
    /// How often the link that consumes ended, or did not come up.
    pub consumer_failures: u64,
    /// The same of the link that publishes.
    pub publisher_failures: u64,
    /// Messages received, repeats included.
    pub deliveries: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Verdicts "try later".
    pub tried_later: u64,
    /// Panics of the handler.
    pub panics: u64,
    /// Bodies cut for their length.
    pub cut: u64,
    /// Messages published and confirmed.
    pub published: u64,
    /// Messages that the broker did not take.
    pub publish_failures: u64,
}

/// How one connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "lowercase")]
pub enum Link {
    /// Not connected, and trying.
    Down {
        /// Since when, in seconds after 1970.
        since: i64,
        /// What ended the link or the last try, the whole chain of causes; none before the first.
        error: Option<String>,
    },
    /// Connected, everything declared.
    Up {
        /// Since when, in seconds after 1970.
        since: i64,
    },
    /// Ended on request.
    Stopped,
}

impl Snapshot {
    /// Returns whether a consumer was set up after the first `connects` of them, and messages may have been lost
    /// before: the queue may have been deleted meanwhile, or have overflowed.
    ///
    /// A first consumer that comes up at once has missed nothing.
    pub fn may_have_missed(&self, connects: u64) -> bool {
        self.connects > connects && (self.connects > 1 || self.consumer_failures > 0)
    }
}

impl Link {
    /// Returns whether the link stands.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// Notes a failure; the time since when it is down stays that of the first.
    pub(super) fn fail(&mut self, now: i64, error: String) {
        let since = if let Self::Down { since, .. } = self { *since } else { now };
        *self = Self::Down { since, error: Some(error) };
    }
}

impl Status {
    pub(super) fn new(queue: &str, now: i64) -> Self {
        let down = Link::Down { since: now, error: None };
        Self(watch::Sender::new(Snapshot {
            consumer: down.clone(),
            publisher: down,
            queue: queue.to_owned(),
            queue_depth: None,
            last_message_at: None,
            connects: 0,
            consumer_failures: 0,
            publisher_failures: 0,
            deliveries: 0,
            acked: 0,
            tried_later: 0,
            panics: 0,
            cut: 0,
            published: 0,
            publish_failures: 0,
        }))
    }

    /// Returns how the bus stands now.
    pub fn read(&self) -> Snapshot {
        self.0.borrow().clone()
    }

    /// Returns a receiver that wakes at every change.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Snapshot)) {
        self.0.send_modify(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_down_since_the_first_failure_and_shows_the_last() {
        let mut link = Link::Up { since: 5 };
        link.fail(10, "cut".to_owned());
        link.fail(20, "refused".to_owned());
        assert_eq!(link, Link::Down { since: 10, error: Some("refused".to_owned()) });
        assert!(!link.is_up());
    }

    #[test]
    fn every_consumer_but_one_that_came_up_at_once_may_have_missed_messages() {
        let missed = |connects, consumer_failures, seen| {
            let mut now = Status::new("q", 1).read();
            (now.connects, now.consumer_failures) = (connects, consumer_failures);
            now.may_have_missed(seen)
        };
        assert!(!missed(0, 3, 0), "still on the way");
        assert!(!missed(1, 0, 0));
        assert!(missed(1, 1, 0), "the broker was away when we started");
        assert!(missed(2, 1, 1) && missed(4, 3, 1));
        assert!(!missed(2, 1, 2), "seen before");
    }

    #[test]
    fn a_reader_sees_what_was_noted() {
        let status = Status::new("q", 1);
        let reader = status.subscribe();
        status.note(|now| now.deliveries += 1);
        assert!(reader.has_changed().unwrap());
        assert_eq!(status.read().deliveries, 1);
    }
}
