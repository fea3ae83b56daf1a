//! What was an older repository of ours made of? Told by the indexes of its files and the list of its packages.

use std::collections::BTreeMap;

use super::cut::Begins;
use super::index::Index;
use super::manifest::{Frame, Leaf, Manifest};
use super::{KINDS, Key, Settings};
use crate::model::Blake3;

/// Returns the manifest of a repository that was written with the same settings, by the indexes of its files
/// (by `Kind as usize`) and its packages in the order they are listed.
///
/// A segment is then called by the first half of the BLAKE3 of its bytes and zeros, which is a name that no
/// new segment has.
///
/// `None` where it was written by another program, or with other settings, or the files do not belong
/// together: it is to be made from the packages then.
pub fn recover(indexes: &[Option<Index>; KINDS], keys: &[Key], settings: &Settings) -> Option<Manifest> {
    let writer = Index::writer_of(settings);
    let mut manifest = Manifest::default();
    for kind in settings.kinds() {
        let index = indexes[*kind as usize].as_ref()?;
        if index.writer != writer || index.packages() != keys.len() as u64 {
            return None;
        }
        manifest.frames[*kind as usize] = index
            .frames
            .iter()
            .map(|frame| Frame {
                name: name_of(&frame.hash),
                hash: frame.hash,
                count: frame.count,
                size: frame.size,
                open: frame.open,
            })
            .collect();
    }
    manifest.leaves = leaves(&manifest, keys, settings)?;
    Some(manifest)
}

fn name_of(hash: &[u8; 16]) -> Blake3 {
    let mut name = [0; 32];
    name[..16].copy_from_slice(hash);
    Blake3::from_bytes(name)
}

/// Returns the leaves: what lies between two cuts, of whichever file.
fn leaves(manifest: &Manifest, keys: &[Key], settings: &Settings) -> Option<Vec<Leaf>> {
    let mut begins = BTreeMap::new();
    for kind in settings.kinds() {
        let mut at = 0;
        for frame in &manifest.frames[*kind as usize] {
            begins.entry(at).or_insert(Begins::NONE).add(*kind);
            at += frame.count as usize;
        }
    }
    let behind = begins.keys().skip(1).copied().chain([keys.len()]);
    let leaf = |((at, begins), behind): ((&usize, &Begins), usize)| {
        let count = u32::try_from(behind.checked_sub(*at)?).ok()?;
        Some(Leaf { first: keys.get(*at)?.clone(), count, begins: *begins })
    };
    begins.iter().zip(behind).map(leaf).collect()
}
