//! What stands in a repository before a run? Its `repomd.xml`, and whether its files are what that says.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::digesting::digest;
use super::tell::Tell;
use crate::model::{ChecksumType, chain};
use crate::repodata::{Record, Repomd};

/// A repository as it stands before a run.
#[derive(Debug, Clone)]
pub(super) struct OldRepo {
    /// The directory above `repodata/`.
    root: PathBuf,
    pub repomd: Repomd,
    /// `repomd.xml` as it is written.
    pub bytes: Vec<u8>,
}

/// Why a file is not what `repomd.xml` says of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Bad {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    #[error("its size is not the one that repomd.xml says")]
    Size,
    #[error("its checksum is not the one that repomd.xml says")]
    Checksum,
}

impl OldRepo {
    /// Returns the repository in `root`; `None` where there is none, or none that can be read, which is told.
    pub(super) fn load(root: &Path, tell: &dyn Tell) -> Option<Self> {
        let path = root.join("repodata/repomd.xml");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return None;
            }
            Err(error) => {
                tell.warning(&format!("cannot read {}: {error}", path.display()));
                return None;
            }
        };
        match Repomd::parse(&bytes) {
            Ok(repomd) => Some(Self { root: root.to_owned(), repomd, bytes }),
            Err(error) => {
                tell.warning(&format!("{} is of no use: {}", path.display(), chain(&error)));
                None
            }
        }
    }

    /// Returns what to call it.
    pub(super) fn name(&self) -> String {
        self.root.display().to_string()
    }

    /// Returns where the file of a record lies.
    pub(super) fn place(&self, record: &Record) -> PathBuf {
        self.root.join(&record.href)
    }

    /// Checks that the file of a record is what the record says.
    pub(super) fn check(&self, record: &Record) -> Result<(), Bad> {
        let file = File::open(self.place(record)).map_err(Bad::Read)?;
        let size = file.metadata().map_err(Bad::Read)?.len();
        if record.size.is_some_and(|said| said != size) {
            return Err(Bad::Size);
        }
        let algorithm: ChecksumType = record.checksum.algorithm.parse().map_err(|_| Bad::Checksum)?;
        let (found, _) = digest(algorithm, file).map_err(Bad::Read)?;
        if found.hex == record.checksum.hex { Ok(()) } else { Err(Bad::Checksum) }
    }
}
