//! What are size and digest of a metadata file that nobody writes? Of its beginning they may be known.
//!
//! The digest is the one cost of a file joined from segments that grows with the repository and not with
//! the change. But a file begins like the one before it, and like those of the tags that inherit from the
//! same base: there the state of the digest is marked at some places and taken up again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::output::Tally;
use super::super::{Kind, Written};
use super::assemble::{Part, Parts, parts};
use super::index::Index;
use super::manifest::Manifest;
use super::source::{Read, Source};
use super::texts::short_hash;
use super::{Error, Frames, Settings};
use crate::model::{Blake3, ChecksumType};

/// How many bytes of a file lie between two marks, at least.
const APART: u64 = 1 << 20;

/// How many marks are set before those are forgotten that were not used meanwhile: those of 500 repositories
/// of 70,000 packages. Twice as many are held at most, of some 200 bytes.
const MOST: usize = if cfg!(test) { 400 } else { 40_000 };

/// States of the SHA-256 within metadata files, each known by all that lies before it.
#[derive(Debug, Default)]
pub struct Marks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Set or used since the others were.
    young: HashMap<Blake3, Tally>,
    old: HashMap<Blake3, Tally>,
}

impl Marks {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last mark in a file that has `ends`, and how many of its pieces lie before it.
    fn last(&self, ends: &[Blake3]) -> (Tally, usize) {
        let mut known = self.lock();
        for (at, end) in ends.iter().enumerate().rev() {
            if let Some(tally) = known.young.get(end) {
                return (tally.clone(), at + 1);
            }
            if let Some(tally) = known.old.remove(end) {
                known.set(*end, tally.clone());
                return (tally, at + 1);
            }
        }
        (Tally::new(ChecksumType::Sha256), 0)
    }
}

impl Known {
    fn set(&mut self, end: Blake3, tally: Tally) {
        if self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(end, tally);
    }
}

/// Returns what [`super::assemble`] would have written, without a digest of what is uncompressed. Segments
/// before the last mark are not read.
///
/// # Errors
/// A segment behind it cannot be read or is not the one that was made.
pub fn measure(
    kind: Kind,
    manifest: &Manifest,
    settings: &Settings,
    frames: &impl Frames,
    marks: &Marks,
) -> Result<Written, Error> {
    let Parts { parts, .. } = parts(kind, manifest, settings.compression, Index::writer_of(settings))?;
    let ends = ends(&parts);
    let (mut tally, known) = marks.last(&ends);
    let mut left = ends.iter().skip(known);
    let pass = |read: &mut Read| {
        let before = tally.size();
        tally.update(&read.bytes);
        let end = left.next();
        if before / APART != tally.size() / APART
            && let Some(end) = end
        {
            marks.lock().set(*end, tally.clone());
        }
    };
    Source::new(kind, settings.compression, false, frames).each(parts.into_iter().skip(known), pass, |_| Ok(()))?;
    Ok(Written { kind, compression: settings.compression, file: tally.end(), open: None })
}

/// Returns what the end of each piece is known by: a digest over that piece and all before it.
fn ends(parts: &[Part]) -> Vec<Blake3> {
    let mut ends: Vec<Blake3> = Vec::with_capacity(parts.len());
    for part in parts {
        let hash = match part {
            Part::Bytes(bytes) => short_hash(bytes),
            Part::Frame(frame) => frame.hash,
        };
        let before = ends.last().map_or(&[][..], |end| end.as_bytes());
        let end = Blake3::of(&[before, &part.size().to_le_bytes(), &hash].concat());
        ends.push(end);
    }
    ends
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::super::{Compression, Sums};
    use super::super::manifest::Frame;
    use super::super::{KINDS, assemble};
    use super::*;

    /// Segments that are counted as they are read.
    #[derive(Default)]
    struct Counted {
        bytes: HashMap<Blake3, Vec<u8>>,
        read: AtomicUsize,
    }

    impl Frames for Counted {
        fn get(&self, _: Kind, frame: &Frame) -> io::Result<Vec<u8>> {
            self.read.fetch_add(1, Ordering::Relaxed);
            self.find(&frame.name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
            Ok(self.bytes.get(name).cloned())
        }

        fn put(&self, _: &Blake3, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    impl Counted {
        /// Returns a list of segments of 300 KiB, each filled with one of the numbers.
        fn manifest(&mut self, numbers: impl IntoIterator<Item = u8>) -> Manifest {
            let mut frames: [Vec<Frame>; KINDS] = Default::default();
            for number in numbers {
                let bytes = vec![number; 300 << 10];
                let (name, size) = (Blake3::of(&bytes), bytes.len() as u32);
                frames[Kind::Filelists as usize].push(Frame {
                    name,
                    hash: short_hash(&bytes),
                    count: 1,
                    size,
                    open: size,
                });
                self.bytes.insert(name, bytes);
            }
            Manifest { leaves: Vec::new(), frames }
        }
    }

    #[test]
    fn what_lies_before_a_mark_is_not_read_again() {
        let (settings, marks, mut frames) = (Settings::of(Compression::None), Marks::default(), Counted::default());
        let first = frames.manifest(0..40);
        let other = frames.manifest((0..30).chain([99]).chain(31..40));
        let shorter = frames.manifest(0..39);
        // All; all once more; from the mark before the segment that differs; back; from before the end.
        for (manifest, most) in [(&first, 40), (&first, 4), (&other, 14), (&first, 4), (&shorter, 4)] {
            let written = assemble(Kind::Filelists, manifest, &settings, Sums::default(), &frames, io::sink()).unwrap();
            frames.read.store(0, Ordering::Relaxed);
            assert_eq!(measure(Kind::Filelists, manifest, &settings, &frames, &marks).unwrap(), written);
            assert!(frames.read.load(Ordering::Relaxed) <= most, "{:?} segments read, not {most}", frames.read);
        }
        frames.bytes.clear();
        assert!(measure(Kind::Filelists, &other, &settings, &frames, &Marks::default()).is_err());
    }

    #[test]
    fn marks_that_are_used_outlive_those_that_are_not() {
        let (marks, name) = (Marks::default(), |number: usize| Blake3::of(&number.to_le_bytes()));
        for number in 0..MOST * 5 / 2 {
            marks.lock().set(name(number), Tally::new(ChecksumType::Sha256));
            if number % 10 == 0 {
                assert_eq!(marks.last(&[name(0)]).1, 1);
            }
        }
        assert_eq!(marks.last(&[name(1)]).1, 0);
        let known = marks.lock();
        assert!(known.young.len() + known.old.len() <= 2 * MOST);
    }
}
