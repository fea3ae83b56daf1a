//! Why could bytes not be had? What each place answered.

use std::{fmt, io};

use super::place::{BadPlace, Place};

/// Something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name or URL leads nowhere.
    #[error(transparent)]
    Place(#[from] BadPlace),
    /// There is no place to ask.
    #[error("there is no mirror to ask")]
    NoPlace,
    /// What came cannot be kept.
    #[error("what was fetched cannot be written")]
    Write(#[source] io::Error),
    /// The only place that was asked does not give it.
    #[error("cannot get {}", .0.place)]
    One(#[source] Box<Attempt>),
    /// None of several places gives it.
    #[error("none of {} places gives it; {}", .0.len(), list(.0))]
    All(Vec<Attempt>),
}

impl Error {
    /// Returns whether every place that was asked says that there is no such file.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::One(attempt) => attempt.failure.is_missing(),
            Self::All(attempts) => attempts.iter().all(|attempt| attempt.failure.is_missing()),
            _ => false,
        }
    }
}

fn list(attempts: &[Attempt]) -> String {
    let each = attempts.iter().map(|attempt| format!("{}: {}", attempt.place, crate::model::chain(&attempt.failure)));
    each.collect::<Vec<_>>().join("; ")
}

/// The last answer of one place.
#[derive(Debug)]
pub struct Attempt {
    /// Whom we asked.
    pub place: Place,
    /// How it ended.
    pub failure: Failure,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.failure, f)
    }
}

impl std::error::Error for Attempt {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.failure)
    }
}

/// Why one place did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file cannot be opened or read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// Not a regular file.
    #[error("it is no regular file")]
    NoFile,
    /// The connection cannot be made, or broke.
    #[error("the request failed")]
    Http(#[source] reqwest::Error),
    /// An answer that is not the one hoped for.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// All of a file came where a part of it was asked for.
    #[error("the server does not give parts of files")]
    NoPart,
    /// Fewer bytes came than were announced, or than the file has.
    #[error("{came} bytes came instead of {expected}")]
    Size {
        /// How many there should be.
        expected: u64,
        /// How many there were; counting stops at the first beyond.
        came: u64,
    },
    /// More bytes than are allowed.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// The bytes have another digest.
    #[error("its {algorithm} is {found} instead of {expected}")]
    Checksum {
        /// Name of the algorithm.
        algorithm: &'static str,
        /// What it should be, hex digits.
        expected: String,
        /// What it is.
        found: String,
    },
    /// What came cannot be kept: no place can help.
    #[error("what was fetched cannot be written")]
    Write(#[source] io::Error),
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The same place may well succeed later.
    Again,
    /// Only another place can help.
    Elsewhere,
}

impl Failure {
    pub(super) fn next(&self) -> Next {
        match self {
            Self::Http(error) if error.is_redirect() || error.is_builder() => Next::Elsewhere,
            Self::Http(_) | Self::Status(408 | 425 | 429 | 500..=599) => Next::Again,
            // A body that was cut: the digest has not been looked at yet.
            Self::Size { expected, came } if came < expected => Next::Again,
            _ => Next::Elsewhere,
        }
    }

    /// Returns whether the place says that there is no such file.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Status(404 | 410) => true,
            Self::Read(error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}
