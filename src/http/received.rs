//! How many messages came in since the start, by door and by what became of them?
//!
//! These only rise. The rows of the inbox are forgotten after a while, so no counter is made of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::inbox::Door;
use crate::tags::Outcome;

/// The doors of a service; commands are processes of their own, and end before anybody could read.
const DOORS: [Door; 2] = [Door::Amqp, Door::Http];

/// What can become of a message: the words of [`Outcome::word`], and one for what was turned away.
const WORDS: [&str; 8] =
    ["applied", "waiting", "refused", "quarantined", "duplicate", "unfollowed", "ignored", INVALID];

/// A message that could not be understood and was not kept.
pub(super) const INVALID: &str = "invalid";

/// Counters of the messages that this process received. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<[[AtomicU64; WORDS.len()]; DOORS.len()]>);

impl Received {
    /// Counts a message that was taken in.
    pub fn count(&self, door: Door, outcome: &Outcome) {
        self.count_word(door, outcome.word());
    }

    pub(super) fn count_word(&self, door: Door, word: &str) {
        let door = DOORS.iter().position(|known| *known == door);
        let word = WORDS.iter().position(|known| *known == word);
        if let (Some(door), Some(word)) = (door, word) {
            self.0[door][word].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns door, word and number of each counter.
    pub(super) fn read(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut list = Vec::new();
        for (door, counters) in DOORS.iter().zip(self.0.iter()) {
            for (word, counter) in WORDS.iter().zip(counters) {
                list.push((door.name(), *word, counter.load(Ordering::Relaxed)));
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::inbox::InboxState;

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        let (reason, nvr) = (String::new(), "a-1-1".parse().unwrap());
        let outcomes = [
            Outcome::Applied,
            Outcome::Waiting { nvr },
            Outcome::Refused { reason: reason.clone() },
            Outcome::Quarantined { reason: reason.clone() },
            Outcome::Duplicate { first: InboxState::Applied },
            Outcome::Unfollowed { tag: reason.clone() },
            Outcome::Ignored { topic: reason },
        ];
        let received = Received::default();
        for outcome in &outcomes {
            received.count(Door::Amqp, outcome);
        }
        received.count_word(Door::Http, INVALID);
        let counted: Vec<_> = received.read().into_iter().filter(|(_, _, count)| *count == 1).collect();
        assert_eq!(counted.len(), WORDS.len());
        assert!(counted.contains(&("http", "invalid", 1)) && counted.contains(&("amqp", "ignored", 1)));
    }
}
