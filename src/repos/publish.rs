//! How does a generation become visible? Metadata, row, swap, row: each durable before the next.

use std::fmt::Display;
use std::fs;
use std::io;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::listing::{Changes, rpms_of};
use super::records::record;
use super::style::Style;
use super::{Error, Repos, sign};
use crate::config::{FollowRule, Form};
use crate::model::{Blake3, RepoName, RpmEntry, Sha256, TagName};
use crate::outbox;
use crate::repodata::segments::Manifest;
use crate::repodata::{Repomd, Written};
use crate::store::generations::{self, Extra, Generation, GenerationState};
use crate::store::pkgsets::{self, Revision};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, durable};

/// Most packages that one message lists.
const MOST_LISTED: usize = 1000;

/// Largest `repomd.xml` of ours that is read back, in bytes.
const LARGEST_REPOMD: u64 = 1 << 20;

/// What a new generation is made of.
pub(super) struct Draft {
    pub style: Style,
    pub manifest: Arc<Manifest>,
    /// The manifest as it is kept.
    pub bytes: Vec<u8>,
    /// BLAKE3 of it.
    pub digest: Blake3,
    /// What the repository has beside its packages.
    pub records: Vec<Extra>,
}

impl Draft {
    /// Returns whether a generation shows the same, made the same way.
    pub fn is_shown_by(&self, one: &Generation) -> bool {
        one.manifest == self.digest && one.style == self.style.text() && one.records == self.records
    }
}

impl Repos {
    /// Publishes a new generation; its packages are in their pool.
    pub(super) async fn publish(
        &self,
        tag: &TagName,
        repo: &RepoName,
        rule: &FollowRule,
        revision: &Revision,
        draft: &Draft,
        wake_up: &WakeUp,
    ) -> Result<(), Error> {
        let repodata = self.layout.repodata(tag, repo);
        let (settings, sums, manifest) = (draft.style.settings(), draft.style.sums(), draft.manifest.clone());
        let written = match draft.style.form {
            Form::Files => self.library.write_files(&repodata, manifest, settings, sums).await?,
            Form::Assembled => self.library.measure(manifest, settings, sums).await?,
        };
        let (records, extras, place) = (self.records.clone(), draft.records.clone(), repodata.clone());
        blocking(move || records.place(&extras, &place)).await?;
        let repomd = self.repomd(tag, repo, &written, &draft.records).await?;
        let signature = self.sign(rule, &repomd).await?;
        let generation = self.begin((tag, repo), revision, draft, (&repomd, signature.clone()), &written).await?;
        blocking(move || {
            durable::sync_dir(&repodata)?;
            sign::show(&repodata, &repomd, signature.as_deref())
        })
        .await?;
        self.write_repo_file(tag, repo, rule).await?;
        self.make_current(&generation, Some(wake_up)).await
    }

    /// Returns the pointer file of a new generation: its times rise above those on disk, whatever the
    /// clock says, since yum refuses an older one.
    async fn repomd(
        &self,
        tag: &TagName,
        repo: &RepoName,
        written: &[Written],
        extras: &[Extra],
    ) -> Result<Vec<u8>, Error> {
        let on_disk = self.pointer(tag, repo).await?.map_or(0, |(_, newest)| newest);
        let time = self.clock.seconds().max(on_disk + 1);
        let mut records: Vec<_> = written.iter().map(|file| file.record(time)).collect();
        records.extend(extras.iter().map(|extra| record(extra, time)));
        Ok(Repomd { revision: time.to_string(), records, ..Repomd::default() }.to_bytes())
    }

    /// Returns the digest of the pointer on disk, and the newest time in it; `None` where there is none, or
    /// none of ours.
    pub(super) async fn pointer(&self, tag: &TagName, repo: &RepoName) -> Result<Option<(Sha256, i64)>, Error> {
        let place = self.layout.repomd(tag, repo);
        let read = move || match fs::metadata(&place) {
            Ok(there) if there.is_file() && there.len() <= LARGEST_REPOMD => {
                // What cannot be read now says nothing: taken for absent, it would be followed by an older one.
                fs::read(&place).map(Some).map_err(store::Error::file("cannot read", &place))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(store::Error::file("cannot read", &place)(error))
            }
            _ => Ok(None),
        };
        let Some(bytes) = blocking(read).await? else { return Ok(None) };
        let newest = Repomd::parse(&bytes).map_or(0, |repomd| {
            let times = repomd.records.iter().map(|record| record.timestamp);
            times.chain(repomd.revision.parse()).max().unwrap_or(0)
        });
        Ok(Some((Sha256::of(&bytes), newest)))
    }

    async fn begin(
        &self,
        at: (&TagName, &RepoName),
        revision: &Revision,
        draft: &Draft,
        (repomd, signature): (&[u8], Option<String>),
        written: &[Written],
    ) -> Result<Generation, Error> {
        let (tag, repo) = at;
        let mut tx = self.db.write().await?;
        let extras = draft.records.iter().map(|extra| extra.file.clone());
        let all_files = written.iter().map(Written::file_name).chain(extras);
        let generation = Generation {
            tag: tag.clone(),
            repo: repo.clone(),
            number: generations::last_number(&mut tx, tag, repo).await? + 1,
            revision: revision.number,
            style: draft.style.text(),
            form: draft.style.form,
            compression: draft.style.compression,
            manifest: draft.digest,
            repomd: Sha256::of(repomd),
            files: all_files.collect(),
            records: draft.records.clone(),
            signature,
            pool: draft.style.pool.clone(),
            packages: draft.manifest.packages() as i64,
            state: GenerationState::Publishing,
            made_at: self.clock.micros(),
            replaced_at: None,
            lag: None,
        };
        generations::put_manifest(&mut tx, &draft.digest, &draft.bytes).await?;
        generations::put(&mut tx, &generation).await?;
        tx.commit().await?;
        Ok(generation)
    }

    /// Records that a generation's pointer was swapped, and tells the world.
    pub(super) async fn make_current(&self, new: &Generation, wake_up: Option<&WakeUp>) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let old = generations::current(&mut tx, &new.tag, &new.repo).await?;
        let body = self.published_body(&mut tx, old.as_ref(), new).await?;
        let now = self.clock.micros();
        let shown = old.as_ref().map_or(0, |old| old.revision);
        let caused = pkgsets::caused_at(&mut tx, &new.tag, shown, new.revision).await?;
        let lag = caused.map(|caused| (now - caused).max(0));
        generations::make_current(&mut tx, new, now, lag).await?;
        let subject = format!("{}/{}", new.tag, new.repo);
        outbox::tell(&mut tx, &self.clock, "tannery.repo.published", &subject, body).await?;
        if let Some(wake_up) = wake_up {
            wakeups::done(&mut tx, Room::Repos, wake_up).await?;
        }
        if let RepoName::Binary(arch) = &new.repo
            && self.config.follow.for_tag(&new.tag).is_some_and(FollowRule::merges)
        {
            wakeups::wake(&mut tx, Room::Merged, new.tag.as_str(), arch.as_str(), now).await?;
        }
        tx.commit().await?;
        self.tags.bells.merged.ring();
        self.tags.bells.outbox.ring();
        Ok(())
    }

    async fn published_body(
        &self,
        tx: &mut Tx,
        old: Option<&Generation>,
        new: &Generation,
    ) -> Result<Map<String, Value>, Error> {
        let changes = self.changes_of(tx, old, new).await?;
        let truncated = changes.removed.len() > MOST_LISTED || changes.added.len() > MOST_LISTED;
        let shown =
            |rpms: &[RpmEntry]| rpms.iter().take(MOST_LISTED).map(|rpm| rpm.nevra.to_string()).collect::<Vec<_>>();
        let arch = match &new.repo {
            RepoName::Binary(arch) | RepoName::Debug(arch) => Some(arch),
            RepoName::Source => None,
        };
        let body = json!({
            "tag": new.tag,
            "repo": new.repo.to_string(),
            "arch": arch,
            "generation": new.number,
            "revision": new.revision,
            "repomd_sha256": new.repomd,
            "packages": new.packages,
            "url": format!("{}/repos/{}/{}/", self.base_url, new.tag, new.repo),
            "added": shown(&changes.added),
            "removed": shown(&changes.removed),
            "truncated": truncated,
        });
        Ok(body.as_object().cloned().unwrap_or_default())
    }

    /// Returns what a reader of the one generation sees change with the next; of a first one, only as much as
    /// can be told.
    async fn changes_of(&self, tx: &mut Tx, old: Option<&Generation>, new: &Generation) -> Result<Changes, Error> {
        let Some(rule) = self.config.follow.for_tag(&new.tag) else { return Ok(Changes::default()) };
        let Some(after) = pkgsets::numbered(tx, &new.tag, new.revision).await? else { return Ok(Changes::default()) };
        let repos = rule.repos_of(&after.arches);
        if let Some(old) = old {
            let before = pkgsets::numbered(tx, &old.tag, old.revision).await?.map_or_else(Vec::new, |set| set.chunks);
            return Changes::between(tx, &before, &after.chunks, &repos, &new.repo).await;
        }
        let mut added: Vec<RpmEntry> = Vec::new();
        for chunk in &after.chunks {
            // Where all is found the rest of a large set need not be read: most repositories for sources or for
            // debug information are empty.
            if added.len() > MOST_LISTED || added.len() as i64 >= new.packages {
                break;
            }
            let builds = pkgsets::chunks(tx, &[chunk.digest]).await?.into_iter().flat_map(|chunk| chunk.builds);
            added.extend(rpms_of(builds.collect(), &repos, &new.repo));
        }
        added.sort();
        Ok(Changes { removed: Vec::new(), added })
    }

    /// Writes the ready `.repo` file, if it is not there like this.
    pub(super) async fn write_repo_file(
        &self,
        tag: &TagName,
        repo: &impl Display,
        rule: &FollowRule,
    ) -> Result<(), Error> {
        let (place, base) = (self.layout.repo_file(tag, repo), &self.base_url);
        let expire = rule.repos.metadata_expire.as_secs().max(1);
        let text = format!(
            "[{tag}-{repo}]\nname={tag} {repo}\nbaseurl={base}/repos/{tag}/{repo}/\nenabled=1\ngpgcheck=0\n\
             repo_gpgcheck=0\nmetadata_expire={expire}\n"
        );
        blocking(move || {
            if fs::read(&place).is_ok_and(|there| there == text.as_bytes()) {
                return Ok(());
            }
            durable::write(&place, text.as_bytes())
        })
        .await?;
        Ok(())
    }
}

/// Does what blocks beside the tasks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Error> {
    Ok(beside(work).await?)
}

/// Does what blocks beside the tasks, whatever comes of it.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
