//! How does a merged repository come to be seen? Merged beside its place, signed, put there, and its row written last.

use super::parts::Parts;
use super::sources::Own;
use super::{At, Plan, copies, merged_body};
use crate::config::FollowRule;
use crate::model::{RepoName, Sha256};
use crate::outbox;
use crate::repos::publish::blocking;
use crate::repos::{Error, Repos, sign};
use crate::repotools::{self, Groups, Merging, Prepared, Repository};
use crate::store::durable;
use crate::store::merged::{self, MergedGeneration, MergedState};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{externals, generations};

/// What a merged repository is to be made of.
pub(super) struct Draft {
    pub plan: Plan,
    pub own: Own,
    pub parts: Parts,
    /// The generation that is shown.
    pub before: Option<MergedGeneration>,
}

impl Repos {
    /// Makes a merged repository and shows it.
    pub(super) async fn make_merged(
        &self,
        at: &At,
        rule: &FollowRule,
        draft: Draft,
        wake_up: &WakeUp,
    ) -> Result<(), Error> {
        let began = self.clock.monotonic_millis();
        let mut prepared = self.prepared(at, rule, &draft).await?;
        let signature = self.sign(rule, prepared.repomd()).await?;
        let (dir, shown) = (self.layout.merged(&at.tag, &at.arch), signature.clone());
        let own_name = at.arch.to_string();
        let prepared = blocking(move || {
            durable::sweep(&dir)?;
            durable::point(&dir.join("packages"), &std::path::Path::new("..").join(own_name).join("packages"))?;
            let laid = prepared.lay();
            let shown = match &laid {
                Ok(()) => sign::show(&dir.join("repodata"), prepared.repomd(), shown.as_deref()),
                Err(_) => Ok(()),
            };
            shown.map(|()| laid.map(|()| prepared))
        })
        .await??;
        self.write_repo_file(&at.tag, &at.name(), rule).await?;
        let Some(new) = self.record(at, &draft, &prepared, signature, wake_up).await? else { return Ok(()) };
        self.tags.bells.outbox.ring();
        let duration_ms = self.clock.monotonic_millis() - began;
        tracing::info!(
            tag.name = %at.tag, repo = at.name(), generation = new.number, packages = new.packages, duration_ms,
            "{at} is at generation {} with {} packages: {}", new.number, new.packages, new.why.join(", ")
        );
        Ok(())
    }

    /// Merges; a copy of an external repository that is found damaged is read anew.
    async fn prepared(&self, at: &At, rule: &FollowRule, draft: &Draft) -> Result<Prepared, Error> {
        let merging = Merging {
            method: draft.plan.mode.method(),
            blocked: draft.plan.blocked.clone(),
            arches: draft.plan.arches.clone(),
            expand: true,
            groups: Groups::First,
            first_elsewhere: false,
            compression: rule.repos.compression.into(),
            time: self.clock.seconds(),
        };
        let mut repositories: Vec<Repository> = vec![draft.own.repository.clone()];
        for part in &draft.parts.external {
            match self.opened(&part.name, &part.url, &part.repomd) {
                Ok(repository) => repositories.push(repository),
                Err(error) => {
                    self.distrust(&part.url).await?;
                    return Err(error.into());
                }
            }
        }
        let dir = self.layout.merged(&at.tag, &at.arch);
        let prepared = repotools::prepare(&self.fetcher, &repositories, merging, &dir).await;
        if prepared.is_err() {
            for (repository, part) in repositories.into_iter().skip(1).zip(&draft.parts.external) {
                let dir = self.layout.external(&part.url, &part.repomd);
                if !blocking(move || Ok(repotools::is_copied(&repository, &dir, copies::KINDS))).await? {
                    self.distrust(&part.url).await?;
                }
            }
        }
        Ok(prepared?)
    }

    async fn distrust(&self, url: &str) -> Result<(), Error> {
        tracing::warn!(
            external.url = url,
            "the copy of external repository {url} was damaged from outside and is made anew"
        );
        let mut tx = self.db.write().await?;
        externals::distrust(&mut tx, url).await?;
        tx.commit().await?;
        self.tags.bells.merged.ring();
        Ok(())
    }

    /// Writes the row of what is shown, and tells the world where it is another than before. `None` where its packages
    /// are about to be cleared away: then the own repository is another already, and everything begins anew.
    async fn record(
        &self,
        at: &At,
        draft: &Draft,
        prepared: &Prepared,
        signature: Option<String>,
        wake_up: &WakeUp,
    ) -> Result<Option<MergedGeneration>, Error> {
        let (tag, arch) = (at.tag.clone(), at.arch.clone());
        let mut tx = self.db.write().await?;
        let own = generations::of_repo(&mut tx, &tag, &RepoName::Binary(arch.clone())).await?;
        if !own.iter().any(|one| one.number == draft.own.generation.number) {
            return Ok(None);
        }
        let old_parts = draft.before.as_ref().and_then(|before| serde_json::from_str::<Parts>(&before.parts).ok());
        let why = draft.parts.differs(old_parts.as_ref()).into_iter().map(str::to_owned).collect();
        let new = MergedGeneration {
            number: merged::last_number(&mut tx, &tag, &arch).await? + 1,
            key: draft.parts.key(),
            parts: serde_json::to_string(&draft.parts).map_err(|error| Error::Record(error.into()))?,
            why,
            own: draft.own.generation.number,
            repomd: Sha256::of(prepared.repomd()),
            files: prepared.files().to_vec(),
            signature,
            packages: prepared.merged().packages as i64,
            state: MergedState::Current,
            made_at: self.clock.micros(),
            replaced_at: None,
            tag,
            arch,
        };
        let new = match &draft.before {
            Some(before) if before.repomd == new.repomd => {
                let MergedGeneration { key, parts, own, signature, .. } = new;
                let same = MergedGeneration { key, parts, own, signature, ..before.clone() };
                merged::rekey(&mut tx, &same).await?;
                same
            }
            _ => {
                merged::put(&mut tx, &new).await?;
                let body = merged_body(&new, &draft.parts, &self.base_url);
                outbox::tell(&mut tx, &self.clock, "tannery.repo.merged", &at.to_string(), body).await?;
                new
            }
        };
        merged::solved(&mut tx, &at.tag, &at.arch).await?;
        wakeups::done(&mut tx, Room::Merged, wake_up).await?;
        tx.commit().await?;
        Ok(Some(new))
    }
}
