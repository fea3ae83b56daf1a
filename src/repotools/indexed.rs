//! Where are the segments of a file? Its index, as `docs/metadata-format.md` has it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::repodata::segments::{Index, TAIL};

/// The index of a file.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) index: Index,
    /// How many bytes it takes at the end of the file.
    pub(super) length: u64,
}

impl Indexed {
    /// Reads the index of a file; `None` where it has none.
    pub(super) fn of_file(file: &File) -> Option<Self> {
        let size = file.metadata().ok()?.len();
        let mut last = [0; TAIL];
        file.read_exact_at(&mut last, size.checked_sub(TAIL as u64)?).ok()?;
        let length = Index::length(&last)?;
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, size.checked_sub(length)?).ok()?;
        Self::parse(&bytes, size)
    }

    /// Reads the index that `bytes` are, of a file of `size` bytes.
    pub(super) fn parse(bytes: &[u8], size: u64) -> Option<Self> {
        let (index, length) = (Index::parse(bytes)?, bytes.len() as u64);
        let segments: u64 = index.frames.iter().map(|frame| u64::from(frame.size)).sum();
        let whole = u64::from(index.head) + segments + u64::from(index.tail) + length;
        (whole == size).then_some(Self { index, length })
    }
}
