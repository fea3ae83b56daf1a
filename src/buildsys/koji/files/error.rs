//! Why is a file of a hub's build not had?

use std::io;

use crate::buildsys::koji;
use crate::fetch::{self, BadPlace};
use crate::{repodata, rpms, store};

/// A file of a hub's build cannot be read, made or fetched.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is nowhere, nor is what it could be made of.
    #[error("{0} is not in the volume")]
    Missing(String),
    /// It is no intact RPM.
    #[error("{path} is no RPM that can be used")]
    Rpm {
        /// Where it lies.
        path: String,
        /// What is wrong with it.
        #[source]
        source: rpms::Error,
    },
    /// It is another RPM than the hub says, or another form of it.
    #[error("{path} is not the file that the hub knows: its {what} is {found} instead of {expected}")]
    Other {
        /// Where it lies.
        path: String,
        /// What differs.
        what: &'static str,
        /// What the file has.
        found: String,
        /// What the hub has.
        expected: String,
    },
    /// The server of the volume does not give it.
    #[error("{path} cannot be fetched")]
    Fetch {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: fetch::Error,
    },
    /// Where it should be is no place.
    #[error(transparent)]
    Place(#[from] BadPlace),
    /// What it says cannot be kept.
    #[error("what {path} says cannot be kept")]
    Metadata {
        /// Where it lies.
        path: String,
        /// Why.
        #[source]
        source: repodata::Error,
    },
    /// It cannot be put where files are that are made or fetched here.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The hub does not answer.
    #[error(transparent)]
    Hub(#[from] koji::Error),
}

impl FileError {
    /// Returns what makes an error of one that came of reading `path`.
    pub(super) fn of_reading(path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Rpm { path, source: rpms::Error::Io(error) }
    }

    /// Returns whether it is only that the file is not there.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::Fetch { source, .. } => source.is_missing(),
            _ => false,
        }
    }

    /// Returns whether the fault is the hub's or the server's, and not the file's.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => !source.is_missing(),
            Self::Hub(_) | Self::Store(_) => true,
            _ => false,
        }
    }
}
