//! What stands in a repository before a run? Its `repomd.xml`, and whether its files are what that says.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::digesting::digest;
use super::tell::Tell;
use crate::model::{ChecksumType, chain};
use crate::repodata::{Record, Repomd};

/// How much of a `repomd.xml` is read: one byte more than its parser takes.
const MOST_BYTES: u64 = (4 << 20) + 1;

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
    #[error("it is no regular file")]
    Kind,
    #[error("its size is not the one that repomd.xml says")]
    Size,
    #[error("its checksum is not the one that repomd.xml says")]
    Checksum,
}

impl OldRepo {
    /// Returns the repository in `root`; `None` where there is none, or none that can be read, which is told.
    pub(super) fn load(root: &Path, tell: &dyn Tell) -> Option<Self> {
        let path = root.join("repodata/repomd.xml");
        let bytes = match read(&path) {
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
        let path = self.place(record);
        let metadata = fs::metadata(&path).map_err(Bad::Read)?;
        if !metadata.is_file() {
            return Err(Bad::Kind);
        }
        let size = metadata.len();
        if record.size.is_some_and(|said| said != size) {
            return Err(Bad::Size);
        }
        let algorithm: ChecksumType = record.checksum.algorithm.parse().map_err(|_| Bad::Checksum)?;
        let (found, _) = File::open(path).and_then(|file| digest(algorithm, file)).map_err(Bad::Read)?;
        if found.hex == record.checksum.hex { Ok(()) } else { Err(Bad::Checksum) }
    }
}

/// Reads a `repomd.xml`.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
