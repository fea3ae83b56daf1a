//! When is which repository refreshed? Once its set is quiet, and never twice at once; shortly before, it is made
//! ready.
//!
//! What is decided here is turn and time. What a refresh does, and whether it has anything to do, is not.
//!
//! What may surprise: while a set is not quiet yet, segments of its repositories are made already, so that little
//! is left to do once it is. Nobody sees them before. Where the set changes again meanwhile, the refresh goes on
//! from there; so that no more than twice the work is done, a repository is made ready once for each refresh.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::reconcile::Start;
use super::{Error, Repos};
use crate::lifecycle::Bell;
use crate::model::{TagName, chain};
use crate::store::generations;
use crate::store::wakeups::{self, Room, WakeUp};

/// How many repositories are refreshed at once; as many besides are made ready.
const AT_ONCE: usize = 4;

/// How long before it is due a repository is made ready.
const AHEAD: Duration = Duration::from_secs(1);

/// How many repositories may be ready at a time: their lists of segments are held in memory.
const MOST_READY: usize = 16;

/// Longest wait without a ring: another process may have woken a repository.
const LOOK: Duration = Duration::from_secs(1);

/// Longest pause before a repository that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A tag and one of its repositories, as wake-ups name them.
type Key = (String, String);

/// What is done for a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    MakeReady,
    Refresh,
}

/// Repositories that are in hand, and those that failed.
#[derive(Default)]
struct InHand {
    running: JoinSet<(WakeUp, Step, Result<(), Error>)>,
    busy: HashMap<Key, Step>,
    /// How often a repository failed in a row, and until when it is left alone.
    failures: HashMap<Key, (u32, u64)>,
}

impl InHand {
    fn has_room_for(&self, step: Step) -> bool {
        self.busy.values().filter(|busy| **busy == step).count() < AT_ONCE
    }
}

/// What was made ready for a refresh.
#[derive(Debug)]
struct Made {
    /// Since when its repository was woken.
    since: i64,
    /// What the refresh begins with; `None` where there was nothing to do or it failed.
    start: Option<Start>,
}

/// Repositories that were made ready and are not refreshed yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Ready(Arc<Mutex<HashMap<Key, Made>>>);

impl Ready {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was made ready for a repository, if anything was.
    pub fn take(&self, wake_up: &WakeUp) -> Option<Start> {
        self.lock().remove(&key_of(wake_up))?.start
    }

    fn put(&self, wake_up: &WakeUp, start: Option<Start>) {
        self.lock().insert(key_of(wake_up), Made { since: wake_up.since, start });
    }

    /// Returns whether a repository was made ready since it was woken.
    pub fn has(&self, wake_up: &WakeUp) -> bool {
        self.lock().get(&key_of(wake_up)).is_some_and(|made| made.since == wake_up.since)
    }

    fn is_full(&self) -> bool {
        self.lock().len() >= MOST_READY
    }

    /// Forgets what is not about to be refreshed.
    fn retain(&self, soon: &[Key]) {
        self.lock().retain(|key, _| soon.contains(key));
    }
}

fn key_of(wake_up: &WakeUp) -> Key {
    (wake_up.key.clone(), wake_up.part.clone())
}

impl Repos {
    /// Keeps all repositories current, until cancelled; then finishes those in hand.
    pub async fn run(self, bell: Bell, cancel: CancellationToken) {
        let mut in_hand = InHand::default();
        while !cancel.is_cancelled() {
            let wait = match self.begin_due(&mut in_hand).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "cannot see which repositories are to be refreshed");
                    LOOK
                }
            };
            tokio::select! {
                () = cancel.cancelled() => break,
                Some(ended) = in_hand.running.join_next() => self.ended(ended, &mut in_hand),
                () = bell.heard(wait) => {}
            }
        }
        while let Some(ended) = in_hand.running.join_next().await {
            self.ended(ended, &mut in_hand);
        }
    }

    /// Begins what is due or about to be and not in hand; gives how long to wait at most for the next to be.
    async fn begin_due(&self, in_hand: &mut InHand) -> Result<Duration, Error> {
        let (mut wait, mut soon) = (LOOK, Vec::new());
        for wake_up in wakeups::pending(&mut self.db.read().await?, Room::Repos).await? {
            let key = key_of(&wake_up);
            if in_hand.busy.contains_key(&key) {
                soon.push(key);
                continue;
            }
            let left = self.left(&wake_up, &in_hand.failures).await?;
            if left > AHEAD {
                wait = wait.min(left - AHEAD);
                continue;
            }
            soon.push(key.clone());
            let step = if left.is_zero() { Step::Refresh } else { Step::MakeReady };
            let is_left_alone = step == Step::MakeReady
                && (self.ready.has(&wake_up) || self.ready.is_full() || in_hand.failures.contains_key(&key));
            if is_left_alone || !in_hand.has_room_for(step) {
                // One that is due is begun as soon as another one ends.
                wait = if left.is_zero() { wait } else { wait.min(left) };
                continue;
            }
            in_hand.busy.insert(key, step);
            let repos = self.clone();
            in_hand.running.spawn(async move {
                let result = match step {
                    Step::Refresh => repos.reconcile(&wake_up).await,
                    Step::MakeReady => repos.make_ready(&wake_up).await,
                };
                (wake_up, step, result)
            });
        }
        self.ready.retain(&soon);
        Ok(wait)
    }

    /// Makes what can be made of the next refresh of a repository before it is due.
    async fn make_ready(&self, wake_up: &WakeUp) -> Result<(), Error> {
        let start = self.next_start(wake_up).await;
        // Also where there is nothing or it failed: once is enough.
        let (start, result) = start.map_or_else(|error| (None, Err(error)), |start| (start, Ok(())));
        self.ready.put(wake_up, start);
        result
    }

    /// Returns how long a repository is still to be left alone.
    async fn left(&self, wake_up: &WakeUp, failures: &HashMap<Key, (u32, u64)>) -> Result<Duration, Error> {
        let left = self.due_in(wake_up).max(self.apart(wake_up).await?);
        let until = failures.get(&key_of(wake_up)).map_or(0, |(_, until)| *until);
        Ok(left.max(Duration::from_millis(until.saturating_sub(self.clock.monotonic_millis()))))
    }

    /// Returns how long a woken repository is still to be left alone.
    fn due_in(&self, wake_up: &WakeUp) -> Duration {
        let rule = wake_up.key.parse().ok().and_then(|tag: TagName| self.config.follow.for_tag(&tag));
        let Some(rule) = rule else { return Duration::ZERO };
        let now = self.clock.micros();
        let left = |since: i64, span: Duration| {
            let passed = now - since;
            // A clock that was set back would leave it alone for ever.
            if passed < 0 { Duration::ZERO } else { span.saturating_sub(Duration::from_micros(passed as u64)) }
        };
        left(wake_up.touched, rule.repos.quiet).min(left(wake_up.since, rule.repos.at_latest))
    }

    /// Returns how long the next signed generation is still to stay away from the last.
    async fn apart(&self, wake_up: &WakeUp) -> Result<Duration, Error> {
        let (Ok(tag), Ok(repo)) = (wake_up.key.parse(), wake_up.part.parse()) else { return Ok(Duration::ZERO) };
        let signed = self.config.follow.for_tag(&tag).filter(|rule| !rule.repos.sign_command.is_empty());
        let Some(rule) = signed else { return Ok(Duration::ZERO) };
        let last = generations::current(&mut self.db.read().await?, &tag, &repo).await?;
        let passed = last.map(|last| u64::try_from(self.clock.micros() - last.made_at).ok());
        // Of a clock that was set back nothing is known.
        Ok(passed
            .flatten()
            .map_or(Duration::ZERO, |passed| rule.repos.sign_every.saturating_sub(Duration::from_micros(passed))))
    }

    fn ended(&self, ended: Result<(WakeUp, Step, Result<(), Error>), JoinError>, in_hand: &mut InHand) {
        let (wake_up, step, result) = match ended {
            Ok(ended) => ended,
            // A panic is a mistake of ours; which repository it was is not told, so all are free again.
            Err(error) => {
                tracing::error!(%error, "refreshing a repository panicked");
                in_hand.busy.clear();
                return;
            }
        };
        let key = (wake_up.key, wake_up.part);
        in_hand.busy.remove(&key);
        let error = match (step, result) {
            (Step::Refresh, Ok(())) => {
                in_hand.failures.remove(&key);
                return;
            }
            (Step::MakeReady, Ok(())) => return,
            (Step::MakeReady, Err(error)) => {
                // The refresh meets it again, if it is still there, and counts.
                tracing::debug!(tag.name = key.0, repo = key.1, error = %chain(&error), "{}/{} is not ready", key.0, key.1);
                return;
            }
            (Step::Refresh, Err(error)) => error,
        };
        let times = in_hand.failures.get(&key).map_or(1, |(times, _)| times + 1);
        let pause = Duration::from_millis(250 << times.min(10)).min(LONGEST_PAUSE);
        let until = self.clock.monotonic_millis() + pause.as_millis() as u64;
        tracing::error!(
            tag.name = key.0, repo = key.1, error = %chain(&error), times,
            "{}/{} cannot be refreshed; the last generation is served, next try in {} ms",
            key.0, key.1, pause.as_millis()
        );
        in_hand.failures.insert(key, (times, until));
    }
}
