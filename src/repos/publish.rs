//! How does a generation become visible? Packages, metadata, row, swap, row: each durable before the next.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::listing::{Listing, rpms_of};
use super::{Error, Repos};
use crate::config::FollowRule;
use crate::model::{RepoName, RpmEntry, Sha256, TagName};
use crate::outbox;
use crate::repodata::{Encoding, Repomd, Written};
use crate::rpms::write_metadata;
use crate::store::generations::{self, Generation, GenerationState};
use crate::store::pkgsets::{self, Revision};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, durable};

/// Most packages that one message lists.
const MOST_LISTED: usize = 1000;

/// Largest `repomd.xml` of ours that is read back, in bytes.
const LARGEST_REPOMD: u64 = 1 << 20;

impl Repos {
    /// Publishes a new generation.
    pub(super) async fn publish(
        &self,
        tag: &TagName,
        repo: &RepoName,
        rule: &FollowRule,
        revision: &Revision,
        listing: Listing,
        wake_up: &WakeUp,
    ) -> Result<(), Error> {
        let began = self.clock.monotonic_millis();
        let pool_in_use = self.pools.read().await;
        let count = listing.packages.len() as i64;
        let Listing { pool, input, packages } = self.place(tag, repo, listing).await?;
        let repodata = self.layout.repodata(tag, repo);
        let encoding =
            Encoding { compression: rule.repos.compression.into(), open_checksum: rule.repos.open_checksums };
        let written = write_metadata(&self.db, &repodata, packages.into(), encoding).await?;
        let repomd = self.repomd(tag, repo, &written).await?;
        let generation = self.begin(tag, repo, revision, &repomd, Row { pool, input, written, count }).await?;
        drop(pool_in_use);
        let place = self.layout.repomd(tag, repo);
        blocking(move || {
            durable::sync_dir(&repodata)?;
            durable::write(&place, &repomd)
        })
        .await?;
        self.write_repo_file(tag, repo, rule).await?;
        self.make_current(&generation, Some(wake_up)).await?;
        let duration_ms = self.clock.monotonic_millis() - began;
        tracing::info!(
            tag.name = %tag, repo = %repo, generation = generation.number, packages = count, duration_ms,
            "{tag}/{repo} shows generation {} with {count} packages", generation.number
        );
        Ok(())
    }

    /// Puts the packages into the pool, and makes the directories.
    async fn place(&self, tag: &TagName, repo: &RepoName, listing: Listing) -> Result<Listing, Error> {
        let (dir, repodata) = (self.layout.repo(tag, repo), self.layout.repodata(tag, repo));
        let pool = self.layout.pool(&listing.pool);
        blocking(move || {
            durable::make_dir(&repodata)?;
            durable::make_dir(&pool)?;
            for under_way in [&repodata, &dir] {
                durable::sweep(under_way)?;
            }
            let mut touched: BTreeSet<PathBuf> = BTreeSet::new();
            for listed in &listing.packages {
                let place = pool.join(&listed.rpm.location);
                match fs::metadata(&place) {
                    Ok(there) if there.len() == listed.rpm.size => continue,
                    Ok(_) => durable::remove(&place)?,
                    Err(_) => {}
                }
                let found = fs::metadata(&listed.file).map_err(store::Error::file("cannot find", &listed.file))?.len();
                if found != listed.rpm.size {
                    let file = listed.file.display().to_string();
                    return Ok(Err(Error::WrongSize { file, found, expected: listed.rpm.size }));
                }
                durable::place_file(&listed.file, &place, durable::ANY_WAY)?;
                touched.extend(place.parent().map(ToOwned::to_owned));
            }
            for dir in touched {
                durable::sync_dir(&dir)?;
            }
            durable::point(&dir.join("packages"), &super::Layout::packages_target(&listing.pool))?;
            Ok(Ok(listing))
        })
        .await?
    }

    /// Returns the pointer file of a new generation: its times rise above those on disk, whatever the
    /// clock says, since yum refuses an older one.
    async fn repomd(&self, tag: &TagName, repo: &RepoName, written: &[Written]) -> Result<Vec<u8>, Error> {
        let on_disk = self.pointer(tag, repo).await?.map_or(0, |(_, newest)| newest);
        let time = self.clock.seconds().max(on_disk + 1);
        let records = written.iter().map(|file| file.record(time)).collect();
        Ok(Repomd { revision: time.to_string(), records }.to_bytes())
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
        tag: &TagName,
        repo: &RepoName,
        revision: &Revision,
        repomd: &[u8],
        row: Row,
    ) -> Result<Generation, Error> {
        let mut tx = self.db.write().await?;
        let last = generations::of_repo(&mut tx, tag, repo).await?.first().map_or(0, |newest| newest.number);
        let generation = Generation {
            tag: tag.clone(),
            repo: repo.clone(),
            number: last + 1,
            revision: revision.number,
            input: row.input,
            repomd: Sha256::of(repomd),
            files: row.written.iter().map(Written::file_name).collect(),
            pool: row.pool,
            packages: row.count,
            state: GenerationState::Publishing,
            made_at: self.clock.micros(),
            replaced_at: None,
        };
        generations::put(&mut tx, &generation).await?;
        tx.commit().await?;
        Ok(generation)
    }

    /// Records that a generation's pointer was swapped, and tells the world.
    pub(super) async fn make_current(&self, new: &Generation, wake_up: Option<&WakeUp>) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let old = generations::current(&mut tx, &new.tag, &new.repo).await?;
        let body = self.published_body(&mut tx, old.as_ref(), new).await?;
        generations::make_current(&mut tx, &new.tag, &new.repo, new.number, self.clock.micros()).await?;
        let subject = format!("{}/{}", new.tag, new.repo);
        outbox::tell(&mut tx, &self.clock, "tannery.repo.published", &subject, body).await?;
        if let Some(wake_up) = wake_up {
            wakeups::done(&mut tx, Room::Repos, wake_up).await?;
        }
        tx.commit().await?;
        self.tags.bells.outbox.ring();
        Ok(())
    }

    async fn published_body(
        &self,
        tx: &mut Tx,
        old: Option<&Generation>,
        new: &Generation,
    ) -> Result<Map<String, Value>, Error> {
        let before = match old {
            Some(old) => self.rpms_of_generation(tx, old).await?,
            None => Vec::new(),
        };
        let after = self.rpms_of_generation(tx, new).await?;
        let (removed, added) = (only(&before, &after), only(&after, &before));
        let truncated = removed.len() > MOST_LISTED || added.len() > MOST_LISTED;
        let shown = |names: &[String]| names.iter().take(MOST_LISTED).cloned().collect::<Vec<_>>();
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
            "added": shown(&added),
            "removed": shown(&removed),
            "truncated": truncated,
        });
        Ok(body.as_object().cloned().unwrap_or_default())
    }

    async fn rpms_of_generation(&self, tx: &mut Tx, generation: &Generation) -> Result<Vec<RpmEntry>, Error> {
        let revision = pkgsets::numbered(tx, &generation.tag, generation.revision).await?;
        let rule = self.config.follow.for_tag(&generation.tag);
        let (Some(revision), Some(rule)) = (revision, rule) else { return Ok(Vec::new()) };
        Ok(rpms_of(tx, &revision, &rule.repos_of(&revision.arches), &generation.repo).await?)
    }

    /// Writes the ready `.repo` file, if it is not there like this.
    pub(super) async fn write_repo_file(&self, tag: &TagName, repo: &RepoName, rule: &FollowRule) -> Result<(), Error> {
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

/// What a generation's row holds beside the names.
struct Row {
    pool: String,
    input: String,
    written: Vec<Written>,
    count: i64,
}

fn only(these: &[RpmEntry], others: &[RpmEntry]) -> Vec<String> {
    let others: BTreeSet<(&Sha256, &str)> = others.iter().map(|rpm| (&rpm.sha256, rpm.location.as_str())).collect();
    let mut only: Vec<&RpmEntry> =
        these.iter().filter(|rpm| !others.contains(&(&rpm.sha256, rpm.location.as_str()))).collect();
    only.sort_by(|a, b| a.nevra.cmp(&b.nevra));
    only.iter().map(|rpm| rpm.nevra.to_string()).collect()
}

/// Does what blocks beside the tasks.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
