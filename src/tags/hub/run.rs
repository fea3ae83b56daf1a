//! When is the hub asked? As soon as a tag is quiet, at the latest after a while; again and again where it fails.
//!
//! Several tags are asked about at once, each by one question at a time: one that takes minutes keeps no other waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::ask::Question;
use super::mark::EVERYWHERE;
use super::{Follower, FoundBy, Scope};
use crate::model::{PackageName, TagName, chain};
use crate::store;
use crate::store::wakeups::{self, Room, Waiting, WakeUp};
use crate::tags::{Error, Tags};

/// About how many tags the hub is asked at once.
const AT_ONCE: usize = 4;

/// Longest wait without a ring: another process may have marked something.
const LOOK: Duration = Duration::from_secs(1);

/// Shortest pause between two looks at the marks: thousands may come in a second.
const PACE: Duration = Duration::from_millis(50);

/// The pause after a first failure about a tag, and the longest, to which it doubles.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is under way, and what failed.
#[derive(Default)]
struct Desk {
    running: JoinSet<(TagName, Result<(), Error>)>,
    busy: BTreeMap<TagName, ()>,
    /// How often asking about a tag failed in a row, and until when it is left alone, by the steady clock.
    failures: BTreeMap<TagName, (u32, u64)>,
}

impl Tags {
    /// Keeps our rows in line with the hub's until `stop`; does nothing without a hub.
    pub async fn follow_hub(self, stop: CancellationToken) {
        let Some(hub) = self.hub() else { return stop.cancelled().await };
        tokio::join!(self.ask_marked(hub, &stop), self.probe_now_and_then(hub, &stop));
    }

    /// Asks about everything once more: the link to the broker was lost, and messages may have been with it.
    pub async fn look_again(&self) -> Result<(), Error> {
        let Some(hub) = self.hub() else { return self.wake_all().await };
        for tag in self.tracked(hub).await? {
            hub.want(tag.name, Scope::Own, FoundBy::Reconnect);
        }
        self.bells.hub.ring();
        Ok(())
    }

    /// Asks about all that is marked or otherwise wanted now, without waiting for quiet; gives how many tags that were.
    /// The service has [`Tags::follow_hub`]; this is for who goes through the steps himself.
    ///
    /// # Errors
    /// The first error, after all have had their turn.
    pub async fn ask_now(&self) -> Result<usize, Error> {
        let Some(hub) = self.hub() else { return Ok(0) };
        let mut first = None;
        let marked = wakeups::waiting(&mut self.db.read().await?, Room::Hub).await?;
        let mut tags: Vec<TagName> = marked.iter().filter_map(|marked| marked.key.parse().ok()).collect();
        tags.extend(hub.state().wanted.keys().cloned());
        tags.sort();
        tags.dedup();
        for tag in &tags {
            if let Err(error) = self.ask_about(tag).await {
                first.get_or_insert(error);
            }
        }
        first.map_or(Ok(tags.len()), Err)
    }

    async fn ask_marked(&self, hub: &Follower, stop: &CancellationToken) {
        let mut desk = Desk::default();
        while !stop.is_cancelled() {
            let wait = match self.begin_due(hub, &mut desk).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "what the hub is to be asked about cannot be seen");
                    LOOK
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = desk.running.join_next() => self.ended(ended, &mut desk),
                () = async {
                    self.bells.hub.heard(wait).await;
                    tokio::time::sleep(PACE).await;
                } => {}
            }
        }
        // Nothing is half done: an answer is applied whole or not at all.
        desk.running.shutdown().await;
    }

    /// Begins to ask about what is due; gives how long to wait at most for the next to be due.
    async fn begin_due(&self, hub: &Follower, desk: &mut Desk) -> Result<Duration, Error> {
        let mut due: BTreeMap<TagName, Duration> = BTreeMap::new();
        for marked in wakeups::waiting(&mut self.db.read().await?, Room::Hub).await? {
            if let Ok(tag) = marked.key.parse() {
                due.insert(tag, self.due_in(hub, &marked));
            }
        }
        due.extend(hub.state().wanted.keys().map(|tag| (tag.clone(), Duration::ZERO)));
        let mut wait = LOOK;
        for (tag, left) in due {
            if desk.busy.contains_key(&tag) {
                continue;
            }
            let until = desk.failures.get(&tag).map_or(0, |(_, until)| *until);
            let left = left.max(Duration::from_millis(until.saturating_sub(self.clock.monotonic_millis())));
            if !left.is_zero() || desk.running.len() >= AT_ONCE {
                wait = wait.min(left.max(Duration::from_millis(1)));
                continue;
            }
            desk.busy.insert(tag.clone(), ());
            let tags = self.clone();
            desk.running.spawn(async move {
                let asked = tags.ask_about(&tag).await;
                (tag, asked)
            });
        }
        Ok(wait)
    }

    /// Returns how long a marked tag is still to be left alone.
    fn due_in(&self, hub: &Follower, marked: &Waiting) -> Duration {
        let settings = &hub.settings;
        let is_burst = marked.count >= i64::from(settings.burst_from.get());
        let at_latest = if is_burst { settings.burst_at_latest } else { settings.at_latest };
        let now = self.clock.micros();
        let left = |since: i64, span: Duration| match u64::try_from(now - since) {
            Ok(passed) => span.saturating_sub(Duration::from_micros(passed)),
            // A clock that was set back would leave it alone for ever.
            Err(_) => Duration::ZERO,
        };
        left(marked.touched, settings.quiet).min(left(marked.since, at_latest))
    }

    fn ended(&self, ended: Result<(TagName, Result<(), Error>), JoinError>, desk: &mut Desk) {
        let (tag, asked) = match ended {
            Ok(ended) => ended,
            // A panic is a mistake of ours; which tag it was is not told, so all are free again.
            Err(error) => {
                tracing::error!(%error, "asking the hub panicked");
                desk.busy.clear();
                return;
            }
        };
        desk.busy.remove(&tag);
        let Err(error) = asked else {
            desk.failures.remove(&tag);
            return;
        };
        let times = desk.failures.get(&tag).map_or(1, |(times, _)| times + 1);
        let pause = (PAUSES.0 * 2_u32.pow(times.min(10) - 1)).min(PAUSES.1);
        tracing::warn!(
            tag.name = %tag, error = %chain(&error), times,
            "the hub could not be asked about {tag}; its last set stands, next try in {} s", pause.as_secs()
        );
        desk.failures.insert(tag, (times, self.clock.monotonic_millis() + pause.as_millis() as u64));
    }

    /// Asks about one tag: for what messages marked and for what else is wanted of it.
    async fn ask_about(&self, tag: &TagName) -> Result<(), Error> {
        let Some(hub) = self.hub() else { return Ok(()) };
        let marks = wakeups::of(&mut self.db.read().await?, Room::Hub, tag.as_str()).await?;
        let wanted = hub.state().wanted.remove(tag);
        let marked = scope(&marks)?;
        let (scope, by) = match (marked, &wanted) {
            (None, None) => return Ok(()),
            (Some(marked), None) => (marked, FoundBy::Message),
            (None, Some(wanted)) => (wanted.scope.clone(), wanted.by),
            (Some(marked), Some(wanted)) => (marked.and(wanted.scope.clone()), wanted.by),
        };
        let asked = self.bring(hub, &Question { tag, scope, marks: &marks, by }).await;
        if let (Err(_), Some(wanted)) = (&asked, wanted) {
            hub.want(tag.clone(), wanted.scope, wanted.by);
        }
        asked.map(drop)
    }

    /// Looks from time to time whether anything happened that no message told of, and at once when it is asked for.
    async fn probe_now_and_then(&self, hub: &Follower, stop: &CancellationToken) {
        let mut by = FoundBy::Start;
        while !stop.is_cancelled() {
            match self.look_around(hub, by).await {
                Ok(()) => by = FoundBy::Probe,
                Err(error) => tracing::warn!(error = %chain(&error), "the hub could not be asked what happened"),
            }
            self.bells.hub.ring();
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(hub.settings.probe_every) => {}
                () = self.is_asked_to_look() => {}
            }
        }
    }

    /// Waits until something is marked that may be anywhere.
    async fn is_asked_to_look(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let marked = match self.db.read().await {
                Ok(mut tx) => wakeups::of(&mut tx, Room::Hub, EVERYWHERE).await,
                Err(error) => Err(error),
            };
            if marked.is_ok_and(|marked| !marked.is_empty()) {
                return;
            }
        }
    }
}

/// Returns what marks of a tag ask for; `None` for none.
fn scope(marks: &[WakeUp]) -> Result<Option<Scope>, store::Error> {
    if marks.iter().any(|mark| mark.part.is_empty()) {
        return Ok(Some(Scope::Own));
    }
    let packages = marks.iter().map(|mark| store::db::parse::<PackageName>("wakeups.part", &mark.part));
    let packages = packages.collect::<Result<std::collections::BTreeSet<_>, _>>()?;
    Ok((!packages.is_empty()).then_some(Scope::Packages(packages)))
}
