//! Does a repository show the newest package set? If not, it is made to.

use std::sync::Arc;

use super::listing::Changes;
use super::publish::{Draft, blocking};
use super::style::Style;
use super::{Error, Repos, sign};
use crate::config::{FollowRule, Form, Live};
use crate::model::{Blake3, RepoName, ReposOf, TagName, chain};
use crate::repodata::segments::Manifest;
use crate::rpms::MetadataError;
use crate::store::generations::{self, Generation};
use crate::store::pkgsets::{self, ChunkRef, Revision};
use crate::store::wakeups::{self, Room, WakeUp};

/// A state that a repository follows on from: its segments, and the set they show.
#[derive(Debug, Default)]
pub(super) struct Start {
    manifest: Arc<Manifest>,
    chunks: Vec<ChunkRef>,
    /// The part of a style that decides the segments.
    segments: String,
}

/// What a repository is to show.
struct Wanted {
    revision: Revision,
    repos: ReposOf,
    style: Style,
    /// The generation that it shows.
    current: Option<Generation>,
}

impl Repos {
    /// Brings one repository up to date, whatever woke it.
    pub async fn reconcile(&self, wake_up: &WakeUp) -> Result<(), Error> {
        let (tag, repo): (TagName, RepoName) = (wake_up.key.parse()?, wake_up.part.parse()?);
        match self.config.follow.for_tag(&tag).filter(|rule| rule.live == Live::Always) {
            Some(rule) => self.refresh(&tag, &repo, rule, wake_up).await,
            None => self.nothing_to_do(wake_up).await,
        }
    }

    async fn nothing_to_do(&self, wake_up: &WakeUp) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        wakeups::done(&mut tx, Room::Repos, wake_up).await?;
        Ok(tx.commit().await?)
    }

    async fn refresh(&self, tag: &TagName, repo: &RepoName, rule: &FollowRule, wake_up: &WakeUp) -> Result<(), Error> {
        let began = self.clock.monotonic_millis();
        self.finish_begun(tag, repo).await?;
        let Some(wanted) = self.wanted(tag, repo, rule).await? else { return self.nothing_to_do(wake_up).await };
        // What is put in its place from here on is not cleared away before a row names it.
        let in_use = self.pools.read().await;
        let manifest = self.made((tag, repo), &wanted, self.ready.take(wake_up)).await?;
        let Wanted { revision, repos, style, current } = wanted;
        let bytes = manifest.to_bytes()?;
        let records = self.extras((tag, repo), rule, current.as_ref()).await?;
        let mut draft = Draft { digest: Blake3::of(&bytes), style, manifest, bytes, records };
        if let Some(current) = current.filter(|one| draft.is_shown_by(one)) {
            let is_whole = self.is_whole(&current).await?;
            let needs_segments = current.form == Form::Assembled || !is_whole;
            let is_lost = needs_segments && self.lacks_segments(draft.manifest.clone()).await?;
            if is_whole && !is_lost {
                self.write_repo_file(tag, repo, rule).await?;
                let mut tx = self.db.write().await?;
                generations::set_revision(&mut tx, &current, revision.number).await?;
                wakeups::done(&mut tx, Room::Repos, wake_up).await?;
                return Ok(tx.commit().await?);
            }
            tracing::warn!(tag.name = %tag, repo = %repo, "{tag}/{repo} was damaged from outside and is written anew");
            if is_lost {
                draft.manifest = self.follow((tag, repo), &draft.style, Start::default(), &revision, &repos).await?;
            }
        }
        let packages = draft.manifest.packages();
        match self.publish(tag, repo, rule, &revision, &draft, wake_up).await {
            Err(Error::Metadata(MetadataError::Segments(error))) => {
                tracing::warn!(
                    tag.name = %tag, repo = %repo, error = %chain(&error),
                    "a segment of {tag}/{repo} was damaged from outside; all are looked at and made anew where need be"
                );
                draft.manifest = self.follow((tag, repo), &draft.style, Start::default(), &revision, &repos).await?;
                self.publish(tag, repo, rule, &revision, &draft, wake_up).await?;
            }
            published => published?,
        }
        drop(in_use);
        let duration_ms = self.clock.monotonic_millis() - began;
        tracing::info!(
            tag.name = %tag, repo = %repo, revision = revision.number, packages, duration_ms,
            "{tag}/{repo} shows revision {} with {packages} packages", revision.number
        );
        Ok(())
    }

    /// Returns what a repository is to show; `None` where there is to be none.
    async fn wanted(&self, tag: &TagName, repo: &RepoName, rule: &FollowRule) -> Result<Option<Wanted>, Error> {
        let mut tx = self.db.read().await?;
        let Some(revision) = pkgsets::newest(&mut tx, tag).await? else { return Ok(None) };
        let repos = rule.repos_of(&revision.arches);
        if !repos.names().contains(repo) {
            return Ok(None);
        }
        let current = generations::current(&mut tx, tag, repo).await?;
        Ok(Some(Wanted { revision, repos, style: Style::of(rule, repo), current }))
    }

    /// Puts packages into their pool and makes the segments, and returns their list. What was made ready is begun
    /// with where it fits.
    async fn made(
        &self,
        (tag, repo): (&TagName, &RepoName),
        wanted: &Wanted,
        ready: Option<Start>,
    ) -> Result<Arc<Manifest>, Error> {
        let Wanted { revision, repos, style, current } = wanted;
        // Both wait for the disk, the one for links, the other for segments: side by side.
        let (placed, manifest) = tokio::join!(self.place((tag, repo), &style.pool, &revision.chunks, repos), async {
            let start = match ready.filter(|ready| ready.segments == style.segments()) {
                Some(ready) => ready,
                None => self.start(tag, repo, style, current.as_ref()).await?,
            };
            self.follow((tag, repo), style, start, revision, repos).await
        });
        placed?;
        manifest
    }

    /// Does for a repository what a refresh does before anybody sees it; returns what the refresh can begin with.
    pub(super) async fn next_start(&self, wake_up: &WakeUp) -> Result<Option<Start>, Error> {
        let (tag, repo): (TagName, RepoName) = (wake_up.key.parse()?, wake_up.part.parse()?);
        let rule = self.config.follow.for_tag(&tag).filter(|rule| rule.live == Live::Always);
        let Some(rule) = rule else { return Ok(None) };
        let Some(wanted) = self.wanted(&tag, &repo, rule).await? else { return Ok(None) };
        let _in_use = self.pools.read().await;
        let manifest = self.made((&tag, &repo), &wanted, None).await?;
        Ok(Some(Start { manifest, chunks: wanted.revision.chunks, segments: wanted.style.segments() }))
    }

    /// Returns the state that is nearest to what is to be shown: the repository's own, else that of a tag it
    /// inherits from, which has most of its packages. The result depends on the packages alone; the way to
    /// it is only shorter.
    async fn start(
        &self,
        tag: &TagName,
        repo: &RepoName,
        style: &Style,
        current: Option<&Generation>,
    ) -> Result<Start, Error> {
        let fits = |one: &Generation| Style::segments_of(&one.style) == style.segments();
        let mut nearest = current.filter(|one| fits(one)).cloned();
        if nearest.is_none() {
            for neighbour in self.tags.neighbours(tag).await? {
                let shown = generations::current(&mut self.db.read().await?, &neighbour, repo).await?;
                nearest = shown.filter(fits);
                if nearest.is_some() {
                    break;
                }
            }
        }
        let Some(nearest) = nearest else { return Ok(Start::default()) };
        let mut tx = self.db.read().await?;
        let set = pkgsets::numbered(&mut tx, &nearest.tag, nearest.revision).await?;
        let kept = generations::manifest(&mut tx, &nearest.manifest).await?;
        match (set, kept.map(|bytes| Manifest::from_bytes(&bytes))) {
            (Some(set), Some(Ok(manifest))) => {
                Ok(Start { manifest: Arc::new(manifest), chunks: set.chunks, segments: style.segments() })
            }
            _ => Ok(Start::default()),
        }
    }

    /// Returns the manifest of a revision, from where it starts; from nothing where that turns out unusable.
    async fn follow(
        &self,
        at: (&TagName, &RepoName),
        style: &Style,
        start: Start,
        revision: &Revision,
        repos: &ReposOf,
    ) -> Result<Arc<Manifest>, Error> {
        let (tag, repo) = at;
        let is_measured = style.form == Form::Assembled && !style.open;
        let changes = |old: Vec<ChunkRef>| async move {
            Changes::between(&mut self.db.read().await?, &old, &revision.chunks, repos, repo).await
        };
        if !start.chunks.is_empty() {
            if start.chunks == revision.chunks {
                return Ok(start.manifest);
            }
            let changes = changes(start.chunks).await?;
            if changes.is_empty() {
                return Ok(start.manifest);
            }
            let (gone, come) = (changes.keys_removed(), self.listed(tag, &style.pool, &changes.added)?);
            match self.library.update(start.manifest, gone, come, style.settings(), is_measured).await {
                Err(MetadataError::Segments(error)) => tracing::warn!(
                    tag.name = %tag, repo = %repo, error = %chain(&error),
                    "the segments of {tag}/{repo} cannot follow and are made anew"
                ),
                updated => return Ok(Arc::new(updated?)),
            }
        }
        let all = changes(Vec::new()).await?;
        let come = self.listed(tag, &style.pool, &all.added)?;
        Ok(Arc::new(self.library.update(Arc::default(), Vec::new(), come, style.settings(), is_measured).await?))
    }

    /// Returns whether the metadata of the current generation stands where it should.
    async fn is_whole(&self, current: &Generation) -> Result<bool, Error> {
        let pointer = self.pointer(&current.tag, &current.repo).await?;
        if pointer.is_none_or(|(digest, _)| digest != current.repomd) {
            return Ok(false);
        }
        let repodata = self.layout.repodata(&current.tag, &current.repo);
        let signature = current.signature.clone();
        let on_disk: Vec<&String> = match current.form {
            Form::Files => current.files.iter().collect(),
            Form::Assembled => current.records.iter().map(|extra| &extra.file).collect(),
        };
        let needed: Vec<_> = on_disk.into_iter().map(|file| repodata.join(file)).collect();
        blocking(
            move || Ok(needed.iter().all(|file| file.exists()) && sign::is_right(&repodata, signature.as_deref())?),
        )
        .await
    }

    /// Returns whether a segment of a repository is lost.
    async fn lacks_segments(&self, manifest: Arc<Manifest>) -> Result<bool, Error> {
        let segments = self.library.segments().clone();
        blocking(move || Ok(segments.lacks_any(manifest.names()))).await
    }

    /// Ends what a killed process began: the pointer on disk says whether it was swapped.
    async fn finish_begun(&self, tag: &TagName, repo: &RepoName) -> Result<(), Error> {
        let begun = generations::begun(&mut self.db.read().await?, tag, repo).await?;
        let Some(begun) = &begun else { return Ok(()) };
        let pointer = self.pointer(tag, repo).await?;
        if pointer.is_some_and(|(digest, _)| digest == begun.repomd) {
            tracing::info!(tag.name = %tag, repo = %repo, "{tag}/{repo} was published when the service ended");
            let (repodata, signature) = (self.layout.repodata(tag, repo), begun.signature.clone());
            blocking(move || sign::repair(&repodata, signature.as_deref())).await?;
            return self.make_current(begun, None).await;
        }
        let mut tx = self.db.write().await?;
        generations::remove(&mut tx, begun).await?;
        Ok(tx.commit().await?)
    }

    /// Brings every repository up to date that is woken now, one after the other, without waiting for
    /// quiet. The service has [`Repos::run`]; this is for who goes through the steps himself.
    ///
    /// # Errors
    /// As of [`Repos::reconcile`], of the first that fails.
    pub async fn reconcile_woken(&self) -> Result<(), Error> {
        for wake_up in wakeups::pending(&mut self.db.read().await?, Room::Repos).await? {
            self.reconcile(&wake_up).await?;
        }
        Ok(())
    }
}
