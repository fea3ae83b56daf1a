//! What is known of files by digest, as metadata files of a repository.
//!
//! Reads what was kept when a file was first read; a file is opened again only where nothing is
//! known of it, or what is known is damaged or of an older form. Which packages are listed, and
//! where the files go, is given.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use super::Error;
use crate::model::{RpmEntry, Sha256};
use crate::repodata::{self, Encoding, Fragments, Kind, Location, Written};
use crate::store::builds::{self, RpmRow};
use crate::store::durable::Staged;
use crate::store::{self, Db};

/// How many packages' metadata is held in memory at a time.
const BATCH: usize = 200;

/// What can go wrong with metadata files.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The state or a file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A metadata file could not be written.
    #[error("cannot write the metadata of {dir}")]
    Repodata {
        /// The file, by its kind in its directory, or the package file.
        dir: String,
        /// The cause.
        #[source]
        source: repodata::Error,
    },
    /// A package file had to be read again and cannot be.
    #[error("cannot read {path} again")]
    Rpm {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: Error,
    },
    /// A package file is not the one it was.
    #[error("{path} has another digest than {sha256}, which it was imported with")]
    Changed {
        /// The file.
        path: String,
        /// The digest it was imported with.
        sha256: Sha256,
    },
}

/// A package as a repository lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The package.
    pub rpm: RpmEntry,
    /// Where a reader finds it, relative to the repository.
    pub href: String,
    /// Where we find it, should it have to be read again.
    pub file: PathBuf,
}

/// Sorts packages as metadata lists them: by NEVRA, then digest, then location.
pub fn canonical(packages: &mut [Listed]) {
    packages.sort_by(|a, b| (&a.rpm.nevra, &a.rpm.sha256, &a.href).cmp(&(&b.rpm.nevra, &b.rpm.sha256, &b.href)));
}

/// Writes primary, filelists and other of `packages`, which are in canonical order, into `dir` under
/// names that begin with their checksums; each is synced, the directory is not.
///
/// The time of a package's file is its build time, since the time of a linked file is chance.
pub async fn write_metadata(
    db: &Db,
    dir: &Path,
    packages: std::sync::Arc<[Listed]>,
    encoding: Encoding,
) -> Result<Vec<Written>, MetadataError> {
    let write = |kind: Kind| {
        let (db, dir, packages, handle) = (db.clone(), dir.to_owned(), packages.clone(), Handle::current());
        tokio::task::spawn_blocking(move || write_one(kind, &db, &handle, &dir, &packages, encoding))
    };
    let (primary, filelists, other) = tokio::join!(write(Kind::Primary), write(Kind::Filelists), write(Kind::Other));
    let done = |result: Result<_, tokio::task::JoinError>| {
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    };
    Ok(vec![done(primary)?, done(filelists)?, done(other)?])
}

fn write_one(
    kind: Kind,
    db: &Db,
    handle: &Handle,
    dir: &Path,
    packages: &[Listed],
    encoding: Encoding,
) -> Result<Written, MetadataError> {
    let mut staged = Staged::new(dir, kind.as_str())?;
    let mut known = Known { db, handle, packages, loaded: HashMap::new(), failed: None };
    let written = repodata::write(kind, &mut known, packages.len() as u64, encoding, &mut staged);
    if let Some(error) = known.failed {
        return Err(error);
    }
    let file = || dir.join(kind.as_str()).display().to_string();
    let written = written.map_err(|source| MetadataError::Repodata { dir: file(), source })?;
    staged.put(&written.file_name())?;
    Ok(written)
}

/// Packages one by one, loaded some at a time.
struct Known<'a> {
    db: &'a Db,
    handle: &'a Handle,
    packages: &'a [Listed],
    loaded: HashMap<Sha256, Fragments>,
    failed: Option<MetadataError>,
}

impl Iterator for &mut Known<'_> {
    type Item = Result<(Cow<'static, Fragments>, Location), std::io::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let packages = self.packages;
        let (first, rest) = packages.split_first()?;
        if !self.loaded.contains_key(&first.rpm.sha256) {
            let some = &packages[..packages.len().min(BATCH)];
            if let Err(error) = self.load(some) {
                self.failed = Some(error);
                return Some(Err(std::io::Error::other("a package's metadata cannot be had")));
            }
        }
        self.packages = rest;
        let fragments = self.loaded.get(&first.rpm.sha256)?.clone();
        let time_file = fragments.build_time();
        Some(Ok((Cow::Owned(fragments), Location { href: first.href.clone(), time_file })))
    }
}

impl Known<'_> {
    fn load(&mut self, some: &[Listed]) -> Result<(), MetadataError> {
        let digests: Vec<Sha256> = some.iter().map(|listed| listed.rpm.sha256).collect();
        let rows = self.handle.block_on(async {
            let mut tx = self.db.read().await?;
            builds::fragments(&mut tx, &digests).await
        })?;
        self.loaded.clear();
        for (digest, bytes) in rows {
            if let Ok(fragments) = Fragments::from_bytes(&bytes) {
                self.loaded.insert(digest, fragments);
            }
        }
        for listed in some {
            if !self.loaded.contains_key(&listed.rpm.sha256) {
                let fragments = self.read_again(listed)?;
                self.loaded.insert(listed.rpm.sha256, fragments);
            }
        }
        Ok(())
    }

    /// Reads a package file anew, and keeps what it says in place of what was unreadable.
    fn read_again(&self, listed: &Listed) -> Result<Fragments, MetadataError> {
        let path = listed.file.display().to_string();
        tracing::warn!(path, "what was known of {path} cannot be read; reading the file again");
        let package = super::read(&listed.file).map_err(|source| MetadataError::Rpm { path: path.clone(), source })?;
        if package.file.sha256 != listed.rpm.sha256 {
            return Err(MetadataError::Changed { path, sha256: listed.rpm.sha256 });
        }
        let fragments = repodata::render(&package);
        let bytes = fragments.to_bytes().map_err(|source| MetadataError::Repodata { dir: path, source })?;
        self.handle.block_on(async {
            let mut tx = self.db.write().await?;
            builds::put_rpm(&mut tx, &RpmRow::of(&package), &bytes).await?;
            tx.commit().await
        })?;
        Ok(fragments)
    }
}
