//! What are the bytes of a metadata file? Head, segments, end, index: joined, hashed and written in one go,
//! while the segments that follow are read and opened.

use std::io::Write;
use std::sync::mpsc::sync_channel;

use super::super::output::{Counted, Packer, Tally};
use super::super::{Compression, Kind, Sums, Written};
use super::codec::{self, Compressor};
use super::index::{Index, IndexFrame};
use super::manifest::{Frame, Manifest};
use super::texts::checked;
use super::{Error, Frames, Settings};

/// A piece of a metadata file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A segment.
    Frame(Frame),
}

impl Part {
    /// Returns how many bytes it is.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Frame(frame) => frame.size.into(),
        }
    }
}

/// A metadata file in pieces, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The pieces.
    pub parts: Vec<Part>,
    head: String,
    end: String,
}

/// Returns what a metadata file is joined of; `writer` is what made its segments ([`Index::writer_of`]).
///
/// # Errors
/// It is one stream, which has no pieces, or head or end cannot be compressed.
pub fn parts(kind: Kind, manifest: &Manifest, compression: Compression, writer: String) -> Result<Parts, Error> {
    if is_one_stream(compression) {
        return Err(Error::OneStream);
    }
    let frames = &manifest.frames[kind as usize];
    let (head, end) = (kind.head(manifest.packages()), end_of(kind));
    let mut compressor = Compressor::new(compression).map_err(Error::Write)?;
    let packed_head = compressor.compress(head.as_bytes()).map_err(Error::Write)?;
    let mut last = compressor.compress(end.as_bytes()).map_err(Error::Write)?;
    let entry = |frame: &Frame| IndexFrame { size: frame.size, open: frame.open, count: frame.count, hash: frame.hash };
    let index = Index {
        writer,
        head: packed_head.len() as u32,
        tail: last.len() as u32,
        frames: frames.iter().map(entry).collect(),
    };
    last.extend(index.to_bytes(compression, head.len() as u32, end.len() as u32));
    let mut parts = vec![Part::Bytes(packed_head)];
    parts.extend(frames.iter().copied().map(Part::Frame));
    parts.push(Part::Bytes(last));
    Ok(Parts { parts, head, end })
}

/// Writes a metadata file into `sink`, and takes its checksums.
///
/// # Errors
/// A segment cannot be read or is not the one that was made, or the sink refuses.
pub fn assemble(
    kind: Kind,
    manifest: &Manifest,
    settings: &Settings,
    sums: Sums,
    frames: &impl Frames,
    sink: impl Write,
) -> Result<Written, Error> {
    let compression = settings.compression;
    let mut out = Counted { tally: Tally::new(sums.checksum), sink };
    let mut opened = (sums.open && compression != Compression::None).then(|| Tally::new(sums.checksum));
    let is_opened = opened.is_some() || is_one_stream(compression);
    let ahead = (AHEAD / settings.cuts.of(kind).max(1)).max(1) as usize;
    let source = Source { kind, compression: compression.of_segments(), ahead, is_opened, frames };
    if is_one_stream(compression) {
        pack(&source, manifest, compression, &mut out, opened.as_mut())?;
    } else {
        let parts = parts(kind, manifest, compression, Index::writer_of(settings))?;
        join(&source, parts, &mut out, opened.as_mut())?;
    }
    out.flush().map_err(Error::Write)?;
    Ok(Written { kind, compression, file: out.tally.end(), open: opened.map(Tally::end) })
}

fn is_one_stream(compression: Compression) -> bool {
    compression.of_segments() != compression
}

fn end_of(kind: Kind) -> String {
    format!("</{}>", kind.root())
}

/// About how many bytes of text are read ahead.
const AHEAD: u64 = 8 << 20;

/// Where the segments of a file come from.
struct Source<'a, F> {
    kind: Kind,
    compression: Compression,
    /// How many are read ahead.
    ahead: usize,
    /// Whether their text is wanted.
    is_opened: bool,
    frames: &'a F,
}

/// A piece as it lies, and the text of a segment where that is wanted.
type Read = (Vec<u8>, Option<Vec<u8>>);

impl<F: Frames> Source<'_, F> {
    /// Gives each piece to `take`, in their order; another thread reads and opens the next ones meanwhile.
    fn each(
        &self,
        parts: impl Iterator<Item = Part> + Send,
        mut take: impl FnMut(Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (give, given) = sync_channel(self.ahead);
            scope.spawn(move || {
                for part in parts {
                    // Nobody takes it where taking failed.
                    if give.send(self.read(part)).is_err() {
                        return;
                    }
                }
            });
            given.into_iter().try_for_each(|read| take(read?))
        })
    }

    fn read(&self, part: Part) -> Result<Read, Error> {
        let kind = self.kind;
        let frame = match part {
            Part::Bytes(bytes) => return Ok((bytes, None)),
            Part::Frame(frame) => frame,
        };
        let bytes = checked(self.frames, kind, &frame)?;
        let text = self.is_opened.then(|| codec::open(self.compression, &bytes, frame.open as usize)).transpose();
        Ok((bytes, text.map_err(|source| Error::Get { kind, source })?))
    }
}

/// Writes the pieces one after the other; their text passes `opened`.
fn join(
    source: &Source<'_, impl Frames>,
    parts: Parts,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<(), Error> {
    let Parts { parts, head, end } = parts;
    let mut open = |text: &[u8]| {
        if let Some(opened) = &mut opened {
            opened.update(text);
        }
    };
    open(head.as_bytes());
    source.each(parts.into_iter(), |(bytes, text)| {
        open(text.as_deref().unwrap_or_default());
        out.write_all(&bytes).map_err(Error::Write)
    })?;
    open(end.as_bytes());
    Ok(())
}

/// Writes the texts of the segments as one stream.
fn pack(
    source: &Source<'_, impl Frames>,
    manifest: &Manifest,
    compression: Compression,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<(), Error> {
    let kind = source.kind;
    let mut packer = Packer::new(compression, out).map_err(Error::Write)?;
    let mut put = |text: &[u8]| {
        if let Some(opened) = &mut opened {
            opened.update(text);
        }
        packer.write_all(text).map_err(Error::Write)
    };
    put(kind.head(manifest.packages()).as_bytes())?;
    let parts = manifest.frames[kind as usize].iter().copied().map(Part::Frame);
    source.each(parts, |(_, text)| put(&text.unwrap_or_default()))?;
    put(end_of(kind).as_bytes())?;
    packer.finish().map(drop).map_err(Error::Write)
}
