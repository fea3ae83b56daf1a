//! Which external repositories is a tag joined with, and who is to be told when they are other ones?
//!
//! By Koji's rules (`getExternalRepoList`): those of the tag itself by their priority, then those of each tag in the order
//! of inheritance; one that is met again counts where it was met first. What they hold is not asked here.

use std::collections::BTreeSet;

use super::inheritance::Order;
use super::{Error, Tags};
use crate::model::{Arch, PackageName, TagName};
use crate::store::tag_settings::{self, ExternalRepo};
use crate::store::tags::{NOW, PackageState};
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx, Write, pkgsets, tag_links};

/// An external repository that counts for a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The tag that is joined with it: the tag itself, or one that it inherits from.
    pub via: TagName,
    /// What the hub says of it.
    pub repo: ExternalRepo,
}

/// What decides the repository that is merged of a tag's own and external ones, beside these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Externals {
    /// In the order in which they are preferred.
    pub repos: Vec<External>,
    /// Packages that are shut out of the tag.
    pub blocked: BTreeSet<PackageName>,
}

impl Tags {
    /// Returns the external repositories that a tag is joined with now, and the packages that it shuts out; `None` for
    /// a tag that is not there.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn externals(&self, tag: &TagName) -> Result<Option<Externals>, Error> {
        let Some(links) = self.buildsys.facts(tag, Some(&[]), NOW).await? else { return Ok(None) };
        let order = Order::of(&links);
        let (mut repos, mut named): (Vec<External>, BTreeSet<PackageName>) = Default::default();
        let mut tx = self.db.read().await?;
        for via in order.tags() {
            let Some(known) = tag_settings::known(&mut tx, self.buildsys.id(), via).await? else { continue };
            for repo in tag_settings::external_repos(&mut tx, known.id, NOW).await? {
                // The hub lets no two have one name.
                if !repos.iter().any(|before| before.repo.name == repo.name) {
                    repos.push(External { via: via.clone(), repo });
                }
            }
            named.extend(tag_settings::blocked(&mut tx, known.id, NOW).await?);
        }
        drop(tx);
        Ok(Some(Externals { repos, blocked: self.blocked(tag, named).await? }))
    }

    /// Returns which of some packages are blocked by the word that counts.
    async fn blocked(&self, tag: &TagName, named: BTreeSet<PackageName>) -> Result<BTreeSet<PackageName>, Error> {
        let named: Vec<PackageName> = named.into_iter().collect();
        if named.is_empty() {
            return Ok(BTreeSet::new());
        }
        let Some(facts) = self.buildsys.facts(tag, Some(&named), NOW).await? else { return Ok(BTreeSet::new()) };
        let words = Order::of(&facts).words(&facts).into_iter();
        Ok(words.filter(|(_, state)| *state == PackageState::Blocked).map(|(package, _)| package).collect())
    }

    /// Wakes the merged repositories of a tag, where its follow rule wants any.
    pub(super) async fn wake_merged(&self, tx: &mut Write, tag: &TagName, arches: &[Arch]) -> Result<(), store::Error> {
        let Some(rule) = self.config.follow.for_tag(tag).filter(|rule| rule.merges()) else { return Ok(()) };
        let arches = rule.repos_of(arches).arches;
        let wake_ups: Vec<(&str, &str)> = arches.iter().map(|arch| (tag.as_str(), arch.as_str())).collect();
        wakeups::wake_each(tx, Room::Merged, &wake_ups, self.clock.micros()).await
    }

    /// Wakes the merged repositories of all tags that may inherit the external repositories of this one.
    pub(super) async fn wake_joined(&self, tx: &mut Write, tag: &TagName) -> Result<(), store::Error> {
        let Some(known) = tag_settings::known(tx, self.buildsys.id(), tag).await? else { return Ok(()) };
        for dependent in tag_links::dependents(tx, known.id).await? {
            // One without a set is woken with its first.
            if let Some(arches) = arches(tx, &dependent).await? {
                self.wake_merged(tx, &dependent, &arches).await?;
            }
        }
        Ok(())
    }
}

/// Returns the arches of a tag's newest set.
async fn arches(tx: &mut Tx, tag: &TagName) -> Result<Option<Vec<Arch>>, store::Error> {
    Ok(pkgsets::heads(tx, Some(tag)).await?.pop().map(|head| head.arches))
}
