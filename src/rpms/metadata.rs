//! What is known of files by digest, as the metadata of a repository.
//!
//! Joins what was kept when a file was first read with the segments that repositories are made of; a file
//! is opened again only where nothing is known of it, or what is known is damaged or of an older form.
//! Which packages are listed, and where the files go, is given.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Handle;

use super::Error;
use crate::model::{Blake3, ChecksumType, RpmEntry, Sha256};
use crate::repodata::segments::{self, Failed, Frame, Frames, Key, Manifest, Marks, Piece, Settings};
use crate::repodata::{self, Fragments, Kind, Sums, Written};
use crate::store::builds::{self, RpmRow};
use crate::store::durable::Staged;
use crate::store::segments::{Batch, Segments};
use crate::store::{self, Db};

/// How many packages' metadata is asked for at a time; it is held compressed.
const BATCH: usize = 64;

/// What can go wrong with metadata files.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The state or a file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The segments could not follow, or a file not be written of them.
    #[error(transparent)]
    Segments(#[from] segments::Error),
    /// What a package says could not be kept.
    #[error("cannot keep what {path} says")]
    Fragments {
        /// The file.
        path: String,
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

impl Listed {
    /// Returns its place in the repository.
    pub fn key(&self) -> Key {
        Key { nevra: self.rpm.nevra.clone(), pkgid: self.rpm.sha256.to_string(), href: self.href.clone() }
    }
}

/// What is known of packages, and the segments made of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    db: Db,
    segments: Segments,
    marks: Arc<Marks>,
}

impl Library {
    /// Returns the library of a database and a data directory, in which segments have their own.
    pub fn open(db: Db, data_dir: &Path) -> Self {
        Self { db, segments: Segments::new(&data_dir.join("segments")), marks: Arc::default() }
    }

    /// Returns the segments.
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Returns what a repository's manifest becomes when packages go and come; new segments are durable
    /// then.
    ///
    /// The time of a package's file is its build time, since the time of a linked file is chance. Where `is_measured`,
    /// files are measured while the segments of others are still made, so that [`Library::measure`] has little left
    /// to do.
    ///
    /// # Errors
    /// Nothing is known of a package and it cannot be read, or the segments cannot follow.
    pub async fn update(
        &self,
        old: Arc<Manifest>,
        removed: Vec<Key>,
        added: Vec<Listed>,
        settings: Settings,
        is_measured: bool,
    ) -> Result<Manifest, MetadataError> {
        let (library, handle) = (self.clone(), Handle::current());
        let marks = is_measured.then(|| self.marks.clone());
        blocking(move || library.update_now(&handle, &old, (removed, added), &settings, marks.as_deref())).await
    }

    fn update_now(
        &self,
        handle: &Handle,
        old: &Manifest,
        (mut removed, added): (Vec<Key>, Vec<Listed>),
        settings: &Settings,
        marks: Option<&Marks>,
    ) -> Result<Manifest, MetadataError> {
        removed.sort();
        let mut added: Vec<(Key, Listed)> = added.into_iter().map(|listed| (listed.key(), listed)).collect();
        added.sort_by(|(one, _), (other, _)| one.cmp(other));
        let batch = self.segments.batch()?;
        let known = Known { db: &self.db, handle, packages: &added, loaded: HashMap::new() };
        let shelf = Shelf { batch: &batch, measured: marks.map(|marks| (settings, marks)) };
        let manifest = segments::update(old, removed, known, settings, &shelf).map_err(|failed| match failed {
            Failed::Segments(error) => error.into(),
            Failed::Package(error) => error,
        })?;
        batch.keep()?;
        Ok(manifest)
    }

    /// Writes the metadata files of a manifest into `dir` under names that begin with their checksums; each
    /// is synced, the directory is not. `sums` says which checksums are told.
    ///
    /// # Errors
    /// A segment is lost or damaged, or a file cannot be written.
    pub async fn write_files(
        &self,
        dir: &Path,
        manifest: Arc<Manifest>,
        settings: Settings,
        sums: Sums,
    ) -> Result<Vec<Written>, MetadataError> {
        let dir: Arc<Path> = dir.into();
        self.each_kind(manifest, settings, move |kind, manifest, shelf| {
            let mut staged = Staged::new(&dir, kind.as_str())?;
            let written = segments::assemble(kind, manifest, &settings, sums, shelf, &mut staged)?;
            staged.put(&written.file_name())?;
            Ok(written)
        })
        .await
    }

    /// Returns what [`Library::write_files`] would have written, without writing it.
    ///
    /// # Errors
    /// A segment is lost or damaged.
    pub async fn measure(
        &self,
        manifest: Arc<Manifest>,
        settings: Settings,
        sums: Sums,
    ) -> Result<Vec<Written>, MetadataError> {
        let marks = self.marks.clone();
        self.each_kind(manifest, settings, move |kind, manifest, shelf| match sums {
            Sums { checksum: ChecksumType::Sha256, open: false } => {
                Ok(segments::measure(kind, manifest, &settings, shelf, &marks)?)
            }
            _ => Ok(segments::assemble(kind, manifest, &settings, sums, shelf, io::sink())?),
        })
        .await
    }

    /// Does something with each metadata file of a manifest, beside each other.
    async fn each_kind<W>(
        &self,
        manifest: Arc<Manifest>,
        settings: Settings,
        work: W,
    ) -> Result<Vec<Written>, MetadataError>
    where
        W: Fn(Kind, &Manifest, &Shelf<'_>) -> Result<Written, MetadataError> + Clone + Send + 'static,
    {
        let mut under_way = Vec::new();
        for kind in settings.kinds() {
            let (segments, manifest, work) = (self.segments.clone(), manifest.clone(), work.clone());
            under_way.push(tokio::spawn(blocking(move || {
                work(*kind, &manifest, &Shelf { batch: &segments.batch()?, measured: None })
            })));
        }
        let mut all = Vec::new();
        for one in under_way {
            all.push(one.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?);
        }
        Ok(all)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Segments of the store, as the engine asks for them.
struct Shelf<'a> {
    batch: &'a Batch<'a>,
    /// With what files are measured as they are complete.
    measured: Option<(&'a Settings, &'a Marks)>,
}

impl Frames for Shelf<'_> {
    fn get(&self, _: Kind, frame: &Frame) -> io::Result<Vec<u8>> {
        self.batch.read(&frame.name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        self.batch.reuse(name)
    }

    fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()> {
        self.batch.put(name, bytes)
    }

    fn complete(&self, kind: Kind, so_far: &Manifest) {
        if let Some((settings, marks)) = self.measured {
            // What stays are the marks. Damage shows again where the measure is asked for.
            let _ = segments::measure(kind, so_far, settings, self, marks);
        }
    }
}

/// Packages one by one, loaded some at a time.
struct Known<'a> {
    db: &'a Db,
    handle: &'a Handle,
    packages: &'a [(Key, Listed)],
    /// What is kept of some packages, as it is kept.
    loaded: HashMap<Sha256, Vec<u8>>,
}

impl Iterator for Known<'_> {
    type Item = Result<Piece, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let packages = self.packages;
        let ((key, listed), rest) = packages.split_first()?;
        self.packages = rest;
        Some(self.fragments(listed, packages).map(|fragments| {
            let texts = fragments.piece_texts(&listed.href, None, fragments.build_time());
            Piece { key: key.clone(), texts }
        }))
    }
}

impl Known<'_> {
    fn fragments(&mut self, listed: &Listed, packages: &[(Key, Listed)]) -> Result<Fragments, MetadataError> {
        let digest = listed.rpm.sha256;
        if !self.loaded.contains_key(&digest) {
            let some = packages.iter().take(BATCH).map(|(_, listed)| listed.rpm.sha256).collect::<Vec<_>>();
            let rows = self.handle.block_on(async {
                let mut tx = self.db.read().await?;
                builds::fragments(&mut tx, &some).await
            })?;
            self.loaded = rows.into_iter().collect();
        }
        let kept = self.loaded.get(&digest).and_then(|bytes| Fragments::from_bytes(bytes).ok());
        kept.map_or_else(|| self.read_again(listed), Ok)
    }

    /// Reads a package file anew, and keeps what it says in place of what was unreadable.
    fn read_again(&self, listed: &Listed) -> Result<Fragments, MetadataError> {
        let path = listed.file.display().to_string();
        tracing::warn!(path, "what was known of {path} cannot be read; reading the file again");
        let (package, file) =
            super::read(&listed.file).map_err(|source| MetadataError::Rpm { path: path.clone(), source })?;
        if file.sha256 != listed.rpm.sha256 {
            return Err(MetadataError::Changed { path, sha256: listed.rpm.sha256 });
        }
        let fragments = repodata::render(&package, &file);
        let bytes = fragments.to_bytes().map_err(|source| MetadataError::Fragments { path, source })?;
        self.handle.block_on(async {
            let mut tx = self.db.write().await?;
            builds::put_rpm(&mut tx, &RpmRow::of(&package, &file), &bytes).await?;
            tx.commit().await
        })?;
        Ok(fragments)
    }
}
