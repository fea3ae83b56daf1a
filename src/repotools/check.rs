//! Is a repository whole? Everything that `repomd.xml` names, held against what it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;

use super::diff::fields;
use super::error::Error;
use super::packages::{self, Told};
use super::repository::{Files, Repository};
use super::signature::{self, Signature};
use crate::fetch::Fetcher;
use crate::model::{ChecksumType, Hasher, chain};
use crate::repodata::Record;
use crate::repodata::read::{Decompressed, Document, Error as ReadError, Limits, Listed, Packages};

/// How closely packages are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Whether each is there and has its size.
    Present,
    /// Also its digest, and whether its header says what the metadata says.
    Read,
}

/// What was found in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of `repomd.xml`.
    pub records: usize,
    /// Packages of primary, as far as it could be read.
    pub packages: u64,
    /// The signature of `repomd.xml`.
    pub signature: Signature,
    /// What is wrong; nothing if empty.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file or package.
    pub about: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Finding {
    pub(super) fn new(about: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { about: about.into(), problem: problem.into() }
    }
}

/// Checks a repository: size and digest of every record, uncompressed too; XML, counts and order of the
/// packages' files; duplicates; every package; and the signature, which is verified by the public keys in the file
/// `keys`, where that is given.
///
/// # Errors
/// Only where checking itself cannot go on, or the keys cannot be read. What is wrong with the repository is in the report.
pub async fn check(
    fetcher: &Fetcher,
    repository: &Repository,
    depth: Depth,
    keys: Option<&Path>,
) -> Result<Report, Error> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for record in &repository.repomd.records {
        let fetched = match repository.get(fetcher, record).await {
            Ok(fetched) => fetched,
            Err(error) => {
                findings.push(Finding::new(&record.href, chain(&error)));
                continue;
            }
        };
        let (file, found) = blocking(record.clone(), |record| opened(&record, fetched.file)).await;
        findings.extend(found);
        let document = document(&record.kind);
        files.extend(document.zip(file).filter(|(kind, _)| files_lack(&files, *kind)));
    }
    for document in [Document::Primary, Document::Filelists, Document::Other] {
        if repository.repomd.record(document.as_str()).is_none() {
            findings.push(Finding::new("repodata/repomd.xml", format!("there is no {} record", document.as_str())));
        }
    }
    files.sort_by_key(|(document, _)| *document);
    let has_primary = files.first().is_some_and(|(document, _)| *document == Document::Primary);
    let mut packages = Vec::new();
    if has_primary {
        let found;
        (packages, found) = blocking(Files(files), move |files| read(files, depth)).await;
        findings.extend(found);
        findings.extend(duplicates(&packages));
        findings.extend(packages::check(fetcher, repository, &packages, depth).await);
    }
    let (signature, problem) = signature::look(fetcher, repository, keys).await?;
    findings.extend(problem.map(|problem| Finding::new("repodata/repomd.xml.asc", problem)));
    Ok(Report { records: repository.repomd.records.len(), packages: packages.len() as u64, signature, findings })
}

fn files_lack(files: &[(Document, File)], kind: Document) -> bool {
    files.iter().all(|(document, _)| *document != kind)
}

async fn blocking<A: Send + 'static, B: Send + 'static>(of: A, work: impl FnOnce(A) -> B + Send + 'static) -> B {
    let done = tokio::task::spawn_blocking(move || work(of)).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

fn document(kind: &str) -> Option<Document> {
    let all = [Document::Primary, Document::Filelists, Document::FilelistsExt, Document::Other];
    all.into_iter().find(|document| document.as_str() == kind)
}

/// Reads all of a record's file, uncompressed: its open digest and size, and if it lists packages, whether
/// there are as many as it says. Returns the file, rewound, if its packages can be read.
fn opened(record: &Record, mut file: File) -> (Option<File>, Vec<Finding>) {
    match uncompressed(record, &mut file) {
        Ok(found) => {
            let found = found.into_iter().map(|problem| Finding::new(&record.href, problem)).collect();
            (Some(file), found)
        }
        Err(problem) => (None, vec![Finding::new(&record.href, problem)]),
    }
}

fn uncompressed(record: &Record, file: &mut File) -> Result<Vec<String>, String> {
    let text = |error: &dyn std::error::Error| chain(error);
    let limits = Limits::default();
    let mut found = Vec::new();
    let hasher = record.open_checksum.as_ref().and_then(|open| open.algorithm.parse::<ChecksumType>().ok());
    let is_opaque = !record.href.ends_with(".xml") && document(&record.kind).is_none() && hasher.is_none();
    if !is_opaque {
        let open = Decompressed::new(&mut *file, limits).map_err(|problem| text(&problem))?;
        let mut seen = Seen { open, hasher: hasher.map(ChecksumType::hasher), size: 0 };
        if let Some(document) = document(&record.kind) {
            found.extend(counted(&mut seen, document)?);
        }
        io::copy(&mut seen, &mut io::sink()).map_err(|error| text(&error))?;
        if let (Some(hasher), Some(expected)) = (seen.hasher, &record.open_checksum) {
            let hex = hasher.finish();
            if hex != expected.hex {
                found.push(format!("its open checksum is {hex} instead of {}", expected.hex));
            }
        }
        if let Some(expected) = record.open_size.filter(|expected| *expected != seen.size) {
            found.push(format!("it has {} bytes uncompressed instead of {expected}", seen.size));
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| text(&error))?;
    Ok(found)
}

fn counted(seen: &mut Seen<'_>, document: Document) -> Result<Option<String>, String> {
    let mut packages = Packages::new(seen, document, document.as_str(), Limits::default());
    while packages.next().map_err(|error| chain(&error))?.is_some() {}
    Ok(match packages.announced() {
        Some(announced) if announced == packages.came() => None,
        Some(announced) => Some(format!("it announces {announced} packages and has {}", packages.came())),
        None => Some("it does not announce how many packages it has".to_owned()),
    })
}

/// Uncompressed bytes, hashed as they are read.
struct Seen<'a> {
    open: Decompressed<'a>,
    hasher: Option<Hasher>,
    size: u64,
}

impl Read for Seen<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.open.read(buffer)?;
        self.size += length as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..length]);
        }
        Ok(length)
    }
}

/// Reads all fields of all packages; returns what names them, up to the first that is wrong.
fn read(files: Files, depth: Depth) -> (Vec<Told>, Vec<Finding>) {
    let mut packages = Vec::new();
    let mut joined = match files.joined() {
        Ok(joined) => joined,
        Err(error) => return (packages, vec![Finding::new("repodata", chain(&error))]),
    };
    loop {
        let next = joined.next().and_then(|listed| listed.map(|listed| told(&listed, depth)).transpose());
        match next {
            Ok(Some(told)) => packages.push(told),
            Ok(None) => return (packages, Vec::new()),
            Err(error) => {
                let problem = chain(&error.problem);
                return (packages, vec![Finding::new(error.place.to_string(), problem)]);
            }
        }
    }
}

fn told(listed: &Listed<'_>, depth: Depth) -> Result<Told, ReadError> {
    let described = listed.described()?;
    let all = (depth == Depth::Read).then(|| (fields(&described), described.changelog.len()));
    Ok(Told { quick: listed.quick.clone(), all })
}

/// Returns what stands twice: a place, a file, a NEVRA with other bytes.
fn duplicates(packages: &[Told]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut places, mut digests, mut names) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for Told { quick: package, .. } in packages {
        let (nevra, digest) = (package.nevra(), package.checksum.hex.as_str());
        let place = (package.base.as_deref(), package.href.as_str());
        if places.insert(place, ()).is_some() {
            findings.push(Finding::new(&nevra, format!("its location {} is listed twice", package.href)));
        } else if let Some(other) = digests.insert(digest, package.href.as_str()) {
            findings.push(Finding::new(&nevra, format!("the same file is listed as {other} and as {}", package.href)));
        }
        match names.insert(nevra.clone(), digest) {
            Some(other) if other != digest => {
                findings.push(Finding::new(&nevra, "two files of this name and version are listed, and they differ"));
            }
            _ => {}
        }
    }
    findings
}
