//! What does a reader of a tag's repositories see? Live repositories: always one whole generation.
//!
//! Compares a tag's newest package set with what each repository shows, and publishes where they
//! differ. Which packages a tag has is not decided here, nor what a package's metadata says.
//!
//! What may surprise: the swap of `repomd.xml` is the only moment of visibility. A row `publishing` is
//! written before it and made `current` after it; a restart looks at the pointer on disk to see how
//! far it came.

mod assembled;
mod due;
mod export;
mod input;
mod keep;
mod layout;
mod listing;
mod merged;
mod place;
mod publish;
mod reconcile;
mod records;
mod sign;
mod style;
#[cfg(test)]
mod tests;
mod unwanted;
mod visible;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::clock::Clock;
use crate::config::Config;
use crate::fetch::{Fetcher, Settings};
use crate::model::{BadName, Blake3, RepoName, TagName};
use crate::rpms::{Library, MetadataError};
use crate::store::{self, Db};
use crate::tags::Tags;

pub use assembled::DataFile;
pub use export::{Exported, WithPackages};
pub use layout::Layout;
pub use merged::{
    BadAddress, ExternalPart, LookError, MergedStanding, MergedWord, Mode, OwnPart, Parts, Refused, Trouble,
    merged_name, merged_standing,
};
pub use records::BadRecord;
pub use visible::Visibility;

/// What can go wrong with a repository.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state or a file could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The tag did not answer.
    #[error(transparent)]
    Tags(#[from] crate::tags::Error),
    /// Metadata could not be written.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A list of segments could not be kept or used.
    #[error(transparent)]
    Segments(#[from] crate::repodata::segments::Error),
    /// A package of the set is not in the volume, or not as it was imported.
    #[error("{file} is {found} bytes long, {expected} were imported")]
    WrongSize {
        /// The file.
        file: String,
        /// Its size now.
        found: u64,
        /// Its size when it was imported.
        expected: u64,
    },
    /// Two files of one set would stand in one place.
    #[error("two packages of tag {tag} lie at {location}")]
    Clash {
        /// The tag.
        tag: TagName,
        /// The place.
        location: String,
    },
    /// A segment that a data file is made of cannot be had, or is another.
    #[error("segment {segment} of {file} cannot be read")]
    Segment {
        /// What it is kept under.
        segment: Blake3,
        /// The data file.
        file: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A data file was made by another version of this program, and this one makes other bytes of its segments.
    #[error("the segments of {file} give other bytes than they did when it was made")]
    Foreign {
        /// The data file.
        file: String,
    },
    /// A record could not be compressed.
    #[error("a record cannot be compressed")]
    Record(#[source] std::io::Error),
    /// The signer did not sign.
    #[error("repomd.xml cannot be signed")]
    Signer(#[source] crate::process::Error),
    /// What the signer gave is no signature.
    #[error("repomd.xml cannot be signed: {program} gave no armoured signature")]
    NoSignature {
        /// The signer.
        program: String,
    },
    /// There is nothing to be exported.
    #[error("there is no published repository {tag}/{repo}")]
    NotPublished {
        /// The tag.
        tag: TagName,
        /// Which of its repositories.
        repo: RepoName,
    },
    /// A directory cannot hold an export.
    #[error("cannot export into {dir}: {why}")]
    Target {
        /// The directory.
        dir: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What the hub says of external repositories cannot be merged.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Repositories cannot be merged.
    #[error(transparent)]
    Merge(#[from] crate::repotools::Error),
    /// A name in the state is not one of ours.
    #[error(transparent)]
    Name(#[from] BadName),
}

/// The room of live repositories. Cheap to clone.
#[derive(Clone)]
pub struct Repos {
    db: Db,
    tags: Tags,
    config: Arc<Config>,
    clock: Clock,
    layout: Layout,
    library: Library,
    placed: place::Placed,
    being_read: assembled::BeingRead,
    ready: due::Ready,
    records: records::Records,
    /// Reads external repositories.
    fetcher: Arc<Fetcher>,
    /// Held by publishers together, and by the one who clears pools and segments alone.
    pools: Arc<tokio::sync::RwLock<()>>,
    /// Whether a pool may hold what no kept generation names.
    pools_are_stale: Arc<AtomicBool>,
    /// Where repositories are served, without a slash at the end.
    base_url: Arc<str>,
}

impl Repos {
    /// Returns the room.
    pub fn new(db: Db, tags: Tags, config: Arc<Config>, clock: Clock) -> Self {
        let base_url = config.http.url(config.http.bind).into();
        let layout = Layout::new(&config.data_dir);
        let library = Library::open(db.clone(), &config.data_dir);
        let records = records::Records::new(&config.data_dir);
        let patience = Settings { rounds: 2, redirects: 5, ..Settings::default() };
        let fetcher = Arc::new(Fetcher::new(clock.clone(), patience));
        Self {
            db,
            tags,
            config,
            clock,
            layout,
            library,
            placed: place::Placed::default(),
            being_read: assembled::BeingRead::default(),
            ready: due::Ready::default(),
            records,
            fetcher,
            pools: Arc::default(),
            pools_are_stale: Arc::new(AtomicBool::new(true)),
            base_url,
        }
    }
}
