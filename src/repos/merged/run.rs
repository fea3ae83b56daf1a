//! When is an external repository looked at, and when is a merged one made? By the clock, and when something wakes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::At;
use crate::config::FollowRule;
use crate::lifecycle::Bell;
use crate::model::{Blake3, chain};
use crate::repos::{Error, Repos};
use crate::store::externals::{self, Copy, Use};
use crate::store::merged;
use crate::store::wakeups::{self, Room, WakeUp};

/// How many external repositories are looked at at once.
const LOOKS: usize = 4;

/// How many repositories are merged at once: each reads all of several ones.
const MERGES: usize = 1;

/// Longest wait without a ring: another process may have woken a repository.
const LOOK: Duration = Duration::from_secs(1);

/// The pause after a first look that failed, and the longest, to which it doubles where looks are rarer than that.
const LOOK_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// The pause after a first merge that failed, and the longest, to which it doubles.
const MERGE_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(600));

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Look(String),
    Merge(String, String),
}

/// What is under way, and what failed.
#[derive(Default)]
struct InHand {
    running: JoinSet<(Work, Result<(), Error>)>,
    busy: BTreeSet<Work>,
    /// How often something failed in a row, and until when it is left alone, by the steady clock.
    failures: BTreeMap<Work, (u32, u64)>,
}

impl InHand {
    fn looks(&self) -> usize {
        self.busy.iter().filter(|work| matches!(work, Work::Look(_))).count()
    }

    /// Returns whether one more thing may begin, and is not left alone.
    fn has_room_for(&self, work: &Work, now: u64) -> bool {
        let has_room = match work {
            Work::Look(_) => self.looks() < LOOKS,
            Work::Merge(..) => self.busy.len() - self.looks() < MERGES,
        };
        has_room && !self.busy.contains(work) && self.failures.get(work).is_none_or(|(_, until)| *until <= now)
    }
}

impl Repos {
    /// Keeps all merged repositories current until cancelled. What is under way then is broken off, and begun again
    /// after the next start.
    pub async fn merge(self, bell: Bell, cancel: CancellationToken) {
        if let Err(error) = self.wake_known().await {
            tracing::error!(error = %chain(&error), "merged repositories of an earlier run could not be woken");
        }
        let mut in_hand = InHand::default();
        while !cancel.is_cancelled() {
            if let Err(error) = self.begin_merging(&mut in_hand).await {
                tracing::error!(error = %chain(&error), "cannot see which repositories are to be merged");
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                Some(ended) = in_hand.running.join_next() => match ended {
                    Ok((work, result)) => self.ended_merging(work, result, &mut in_hand),
                    // A panic is a mistake of ours; whose it was is not told, so all are free again.
                    Err(error) => {
                        tracing::error!(%error, "merging a repository panicked");
                        in_hand.busy.clear();
                    }
                },
                () = bell.heard(LOOK) => {}
            }
        }
        in_hand.running.shutdown().await;
    }

    /// Merges everything that is woken now, and looks at what is due before, one after the other. The service has
    /// [`Repos::merge`]; this is for who goes through the steps himself.
    ///
    /// # Errors
    /// The first that fails.
    pub async fn merge_woken(&self) -> Result<(), Error> {
        for _ in 0..2 {
            for (copy, dirs) in self.due_looks().await? {
                self.look(copy, &dirs).await?;
            }
            for wake_up in wakeups::pending(&mut self.db.read().await?, Room::Merged).await? {
                self.reconcile_merged(&wake_up).await?;
            }
        }
        Ok(())
    }

    /// Wakes what there is of earlier runs: it may be wanted no longer, or be only half in place.
    pub(in crate::repos) async fn wake_known(&self) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        let known = merged::known(&mut tx).await?;
        let wake_ups: Vec<(&str, &str)> = known.iter().map(|(tag, arch)| (tag.as_str(), arch.as_str())).collect();
        wakeups::wake_each(&mut tx, Room::Merged, &wake_ups, self.clock.micros()).await?;
        Ok(tx.commit().await?)
    }

    async fn begin_merging(&self, in_hand: &mut InHand) -> Result<(), Error> {
        let now = self.clock.monotonic_millis();
        for (copy, dirs) in self.due_looks().await? {
            let work = Work::Look(copy.url.clone());
            if in_hand.has_room_for(&work, now) {
                in_hand.busy.insert(work.clone());
                let repos = self.clone();
                in_hand.running.spawn(async move { (work, repos.look(copy, &dirs).await) });
            }
        }
        for wake_up in wakeups::pending(&mut self.db.read().await?, Room::Merged).await? {
            let work = Work::Merge(wake_up.key.clone(), wake_up.part.clone());
            if in_hand.has_room_for(&work, now) && self.may_sign(&wake_up).await? {
                in_hand.busy.insert(work.clone());
                let repos = self.clone();
                in_hand.running.spawn(async move { (work, repos.reconcile_merged(&wake_up).await) });
            }
        }
        Ok(())
    }

    /// Returns the external repositories that are due to be looked at, with the directories that they may lie in.
    async fn due_looks(&self) -> Result<Vec<(Copy, Vec<PathBuf>)>, Error> {
        let mut tx = self.db.read().await?;
        let copies = externals::all(&mut tx).await?;
        if copies.is_empty() {
            return Ok(Vec::new());
        }
        let uses = externals::uses(&mut tx).await?;
        drop(tx);
        let now = self.clock.micros();
        let mut due = Vec::new();
        for copy in copies {
            let rules = self.rules_of(&copy, &uses);
            let Some(every) = rules.iter().map(|rule| rule.repos.external_every).min() else { continue };
            if is_due(&copy, every, now) {
                due.push((copy, rules.iter().flat_map(|rule| rule.repos.external_dirs.clone()).collect()));
            }
        }
        Ok(due)
    }

    /// Returns the rules of the tags that merge an external repository.
    fn rules_of(&self, copy: &Copy, uses: &[Use]) -> Vec<&FollowRule> {
        let tags = uses.iter().filter(|one| one.url == copy.url).map(|one| &one.tag);
        tags.filter_map(|tag| self.config.follow.for_tag(tag)).filter(|rule| rule.merges()).collect()
    }

    /// Returns whether the last signed generation is old enough to be followed by another.
    async fn may_sign(&self, wake_up: &WakeUp) -> Result<bool, Error> {
        let (Ok(tag), Ok(arch)) = (wake_up.key.parse(), wake_up.part.parse()) else { return Ok(true) };
        let at = At { tag, arch };
        let signed = self.config.follow.for_tag(&at.tag).filter(|rule| !rule.repos.sign_command.is_empty());
        let Some(rule) = signed else { return Ok(true) };
        let last = merged::current(&mut self.db.read().await?, &at.tag, &at.arch).await?;
        // Of a clock that was set back nothing is known.
        let passed = last.and_then(|last| u64::try_from(self.clock.micros() - last.made_at).ok());
        Ok(passed.is_none_or(|passed| Duration::from_micros(passed) >= rule.repos.sign_every))
    }

    fn ended_merging(&self, work: Work, result: Result<(), Error>, in_hand: &mut InHand) {
        in_hand.busy.remove(&work);
        let Err(error) = result else {
            in_hand.failures.remove(&work);
            return;
        };
        let times = in_hand.failures.get(&work).map_or(1, |(times, _)| times + 1);
        let pause = grown(MERGE_PAUSES, times);
        tracing::debug!(error = %chain(&error), times, "{work:?} failed; next try in {} ms", pause.as_millis());
        in_hand.failures.insert(work, (times, self.clock.monotonic_millis() + pause.as_millis() as u64));
    }
}

fn grown((first, longest): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1 << times.saturating_sub(1).min(16)).min(longest)
}

/// Returns whether an external repository is to be looked at. Looks at different ones are spread by a hash of the URL, so
/// that those of a hundred do not fall together.
fn is_due(copy: &Copy, every: Duration, now: i64) -> bool {
    let Some(tried_at) = copy.tried_at else { return true };
    // A clock that was set back would leave it alone for ever.
    let Ok(passed) = u64::try_from(now - tried_at) else { return true };
    let wait = if copy.failures > 0 {
        grown(LOOK_PAUSES, u32::try_from(copy.failures).unwrap_or(u32::MAX)).min(every)
    } else {
        let share = u32::from(Blake3::of(copy.url.as_bytes()).as_bytes()[0]);
        every - every / 10 * share / 255
    };
    Duration::from_micros(passed) >= wait
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(url: &str, failures: i64) -> Copy {
        Copy {
            url: url.to_owned(),
            repomd: None,
            etag: None,
            last_modified: None,
            changed_at: None,
            tried_at: Some(1_000_000_000),
            failing_since: None,
            failures,
            problem: None,
        }
    }

    /// Returns after how many seconds it is due.
    fn due_after(copy: &Copy, every: u64) -> i64 {
        let is_due = |seconds: &i64| is_due(copy, Duration::from_secs(every), 1_000_000_000 + seconds * 1_000_000);
        (0..=10_000).find(is_due).unwrap()
    }

    #[test]
    fn looks_are_spread_and_never_later_than_asked_for() {
        let after: BTreeSet<i64> = (0..50).map(|n| due_after(&copy(&format!("http://h/{n}"), 0), 900)).collect();
        assert!(after.len() > 10 && after.iter().all(|seconds| (810..=900).contains(seconds)), "{after:?}");
        let new = Copy { tried_at: None, ..copy("http://h", 0) };
        assert!(is_due(&new, Duration::from_secs(900), 0));
        assert!(is_due(&copy("http://h", 0), Duration::from_secs(900), 5), "the clock was set back");
    }

    #[test]
    fn one_that_fails_is_tried_again_soon_then_seldom_but_never_more_seldom_than_all() {
        let after: Vec<i64> =
            [1, 2, 3, 5, 40].into_iter().map(|times| due_after(&copy("http://h", times), 900)).collect();
        assert_eq!(after, [1, 2, 4, 16, 600]);
        assert_eq!(due_after(&copy("http://h", 40), 60), 60);
    }
}
