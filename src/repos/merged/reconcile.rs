//! Is a merged repository made of what it should be? If not, it is made anew.

use super::made::Draft;
use super::parts::Parts;
use super::sources::part;
use super::{At, Plan};
use crate::config::FollowRule;
use crate::model::{Sha256, chain};
use crate::repos::publish::blocking;
use crate::repos::{Error, Repos, sign};
use crate::store::externals::{self, Copy, Use};
use crate::store::merged::{self, MergedGeneration, Problem};
use crate::store::pkgsets;
use crate::store::wakeups::{self, Room, WakeUp};

impl Repos {
    /// Brings one merged repository up to date, whatever woke it. What keeps it from that is noted for those who ask; the
    /// last one stays meanwhile.
    ///
    /// # Errors
    /// Something failed that may go well the next time. What the hub says and cannot be used is no error: once it says
    /// something else, it is woken.
    pub async fn reconcile_merged(&self, wake_up: &WakeUp) -> Result<(), Error> {
        let at = At { tag: wake_up.key.parse()?, arch: wake_up.part.parse()? };
        let Some(rule) = self.merging(&at).await? else { return self.forget_merged(&at, wake_up).await };
        let Err(error) = self.bring(&at, rule, wake_up).await else { return Ok(()) };
        let is_refusal = matches!(error, Error::Refused(_));
        let mut tx = self.db.write().await?;
        let (tag, arch, problem) = (at.tag.clone(), at.arch.clone(), chain(&error));
        let is_new = merged::put_problem(&mut tx, &Problem { tag, arch, since: self.clock.micros(), problem }).await?;
        if is_refusal {
            wakeups::done(&mut tx, Room::Merged, wake_up).await?;
        }
        tx.commit().await?;
        if is_new {
            tracing::error!(
                tag.name = %at.tag, repo = at.name(), error = %chain(&error),
                "{at} cannot be made anew; the last one is served"
            );
        }
        if is_refusal { Ok(()) } else { Err(error) }
    }

    /// Returns the rule by which a merged repository is made; `None` where there is to be none.
    async fn merging(&self, at: &At) -> Result<Option<&FollowRule>, Error> {
        let Some(rule) = self.config.follow.for_tag(&at.tag).filter(|rule| rule.merges()) else { return Ok(None) };
        let head = pkgsets::heads(&mut self.db.read().await?, Some(&at.tag)).await?.pop();
        let arches = head.map_or_else(Vec::new, |head| rule.repos_of(&head.arches).arches);
        Ok(arches.contains(&at.arch).then_some(rule))
    }

    async fn bring(&self, at: &At, rule: &FollowRule, wake_up: &WakeUp) -> Result<(), Error> {
        // Of a tag that is gone the last state is served on.
        let Some(externals) = self.tags.externals(&at.tag).await? else { return self.is_right(at, wake_up).await };
        let plan = Plan::of(&at.tag, &at.arch, rule, &externals)?;
        let copies = self.enlist(at, &plan).await?;
        let repomds: Option<Vec<Sha256>> = copies.iter().map(|(_, copy)| copy.repomd).collect();
        // Who reads the first state of one that is not read yet, or publishes the own one, wakes us.
        let Some(repomds) = repomds else { return self.is_right(at, wake_up).await };
        let Some(shown) = self.own_shown(at).await? else { return self.is_right(at, wake_up).await };
        let parts = Parts::new(rule, &plan, part(&shown.0), &repomds);
        let current = merged::current(&mut self.db.read().await?, &at.tag, &at.arch).await?;
        if let Some(current) = &current
            && current.key == parts.key()
            && self.is_there(at, current).await?
        {
            self.write_repo_file(&at.tag, &at.name(), rule).await?;
            return self.is_right(at, wake_up).await;
        }
        let own = self.own(at, shown).await?;
        self.make_merged(at, rule, Draft { plan, own, parts, before: current }, wake_up).await
    }

    /// Notes what a merged repository is made of; returns what is known of each.
    async fn enlist(&self, at: &At, plan: &Plan) -> Result<Vec<(Use, Copy)>, Error> {
        let known = externals::of(&mut self.db.read().await?, &at.tag, &at.arch).await?;
        if known.iter().map(|(one, _)| one).eq(&plan.uses) {
            return Ok(known);
        }
        let mut tx = self.db.write().await?;
        externals::set_uses(&mut tx, &at.tag, &at.arch, &plan.uses).await?;
        let known = externals::of(&mut tx, &at.tag, &at.arch).await?;
        tx.commit().await?;
        self.tags.bells.merged.ring();
        Ok(known)
    }

    /// Notes that nothing is to be done, and nothing wrong.
    pub(super) async fn is_right(&self, at: &At, wake_up: &WakeUp) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let was_wrong = merged::solved(&mut tx, &at.tag, &at.arch).await?;
        wakeups::done(&mut tx, Room::Merged, wake_up).await?;
        tx.commit().await?;
        if was_wrong {
            tracing::info!(tag.name = %at.tag, repo = at.name(), "nothing keeps {at} from being made any more");
        }
        Ok(())
    }

    /// Returns whether what readers see is this generation, whole.
    async fn is_there(&self, at: &At, current: &MergedGeneration) -> Result<bool, Error> {
        let repodata = self.layout.merged(&at.tag, &at.arch).join("repodata");
        let (repomd, files, signature) = (current.repomd, current.files.clone(), current.signature.clone());
        blocking(move || {
            let pointer = std::fs::read(repodata.join("repomd.xml"));
            let is_shown = pointer.is_ok_and(|bytes| Sha256::of(&bytes) == repomd);
            let is_whole = files.iter().all(|file| repodata.join(file).is_file());
            let is_linked = repodata.with_file_name("packages").is_symlink();
            Ok(is_shown && is_whole && is_linked && sign::is_right(&repodata, signature.as_deref())?)
        })
        .await
    }
}
