//! How does a package set change? Chunk lists cut, and patched package by package.
//!
//! Patching gives what cutting from scratch would give: the cuts depend on nothing but the packages
//! present. No decisions here: which builds a package has is given.

use crate::model::{Arch, Blake3, BuildEntry, Chunk, PackageName};
use crate::store::pkgsets::{self, ChunkRef, Packed};
use crate::store::{self, Tx, Write};

/// A package set under way from one revision to the next: references to the chunks that stay as
/// they are, and those that were taken apart.
#[derive(Debug)]
pub struct Draft {
    runs: Vec<Run>,
}

#[derive(Debug)]
enum Run {
    Kept(ChunkRef),
    Open(Vec<BuildEntry>),
}

impl Run {
    fn first(&self) -> Option<&PackageName> {
        match self {
            Self::Kept(chunk) => Some(&chunk.first),
            Self::Open(builds) => builds.first().map(BuildEntry::package),
        }
    }
}

impl Draft {
    /// Begins with the chunks of a revision.
    pub fn of(chunks: &[ChunkRef]) -> Self {
        Self { runs: chunks.iter().cloned().map(Run::Kept).collect() }
    }

    /// Gives a package its builds; without any, takes it out.
    pub async fn set(
        &mut self,
        tx: &mut Tx,
        package: &PackageName,
        entries: Vec<BuildEntry>,
    ) -> Result<(), store::Error> {
        let behind = self.runs.partition_point(|run| run.first().is_some_and(|first| first <= package));
        let at = behind.saturating_sub(1);
        // The neighbour before it is opened too: without this package, the two may be one chunk.
        for open in at.saturating_sub(1)..=at {
            if let Some(run) = self.runs.get_mut(open) {
                run.open(tx).await?;
            }
        }
        if self.runs.is_empty() {
            self.runs.push(Run::Open(Vec::new()));
        }
        let Some(Run::Open(builds)) = self.runs.get_mut(at) else { return Ok(()) };
        builds.retain(|build| build.package() != package);
        let place = builds.partition_point(|build| build.package() < package);
        builds.splice(place..place, in_order(entries));
        if builds.is_empty() && self.runs.len() > 1 {
            self.runs.remove(at);
        }
        Ok(())
    }

    /// Keeps the chunks that are new; gives the whole list.
    pub async fn finish(self, tx: &mut Write) -> Result<Vec<ChunkRef>, store::Error> {
        let mut chunks = Vec::new();
        let mut open: Vec<BuildEntry> = Vec::new();
        for run in self.runs {
            match run {
                Run::Open(builds) => open.extend(builds),
                Run::Kept(chunk) => {
                    // A kept run behind an opened one begins with a name that begins a chunk.
                    put(tx, std::mem::take(&mut open), &mut chunks).await?;
                    chunks.push(chunk);
                }
            }
        }
        put(tx, open, &mut chunks).await?;
        Ok(chunks)
    }
}

impl Run {
    async fn open(&mut self, tx: &mut Tx) -> Result<(), store::Error> {
        if let Self::Kept(chunk) = self {
            let builds = pkgsets::chunks(tx, &[chunk.digest]).await?.into_iter().flat_map(|chunk| chunk.builds);
            *self = Self::Open(builds.collect());
        }
        Ok(())
    }
}

async fn put(tx: &mut Write, builds: Vec<BuildEntry>, chunks: &mut Vec<ChunkRef>) -> Result<(), store::Error> {
    for chunk in Chunk::cut(builds) {
        chunks.extend(pkgsets::put_chunk(tx, &chunk).await?);
    }
    Ok(())
}

/// Brings the builds of one package into the order in which a chunk has them.
pub fn in_order(mut builds: Vec<BuildEntry>) -> Vec<BuildEntry> {
    builds.sort_by(|one, other| one.nvr.cmp(&other.nvr));
    builds
}

/// Cuts a set that comes in parts, and packs its chunks as soon as they are whole.
#[derive(Debug, Default)]
pub struct Cutter {
    packed: Vec<Packed>,
    open: Vec<BuildEntry>,
    size: Size,
}

/// How much is in a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Builds.
    pub builds: i64,
    /// RPM files.
    pub rpms: i64,
}

impl Size {
    /// Counts one build in.
    pub fn count(&mut self, build: &BuildEntry) {
        self.builds += 1;
        self.rpms += build.rpms.len() as i64;
    }

    /// Returns the size of a set of this size after it got so much, and lost so much.
    pub fn after(self, added: Self, removed: Self) -> Self {
        Self { builds: self.builds + added.builds - removed.builds, rpms: self.rpms + added.rpms - removed.rpms }
    }
}

impl Cutter {
    /// Takes the next builds, sorted by package name, behind those before.
    pub fn push(&mut self, builds: Vec<BuildEntry>) -> Result<(), store::Error> {
        builds.iter().for_each(|build| self.size.count(build));
        self.open.extend(builds);
        let mut chunks = Chunk::cut(std::mem::take(&mut self.open));
        // The last one may go on.
        self.open = chunks.pop().map(|chunk| chunk.builds).unwrap_or_default();
        self.pack(chunks)
    }

    /// Returns all chunks, in the order of package names, and what is in them.
    pub fn finish(mut self) -> Result<(Vec<Packed>, Size), store::Error> {
        let last = Chunk { builds: std::mem::take(&mut self.open) };
        self.pack(vec![last])?;
        Ok((self.packed, self.size))
    }

    fn pack(&mut self, chunks: Vec<Chunk>) -> Result<(), store::Error> {
        for chunk in &chunks {
            self.packed.extend(Packed::of(chunk)?);
        }
        Ok(())
    }
}

/// Returns the digest of a set: what its chunks and arches are named by.
pub fn digest(arches: &[Arch], chunks: &[ChunkRef]) -> Blake3 {
    let digests: Vec<&Blake3> = chunks.iter().map(|chunk| &chunk.digest).collect();
    Blake3::of(store::db::to_json(&(arches, digests)).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::store::Db;

    fn build(package: &PackageName, version: u8) -> BuildEntry {
        BuildEntry {
            nvr: crate::model::Nvr::new(package.as_str(), &version.to_string(), "1").unwrap(),
            from: "t".parse().unwrap(),
            exclusive_arch: vec![],
            exclude_arch: vec![],
            rpms: vec![],
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    /// Names of which many begin a chunk, so that every cut is met in a few steps.
    fn names() -> Vec<PackageName> {
        let all = (0..4000).map(|i| format!("p{i}").parse::<PackageName>().unwrap());
        let (begin, other): (Vec<_>, Vec<_>) = all.partition(crate::model::chunk_begins);
        begin.into_iter().take(20).chain(other.into_iter().take(40)).collect()
    }

    /// Cuts a set from scratch, some builds at a time.
    fn scratch(truth: &BTreeMap<PackageName, Vec<BuildEntry>>) -> Vec<ChunkRef> {
        let mut cutter = Cutter::default();
        for some in truth.values().cloned().collect::<Vec<_>>().chunks(7) {
            cutter.push(some.concat()).unwrap();
        }
        cutter.finish().unwrap().0.into_iter().map(|chunk| chunk.reference).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn patching_gives_what_cutting_from_scratch_gives(
            steps in prop::collection::vec(prop::collection::vec((0usize..60, prop::collection::btree_set(0u8..3, 0..3)), 1..6), 1..12),
        ) {
            runtime().block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
                let (names, mut truth, mut chunks) = (names(), BTreeMap::new(), Vec::new());
                for step in steps {
                    let mut tx = db.write().await.unwrap();
                    let mut draft = Draft::of(&chunks);
                    for (name, versions) in step {
                        let entries: Vec<_> = versions.iter().map(|version| build(&names[name], *version)).collect();
                        truth.insert(names[name].clone(), entries.clone());
                        draft.set(&mut tx, &names[name], entries.into_iter().rev().collect()).await.unwrap();
                    }
                    chunks = draft.finish(&mut tx).await.unwrap();
                    assert_eq!(scratch(&truth), chunks);
                    tx.commit().await.unwrap();
                }
            });
        }
    }
}
