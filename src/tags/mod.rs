//! What does a tag mean? Messages and commands in, package set revisions out.
//!
//! This room owns the transaction that a message, a request or a command causes, so that all doors
//! are one. It writes no repository and reads no RPM: it wakes the next room with a key.

mod ask;
mod circle;
mod difference;
mod edit;
mod explain;
mod external;
mod files;
mod forms;
#[cfg(test)]
mod histories;
mod hub;
mod import;
mod inheritance;
mod pkgset;
mod put_off;
mod receive;
mod reconcile;
mod select;
mod standing;
#[cfg(test)]
mod tests;
mod told;
mod trust;
mod turn;
mod wait;

use std::sync::Arc;

use crate::buildsys::koji::{Koji, ReadError};
use crate::buildsys::{self, BuildSystem, Local};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::lifecycle::Bell;
use crate::model::TagName;
use crate::rpms::VerifyError;
use crate::store::tags::{self as rows, TagRow};
use crate::store::{self, Db, Tx, Write, pkgsets, tag_links, wakeups};
use put_off::PutOff;

pub use difference::{Change, Difference, Differences, difference};
pub use edit::{EditError, LinkEdit, TagEdit};
pub use explain::{
    Explanation, LeftLink, Pending, SetEntry, Standing as TagStanding, Tagging, Unverified, Verdict, Way, Word,
};
pub use external::{External, Externals};
pub use hub::{Checked, Standing};
pub use import::ImportReport;
pub use inheritance::{Left, LeftFor, Order, Visit};
pub use receive::{Incoming, Outcome};
pub use select::{Candidate, candidates};
pub use trust::check_keys;
pub use wait::Prospect;

/// What can go wrong with tags.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The build system did not answer.
    #[error(transparent)]
    Buildsys(#[from] buildsys::Error),
    /// Builds are a hub's.
    #[error("builds are those of the Koji hub {0}: nothing can be imported")]
    NotOurs(String),
    /// The hub did not answer, or its answer cannot be used.
    #[error(transparent)]
    Hub(#[from] ReadError),
    /// Signatures cannot be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The hub left rows out without a word why; it is to be asked again.
    #[error("the hub no longer has {count} rows of {tag} and its ancestors, and nothing says why: {first} for one")]
    Doubtful {
        /// The tag that was asked about.
        tag: TagName,
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
    /// Others kept changing the same rows meanwhile.
    #[error("what the hub says of {0} was overtaken again and again")]
    Overtaken(TagName),
}

impl From<buildsys::koji::Error> for Error {
    fn from(error: buildsys::koji::Error) -> Self {
        Self::Hub(error.into())
    }
}

/// Rings when there is work for a room.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    /// A hub to ask.
    pub hub: Bell,
    /// Builds whose files are to be found out about.
    pub files: Bell,
    /// Tags to reconcile.
    pub tags: Bell,
    /// Repositories to reconcile.
    pub repos: Bell,
    /// Merged repositories to look at.
    pub merged: Bell,
    /// Messages to send.
    pub outbox: Bell,
}

/// The room of tags. Cheap to clone.
#[derive(Clone)]
pub struct Tags {
    pub(crate) db: Db,
    pub(crate) buildsys: Arc<dyn BuildSystem>,
    kind: Kind,
    keyrings: trust::Keyrings,
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) bells: Bells,
    put_off: PutOff,
}

/// Whose tags they are.
#[derive(Clone)]
enum Kind {
    /// Ours: messages and commands change them.
    Local(Local),
    /// A hub's: messages are hints to ask it.
    Hub(Arc<hub::Follower>),
}

impl Tags {
    /// Returns the room over the local build system.
    pub fn new(db: Db, local: Local, config: Arc<Config>, clock: Clock, bells: Bells) -> Self {
        let kind = Kind::Local(local.clone());
        let (keyrings, put_off) = (trust::Keyrings::default(), PutOff::default());
        Self { db, buildsys: Arc::new(local), kind, keyrings, config, clock, bells, put_off }
    }

    /// Returns the room over a Koji hub, asked in the way of `settings`.
    pub fn of_hub(db: Db, koji: Koji, settings: config::Koji, config: Arc<Config>, clock: Clock, bells: Bells) -> Self {
        let kind = Kind::Hub(Arc::new(hub::Follower::new(koji.clone(), settings)));
        let (keyrings, put_off) = (trust::Keyrings::default(), PutOff::default());
        Self { db, buildsys: Arc::new(koji), kind, keyrings, config, clock, bells, put_off }
    }

    /// Returns the local build system, if that is the one.
    fn local(&self) -> Option<&Local> {
        match &self.kind {
            Kind::Local(local) => Some(local),
            Kind::Hub(_) => None,
        }
    }

    /// Returns the hub that is followed, if one is.
    fn hub(&self) -> Option<&hub::Follower> {
        match &self.kind {
            Kind::Local(_) => None,
            Kind::Hub(hub) => Some(hub),
        }
    }

    /// Wakes every followed tag whose set may depend on `tag`, for one package or, where `part` is
    /// empty, whole; for an event of the local build system.
    async fn wake_dependents(&self, tx: &mut Write, tag: &TagRow, part: &str, event: i64) -> Result<(), store::Error> {
        let caused = rows::second_of(event).saturating_mul(1_000_000);
        self.wake_dependents_each(tx, (tag.id, &tag.name), &[part], Some(caused)).await
    }

    /// Wakes every followed tag whose set may depend on this one, for each of these packages, of which none may be named
    /// twice; for something that happened at `caused`, see [`wakeups::WakeUp::caused`]. Of very many packages only the
    /// tag itself is woken for each, if they are few of its own: each of hundreds that inherit from it would have all.
    async fn wake_dependents_each(
        &self,
        tx: &mut Write,
        (tag_id, tag): (i64, &TagName),
        parts: &[&str],
        caused: Option<i64>,
    ) -> Result<(), store::Error> {
        let builds = match ask::is_for_whole(parts.len(), 0) {
            true => pkgsets::newest_size(tx, tag).await?.map_or(0, |(_, builds)| builds),
            false => 0,
        };
        let dependents = tag_links::dependents(tx, tag_id).await?;
        let mut wake_ups: Vec<(&str, &str)> = Vec::new();
        for dependent in dependents.iter().filter(|tag| self.config.follow.for_tag(tag).is_some()) {
            let is_whole = ask::is_for_whole(parts.len(), if dependent == tag { builds } else { 0 });
            let parts = if is_whole { &[""] } else { parts };
            wake_ups.extend(parts.iter().map(|part| (dependent.as_str(), *part)));
        }
        wakeups::wake_for(tx, wakeups::Room::Tags, &wake_ups, self.clock.micros(), caused).await
    }

    /// Returns all tags that a follow rule matches.
    pub async fn followed(&self, tx: &mut Tx) -> Result<Vec<TagName>, store::Error> {
        let all = rows::all(tx, self.buildsys.id()).await?.into_iter().map(|tag| tag.name);
        Ok(all.filter(|tag| self.config.follow.for_tag(tag).is_some()).collect())
    }

    /// Returns the tags that a tag inherits from, the nearest first: whose sets and repositories are likely
    /// to be much like its own. None for a tag that is not there.
    pub async fn neighbours(&self, tag: &TagName) -> Result<Vec<TagName>, Error> {
        let Some(links) = self.buildsys.facts(tag, Some(&[]), rows::NOW).await? else { return Ok(Vec::new()) };
        Ok(Order::of(&links).tags().into_iter().skip(1).cloned().collect())
    }

    /// Wakes every followed tag whole: at start, since anything may have changed meanwhile.
    pub async fn wake_all(&self) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let tags = self.followed(&mut tx).await?;
        let wake_ups: Vec<(&str, &str)> = tags.iter().map(|tag| (tag.as_str(), "")).collect();
        wakeups::wake_each(&mut tx, wakeups::Room::Tags, &wake_ups, self.clock.micros()).await?;
        tx.commit().await?;
        self.bells.tags.ring();
        Ok(())
    }
}
