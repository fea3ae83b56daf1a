//! What does a merged repository have beside its packages? Groups, modules, and where each package came from.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use super::select::Candidate;
use super::{Groups, Merging};
use crate::fetch::Fetcher;
use crate::model::Sha256;
use crate::repodata::read::{Decompressed, Limits};
use crate::repodata::{Checksum, Compression, Record, pack};
use crate::repotools::error::Error;
use crate::repotools::output::{Laid, Output};
use crate::repotools::repository::Repository;

/// Most bytes of groups or modules, uncompressed: they take a few megabytes.
const MOST_BYTES: u64 = 256 << 20;
/// mergerepo_c's level.
const GZIP_LEVEL: u32 = 6;

/// A file beside those that list packages.
pub(super) struct Extra {
    kind: &'static str,
    /// Its name without checksum and without the ending of a compression.
    name: String,
    /// What it holds, uncompressed.
    open: Vec<u8>,
    /// How it is compressed, if otherwise than the rest.
    compression: Option<Compression>,
}

/// Returns groups and modules of the merged repository.
///
/// # Errors
/// One cannot be had or read.
pub(super) async fn of(fetcher: &Fetcher, repositories: &[Repository], groups: &Groups) -> Result<Vec<Extra>, Error> {
    let mut extras = Vec::new();
    match groups {
        Groups::None => {}
        Groups::File(path) => {
            let io = |source| Error::Io { name: path.display().to_string(), source };
            let open = fs::File::open(path).and_then(unpacked).map_err(io)?;
            let name = path.file_name().map_or("comps.xml".into(), |name| name.to_string_lossy());
            extras.push(Extra { kind: "group", name: plain(&name).to_owned(), open, compression: None });
        }
        Groups::First => {
            for repository in repositories {
                if let Some((open, name)) = record(fetcher, repository, "group").await? {
                    extras.push(Extra { kind: "group", name, open, compression: None });
                    break;
                }
            }
        }
    }
    let mut documents = Documents::default();
    for repository in repositories {
        if let Some((open, name)) = record(fetcher, repository, "modules").await? {
            let text = String::from_utf8(open).map_err(|error| Error::Io { name, source: io::Error::other(error) })?;
            documents.add(&text);
        }
    }
    if !documents.text.is_empty() {
        let open = documents.text.into_bytes();
        extras.push(Extra { kind: "modules", name: "modules.yaml".to_owned(), open, compression: None });
    }
    Ok(extras)
}

/// Returns what the file of a record holds, and its name without checksum; `None` where there is no such record.
async fn record(fetcher: &Fetcher, repository: &Repository, kind: &str) -> Result<Option<(Vec<u8>, String)>, Error> {
    let Some(record) = repository.repomd.record(kind) else { return Ok(None) };
    let fetched = repository.get(fetcher, record).await?;
    let io = |source| Error::Io { name: record.href.clone(), source };
    let open = unpacked(fetched.file).map_err(io)?;
    let name = record.href.rsplit('/').next().unwrap_or(&record.href);
    Ok(Some((open, plain(name).to_owned())))
}

fn unpacked(packed: fs::File) -> io::Result<Vec<u8>> {
    let limits = Limits { open_bytes: MOST_BYTES, ..Limits::default() };
    let mut open = Vec::new();
    Decompressed::new(packed, limits).map_err(io::Error::other)?.read_to_end(&mut open)?;
    Ok(open)
}

/// Returns the name of a file without a checksum before and the ending of a compression behind it.
fn plain(name: &str) -> &str {
    let name = match name.split_once('-') {
        Some((digits, rest)) if digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => rest,
        _ => name,
    };
    [".zst", ".gz", ".xz", ".bz2"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Documents of modules, each once.
#[derive(Default)]
struct Documents {
    text: String,
    seen: BTreeSet<String>,
}

impl Documents {
    /// Adds the documents of a stream.
    fn add(&mut self, stream: &str) {
        let mut document = String::new();
        for line in stream.lines() {
            let begins = line == "---" || line.starts_with("--- ");
            if begins || line == "..." {
                self.put(std::mem::take(&mut document));
            }
            if line != "..." && line != "---" {
                document += line;
                document.push('\n');
            }
        }
        self.put(document);
    }

    fn put(&mut self, document: String) {
        if document.trim().is_empty() || !self.seen.insert(document.clone()) {
            return;
        }
        if !document.starts_with("--- ") {
            self.text += "---\n";
        }
        self.text += &document;
        self.text += "...\n";
    }
}

impl Extra {
    /// Returns the list that tells of each package which repository it is from, as Koji reads it.
    pub(super) fn origins(candidates: &[Candidate], selected: &[usize], origins: &[String]) -> Self {
        let mut seen = BTreeSet::new();
        let mut open = Vec::new();
        for candidate in selected.iter().map(|at| &candidates[*at]) {
            let nvra = candidate.nvra();
            if !seen.contains(&nvra) {
                open.extend(format!("{nvra}\t{}\n", origins[candidate.repository]).bytes());
                seen.insert(nvra);
            }
        }
        // Koji asks for this name.
        let compression = Some(Compression::Gzip { level: GZIP_LEVEL });
        Self { kind: "origin", name: "pkgorigins".to_owned(), open, compression }
    }

    /// Writes the file beside its place; returns its record too.
    pub(super) fn lay(self, output: &Output, merging: &Merging) -> Result<(Laid, Record), Error> {
        let compression = self.compression.unwrap_or(merging.compression);
        let name = format!("{}{}", self.name, compression.suffix());
        let io = |source| Error::Io { name: name.clone(), source };
        let packed = pack(compression, &self.open).map_err(io)?;
        let checksum = Checksum::sha256(&Sha256::of(&packed));
        let href = format!("repodata/{}-{name}", checksum.hex);
        let mut staged = output.stage(&href)?;
        staged.write_all(&packed).map_err(io)?;
        let is_packed = compression != Compression::None;
        let record = Record {
            kind: self.kind.to_owned(),
            checksum,
            open_checksum: is_packed.then(|| Checksum::sha256(&Sha256::of(&self.open))),
            header_checksum: None,
            href: href.clone(),
            base: None,
            timestamp: merging.time,
            size: Some(packed.len() as u64),
            open_size: is_packed.then_some(self.open.len() as u64),
            header_size: None,
            database_version: None,
        };
        Ok((Laid { href, staged: Some(staged) }, record))
    }
}

/// Reads names of source packages, one a line; lines without a name are passed over.
///
/// # Errors
/// The file cannot be read.
pub fn blocked(path: &Path) -> Result<BTreeSet<String>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Io { name: path.display().to_string(), source })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_modules_come_once_each() {
        let mut documents = Documents::default();
        documents.add("---\na: 1\n...\n---\nb: 2\n");
        documents.add("a: 1\n");
        documents.add("--- # c\nc: 3\n");
        assert_eq!(documents.text, "---\na: 1\n...\n---\nb: 2\n...\n--- # c\nc: 3\n...\n");
    }

    #[test]
    fn names_lose_their_checksum_and_their_compression() {
        assert_eq!(plain(&format!("{}-comps.xml.zst", "ab".repeat(32))), "comps.xml");
        assert_eq!(plain("my-comps.xml.gz"), "my-comps.xml");
        assert_eq!(plain("comps-Fedora.x86_64.xml"), "comps-Fedora.x86_64.xml");
    }
}
