//! What does a new revision of a package set bring, and how is it told?

use serde_json::{Map, Value, json};

use super::difference::{Change, Differences};
use super::pkgset::Size;
use crate::model::{BuildEntry, TagName};
use crate::store::pkgsets::{ChunkRef, Revision};
use crate::store::{self, Tx};

/// Most builds that one message lists.
const MOST_LISTED: usize = 1000;

/// What a new revision adds or removes: how much, and the first names.
#[derive(Default)]
pub(super) struct Amount {
    pub size: Size,
    nvrs: Vec<String>,
}

impl Amount {
    fn count(&mut self, build: &BuildEntry) {
        self.size.count(build);
        if !self.is_listed() {
            self.nvrs.push(build.nvr.to_string());
        }
    }

    /// Returns whether no further name is wanted.
    fn is_listed(&self) -> bool {
        self.nvrs.len() == MOST_LISTED
    }
}

/// By what a new revision differs from the one before.
#[derive(Default)]
pub(super) struct Changed {
    pub added: Amount,
    pub removed: Amount,
}

impl Changed {
    /// Compares two sets, of which the sizes may be known: then a tag that gets a parent, and with it
    /// everything, does not have to read everything.
    pub async fn between(
        tx: &mut Tx,
        old: &[ChunkRef],
        new: &[ChunkRef],
        sizes: Option<(Size, Size)>,
    ) -> Result<Self, store::Error> {
        let (mut changed, mut differences) = (Self::default(), Differences::new(old, new));
        while let Some(change) = differences.next(tx).await? {
            match change {
                Change::Added(build) => changed.added.count(&build),
                Change::Removed(build) => changed.removed.count(&build),
            }
            let Some((was, is)) = sizes else { continue };
            if differences.removed_all() && changed.added.is_listed() {
                changed.added.size = is.after(changed.removed.size, was);
                break;
            }
            if differences.added_all() && changed.removed.is_listed() {
                changed.removed.size = was.after(changed.added.size, is);
                break;
            }
        }
        Ok(changed)
    }
}

/// Returns the body of `tannery.tag.changed`.
pub(super) fn changed_body(tag: &TagName, revision: &Revision, change: Changed) -> Map<String, Value> {
    let Changed { added, removed } = change;
    let truncated = added.size.builds.max(removed.size.builds) > MOST_LISTED as i64;
    let body = json!({
        "tag": tag,
        "revision": revision.number,
        "event": revision.event_id,
        "digest": revision.digest,
        "arches": revision.arches,
        "builds": {
            "added": added.nvrs,
            "removed": removed.nvrs,
            "truncated": truncated,
        },
        "packages": revision.builds,
        "rpms": revision.rpms,
    });
    body.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::pkgset::Cutter;
    use super::*;
    use crate::model::Nvr;
    use crate::store::{Db, Write, pkgsets};

    fn builds(from: usize, to: usize, version: &str) -> Vec<BuildEntry> {
        let build = |at| BuildEntry {
            nvr: Nvr::new(&format!("p{at:05}"), version, "1").unwrap(),
            from: "t".parse().unwrap(),
            exclusive_arch: vec![],
            exclude_arch: vec![],
            rpms: vec![],
        };
        (from..to).map(build).collect()
    }

    async fn put(tx: &mut Write, builds: Vec<BuildEntry>) -> (Vec<ChunkRef>, Size) {
        let mut cutter = Cutter::default();
        cutter.push(builds).unwrap();
        let (packed, size) = cutter.finish().unwrap();
        let chunks = packed.iter().map(|chunk| chunk.reference.clone()).collect();
        pkgsets::put_packed(tx, packed).await.unwrap();
        (chunks, size)
    }

    #[tokio::test]
    async fn where_the_sizes_are_known_the_amounts_are_the_same_without_reading_all() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let much = put(&mut tx, builds(0, MOST_LISTED + 500, "1")).await;
        let little = put(&mut tx, builds(20, 30, "2")).await;
        let nothing = (Vec::new(), Size::default());
        for (old, new) in [(&nothing, &much), (&much, &nothing), (&little, &much), (&much, &little)] {
            let all = Changed::between(&mut tx, &old.0, &new.0, None).await.unwrap();
            let known = Changed::between(&mut tx, &old.0, &new.0, Some((old.1, new.1))).await.unwrap();
            assert_eq!((known.added.size, known.removed.size), (all.added.size, all.removed.size));
            assert_eq!((known.added.nvrs, known.removed.nvrs), (all.added.nvrs, all.removed.nvrs));
            assert_eq!(old.1.after(all.added.size, all.removed.size), new.1);
        }
    }
}
