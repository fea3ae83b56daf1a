//! How do the bytes of a metadata file reach their sink? Compressed, and counted on the way.

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use sha2::Digest;

use super::encoding::Compression;
use super::error::Error;
use crate::model::Sha256;

/// Digest and size of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digested {
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
    /// How many there are.
    pub size: u64,
}

/// The way of the bytes: counted open, compressed, counted as they go to the sink.
pub(super) struct Output<W: Write> {
    open: Option<Tally>,
    encoder: Encoder<Counted<W>>,
}

enum Encoder<W: Write> {
    Zstd(zstd::Encoder<'static, W>),
    Gzip(GzEncoder<W>),
    Plain(W),
}

impl<W: Write> Output<W> {
    /// Returns the way to `sink`, on which the open bytes are counted if `open` says so.
    pub(super) fn new(compression: Compression, open: bool, sink: W) -> Result<Self, Error> {
        let counted = Counted { tally: Tally::default(), sink };
        let encoder = match compression {
            Compression::Zstd { level } => Encoder::Zstd(zstd::Encoder::new(counted, level).map_err(Error::Write)?),
            // No name and no time, so that equal packages give equal bytes.
            Compression::Gzip { level } => {
                Encoder::Gzip(GzBuilder::new().mtime(0).write(counted, flate2::Compression::new(level)))
            }
            Compression::None => Encoder::Plain(counted),
        };
        Ok(Self { open: open.then(Tally::default), encoder })
    }

    /// Sends text on its way.
    pub(super) fn put(&mut self, text: &str) -> Result<(), Error> {
        if let Some(open) = &mut self.open {
            open.update(text.as_bytes());
        }
        match &mut self.encoder {
            Encoder::Zstd(encoder) => encoder.write_all(text.as_bytes()),
            Encoder::Gzip(encoder) => encoder.write_all(text.as_bytes()),
            Encoder::Plain(sink) => sink.write_all(text.as_bytes()),
        }
        .map_err(Error::Write)
    }

    /// Ends the stream; returns what the sink has got, and what was put in if it was counted.
    pub(super) fn finish(self) -> Result<(Digested, Option<Digested>), Error> {
        let mut counted = match self.encoder {
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Plain(sink) => Ok(sink),
        }
        .map_err(Error::Write)?;
        counted.flush().map_err(Error::Write)?;
        Ok((counted.tally.end(), self.open.map(Tally::end)))
    }
}

/// A sink whose bytes are counted and hashed.
struct Counted<W> {
    tally: Tally,
    sink: W,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.tally.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Bytes hashed and counted as they pass.
#[derive(Default)]
pub(super) struct Tally {
    sha256: sha2::Sha256,
    size: u64,
}

impl Tally {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(super) fn end(self) -> Digested {
        Digested { sha256: Sha256::from_bytes(self.sha256.finalize().into()), size: self.size }
    }
}
