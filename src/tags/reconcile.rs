//! Is a tag's package set what the build system's rows amount to? Computed, compared, and written only
//! where it differs.
//!
//! Takes no hint about what changed but which packages may have: what they are now is asked. An equal
//! result wakes nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Answer, NewSet};
use super::pkgset::{self, Draft, Size};
use super::select::{Choice, Wanted};
use super::told::{Changed, changed_body};
use super::{Error, Tags, turn};
use crate::config::{FollowRule, Live};
use crate::model::{Arch, PackageName, TagName, chain};
use crate::outbox;
use crate::store::pkgsets::{self, ChunkRef, Held, Revision};
use crate::store::tag_links;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, Write};

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
        let (mut tx, now) = (self.db.read().await?, self.clock.monotonic_millis());
        let last = wakeups::last(&mut tx, Room::Tags).await?;
        let mut names: Vec<String> = Vec::new();
        for (name, _) in wakeups::keys(&mut tx, Room::Tags).await? {
            let is_passed_over = failed.contains(&name) || self.put_off.holds(&name, now);
            names.extend((!is_passed_over).then_some(name));
        }
        if names.len() > 1 {
            names = turn::in_turn(names, &tag_links::open_links(&mut tx).await?);
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
        // Who runs without the service sees for himself what signatures are worth; a hub's files are its own to read.
        if self.local().is_some() && self.verifies() && self.learn_woken().await? > 0 {
            self.reconcile(tag).await?;
        }
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
            let mut answer = match rule {
                Some(rule) => self.ask(tag, rule, &wake_ups, before.as_ref()).await?,
                None => None,
            };
            if let Some(answer) = &mut answer {
                answer.caused = wakeups::first_cause(&wake_ups);
            }
            let mut tx = self.db.write().await?;
            if !still_holds(&mut tx, tag, before.as_ref(), &wake_ups, answer.as_ref()).await? {
                continue;
            }
            if let (Some(answer), Some(rule)) = (answer, rule) {
                self.want(&mut tx, &answer.wanted, answer.caused).await?;
                if before.is_some() && self.is_put_off(&mut tx, tag, &answer.wanted).await? {
                    tx.commit().await?;
                    self.bells.files.ring();
                    return Ok(());
                }
                let arches = answer.arches.clone();
                self.write(&mut tx, tag, rule, before, answer).await?;
                // Blocks, and what is inherited, count for external repositories also where the set stays as it is.
                self.wake_merged(&mut tx, tag, &arches).await?;
            }
            if let Some(last) = wake_ups.iter().map(|wake_up| wake_up.sequence).max() {
                wakeups::done_until(&mut tx, Room::Tags, tag.as_str(), last).await?;
            }
            tx.commit().await?;
            self.bells.files.ring();
            self.bells.repos.ring();
            self.bells.merged.ring();
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
        if before.is_none() && answer.wanted.pending > 0 {
            // A first repository with most packages missing would help nobody.
            return Ok(put_waiting(tx, tag, answer.set).await?);
        }
        let old_chunks = before.as_ref().map_or(&[][..], |revision| &revision.chunks);
        let patched = matches!(answer.set, NewSet::Patched(_));
        let (chunks, known) = put_set(tx, tag, old_chunks, answer.set).await?;
        let digest = pkgset::digest(&answer.arches, &chunks);
        if before.as_ref().is_some_and(|revision| revision.digest == digest) {
            // A restart or a changed rule may still have something to say to the repositories.
            return if patched { Ok(()) } else { self.wake_repos(tx, tag, rule, &answer.arches).await };
        }
        let was = before.as_ref().map(size_of).unwrap_or_default();
        let change = Changed::between(tx, old_chunks, &chunks, known.map(|size| (was, size))).await?;
        let size = was.after(change.added.size, change.removed.size);
        let revision = Revision {
            number: before.as_ref().map_or(1, |revision| revision.number + 1),
            digest,
            event_id: answer.event,
            arches: answer.arches,
            chunks,
            builds: size.builds,
            rpms: size.rpms,
            made_at: self.clock.micros(),
            caused_at: answer.caused,
        };
        pkgsets::put(tx, tag, &revision).await?;
        let (more, less) = (change.added.size.builds, change.removed.size.builds);
        let body = changed_body(tag, &revision, change);
        outbox::tell(tx, &self.clock, "tannery.tag.changed", tag.as_str(), body).await?;
        tracing::info!(
            tag.name = %tag, revision = revision.number, builds = revision.builds, added = more, removed = less,
            "{tag} is at revision {}: {more} builds came, {less} went", revision.number
        );
        self.wake_repos(tx, tag, rule, &revision.arches).await
    }

    /// Wakes who learns of builds.
    async fn want(&self, tx: &mut Write, wanted: &Wanted, caused: Option<i64>) -> Result<(), store::Error> {
        let wants: BTreeSet<(String, &str)> =
            wanted.all.iter().map(|want| (want.build_id.to_string(), want.part.as_str())).collect();
        let wake_ups: Vec<(&str, &str)> = wants.iter().map(|(build, part)| (build.as_str(), *part)).collect();
        wakeups::wake_unwoken(tx, Room::Files, &wake_ups, self.clock.micros(), caused).await
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

fn size_of(revision: &Revision) -> Size {
    Size { builds: revision.builds, rpms: revision.rpms }
}

/// Says what is held of a set that is not made yet.
async fn put_waiting(tx: &mut Write, tag: &TagName, set: NewSet) -> Result<(), store::Error> {
    pkgsets::clear_held(tx, tag).await?;
    let held: Vec<Held> = match set {
        NewSet::Patched(choices) | NewSet::Like(_, _, choices) => {
            choices.into_values().flat_map(|choice| choice.held).collect()
        }
        NewSet::Whole(_, _, held) => held,
    };
    pkgsets::put_held(tx, tag, &held).await
}

/// Says what is held, and gives the chunks of the new set; also how much is in them, where that is known
/// without what it was before.
async fn put_set(
    tx: &mut Write,
    tag: &TagName,
    old: &[ChunkRef],
    set: NewSet,
) -> Result<(Vec<ChunkRef>, Option<Size>), store::Error> {
    match set {
        NewSet::Patched(choices) => Ok((patch(tx, tag, old, choices).await?, None)),
        NewSet::Like(other, revision, choices) => {
            pkgsets::copy_held(tx, &other, tag).await?;
            let chunks = patch(tx, tag, &revision.chunks, choices).await?;
            let own = Changed::between(tx, &revision.chunks, &chunks, None).await?;
            Ok((chunks, Some(size_of(&revision).after(own.added.size, own.removed.size))))
        }
        NewSet::Whole(packed, size, held) => {
            pkgsets::clear_held(tx, tag).await?;
            pkgsets::put_held(tx, tag, &held).await?;
            let chunks = packed.iter().map(|chunk| chunk.reference.clone()).collect();
            pkgsets::put_packed(tx, packed).await?;
            Ok((chunks, Some(size)))
        }
    }
}

async fn patch(
    tx: &mut Write,
    tag: &TagName,
    chunks: &[ChunkRef],
    choices: BTreeMap<PackageName, Choice>,
) -> Result<Vec<ChunkRef>, store::Error> {
    let packages: Vec<&PackageName> = choices.keys().collect();
    pkgsets::forget_held(tx, tag, &packages).await?;
    let held: Vec<Held> = choices.values().flat_map(|choice| choice.held.clone()).collect();
    pkgsets::put_held(tx, tag, &held).await?;
    let mut draft = Draft::of(chunks);
    for (package, choice) in choices {
        draft.set(tx, &package, choice.entries).await?;
    }
    draft.finish(tx).await
}
