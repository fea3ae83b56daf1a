//! How is a changed file made of its older version and what is new in it? Segments are known by name; those that
//! the copy does not have are fetched, and what they make together has to have the checksum.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use futures_util::StreamExt;

use super::Failed;
use super::remote::Remote;
use crate::fetch::Fetcher;
use crate::model::{Blake3, ChecksumType};
use crate::repodata::Record;
use crate::repodata::segments::Index;
use crate::repotools::blocking;
use crate::repotools::error::Error;
use crate::repotools::indexed::Indexed;
use crate::repotools::output::Output;
use crate::repotools::repository::Repository;
use crate::store::durable::Staged;

/// How many ranges are asked for at a time.
const AT_A_TIME: usize = 4;

/// A file that was joined.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) staged: Staged,
    /// Bytes that came.
    pub(super) fetched: u64,
    /// Bytes that the copy had.
    pub(super) reused: u64,
}

/// A part of the new file: where its bytes are, and how many.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: From,
    size: u64,
}

#[derive(Debug, Clone, Copy)]
enum From {
    /// The copy's file, from this byte on.
    Old(u64),
    /// The new file itself, from this byte on.
    New(u64),
}

/// Joins the file of a record; the inner error says why it is to be fetched whole.
///
/// # Errors
/// What is fetched cannot be kept.
pub(super) async fn file(
    fetcher: &Fetcher,
    repository: &Repository,
    output: &Output,
    record: &Record,
) -> Result<Result<Joined, Failed>, Error> {
    let (Some(size), Ok(algorithm)) = (record.size, record.checksum.algorithm.parse()) else {
        return Ok(Err(Failed::new("repomd.xml does not tell its size")));
    };
    let remote = Remote::new(fetcher, repository, &record.href, size);
    let plan = async {
        let (old, indexed) = copy(output, record)?;
        let (new, last) = remote.index(&indexed).await?;
        let names = blocking(move || (sound(&old, &indexed.index), old));
        let (names, old) = names.await;
        let parts = parts(&new, &names, last.len() as u64);
        let missing = missing(&parts);
        let count: u64 = missing.iter().map(|range| range.end - range.start).sum();
        if count > size / 4 * 3 {
            return Err(Failed::new("nearly all of it is new"));
        }
        Ok((old, last, parts, missing))
    };
    let failed = |failed: Failed| Failed { fetched: remote.fetched(), ..failed };
    let (old, last, parts, missing) = match plan.await {
        Ok(plan) => plan,
        Err(reason) => return Ok(Err(failed(reason))),
    };
    let (spool, places) = match gather(&remote, missing, output.nameless()?).await {
        Ok(gathered) => gathered,
        Err(reason) => return Ok(Err(failed(reason))),
    };
    let (staged, hex) = (output.stage(&record.href)?, record.checksum.hex.clone());
    let reused = parts.iter().map(|part| if matches!(part.from, From::Old(_)) { part.size } else { 0 }).sum();
    let joined = blocking(move || Join { old, spool, places }.write(&parts, &last, algorithm, staged)).await;
    let (staged, found) = joined.map_err(|source| Error::Io { name: record.href.clone(), source })?;
    if !found.eq_ignore_ascii_case(&hex) {
        return Ok(Err(failed(Failed::new("what it was joined of has another checksum"))));
    }
    Ok(Ok(Joined { staged, fetched: remote.fetched(), reused }))
}

/// Returns the copy's file of the same type, with its index.
fn copy(output: &Output, record: &Record) -> Result<(File, Indexed), Failed> {
    let none = || Failed::new("there is no older file");
    let old = output.old().and_then(|old| old.record(&record.kind)).ok_or_else(none)?;
    let file = File::open(output.place(&old.href)).map_err(|_| none())?;
    let indexed = Indexed::of_file(&file).ok_or_else(|| Failed::new("the older file has no index"))?;
    Ok((file, indexed))
}

/// Returns the segments of the copy's file that are what their names say: from which byte on.
fn sound(file: &File, index: &Index) -> HashMap<[u8; 16], u64> {
    let mut found = HashMap::new();
    let mut bytes = Vec::new();
    for (at, frame) in index.places() {
        bytes.resize(frame.size as usize, 0);
        let is_read = file.read_exact_at(&mut bytes, at).is_ok();
        if is_read && Blake3::of(&bytes).as_bytes().starts_with(&frame.hash) {
            found.insert(frame.hash, at);
        }
    }
    found
}

/// Returns what the new file is made of, but for its last `last` bytes.
fn parts(new: &Indexed, known: &HashMap<[u8; 16], u64>, last: u64) -> Vec<Part> {
    let index = &new.index;
    let mut parts = vec![Part { from: From::New(0), size: index.head.into() }];
    let mut end = u64::from(index.head);
    for (at, frame) in index.places() {
        let from = known.get(&frame.hash).map_or(From::New(at), |old| From::Old(*old));
        parts.push(Part { from, size: frame.size.into() });
        end = at + u64::from(frame.size);
    }
    if last < new.length + u64::from(index.tail) {
        parts.push(Part { from: From::New(end), size: index.tail.into() });
    }
    parts
}

/// Returns the bytes that have to be fetched, neighbours in one.
fn missing(parts: &[Part]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for part in parts {
        let From::New(at) = part.from else { continue };
        match ranges.last_mut() {
            Some(range) if range.end == at => range.end += part.size,
            _ => ranges.push(at..at + part.size),
        }
    }
    ranges
}

/// Fetches ranges into one file; returns it, and each range's first byte with its place there.
async fn gather(
    remote: &Remote<'_>,
    ranges: Vec<Range<u64>>,
    mut spool: File,
) -> Result<(File, Vec<(u64, u64)>), Failed> {
    let mut places = Vec::new();
    let mut at = 0;
    let each = ranges.into_iter().map(|range| async move { (range.clone(), remote.part(range).await) });
    let mut answers = futures_util::stream::iter(each).buffered(AT_A_TIME);
    while let Some((range, part)) = answers.next().await {
        let mut part = part?;
        places.push((range.start, at));
        // Some 100 KiB, a few times in a large file's worth of changes.
        at += io::copy(&mut part, &mut spool).map_err(|error| Failed::by(&error))?;
    }
    Ok((spool, places))
}

/// Where the bytes of a new file are.
struct Join {
    old: File,
    spool: File,
    places: Vec<(u64, u64)>,
}

impl Join {
    /// Writes the file; returns its digest too.
    fn write(
        mut self,
        parts: &[Part],
        last: &[u8],
        algorithm: ChecksumType,
        mut staged: Staged,
    ) -> io::Result<(Staged, String)> {
        let mut hasher = algorithm.hasher();
        let mut bytes = Vec::new();
        for part in parts {
            self.seek(part)?;
            bytes.clear();
            let from = if matches!(part.from, From::Old(_)) { &mut self.old } else { &mut self.spool };
            from.take(part.size).read_to_end(&mut bytes)?;
            hasher.update(&bytes);
            staged.write_all(&bytes)?;
        }
        hasher.update(last);
        staged.write_all(last)?;
        staged.flush()?;
        Ok((staged, hasher.finish()))
    }

    fn seek(&mut self, part: &Part) -> io::Result<u64> {
        match part.from {
            From::Old(at) => self.old.seek(SeekFrom::Start(at)),
            From::New(at) => {
                let behind = self.places.partition_point(|(first, _)| *first <= at);
                let (first, place) =
                    behind.checked_sub(1).and_then(|run| self.places.get(run)).copied().unwrap_or_default();
                self.spool.seek(SeekFrom::Start(place + (at - first)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repodata::segments::IndexFrame;

    fn new(hashes: &[u8]) -> Indexed {
        let frame = |hash: &u8| IndexFrame { size: 10, open: 20, count: 1, hash: [*hash; 16] };
        let index = Index { writer: String::new(), head: 5, tail: 6, frames: hashes.iter().map(frame).collect() };
        Indexed { index, length: 100 }
    }

    #[test]
    fn what_the_copy_lacks_is_fetched_and_neighbours_in_one() {
        let known = [([2; 16], 70), ([4; 16], 80)].into();
        let of = |last| missing(&parts(&new(&[1, 2, 3, 5, 4]), &known, last));
        assert_eq!(of(106), [0..15, 25..45]);
        assert_eq!(of(100), [0..15, 25..45, 55..61]);
        assert_eq!(missing(&parts(&new(&[]), &known, 100)).first(), Some(&(0..11)));
    }

    #[test]
    fn a_segment_of_the_copy_that_is_damaged_is_not_taken() {
        use std::io::Write;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"head.oneeeeeeeetwooooooo").unwrap();
        let hash = |bytes: &[u8]| <[u8; 16]>::try_from(&Blake3::of(bytes).as_bytes()[..16]).unwrap();
        let mut index = new(&[1, 2, 3]).index;
        (index.frames[0].hash, index.frames[1].hash) = (hash(b"oneeeeeeee"), hash(b"two"));
        assert_eq!(sound(&file, &index), [(hash(b"oneeeeeeee"), 5)].into());
    }
}
