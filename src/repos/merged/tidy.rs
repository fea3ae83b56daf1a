//! What of merged repositories and copies is not needed any more? Generations as of any repository; copies that none is
//! made of; all of a repository that is to be merged no longer.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::At;
use crate::model::{RepoName, Sha256};
use crate::repos::keep::{UNKNOWN, entries, remove_others};
use crate::repos::publish::blocking;
use crate::repos::{Error, Repos};
use crate::store::generations;
use crate::store::merged;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, durable, externals};

impl Repos {
    /// Lets go of what is old, of merged repositories and of copies.
    pub(in crate::repos) async fn tidy_merged(&self) -> Result<(), Error> {
        let known = merged::known(&mut self.db.read().await?).await?;
        for (tag, arch) in known {
            self.let_go_merged(&At { tag, arch }).await?;
        }
        let mut tx = self.db.write().await?;
        externals::forget_unused(&mut tx).await?;
        let copies = externals::all(&mut tx).await?;
        tx.commit().await?;
        let mut kept: BTreeMap<String, Option<Sha256>> = BTreeMap::new();
        for copy in copies {
            kept.insert(self.layout.external_name(&copy.url), copy.repomd);
        }
        let (dir, oldest) = (self.layout.externals(), self.clock.seconds() - UNKNOWN.as_secs() as i64);
        blocking(move || clear_copies(&dir, &kept, oldest)).await
    }

    /// Lets go of the generations of a merged repository that are old and more than need be kept.
    async fn let_go_merged(&self, at: &At) -> Result<(), Error> {
        let Some(rule) = self.config.follow.for_tag(&at.tag) else { return Ok(()) };
        let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let now = self.clock.micros();
        let oldest = now.saturating_sub(micros(rule.repos.keep_for));
        let least = rule.repos.keep_generations.get() as usize;
        let mut tx = self.db.write().await?;
        let all = merged::of_repo(&mut tx, &at.tag, &at.arch).await?;
        let mut kept: HashSet<String> = HashSet::new();
        for (place, one) in all.iter().enumerate() {
            if place >= least && one.replaced_at.is_some_and(|replaced_at| replaced_at < oldest) {
                merged::remove(&mut tx, one).await?;
            } else {
                kept.extend(one.files.iter().cloned());
            }
        }
        tx.commit().await?;
        let repodata = self.layout.merged(&at.tag, &at.arch).join("repodata");
        let unknown = oldest.min(now - micros(UNKNOWN));
        blocking(move || remove_others(&repodata, &kept, unknown / 1_000_000)).await
    }

    /// Takes a merged repository away that is not wanted any more: what readers see first, rows last. Where nobody wants
    /// the own one either, it stays with that.
    pub(super) async fn forget_merged(&self, at: &At, wake_up: &WakeUp) -> Result<(), Error> {
        let mut tx = self.db.read().await?;
        let known = merged::known(&mut tx).await?;
        let own = generations::current(&mut tx, &at.tag, &RepoName::Binary(at.arch.clone())).await?;
        drop(tx);
        let is_off = self.config.follow.for_tag(&at.tag).is_some_and(|rule| !rule.merges());
        if own.is_some() && !is_off {
            return self.is_right(at, wake_up).await;
        }
        let is_known = known.contains(&(at.tag.clone(), at.arch.clone()));
        let (dir, file) = (self.layout.merged(&at.tag, &at.arch), self.layout.repo_file(&at.tag, &at.name()));
        if is_known {
            blocking(move || {
                durable::remove(&file)?;
                durable::remove(&dir.join("repodata/repomd.xml"))?;
                durable::remove_tree(&dir)
            })
            .await?;
            tracing::info!(tag.name = %at.tag, repo = at.name(), "{at} is not wanted any more and was removed");
        }
        let mut tx = self.db.write().await?;
        merged::forget(&mut tx, &at.tag, &at.arch).await?;
        wakeups::done(&mut tx, Room::Merged, wake_up).await?;
        Ok(tx.commit().await?)
    }
}

/// Removes the copies of repositories that are not kept, and of the others all states but the last, where they are old
/// enough that nobody reads them.
fn clear_copies(dir: &Path, kept: &BTreeMap<String, Option<Sha256>>, oldest: i64) -> Result<(), store::Error> {
    use std::os::unix::fs::MetadataExt;
    for repository in entries(dir)? {
        let name = repository.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let last = kept.get(&name).copied().flatten().map(|digest| digest.to_string());
        for state in entries(&repository)? {
            let is_last = state.file_name().is_some_and(|name| last.as_deref().is_some_and(|last| name == last));
            // The directory of the files changes with each of them.
            let facts = fs::symlink_metadata(state.join("repodata")).or_else(|_| fs::symlink_metadata(&state));
            let changed = facts.map_err(store::Error::file("cannot read", &state))?.mtime();
            if !is_last && changed < oldest {
                durable::remove_tree(&state)?;
            }
        }
        if !kept.contains_key(&name) {
            // Fails where something is left in it, which is as it should be.
            let _ = fs::remove_dir(&repository);
        }
    }
    Ok(())
}
