//! Is a tag's package set what the build system's rows amount to? Computed, compared, and written only
//! where it differs.
//!
//! Takes no hint about what changed but which packages may have: what they are now is asked. An equal
//! result wakes nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::pkgset::{self, Draft};
use super::select::{self, Candidate, Choice};
use super::{Error, Order, Tags};
use crate::buildsys::{BuildFiles, Facts};
use crate::config::{FollowRule, Live};
use crate::model::{Arch, BuildEntry, PackageName, TagName, chain};
use crate::outbox;
use crate::store::pkgsets::{self, ChunkRef, Revision};
use crate::store::tags::NOW;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Tx, Write};

/// Most builds that one message lists.
const MOST_LISTED: usize = 1000;

/// Past so many packages to look at, the whole tag is read at once.
const WHOLE_FROM: usize = 200;

/// What the build system's rows amount to.
struct Answer {
    event: i64,
    arches: Vec<Arch>,
    choices: BTreeMap<PackageName, Choice>,
    /// Whether every package of the tag is in `choices`.
    whole: bool,
}

impl Tags {
    /// Brings every tag that was woken up to date; gives how many tags. Of several errors the first is
    /// returned, after all have had their turn; those stay woken.
    pub async fn reconcile_woken(&self) -> Result<usize, Error> {
        let woken = wakeups::pending(&mut self.db.read().await?, Room::Tags).await?;
        let names: BTreeSet<String> = woken.into_iter().map(|wake_up| wake_up.key).collect();
        let mut first = None;
        for name in &names {
            // What is wrong with one tag keeps no other waiting.
            if let Err(error) = self.reconcile_named(name).await {
                tracing::error!(tag.name = name, error = %chain(&error), "{name} cannot be brought up to date");
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(names.len()), Err)
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
            let (before, wake_ups) = state(&mut self.db.read().await?, tag).await?;
            if before.is_some() && wake_ups.is_empty() {
                return Ok(());
            }
            let answer = match rule {
                Some(rule) => self.ask(tag, rule, &wake_ups, before.is_some()).await?,
                None => None,
            };
            let mut tx = self.db.write().await?;
            // Another process may have been here meanwhile. Its revision is the one to go on from; and
            // where it took a wake-up away, it may have seen what came after our question.
            let (newest, left) = state(&mut tx, tag).await?;
            let taken = |wake_up: &WakeUp| left.iter().all(|still| still.part != wake_up.part);
            if newest != before || wake_ups.iter().any(taken) {
                continue;
            }
            if let (Some(answer), Some(rule)) = (answer, rule) {
                self.write(&mut tx, tag, rule, before, answer).await?;
            }
            for wake_up in &wake_ups {
                wakeups::done(&mut tx, Room::Tags, wake_up).await?;
            }
            tx.commit().await?;
            self.bells.repos.ring();
            self.bells.outbox.ring();
            return Ok(());
        }
    }

    async fn ask(
        &self,
        tag: &TagName,
        rule: &FollowRule,
        wake_ups: &[WakeUp],
        known: bool,
    ) -> Result<Option<Answer>, Error> {
        let whole = !known || wake_ups.len() > WHOLE_FROM || wake_ups.iter().any(|wake_up| wake_up.part.is_empty());
        if whole {
            let Some(facts) = self.buildsys.facts(tag, None, NOW).await? else { return Ok(None) };
            let choices = self.decide(select::candidates(&facts), rule).await?;
            return Ok(Some(Answer { event: facts.event, arches: arches(&facts, rule), choices, whole: true }));
        }
        let mut answer: Option<Answer> = None;
        for wake_up in wake_ups {
            let package: PackageName = store::db::parse("wakeups.part", &wake_up.part)?;
            let Some(facts) = self.buildsys.facts(tag, Some(&package), NOW).await? else { return Ok(None) };
            let mut choices = self.decide(select::candidates(&facts), rule).await?;
            let choice = choices.remove(&package).unwrap_or_default();
            let answer = answer.get_or_insert_with(|| Answer {
                event: facts.event,
                arches: arches(&facts, rule),
                choices: BTreeMap::new(),
                whole: false,
            });
            answer.choices.insert(package, choice);
        }
        Ok(answer)
    }

    /// Decides on every package; files are read only of builds that come into question.
    async fn decide(
        &self,
        candidates: BTreeMap<PackageName, Vec<Candidate>>,
        rule: &FollowRule,
    ) -> Result<BTreeMap<PackageName, Choice>, Error> {
        let mut choices = BTreeMap::new();
        let mut open: Vec<(PackageName, Vec<Candidate>)> = candidates.into_iter().collect();
        let mut builds: BTreeMap<i64, BuildFiles> = BTreeMap::new();
        let mut depth = 0;
        while !open.is_empty() {
            let ids: Vec<i64> = open.iter().filter_map(|(_, list)| list.get(depth)).map(|c| c.build_id).collect();
            for files in self.buildsys.builds(&ids).await? {
                builds.insert(files.build.id, files);
            }
            depth += 1;
            let mut undecided = Vec::new();
            for (package, list) in open {
                let looked_at = &list[..depth.min(list.len())];
                let choice = select::choose(looked_at, &builds, &rule.signatures);
                if choice.entry.is_none() && depth < list.len() {
                    undecided.push((package, list));
                } else {
                    choices.insert(package, choice);
                }
            }
            open = undecided;
        }
        Ok(choices)
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
        let chunks = draft(tx, tag, old_chunks, answer.choices, answer.whole).await?;
        let digest = pkgset::digest(&answer.arches, &chunks);
        if before.as_ref().is_some_and(|revision| revision.digest == digest) {
            // A restart or a changed rule may still have something to say to the repositories.
            return if answer.whole { self.wake_repos(tx, tag, rule, &answer.arches).await } else { Ok(()) };
        }
        let change = pkgset::difference(tx, old_chunks, &chunks).await?;
        let count =
            |builds: &[BuildEntry]| (builds.len() as i64, builds.iter().map(|b| b.rpms.len() as i64).sum::<i64>());
        let ((more, more_rpms), (less, less_rpms)) = (count(&change.added), count(&change.removed));
        let revision = Revision {
            number: before.as_ref().map_or(1, |revision| revision.number + 1),
            digest,
            event_id: answer.event,
            arches: answer.arches,
            chunks,
            builds: before.as_ref().map_or(0, |revision| revision.builds) + more - less,
            rpms: before.as_ref().map_or(0, |revision| revision.rpms) + more_rpms - less_rpms,
            made_at: self.clock.micros(),
        };
        pkgsets::put(tx, tag, &revision).await?;
        let body = changed_body(tag, &revision, &change);
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
        for repo in rule.repos_of(arches).names() {
            wakeups::wake(tx, Room::Repos, tag.as_str(), &repo.to_string(), self.clock.micros()).await?;
        }
        Ok(())
    }
}

/// Returns a tag's newest revision, and what woke the tag since.
async fn state(tx: &mut Tx, tag: &TagName) -> Result<(Option<Revision>, Vec<WakeUp>), store::Error> {
    let mut woken = wakeups::pending(tx, Room::Tags).await?;
    woken.retain(|wake_up| wake_up.key == tag.as_str());
    Ok((pkgsets::newest(tx, tag).await?, woken))
}

fn arches(facts: &Facts, rule: &FollowRule) -> Vec<Arch> {
    rule.repos_of(&Order::of(facts).arches(facts)).arches
}

/// Says what is held, and gives the chunks of the new set.
async fn draft(
    tx: &mut Write,
    tag: &TagName,
    old: &[ChunkRef],
    choices: BTreeMap<PackageName, Choice>,
    whole: bool,
) -> Result<Vec<ChunkRef>, store::Error> {
    let mut builds = Vec::new();
    let mut draft = Draft::of(old);
    if whole {
        pkgsets::clear_held(tx, tag).await?;
    }
    for (package, choice) in choices {
        if !(whole && choice.held.is_empty()) {
            pkgsets::set_held(tx, tag, &package, &choice.held).await?;
        }
        if whole {
            builds.extend(choice.entry);
        } else {
            draft.set(tx, &package, choice.entry).await?;
        }
    }
    let draft = if whole { Draft::from_scratch(builds) } else { draft };
    draft.finish(tx).await
}

fn changed_body(tag: &TagName, revision: &Revision, change: &pkgset::Difference) -> Map<String, Value> {
    let nvrs = |builds: &[BuildEntry]| builds.iter().take(MOST_LISTED).map(|b| b.nvr.to_string()).collect::<Vec<_>>();
    let truncated = change.added.len() > MOST_LISTED || change.removed.len() > MOST_LISTED;
    let body = json!({
        "tag": tag,
        "revision": revision.number,
        "event": revision.event_id,
        "digest": revision.digest,
        "arches": revision.arches,
        "builds": {
            "added": nvrs(&change.added),
            "removed": nvrs(&change.removed),
            "truncated": truncated,
        },
        "packages": revision.builds,
        "rpms": revision.rpms,
    });
    body.as_object().cloned().unwrap_or_default()
}
