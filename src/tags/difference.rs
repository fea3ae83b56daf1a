//! By which builds do two package sets differ? Read chunk by chunk, and only the chunks that differ.

use std::collections::{BTreeSet, VecDeque};

use crate::model::{Blake3, BuildEntry};
use crate::store::pkgsets::{self, ChunkRef};
use crate::store::{self, Tx};

/// How many chunks are read at once, of either set.
const AT_ONCE: usize = 8;

/// The builds by which two sets differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Builds of the first set that are not, or not like this, in the second.
    pub removed: Vec<BuildEntry>,
    /// Builds of the second set that were not, or not like this, in the first.
    pub added: Vec<BuildEntry>,
}

/// Compares two sets by their chunks. Holds all builds that differ: where these may be very many, see
/// [`Differences`].
pub async fn difference(tx: &mut Tx, old: &[ChunkRef], new: &[ChunkRef]) -> Result<Difference, store::Error> {
    let mut all = Difference::default();
    let mut differences = Differences::new(old, new);
    while let Some(one) = differences.next(tx).await? {
        match one {
            Change::Removed(build) => all.removed.push(build),
            Change::Added(build) => all.added.push(build),
        }
    }
    Ok(all)
}

/// One step from a set to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A build of the first set that is not, or not like this, in the second.
    Removed(BuildEntry),
    /// A build of the second set that was not, or not like this, in the first.
    Added(BuildEntry),
}

/// Compares two sets step by step, in the order of package names, holding some chunks at a time.
#[derive(Debug)]
pub struct Differences {
    old: Side,
    new: Side,
}

#[derive(Debug)]
struct Side {
    /// Chunks that the other set does not have and that are still to be read.
    left: VecDeque<Blake3>,
    builds: VecDeque<BuildEntry>,
}

impl Side {
    fn new(these: &[ChunkRef], others: &[ChunkRef]) -> Self {
        let others: BTreeSet<&Blake3> = others.iter().map(|chunk| &chunk.digest).collect();
        let own = these.iter().map(|chunk| chunk.digest).filter(|digest| !others.contains(digest));
        Self { left: own.collect(), builds: VecDeque::new() }
    }

    fn is_done(&self) -> bool {
        self.left.is_empty() && self.builds.is_empty()
    }

    async fn fill(&mut self, tx: &mut Tx) -> Result<(), store::Error> {
        while self.builds.is_empty() && !self.left.is_empty() {
            let some: Vec<Blake3> = self.left.drain(..AT_ONCE.min(self.left.len())).collect();
            self.builds.extend(pkgsets::chunks(tx, &some).await?.into_iter().flat_map(|chunk| chunk.builds));
        }
        Ok(())
    }
}

impl Differences {
    /// Begins to compare the sets with these chunks.
    pub fn new(old: &[ChunkRef], new: &[ChunkRef]) -> Self {
        Self { old: Side::new(old, new), new: Side::new(new, old) }
    }

    /// Returns whether nothing more can be removed.
    pub fn removed_all(&self) -> bool {
        self.old.is_done()
    }

    /// Returns whether nothing more can be added.
    pub fn added_all(&self) -> bool {
        self.new.is_done()
    }

    /// Returns the next step.
    pub async fn next(&mut self, tx: &mut Tx) -> Result<Option<Change>, store::Error> {
        loop {
            self.old.fill(tx).await?;
            self.new.fill(tx).await?;
            let (old, new) = (self.old.builds.front(), self.new.builds.front());
            let (Some(left), Some(right)) = (old, new) else {
                let removed = self.old.builds.pop_front().map(Change::Removed);
                return Ok(removed.or_else(|| self.new.builds.pop_front().map(Change::Added)));
            };
            if left == right {
                self.old.builds.pop_front();
                self.new.builds.pop_front();
            } else if left.nvr <= right.nvr {
                return Ok(self.old.builds.pop_front().map(Change::Removed));
            } else {
                return Ok(self.new.builds.pop_front().map(Change::Added));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Chunk;
    use crate::store::Db;

    fn build(nvr: &str, from: &str) -> BuildEntry {
        BuildEntry {
            nvr: nvr.parse().unwrap(),
            from: from.parse().unwrap(),
            exclusive_arch: vec![],
            exclude_arch: vec![],
            rpms: vec![],
        }
    }

    #[tokio::test]
    async fn a_difference_names_the_builds_wherever_the_chunks_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let mut sets = Vec::new();
        for set in [
            &[&["a-1-1", "b-2-1"][..], &["c-1-1", "d-1-1"], &["x-1-1"], &["z-1-1"]][..],
            &[&["a-1-1"], &["b-1-1", "c-1-1"], &["x-1-1"], &["y-1-1"]],
        ] {
            let mut chunks = Vec::new();
            for builds in set {
                let chunk = Chunk { builds: builds.iter().map(|nvr| build(nvr, "t")).collect() };
                chunks.extend(pkgsets::put_chunk(&mut tx, &chunk).await.unwrap());
            }
            sets.push(chunks);
        }
        let nvrs = |builds: &[BuildEntry]| builds.iter().map(|build| build.nvr.to_string()).collect::<Vec<_>>();
        let there = difference(&mut tx, &sets[0], &sets[1]).await.unwrap();
        assert_eq!((nvrs(&there.removed), nvrs(&there.added)), (nvrs_of("b-2-1 d-1-1 z-1-1"), nvrs_of("b-1-1 y-1-1")));
        let back = difference(&mut tx, &sets[1], &sets[0]).await.unwrap();
        assert_eq!(back, Difference { removed: there.added, added: there.removed });
        assert_eq!(difference(&mut tx, &sets[1], &sets[1]).await.unwrap(), Difference::default());
    }

    fn nvrs_of(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn the_same_build_of_another_tag_or_with_other_files_differs() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let (base, side) = (build("a-1-1", "base"), build("a-1-1", "side"));
        let old = pkgsets::put_chunk(&mut tx, &Chunk { builds: vec![base.clone()] }).await.unwrap().unwrap();
        let new = pkgsets::put_chunk(&mut tx, &Chunk { builds: vec![side.clone()] }).await.unwrap().unwrap();
        let change = difference(&mut tx, &[old], &[new]).await.unwrap();
        assert_eq!(change, Difference { removed: vec![base], added: vec![side] });
    }
}
