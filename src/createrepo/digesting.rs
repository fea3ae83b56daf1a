//! What are digest and size of the bytes that pass? Counted on their way to a sink.

use std::io::{self, Write};

use crate::model::{ChecksumType, Hasher};
use crate::repodata::Checksum;

/// A sink whose bytes are hashed and counted.
pub(super) struct Digesting<W> {
    sink: W,
    algorithm: ChecksumType,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Digesting<W> {
    pub(super) fn new(algorithm: ChecksumType, sink: W) -> Self {
        Self { sink, algorithm, hasher: algorithm.hasher(), size: 0 }
    }

    /// Returns the sink, and the digest and number of the bytes that went into it.
    pub(super) fn finish(self) -> (W, Checksum, u64) {
        let checksum = Checksum { algorithm: self.algorithm.as_str().to_owned(), hex: self.hasher.finish() };
        (self.sink, checksum, self.size)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Returns digest and size of all that can be read.
///
/// # Errors
/// Reading fails.
pub(super) fn digest(algorithm: ChecksumType, mut input: impl io::Read) -> io::Result<(Checksum, u64)> {
    let mut sink = Digesting::new(algorithm, io::sink());
    io::copy(&mut input, &mut sink)?;
    let (_, checksum, size) = sink.finish();
    Ok((checksum, size))
}
