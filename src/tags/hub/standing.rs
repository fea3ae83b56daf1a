//! Does the hub answer? What is told of it in status and metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Follower;
use crate::buildsys::koji::ReadError;
use crate::model::chain;
use crate::tags::{Error, Tags};

/// How a hub stands, as the running service knows it. Times are in microseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When it last gave an answer that could be used.
    pub answered_at: Option<i64>,
    /// Since when it has given none, though it was asked: all sets are those of then.
    pub stale_since: Option<i64>,
    /// What was wrong the last time, while it is.
    pub problem: Option<String>,
    /// How many rows were found to be other ones than messages had told of.
    pub repaired: u64,
    /// Tags of which rows are missed, so that they stay as they are until two answers agree.
    pub doubted: Vec<String>,
}

impl Follower {
    /// Notes whether the hub answered.
    pub(super) fn note<T>(&self, answer: &Result<T, Error>, now: i64) {
        let standing = &mut self.state().standing;
        match answer {
            Err(Error::Hub(error @ (ReadError::Hub(_) | ReadError::Contradiction { .. }))) => {
                standing.stale_since.get_or_insert(standing.answered_at.unwrap_or(now));
                standing.problem = Some(chain(error));
            }
            Err(Error::Store(_) | Error::Buildsys(_)) => {}
            Ok(_) | Err(_) => {
                standing.answered_at = Some(now);
                (standing.stale_since, standing.problem) = (None, None);
            }
        }
    }
}

impl Tags {
    /// Returns how many calls were asked of the hub since the start, by method; none without one.
    pub fn hub_calls(&self) -> BTreeMap<&'static str, u64> {
        self.hub().map(|hub| hub.koji.hub().calls()).unwrap_or_default()
    }

    /// Returns how the hub stands as this process knows it; `None` without one.
    pub fn standing(&self) -> Option<Standing> {
        let state = self.hub()?.state();
        let doubted = state.doubts.keys().map(ToString::to_string).collect();
        Some(Standing { doubted, ..state.standing.clone() })
    }
}
