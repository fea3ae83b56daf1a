//! What are the bytes of a metadata file? Head, segments, end, index: joined, hashed and written in one go.

use std::io::{self, Write};

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
    if is_one_stream(compression) {
        pack(kind, manifest, compression, frames, &mut out, opened.as_mut())?;
    } else {
        let parts = parts(kind, manifest, compression, Index::writer_of(settings))?;
        join(parts, (kind, compression), frames, &mut out, opened.as_mut())?;
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

/// Writes the pieces one after the other; their text passes `opened`.
fn join(
    parts: Parts,
    (kind, compression): (Kind, Compression),
    frames: &impl Frames,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<(), Error> {
    let Parts { parts, head, end } = parts;
    if let Some(opened) = &mut opened {
        opened.update(head.as_bytes());
    }
    for part in &parts {
        match part {
            Part::Bytes(bytes) => out.write_all(bytes).map_err(Error::Write)?,
            Part::Frame(frame) => {
                let bytes = checked(frames, kind, frame)?;
                out.write_all(&bytes).map_err(Error::Write)?;
                if let Some(opened) = &mut opened {
                    opened.update(&text(kind, compression, frame, &bytes)?);
                }
            }
        }
    }
    if let Some(opened) = &mut opened {
        opened.update(end.as_bytes());
    }
    Ok(())
}

/// Writes the texts of the segments as one stream.
fn pack(
    kind: Kind,
    manifest: &Manifest,
    compression: Compression,
    frames: &impl Frames,
    out: &mut impl Write,
    mut opened: Option<&mut Tally>,
) -> Result<(), Error> {
    let mut packer = Packer::new(compression, out).map_err(Error::Write)?;
    let mut put = |text: &[u8]| {
        if let Some(opened) = &mut opened {
            opened.update(text);
        }
        packer.write_all(text).map_err(Error::Write)
    };
    put(kind.head(manifest.packages()).as_bytes())?;
    for frame in &manifest.frames[kind as usize] {
        let bytes = checked(frames, kind, frame)?;
        put(&text(kind, compression.of_segments(), frame, &bytes)?)?;
    }
    put(end_of(kind).as_bytes())?;
    packer.finish().map(drop).map_err(Error::Write)
}

fn text(kind: Kind, compression: Compression, frame: &Frame, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    codec::open(compression, bytes, frame.open as usize).map_err(|source: io::Error| Error::Get { kind, source })
}
