//! How is a compose made? An id is taken, a tree built where nobody sees it, and shown whole.
//!
//! A compose that is visible is finished; one that is not can be thrown away. So a crash at any point
//! leaves one of the two, and [`Composes::recover`] tells which.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::messages::SetUsed;
use super::place::Place;
use super::tree::{self, Job, Made};
use super::{Error, Identity};
use crate::clock::Clock;
use crate::config::{Config, Definition, FollowRule};
use crate::model::{BuildEntry, ComposeDate, ComposeId, ComposeStatus, PackagePattern, ReposOf, TagName, VariantId};
use crate::rpms::Library;
use crate::store::Db;
use crate::store::composes::{self, ComposeRow};
use crate::store::durable::{self, Lock};
use crate::store::pkgsets::{self, Revision};
use crate::tags::{Bells, Tags};

/// How many chunks of a package set are read at a time.
const CHUNKS: usize = 64;

/// The room of composes. Cheap to clone.
#[derive(Clone)]
pub struct Composes {
    pub(super) db: Db,
    pub(super) tags: Tags,
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) bells: Bells,
}

/// How far a compose is, for who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It has its id.
    Started {
        /// The compose.
        id: ComposeId,
        /// The tag it is made from.
        tag: TagName,
        /// The revision of the tag's package set.
        revision: i64,
    },
    /// One of its repositories is written.
    Wrote {
        /// The repository, below `compose/`.
        directory: String,
        /// How many packages it has.
        packages: usize,
    },
    /// It can be seen, whole.
    Visible {
        /// Its directory.
        path: PathBuf,
    },
    /// The state says so too, and the world is told.
    Finished {
        /// The compose.
        id: ComposeId,
    },
}

/// A compose that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its id.
    pub id: ComposeId,
    /// Its directory.
    pub path: PathBuf,
    /// URL of its directory, without a slash at its end.
    pub url: String,
    /// What it was made from.
    pub set: SetUsed,
    /// How many package files its trees hold.
    pub packages: usize,
    /// Entries of package lists that mean no package of the set on any arch of their variant.
    pub unmatched: Vec<(VariantId, PackagePattern)>,
    /// Whether the `latest-` link points to it now; `false` where that of a later compose stays.
    pub is_latest: bool,
}

/// What a compose is made from.
struct Input {
    set: SetUsed,
    builds: Vec<BuildEntry>,
    rules: ReposOf,
}

/// A compose under way, held against [`Composes::recover`].
struct Started {
    row: ComposeRow,
    sets: Vec<SetUsed>,
    hold: Arc<Lock>,
}

impl Composes {
    /// Returns the room.
    pub fn new(db: Db, tags: Tags, config: Arc<Config>, clock: Clock, bells: Bells) -> Self {
        Self { db, tags, config, clock, bells }
    }

    /// Makes the compose that `definition` describes, of the package set that its tag has now.
    ///
    /// May be dropped at any point; [`Composes::recover`] then puts things in order.
    ///
    /// # Errors
    /// The tag has no package set, or not the arches asked for: then no id was taken. Else the compose
    /// is DOOMED for the error's reason and nothing of it is left. An error after the compose was
    /// shown leaves it to [`Composes::recover`] to finish.
    pub async fn run(&self, definition: &Definition, progress: impl Fn(Step)) -> Result<Finished, Error> {
        let input = self.input(definition).await?;
        let set = input.set.clone();
        let started = self.start(definition, &set).await?;
        let id = &started.row.id;
        progress(Step::Started { id: id.clone(), tag: set.tag.clone(), revision: set.revision });
        let made = match self.make(definition, input, &started, &progress).await {
            Ok(made) => made,
            Err(error) => {
                self.doom(&started, &error).await;
                return Err(error);
            }
        };
        let path = self.place().visible(id);
        progress(Step::Visible { path: path.clone() });
        let is_latest = self.finish(&started.row, &started.sets).await?;
        progress(Step::Finished { id: id.clone() });
        let url = self.url(id);
        Ok(Finished { id: id.clone(), path, url, set, packages: made.packages, unmatched: made.unmatched, is_latest })
    }

    /// Reads what the compose is made from. Its arches must be among those that the tag's repositories
    /// have, by its follow rule or its own arches: another one would be composed of nothing.
    async fn input(&self, definition: &Definition) -> Result<Input, Error> {
        let tag = &definition.tag;
        let Some(rule) = self.config.follow.for_tag(tag) else { return Err(Error::NotFollowed(tag.clone())) };
        let Some(revision) = self.tags.refresh(tag).await? else {
            let is_waiting = !pkgsets::held(&mut self.db.read().await?, tag).await?.is_empty();
            return Err(if is_waiting { Error::NotYet(tag.clone()) } else { Error::NoSuchTag(tag.clone()) });
        };
        let rules = rules(rule, &revision, definition)?;
        let digests: Vec<_> = revision.chunks.iter().map(|chunk| chunk.digest).collect();
        let mut builds = Vec::new();
        let mut tx = self.db.read().await?;
        for some in digests.chunks(CHUNKS) {
            builds.extend(pkgsets::chunks(&mut tx, some).await?.into_iter().flat_map(|chunk| chunk.builds));
        }
        let set = SetUsed { tag: tag.clone(), revision: revision.number, digest: revision.digest };
        Ok(Input { set, builds, rules })
    }

    /// Takes an id and a lock on it, and tells the world, in one transaction.
    async fn start(&self, definition: &Definition, set: &SetUsed) -> Result<Started, Error> {
        let started_at = self.clock.micros();
        let date = ComposeDate::of_seconds(started_at.div_euclid(1_000_000));
        let first = ComposeId::new(definition.release.clone(), date, definition.compose_type, 0);
        let mut tx = self.db.write().await?;
        let respin = composes::next_respin(&mut tx, &first.series()).await?;
        let respin = u32::try_from(respin).map_err(|_| Error::NoRespin(first.series()))?;
        let first = ComposeId::new(definition.release.clone(), date, definition.compose_type, respin);
        let place = self.place();
        let (id, lock) = blocking(move || place.hold_first_free(first)).await?;
        let row = ComposeRow {
            id,
            definition: definition.name(),
            definition_digest: definition.digest,
            release_name: definition.release_name.clone(),
            label: definition.label,
            tag: set.tag.clone(),
            revision: Some(set.revision),
            status: ComposeStatus::Started,
            reason: None,
            started_at,
            ended_at: None,
        };
        let sets = vec![set.clone()];
        composes::start(&mut tx, &row).await?;
        self.tell(&mut tx, &row, &sets).await?;
        tx.commit().await?;
        self.bells.outbox.ring();
        tracing::info!(
            compose.id = %row.id, tag.name = %set.tag, revision = set.revision,
            "compose {} of {} at revision {} has started", row.id, set.tag, set.revision
        );
        Ok(Started { row, sets, hold: Arc::new(lock) })
    }

    /// Builds the tree and makes it visible.
    async fn make(
        &self,
        definition: &Definition,
        input: Input,
        started: &Started,
        progress: &impl Fn(Step),
    ) -> Result<Made, Error> {
        let row = &started.row;
        let job = Job {
            identity: identity(row),
            variants: definition.variants.clone(),
            builds: input.builds,
            rules: input.rules,
            time: row.started_at.div_euclid(1_000_000).max(1),
            compression: self.config.repos.compression.into(),
            root: self.place().work(&row.id),
            buildsys: self.tags.buildsys.clone(),
            library: Library::open(self.db.clone(), &self.config.data_dir),
            handle: Handle::current(),
        };
        let (steps, mut seen) = mpsc::channel(16);
        let hold = started.hold.clone();
        let building = tokio::task::spawn_blocking(move || {
            // Until the last file is written, also when nobody waits for that any more.
            let _hold = hold;
            tree::build(&job, &steps)
        });
        while let Some(step) = seen.recv().await {
            progress(step);
        }
        let made = joined(building.await)?;
        for (variant, pattern) in &made.unmatched {
            tracing::warn!(compose.id = %row.id, "{variant}: {pattern} means no package of {}", row.tag);
        }
        let (place, id) = (self.place(), row.id.clone());
        blocking(move || place.show(&id)).await?;
        Ok(made)
    }

    /// Says everywhere that a visible compose is finished; gives whether it is the latest.
    pub(super) async fn finish(&self, row: &ComposeRow, sets: &[SetUsed]) -> Result<bool, Error> {
        let place = self.place();
        blocking(move || Ok(durable::sync_dir(place.root())?)).await?;
        let is_latest = self.move_latest(row).await?;
        if !self.end(row, sets, ComposeStatus::Finished, None).await? {
            return Err(Error::Lost(row.id.clone()));
        }
        Ok(is_latest)
    }

    /// Says that a compose failed, and removes what there is of it. The error that it failed with is
    /// the one to show: what goes wrong here is only logged, and left to [`Composes::recover`].
    async fn doom(&self, started: &Started, error: &Error) {
        let (row, reason) = (&started.row, error.reason());
        if let Err(error) = self.remove_work(&row.id).await {
            tracing::warn!(compose.id = %row.id, error = error.reason(), "a failed compose is not all removed");
        }
        if let Err(error) = self.end(row, &started.sets, ComposeStatus::Doomed, Some(&reason)).await {
            tracing::error!(compose.id = %row.id, error = error.reason(), "cannot note that the compose failed");
        }
    }

    pub(super) async fn remove_work(&self, id: &ComposeId) -> Result<(), Error> {
        let (place, id) = (self.place(), id.clone());
        blocking(move || Ok(place.remove_work(&id)?)).await
    }

    pub(super) fn place(&self) -> Place {
        Place::new(&self.config.compose.dir)
    }

    /// Returns the URL of a compose's directory, as others see it.
    pub(super) fn url(&self, id: &ComposeId) -> String {
        format!("{}/composes/{id}", self.config.http.url(self.config.http.bind))
    }
}

/// Returns who a compose is, as its row says.
pub(super) fn identity(row: &ComposeRow) -> Identity {
    Identity::new(row.id.clone(), row.release_name.clone(), row.label)
}

fn rules(rule: &FollowRule, revision: &Revision, definition: &Definition) -> Result<ReposOf, Error> {
    if let Some(arch) = definition.arches.iter().find(|arch| !revision.arches.contains(arch)) {
        let has: Vec<&str> = revision.arches.iter().map(|arch| arch.as_str()).collect();
        let (tag, arch) = (definition.tag.clone(), arch.clone());
        return Err(Error::NoSuchArch { tag, arch, has: has.join(", ") });
    }
    Ok(rule.repos_of(&revision.arches))
}

/// Runs what blocks where that is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(result: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    match result {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Only a runtime that is being shut down cancels what blocks.
        Err(_) => Err(Error::Stopped),
    }
}
