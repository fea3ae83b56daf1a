//! What are the uncompressed bytes of a file? Decompressed as they are asked for, within limits.
//!
//! How a file is compressed is seen from its first bytes, never from its name. Files of several zstd
//! frames, gzip members, xz or bzip2 streams are read to their end, as one.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Exceeded, Problem};
use super::limits::{Limits, RATIO_FREE};

/// Largest window of zstd, as a power of two, and most memory of an xz decoder: 128 MiB.
const WINDOW_LOG: u32 = 27;
const XZ_MEMORY: u64 = 128 << 20;
const BUFFER: usize = 128 << 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// zstd, in any number of frames.
    Zstd,
    /// gzip, in any number of members.
    Gzip,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// zchunk, which is recognised and not read.
    Zchunk,
    /// Not at all.
    None,
}

impl Format {
    /// Returns how a file is compressed that begins with these bytes; six are enough.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0, b'Z', b'C', b'K', b'1', ..] => Self::Zchunk,
            _ => Self::None,
        }
    }

    /// Returns the usual name of the compression.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Zchunk => "zchunk",
            Self::None => "none",
        }
    }
}

/// The uncompressed bytes of a file.
///
/// Reading fails where the file is cut off or damaged, and where it passes [`Limits::open_bytes`] or
/// [`Limits::ratio`].
pub struct Decompressed<'a> {
    decoder: Box<dyn Read + Send + 'a>,
    format: Format,
    taken: Arc<AtomicU64>,
    given: u64,
    limits: Limits,
}

impl<'a> Decompressed<'a> {
    /// Looks at the first bytes of `input`, and returns what it is when uncompressed.
    ///
    /// # Errors
    /// The first bytes cannot be read, or are those of zchunk.
    pub fn new(mut input: impl Read + Send + 'a, limits: Limits) -> Result<Self, Problem> {
        let mut head = Vec::with_capacity(6);
        input.by_ref().take(6).read_to_end(&mut head).map_err(Problem::from)?;
        let format = Format::of(&head);
        let taken = Arc::new(AtomicU64::new(0));
        let whole = Counted { input: io::Cursor::new(head).chain(input), taken: Arc::clone(&taken) };
        let decoder = decoder(BufReader::with_capacity(BUFFER, whole), format)?;
        Ok(Self { decoder, format, taken, given: 0, limits })
    }

    /// Returns how the file is compressed.
    pub fn format(&self) -> Format {
        self.format
    }

    fn within_limits(&self) -> io::Result<()> {
        let exceeded = |what, limit| Err(io::Error::other(Exceeded { what, limit }));
        if self.given > self.limits.open_bytes {
            return exceeded("uncompressed bytes", self.limits.open_bytes);
        }
        let allowed = self.taken.load(Ordering::Relaxed).saturating_mul(self.limits.ratio).saturating_add(RATIO_FREE);
        if self.format != Format::None && self.given > allowed {
            return exceeded("uncompressed bytes for each compressed one", self.limits.ratio);
        }
        Ok(())
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.decoder.read(buffer)?;
        self.given += length as u64;
        self.within_limits()?;
        Ok(length)
    }
}

fn decoder<'a>(input: impl BufRead + Send + 'a, format: Format) -> Result<Box<dyn Read + Send + 'a>, Problem> {
    Ok(match format {
        Format::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(input).map_err(Problem::Read)?;
            decoder.window_log_max(WINDOW_LOG).map_err(Problem::Read)?;
            Box::new(decoder)
        }
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Format::Xz => {
            let flags = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags);
            let stream = stream.map_err(|error| Problem::Read(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Format::Zchunk => return Err(Problem::Compression("zchunk")),
        Format::None => Box::new(input),
    })
}

/// A source whose bytes are counted as they are taken.
struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.taken.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"<metadata>text that is compressed, text that is compressed</metadata>";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(bytes, 3).unwrap()
    }

    fn opened(bytes: &[u8], limits: Limits) -> Result<(Format, Vec<u8>), Problem> {
        let mut decompressed = Decompressed::new(bytes, limits)?;
        let mut open = Vec::new();
        decompressed.read_to_end(&mut open)?;
        Ok((decompressed.format(), open))
    }

    fn open(bytes: &[u8]) -> Result<(Format, Vec<u8>), Problem> {
        opened(bytes, Limits::default())
    }

    #[test]
    fn every_compression_is_known_by_its_first_bytes() {
        for (bytes, format) in [
            (zstd(TEXT), Format::Zstd),
            (gzip(TEXT), Format::Gzip),
            (xz(TEXT), Format::Xz),
            (bzip2(TEXT), Format::Bzip2),
            (TEXT.to_vec(), Format::None),
        ] {
            assert_eq!(open(&bytes).unwrap(), (format, TEXT.to_vec()), "{format:?}");
        }
        assert_eq!(open(b"").unwrap(), (Format::None, vec![]));
        assert!(matches!(open(b"\0ZCK1..."), Err(Problem::Compression("zchunk"))));
    }

    #[test]
    fn files_in_several_parts_are_one() {
        let (head, tail) = TEXT.split_at(20);
        for pack in [zstd, gzip, xz, bzip2] {
            let parts = [pack(head), pack(b""), pack(tail)].concat();
            assert_eq!(open(&parts).unwrap().1, TEXT);
        }
        let skippable = [&[0x5E, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let parts = [&skippable[..], &zstd(head), &skippable, &zstd(tail), &skippable].concat();
        assert_eq!(open(&parts).unwrap(), (Format::Zstd, TEXT.to_vec()));
    }

    #[test]
    fn a_file_that_is_cut_or_changed_is_an_error() {
        for pack in [zstd, gzip, xz, bzip2] {
            let whole = pack(TEXT);
            for length in 6..whole.len() {
                assert!(open(&whole[..length]).is_err(), "{:?} cut at {length}", Format::of(&whole));
            }
            let trailing = [&whole[..], b"garbage"].concat();
            assert!(open(&trailing).is_err(), "{:?} with garbage behind it", Format::of(&whole));
        }
    }

    #[test]
    fn bombs_end_at_the_limits() {
        let zeros = vec![0; 4 << 20];
        for pack in [zstd, gzip, xz, bzip2] {
            let bytes = pack(&zeros);
            let error = opened(&bytes, Limits { open_bytes: 1 << 20, ..Limits::default() }).unwrap_err();
            assert!(matches!(error, Problem::TooLarge { what: "uncompressed bytes", .. }));
        }
        let many = zstd(&zeros).repeat(20);
        let error = opened(&many, Limits { ratio: 100, ..Limits::default() }).unwrap_err();
        assert!(matches!(error, Problem::TooLarge { what: "uncompressed bytes for each compressed one", limit: 100 }));
    }

    #[test]
    fn a_window_that_would_take_all_memory_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(30).unwrap();
        encoder.write_all(TEXT).unwrap();
        assert!(open(&encoder.finish().unwrap()).is_err());
    }
}
