//! How long do old files stay? Of at least so many generations, and of all that are young enough.
//!
//! What is old is looked for in rounds, not at each refresh, whose cost is that of the change and not of all that is
//! kept. No client asks for `repomd.xml` again after a 404, so what an older one names must stay for as long
//! as somebody may be reading it. Rows go first, files after: a crash in between leaves files that the
//! next round removes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::publish::blocking;
use super::sign::SIGNATURE;
use super::{Error, Repos};
use crate::config::FollowRule;
use crate::model::{Blake3, RepoName, TagName, chain};
use crate::repodata::segments::Manifest;
use crate::store::generations::{self, Generation, GenerationState};
use crate::store::{self, durable, merged, pkgsets};

/// How often what is old is looked for.
const ROUND: Duration = Duration::from_secs(60);

/// How long a data file stays at least that no generation names: a generation that is under way right
/// now has files and no row yet.
pub(super) const UNKNOWN: Duration = Duration::from_secs(3600);

impl Repos {
    /// Lets go of what is old, again and again, until cancelled.
    pub async fn tidy(self, cancel: CancellationToken) {
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
            if let Err(error) = self.tidy_once().await {
                tracing::warn!(error = %chain(&error), "old files could not be removed");
            }
        }
    }

    /// Removes what a killed process left unfinished beside the repositories: before any other runs.
    pub async fn recover(&self) -> Result<(), Error> {
        let (repos, segments) = (self.layout.repos(), self.library.segments().clone());
        let (records, scratch) = (self.records.dir().to_owned(), self.layout.scratch());
        blocking(move || {
            durable::remove_tree(&scratch)?;
            for tag in entries(&repos)? {
                durable::sweep(&tag)?;
            }
            durable::sweep(&records)?;
            segments.sweep()
        })
        .await
    }

    /// Lets go of everything that is old now.
    pub async fn tidy_once(&self) -> Result<(), Error> {
        let all = generations::all(&mut self.db.read().await?).await?;
        // By number: of each repository the last one counts.
        let repos: BTreeMap<(TagName, RepoName), i64> =
            all.iter().map(|one| ((one.tag.clone(), one.repo.clone()), one.number)).collect();
        self.retire(&repos).await?;
        for (tag, repo) in repos.into_keys() {
            if let Some(rule) = self.config.follow.for_tag(&tag) {
                self.let_go(&tag, &repo, rule).await?;
            }
        }
        self.tidy_merged().await?;
        self.forget_sets().await?;
        if self.pools_are_stale.swap(false, Ordering::Relaxed) {
            self.clear_pools().await?;
            self.clear_segments().await?;
            self.clear_records(&all).await?;
        }
        Ok(())
    }

    /// Lets go of a repository's generations that are old and more than need be kept.
    async fn let_go(&self, tag: &TagName, repo: &RepoName, rule: &FollowRule) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let all = generations::of_repo(&mut tx, tag, repo).await?;
        if all.iter().any(|one| one.state == GenerationState::Publishing) {
            return Ok(());
        }
        let oldest = self.clock.micros() - i64::try_from(rule.repos.keep_for.as_micros()).unwrap_or(i64::MAX);
        let least = rule.repos.keep_generations.get() as usize;
        let needed = match repo {
            RepoName::Binary(arch) => merged::needed(&mut tx, tag, arch).await?,
            RepoName::Debug(_) | RepoName::Source => Vec::new(),
        };
        let is_old = |(at, one): &(usize, &Generation)| {
            *at >= least
                && !needed.contains(&one.number)
                && one.replaced_at.is_some_and(|replaced_at| replaced_at < oldest)
        };
        let old: Vec<&Generation> = all.iter().enumerate().filter(is_old).map(|(_, one)| one).collect();
        for one in &old {
            generations::remove(&mut tx, one).await?;
        }
        tx.commit().await?;
        if !old.is_empty() {
            self.pools_are_stale.store(true, Ordering::Relaxed);
        }
        let kept: HashSet<String> =
            all.iter().filter(|one| !old.contains(one)).flat_map(|one| one.files.clone()).collect();
        let repodata = self.layout.repodata(tag, repo);
        let unknown = oldest.min(self.clock.micros() - UNKNOWN.as_micros() as i64);
        blocking(move || remove_others(&repodata, &kept, unknown / 1_000_000)).await
    }

    /// Forgets package sets that no repository and no compose names, and that are older than messages.
    async fn forget_sets(&self) -> Result<(), Error> {
        let keep = i64::try_from(self.config.inbox.keep.as_micros()).unwrap_or(i64::MAX);
        let mut tx = self.db.write().await?;
        pkgsets::forget(&mut tx, self.clock.micros() - keep).await?;
        Ok(tx.commit().await?)
    }

    /// Removes segments that no kept generation is made of.
    async fn clear_segments(&self) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        generations::forget_manifests(&mut tx).await?;
        tx.commit().await?;
        // Most of it is read while others publish; what they add meanwhile is looked at alone.
        let mut kept = Named::default();
        self.name_segments(&mut kept).await?;
        let _alone = self.pools.write().await;
        self.name_segments(&mut kept).await?;
        let segments = self.library.segments().clone();
        let oldest = (self.clock.micros() - UNKNOWN.as_micros() as i64) / 1_000_000;
        let removed = blocking(move || segments.retain(&kept.segments, oldest)).await?;
        if removed > 0 {
            tracing::debug!(removed, "{removed} segments are in no kept repository and were removed");
        }
        Ok(())
    }

    /// Removes kept records that no generation has any more, those that went just now among them next time.
    async fn clear_records(&self, all: &[Generation]) -> Result<(), Error> {
        let kept: HashSet<String> = all.iter().flat_map(|one| &one.records).map(|extra| extra.file.clone()).collect();
        let dir = self.records.dir().to_owned();
        let oldest = (self.clock.micros() - UNKNOWN.as_micros() as i64) / 1_000_000;
        blocking(move || remove_others(&dir, &kept, oldest)).await
    }

    async fn name_segments(&self, named: &mut Named) -> Result<(), Error> {
        for digest in generations::manifests(&mut self.db.read().await?).await? {
            if named.manifests.insert(digest)
                && let Some(bytes) = generations::manifest(&mut self.db.read().await?, &digest).await?
                // One that cannot be read is of no use to anybody: its repository is made anew.
                && let Ok(manifest) = Manifest::from_bytes(&bytes)
            {
                named.segments.extend(manifest.names());
            }
        }
        self.being_read.name_segments(&mut named.segments);
        Ok(())
    }

    /// Removes from the pools what no kept generation, and no newest set, may name.
    async fn clear_pools(&self) -> Result<(), Error> {
        let _alone = self.pools.write().await;
        let mut tx = self.db.read().await?;
        let mut chunks: BTreeSet<Blake3> = BTreeSet::new();
        for one in generations::all(&mut tx).await? {
            let set = pkgsets::numbered(&mut tx, &one.tag, one.revision).await?;
            chunks.extend(set.iter().flat_map(|set| &set.chunks).map(|chunk| chunk.digest));
        }
        for tag in pkgsets::tags(&mut tx).await? {
            if !self.has_repositories(&mut tx, &tag).await? {
                continue;
            }
            let set = pkgsets::newest(&mut tx, &tag).await?;
            chunks.extend(set.iter().flat_map(|set| &set.chunks).map(|chunk| chunk.digest));
        }
        let chunks: Vec<Blake3> = chunks.into_iter().collect();
        let mut named: HashSet<String> = HashSet::new();
        for some in chunks.chunks(64) {
            for build in pkgsets::chunks(&mut tx, some).await?.into_iter().flat_map(|chunk| chunk.builds) {
                named.extend(build.rpms.into_iter().map(|rpm| rpm.location));
            }
        }
        drop(tx);
        let pools = self.layout.pools();
        self.placed.clear();
        blocking(move || {
            for pool in entries(&pools)? {
                clear(&pool, &pool, &named)?;
            }
            Ok(())
        })
        .await
    }
}

/// The segments that some lists name.
#[derive(Default)]
struct Named {
    manifests: HashSet<Blake3>,
    segments: HashSet<Blake3>,
}

/// Removes the data files of a repository that no kept generation names and that were written before
/// `oldest` (seconds): a generation that the state does not know, since it was restored from an older
/// one, may still be read.
pub(super) fn remove_others(repodata: &Path, kept: &HashSet<String>, oldest: i64) -> Result<(), store::Error> {
    for file in entries(repodata)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "repomd.xml" || name == SIGNATURE || kept.contains(&name) {
            continue;
        }
        let written = fs::symlink_metadata(&file).map_err(store::Error::file("cannot read", &file))?.mtime();
        if written < oldest {
            durable::remove(&file)?;
        }
    }
    Ok(())
}

/// Removes what is not named from a pool, and directories that are empty then.
fn clear(pool: &Path, dir: &Path, named: &HashSet<String>) -> Result<(), store::Error> {
    for entry in entries(dir)? {
        let kind = fs::symlink_metadata(&entry).map_err(store::Error::file("cannot read", &entry))?;
        if kind.is_dir() {
            clear(pool, &entry, named)?;
            // Fails where something is left in it, which is as it should be.
            let _ = fs::remove_dir(&entry);
            continue;
        }
        let location = entry.strip_prefix(pool).ok().and_then(Path::to_str);
        if location.is_none_or(|location| !named.contains(location)) {
            durable::remove(&entry)?;
        }
    }
    Ok(())
}

pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, store::Error> {
    let read = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(store::Error::file("cannot read", dir))?,
    };
    read.map(|entry| Ok(entry.map_err(store::Error::file("cannot read", dir))?.path())).collect()
}
