//! What was learned of builds: how is it kept, and whom does it wake? One transaction for all that has ended.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, StreamExt};

use super::judge::Judged;
use super::{Ended, Learner, is_to_judge, key};
use crate::buildsys::koji::Files;
use crate::buildsys::koji::files::Reading;
use crate::model::{PackageName, TagName, chain};
use crate::store::builds::{self, BuildRow, BuildState};
use crate::store::hub_rpms::{self, HubRpms};
use crate::store::pkgsets;
use crate::store::verdicts::{self, Verdict};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{self, Write, mirror, tag_links, tag_settings};
use crate::tags::ask::is_for_whole;
use crate::tags::{Error, Tags};

/// How something that was to be learned stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// It is learned, or there is nothing to learn.
    Done,
    /// Some of it is, and the rest is next.
    HasMore,
    /// It failed, and is tried again later.
    Failed,
}

impl Ended {
    /// Returns what was begun.
    fn wake_ups(&self) -> Vec<WakeUp> {
        match self {
            Self::Listed(listed) => listed.iter().map(|(wake_up, ..)| wake_up.clone()).collect(),
            Self::Read(read) => vec![read.0.clone()],
            Self::Judged(wake_up, _) => vec![wake_up.clone()],
            Self::Void(wake_ups) | Self::Failed(wake_ups, _) => wake_ups.clone(),
        }
    }
}

impl Learner {
    /// Keeps what was learned, and wakes whom it may matter to. All that has ended is one transaction.
    pub(super) async fn settle(&mut self, first: Ended) -> Result<(), Error> {
        let mut all = vec![first];
        while let Some(Some(ended)) = self.under_way.next().now_or_never() {
            all.push(ended);
        }
        let of_each: Vec<Vec<WakeUp>> = all.iter().map(Ended::wake_ups).collect();
        for wake_ups in &of_each {
            if wake_ups.iter().any(|wake_up| wake_up.part.is_empty()) {
                self.listings -= 1;
            }
            self.judging -= wake_ups.iter().filter(|wake_up| is_to_judge(wake_up)).count();
            for wake_up in wake_ups {
                self.busy.remove(&key(wake_up));
            }
        }
        let listed = all.iter().filter_map(|ended| match ended {
            Ended::Listed(listed) => Some(listed.iter().map(|(_, id, _)| *id)),
            _ => None,
        });
        let listed: Vec<i64> = listed.flatten().collect();
        let caused = wakeups::first_cause(of_each.iter().flatten());
        let stands = self.keep(all, &of_each).await?;
        for (wake_up, stand) in of_each.into_iter().flatten().zip(stands) {
            match stand {
                Stand::Done => {
                    self.failures.remove(&key(&wake_up));
                    self.done += 1;
                }
                Stand::HasMore if is_to_judge(&wake_up) => self.to_judge.push_front(wake_up),
                Stand::HasMore => self.to_read.push_front(wake_up),
                Stand::Failed => self.failed(&wake_up),
            }
        }
        if !listed.is_empty() {
            self.tags.want_files(&listed, caused).await?;
        }
        self.tags.bells.tags.ring();
        Ok(())
    }

    /// Leaves something alone for a while.
    fn failed(&mut self, wake_up: &WakeUp) {
        let (pause, longest) = self.pauses();
        let times = self.failures.get(&key(wake_up)).map_or(1, |(times, _)| times + 1);
        let pause = pause.saturating_mul(1 << (times - 1).min(16)).min(longest);
        let until = self.tags.clock.monotonic_millis().saturating_add(pause.as_millis() as u64);
        self.failures.insert(key(wake_up), (times, until));
    }

    async fn keep(&mut self, all: Vec<Ended>, of_each: &[Vec<WakeUp>]) -> Result<Vec<Stand>, Error> {
        let tags = self.tags.clone();
        let mut tx = tags.db.write().await?;
        let (mut changed, mut stands) = (BTreeSet::new(), Vec::new());
        for ended in all {
            match ended {
                Ended::Listed(listed) => {
                    for (_, id, answer) in listed {
                        stands.push(self.keep_listing(&mut tx, id, answer, &mut changed).await?);
                    }
                }
                Ended::Read(read) => {
                    let (wake_up, build, reading) = *read;
                    stands.push(tags.keep_reading(&mut tx, &wake_up.part, &build, reading, &mut changed).await?);
                }
                Ended::Judged(wake_up, judged) => {
                    stands.push(keep_verdicts(&mut tx, &wake_up, judged, &mut changed).await?);
                }
                Ended::Void(wake_ups) => stands.extend(wake_ups.iter().map(|_| Stand::Done)),
                Ended::Failed(wake_ups, error) => {
                    let (count, error) = (wake_ups.len(), chain(&error));
                    tracing::warn!(count, error, "{count} builds could not be learned of: {error}");
                    stands.extend(wake_ups.iter().map(|_| Stand::Failed));
                }
            }
        }
        for (wake_up, stand) in of_each.iter().flatten().zip(&stands) {
            if *stand == Stand::Done {
                wakeups::done(&mut tx, Room::Files, wake_up).await?;
            }
        }
        if !changed.is_empty() {
            let caused = wakeups::first_cause(of_each.iter().flatten());
            self.wake_standing(&mut tx, &changed.into_iter().collect::<Vec<_>>(), caused).await?;
        }
        tx.commit().await?;
        Ok(stands)
    }

    async fn keep_listing(
        &mut self,
        tx: &mut Write,
        id: i64,
        answer: Result<HubRpms, String>,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Stand, Error> {
        let now = self.tags.clock.micros();
        let build = builds::by_ids(tx, &[id]).await?.into_iter().find(|build| build.state == BuildState::Complete);
        let Some(build) = build else { return Ok(Stand::Done) };
        let new = match answer {
            Ok(new) => new,
            // What nobody has any more is asked for again if somebody ever does.
            Err(_) if mirror::standing(tx, &[id]).await?.is_empty() => return Ok(Stand::Done),
            Err(why) => {
                tracing::warn!(build = %build.nvr, why, "the RPMs of {} cannot be had from the hub: {why}", build.nvr);
                if hub_rpms::set_problem(tx, id, "", Some(&why), now).await? {
                    changed.insert(id);
                }
                return Ok(Stand::Failed);
            }
        };
        let old = hub_rpms::of_build(tx, id).await?;
        let new = match &old {
            Some(old) => Files::after(old, new),
            None => new,
        };
        let had_problem = hub_rpms::set_problem(tx, id, "", None, now).await?;
        if had_problem || old.as_ref() != Some(&new) {
            changed.insert(id);
            // What is there now may well be read.
            let name = id.to_string();
            self.failures.retain(|(build, _), _| *build != name);
            tell(&build, &new);
        }
        if let Some(old) = &old {
            let outdated = Files::outdated(&build.nvr, old, &new);
            let outdated: Vec<&str> = outdated.iter().map(String::as_str).collect();
            if builds::drop_copies(tx, id, &outdated).await? > 0 {
                changed.insert(id);
            }
        }
        hub_rpms::put(tx, id, &new, now).await?;
        Ok(Stand::Done)
    }

    /// Wakes every followed tag whose set may hold these builds, for their packages. One that has no set yet is left
    /// alone until all that it may wait for was tried: it has to be asked for whole each time.
    async fn wake_standing(&mut self, tx: &mut Write, ids: &[i64], caused: Option<i64>) -> Result<(), Error> {
        let mut packages_of: BTreeMap<TagName, Vec<PackageName>> = BTreeMap::new();
        for (tag, package) in mirror::standing(tx, ids).await? {
            packages_of.entry(tag).or_default().push(package);
        }
        let last = wakeups::last(tx, Room::Files).await?;
        let mut parts: BTreeMap<TagName, BTreeSet<PackageName>> = BTreeMap::new();
        let mut own_builds: BTreeMap<TagName, i64> = BTreeMap::new();
        for (tag, packages) in packages_of {
            let Some(known) = tag_settings::known(tx, self.tags.buildsys.id(), &tag).await? else { continue };
            for dependent in tag_links::dependents(tx, known.id).await? {
                if self.tags.config.follow.for_tag(&dependent).is_none() {
                    continue;
                }
                let Some((_, builds)) = pkgsets::newest_size(tx, &dependent).await? else {
                    self.waiting.insert(dependent, last);
                    continue;
                };
                if dependent == tag {
                    own_builds.insert(dependent.clone(), builds);
                }
                parts.entry(dependent).or_default().extend(packages.iter().cloned());
            }
        }
        let mut wake_ups: Vec<(&str, &str)> = Vec::new();
        for (tag, packages) in &parts {
            let own_builds = own_builds.get(tag).copied().unwrap_or_default();
            match is_for_whole(packages.len(), own_builds) {
                true => wake_ups.push((tag.as_str(), "")),
                false => wake_ups.extend(packages.iter().map(|package| (tag.as_str(), package.as_str()))),
            }
        }
        Ok(wakeups::wake_for(tx, Room::Tags, &wake_ups, self.tags.clock.micros(), caused).await?)
    }

    /// Wakes tags without a set for which all that they waited for was tried, and lets those have their turn that were
    /// put off for as long; `pending` is all that is to be learned.
    pub(super) async fn wake_complete(&mut self, pending: &[WakeUp]) -> Result<(), Error> {
        let untried = pending.iter().filter(|wake_up| !self.failures.contains_key(&key(wake_up)));
        let first = untried.map(|wake_up| wake_up.sequence).min().unwrap_or(i64::MAX);
        if self.tags.put_off.tried(first) {
            self.tags.bells.tags.ring();
        }
        let complete: Vec<TagName> =
            self.waiting.iter().filter(|(_, last)| **last < first).map(|(tag, _)| tag.clone()).collect();
        if complete.is_empty() {
            return Ok(());
        }
        let wake_ups: Vec<(&str, &str)> = complete.iter().map(|tag| (tag.as_str(), "")).collect();
        let mut tx = self.tags.db.write().await?;
        wakeups::wake_each(&mut tx, Room::Tags, &wake_ups, self.tags.clock.micros()).await?;
        tx.commit().await?;
        for tag in &complete {
            self.waiting.remove(tag);
        }
        self.tags.bells.tags.ring();
        Ok(())
    }
}

/// Keeps what the signatures of a build are worth.
async fn keep_verdicts(
    tx: &mut Write,
    wake_up: &WakeUp,
    judged: Judged,
    changed: &mut BTreeSet<i64>,
) -> Result<Stand, store::Error> {
    let mut stand = if judged.has_more { Stand::HasMore } else { Stand::Done };
    for (file, verdict) in &judged.verdicts {
        if verdicts::put(tx, &judged.keys, file, verdict).await? {
            changed.extend(wake_up.key.parse::<i64>().ok());
        }
        if matches!(verdict, Verdict::Unknown { .. }) && !judged.has_more {
            stand = Stand::Failed;
        }
    }
    // What was not tried for want of a server holds nobody up for good.
    if let Some(error) = &judged.outage {
        tracing::warn!(build.id = wake_up.key, error = %chain(error), "signatures of a build cannot be looked at");
        stand = Stand::Failed;
    }
    Ok(stand)
}

/// Says what of a build is in no set, so that nobody wonders.
fn tell(build: &BuildRow, said: &HubRpms) {
    let (nvr, count) = (&build.nvr, said.left_out.len());
    if let Some(why) = &said.refusal {
        tracing::warn!(build = %nvr, why, "{nvr} can be in no set: {why}");
    }
    if let Some(first) = said.left_out.first() {
        tracing::info!(build = %nvr, count, "{count} RPMs of {nvr} have no file in the hub, {first} for one");
    }
}

impl Tags {
    async fn keep_reading(
        &self,
        tx: &mut Write,
        part: &str,
        build: &BuildRow,
        reading: Reading,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Stand, store::Error> {
        let (id, now) = (build.id, self.clock.micros());
        let said = hub_rpms::of_build(tx, id).await?;
        // What was read by a listing that is no more is read again.
        let mut stand = if reading.has_more { Stand::HasMore } else { Stand::Done };
        for file in &reading.files {
            if !said.as_ref().is_some_and(|said| Files::is_listed(&build.nvr, said, file)) {
                continue;
            }
            builds::put_rpm(tx, &file.row, &file.fragments).await?;
            if builds::replace_copy(tx, id, &file.location, &file.row.sha256).await? {
                changed.insert(id);
            }
            if let Some((exclusive, exclude)) = &file.arches {
                builds::set_arches(tx, id, exclusive, exclude).await?;
            }
        }
        let problem = reading.problem.as_ref().map(|error| chain(error));
        if let (Some(error), Some(why)) = (&reading.problem, &problem) {
            stand = Stand::Failed;
            tracing::warn!(build = %build.nvr, why, "a file of {} cannot be read: {why}", build.nvr);
            // What was not tried for want of a server holds nobody up for good.
            if error.is_outage() {
                return Ok(stand);
            }
            if reading.has_more && !reading.files.is_empty() {
                stand = Stand::HasMore;
            }
        }
        if stand != Stand::HasMore && hub_rpms::set_problem(tx, id, part, problem.as_deref(), now).await? {
            changed.insert(id);
        }
        Ok(stand)
    }
}
