//! What are the parts of an RPM file? Its two headers, and the digests of all of it, in one pass.
//!
//! Interprets no tag and judges no digest.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::{Error, Part};
use super::header::{Header, INTRO, Intro};
use crate::model::{self, FileFacts, HeaderRange};

const LEAD: usize = 96;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// The main header begins at a multiple of this.
const ALIGNMENT: usize = 8;
/// How much of the payload is read and hashed at a time.
const CHUNK: usize = 128 << 10;

/// The parts of an RPM file.
pub(super) struct Parts {
    pub signature: Header,
    pub header: Header,
    pub header_range: HeaderRange,
    pub facts: FileFacts,
}

/// A piece of what digests are promised of, in the order of the file.
pub(super) enum Piece<'a> {
    /// Bytes of the main header.
    Header(&'a [u8]),
    /// The next bytes of the payload.
    Payload(&'a [u8]),
}

/// Reads the file at `path` once, from its first byte to its last, and shows its content to `each`.
pub(super) fn scan(path: &Path, mut each: impl FnMut(Piece<'_>)) -> Result<Parts, Error> {
    let mut reader = Reader::open(path)?;
    let lead = reader.take(Part::Lead, LEAD)?;
    if lead[..4] != LEAD_MAGIC {
        return Err(Error::NotRpm);
    }
    let (_, signature) = reader.header(Part::Signature)?;
    reader.take(Part::Signature, signature.bytes().len().wrapping_neg() % ALIGNMENT)?;
    let start = reader.read;
    let (intro, header) = reader.header(Part::Header)?;
    let header_range = HeaderRange { start, end: reader.read };

    let mut content = Sha256::new();
    let mut observe = |piece: Piece<'_>| {
        let (Piece::Header(bytes) | Piece::Payload(bytes)) = piece;
        content.update(bytes);
        each(piece);
    };
    observe(Piece::Header(&intro));
    observe(Piece::Header(header.bytes()));
    reader.rest(|chunk| observe(Piece::Payload(chunk)))?;
    let facts = FileFacts {
        sha256: model::Sha256::from_bytes(reader.whole.finalize().into()),
        size: reader.read,
        content: model::Sha256::from_bytes(content.finalize().into()),
    };
    Ok(Parts { signature, header, header_range, facts })
}

/// A file that is hashed as it is read.
struct Reader {
    file: File,
    /// Size when it was opened: what is announced beyond it is never allocated.
    size: u64,
    read: u64,
    whole: Sha256,
}

impl Reader {
    /// Opens a regular file; without waiting, should the path be a pipe.
    fn open(path: &Path) -> Result<Self, Error> {
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(Error::Io)?;
        let metadata = file.metadata().map_err(Error::Io)?;
        if !metadata.is_file() {
            return Err(Error::NotRpm);
        }
        Ok(Self { file, size: metadata.len(), read: 0, whole: Sha256::new() })
    }

    /// Reads the next `length` bytes, which belong to `part`.
    fn take(&mut self, part: Part, length: usize) -> Result<Vec<u8>, Error> {
        if length as u64 > self.size.saturating_sub(self.read) {
            return Err(Error::Truncated(part));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated(part),
            _ => Error::Io(error),
        })?;
        self.whole.update(&bytes);
        self.read += length as u64;
        Ok(bytes)
    }

    /// Reads a header; returns the bytes before its index as well.
    fn header(&mut self, part: Part) -> Result<([u8; INTRO], Header), Error> {
        let mut bytes = [0; INTRO];
        bytes.copy_from_slice(&self.take(part, INTRO)?);
        let intro = Intro::parse(part, bytes)?;
        let rest = self.take(part, intro.rest())?;
        Ok((bytes, Header::parse(part, intro, rest)?))
    }

    /// Reads to the end of the file.
    fn rest(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Io(error)),
            };
            self.whole.update(&buffer[..length]);
            self.read += length as u64;
            each(&buffer[..length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode};

    use super::super::testing::{rpm, saved};
    use super::*;

    fn refusal(path: &Path) -> Error {
        scan(path, |_| {}).err().expect("the file is refused")
    }

    #[test]
    fn a_file_that_ends_early_names_the_part_it_ends_in() {
        let whole = rpm(&[], &[], b"payload");
        let start = scan(&saved(&whole), |_| {}).unwrap().header_range.start as usize;
        for (length, part) in [(0, Part::Lead), (95, Part::Lead), (96, Part::Signature), (start - 1, Part::Signature)] {
            assert!(matches!(refusal(&saved(&whole[..length])), Error::Truncated(p) if p == part), "{length}");
        }
        for length in [start, start + 15, start + 16, start + 40] {
            assert!(matches!(refusal(&saved(&whole[..length])), Error::Truncated(Part::Header)), "{length}");
        }
    }

    #[test]
    fn what_is_no_rpm_is_told_so() {
        assert!(matches!(refusal(&saved(&[b'x'; 200])), Error::NotRpm));
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(refusal(directory.path()), Error::NotRpm));
        assert!(matches!(refusal(&directory.path().join("missing")), Error::Io(_)));
        let pipe = directory.path().join("pipe");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert!(matches!(refusal(&pipe), Error::NotRpm), "and without waiting for a writer");
    }

    #[test]
    fn a_header_larger_than_the_file_is_never_allocated() {
        let mut bytes = rpm(&[], &[], b"");
        bytes[96 + 12..96 + 16].copy_from_slice(&(200u32 << 20).to_be_bytes());
        assert!(matches!(refusal(&saved(&bytes)), Error::Truncated(Part::Signature)));
    }

    #[test]
    fn the_header_range_is_where_the_main_header_lies() {
        let bytes = rpm(&[], &[], b"payload");
        let parts = scan(&saved(&bytes), |_| {}).unwrap();
        let HeaderRange { start, end } = parts.header_range;
        assert_eq!(start % 8, 0);
        assert_eq!(&bytes[start as usize..start as usize + 4], [0x8e, 0xad, 0xe8, 0x01]);
        assert_eq!(&bytes[end as usize..], b"payload");
    }
}
