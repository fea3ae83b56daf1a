//! Why is a compose not made? The errors of this room, and their text as a reason.

use std::path::PathBuf;

use crate::model::{Arch, ComposeId, TagName};
use crate::{rpms, store, tags};

/// What can go wrong with a compose.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition's tag is not followed, so it has no package set.
    #[error("no follow rule matches tag {0}, so it has no package set")]
    NotFollowed(TagName),
    /// The build system does not know the definition's tag.
    #[error("there is no tag {0}")]
    NoSuchTag(TagName),
    /// What the builds of the tag are was not learned yet.
    #[error("the files of {0} are still being read, so it has no package set yet")]
    NotYet(TagName),
    /// The definition names an arch that the tag does not have.
    #[error("tag {tag} is not for {arch}, only for {has}")]
    NoSuchArch {
        /// The tag.
        tag: TagName,
        /// The arch.
        arch: Arch,
        /// The arches that the tag has, with commas.
        has: String,
    },
    /// There are more composes of one release, day and type than numbers for them.
    #[error("there is no respin left for {0}")]
    NoRespin(String),
    /// Two builds of the set bring different files of one name.
    #[error("{kept} and {left_out} differ and would both be {path}")]
    Clash {
        /// Where both would lie.
        path: String,
        /// The file of the earlier build, by its location in the volume.
        kept: String,
        /// The file of the later build.
        left_out: String,
    },
    /// A package file is gone.
    #[error("{} is gone", path.display())]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// A package file is not the one that was imported.
    #[error("{} has {found} bytes, not the {size} it was imported with", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its size when it was imported.
        size: u64,
        /// Its size now.
        found: u64,
    },
    /// Something else has taken the compose's name in the meantime.
    #[error("{} is there already", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// The compose ended without this process: another one held it for dead.
    #[error("compose {0} was ended by another process")]
    Lost(ComposeId),
    /// Nobody waits for the compose any more.
    #[error("the compose was stopped")]
    Stopped,
    /// The tag's package set could not be brought up to date.
    #[error(transparent)]
    Tags(#[from] tags::Error),
    /// The state or a file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The metadata of a repository could not be written.
    #[error(transparent)]
    Metadata(#[from] rpms::MetadataError),
}

impl Error {
    /// Returns the error and its causes on one line: the reason of a doomed compose.
    pub fn reason(&self) -> String {
        let first = std::error::Error::source(self);
        let causes = std::iter::successors(first, |cause| cause.source());
        causes.fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}
