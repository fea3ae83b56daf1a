//! How do the bytes of a metadata file reach their sink? Compressed, and counted on the way.

use std::io::{self, Write};

use bzip2::write::BzEncoder;
use flate2::GzBuilder;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;

use super::encoding::Compression;
use super::repomd::Checksum;
use crate::model::{ChecksumType, Hasher};

/// Digest and size of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digested {
    /// Digest of the bytes.
    pub checksum: Checksum,
    /// How many there are.
    pub size: u64,
}

/// Returns some bytes compressed into one stream.
///
/// # Errors
/// As of [`Packer::new`].
pub fn pack(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = Packer::new(compression, Vec::new())?;
    packer.write_all(bytes)?;
    packer.finish()
}

/// A way to a sink on which bytes are compressed into one stream: equal bytes, equal streams.
pub struct Packer<W: Write>(Encoder<W>);

enum Encoder<W: Write> {
    Zstd(zstd::Encoder<'static, W>),
    Gzip(GzEncoder<W>),
    Xz(XzEncoder<W>),
    Bzip2(BzEncoder<W>),
    Plain(W),
}

impl<W: Write> Packer<W> {
    /// Returns the way to `sink`.
    ///
    /// # Errors
    /// There is no memory for the encoder, or it has no such level.
    pub fn new(compression: Compression, sink: W) -> io::Result<Self> {
        Ok(Self(match compression {
            Compression::Zstd { level } => Encoder::Zstd(zstd::Encoder::new(sink, level)?),
            // No name and no time, so that equal bytes stay equal.
            Compression::Gzip { level } => {
                Encoder::Gzip(GzBuilder::new().mtime(0).write(sink, flate2::Compression::new(level)))
            }
            Compression::Xz { level } => Encoder::Xz(XzEncoder::new(sink, level)),
            Compression::Bzip2 { level } => Encoder::Bzip2(BzEncoder::new(sink, bzip2::Compression::new(level))),
            Compression::None => Encoder::Plain(sink),
        }))
    }

    /// Ends the stream; returns the sink.
    ///
    /// # Errors
    /// The sink refuses the end.
    pub fn finish(self) -> io::Result<W> {
        let mut sink = match self.0 {
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Xz(encoder) => encoder.finish()?,
            Encoder::Bzip2(encoder) => encoder.finish()?,
            Encoder::Plain(sink) => sink,
        };
        sink.flush()?;
        Ok(sink)
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Encoder::Zstd(encoder) => encoder.write(bytes),
            Encoder::Gzip(encoder) => encoder.write(bytes),
            Encoder::Xz(encoder) => encoder.write(bytes),
            Encoder::Bzip2(encoder) => encoder.write(bytes),
            Encoder::Plain(sink) => sink.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Encoder::Zstd(encoder) => encoder.flush(),
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Xz(encoder) => encoder.flush(),
            Encoder::Bzip2(encoder) => encoder.flush(),
            Encoder::Plain(sink) => sink.flush(),
        }
    }
}

/// A sink whose bytes are counted and hashed.
pub(super) struct Counted<W> {
    pub tally: Tally,
    pub sink: W,
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
#[derive(Debug, Clone)]
pub(super) struct Tally {
    checksum: ChecksumType,
    hasher: Hasher,
    size: u64,
}

impl Tally {
    pub(super) fn new(checksum: ChecksumType) -> Self {
        Self { checksum, hasher: checksum.hasher(), size: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Returns how many bytes have passed.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn end(self) -> Digested {
        let checksum = Checksum { algorithm: self.checksum.to_string(), hex: self.hasher.finish() };
        Digested { checksum, size: self.size }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::read::{Decompressed, Limits};
    use super::*;

    const ALL: [Compression; 5] = [
        Compression::Zstd { level: 3 },
        Compression::Gzip { level: 6 },
        Compression::Xz { level: 5 },
        Compression::Bzip2 { level: 9 },
        Compression::None,
    ];

    fn packed(compression: Compression) -> Vec<u8> {
        pack(compression, b"<some text/>").unwrap()
    }

    #[test]
    fn what_is_packed_can_be_unpacked_and_equal_bytes_stay_equal() {
        for compression in ALL {
            let mut open = Vec::new();
            let bytes = packed(compression);
            Decompressed::new(&bytes[..], Limits::default()).unwrap().read_to_end(&mut open).unwrap();
            assert_eq!(open, b"<some text/>", "{compression:?}");
            assert_eq!(packed(compression), bytes);
        }
    }

    #[test]
    fn gzip_tells_neither_time_nor_name() {
        assert_eq!(packed(Compression::Gzip { level: 6 })[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    }

    /// A sink that takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_an_error() {
        for compression in ALL {
            let mut packer = Packer::new(compression, Full).unwrap();
            assert!(
                packer.write_all(b"some text").and_then(|()| packer.finish().map(drop)).is_err(),
                "{compression:?}"
            );
        }
    }
}
