//! Which records has a repository beside those of its packages? Files that the operator named, as they were
//! when they were last good.
//!
//! Each is read once for every state it is in, checked, and kept under its checksum in a directory of its own,
//! from which repositories take it. What is wrong with one never holds a repository up: the record stays as
//! the shown generation has it.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::input::{self, Stamp};
use super::publish::beside;
use super::{Error, Repos};
use crate::config::{Compression, FollowRule, Live};
use crate::model::{RepoName, Sha256, TagName, chain};
use crate::repodata::{self, Checksum, Digested, Record};
use crate::store::durable::{self, ANY_WAY, Staged};
use crate::store::generations::{self, Extra, Generation};
use crate::store::wakeups::{self, Room};
use crate::store::{self};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(5);

/// What is wrong with a file that a record is to be made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BadRecord {
    /// Type of the record.
    pub kind: String,
    /// The file.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A file, the type of the record that it is for, and the compression: what decides what it becomes.
type Input = (PathBuf, String, Compression);

/// What a file was when it was last looked into, and what became of it.
#[derive(Debug, Clone)]
struct Seen {
    stamp: Option<Stamp>,
    made: Result<Vec<Extra>, String>,
}

/// The records, and what is known of their files. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Records {
    dir: PathBuf,
    seen: Arc<Mutex<HashMap<Input, Seen>>>,
    /// Held while a file is in memory: one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Records {
    /// Returns the records of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { dir: data_dir.join("records"), seen: Arc::default(), turn: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Input, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the directory in which they are kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what a file becomes. Blocks.
    fn read(&self, input: &Input) -> Result<Seen, Error> {
        let (path, kind, _) = input;
        let stamp = Stamp::of(path);
        let before = self.lock().get(input).cloned();
        let is_there = |seen: &Seen| seen.made.iter().flatten().all(|extra| self.dir.join(&extra.file).exists());
        if let Some(before) = before.filter(|seen| seen.stamp == stamp && is_there(seen)) {
            return Ok(before);
        }
        let made = match input::read(path, kind) {
            Ok(bytes) => Ok(self.make(&bytes, input)?),
            Err(problem) => {
                let problem = chain(&problem);
                tracing::error!(
                    path = %path.display(), record = kind,
                    "the record {kind} stays as it was: {}: {problem}", path.display()
                );
                Err(problem)
            }
        };
        // What changed while it was read has another time now, and is read again.
        let seen = Seen { stamp, made };
        self.lock().insert(input.clone(), seen.clone());
        Ok(seen)
    }

    /// Keeps what a file says in the forms that repositories have of it.
    fn make(&self, bytes: &[u8], (path, kind, compression): &Input) -> Result<Vec<Extra>, Error> {
        durable::make_dir(&self.dir)?;
        let name = name_of(kind, path);
        let packed = repodata::Compression::from(*compression);
        let mut extras = Vec::new();
        if kind == "group" {
            // Readers of EL 6's age know only this; newer ones take the other.
            extras.push(self.keep("group", &name, bytes, repodata::Compression::None)?);
            let kind = match compression {
                Compression::Zstd { .. } => "group_zst",
                Compression::Gzip { .. } => "group_gz",
                Compression::Xz { .. } => "group_xz",
            };
            extras.push(self.keep(kind, &name, bytes, packed)?);
        } else {
            extras.push(self.keep(kind, &name, bytes, packed)?);
        }
        durable::sync_dir(&self.dir)?;
        Ok(extras)
    }

    fn keep(&self, kind: &str, name: &str, bytes: &[u8], how: repodata::Compression) -> Result<Extra, Error> {
        let mut staged = Staged::new(&self.dir, name)?;
        let packed = repodata::pack(how, bytes).map_err(Error::Record)?;
        staged.write_all(&packed).map_err(Error::Record)?;
        let (sha256, size) = (Sha256::of(&packed), packed.len() as u64);
        let file = format!("{sha256}-{name}{}", how.suffix());
        staged.put(&file)?;
        let open = (how != repodata::Compression::None).then(|| (Sha256::of(bytes), bytes.len() as u64));
        Ok(Extra { kind: kind.to_owned(), file, sha256, size, open })
    }

    /// Puts records into the directory of a repository's metadata. Blocks.
    pub fn place(&self, extras: &[Extra], repodata: &Path) -> Result<(), store::Error> {
        for extra in extras {
            let place = repodata.join(&extra.file);
            if !place.exists() {
                durable::place_file(&self.dir.join(&extra.file), &place, ANY_WAY)?;
            }
        }
        Ok(())
    }
}

/// Returns what the file of a record is called behind its checksum, without the end of a compression.
fn name_of(kind: &str, path: &Path) -> String {
    let is_xml = path.file_name().is_some_and(|name| name.to_string_lossy().contains(".xml"));
    match kind {
        "group" => "comps.xml".to_owned(),
        "modules" => "modules.yaml".to_owned(),
        "updateinfo" => "updateinfo.xml".to_owned(),
        other if is_xml => format!("{other}.xml"),
        other => other.to_owned(),
    }
}

/// Returns the record of a file in `repomd.xml`.
pub(super) fn record(extra: &Extra, timestamp: i64) -> Record {
    let digested = |(sha256, size): (Sha256, u64)| Digested { checksum: Checksum::sha256(&sha256), size };
    let open = extra.open.map(digested);
    Record::of(&extra.kind, &extra.file, digested((extra.sha256, extra.size)), open, timestamp)
}

impl Repos {
    /// Returns the records that a repository has beside its packages; where a file is bad, those that the
    /// shown generation has of its type.
    ///
    /// # Errors
    /// A record cannot be kept.
    pub(super) async fn extras(
        &self,
        at: (&TagName, &RepoName),
        rule: &FollowRule,
        current: Option<&Generation>,
    ) -> Result<Vec<Extra>, Error> {
        let mut extras = Vec::new();
        for input in inputs(at, rule) {
            let records = self.records.clone();
            let kind = input.1.clone();
            let turn = records.turn.clone().lock_owned().await;
            let seen = beside(move || {
                let _turn = turn;
                records.read(&input)
            });
            match seen.await?.made {
                Ok(made) => extras.extend(made),
                Err(_) => {
                    let of_kind = |extra: &&Extra| family(&extra.kind) == kind;
                    extras.extend(current.iter().flat_map(|one| &one.records).filter(of_kind).cloned());
                }
            }
        }
        Ok(extras)
    }

    /// Returns which files of records are bad now, sorted.
    pub fn bad_records(&self) -> Vec<BadRecord> {
        let mut bad: Vec<BadRecord> = Vec::new();
        for ((path, kind, _), seen) in &*self.records.lock() {
            if let Err(problem) = &seen.made {
                bad.push(BadRecord { kind: kind.clone(), path: path.display().to_string(), problem: problem.clone() });
            }
        }
        bad.sort();
        bad.dedup();
        bad
    }

    /// Wakes repositories whose files of records change, again and again, until cancelled.
    pub async fn watch_records(self, cancel: CancellationToken) {
        if self.config.follow.rules().iter().all(|rule| rule.records.is_empty()) {
            return cancel.cancelled().await;
        }
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(error) = self.wake_by_records().await {
                tracing::warn!(error = %chain(&error), "whether files of records changed cannot be seen");
            }
        }
    }

    /// Wakes every repository that shows a file otherwise than it is now.
    pub(super) async fn wake_by_records(&self) -> Result<(), Error> {
        let shown = generations::shown(&mut self.db.read().await?, None).await?;
        let mut wanted: BTreeMap<(String, String), Vec<Input>> = BTreeMap::new();
        for Generation { tag, repo, .. } in shown {
            if let Some(rule) = self.config.follow.for_tag(&tag).filter(|rule| rule.live == Live::Always) {
                wanted.insert((tag.to_string(), repo.to_string()), inputs((&tag, &repo), rule));
            }
        }
        let records = self.records.clone();
        let woken = beside(move || {
            let mut now: HashMap<PathBuf, Option<Stamp>> = HashMap::new();
            wanted.retain(|_, inputs| inputs.iter().any(|input| records.has_changed(input, &mut now)));
            wanted
        })
        .await;
        if woken.is_empty() {
            return Ok(());
        }
        let woken: Vec<(&str, &str)> = woken.keys().map(|(tag, repo)| (tag.as_str(), repo.as_str())).collect();
        let mut tx = self.db.write().await?;
        wakeups::wake_each(&mut tx, Room::Repos, &woken, self.clock.micros()).await?;
        tx.commit().await?;
        self.tags.bells.repos.ring();
        Ok(())
    }
}

impl Records {
    /// Returns whether a file is otherwise than when it was last read; one that never was is in hand.
    fn has_changed(&self, input: &Input, now: &mut HashMap<PathBuf, Option<Stamp>>) -> bool {
        let Some(before) = self.lock().get(input).map(|seen| seen.stamp) else { return false };
        let stamp = now.entry(input.0.clone()).or_insert_with(|| Stamp::of(&input.0));
        *stamp != before
    }
}

/// Returns the files that a repository's records are made of: only those of packages to install have any.
fn inputs((tag, repo): (&TagName, &RepoName), rule: &FollowRule) -> Vec<Input> {
    let RepoName::Binary(arch) = repo else { return Vec::new() };
    let each = rule.records.iter();
    each.map(|(kind, file)| (file.of(tag, arch), kind.to_string(), rule.repos.compression)).collect()
}

/// Returns the type that a record is another form of: `group` of `group_gz`.
fn family(kind: &str) -> &str {
    kind.strip_suffix("_gz").or(kind.strip_suffix("_zst")).unwrap_or(kind)
}
