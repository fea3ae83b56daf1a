//! Why does a run end without a repository?

use std::io;
use std::path::Path;

use crate::repodata::segments;
use crate::store;

/// A run that wrote nothing: the old repository stands as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options contradict each other, or one of them is none of its kind.
    #[error("{0}")]
    Usage(String),
    /// Something that must be there is not, or is something else.
    #[error("{0}")]
    Missing(String),
    /// Another run is at work on the same repository.
    #[error("{path} exists: another run is at work there")]
    Locked {
        /// The lock.
        path: String,
    },
    /// A file or directory cannot be read, written or removed.
    #[error("{doing} {path}")]
    File {
        /// What was tried: "cannot read".
        doing: &'static str,
        /// The file or directory.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of the repository cannot be put in place.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The metadata cannot be written.
    #[error("cannot write the metadata")]
    Segments(#[source] segments::Error),
    /// A file beside the packages is not what it has to be.
    #[error("{path} {why}")]
    Extra {
        /// The file.
        path: String,
        /// What is wrong with it, as the end of a sentence.
        why: &'static str,
    },
    /// The run was told to stop.
    #[error("stopped")]
    Stopped,
}

impl Error {
    /// Returns what makes an error of a file's.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { doing, path, source }
    }
}
