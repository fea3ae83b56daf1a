//! How is a repository's metadata mirrored at the cost of what changed? Each file kept, joined, or fetched whole.
//!
//! Whatever goes wrong with fetching a file in part ends in fetching it whole; every file has the
//! checksum that `repomd.xml` says before it is seen. Packages are not mirrored.

mod join;
mod remote;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;

use super::blocking;
use super::error::Error;
use super::output::{Companion, Laid, Output};
use super::repository::Repository;
use crate::fetch::{Fetcher, Wanted};
use crate::model::{ChecksumType, chain};
use crate::repodata::Record;
use crate::store::durable::Staged;

/// How files that changed are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Only those of their segments that are not in the copy.
    Delta,
    /// All of each.
    Whole,
}

/// What was mirrored, and what that cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// Whether the copy has another `repomd.xml` now.
    pub changed: bool,
    /// Bytes that came from the repository, `repomd.xml` and its signature among them.
    pub fetched: u64,
    /// Bytes that the copy had already.
    pub reused: u64,
    /// Each record of `repomd.xml`.
    pub records: Vec<SyncedRecord>,
}

/// What one file cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncedRecord {
    /// Type.
    pub kind: String,
    /// Where it is.
    pub href: String,
    /// Bytes that came.
    pub fetched: u64,
    /// Bytes that the copy had already.
    pub reused: u64,
    /// Why it was fetched whole, where less was asked for, or not at all.
    pub why: Option<String>,
}

impl SyncedRecord {
    fn new(record: &Record, fetched: u64, reused: u64, why: Option<String>) -> Self {
        Self { kind: record.kind.clone(), href: record.href.clone(), fetched, reused, why }
    }
}

/// Most bytes of what stands beside `repomd.xml`.
const SMALL: u64 = 1 << 20;

/// Mirrors the metadata of a repository into a directory.
///
/// # Errors
/// A file cannot be had or written: the directory has the old metadata then.
pub async fn sync(fetcher: &Fetcher, repository: &Repository, dir: &Path, way: Way) -> Result<Synced, Error> {
    let records = &repository.repomd.records;
    let output = Output::open(dir, records.iter().map(|record| record.href.as_str()))?;
    let mut fetched = repository.bytes.len() as u64;
    let (mut laid, mut told) = (Vec::new(), Vec::new());
    for record in records {
        if let Some(base) = &record.base {
            told.push(SyncedRecord::new(record, 0, 0, Some(format!("it lies elsewhere, below {base}"))));
            continue;
        }
        let (staged, synced) = file(fetcher, repository, &output, record, way).await?;
        fetched += synced.fetched;
        told.push(synced);
        laid.push(Laid { href: record.href.clone(), staged });
    }
    let mut companions: Vec<Companion> = Vec::new();
    for name in ["repomd.xml.key", "repomd.xml.asc"] {
        let content = companion(fetcher, repository, name).await?;
        fetched += content.as_ref().map_or(0, |bytes| bytes.len() as u64);
        companions.push((name, content));
    }
    let repomd = repository.bytes.clone();
    let changed = blocking(move || output.publish(laid, &repomd, &companions)).await?;
    let reused = told.iter().map(|record| record.reused).sum();
    Ok(Synced { changed, fetched, reused, records: told })
}

/// Brings `repomd.xml` and the files of some types of records into a directory that holds nothing else. A file that
/// stands there already with the right checksum is not fetched again; nothing is taken from another place than the
/// repository's own.
///
/// # Errors
/// A record leads elsewhere, or a file cannot be had or written: then there is no `repomd.xml`.
pub async fn copy(fetcher: &Fetcher, repository: &Repository, dir: &Path, kinds: &[&str]) -> Result<(), Error> {
    let records = repository.repomd.records.iter().filter(|record| kinds.contains(&record.kind.as_str()));
    let records: Vec<&Record> = records.collect();
    if let Some((kind, base)) = records.iter().find_map(|record| Some((&record.kind, record.base.as_ref()?))) {
        return Err(Error::Elsewhere { kind: kind.clone(), base: base.clone() });
    }
    let output = Output::open(dir, records.iter().map(|record| record.href.as_str()))?;
    let mut laid = Vec::new();
    for record in records {
        let (staged, _) = file(fetcher, repository, &output, record, Way::Whole).await?;
        laid.push(Laid { href: record.href.clone(), staged });
    }
    let repomd = repository.bytes.clone();
    blocking(move || output.publish(laid, &repomd, &[])).await.map(drop)
}

/// Returns whether a directory has the files that [`copy`] brings, as the repository says they are. Blocks.
pub fn is_copied(repository: &Repository, dir: &Path, kinds: &[&str]) -> bool {
    let mut records = repository.repomd.records.iter().filter(|record| kinds.contains(&record.kind.as_str()));
    records.all(|record| kept(&dir.join(&record.href), record).is_some())
}

/// Returns what stands beside `repomd.xml`; `None` where the repository has no such file.
async fn companion(fetcher: &Fetcher, repository: &Repository, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let name = format!("repodata/{name}");
    match fetcher.fetch(&repository.bases, &name, &Wanted::at_most(SMALL)).await {
        Ok(mut fetched) => {
            let mut bytes = Vec::new();
            fetched.file.read_to_end(&mut bytes).map_err(|source| Error::Io { name, source })?;
            Ok(Some(bytes))
        }
        Err(error) if error.is_missing() => Ok(None),
        Err(source) => Err(Error::Fetch { name, source }),
    }
}

/// Gets the file of a record, by the way that costs least.
async fn file(
    fetcher: &Fetcher,
    repository: &Repository,
    output: &Output,
    record: &Record,
    way: Way,
) -> Result<(Option<Staged>, SyncedRecord), Error> {
    let (place, wanted) = (output.place(&record.href), record.clone());
    if let Some(size) = blocking(move || kept(&place, &wanted)).await {
        return Ok((None, SyncedRecord::new(record, 0, size, None)));
    }
    let (mut cost, mut why) = (0, None);
    if way == Way::Delta {
        match join::file(fetcher, repository, output, record).await? {
            Ok(join::Joined { staged, fetched, reused }) => {
                return Ok((Some(staged), SyncedRecord::new(record, fetched, reused, None)));
            }
            Err(failed) => (cost, why) = (failed.fetched, Some(failed.why)),
        }
    }
    let fetched = repository.get(fetcher, record).await?;
    let (size, staged, name) = (fetched.size, output.stage(&record.href)?, record.href.clone());
    let staged = blocking(move || copied(fetched.file, staged));
    let staged = staged.await.map_err(|source| Error::Io { name, source })?;
    Ok((Some(staged), SyncedRecord::new(record, cost + size, 0, why)))
}

/// Returns the size of a file that stands in its place already, with the right checksum.
fn kept(place: &Path, record: &Record) -> Option<u64> {
    let algorithm: ChecksumType = record.checksum.algorithm.parse().ok()?;
    let mut file = File::open(place).ok().filter(|file| file.metadata().is_ok_and(|data| data.is_file()))?;
    let (mut hasher, mut size) = (algorithm.hasher(), 0);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => break,
            length => {
                hasher.update(&buffer[..length]);
                size += length as u64;
            }
        }
    }
    let is_it = hasher.finish().eq_ignore_ascii_case(&record.checksum.hex);
    (is_it && record.size.is_none_or(|expected| expected == size)).then_some(size)
}

fn copied(mut from: File, mut staged: Staged) -> io::Result<Staged> {
    io::copy(&mut from, &mut staged)?;
    staged.flush()?;
    Ok(staged)
}

/// A file that could not be had in part.
#[derive(Debug)]
struct Failed {
    /// Bytes that came in vain.
    fetched: u64,
    /// What kept it from being had.
    why: String,
}

impl Failed {
    fn new(why: &str) -> Self {
        Self { fetched: 0, why: why.to_owned() }
    }

    fn by(error: &(dyn std::error::Error + 'static)) -> Self {
        Self { fetched: 0, why: chain(error) }
    }
}
