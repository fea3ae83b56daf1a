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
    mut sink: impl Write,
) -> Result<Written, Error> {
    let compression = settings.compression;
    let mut opened = (sums.open && compression != Compression::None).then(|| Tally::new(sums.checksum));
    let is_opened = opened.is_some() || is_one_stream(compression);
    let ahead = (AHEAD / settings.cuts.of(kind).max(1)).max(1) as usize;
    let source = Source { kind, compression: compression.of_segments(), ahead, is_opened, frames };
    let tally = Tally::new(sums.checksum);
    let tally = if is_one_stream(compression) {
        let mut out = Counted { tally, sink: &mut sink };
        pack(&source, manifest, compression, &mut out, opened.as_mut())?;
        out.tally
    } else {
        join(
            &source,
            parts(kind, manifest, compression, Index::writer_of(settings))?,
            tally,
            &mut sink,
            opened.as_mut(),
        )?
    };
    sink.flush().map_err(Error::Write)?;
    Ok(Written { kind, compression, file: tally.end(), open: opened.map(Tally::end) })
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

/// A piece on its way.
struct Read {
    /// The bytes as they lie.
    bytes: Vec<u8>,
    /// The text of a segment, where that is wanted.
    text: Option<Vec<u8>>,
}

impl<F: Frames> Source<'_, F> {
    /// Shows each piece to `pass` and then gives it to `take`, in their order. Reading, passing and taking each go
    /// on in a thread of their own.
    fn each(
        &self,
        parts: impl Iterator<Item = Part> + Send,
        mut pass: impl FnMut(&mut Read) + Send,
        mut take: impl FnMut(Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (give, given) = sync_channel(self.ahead);
            let (hand_on, handed_on) = sync_channel(self.ahead);
            // Whoever gives ends where nobody takes any more, which is where taking failed.
            scope.spawn(move || parts.map(|part| self.read(part)).try_for_each(|read| give.send(read)));
            scope.spawn(move || {
                given.into_iter().try_for_each(|mut read: Result<Read, Error>| {
                    if let Ok(read) = &mut read {
                        pass(read);
                    }
                    hand_on.send(read)
                })
            });
            handed_on.into_iter().try_for_each(|read| take(read?))
        })
    }

    fn read(&self, part: Part) -> Result<Read, Error> {
        let kind = self.kind;
        let frame = match part {
            Part::Bytes(bytes) => return Ok(Read { bytes, text: None }),
            Part::Frame(frame) => frame,
        };
        let bytes = checked(self.frames, kind, &frame)?;
        let text = self.is_opened.then(|| codec::open(self.compression, &bytes, frame.open as usize)).transpose();
        Ok(Read { bytes, text: text.map_err(|source| Error::Get { kind, source })? })
    }
}

/// Writes the pieces one after the other; their bytes pass `tally` and their text `opened`.
fn join(
    source: &Source<'_, impl Frames>,
    parts: Parts,
    mut tally: Tally,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<Tally, Error> {
    let Parts { parts, head, end } = parts;
    let mut open = |text: &[u8]| {
        if let Some(opened) = &mut opened {
            opened.update(text);
        }
    };
    open(head.as_bytes());
    let pass = |read: &mut Read| {
        tally.update(&read.bytes);
        open(&read.text.take().unwrap_or_default());
    };
    source.each(parts.into_iter(), pass, |read| out.write_all(&read.bytes).map_err(Error::Write))?;
    open(end.as_bytes());
    Ok(tally)
}

/// Writes the texts of the segments as one stream; they pass `opened`.
fn pack(
    source: &Source<'_, impl Frames>,
    manifest: &Manifest,
    compression: Compression,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<(), Error> {
    let (kind, head, end) = (source.kind, source.kind.head(manifest.packages()), end_of(source.kind));
    let mut open = |text: &[u8]| {
        if let Some(opened) = &mut opened {
            opened.update(text);
        }
    };
    let mut packer = Packer::new(compression, out).map_err(Error::Write)?;
    open(head.as_bytes());
    packer.write_all(head.as_bytes()).map_err(Error::Write)?;
    let parts = manifest.frames[kind as usize].iter().copied().map(Part::Frame);
    let pass = |read: &mut Read| open(read.text.as_deref().unwrap_or_default());
    source.each(parts, pass, |read| packer.write_all(&read.text.unwrap_or_default()).map_err(Error::Write))?;
    open(end.as_bytes());
    packer.write_all(end.as_bytes()).map_err(Error::Write)?;
    packer.finish().map(drop).map_err(Error::Write)
}
