//! What are the parts of an RPM file? Its two headers, and all of its bytes to hash, in one pass.
//!
//! Interprets no tag, computes and judges no digest.

use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::error::{Error, Part};
use super::header::{Header, INTRO, Intro};
use crate::model::HeaderRange;

const LEAD: usize = 96;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
/// The main header begins at a multiple of this.
const ALIGNMENT: usize = 8;
/// How much of the file is read at a time.
const CHUNK: u64 = 128 << 10;

/// The parts of an RPM file.
pub(super) struct Parts {
    pub signature: Header,
    pub header: Header,
    pub header_range: HeaderRange,
    /// Size of the file in bytes.
    pub size: u64,
    /// Modification time, seconds after 1970.
    pub time: i64,
}

/// A piece of the file; all of them in order are all of its bytes.
pub(super) enum Piece<'a> {
    /// Bytes before the main header.
    Front(&'a [u8]),
    /// Bytes of the main header.
    Header(&'a [u8]),
    /// The next bytes of the payload.
    Payload(&'a [u8]),
}

/// Reads the file at `path` once, from its first byte to its last, and shows all of it to `each`.
///
/// A file that is not the same after reading as it was before, by size or modification time, is an
/// error: what was read of it may be a mixture.
pub(super) fn scan(path: &Path, mut each: impl FnMut(Piece<'_>)) -> Result<Parts, Error> {
    let mut reader = Reader::open(path)?;
    let parts = headers(&mut reader, &mut each)?;
    while reader.left() > 0 {
        each(Piece::Payload(reader.some(usize::MAX)?));
    }
    reader.check_unchanged()?;
    Ok(parts)
}

/// As [`scan`], but ends before the payload, of which `file` need not hold anything.
pub(super) fn scan_front(file: File, mut each: impl FnMut(Piece<'_>)) -> Result<Parts, Error> {
    let mut reader = Reader::of(file)?;
    let parts = headers(&mut reader, &mut each)?;
    reader.check_unchanged()?;
    Ok(parts)
}

/// Reads all up to the payload.
fn headers(reader: &mut Reader, each: &mut impl FnMut(Piece<'_>)) -> Result<Parts, Error> {
    let lead = reader.take(Part::Lead, LEAD)?;
    if lead[..4] != LEAD_MAGIC {
        return Err(Error::NotRpm);
    }
    each(Piece::Front(&lead));
    let (intro, signature) = reader.header(Part::Signature)?;
    each(Piece::Front(&intro));
    each(Piece::Front(signature.bytes()));
    let padding = signature.bytes().len().wrapping_neg() % ALIGNMENT;
    each(Piece::Front(&reader.take(Part::Signature, padding)?));

    let start = reader.read;
    let (intro, header) = reader.header(Part::Header)?;
    let header_range = HeaderRange { start, end: reader.read };
    each(Piece::Header(&intro));
    each(Piece::Header(header.bytes()));
    Ok(Parts { signature, header, header_range, size: reader.before.size, time: reader.before.mtime })
}

thread_local! {
    /// The buffer of the thread's last reader: asking for a fresh one for every file costs as much as
    /// reading a header.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What tells two states of a file apart.
#[derive(PartialEq, Eq)]
struct Stamp {
    size: u64,
    mtime: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), mtime: metadata.mtime(), nanoseconds: metadata.mtime_nsec() }
    }
}

/// A file that is read in large pieces and given out in those that are asked for.
struct Reader {
    file: File,
    /// As it was opened: what is announced beyond this size is never allocated.
    before: Stamp,
    /// How many bytes were given out.
    read: u64,
    buffer: Vec<u8>,
    /// How much of `buffer` was given out.
    used: usize,
}

impl Reader {
    /// Opens a regular file; without waiting, should the path be a pipe.
    fn open(path: &Path) -> Result<Self, Error> {
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        Self::of(OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(Error::Io)?)
    }

    /// Reads a file that is open, from where it stands: its beginning.
    fn of(file: File) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(Error::Io)?;
        if !metadata.is_file() {
            return Err(Error::NotRpm);
        }
        let mut buffer = BUFFER.take();
        buffer.clear();
        Ok(Self { file, before: Stamp::of(&metadata), read: 0, buffer, used: 0 })
    }

    /// Returns how many bytes the file still has, going by its size when it was opened.
    fn left(&self) -> u64 {
        self.before.size - self.read
    }

    /// Reads the next `length` bytes, which belong to `part`.
    fn take(&mut self, part: Part, length: usize) -> Result<Vec<u8>, Error> {
        if length as u64 > self.left() {
            return Err(Error::Truncated(part));
        }
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            bytes.extend_from_slice(self.some(length - bytes.len())?);
        }
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

    /// Returns the next bytes, at least one and at most `most`; some must be left.
    fn some(&mut self, most: usize) -> Result<&[u8], Error> {
        if self.used == self.buffer.len() {
            let wanted = self.left().min(CHUNK);
            self.buffer.clear();
            self.buffer.reserve_exact(CHUNK as usize);
            self.used = 0;
            (&self.file).take(wanted).read_to_end(&mut self.buffer).map_err(Error::Io)?;
            if self.buffer.len() as u64 != wanted {
                return Err(Error::Changed);
            }
        }
        let begin = self.used;
        self.used += most.min(self.buffer.len() - begin);
        self.read += (self.used - begin) as u64;
        Ok(&self.buffer[begin..self.used])
    }

    fn check_unchanged(&self) -> Result<(), Error> {
        let after = Stamp::of(&self.file.metadata().map_err(Error::Io)?);
        if after != self.before {
            return Err(Error::Changed);
        }
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        BUFFER.set(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::SystemTime;

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

    #[test]
    fn all_bytes_are_shown_once_and_in_order() {
        let bytes = rpm(&[], &[], &vec![b'p'; 3 * CHUNK as usize + 7]);
        let (mut shown, mut kinds) = (Vec::new(), Vec::new());
        let parts = scan(&saved(&bytes), |piece| {
            let (kind, bytes) = match piece {
                Piece::Front(bytes) => (0, bytes),
                Piece::Header(bytes) => (1, bytes),
                Piece::Payload(bytes) => (2, bytes),
            };
            kinds.push(kind);
            shown.extend_from_slice(bytes);
        });
        assert!(shown == bytes && kinds.is_sorted());
        assert_eq!(parts.unwrap().size, bytes.len() as u64);
    }

    /// Changes the file at the first byte of its payload, when it was read to there.
    fn refusal_of_changed(change: impl Fn(&File)) -> Error {
        let path = saved(&rpm(&[], &[], &vec![b'p'; 3 * CHUNK as usize]));
        let mut payload = false;
        let seen = scan(&path, |piece| {
            if matches!(piece, Piece::Payload(_)) && !payload {
                payload = true;
                change(&OpenOptions::new().append(true).open(&path).unwrap());
            }
        });
        seen.err().expect("the file is refused")
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let grow = |mut file: &File| file.write_all(b"more").unwrap();
        let shrink = |file: &File| file.set_len(CHUNK).unwrap();
        let touch = |file: &File| file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        for error in [refusal_of_changed(grow), refusal_of_changed(shrink), refusal_of_changed(touch)] {
            assert!(matches!(error, Error::Changed), "{error}");
        }
    }
}
