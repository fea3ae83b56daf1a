//! How do a hub's tags stay right? Messages mark what is to be asked; the hub is asked; its rows are applied.
//!
//! A message is never the state: it marks a tag or one package of it ([`mark`]), durable before it is acknowledged.
//! Once the tag is quiet the hub is asked ([`ask`], [`run`]). What no message tells of is found by probes ([`probe`])
//! and by checks of all rows. What the rows amount to is decided elsewhere.

mod ask;
mod mark;
mod probe;
mod run;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::buildsys::koji::Koji;
use crate::config;
use crate::model::{PackageName, TagName};
use crate::store::mirror::Doubt;

use super::Tags;
pub use ask::Checked;
pub(super) use mark::{Marked, Marks};
pub use standing::Standing;

/// The hub that is followed, and what is remembered of it while this process runs.
pub(super) struct Follower {
    koji: Koji,
    settings: config::Koji,
    state: Mutex<State>,
}

impl Tags {
    /// Returns past how many packages or builds of a tag that are asked for together the hub is asked about all of it;
    /// `None` without a hub.
    pub(super) fn whole_from(&self) -> Option<usize> {
        Some(self.hub()?.settings.whole_from.get() as usize)
    }

    /// Returns from how many packages of a tag on that wait together it is a burst, and how long that may wait; `None`
    /// without a hub.
    pub(super) fn burst(&self) -> Option<(usize, Duration)> {
        let settings = &self.hub()?.settings;
        Some((settings.burst_from.get() as usize, settings.burst_at_latest))
    }
}

/// All of it can be lost: a new process begins with a look at everything.
#[derive(Default)]
struct State {
    standing: Standing,
    /// Rows that were missed without a word why, by the tag that was asked about.
    doubts: BTreeMap<TagName, Doubt>,
    /// What is to be asked beside what messages marked.
    wanted: BTreeMap<TagName, Wanted>,
    /// When all rows of a tag were compared last, in microseconds.
    checked: BTreeMap<TagName, i64>,
    probed: probe::Memory,
}

/// Something to ask about a tag, and what it was found by.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    scope: Scope,
    by: FoundBy,
}

/// What of a tag is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// Its rows, and those of ancestors that are not known yet.
    Own,
    /// Its rows, and those of all its ancestors.
    Chain,
    /// The rows of these packages.
    Packages(BTreeSet<PackageName>),
}

impl Scope {
    /// Returns what asks for both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Packages(mut some), Self::Packages(more)) => {
                some.extend(more);
                Self::Packages(some)
            }
            (Self::Chain, _) | (_, Self::Chain) => Self::Chain,
            _ => Self::Own,
        }
    }
}

/// By what a difference between our rows and the hub's was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FoundBy {
    /// A message said so.
    Message,
    /// The service began: messages may still wait at the broker.
    Start,
    /// The hub was asked what happened lately.
    Probe,
    /// All rows of a tag were compared, as they are from time to time.
    Check,
    /// All rows were compared since the link to the broker was lost.
    Reconnect,
    /// Somebody asked for it.
    Command,
}

impl FoundBy {
    /// Returns the word for it in messages and metrics.
    fn word(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Start => "start",
            Self::Probe => "probe",
            Self::Check => "check",
            Self::Reconnect => "reconnect",
            Self::Command => "command",
        }
    }

    /// Returns whether what is found by it should have been known before.
    fn is_repair(self) -> bool {
        !matches!(self, Self::Message | Self::Start)
    }
}

impl Follower {
    pub(super) fn new(koji: Koji, settings: config::Koji) -> Self {
        Self { koji, settings, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks about a tag as soon as may be.
    fn want(&self, tag: TagName, scope: Scope, by: FoundBy) {
        let mut state = self.state();
        let wanted = match state.wanted.remove(&tag) {
            Some(before) => Wanted { scope: before.scope.and(scope), by: before.by.max(by) },
            None => Wanted { scope, by },
        };
        state.wanted.insert(tag, wanted);
    }
}
