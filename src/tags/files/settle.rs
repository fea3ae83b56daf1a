//! What was learned of builds: how is it kept, and whom does it wake? One transaction for all that has ended.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{FutureExt, StreamExt};

use super::keep::keep_verdicts;
use super::whole::Rest;
use super::{Ended, Learner, is_to_compare, is_to_judge, key};
use crate::model::{PackageName, TagName, chain};
use crate::store::pkgsets;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{Write, mirror, tag_links, tag_settings};
use crate::tags::Error;
use crate::tags::ask::is_for_whole;

/// How something that was to be learned stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is learned, or there is nothing to learn.
    Done,
    /// Some of it is, and the rest is next.
    HasMore,
    /// It failed, and is tried again later.
    Failed,
    /// The tag's answers do not have it: it is asked about by itself.
    Singly,
}

impl Ended {
    /// Returns the builds whose RPMs are known by this.
    fn listed(&self) -> Vec<i64> {
        match self {
            Self::Listed(listed) => listed.iter().map(|(_, id, _)| *id).collect(),
            Self::Part(part) => part.listed.iter().filter_map(|(_, id, said)| said.as_ref().map(|_| *id)).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns what was begun.
    fn wake_ups(&self) -> Vec<WakeUp> {
        match self {
            Self::Listed(listed) => listed.iter().map(|(wake_up, ..)| wake_up.clone()).collect(),
            Self::Part(part) => part.listed.iter().map(|(wake_up, ..)| wake_up.clone()).collect(),
            Self::Compared(wake_up, _) => vec![wake_up.clone()],
            Self::NotWhole(wake_ups, ..) => wake_ups.clone(),
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
        let rest = self.free(&mut all, &of_each);
        let listed: Vec<i64> = all.iter().flat_map(Ended::listed).collect();
        let caused = wakeups::first_cause(of_each.iter().flatten());
        let is_compared = all.iter().any(|ended| matches!(ended, Ended::Compared(..)));
        let stands = self.keep(all, &of_each).await?;
        if let Some(rest) = rest {
            self.is_asking_whole = true;
            self.busy.extend(rest.wake_ups().map(key));
            self.begin(async move { Ended::Part(Box::new(rest.next())) });
        }
        // What failed together comes back together.
        let now = self.tags.clock.monotonic_millis();
        for (wake_up, stand) in of_each.into_iter().flatten().zip(stands) {
            self.stands(wake_up, stand, now);
        }
        if !listed.is_empty() {
            self.tags.want_files(&listed, caused).await?;
        }
        if is_compared {
            self.tags.bells.files.ring();
        }
        self.tags.bells.tags.ring();
        Ok(())
    }

    /// Frees the places of what has ended; gives what is still to be kept of what the hub said of a tag.
    fn free(&mut self, all: &mut [Ended], of_each: &[Vec<WakeUp>]) -> Option<Rest> {
        let mut rest = None;
        for (ended, wake_ups) in all.iter_mut().zip(of_each) {
            match ended {
                Ended::Part(part) => {
                    rest = part.rest.take();
                    self.is_asking_whole = false;
                    for wake_up in rest.iter().flat_map(Rest::wake_ups) {
                        self.busy.remove(&key(wake_up));
                    }
                }
                Ended::NotWhole(..) | Ended::Compared(..) => self.is_asking_whole = false,
                _ => match wake_ups.first() {
                    Some(wake_up) if wake_up.part.is_empty() => self.listings -= 1,
                    Some(wake_up) if is_to_judge(wake_up) => self.judging -= 1,
                    _ => self.reading -= 1,
                },
            }
            for wake_up in wake_ups {
                self.busy.remove(&key(wake_up));
            }
        }
        rest
    }

    /// Goes on with what was begun for a wake-up.
    fn stands(&mut self, wake_up: WakeUp, stand: Stand, now: u64) {
        match stand {
            Stand::Done => {
                self.failures.remove(&key(&wake_up));
                self.singly.remove(&key(&wake_up));
                self.done += 1;
            }
            Stand::HasMore if is_to_judge(&wake_up) => self.to_judge.push_front(wake_up),
            Stand::HasMore => self.to_read.push_front(wake_up),
            Stand::Singly => {
                self.singly.insert(key(&wake_up));
                self.to_list.push_back(wake_up);
            }
            Stand::Failed => self.failed(&wake_up, now),
        }
    }

    /// Leaves something that failed by `now` alone for a while.
    fn failed(&mut self, wake_up: &WakeUp, now: u64) {
        let (pause, longest) = self.pauses();
        let times = self.failures.get(&key(wake_up)).map_or(1, |(times, _)| times + 1);
        let pause = pause.saturating_mul(1 << (times - 1).min(16)).min(longest);
        let until = now.saturating_add(pause.as_millis() as u64);
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
                Ended::Part(part) => {
                    for (_, id, said) in part.listed {
                        stands.push(self.keep_part(&mut tx, id, said, &mut changed).await?);
                    }
                }
                Ended::Compared(_, builds) => {
                    tags.list_again(&mut tx, &builds).await?;
                    stands.push(Stand::Done);
                }
                Ended::NotWhole(wake_ups, error, is_refused) => {
                    let error = chain(&error);
                    tracing::info!(error, "{} builds are asked about again: {error}", wake_ups.len());
                    let stand = if is_refused { Stand::Singly } else { Stand::Failed };
                    stands.extend(wake_ups.iter().map(|_| stand));
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
        let untried =
            pending.iter().filter(|wake_up| !is_to_compare(wake_up) && !self.failures.contains_key(&key(wake_up)));
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
