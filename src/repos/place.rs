//! Are the packages of a repository reachable? Puts into its pool what is not there.
//!
//! What was looked through once in the life of this process is not looked through again, unless a pool was
//! cleared: so a restart repairs what vanished, and a refresh costs what changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::listing::rpms_of;
use super::publish::blocking;
use super::{Error, Layout, Repos};
use crate::buildsys::BuildSystem;
use crate::model::{Blake3, RepoName, ReposOf, RpmEntry, TagName};
use crate::store::pkgsets::{self, ChunkRef};
use crate::store::{self, durable};
use crate::tags;

/// How many chunks' packages are looked for at a time.
const SOME: usize = 64;

/// From so many new packages on, the file system is synced as a whole, which is quicker than each.
const MANY: usize = 64;

/// Chunks whose packages are in a pool, as far as one kind of repository takes them: by what says that kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Placed(Arc<Mutex<HashMap<String, HashSet<Blake3>>>>);

impl Placed {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashSet<Blake3>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns which of some chunks are not known to be there.
    fn unknown(&self, what: &str, chunks: &[ChunkRef]) -> Vec<Blake3> {
        let placed = self.lock();
        let known = placed.get(what);
        let digests = chunks.iter().map(|chunk| chunk.digest);
        digests.filter(|digest| known.is_none_or(|known| !known.contains(digest))).collect()
    }

    fn add(&self, what: &str, chunks: &[Blake3]) {
        self.lock().entry(what.to_owned()).or_default().extend(chunks);
    }

    /// Forgets all: a pool was cleared.
    pub fn clear(&self) {
        self.lock().clear();
    }
}

impl Repos {
    /// Makes the directories of a repository, and puts the packages of these chunks into its pool.
    pub(super) async fn place(
        &self,
        at: (&TagName, &RepoName),
        pool: &str,
        chunks: &[ChunkRef],
        repos: &ReposOf,
    ) -> Result<(), Error> {
        let (tag, repo) = at;
        let arches: Vec<String> = repos.multilib.iter().map(|(arch, foreign)| format!("{arch}+{foreign:?}")).collect();
        let what = format!("{pool} {repo} {}", arches.join(" "));
        let unknown = self.placed.unknown(&what, chunks);
        self.make_dirs(tag, repo, pool).await?;
        for some in unknown.chunks(SOME) {
            let builds = pkgsets::chunks(&mut self.db.read().await?, some)
                .await?
                .into_iter()
                .flat_map(|chunk| chunk.builds)
                .collect();
            self.link(rpms_of(builds, repos, repo), pool).await?;
            self.placed.add(&what, some);
        }
        Ok(())
    }

    async fn make_dirs(&self, tag: &TagName, repo: &RepoName, pool: &str) -> Result<(), Error> {
        let (dir, repodata) = (self.layout.repo(tag, repo), self.layout.repodata(tag, repo));
        let (pool, target) = (self.layout.pool(pool), Layout::packages_target(pool));
        blocking(move || {
            durable::make_dir(&repodata)?;
            durable::make_dir(&pool)?;
            for under_way in [&repodata, &dir] {
                durable::sweep(under_way)?;
            }
            durable::point(&dir.join("packages"), &target)
        })
        .await
    }

    async fn link(&self, rpms: BTreeSet<RpmEntry>, pool: &str) -> Result<(), Error> {
        let pool = self.layout.pool(pool);
        let there = pool.clone();
        let missing = blocking(move || missing(rpms, &there)).await?;
        if missing.is_empty() {
            return Ok(());
        }
        self.tags.buildsys.provide(&missing).await.map_err(tags::Error::from)?;
        let buildsys = self.tags.buildsys.clone();
        blocking(move || {
            let mut placed = Vec::new();
            let linked = link_all(&missing, &*buildsys, &pool, &mut placed);
            // After a failure too: whoever tries again finds them there and has no reason to.
            sync(&pool, &placed)?;
            linked
        })
        .await?
    }
}

/// Returns the packages that are not in a pool, and clears away what stands in their places. Blocks.
fn missing(rpms: BTreeSet<RpmEntry>, pool: &Path) -> Result<Vec<RpmEntry>, store::Error> {
    let mut missing = Vec::new();
    for rpm in rpms {
        let place = pool.join(&rpm.location);
        match fs::metadata(&place) {
            Ok(there) if there.len() == rpm.size => continue,
            Ok(_) => durable::remove(&place)?,
            Err(_) => {}
        }
        missing.push(rpm);
    }
    Ok(missing)
}

fn link_all(
    rpms: &[RpmEntry],
    buildsys: &dyn BuildSystem,
    pool: &Path,
    placed: &mut Vec<PathBuf>,
) -> Result<Result<(), Error>, store::Error> {
    for rpm in rpms {
        if let Err(wrong) = link_one(rpm, &buildsys.file(&rpm.location), pool, placed)? {
            return Ok(Err(wrong));
        }
    }
    Ok(Ok(()))
}

/// Puts one package into a pool where it is not, and its place to `placed`; not durable yet.
fn link_one(
    rpm: &RpmEntry,
    file: &Path,
    pool: &Path,
    placed: &mut Vec<PathBuf>,
) -> Result<Result<(), Error>, store::Error> {
    let place = pool.join(&rpm.location);
    let found = fs::metadata(file).map_err(store::Error::file("cannot find", file))?.len();
    if found != rpm.size {
        return Ok(Err(Error::WrongSize { file: file.display().to_string(), found, expected: rpm.size }));
    }
    durable::place_file_unsynced(file, &place, durable::ANY_WAY)?;
    placed.push(place);
    Ok(Ok(()))
}

/// Makes durable what was placed in a pool: all files first, then every directory down to them, since a
/// file system that has committed the one has little left to do for the others.
fn sync(pool: &Path, placed: &[PathBuf]) -> Result<(), store::Error> {
    if placed.len() > MANY {
        return durable::sync_file_system(pool);
    }
    let mut dirs = BTreeSet::new();
    for place in placed {
        let synced = fs::File::open(place).and_then(|file| file.sync_all());
        synced.map_err(store::Error::file("cannot sync", place))?;
        dirs.extend(place.ancestors().skip(1).take_while(|dir| dir.starts_with(pool)));
    }
    dirs.into_iter().try_for_each(durable::sync_dir)
}
