//! What becomes of a repository that nobody wants any more? It stays as it was last shown for a configured time, then it
//! is removed, and the world is told.
//!
//! Nobody wants it where no follow rule asks for it, where the build system has its tag no more, or the tag its arch.
//! What may surprise: its directory is taken away first, its rows go after; one that is found without a directory, since
//! the process was killed in between, is removed in the next round, or written anew where it is wanted again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

use super::publish::blocking;
use super::{Error, Repos};
use crate::config::Live;
use crate::model::{RepoName, TagName};
use crate::outbox;
use crate::store::generations;
use crate::store::unwanted::{self, Unwanted};
use crate::store::wakeups::{self, Room};
use crate::store::{Tx, durable, pkgsets, tags};

impl Repos {
    /// Sees which repositories nobody wants, and removes those that were not wanted for long enough. `all` are those
    /// that there are, with the number of the last generation of each.
    pub(super) async fn retire(&self, all: &BTreeMap<(TagName, RepoName), i64>) -> Result<(), Error> {
        let mut tx = self.db.read().await?;
        let known = unwanted::all(&mut tx).await?;
        let mut known: BTreeMap<_, _> =
            known.into_iter().map(|one| ((one.tag.clone(), one.repo.clone()), one)).collect();
        let mut reasons = Vec::new();
        for (tag, repo) in all.keys() {
            reasons.push(self.why_unwanted(&mut tx, tag, repo).await?);
        }
        drop(tx);
        for ((at, last_number), why) in all.iter().zip(reasons) {
            match (why, known.remove(at)) {
                (Some(why), known) => self.keep_or_remove(at, *last_number, why, known).await?,
                (None, Some(_)) => self.forget(at).await?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Returns why nobody wants a repository; `None` where somebody does.
    async fn why_unwanted(&self, tx: &mut Tx, tag: &TagName, repo: &RepoName) -> Result<Option<String>, Error> {
        let Some(rule) = self.config.follow.for_tag(tag) else {
            return Ok(Some(format!("no follow rule matches {tag}")));
        };
        if rule.live == Live::Never {
            return Ok(Some(format!("{tag} is followed without repositories")));
        }
        if tags::by_name(tx, self.tags.buildsys.id(), tag.as_str()).await?.is_none() {
            return Ok(Some(format!("the build system has no tag {tag} any more")));
        }
        // What has a repository has a set.
        let Some(set) = pkgsets::newest(tx, tag).await? else { return Ok(None) };
        let is_wanted = rule.repos_of(&set.arches).names().contains(repo);
        Ok((!is_wanted).then(|| format!("{tag} has no repository {repo} any more")))
    }

    /// Removes a repository, or says that it will be and leaves it as it is.
    async fn keep_or_remove(
        &self,
        (tag, repo): &(TagName, RepoName),
        last_number: i64,
        why: String,
        known: Option<Unwanted>,
    ) -> Result<(), Error> {
        let now = self.clock.micros();
        // One that was removed before, and came back, begins anew.
        let since = known.as_ref().filter(|known| known.removed_at.is_none()).map_or(now, |known| known.since);
        let (tag, repo, removed_at) = (tag.clone(), repo.clone(), None);
        let rule = self.config.follow.for_tag(&tag);
        let keep = rule.map_or(&self.config.repos, |rule| &rule.repos).keep_unwanted_for;
        let one = Unwanted { tag, repo, why, since, last_number, removed_at };
        if now - since < i64::try_from(keep.as_micros()).unwrap_or(i64::MAX) {
            return self.note(&one, known).await;
        }
        self.remove(one).await
    }

    async fn note(&self, one: &Unwanted, known: Option<Unwanted>) -> Result<(), Error> {
        if known.as_ref() == Some(one) {
            return Ok(());
        }
        let Unwanted { tag, repo, why, .. } = one;
        tracing::warn!(tag.name = %tag, repo = %repo, why, "{tag}/{repo} is not kept current any more: {why}");
        let mut tx = self.db.write().await?;
        unwanted::put(&mut tx, one).await?;
        Ok(tx.commit().await?)
    }

    async fn forget(&self, (tag, repo): &(TagName, RepoName)) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        unwanted::forget(&mut tx, tag, repo).await?;
        Ok(tx.commit().await?)
    }

    async fn remove(&self, mut one: Unwanted) -> Result<(), Error> {
        let (tag, repo) = (one.tag.clone(), one.repo.clone());
        // Nobody publishes meanwhile.
        let alone = self.pools.write().await;
        let still = self.why_unwanted(&mut self.db.read().await?, &tag, &repo).await?;
        if still.is_none() {
            return Ok(());
        }
        let (dir, repo_file) = (self.layout.repo(&tag, &repo), self.layout.repo_file(&tag, &repo));
        let aside = blocking(move || {
            durable::remove(&repo_file)?;
            durable::take_away(&dir)
        })
        .await?;
        let now = self.clock.micros();
        one.removed_at = Some(now);
        let mut tx = self.db.write().await?;
        generations::remove_all(&mut tx, &tag, &repo).await?;
        unwanted::put(&mut tx, &one).await?;
        let subject = format!("{tag}/{repo}");
        outbox::tell(&mut tx, &self.clock, "tannery.repo.removed", &subject, removed_body(&one)).await?;
        if let RepoName::Binary(arch) = &repo {
            // What was merged with it goes with it.
            wakeups::wake(&mut tx, Room::Merged, tag.as_str(), arch.as_str(), now).await?;
        }
        tx.commit().await?;
        drop(alone);
        self.tags.bells.outbox.ring();
        self.tags.bells.merged.ring();
        self.pools_are_stale.store(true, Ordering::Relaxed);
        let why = &one.why;
        tracing::info!(tag.name = %tag, repo = %repo, why, "{tag}/{repo} is removed: {why}");
        let tag_dir = self.layout.repos().join(tag.as_str());
        blocking(move || {
            aside.map_or(Ok(()), |aside| durable::remove_tree(&aside))?;
            // Fails where the tag has other repositories, which is as it should be.
            let _ = std::fs::remove_dir(&tag_dir);
            Ok(())
        })
        .await
    }

    /// Returns whether packages of a tag's newest set are to stay in pools although no generation names them yet.
    pub(super) async fn has_repositories(&self, tx: &mut Tx, tag: &TagName) -> Result<bool, Error> {
        let is_live = self.config.follow.for_tag(tag).is_some_and(|rule| rule.live == Live::Always);
        Ok(is_live && tags::by_name(tx, self.tags.buildsys.id(), tag.as_str()).await?.is_some())
    }
}

fn removed_body(one: &Unwanted) -> Map<String, Value> {
    let arch = match &one.repo {
        RepoName::Binary(arch) | RepoName::Debug(arch) => Some(arch),
        RepoName::Source => None,
    };
    let body = json!({
        "tag": one.tag,
        "repo": one.repo.to_string(),
        "arch": arch,
        "generation": one.last_number,
        "reason": one.why,
        "unwanted_since": one.since / 1_000_000,
    });
    body.as_object().cloned().unwrap_or_default()
}
