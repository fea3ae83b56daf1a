//! How does a reader find the segments of a file, and know them again? By an index behind them.
//!
//! In zstd files the index is a skippable frame, followed by a seek table of the Zstandard Seekable Format;
//! in gzip files it stands in the extra fields of empty members. Readers that know neither pass over both.
//! `docs/metadata-format.md` is the description.

use super::super::Compression;
use super::{Cuts, Settings, codec};

/// The magic of the skippable frame that holds the index.
const INDEX_FRAME: u32 = 0x184D_2A5D;
/// The magic of the skippable frame that is a seek table, and the one at its end.
const SEEK_TABLE: u32 = 0x184D_2A5E;
const SEEK_TABLE_END: u32 = 0x8F92_EAB1;
const SEEK_ENTRY: usize = 8;
const SEEK_FOOTER: usize = 9;
const SKIPPABLE_HEAD: usize = 8;

/// How the index begins.
const MAGIC: &[u8; 4] = b"TNI1";
const ENTRY: usize = 28;

/// Most bytes of the index that go into one gzip member, whose extra field holds 64 KiB.
const IN_MEMBER: usize = 60_000;
/// Bytes of an empty gzip member besides its extra field, and of the header of a subfield.
const EMPTY_MEMBER: usize = 22;
const SUBFIELD: usize = 4;

/// How many bytes at the end of a file tell how long its index is.
pub const TAIL: usize = EMPTY_MEMBER + SUBFIELD + 8;

/// Longest index that is read: far beyond any repository.
const LONGEST: u64 = 64 << 20;

/// Version of the rules by which text becomes segments: changes whenever other bytes come of equal sets.
const RULES: &str = "tannery-3";

/// Returns what makes the bytes of a segment of its text.
pub(super) fn writer(compression: Compression) -> String {
    match compression {
        Compression::Zstd { level } => {
            let tuning = codec::tuning(level).map(|tuning| format!("/{}/{}", tuning.table, tuning.shortest));
            let tuning = tuning.unwrap_or_default();
            format!("{RULES} zstd:{level}{tuning} {}", zstd::zstd_safe::version_string())
        }
        Compression::Gzip { level } => format!("{RULES} gzip:{level} {}", codec::GZIP_LIBRARY),
        Compression::Xz { level } => format!("{RULES} xz:{level}"),
        Compression::Bzip2 { level } => format!("{RULES} bzip2:{level}"),
        Compression::None => format!("{RULES} none"),
    }
}

/// What is told of a file's segments at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What made the segments: equal texts give equal segments where this is equal.
    pub writer: String,
    /// Bytes before the first segment: the XML head, compressed.
    pub head: u32,
    /// Bytes between the last segment and the index: the XML end, compressed.
    pub tail: u32,
    /// The segments in order.
    pub frames: Vec<IndexFrame>,
}

/// One segment of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexFrame {
    /// Compressed bytes.
    pub size: u32,
    /// Bytes of text.
    pub open: u32,
    /// Packages.
    pub count: u32,
    /// First half of the BLAKE3 of the compressed bytes.
    pub hash: [u8; 16],
}

impl Index {
    /// Returns the name of the writer that these settings make.
    pub fn writer_of(settings: &Settings) -> String {
        let Cuts { filelists, primary, other } = settings.cuts;
        format!("{} cut:{filelists}/{primary}/{other}", writer(settings.compression))
    }

    /// Returns what stands behind the segments and the XML end.
    pub(super) fn to_bytes(&self, compression: Compression, head_open: u32, tail_open: u32) -> Vec<u8> {
        let payload = self.payload();
        match compression {
            Compression::Zstd { .. } => self.zstd_end(&payload, head_open, tail_open),
            Compression::Gzip { .. } => gzip_end(&payload),
            // Files without segments have no index of them.
            Compression::Xz { .. } | Compression::Bzip2 { .. } | Compression::None => Vec::new(),
        }
    }

    fn payload(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend((self.writer.len() as u32).to_le_bytes());
        out.extend(self.writer.as_bytes());
        for number in [self.head, self.tail, self.frames.len() as u32] {
            out.extend(number.to_le_bytes());
        }
        for frame in &self.frames {
            for number in [frame.size, frame.open, frame.count] {
                out.extend(number.to_le_bytes());
            }
            out.extend(frame.hash);
        }
        out
    }

    fn zstd_end(&self, payload: &[u8], head_open: u32, tail_open: u32) -> Vec<u8> {
        let mut out = INDEX_FRAME.to_le_bytes().to_vec();
        out.extend((payload.len() as u32).to_le_bytes());
        out.extend(payload);
        let index_size = out.len() as u32;
        let segments = self.frames.iter().map(|frame| (frame.size, frame.open));
        let entries: Vec<(u32, u32)> = [(self.head, head_open)]
            .into_iter()
            .chain(segments)
            .chain([(self.tail, tail_open), (index_size, 0)])
            .collect();
        out.extend(SEEK_TABLE.to_le_bytes());
        out.extend(((entries.len() * SEEK_ENTRY + SEEK_FOOTER) as u32).to_le_bytes());
        for (size, open) in &entries {
            out.extend(size.to_le_bytes());
            out.extend(open.to_le_bytes());
        }
        out.extend((entries.len() as u32).to_le_bytes());
        // No checksums in the table: the index has better ones.
        out.push(0);
        out.extend(SEEK_TABLE_END.to_le_bytes());
        out
    }

    /// Returns how many bytes at the end of a file its index and what follows it take, by the last [`TAIL`]
    /// bytes of the file; `None` where there is no index.
    pub fn length(last: &[u8]) -> Option<u64> {
        let last = last.get(last.len().checked_sub(TAIL)?..)?;
        let length = zstd_length(last).or_else(|| gzip_length(last))?;
        (length <= LONGEST).then_some(length)
    }

    /// Returns the index that `end` holds, the bytes that [`Index::length`] told of; `None` where it is none,
    /// or does not fit what stands around it.
    pub fn parse(end: &[u8]) -> Option<Self> {
        if zstd_length(end.get(end.len().checked_sub(TAIL)?..)?) == Some(end.len() as u64) {
            let (head, rest) = end.split_at_checked(SKIPPABLE_HEAD)?;
            let size = number(head, 4)? as usize;
            return (number(head, 0)? == INDEX_FRAME).then(|| Self::from_payload(rest.get(..size)?))?;
        }
        Self::from_payload(&gzip_payload(end)?)
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(MAGIC)?;
        let (writer, rest) = rest.get(4..)?.split_at_checked(number(rest, 0)? as usize)?;
        let (head, tail, count) = (number(rest, 0)?, number(rest, 4)?, number(rest, 8)? as usize);
        let entries = rest.get(12..)?;
        if entries.len() != count.checked_mul(ENTRY)? {
            return None;
        }
        let mut frames = Vec::with_capacity(count);
        for entry in entries.chunks_exact(ENTRY) {
            frames.push(IndexFrame {
                size: number(entry, 0)?,
                open: number(entry, 4)?,
                count: number(entry, 8)?,
                hash: entry.get(12..)?.try_into().ok()?,
            });
        }
        Some(Self { writer: String::from_utf8(writer.to_vec()).ok()?, head, tail, frames })
    }

    /// Returns how many packages the file has.
    pub fn packages(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.count)).sum()
    }

    /// Returns each segment with its first byte in the file.
    pub fn places(&self) -> impl Iterator<Item = (u64, &IndexFrame)> {
        self.frames.iter().scan(u64::from(self.head), |next, frame| {
            let at = *next;
            *next += u64::from(frame.size);
            Some((at, frame))
        })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Returns the length of index frame and seek table, of which `last` are the last bytes.
fn zstd_length(last: &[u8]) -> Option<u64> {
    let footer = last.len().checked_sub(SEEK_FOOTER)?;
    if number(last, footer + 5)? != SEEK_TABLE_END {
        return None;
    }
    let index = u64::from(number(last, footer.checked_sub(SEEK_ENTRY)?)?);
    let table = u64::from(number(last, footer)?) * SEEK_ENTRY as u64;
    Some(index + SKIPPABLE_HEAD as u64 + table + SEEK_FOOTER as u64)
}

/// Returns empty members that hold the index, and a last one that tells how long they are.
fn gzip_end(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for some in payload.chunks(IN_MEMBER) {
        out.extend(empty_member(*b"TI", some));
    }
    let length = (out.len() + TAIL) as u64;
    out.extend(empty_member(*b"TE", &length.to_le_bytes()));
    out
}

/// Returns a gzip member without content that has one extra subfield (RFC 1952).
fn empty_member(id: [u8; 2], content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF];
    out.extend(((content.len() + SUBFIELD) as u16).to_le_bytes());
    out.extend(id);
    out.extend((content.len() as u16).to_le_bytes());
    out.extend(content);
    out.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}

/// Takes the next empty member with a subfield of this id from `bytes`.
fn take_member<'a>(bytes: &mut &'a [u8], id: [u8; 2]) -> Option<&'a [u8]> {
    let rest = bytes.strip_prefix(&[0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF])?.get(2..)?;
    let rest = rest.strip_prefix(&id)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (content, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    *bytes = rest.strip_prefix(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    Some(content)
}

fn gzip_length(mut last: &[u8]) -> Option<u64> {
    let length = take_member(&mut last, *b"TE")?;
    Some(u64::from_le_bytes(length.try_into().ok()?)).filter(|length| *length >= TAIL as u64)
}

fn gzip_payload(mut end: &[u8]) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    while end.len() > TAIL {
        payload.extend(take_member(&mut end, *b"TI")?);
    }
    gzip_length(end)?;
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(frames: u32) -> Index {
        let frame = |i| IndexFrame { size: i, open: 2 * i, count: 3, hash: [i as u8; 16] };
        Index { writer: "w".to_owned(), head: 5, tail: 6, frames: (0..frames).map(frame).collect() }
    }

    #[test]
    fn the_index_is_found_from_the_end_of_a_file() {
        for compression in [Compression::Zstd { level: 1 }, Compression::Gzip { level: 1 }] {
            for frames in [0, 1, 5000] {
                let end = index(frames).to_bytes(compression, 50, 60);
                let file = [&[9; 100][..], &end].concat();
                assert_eq!(Index::length(&file), Some(end.len() as u64));
                assert_eq!(Index::parse(&end), Some(index(frames)));
            }
        }
        assert_eq!(Index::length(&[0; 200]), None);
        assert_eq!(Index::length(b""), None);
    }

    #[test]
    fn a_damaged_index_is_none_or_another_and_never_a_panic() {
        for compression in [Compression::Zstd { level: 1 }, Compression::Gzip { level: 1 }] {
            let end = index(3).to_bytes(compression, 50, 60);
            for at in 0..end.len() {
                let mut damaged = end.clone();
                damaged[at] ^= 0x41;
                let _ = Index::length(&damaged);
                let _ = Index::parse(&damaged);
                let _ = Index::parse(&end[at..]);
                let _ = Index::parse(&end[..at]);
            }
        }
    }

    #[test]
    fn what_stands_behind_the_segments_is_nothing_to_other_readers() {
        use std::io::Read;
        let mut text = String::new();
        let gzip = index(5000).to_bytes(Compression::Gzip { level: 1 }, 0, 0);
        flate2::read::MultiGzDecoder::new(&*gzip).read_to_string(&mut text).unwrap();
        let zstd = index(5000).to_bytes(Compression::Zstd { level: 1 }, 0, 0);
        zstd::Decoder::new(&*zstd).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "");
    }

    #[test]
    fn segments_follow_one_another_behind_the_head() {
        let places: Vec<u64> = index(4).places().map(|(at, _)| at).collect();
        assert_eq!(places, [5, 5, 6, 8]);
        assert_eq!(index(4).packages(), 12);
    }
}
