//! What do the segments of an older state say, package by package? Opened when asked, and forgotten soon.

use std::cmp::Ordering;
use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::ScopedJoinHandle;

use memchr::memmem;

use super::super::{Compression, Kind};
use super::keys::key_of;
use super::manifest::{Frame, Manifest};
use super::{Error, Frames, KINDS, Key, codec};

/// How many opened segments of a file are held: the one in hand, and the one that a longer segment still
/// reaches back into.
const HELD: usize = 2;

/// The text of one segment, cut into packages.
pub(super) struct Text {
    text: String,
    /// Where each package ends.
    ends: Vec<usize>,
}

impl Text {
    /// Opens the bytes of a frame, and checks that they are the ones it was made of.
    pub(super) fn open(compression: Compression, kind: Kind, frame: &Frame, bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |why| Error::Damaged { kind, why };
        if !frame.is(bytes) {
            return Err(damaged("it has other bytes"));
        }
        let text = codec::open(compression, bytes, frame.open as usize).map_err(|_| damaged("it cannot be opened"))?;
        let text = String::from_utf8(text).map_err(|_| damaged("it is no text"))?;
        let mut ends: Vec<usize> = memmem::find_iter(text.as_bytes(), "</package>\n").map(|at| at + 11).collect();
        // Without line feeds, the end of the element is the end of the package.
        if ends.is_empty() {
            ends = memmem::find_iter(text.as_bytes(), "</package>").map(|at| at + 10).collect();
        }
        if ends.len() != frame.count as usize || ends.last() != Some(&text.len()) {
            return Err(damaged("it has another number of packages"));
        }
        Ok(Self { text, ends })
    }

    /// Returns what is said of some neighbouring packages.
    pub(super) fn slice(&self, packages: Range<usize>) -> &str {
        let at = |package: usize| if package == 0 { 0 } else { self.ends.get(package - 1).copied().unwrap_or(0) };
        self.text.get(at(packages.start)..at(packages.end)).unwrap_or_default()
    }
}

/// Returns the first half of the BLAKE3 of a frame's bytes.
pub(super) fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    half
}

/// The texts of a leaf's packages.
pub(super) struct LeafTexts {
    /// By `Kind as usize`: of the segment it is in, and which packages of that are the leaf's.
    texts: [Option<(Arc<Text>, Range<usize>)>; KINDS],
}

impl LeafTexts {
    /// Returns how many packages there are.
    pub(super) fn count(&self) -> usize {
        self.texts[Kind::Primary as usize].as_ref().map_or(0, |(_, packages)| packages.len())
    }

    /// Returns what a file says of some neighbouring packages.
    pub(super) fn slice(&self, kind: Kind, packages: Range<usize>) -> &str {
        let Some((text, all)) = &self.texts[kind as usize] else { return "" };
        text.slice(all.start + packages.start..all.start + packages.end)
    }

    /// Returns the place of a package.
    pub(super) fn key(&self, package: usize) -> Result<Key, Error> {
        let unnamed = Error::Damaged { kind: Kind::Primary, why: "a package in it has no name" };
        key_of(self.slice(Kind::Primary, package..package + 1)).ok_or(unnamed)
    }

    /// Returns which of the packages from `first` on has this key, or before which one it belongs.
    pub(super) fn find(&self, key: &Key, first: usize) -> Result<Result<usize, usize>, Error> {
        let (mut low, mut high) = (first, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key(middle)?.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Ok(middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(low))
    }
}

/// Where the packages of a leaf are in a file: which segment, and which packages of it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub frame: usize,
    pub packages: Range<usize>,
}

/// The texts of an older state.
pub(super) struct OldTexts<'a, F> {
    manifest: &'a Manifest,
    frames: &'a F,
    compression: Compression,
    places: [Vec<Place>; KINDS],
    opened: [Vec<(usize, Arc<Text>)>; KINDS],
}

impl<'a, F: Frames> OldTexts<'a, F> {
    pub(super) fn new(manifest: &'a Manifest, kinds: &[Kind], compression: Compression, frames: &'a F) -> Self {
        let mut places: [Vec<Place>; KINDS] = Default::default();
        for kind in kinds {
            places[*kind as usize] = place(manifest, *kind);
        }
        Self { manifest, frames, compression, places, opened: Default::default() }
    }

    /// Returns where a leaf is in a file.
    pub(super) fn place(&self, kind: Kind, leaf: usize) -> Result<&Place, Error> {
        let lost = Error::Damaged { kind, why: "its packages are not those of the other files" };
        self.places[kind as usize].get(leaf).ok_or(lost)
    }

    /// Returns the segment that is made of exactly these leaves, if there is one.
    pub(super) fn frame_of(&self, kind: Kind, leaves: Range<usize>) -> Option<&Frame> {
        let places = &self.places[kind as usize];
        let (first, last) = (places.get(leaves.start)?, places.get(leaves.end.checked_sub(1)?)?);
        let frame = self.manifest.frames[kind as usize].get(first.frame)?;
        let whole = first.frame == last.frame && first.packages.start == 0;
        (whole && last.packages.end == frame.count as usize).then_some(frame)
    }

    /// Returns the text that a leaf is in, and which packages of that are the leaf's.
    pub(super) fn text(&mut self, kind: Kind, leaf: usize) -> Result<(Arc<Text>, Range<usize>), Error> {
        let Place { frame: at, packages } = self.place(kind, leaf)?.clone();
        let text = match self.held(kind, at) {
            Some(text) => text.clone(),
            None => {
                let text = self.open(kind, at)?;
                self.hold(kind, at, text)
            }
        };
        Ok((text, packages))
    }

    /// Returns the texts of a leaf in several files, opened beside each other.
    pub(super) fn of_leaf(&mut self, kinds: &[Kind], leaf: usize) -> Result<LeafTexts, Error> {
        self.open_all(kinds, leaf)?;
        let mut texts: [Option<(Arc<Text>, Range<usize>)>; KINDS] = Default::default();
        for kind in kinds {
            texts[*kind as usize] = Some(self.text(*kind, leaf)?);
        }
        Ok(LeafTexts { texts })
    }

    fn open_all(&mut self, kinds: &[Kind], leaf: usize) -> Result<(), Error> {
        let mut wanted = Vec::new();
        for kind in kinds {
            let at = self.place(*kind, leaf)?.frame;
            if self.held(*kind, at).is_none() {
                wanted.push((*kind, at));
            }
        }
        let opened = std::thread::scope(|scope| {
            let this = &*self;
            let begin = |(kind, at): &(Kind, usize)| {
                let (kind, at) = (*kind, *at);
                scope.spawn(move || this.open(kind, at))
            };
            let begun: Vec<_> = wanted.iter().map(begin).collect();
            let end = |one: ScopedJoinHandle<'_, _>| one.join().unwrap_or_else(|panic| resume_unwind(panic));
            begun.into_iter().map(end).collect::<Result<Vec<_>, Error>>()
        })?;
        for ((kind, at), text) in wanted.into_iter().zip(opened) {
            self.hold(kind, at, text);
        }
        Ok(())
    }

    fn held(&self, kind: Kind, at: usize) -> Option<&Arc<Text>> {
        self.opened[kind as usize].iter().find(|(frame, _)| *frame == at).map(|(_, text)| text)
    }

    fn open(&self, kind: Kind, at: usize) -> Result<Text, Error> {
        let frame = &self.manifest.frames[kind as usize][at];
        let bytes = self.frames.get(kind, frame).map_err(|source| Error::Get { kind, source })?;
        Text::open(self.compression, kind, frame, &bytes)
    }

    fn hold(&mut self, kind: Kind, at: usize, text: Text) -> Arc<Text> {
        let (opened, text) = (&mut self.opened[kind as usize], Arc::new(text));
        if opened.len() == HELD {
            opened.remove(0);
        }
        opened.push((at, text.clone()));
        text
    }
}

/// Returns the place of each leaf in a file; of fewer where the file has fewer packages.
fn place(manifest: &Manifest, kind: Kind) -> Vec<Place> {
    let mut places = Vec::with_capacity(manifest.leaves.len());
    let (mut frame, mut first) = (0, 0);
    let frames = &manifest.frames[kind as usize];
    for leaf in &manifest.leaves {
        let Some(holder) = frames.get(frame) else { break };
        let behind = first + leaf.count as usize;
        if behind > holder.count as usize {
            break;
        }
        places.push(Place { frame, packages: first..behind });
        first = behind;
        if first == holder.count as usize {
            (frame, first) = (frame + 1, 0);
        }
    }
    places
}

/// Reads the bytes of a frame, and checks that they are the ones it was made of.
pub(super) fn checked(frames: &impl Frames, kind: Kind, frame: &Frame) -> Result<Vec<u8>, Error> {
    let bytes = frames.get(kind, frame).map_err(|source| Error::Get { kind, source })?;
    if frame.is(&bytes) {
        return Ok(bytes);
    }
    Err(Error::Get { kind, source: io::Error::new(io::ErrorKind::InvalidData, "it has other bytes") })
}
