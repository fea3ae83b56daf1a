//! Will a build come into a tag's set, and if not, why never? For those who wait.

use super::select::FILES;
use super::trust::VERIFY;
use super::{Error, Order, Tags};
use crate::buildsys::Facts;
use crate::model::{Nvr, TagName};
use crate::store::builds::{self, BuildState};
use crate::store::pkgsets::{self, Revision};
use crate::store::tags::NOW;
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx};

/// How a build stands to a tag's set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prospect {
    /// It is in the set, since this revision at the latest.
    InSet {
        /// The newest revision.
        revision: i64,
    },
    /// It is not in it, and may still come.
    Pending,
    /// It will not come by itself.
    Never {
        /// One word: `not-followed`, `no-tag`, `held`, `blocked`, `superseded`, `deleted`.
        word: &'static str,
        /// Why.
        reason: String,
    },
}

impl Prospect {
    fn never(word: &'static str, reason: String) -> Self {
        Self::Never { word, reason }
    }
}

impl Tags {
    /// Returns how `nvr` stands to the set of `tag`.
    ///
    /// A build that is not imported or not tagged yet may still come. One that is tagged and yet not in
    /// an up-to-date set is held, blocked or superseded.
    pub async fn prospect(&self, tag: &TagName, nvr: &Nvr) -> Result<Prospect, Error> {
        if self.config.follow.for_tag(tag).is_none() {
            return Ok(Prospect::never("not-followed", format!("no follow rule matches tag {tag}")));
        }
        let facts = self.buildsys.facts(tag, Some(std::slice::from_ref(nvr.name())), NOW).await?;
        let mut tx = self.db.read().await?;
        let newest = pkgsets::newest(&mut tx, tag).await?;
        if let Some(revision) = &newest
            && self.in_revision(&mut tx, revision, nvr).await?
        {
            return Ok(Prospect::InSet { revision: revision.number });
        }
        if self.is_to_be_asked(&mut tx, tag, facts.as_ref()).await? {
            return Ok(Prospect::Pending);
        }
        let Some(facts) = facts else { return Ok(Prospect::never("no-tag", format!("there is no tag {tag}"))) };
        if newest.is_none() || !wakeups::of(&mut tx, Room::Tags, tag.as_str()).await?.is_empty() {
            return Ok(Prospect::Pending);
        }
        let Some(build) = builds::by_nvr(&mut tx, self.buildsys.id(), nvr).await? else { return Ok(Prospect::Pending) };
        if build.state == BuildState::Deleted {
            return Ok(Prospect::never("deleted", format!("{nvr} was deleted")));
        }
        let order = Order::of(&facts);
        let in_tag = |tag: &&TagName| {
            let taggings = facts.tags.get(*tag).map_or(&[][..], |tag| &tag.taggings);
            taggings.iter().any(|tagging| tagging.build_id == build.id)
        };
        if !order.tags().iter().any(in_tag) {
            return Ok(Prospect::Pending);
        }
        if let Some(held) = pkgsets::held(&mut tx, tag).await?.into_iter().find(|held| held.nvr == nvr.to_string()) {
            if held.reason.starts_with(FILES) || is_to_be_verified(&mut tx, build.id).await? {
                return Ok(Prospect::Pending);
            }
            return Ok(Prospect::never("held", format!("{nvr} is held: {}", held.reason)));
        }
        if !order.packages(&facts).contains(nvr.name()) {
            return Ok(Prospect::never(
                "blocked",
                format!("package {} is blocked in or not listed for {tag}", nvr.name()),
            ));
        }
        Ok(Prospect::never("superseded", format!("{tag} has another build of {} that is later", nvr.name())))
    }

    /// Returns whether a hub is still to be asked about a tag, or about one that it inherits from.
    async fn is_to_be_asked(&self, tx: &mut Tx, tag: &TagName, facts: Option<&Facts>) -> Result<bool, store::Error> {
        let order = facts.map(Order::of);
        let ancestors = order.iter().flat_map(|order| order.tags());
        for tag in std::iter::once(tag).chain(ancestors) {
            if !wakeups::of(tx, Room::Hub, tag.as_str()).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether a revision's set holds a build.
    pub async fn in_revision(&self, tx: &mut Tx, revision: &Revision, nvr: &Nvr) -> Result<bool, store::Error> {
        let behind = revision.chunks.partition_point(|chunk| chunk.first <= *nvr.name());
        let Some(chunk) = behind.checked_sub(1).and_then(|at| revision.chunks.get(at)) else { return Ok(false) };
        let chunks = pkgsets::chunks(tx, &[chunk.digest]).await?;
        Ok(chunks.iter().flat_map(|chunk| &chunk.builds).any(|build| build.nvr == *nvr))
    }
}

/// Returns whether signatures of a build are still to be looked at.
async fn is_to_be_verified(tx: &mut Tx, build_id: i64) -> Result<bool, store::Error> {
    let woken = wakeups::of(tx, Room::Files, &build_id.to_string()).await?;
    Ok(woken.iter().any(|wake_up| wake_up.part.starts_with(VERIFY)))
}
