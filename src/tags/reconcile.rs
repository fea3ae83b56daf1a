//! Is a tag's package set what the build system's rows amount to? Computed, compared, and written only
//! where it differs.
//!
//! Takes no hint about what changed but which packages may have: what they are now is asked. An equal
//! result wakes nobody.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::ask::{Answer, NewSet};
use super::difference::{Change, Differences};
use super::pkgset::{self, Draft};
use super::{Error, Tags, turn};
use crate::config::{FollowRule, Live};
use crate::model::{Arch, BuildEntry, TagName, chain};
use crate::outbox;
use crate::store::pkgsets::{self, ChunkRef, Revision};
use crate::store::tags as rows;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, Write};

/// Most builds that one message lists.
const MOST_LISTED: usize = 1000;

impl Tags {
    /// Brings every tag that was woken up to date; gives how many times one was taken up. Of several errors
    /// the first is returned, after all have had their turn; those stay woken.
    pub async fn reconcile_woken(&self) -> Result<usize, Error> {
        self.reconcile_until(|| false).await
    }

    /// As [`Tags::reconcile_woken`], until `stop` says so. What is woken meanwhile has its turn too: a base
    /// before the tags that inherit from it, however many of those wait already.
    pub async fn reconcile_until(&self, stop: impl Fn() -> bool) -> Result<usize, Error> {
        let (mut done, mut failed, mut first) = (0, BTreeSet::new(), None);
        loop {
            let (names, last) = self.turns(&failed).await?;
            let all = names.len();
            for (at, name) in names.into_iter().enumerate() {
                if stop() {
                    return first.map_or(Ok(done), Err);
                }
                done += 1;
                // What is wrong with one tag keeps no other waiting.
                if let Err(error) = self.reconcile_named(&name).await {
                    tracing::error!(tag.name = name, error = %chain(&error), "{name} cannot be brought up to date");
                    first.get_or_insert(error);
                    failed.insert(name);
                }
                if at + 1 < all && wakeups::last(&mut self.db.read().await?, Room::Tags).await? > last {
                    break;
                }
            }
            if wakeups::last(&mut self.db.read().await?, Room::Tags).await? <= last {
                return first.map_or(Ok(done), Err);
            }
        }
    }

    /// Returns the tags that are woken, in the order in which they are taken up, and the last wake-up seen.
    async fn turns(&self, failed: &BTreeSet<String>) -> Result<(Vec<String>, i64), Error> {
        let mut tx = self.db.read().await?;
        let last = wakeups::last(&mut tx, Room::Tags).await?;
        let mut names: Vec<String> = Vec::new();
        for (name, _) in wakeups::keys(&mut tx, Room::Tags).await? {
            names.extend((!failed.contains(&name)).then_some(name));
        }
        if names.len() > 1 {
            names = turn::in_turn(names, &rows::open_links(&mut tx).await?);
        }
        Ok((names, last))
    }

    async fn reconcile_named(&self, name: &str) -> Result<(), Error> {
        let tag: TagName = store::db::parse("wakeups.key", name)?;
        self.reconcile(&tag).await
    }

    /// Brings one tag up to date, whatever woke it.
    pub async fn refresh(&self, tag: &TagName) -> Result<Option<Revision>, Error> {
        self.reconcile(tag).await?;
        Ok(pkgsets::newest(&mut self.db.read().await?, tag).await?)
    }

    /// Compares the set with the build system's rows, and takes the wake-ups away.
    async fn reconcile(&self, tag: &TagName) -> Result<(), Error> {
        let rule = self.config.follow.for_tag(tag);
        loop {
            let mut tx = self.db.read().await?;
            let wake_ups = wakeups::of(&mut tx, Room::Tags, tag.as_str()).await?;
            let before = pkgsets::newest(&mut tx, tag).await?;
            drop(tx);
            if before.is_some() && wake_ups.is_empty() {
                return Ok(());
            }
            let answer = match rule {
                Some(rule) => self.ask(tag, rule, &wake_ups, before.is_some()).await?,
                None => None,
            };
            let mut tx = self.db.write().await?;
            if !still_holds(&mut tx, tag, before.as_ref(), &wake_ups, answer.as_ref()).await? {
                continue;
            }
            if let (Some(answer), Some(rule)) = (answer, rule) {
                self.write(&mut tx, tag, rule, before, answer).await?;
            }
            if let Some(last) = wake_ups.iter().map(|wake_up| wake_up.sequence).max() {
                wakeups::done_until(&mut tx, Room::Tags, tag.as_str(), last).await?;
            }
            tx.commit().await?;
            self.bells.repos.ring();
            self.bells.outbox.ring();
            return Ok(());
        }
    }

    async fn write(
        &self,
        tx: &mut Write,
        tag: &TagName,
        rule: &FollowRule,
        before: Option<Revision>,
        answer: Answer,
    ) -> Result<(), Error> {
        let old_chunks = before.as_ref().map_or(&[][..], |revision| &revision.chunks);
        let patched = matches!(answer.set, NewSet::Patched(_));
        let chunks = put_set(tx, tag, old_chunks, answer.set).await?;
        let digest = pkgset::digest(&answer.arches, &chunks);
        if before.as_ref().is_some_and(|revision| revision.digest == digest) {
            // A restart or a changed rule may still have something to say to the repositories.
            return if patched { Ok(()) } else { self.wake_repos(tx, tag, rule, &answer.arches).await };
        }
        let change = Changed::between(tx, old_chunks, &chunks).await?;
        let revision = Revision {
            number: before.as_ref().map_or(1, |revision| revision.number + 1),
            digest,
            event_id: answer.event,
            arches: answer.arches,
            chunks,
            builds: before.as_ref().map_or(0, |revision| revision.builds) + change.added.builds - change.removed.builds,
            rpms: before.as_ref().map_or(0, |revision| revision.rpms) + change.added.rpms - change.removed.rpms,
            made_at: self.clock.micros(),
        };
        pkgsets::put(tx, tag, &revision).await?;
        let (more, less) = (change.added.builds, change.removed.builds);
        let body = changed_body(tag, &revision, change);
        outbox::tell(tx, &self.clock, "tannery.tag.changed", tag.as_str(), body).await?;
        tracing::info!(
            tag.name = %tag, revision = revision.number, builds = revision.builds, added = more, removed = less,
            "{tag} is at revision {}: {more} builds came, {less} went", revision.number
        );
        self.wake_repos(tx, tag, rule, &revision.arches).await
    }

    async fn wake_repos(&self, tx: &mut Write, tag: &TagName, rule: &FollowRule, arches: &[Arch]) -> Result<(), Error> {
        if rule.live == Live::Never {
            return Ok(());
        }
        let repos: Vec<String> = rule.repos_of(arches).names().iter().map(ToString::to_string).collect();
        let wake_ups: Vec<(&str, &str)> = repos.iter().map(|repo| (tag.as_str(), repo.as_str())).collect();
        Ok(wakeups::wake_each(tx, Room::Repos, &wake_ups, self.clock.micros()).await?)
    }
}

/// Returns whether an answer may still be written. Another process may have been here meanwhile: its
/// revision is the one to go on from, of this tag and of the one we begin with; and where it took a
/// wake-up away, it may have seen what came after our question.
async fn still_holds(
    tx: &mut Tx,
    tag: &TagName,
    before: Option<&Revision>,
    wake_ups: &[WakeUp],
    answer: Option<&Answer>,
) -> Result<bool, store::Error> {
    let mut known = vec![(tag, before.map(|revision| revision.number))];
    if let Some(Answer { set: NewSet::Like(other, revision, _), .. }) = answer {
        known.push((other, Some(revision.number)));
    }
    for (tag, number) in known {
        if pkgsets::newest_size(tx, tag).await?.map(|(newest, _)| newest) != number {
            return Ok(false);
        }
    }
    let left: BTreeSet<String> =
        wakeups::of(tx, Room::Tags, tag.as_str()).await?.into_iter().map(|wake_up| wake_up.part).collect();
    Ok(wake_ups.iter().all(|wake_up| left.contains(&wake_up.part)))
}

/// Says what is held, and gives the chunks of the new set.
async fn put_set(tx: &mut Write, tag: &TagName, old: &[ChunkRef], set: NewSet) -> Result<Vec<ChunkRef>, store::Error> {
    let (mut draft, choices) = match set {
        NewSet::Patched(choices) => (Draft::of(old), choices),
        NewSet::Like(other, revision, choices) => {
            pkgsets::copy_held(tx, &other, tag).await?;
            (Draft::of(&revision.chunks), choices)
        }
        NewSet::Whole(packed, held) => {
            pkgsets::clear_held(tx, tag).await?;
            for (package, held) in &held {
                pkgsets::set_held(tx, tag, package, held).await?;
            }
            let chunks = packed.iter().map(|chunk| chunk.reference.clone()).collect();
            pkgsets::put_packed(tx, packed).await?;
            return Ok(chunks);
        }
    };
    for (package, choice) in choices {
        pkgsets::set_held(tx, tag, &package, &choice.held).await?;
        draft.set(tx, &package, choice.entry).await?;
    }
    draft.finish(tx).await
}

/// What a new revision adds or removes: how much, and the first names.
#[derive(Default)]
struct Amount {
    builds: i64,
    rpms: i64,
    nvrs: Vec<String>,
}

impl Amount {
    fn count(&mut self, build: &BuildEntry) {
        self.builds += 1;
        self.rpms += build.rpms.len() as i64;
        if self.nvrs.len() < MOST_LISTED {
            self.nvrs.push(build.nvr.to_string());
        }
    }
}

#[derive(Default)]
struct Changed {
    added: Amount,
    removed: Amount,
}

impl Changed {
    async fn between(tx: &mut Tx, old: &[ChunkRef], new: &[ChunkRef]) -> Result<Self, store::Error> {
        let (mut changed, mut differences) = (Self::default(), Differences::new(old, new));
        while let Some(change) = differences.next(tx).await? {
            match change {
                Change::Added(build) => changed.added.count(&build),
                Change::Removed(build) => changed.removed.count(&build),
            }
        }
        Ok(changed)
    }
}

fn changed_body(tag: &TagName, revision: &Revision, change: Changed) -> Map<String, Value> {
    let Changed { added, removed } = change;
    let truncated = added.builds.max(removed.builds) > MOST_LISTED as i64;
    let body = json!({
        "tag": tag,
        "revision": revision.number,
        "event": revision.event_id,
        "digest": revision.digest,
        "arches": revision.arches,
        "builds": {
            "added": added.nvrs,
            "removed": removed.nvrs,
            "truncated": truncated,
        },
        "packages": revision.builds,
        "rpms": revision.rpms,
    });
    body.as_object().cloned().unwrap_or_default()
}
