//! What does a repository look like from outside? Its records, how they are stored, and how old they are.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use serde::Serialize;

use super::error::Error;
use super::indexed::Indexed;
use super::repository::{Repository, packages};
use crate::fetch::Fetcher;
use crate::repodata::read::{Document, Format};
use crate::repodata::{Distro, Record, Tags};

/// A repository as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What its writer calls this state.
    pub revision: String,
    /// SHA-256 of `repomd.xml`.
    pub sha256: String,
    /// Seconds after 1970 of the newest record.
    pub newest: i64,
    /// How many packages primary announces.
    pub packages: Option<u64>,
    /// What the repository says of itself.
    pub tags: ShownTags,
    /// Records in the order of `repomd.xml`.
    pub records: Vec<ShownRecord>,
}

/// The tags of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ShownTags {
    /// What its packages are.
    pub content: Vec<String>,
    /// What it is itself.
    pub repo: Vec<String>,
    /// Which distributions it is for.
    pub distro: Vec<ShownDistro>,
}

/// A distribution that a repository is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownDistro {
    /// Its name.
    pub name: String,
    /// Its name in the Common Platform Enumeration, if it is told.
    pub cpeid: Option<String>,
}

impl ShownTags {
    fn of(tags: &Tags) -> Self {
        let distro = |distro: &Distro| ShownDistro { name: distro.name.clone(), cpeid: distro.cpeid.clone() };
        let Tags { content, repo, distro: distros } = tags;
        Self { content: content.clone(), repo: repo.clone(), distro: distros.iter().map(distro).collect() }
    }
}

/// A metadata file as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownRecord {
    /// Type.
    pub kind: String,
    /// Where it is.
    pub href: String,
    /// Algorithm and digest.
    pub checksum: String,
    /// Bytes as it is stored.
    pub size: u64,
    /// Bytes uncompressed, where the record tells.
    pub open_size: Option<u64>,
    /// How it is compressed.
    pub compression: &'static str,
    /// How many frames its seek table has; `None` where there is no table.
    pub frames: Option<u32>,
    /// How many segments its index has; `None` where Tannery did not write it.
    pub segments: Option<usize>,
    /// When it was written, seconds after 1970.
    pub timestamp: i64,
}

/// Looks at a repository; each of its files is fetched and verified.
///
/// # Errors
/// A file cannot be had, or the head of primary cannot be read.
pub async fn show(fetcher: &Fetcher, repository: &Repository) -> Result<Shown, Error> {
    let mut records = Vec::new();
    let mut announced = None;
    for record in &repository.repomd.records {
        let mut fetched = repository.get(fetcher, record).await?;
        let io = |source| Error::Io { name: record.href.clone(), source };
        let shown = shown(record, &mut fetched.file, fetched.size).map_err(io)?;
        records.push(shown);
        if record.kind == "primary" {
            fetched.file.seek(SeekFrom::Start(0)).map_err(io)?;
            let mut primary = packages(Document::Primary, fetched.file)?;
            primary.next()?;
            announced = primary.announced();
        }
    }
    Ok(Shown {
        revision: repository.repomd.revision.clone(),
        sha256: repository.digest.to_string(),
        newest: records.iter().map(|record| record.timestamp).max().unwrap_or(0),
        packages: announced,
        tags: ShownTags::of(&repository.repomd.tags),
        records,
    })
}

fn shown(record: &Record, file: &mut File, size: u64) -> std::io::Result<ShownRecord> {
    let mut head = Vec::new();
    file.by_ref().take(6).read_to_end(&mut head)?;
    let format = Format::of(&head);
    let frames = if format == Format::Zstd { seek_table(file, size)? } else { None };
    Ok(ShownRecord {
        kind: record.kind.clone(),
        href: record.href.clone(),
        checksum: format!("{}:{}", record.checksum.algorithm, record.checksum.hex),
        size,
        open_size: record.open_size,
        compression: format.as_str(),
        frames,
        segments: Indexed::of_file(file).map(|indexed| indexed.index.frames.len()),
        timestamp: record.timestamp,
    })
}

/// Magic number at the end of a seek table (Zstandard Seekable Format 0.1.0).
const SEEKABLE: [u8; 4] = 0x8F92_EAB1_u32.to_le_bytes();
const FOOTER: u64 = 9;

/// Returns how many frames the seek table at the end of a zstd file lists.
fn seek_table(file: &mut File, size: u64) -> std::io::Result<Option<u32>> {
    if size < FOOTER {
        return Ok(None);
    }
    let mut footer = [0; FOOTER as usize];
    file.seek(SeekFrom::Start(size - FOOTER))?;
    file.read_exact(&mut footer)?;
    let [a, b, c, d, _, magic @ ..] = footer;
    Ok((magic == SEEKABLE).then_some(u32::from_le_bytes([a, b, c, d])))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_seek_table_tells_the_number_of_frames() {
        let mut file = tempfile::tempfile().unwrap();
        let footer = [&7u32.to_le_bytes()[..], &[0], &SEEKABLE].concat();
        file.write_all(&footer).unwrap();
        assert_eq!(seek_table(&mut file, footer.len() as u64).unwrap(), Some(7));
        assert_eq!(seek_table(&mut file, 8).unwrap(), None);
        file.write_all(b"x").unwrap();
        assert_eq!(seek_table(&mut file, 10).unwrap(), None);
    }
}
