//! What do the bytes of one RPM header hold? An index of tags over a store of data, all bounds checked.
//!
//! Knows no tag's meaning. Every check is done once, on [`Header::parse`]; work is linear in the
//! bytes given and nothing is allocated by a count that the header claims.

use super::error::{Error, Part};
use super::tags;

/// Bytes before the index: magic, reserved, number of entries, size of the data.
pub(super) const INTRO: usize = 16;
/// Most entries that a header may have, as librpm has it.
const MOST_ENTRIES: u32 = 65_535;
/// Most bytes of data that a header may have, as librpm has it.
const MOST_DATA: u32 = 256 << 20;
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];
const ENTRY: usize = 16;

/// What the first 16 bytes of a header announce.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intro {
    entries: u32,
    data: u32,
}

impl Intro {
    /// Reads the announcement; refuses one beyond librpm's limits.
    pub(super) fn parse(part: Part, bytes: [u8; INTRO]) -> Result<Self, Error> {
        if bytes[..4] != MAGIC {
            return Err(Error::BadHeader { part, why: "does not begin with the magic of headers" });
        }
        let intro = Self { entries: be32(&bytes, 8), data: be32(&bytes, 12) };
        if intro.entries > MOST_ENTRIES {
            return Err(Error::TooLarge { what: "entries of a header", limit: MOST_ENTRIES.into() });
        }
        if intro.data > MOST_DATA {
            return Err(Error::TooLarge { what: "bytes of a header", limit: MOST_DATA.into() });
        }
        Ok(intro)
    }

    /// Returns how many bytes follow: index and data.
    pub(super) fn rest(self) -> usize {
        self.entries as usize * ENTRY + self.data as usize
    }
}

/// Types of tag data, by their numbers in the format.
mod kind {
    pub const CHAR: u32 = 1;
    pub const INT8: u32 = 2;
    pub const INT16: u32 = 3;
    pub const INT32: u32 = 4;
    pub const INT64: u32 = 5;
    pub const STRING: u32 = 6;
    pub const BIN: u32 = 7;
    pub const STRING_ARRAY: u32 = 8;
    pub const I18N: u32 = 9;
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: usize,
    count: usize,
    /// First byte behind the data.
    end: usize,
}

/// A header whose every entry lies inside its data and overlaps no other.
#[derive(Debug)]
pub(super) struct Header {
    part: Part,
    /// Sorted by tag, each once.
    entries: Vec<Entry>,
    /// Index and data, as they stand in the file.
    bytes: Vec<u8>,
    /// Where in `bytes` the data begins.
    data: usize,
}

impl Header {
    /// Checks and indexes what follows the intro; `bytes` has the length that [`Intro::rest`] told.
    pub(super) fn parse(part: Part, intro: Intro, bytes: Vec<u8>) -> Result<Self, Error> {
        let data = intro.entries as usize * ENTRY;
        let (index, store) =
            bytes.split_at_checked(data).ok_or(Error::BadHeader { part, why: "is shorter than its index" })?;
        let mut entries = Vec::with_capacity(intro.entries as usize);
        for raw in index.chunks_exact(ENTRY) {
            entries.push(Entry {
                tag: be32(raw, 0),
                kind: be32(raw, 4),
                offset: be32(raw, 8) as usize,
                count: be32(raw, 12) as usize,
                end: 0,
            });
        }
        check_region(part, &entries, store)?;
        measure(part, &mut entries, store)?;
        entries.sort_unstable_by_key(|entry| entry.tag);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].tag == pair[1].tag) {
            return Err(Error::BadTag { part, tag: pair[0].tag, why: "is there twice" });
        }
        Ok(Self { part, entries, bytes, data })
    }

    /// Returns the bytes after the intro, as they stand in the file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether the tag is there.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// Returns the tags, in ascending order.
    pub(super) fn tags(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.iter().map(|entry| entry.tag)
    }

    /// Returns an error about a tag of this header.
    pub(super) fn bad(&self, tag: u32, why: &'static str) -> Error {
        Error::BadTag { part: self.part, tag, why }
    }

    /// Returns a text, of a translated one the first (that of the C locale).
    pub(super) fn string(&self, tag: u32) -> Result<Option<&[u8]>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        match entry.kind {
            kind::STRING | kind::I18N => Ok(self.texts(entry).next()),
            kind::STRING_ARRAY if entry.count == 1 => Ok(self.texts(entry).next()),
            _ => Err(self.bad(tag, "is not one text")),
        }
    }

    /// Returns the texts of an array; `None` where the tag is absent.
    pub(super) fn strings(&self, tag: u32) -> Result<Option<impl Iterator<Item = &[u8]>>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        match entry.kind {
            kind::STRING | kind::STRING_ARRAY | kind::I18N => Ok(Some(self.texts(entry))),
            _ => Err(self.bad(tag, "is no list of texts")),
        }
    }

    /// Returns a number, of several the first.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u64>, Error> {
        Ok(self.numbers(tag)?.and_then(|mut numbers| numbers.next()))
    }

    /// Returns how many values a tag has.
    pub(super) fn count(&self, tag: u32) -> usize {
        self.find(tag).map_or(0, |entry| entry.count)
    }

    /// Returns the numbers of an array; `None` where the tag is absent.
    pub(super) fn numbers(&self, tag: u32) -> Result<Option<impl Iterator<Item = u64>>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        let width = match entry.kind {
            kind::CHAR | kind::INT8 => 1,
            kind::INT16 => 2,
            kind::INT32 => 4,
            kind::INT64 => 8,
            _ => return Err(self.bad(tag, "is no number")),
        };
        let value = |raw: &[u8]| raw.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Some(self.store(entry).chunks_exact(width).map(value)))
    }

    /// Returns raw bytes; `None` where the tag is absent.
    pub(super) fn binary(&self, tag: u32) -> Result<Option<&[u8]>, Error> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        match entry.kind {
            kind::BIN => Ok(Some(self.store(entry))),
            _ => Err(self.bad(tag, "is not binary")),
        }
    }

    fn find(&self, tag: u32) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&tag, |entry| entry.tag).ok()?;
        self.entries.get(at)
    }

    fn store(&self, entry: &Entry) -> &[u8] {
        self.bytes[self.data..].get(entry.offset..entry.end).unwrap_or_default()
    }

    /// Walks the texts of an entry, each without its NUL.
    fn texts(&self, entry: &Entry) -> impl Iterator<Item = &[u8]> {
        let store = self.store(entry);
        let mut begin = 0;
        memchr::memchr_iter(0, store).map(move |end| {
            let text = &store[begin..end];
            begin = end + 1;
            text
        })
    }
}

/// Checks the trailer of the signed region: it must point back over whole entries of this index.
fn check_region(part: Part, entries: &[Entry], store: &[u8]) -> Result<(), Error> {
    let Some(first) = entries.first() else { return Ok(()) };
    let region = match part {
        Part::Signature => tags::HEADER_SIGNATURES,
        _ => tags::HEADER_IMMUTABLE,
    };
    if first.tag != region {
        return Ok(());
    }
    let bad = |why| Error::BadTag { part, tag: region, why };
    if first.kind != kind::BIN || first.count != ENTRY {
        return Err(bad("is no trailer of a region"));
    }
    let trailer = store.get(first.offset..).and_then(|rest| rest.get(..ENTRY)).ok_or(bad("lies outside the data"))?;
    let back = i64::from(be32(trailer, 8).cast_signed());
    let covered = -back;
    let fits = covered > 0 && covered % ENTRY as i64 == 0 && covered <= (entries.len() * ENTRY) as i64;
    if be32(trailer, 4) != kind::BIN || be32(trailer, 12) as usize != ENTRY || !fits {
        return Err(bad("is no trailer of a region"));
    }
    Ok(())
}

/// Finds where each entry's data ends, and refuses data that reaches beyond the store or into that
/// of another entry. Texts are walked once in all, since each may only reach to its neighbour.
fn measure(part: Part, entries: &mut [Entry], store: &[u8]) -> Result<(), Error> {
    entries.sort_unstable_by_key(|entry| entry.offset);
    let mut limit = store.len();
    for entry in entries.iter_mut().rev() {
        let bad = |why| Error::BadTag { part, tag: entry.tag, why };
        let room = store.get(entry.offset..limit).ok_or(bad("lies outside the data"))?;
        if entry.count == 0 {
            return Err(bad("is empty"));
        }
        let width = match entry.kind {
            kind::CHAR | kind::INT8 | kind::BIN => 1,
            kind::INT16 => 2,
            kind::INT32 => 4,
            kind::INT64 => 8,
            kind::STRING if entry.count != 1 => return Err(bad("is one text and claims several")),
            kind::STRING | kind::STRING_ARRAY | kind::I18N => 0,
            _ => return Err(bad("has a type that does not exist")),
        };
        let length = if width == 0 {
            text_length(room, entry.count)
        } else if entry.offset % width == 0 {
            entry.count.checked_mul(width).filter(|length| *length <= room.len())
        } else {
            return Err(bad("is not aligned"));
        };
        entry.end = entry.offset + length.ok_or(bad("reaches beyond its data"))?;
        limit = entry.offset;
    }
    Ok(())
}

/// Returns the bytes that `count` texts take with their NULs; `None` if there are fewer.
fn text_length(room: &[u8], count: usize) -> Option<usize> {
    if count > room.len() {
        return None;
    }
    // Nearly always the texts and some padding fill the room: counting tells, which is quicker than
    // finding each end.
    let spare = memchr::memchr_iter(0, room).count().checked_sub(count)?;
    let end = room.len() - spare;
    if room[end - 1..].iter().all(|byte| *byte == 0) {
        return Some(end);
    }
    memchr::memchr_iter(0, room).nth(count - 1).map(|at| at + 1)
}

/// Returns the big-endian number at `at`, 0 where the bytes end before.
fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |raw| raw.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::testing::{Line, Value, header, raw_header};
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Header, Error> {
        let intro = Intro::parse(Part::Header, bytes[..INTRO].try_into().unwrap())?;
        assert_eq!(intro.rest(), bytes.len() - INTRO);
        Header::parse(Part::Header, intro, bytes[INTRO..].to_vec())
    }

    fn refusal(lines: &[Line], data: &[u8]) -> String {
        parse(&raw_header(lines, data)).unwrap_err().to_string()
    }

    #[test]
    fn values_of_every_type_come_back() {
        let header = parse(&header(
            tags::HEADER_IMMUTABLE,
            &[
                (1, Value::Int16(vec![1, 0xFFFF])),
                (3, Value::Int32(vec![7, 8])),
                (2, Value::Int64(vec![u64::MAX])),
                (4, Value::Text("text")),
                (5, Value::Texts(vec!["", "b", ""])),
                (6, Value::I18n(vec!["C", "de"])),
                (7, Value::Bin(vec![1, 2, 3])),
            ],
        ))
        .unwrap();
        let numbers = |tag| header.numbers(tag).unwrap().unwrap().collect::<Vec<_>>();
        let strings = |tag| header.strings(tag).unwrap().unwrap().collect::<Vec<_>>();
        assert_eq!((numbers(1), numbers(3), numbers(2)), (vec![1, 0xFFFF], vec![7, 8], vec![u64::MAX]));
        assert_eq!(strings(5), [&b""[..], b"b", b""]);
        assert_eq!(header.string(4).unwrap(), Some(&b"text"[..]));
        assert_eq!(header.string(6).unwrap(), Some(&b"C"[..]));
        assert_eq!(header.binary(7).unwrap(), Some(&[1, 2, 3][..]));
        assert_eq!((header.number(3).unwrap(), header.number(99).unwrap()), (Some(7), None));
        assert!(header.string(3).is_err() && header.number(4).is_err() && header.binary(4).is_err());
    }

    #[test]
    fn entries_that_lie_are_refused_by_tag() {
        let data = b"abc\0defg\0\0\0\0\0\0\0\0";
        for (lines, refused) in [
            (&[[1, 6, 16, 1]][..], "tag 1 of the main header reaches beyond its data"),
            (&[[1, 6, 17, 1]], "tag 1 of the main header lies outside the data"),
            (&[[1, 6, 0xFFFF_FFFF, 1]], "tag 1 of the main header lies outside the data"),
            (&[[1, 8, 0, 0x7FFF_FFFF]], "tag 1 of the main header reaches beyond its data"),
            (&[[1, 4, 0, 0xFFFF_FFFF]], "tag 1 of the main header reaches beyond its data"),
            (&[[1, 5, 8, 2]], "tag 1 of the main header reaches beyond its data"),
            (&[[1, 4, 2, 1]], "tag 1 of the main header is not aligned"),
            (&[[1, 6, 0, 2]], "tag 1 of the main header is one text and claims several"),
            (&[[1, 6, 0, 0]], "tag 1 of the main header is empty"),
            (&[[1, 0, 0, 1]], "tag 1 of the main header has a type that does not exist"),
            (&[[1, 10, 0, 1]], "tag 1 of the main header has a type that does not exist"),
            (&[[1, 8, 0, 2], [2, 6, 4, 1]], "tag 1 of the main header reaches beyond its data"),
            (&[[1, 6, 0, 1], [1, 6, 4, 1]], "tag 1 of the main header is there twice"),
        ] {
            assert_eq!(refusal(lines, data), refused, "{lines:?}");
        }
    }

    #[test]
    fn a_region_must_point_back_over_its_own_index() {
        for trailer in [
            [63, 7, 0x8000_0000, 16],
            [63, 7, 16, 16],
            [63, 7, 0, 16],
            [63, 7, 24u32.wrapping_neg(), 16],
            [63, 7, 32u32.wrapping_neg(), 16],
            [63, 7, 16u32.wrapping_neg(), 15],
            [63, 6, 16u32.wrapping_neg(), 16],
        ] {
            let data: Vec<u8> = trailer.iter().flat_map(|number| number.to_be_bytes()).collect();
            assert!(refusal(&[[63, 7, 0, 16]], &data).contains("tag 63"), "{trailer:?}");
        }
        assert!(refusal(&[[63, 7, 1, 16]], &[0; 16]).contains("lies outside the data"));
    }

    #[test]
    fn limits_hold_before_anything_is_allocated() {
        let mut intro = [0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        assert!(matches!(Intro::parse(Part::Header, intro), Err(Error::TooLarge { limit: 65_535, .. })));
        intro[9] = 0;
        intro[12..].copy_from_slice(&(256u32 << 20 | 1).to_be_bytes());
        assert!(matches!(Intro::parse(Part::Header, intro), Err(Error::TooLarge { limit: 0x1000_0000, .. })));
        intro[0] = 0;
        assert!(matches!(Intro::parse(Part::Header, intro), Err(Error::BadHeader { .. })));
    }

    /// Each entry claims all texts of the data: walked one by one this would take hours.
    #[test]
    fn overlapping_lists_are_refused_without_walking_each() {
        let data = vec![0; 8 << 20];
        let lines: Vec<Line> = (0..65_535).map(|tag| [tag + 1000, 8, tag, 4 << 20]).collect();
        let begun = Instant::now();
        assert!(refusal(&lines, &data).contains("reaches beyond its data"));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
