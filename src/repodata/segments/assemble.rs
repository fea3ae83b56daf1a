//! What are the bytes of a metadata file? Head, segments, end, index: joined, hashed and written in one go.

use std::io::{self, Write};

use super::super::output::Tally;
use super::super::{Compression, Kind, Written};
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

/// Returns what a metadata file is joined of.
///
/// # Errors
/// Head or end cannot be compressed.
pub fn parts(kind: Kind, manifest: &Manifest, settings: &Settings) -> Result<Parts, Error> {
    let frames = &manifest.frames[kind as usize];
    let (head, end) = (kind.head(manifest.packages()), format!("</{}>", kind.root()));
    let mut compressor = Compressor::new(settings.compression).map_err(Error::Write)?;
    let packed_head = compressor.compress(head.as_bytes()).map_err(Error::Write)?;
    let mut last = compressor.compress(end.as_bytes()).map_err(Error::Write)?;
    let entry = |frame: &Frame| IndexFrame { size: frame.size, open: frame.open, count: frame.count, hash: frame.hash };
    let index = Index {
        writer: Index::writer_of(settings),
        head: packed_head.len() as u32,
        tail: last.len() as u32,
        frames: frames.iter().map(entry).collect(),
    };
    last.extend(index.to_bytes(settings.compression, head.len() as u32, end.len() as u32));
    let mut parts = vec![Part::Bytes(packed_head)];
    parts.extend(frames.iter().copied().map(Part::Frame));
    parts.push(Part::Bytes(last));
    Ok(Parts { parts, head, end })
}

/// Writes a metadata file into `sink`; with `open`, what is uncompressed is hashed too.
///
/// # Errors
/// A segment cannot be read or is not the one that was made, or the sink refuses.
pub fn assemble(
    kind: Kind,
    manifest: &Manifest,
    settings: &Settings,
    open: bool,
    frames: &impl Frames,
    mut sink: impl Write,
) -> Result<Written, Error> {
    let Parts { parts, head, end } = parts(kind, manifest, settings)?;
    let compression = settings.compression;
    let mut tally = Tally::default();
    let mut opened = (open && compression != Compression::None).then(Tally::default);
    let mut put = |bytes: &[u8]| -> Result<(), Error> {
        tally.update(bytes);
        sink.write_all(bytes).map_err(Error::Write)
    };
    if let Some(opened) = &mut opened {
        opened.update(head.as_bytes());
    }
    for part in &parts {
        match part {
            Part::Bytes(bytes) => put(bytes)?,
            Part::Frame(frame) => {
                let bytes = checked(frames, kind, frame)?;
                put(&bytes)?;
                if let Some(opened) = &mut opened {
                    opened.update(&text(kind, compression, frame, &bytes)?);
                }
            }
        }
    }
    sink.flush().map_err(Error::Write)?;
    if let Some(opened) = &mut opened {
        opened.update(end.as_bytes());
    }
    Ok(Written { kind, compression, file: tally.end(), open: opened.map(Tally::end) })
}

fn text(kind: Kind, compression: Compression, frame: &Frame, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    codec::open(compression, bytes, frame.open as usize).map_err(|source: io::Error| Error::Get { kind, source })
}
