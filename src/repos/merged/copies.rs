//! Is an external repository still what our copy is of? If not, its metadata is copied.
//!
//! Each state of one has a directory of its own, named by its `repomd.xml`: whoever reads it meanwhile reads on, and a copy
//! that was broken off is gone on with. Nothing is taken from another place than the repository's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fetch::{Place, Validators};
use crate::model::Sha256;
use crate::repos::publish::beside;
use crate::repos::{Error, Repos};
use crate::repotools::{self, Repository};
use crate::store::durable::{self, ANY_WAY};
use crate::store::externals::{self, Copy};
use crate::store::wakeups::{self, Room};

use super::address::{Address, BadAddress};

/// The types of records that are merged.
pub(super) const KINDS: &[&str] = &["primary", "filelists", "other", "group", "modules"];

/// Most bytes of one metadata file, as it is stored; the largest real ones have some 100 MiB.
const LARGEST: u64 = 2 << 30;

/// How long one look may take, copying included: a server may drip.
const LONGEST: Duration = Duration::from_secs(1800);

/// Why an external repository could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// It must not be read from here (any more).
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It cannot be had, or what came is no metadata.
    #[error(transparent)]
    Read(#[from] repotools::Error),
    /// It took too long.
    #[error("it took longer than {} s", LONGEST.as_secs())]
    Slow,
    /// The copy cannot be written.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

impl Repos {
    /// Looks at an external repository, copies it where it is another than before, and wakes who is made of it.
    pub(super) async fn look(&self, before: Copy, dirs: &[PathBuf]) -> Result<(), Error> {
        let seen = tokio::time::timeout(LONGEST, self.copied(&before, dirs)).await;
        let seen = seen.unwrap_or(Err(LookError::Slow));
        let now = self.clock.micros();
        let after = match seen {
            Ok(Some((repomd, validators))) => Copy {
                repomd: Some(repomd),
                etag: validators.etag,
                last_modified: validators.last_modified,
                changed_at: Some(now),
                ..well(&before, now)
            },
            Ok(None) => well(&before, now),
            Err(error) => Copy {
                tried_at: Some(now),
                failing_since: before.failing_since.or(Some(now)),
                failures: before.failures.saturating_add(1),
                problem: Some(crate::model::chain(&error)),
                ..before.clone()
            },
        };
        tell(&before, &after);
        let is_changed = after.repomd != before.repomd;
        let mut tx = self.db.write().await?;
        externals::put(&mut tx, &after).await?;
        if is_changed {
            let uses = externals::uses(&mut tx).await?;
            let made_of_it = uses.iter().filter(|one| one.url == after.url);
            let mut wake_ups: Vec<(&str, &str)> = made_of_it.map(|one| (one.tag.as_str(), one.arch.as_str())).collect();
            wake_ups.sort_unstable();
            wake_ups.dedup();
            wakeups::wake_each(&mut tx, Room::Merged, &wake_ups, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Returns what the copy is of now, where that is something else than before.
    async fn copied(&self, before: &Copy, dirs: &[PathBuf]) -> Result<Option<(Sha256, Validators)>, LookError> {
        let place = Address::parse(&before.url, dirs)?.place;
        let known = before.repomd.filter(|repomd| self.layout.external(&before.url, repomd).is_dir());
        let validators = Validators { etag: before.etag.clone(), last_modified: before.last_modified.clone() };
        let known = known.as_ref().map(|repomd| (repomd, &validators));
        let found = Repository::if_changed(&self.fetcher, &before.url, &place, known).await?;
        let Some((mut repository, validators)) = found else { return Ok(None) };
        repository.most = LARGEST;
        let dir = self.layout.external(&before.url, &repository.digest);
        if let Some(old) = &before.repomd {
            let (old, new, hrefs) = (self.layout.external(&before.url, old), dir.clone(), hrefs(&repository));
            beside(move || reuse(&old, &new, &hrefs)).await?;
        }
        repotools::copy(&self.fetcher, &repository, &dir, KINDS).await?;
        Ok(Some((repository.digest, validators)))
    }

    /// Returns the copy of an external repository, to be read as if it were where its packages lie.
    ///
    /// # Errors
    /// It is not there, or is another.
    pub(super) fn opened(&self, name: &str, url: &str, repomd: &Sha256) -> Result<Repository, repotools::Error> {
        let dir = self.layout.external(url, repomd);
        let place = dir.join("repodata/repomd.xml");
        let io = |source| repotools::Error::Io { name: place.display().to_string(), source };
        let bytes = std::fs::read(&place).map_err(io)?;
        if Sha256::of(&bytes) != *repomd {
            return Err(io(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is another than was copied")));
        }
        let shown = format!("external repository {name} ({url})");
        let repository = Repository::of(&shown, vec![Place::Path(dir)], bytes)?;
        Ok(Repository { origin: Some(url.to_owned()), ..repository })
    }
}

fn well(before: &Copy, now: i64) -> Copy {
    Copy { tried_at: Some(now), failing_since: None, failures: 0, problem: None, ..before.clone() }
}

/// Says in the log what is new of an external repository: that it cannot be read, why, and that it can be again.
fn tell(before: &Copy, after: &Copy) {
    let url = &after.url;
    match (&before.problem, &after.problem) {
        (old, Some(problem)) if old.as_ref() != Some(problem) => tracing::warn!(
            external.url = url,
            error = problem,
            "external repository {url} cannot be read; what is merged of it stays as it is"
        ),
        (Some(_), None) => tracing::info!(external.url = url, "external repository {url} can be read again"),
        _ => {}
    }
    if let Some(repomd) = after.repomd.filter(|repomd| before.repomd != Some(*repomd)) {
        tracing::info!(external.url = url, repomd = %repomd, "external repository {url} is another than before");
    }
}

fn hrefs(repository: &Repository) -> Vec<String> {
    let records = repository.repomd.records.iter();
    records
        .filter(|record| KINDS.contains(&&*record.kind) && record.base.is_none())
        .map(|one| one.href.clone())
        .collect()
}

/// Gives files of an older copy a second name where the new one has them: what they hold is checked there.
fn reuse(old: &Path, new: &Path, hrefs: &[String]) -> Result<(), crate::store::Error> {
    for href in hrefs {
        if old.join(href).is_file() {
            durable::place_file(&old.join(href), &new.join(href), ANY_WAY)?;
        }
    }
    Ok(())
}
