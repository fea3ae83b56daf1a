//! Where is a repository, and what does its `repomd.xml` say?

use std::fs::File;
use std::io::Read;

use super::error::Error;
use crate::fetch::{self, Answer, Fetched, Fetcher, Place, Validators, Wanted};
use crate::model::{ChecksumType, Sha256};
use crate::repodata::read::{Decompressed, Document, Error as ReadError, Joined, Limits, Packages, Place as At, Side};
use crate::repodata::{Record, Repomd};

/// Where `repomd.xml` is.
const REPOMD: &str = "repodata/repomd.xml";
/// Most bytes of `repomd.xml`, of a metalink, of a list of mirrors.
const SMALL: u64 = 4 << 20;
/// Most bytes of one metadata file as it is stored.
const LARGE: u64 = 16 << 30;

/// A repository whose `repomd.xml` was read.
#[derive(Debug, Clone)]
pub struct Repository {
    /// What the user called it.
    pub name: String,
    /// Where it is: mirrors of each other, best first.
    pub bases: Vec<Place>,
    /// What it says of itself.
    pub repomd: Repomd,
    /// `repomd.xml`, byte for byte.
    pub bytes: Vec<u8>,
    /// Digest of `repomd.xml`.
    pub digest: Sha256,
    /// The URL of its packages, where they lie elsewhere than what is read.
    pub origin: Option<String>,
    /// Most bytes that are taken of one metadata file, as it is stored.
    pub most: u64,
}

impl Repository {
    /// Opens the repository that a person names: a directory, a URL, `metalink:URL` or `mirrorlist:URL`.
    ///
    /// # Errors
    /// It names no place, or `repomd.xml` cannot be had or read.
    pub async fn open(fetcher: &Fetcher, name: &str) -> Result<Self, Error> {
        let (bases, versions) = if let Some(url) = name.strip_prefix("metalink:") {
            let text = small(fetcher, &[Place::parse(url)?], "", url).await?;
            let metalink = fetch::metalink(&text).map_err(|error| Error::Metalink(url.to_owned(), error))?;
            (metalink.bases, metalink.versions)
        } else if let Some(url) = name.strip_prefix("mirrorlist:") {
            (fetch::mirrorlist(&small(fetcher, &[Place::parse(url)?], "", url).await?), Vec::new())
        } else {
            (vec![Place::parse(name)?], Vec::new())
        };
        if bases.is_empty() {
            return Err(Error::NoMirror(name.to_owned()));
        }
        let text = small(fetcher, &bases, REPOMD, REPOMD).await?;
        if !versions.is_empty() && !versions.iter().any(|(algorithm, hex, _)| digest(*algorithm, &text) == *hex) {
            return Err(Error::Unknown);
        }
        Self::of(name, bases, text.into_bytes())
    }

    /// Returns the repository whose `repomd.xml` was read already.
    ///
    /// # Errors
    /// `repomd.xml` is bad.
    pub fn of(name: &str, bases: Vec<Place>, bytes: Vec<u8>) -> Result<Self, Error> {
        let (repomd, digest) = (Repomd::parse(&bytes)?, Sha256::of(&bytes));
        Ok(Self { name: name.to_owned(), bases, repomd, bytes, digest, origin: None, most: LARGE })
    }

    /// Looks whether the repository at a place is still the one whose `repomd.xml` has this digest; gives it, and what
    /// to ask with the next time, where it is another.
    ///
    /// # Errors
    /// `repomd.xml` cannot be had, is larger than 4 MiB, or bad.
    pub async fn if_changed(
        fetcher: &Fetcher,
        name: &str,
        place: &Place,
        known: Option<(&Sha256, &Validators)>,
    ) -> Result<Option<(Self, Validators)>, Error> {
        let asked = known.map(|(_, validators)| validators.clone());
        let unless = asked.filter(|validators| *validators != Validators::default());
        let wanted = Wanted { unless, ..Wanted::at_most(SMALL) };
        let answer = fetcher.get(std::slice::from_ref(place), REPOMD, &wanted).await;
        let fetched = match answer.map_err(|source| Error::Fetch { name: REPOMD.to_owned(), source })? {
            Answer::Unchanged => return Ok(None),
            Answer::Got(fetched) => fetched,
        };
        let mut bytes = Vec::new();
        let read = fetched.file.take(SMALL).read_to_end(&mut bytes);
        read.map_err(|source| Error::Io { name: REPOMD.to_owned(), source })?;
        if known.is_some_and(|(digest, _)| *digest == Sha256::of(&bytes)) {
            return Ok(None);
        }
        Ok(Some((Self::of(name, vec![place.clone()], bytes)?, fetched.validators)))
    }

    /// Gets the file of a record, whose size and digest are as the record says.
    ///
    /// # Errors
    /// No mirror has the right bytes, or the record names a place of its own that is none.
    pub async fn get(&self, fetcher: &Fetcher, record: &Record) -> Result<Fetched, Error> {
        let algorithm: ChecksumType = record.checksum.algorithm.parse()?;
        let checksum = Some((algorithm, record.checksum.hex.clone()));
        let wanted = Wanted { size: record.size, checksum, ..Wanted::at_most(self.most) };
        let elsewhere = record.base.as_deref().map(Place::parse).transpose()?;
        let bases = elsewhere.as_ref().map_or(&*self.bases, std::slice::from_ref);
        let fetched = fetcher.fetch(bases, &record.href, &wanted).await;
        fetched.map_err(|source| Error::Fetch { name: record.href.clone(), source })
    }

    /// Gets the files of all packages.
    ///
    /// # Errors
    /// There is no primary, or a file cannot be had.
    pub async fn files(&self, fetcher: &Fetcher) -> Result<Files, Error> {
        let primary = self.repomd.record("primary").ok_or(Error::NoRecord("primary"))?;
        let mut files = vec![(Document::Primary, self.get(fetcher, primary).await?.file)];
        for document in [Document::Filelists, Document::Other] {
            if let Some(record) = self.repomd.record(document.as_str()) {
                files.push((document, self.get(fetcher, record).await?.file));
            }
        }
        Ok(Files(files))
    }
}

/// The metadata files of a repository, verified: primary, then those of the others that there are.
#[derive(Debug)]
pub struct Files(pub(super) Vec<(Document, File)>);

impl Files {
    /// Returns the packages of all files, read in step. To be used where blocking is allowed.
    ///
    /// # Errors
    /// A file's first bytes cannot be read.
    pub fn joined(self) -> Result<Joined<'static, Decompressed<'static>>, Error> {
        let mut opened = Vec::new();
        for (document, file) in self.0 {
            opened.push(packages(document, file)?);
        }
        let mut rest = opened.into_iter();
        let primary = rest.next().ok_or(Error::NoRecord("primary"))?;
        Ok(Joined::new(primary, rest.map(Side::InStep).collect()))
    }
}

/// Returns the packages of one file.
pub(super) fn packages(document: Document, file: File) -> Result<Packages<Decompressed<'static>>, Error> {
    let name = document.as_str();
    let limits = Limits::default();
    let open = Decompressed::new(file, limits).map_err(|problem| {
        let place = At { file: name.to_owned(), package: None, offset: 0 };
        ReadError { place, problem }
    })?;
    Ok(Packages::new(open, document, name, limits))
}

async fn small(fetcher: &Fetcher, bases: &[Place], name: &str, shown: &str) -> Result<String, Error> {
    let fetched = fetcher.fetch(bases, name, &Wanted::at_most(SMALL)).await;
    let fetched = fetched.map_err(|source| Error::Fetch { name: shown.to_owned(), source })?;
    let mut text = String::new();
    let read = fetched.file.take(SMALL).read_to_string(&mut text);
    read.map_err(|source| Error::Io { name: shown.to_owned(), source })?;
    Ok(text)
}

fn digest(algorithm: ChecksumType, text: &str) -> String {
    let mut hasher = algorithm.hasher();
    hasher.update(text.as_bytes());
    hasher.finish()
}
