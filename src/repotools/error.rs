//! Why can a repository not be looked into?

use std::io;

use crate::fetch;
use crate::model::BadName;
use crate::repodata;
use crate::repodata::read;
use crate::repodata::segments;
use crate::store;

/// A repository that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text names no place.
    #[error(transparent)]
    Place(#[from] fetch::BadPlace),
    /// A file of it cannot be had.
    #[error("cannot get {name}")]
    Fetch {
        /// The file.
        name: String,
        /// The cause.
        #[source]
        source: fetch::Error,
    },
    /// The metalink says nothing that can be used.
    #[error("{0} cannot be used")]
    Metalink(String, #[source] fetch::BadMetalink),
    /// The list of mirrors names none.
    #[error("{0} names no mirror")]
    NoMirror(String),
    /// `repomd.xml` is none of those that the metalink knows.
    #[error("repomd.xml has none of the digests that the metalink names")]
    Unknown,
    /// `repomd.xml` is bad.
    #[error(transparent)]
    Repomd(#[from] repodata::Error),
    /// `repomd.xml` names no such file.
    #[error("repomd.xml has no {0} record")]
    NoRecord(&'static str),
    /// A record names its digest by an algorithm that is not known.
    #[error(transparent)]
    Algorithm(#[from] BadName),
    /// A metadata file is bad.
    #[error(transparent)]
    Read(#[from] read::Error),
    /// A file that was fetched cannot be read again.
    #[error("{name} cannot be read")]
    Io {
        /// The file.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A package is called what nothing of ours can be.
    #[error("{package} cannot be listed")]
    Name {
        /// What names it, as the metadata has it.
        package: String,
        /// What is wrong with it.
        #[source]
        source: BadName,
    },
    /// Segments cannot be made or joined.
    #[error(transparent)]
    Segments(#[from] segments::Error),
    /// Metadata cannot be put in its place.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// One of several repositories is bad.
    #[error("{name} cannot be merged")]
    Of {
        /// What the user calls it.
        name: String,
        /// The cause.
        #[source]
        source: Box<Error>,
    },
    /// A record leads to another place than the repository's.
    #[error("its {kind} lies elsewhere, below {base}")]
    Elsewhere {
        /// The type of the record.
        kind: String,
        /// Where.
        base: String,
    },
    /// Another run writes to the same directory.
    #[error("another run works on {dir}")]
    Busy {
        /// The directory.
        dir: String,
    },
}
