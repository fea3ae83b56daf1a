//! What does a set have of packages, and what of that stays while it is not known yet what comes in its place?

use std::collections::{BTreeMap, BTreeSet};

use super::Tags;
use super::select::Choice;
use crate::model::{Blake3, BuildEntry, PackageName, TagName};
use crate::store::pkgsets::{self, ChunkRef};
use crate::store::{self, Tx};

impl Tags {
    /// Leaves packages with what the set of `tag` has of them while a build that may come into it was never tried to be
    /// learned of: else one whose predecessor was untagged with its tagging would be missing until its files are read.
    pub(super) async fn leave_standing(
        &self,
        tag: &TagName,
        choices: &mut BTreeMap<PackageName, Choice>,
    ) -> Result<(), store::Error> {
        let pending: BTreeSet<&PackageName> =
            choices.iter().filter(|(_, choice)| choice.is_pending()).map(|(package, _)| package).collect();
        if pending.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.read().await?;
        let Some(revision) = pkgsets::newest(&mut tx, tag).await? else { return Ok(()) };
        let standing = entries_of(&mut tx, &revision.chunks, &pending).await?;
        for (package, entries) in standing {
            if let Some(choice) = choices.get_mut(&package) {
                choice.leave(entries);
            }
        }
        Ok(())
    }
}

impl Choice {
    /// Takes what stands in place of what was chosen, where that is only a part of it.
    fn leave(&mut self, standing: Vec<BuildEntry>) {
        if self.entries.iter().all(|entry| standing.contains(entry)) {
            self.entries = standing;
        }
    }
}

/// Reads what a set has of packages; those of which it has nothing are left out.
pub(super) async fn entries_of(
    tx: &mut Tx,
    set: &[ChunkRef],
    packages: &BTreeSet<&PackageName>,
) -> Result<BTreeMap<PackageName, Vec<BuildEntry>>, store::Error> {
    // Chunks are in the order of packages: the last that does not begin behind a package may have it.
    let before = |package: &&PackageName| set.partition_point(|chunk| chunk.first <= **package).checked_sub(1);
    let digests: BTreeSet<Blake3> = packages.iter().filter_map(before).map(|at| set[at].digest).collect();
    let chunks = pkgsets::chunks(tx, &digests.into_iter().collect::<Vec<_>>()).await?;
    let mut entries: BTreeMap<PackageName, Vec<BuildEntry>> = BTreeMap::new();
    for build in chunks.into_iter().flat_map(|chunk| chunk.builds).filter(|build| packages.contains(build.package())) {
        entries.entry(build.package().clone()).or_default().push(build);
    }
    Ok(entries)
}
