//! Why can metadata files not follow a change?

use std::io;

use super::super::Kind;

/// What goes wrong with segments.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A segment could not be kept.
    #[error("a segment of {} cannot be kept", kind.as_str())]
    Put {
        /// The file it belongs to.
        kind: Kind,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A segment that is named could not be had.
    #[error("a segment of {} cannot be read", kind.as_str())]
    Get {
        /// The file it belongs to.
        kind: Kind,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A segment does not hold what it did when it was made.
    #[error("a segment of {} is damaged: {why}", kind.as_str())]
    Damaged {
        /// The file it belongs to.
        kind: Kind,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Files that are one stream have no pieces.
    #[error("a file of xz or bzip2 is one stream, which is not joined from segments")]
    OneStream,
    /// A package is larger than a segment can be.
    #[error("what is said of {href} is larger than 4 GiB")]
    TooLarge {
        /// The location of the package.
        href: String,
    },
    /// A package to be taken out is not there.
    #[error("{href} is to be removed and is not listed")]
    Missing {
        /// The location of the package.
        href: String,
    },
    /// A package to be put in is there already.
    #[error("{href} is listed already")]
    Twice {
        /// The location of the package.
        href: String,
    },
    /// The changes did not come in the canonical order.
    #[error("{href} is out of order: it belongs before {before}")]
    Order {
        /// The location of the package that came too late.
        href: String,
        /// The location of the package that came before it.
        before: String,
    },
    /// A file could not be compressed or written.
    #[error("the metadata cannot be written")]
    Write(#[source] io::Error),
    /// A stored manifest is damaged.
    #[error("the list of a repository's segments is unusable: {0}")]
    Manifest(&'static str),
}

/// Why an update ended: by the segments, or by the caller's own failure to give the next package.
#[derive(Debug)]
pub enum Failed<E> {
    /// The segments.
    Segments(Error),
    /// The next package could not be had.
    Package(E),
}

impl<E> From<Error> for Failed<E> {
    fn from(error: Error) -> Self {
        Self::Segments(error)
    }
}
