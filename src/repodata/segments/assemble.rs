//! What are the bytes of a metadata file? Head, segments, end, index: joined, hashed and written in one go,
//! while the segments that follow are read and opened.

use std::io::Write;

use super::super::output::{Counted, Packer, Tally};
use super::super::{Compression, Kind, Sums, Written};
use super::codec::Compressor;
use super::index::{Index, IndexFrame};
use super::manifest::{Frame, Manifest};
use super::source::{Read, Source};
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
    let source = Source::new(kind, compression, is_opened, frames);
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
