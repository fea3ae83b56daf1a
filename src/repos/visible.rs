//! Would a fresh client see a build? For those who wait for it.

use super::{Error, Repos};
use crate::config::Live;
use crate::model::{Arch, Nvr, RepoName, TagName};
use crate::store::generations;
use crate::store::pkgsets;
use crate::tags::Prospect;

/// How a build stands to the repositories of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// Every repository asked for shows a set that holds it.
    Visible,
    /// Not yet.
    Pending,
    /// It will not come by itself.
    Never {
        /// One word: `not-followed`, `no-repository`, `no-arch`, `no-tag`, `held`, `blocked`, `superseded`,
        /// `deleted`.
        word: &'static str,
        /// Why.
        reason: String,
    },
}

impl Repos {
    /// Returns whether a fresh client would see `nvr` in the repositories of `tag`: in all of them, or,
    /// where arches are named, in those of these arches.
    pub async fn visible(&self, tag: &TagName, nvr: &Nvr, arches: &[Arch]) -> Result<Visibility, Error> {
        let never = |word, reason| Ok(Visibility::Never { word, reason });
        let Some(rule) = self.config.follow.for_tag(tag) else {
            return never("not-followed", format!("no follow rule matches tag {tag}"));
        };
        if rule.live == Live::Never {
            return never("no-repository", format!("tag {tag} is followed without repositories"));
        }
        match self.tags.prospect(tag, nvr).await? {
            Prospect::InSet { .. } => {}
            Prospect::Pending => return Ok(Visibility::Pending),
            Prospect::Never { word, reason } => return never(word, reason),
        }
        let mut tx = self.db.read().await?;
        let Some(revision) = pkgsets::newest(&mut tx, tag).await? else { return Ok(Visibility::Pending) };
        let names = rule.repos_of(&revision.arches).names();
        if let Some(stranger) = arches.iter().find(|arch| !names.contains(&RepoName::Binary((*arch).clone()))) {
            return never("no-arch", format!("tag {tag} has no repository for {stranger}"));
        }
        let wanted = |name: &&RepoName| match name {
            RepoName::Binary(arch) | RepoName::Debug(arch) => arches.is_empty() || arches.contains(arch),
            RepoName::Source => arches.is_empty(),
        };
        for name in names.iter().filter(wanted) {
            let Some(shown) = generations::current(&mut tx, tag, name).await? else { return Ok(Visibility::Pending) };
            let Some(set) = pkgsets::numbered(&mut tx, tag, shown.revision).await? else {
                return Ok(Visibility::Pending);
            };
            if !self.tags.in_revision(&mut tx, &set, nvr).await? {
                return Ok(Visibility::Pending);
            }
        }
        Ok(Visibility::Visible)
    }
}
