//! What is a repository's metadata made of? The list of its segments, and how it is kept.

use super::cut::Begins;
use super::texts::short_hash;
use super::{Error, KINDS, Key};
use crate::model::{Blake3, Nevra};

/// Changes whenever the form changes.
const VERSION: &[u8; 4] = b"TMF3";
const DIGEST: usize = 32;
/// Most bytes that a manifest may take: far beyond any repository.
const MOST_BYTES: usize = 1 << 30;
const LEVEL: i32 = 3;

/// Neighbours between which no file is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its first package.
    pub first: Key,
    /// How many packages it has.
    pub count: u32,
    /// In which files it begins a segment, by its first package alone.
    pub(super) begins: Begins,
}

/// One segment of one file: one or more leaves, compressed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// BLAKE3 of what it holds and of how it is compressed: what it is kept under.
    pub name: Blake3,
    /// The first half of the BLAKE3 of its compressed bytes.
    pub hash: [u8; 16],
    /// How many packages it holds.
    pub count: u32,
    /// Compressed bytes.
    pub size: u32,
    /// Bytes of text.
    pub open: u32,
}

impl Frame {
    /// Returns whether these are its bytes.
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.size as usize && short_hash(bytes) == self.hash
    }
}

/// The segments of a repository's metadata files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The leaves, in canonical order.
    pub leaves: Vec<Leaf>,
    /// The segments of each file by `Kind as usize`, in order; empty for kinds that are not written.
    pub frames: [Vec<Frame>; KINDS],
}

impl Manifest {
    /// Returns how many packages are listed.
    pub fn packages(&self) -> u64 {
        self.leaves.iter().map(|leaf| u64::from(leaf.count)).sum()
    }

    /// Returns the names of all segments.
    pub fn names(&self) -> impl Iterator<Item = &Blake3> {
        self.frames.iter().flatten().map(|frame| &frame.name)
    }

    /// Returns the compact form: version, BLAKE3 of the rest, size, compressed fields.
    ///
    /// # Errors
    /// Compression fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut fields = Vec::new();
        put_number(&mut fields, self.leaves.len() as u64);
        for leaf in &self.leaves {
            let Key { nevra, pkgid, href } = &leaf.first;
            let evr = &nevra.evr;
            for text in [nevra.name.as_str(), nevra.arch.as_str(), &evr.version, &evr.release, pkgid, href] {
                put_number(&mut fields, text.len() as u64);
                fields.extend(text.as_bytes());
            }
            put_number(&mut fields, evr.epoch.into());
            put_number(&mut fields, leaf.count.into());
            fields.push(leaf.begins.0);
        }
        for frames in &self.frames {
            put_number(&mut fields, frames.len() as u64);
            for frame in frames {
                fields.extend(frame.name.as_bytes());
                fields.extend(frame.hash);
                for number in [frame.count, frame.size, frame.open] {
                    fields.extend(number.to_le_bytes());
                }
            }
        }
        let mut body = (fields.len() as u64).to_le_bytes().to_vec();
        body.extend(zstd::bulk::compress(&fields, LEVEL).map_err(Error::Write)?);
        Ok([&VERSION[..], Blake3::of(&body).as_bytes(), &body].concat())
    }

    /// Returns the manifest held in `bytes`.
    ///
    /// # Errors
    /// Any bit differs from what [`Manifest::to_bytes`] gave, or another version gave it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = Error::Manifest;
        let (version, rest) = bytes.split_at_checked(VERSION.len()).ok_or(bad("it is cut off"))?;
        if version != VERSION {
            return Err(bad("it is of another version"));
        }
        let (digest, body) = rest.split_at_checked(DIGEST).ok_or(bad("it is cut off"))?;
        if Blake3::of(body).as_bytes() != digest {
            return Err(bad("its digest differs"));
        }
        let (size, packed) = body.split_first_chunk().ok_or(bad("it is cut off"))?;
        let size = usize::try_from(u64::from_le_bytes(*size)).ok().filter(|size| *size <= MOST_BYTES);
        let size = size.ok_or(bad("its size is absurd"))?;
        let fields = zstd::bulk::decompress(packed, size).map_err(|_| bad("it does not decompress"))?;
        Fields(&fields).manifest().ok_or(bad("it does not hold what it should"))
    }
}

/// Appends a number in groups of seven bits, the lowest first.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is left to read of the serialised fields.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn leaf(&mut self) -> Option<Leaf> {
        let (name, arch, version, release) = (self.text()?, self.text()?, self.text()?, self.text()?);
        let (pkgid, href) = (self.text()?.to_owned(), self.text()?.to_owned());
        let epoch = u32::try_from(self.number()?).ok()?;
        let nevra = Nevra::new(name, epoch, version, release, arch).ok()?;
        let count = u32::try_from(self.number()?).ok()?;
        let begins = Begins(self.take(1)?[0]);
        Some(Leaf { first: Key { nevra, pkgid, href }, count, begins })
    }

    fn frame(&mut self) -> Option<Frame> {
        let name = Blake3::from_bytes(self.take(DIGEST)?.try_into().ok()?);
        let hash = self.take(16)?.try_into().ok()?;
        let mut numbers = [0; 3];
        for number in &mut numbers {
            *number = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        }
        let [count, size, open] = numbers;
        Some(Frame { name, hash, count, size, open })
    }

    fn manifest(mut self) -> Option<Manifest> {
        let mut manifest = Manifest::default();
        for _ in 0..self.number()? {
            manifest.leaves.push(self.leaf()?);
        }
        for frames in &mut manifest.frames {
            for _ in 0..self.number()? {
                frames.push(self.frame()?);
            }
        }
        self.0.is_empty().then_some(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let nevra = Nevra::new("p", 3, "1", "2", "noarch").unwrap();
        let first = Key { nevra, pkgid: "ab".repeat(32), href: "packages/é.rpm".to_owned() };
        let frame = Frame { name: Blake3::of(b"x"), hash: [7; 16], count: 300, size: u32::MAX, open: 1 };
        Manifest {
            leaves: vec![Leaf { first, count: 300, begins: Begins(2) }],
            frames: [vec![frame], vec![frame, frame], vec![], vec![]],
        }
    }

    #[test]
    fn a_manifest_comes_back_as_it_was() {
        let bytes = manifest().to_bytes().unwrap();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest());
        assert_eq!(manifest().packages(), 300);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = manifest().to_bytes().unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Manifest::from_bytes(&damaged), Err(Error::Manifest(_))), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(matches!(Manifest::from_bytes(&bytes[..length]), Err(Error::Manifest(_))), "{length}");
        }
    }
}
