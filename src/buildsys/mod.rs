//! What does the build system say? The questions that are asked of it, whatever its kind.
//!
//! A trait, the local kind that answers it from our own tables, and the layout of the volume that
//! both kinds share. What a tag *means* (inheritance, latest, signatures) is not decided here: the
//! answers are rows.

mod facts;
mod import;
mod intake;
pub mod koji;
pub mod local;
mod spool;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::model::{Arch, Nevra, PackageName, RpmEntry, Sigkey, TagName};
use crate::rpms::Signed;
pub use crate::store::builds::{BuildRow, Copy, RpmRow};
use crate::store::tags::{LinkRow, PackageRow, TaggingRow};

pub use import::{Import, ImportError, NewBuild, Problem, read as read_import};
pub use intake::{Stored, batches, place, stored};
pub use local::{Local, Refusal};
pub use spool::{Spool, Spooled};
pub use volume::Volume;

/// What can go wrong when the build system is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Our own tables could not be read.
    #[error("the rows of the build system could not be read")]
    Store(#[from] crate::store::Error),
    /// The inheritance of a tag holds more tags than any real one.
    #[error("tag {root} inherits from more than {limit} tags")]
    TooManyTags {
        /// The tag that was asked for.
        root: TagName,
        /// The limit.
        limit: usize,
    },
    /// The rows of a tag at an event are not known; they may be asked for.
    #[error("what tag {tag} was at event {event} is not known: its rows are complete from event {since} on")]
    NotKnownThen {
        /// The tag.
        tag: TagName,
        /// The event.
        event: i64,
        /// The first event at which they are.
        since: i64,
    },
    /// A file cannot be had.
    #[error(transparent)]
    File(#[from] koji::FileError),
    /// A file of ours cannot be read.
    #[error("{path} in the volume cannot be read")]
    Unreadable {
        /// Where it lies below `packages/`.
        path: String,
        /// Why.
        #[source]
        source: crate::rpms::Error,
    },
    /// Somebody put another file in the place of one of ours.
    #[error("{0} in the volume is not the file that was imported")]
    Replaced(String),
}

impl Error {
    /// Returns whether the fault is that of our state, of the hub, or of a server, and not that of a file.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::File(error) => error.is_outage(),
            _ => false,
        }
    }
}

/// The rows of one tag, at one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagFacts {
    /// Its own base arches.
    pub arches: Vec<Arch>,
    /// Whether it says itself that its repositories have all builds, not only the latest; `None`: it does not say.
    pub include_all: Option<bool>,
    /// Its links to parents, by priority.
    pub links: Vec<LinkRow>,
    /// Its own package list.
    pub packages: Vec<PackageRow>,
    /// Complete builds that stand in it, the newest tagging first, then the highest id in the build system.
    pub taggings: Vec<TaggingRow>,
}

/// The rows of a tag and of all tags it can inherit from, all at one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The tag that was asked for.
    pub root: TagName,
    /// The newest event there was when they were read.
    pub event: i64,
    /// The tags, the root among them.
    pub tags: BTreeMap<TagName, TagFacts>,
}

/// A build with all copies of all its RPMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFiles {
    /// The build.
    pub build: BuildRow,
    /// What is known of its RPMs.
    pub rpms: Rpms,
    /// Its files, unsigned and signed.
    pub copies: Vec<Copy>,
    /// Files that the build system tells of and that were not read.
    pub unread: Vec<Unread>,
}

/// How the part of a build is called that is its RPMs as they were imported.
pub const UNSIGNED: &str = "unsigned";

/// What is known of a build's RPMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rpms {
    /// Nothing: the build system is to be asked. What went wrong, if it was.
    Unknown(Option<String>),
    /// Which there are.
    Known,
    /// They can be in no set, for this reason.
    Refused(String),
}

/// A file that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The RPM.
    pub nevra: Nevra,
    /// The key that it is signed with; `None` for the RPM as it was imported, which may be signed.
    pub sigkey: Option<Sigkey>,
    /// Where it lies below `packages/` of the volume.
    pub path: String,
    /// What went wrong, if it was tried.
    pub problem: Option<String>,
}

/// The build system, local or a Koji hub.
pub trait BuildSystem: Send + Sync {
    /// Returns the name by which its rows are told from another build system's.
    fn id(&self) -> &str;

    /// Returns the rows of a tag and its ancestors at `event` ([`crate::store::tags::NOW`] for now),
    /// of some packages only where they are named (of none: arches and links); `None` where there is no
    /// such tag.
    fn facts<'a>(
        &'a self,
        root: &'a TagName,
        packages: Option<&'a [PackageName]>,
        event: i64,
    ) -> BoxFuture<'a, Result<Option<Facts>, Error>>;

    /// Returns the packages of which any of these tags has rows of its own at `event`; a tag that is not
    /// known has none.
    fn own_packages<'a>(
        &'a self,
        tags: &'a [TagName],
        event: i64,
    ) -> BoxFuture<'a, Result<BTreeSet<PackageName>, Error>>;

    /// Returns builds with their files, by id; an id that is not known is left out.
    fn builds<'a>(&'a self, ids: &'a [i64]) -> BoxFuture<'a, Result<Vec<BuildFiles>, Error>>;

    /// Returns where the file at `location` (as in [`Copy::path`]) can be opened. May look at the file system.
    fn file(&self, location: &str) -> PathBuf;

    /// Brings files to where they can be opened, those that are elsewhere or have to be made; each is as the package
    /// set has it then, durable or still where the build system keeps it.
    fn provide<'a>(&'a self, _rpms: &'a [RpmEntry]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    /// Reads what is signed of a file of a build, and by which signatures; of the file that the copy was read from, and
    /// of no other that may have taken its place.
    fn signed<'a>(&'a self, copy: &'a Copy) -> BoxFuture<'a, Result<Signed, Error>>;

    /// Returns who asks for the RPMs of builds and reads their files, where that is still to be done once a build
    /// is known.
    fn files(&self) -> Option<&koji::Files> {
        None
    }
}
