//! Which parts of a file are asked for? The `Range` header of RFC 9110, section 14.

/// Most ranges that are answered as such; a reader of more gets the whole file.
const MOST: usize = 8;

/// First and last byte, both included, inside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteRange {
    pub first: u64,
    pub last: u64,
}

impl ByteRange {
    /// Returns the number of bytes.
    pub(super) fn len(self) -> u64 {
        self.last - self.first + 1
    }
}

/// What of a file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it.
    Whole,
    /// One part.
    One(ByteRange),
    /// Several parts, in the order asked for, none touching another.
    Several(Vec<ByteRange>),
    /// Nothing: all that is asked for lies beyond the end.
    None,
}

/// Reads a `Range` header for a file of `size` bytes.
///
/// A header that cannot be understood does not count (RFC 9110, 14.2). More than a few ranges, or
/// ranges that overlap, are answered with the whole file: they cost more than it, or mean mischief.
pub(super) fn select(header: &[u8], size: u64) -> Selection {
    let Some(list) = std::str::from_utf8(header).ok().and_then(byte_list) else { return Selection::Whole };
    if list.split(',').count() > MOST {
        return Selection::Whole;
    }
    let mut ranges = Vec::new();
    for spec in list.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        match parse(spec, size) {
            Err(NotARange) => return Selection::Whole,
            Ok(None) => {}
            Ok(Some(range)) => ranges.push(range),
        }
    }
    if overlap(&ranges) {
        return Selection::Whole;
    }
    match ranges[..] {
        [] if list.trim_matches([' ', '\t', ',']).is_empty() => Selection::Whole,
        [] => Selection::None,
        [range] => Selection::One(range),
        _ => Selection::Several(ranges),
    }
}

/// Returns what follows `bytes=`; the unit's case does not matter.
fn byte_list(header: &str) -> Option<&str> {
    let (unit, list) = header.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(list)
}

struct NotARange;

/// Reads `0-99`, `100-` or `-50`; `None`: it lies beyond the end.
fn parse(spec: &str, size: u64) -> Result<Option<ByteRange>, NotARange> {
    let (first, last) = spec.split_once('-').ok_or(NotARange)?;
    let end = size.saturating_sub(1);
    if first.is_empty() {
        let suffix = number(last)?.min(size);
        return Ok((suffix > 0).then(|| ByteRange { first: size - suffix, last: end }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(NotARange);
    }
    Ok((first < size).then(|| ByteRange { first, last: last.min(end) }))
}

/// Reads a number; one too large to hold is as good as the largest.
fn number(text: &str) -> Result<u64, NotARange> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotARange);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

fn overlap(ranges: &[ByteRange]) -> bool {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    sorted.windows(2).any(|pair| pair[1].first <= pair[0].last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, last: u64) -> ByteRange {
        ByteRange { first, last }
    }

    #[test]
    fn parts_are_cut_to_the_file() {
        for (header, selected) in [
            ("bytes=0-9", Selection::One(range(0, 9))),
            ("Bytes=0-0", Selection::One(range(0, 0))),
            ("bytes=90-", Selection::One(range(90, 99))),
            ("bytes=90-1000", Selection::One(range(90, 99))),
            ("bytes=0-99999999999999999999999", Selection::One(range(0, 99))),
            ("bytes=-10", Selection::One(range(90, 99))),
            ("bytes=-1000", Selection::One(range(0, 99))),
            ("bytes=20-29, 0-9", Selection::Several(vec![range(20, 29), range(0, 9)])),
            ("bytes=0-9,,200-", Selection::One(range(0, 9))),
        ] {
            assert_eq!(select(header.as_bytes(), 100), selected, "{header}");
        }
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        for header in ["bytes=100-", "bytes=100-200,300-", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(select(header.as_bytes(), 100), Selection::None, "{header}");
        }
        for header in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(select(header.as_bytes(), 0), Selection::None, "{header}");
        }
    }

    #[test]
    fn what_is_no_range_or_too_much_of_it_gives_the_whole_file() {
        let many = format!("bytes={}", (0..10_000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
        let nine = "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16";
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "lines=0-9",
            "bytes=9-0",
            "bytes=a-b",
            "bytes=0",
            "bytes=-",
            "bytes=+1-2",
            "bytes=0-1-2",
            "bytes=0-9,x",
            "bytes=0-9,5-15",
            "bytes=0-9,9-9",
            "bytes=0-,-1",
            nine,
            &many,
        ] {
            assert_eq!(select(header.as_bytes(), 100), Selection::Whole, "{header}");
        }
        assert_eq!(select(b"bytes=\xff", 100), Selection::Whole);
    }
}
