//! How do a hub's builds come to have files? Their RPMs are asked for, and each file is opened once.
//!
//! The hub says which RPMs a build has and in which forms; a file's header says the rest, and its digest comes from
//! where it is known, or from reading all of it. Files that are not in the hub's volume are made or fetched into a
//! directory of our own. Writes no rows: what was learned is kept by the room of tags.

mod error;
mod find;
mod forms;
mod known;
mod list;
mod look;
mod own;
mod provide;
mod rate;
mod signed;
mod tag;
mod volumes;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::{Error, Hub};
use crate::clock::Clock;
use crate::fetch::{self, Fetcher, Place};
use crate::model::{Nvr, Sigkey};
use crate::store::builds::BuildRow;
use crate::store::hub_rpms::HubRpms;
use crate::store::{self, Db};
pub use error::FileError;
pub(super) use forms::build_files;
use forms::{left, spots};
pub use known::DigestsFrom;
use known::{Digests, Known};
pub use look::FileRead;
use own::Own;
use rate::Rate;
pub use tag::{OfTag, TagListing};
use volumes::Volumes;

/// Most files of one build that are read before what was learned is kept.
const MOST_FILES: usize = 100;

/// Where the files of a hub are, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory or URL of the hub's files, which holds `packages/` and `vol/`.
    pub volume: Place,
    /// The directory of files that are made or fetched here.
    pub own: PathBuf,
    /// Most builds that are read at once: what is asked of the hub for them is asked together.
    pub builds_at_once: NonZeroUsize,
    /// Most files that are read or fetched at once.
    pub files_at_once: NonZeroUsize,
    /// Most bytes a second that are read of files whose digests are known from nowhere; `None` for as fast as it goes.
    pub read_rate: Option<NonZeroU64>,
    /// Repositories that digests are taken from.
    pub digests_from: Vec<DigestsFrom>,
    /// The pause before a build is tried again of which something is missing or wrong; each next one is twice as long.
    pub pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
}

impl Settings {
    /// Returns modest settings for a volume; `own` is for files that are made or fetched here.
    pub fn new(volume: Place, own: PathBuf) -> Self {
        let some = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            volume,
            own,
            builds_at_once: some(50),
            files_at_once: some(4),
            read_rate: NonZeroU64::new(64 << 20),
            digests_from: Vec::new(),
            pause: Duration::from_secs(5),
            longest_pause: Duration::from_secs(600),
        }
    }
}

/// The files of a hub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    buildsys: String,
    hub: Arc<Hub>,
    settings: Settings,
    fetcher: Fetcher,
    volumes: Volumes,
    own: Own,
    digests: Digests,
    rate: Rate,
    places: Semaphore,
}

/// What was read of a build.
#[derive(Debug, Default)]
pub struct Reading {
    /// The files.
    pub files: Vec<FileRead>,
    /// Why others were not.
    pub problem: Option<FileError>,
    /// Whether there are more that were not tried.
    pub has_more: bool,
}

impl Files {
    /// Returns the files of a hub whose builds are known by `buildsys`.
    pub fn new(db: Db, buildsys: &str, hub: Arc<Hub>, clock: Clock, settings: Settings) -> Self {
        let volumes = Volumes::new(settings.volume.clone(), &settings.own);
        let digests = Digests::new(clock.clone(), settings.digests_from.clone());
        Self(Arc::new(Inner {
            db,
            buildsys: buildsys.to_owned(),
            hub,
            fetcher: Fetcher::new(clock, fetch::Settings::default()),
            volumes,
            own: Own::new(&settings.own),
            digests,
            rate: Rate::new(settings.read_rate),
            places: Semaphore::new(settings.files_at_once.get()),
            settings,
        }))
    }

    /// Returns how files are read.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Puts things in order that a killed process left.
    ///
    /// # Errors
    /// What it was writing cannot be removed.
    pub async fn begin(&self) -> Result<(), store::Error> {
        let files = self.clone();
        blocking(move || files.0.own.sweep()).await
    }

    /// Asks what RPMs builds have, by the hub's ids of them; gives an answer for each, in their order: what there is,
    /// or why that cannot be said.
    ///
    /// # Errors
    /// The hub does not answer at all, or an answer cannot be used.
    pub async fn list(&self, ids: &[i64]) -> Result<Vec<Result<HubRpms, String>>, Error> {
        list::list(&self.0.hub, ids).await
    }

    /// Asks what RPMs builds in a tag have, in a few large answers; gives what they said as it is taken, so that it need
    /// not be held in full.
    ///
    /// # Errors
    /// The hub does not give all of them, or one cannot be used.
    pub async fn list_tag(&self, wanted: &OfTag) -> Result<TagListing, Error> {
        tag::list_tag(&self.0.hub, wanted).await
    }

    /// Returns whether a newer listing of a build says what an older one says, as far as both know.
    pub fn says_the_same(old: &HubRpms, new: &HubRpms) -> bool {
        forms::says_the_same(old, new)
    }

    /// Takes over which signature a file has that was read, and is one of a listing's; gives whether that was not known.
    pub fn learn(build: &Nvr, said: &mut HubRpms, file: &FileRead) -> bool {
        forms::learn(build, said, file)
    }

    /// Returns what is to be kept of a newer listing of a build, after an older one: also which places are taken.
    pub fn after(old: &HubRpms, new: HubRpms) -> HubRpms {
        forms::after(old, new)
    }

    /// Returns where what was read of a build by an older listing is not what lies there by a newer one.
    pub fn outdated(build: &Nvr, old: &HubRpms, new: &HubRpms) -> Vec<String> {
        forms::outdated(build, old, new)
    }

    /// Returns whether a file that was read is one that a listing of its build has.
    pub fn is_listed(build: &Nvr, said: &HubRpms, file: &FileRead) -> bool {
        spots(build, said).iter().any(|spot| {
            let is_form = spot.sighash.as_ref().is_none_or(|sighash| *sighash == file.sighash);
            spot.location == file.location && spot.rpm.id == file.rpm_id && is_form
        })
    }

    /// Reads files of a build that were not read: those signed with the key that `part` is, or as they were imported.
    /// `known` are the places and keys of those that were.
    ///
    /// # Errors
    /// The hub does not say what it knows of their digests.
    pub async fn read(
        &self,
        build: &BuildRow,
        said: &HubRpms,
        known: &[(String, Option<Sigkey>)],
        part: &str,
    ) -> Result<Reading, FileError> {
        self.0.volumes.learn([said.volume.clone()]);
        let spots = spots(&build.nvr, said);
        let known = known.iter().map(|(path, key)| (path.as_str(), key.as_ref()));
        let mut wanted = left(&spots, known);
        wanted.retain(|spot| spot.part() == part);
        let has_more = wanted.len() > MOST_FILES;
        wanted.truncate(MOST_FILES);
        if wanted.is_empty() {
            return Ok(Reading::default());
        }
        let ids: Vec<i64> = wanted.iter().map(|spot| spot.rpm.id).collect();
        let digests: Arc<Known> = Arc::new(self.0.digests.of(&self.0.hub, &self.0.fetcher, &ids).await?);
        let mut reading = Reading { has_more, ..Reading::default() };
        let mut under_way = Vec::new();
        for spot in wanted {
            let at = find::At { nvr: build.nvr.clone(), volume: said.volume.clone(), known: digests.clone() };
            under_way.push(self.clone().read_form(at, spot.clone()));
        }
        // As many as there are files: the places among all builds are what bounds them.
        for result in futures_util::future::join_all(under_way).await {
            match result {
                Ok(file) => reading.files.push(file),
                Err(error) => reading.problem = Some(error),
            }
        }
        Ok(reading)
    }
}

/// Does what blocks beside the tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
