//! What is to be learned of builds, and in which order? Which RPMs a hub's have, what their files say; and of all, what
//! their signatures are worth.
//!
//! Who needs a build wakes this room with it ([`crate::store::wakeups::Room::Files`]); what was learned is kept as it
//! comes ([`settle`]), so that a restart goes on where it was, and wakes the tags where the build stands. A hub is asked
//! about builds by themselves ([`asked`]), and about very many in one tag by the tag ([`whole`], [`compare`]).

mod asked;
mod compare;
mod judge;
mod keep;
mod next;
mod settle;
mod whole;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{Error, Tags};
use crate::buildsys::koji::Files;
use crate::buildsys::koji::files::Reading;
use crate::model::{TagName, chain};
use crate::store::builds::BuildRow;
use crate::store::hub_rpms::HubRpms;
use crate::store::wakeups::{self, Room, WakeUp};
use crate::tags::trust::VERIFY;
use compare::SIGNATURES;
use judge::Judged;
use whole::Part;

/// Longest wait without a ring: another process may have woken a build.
const LOOK: Duration = Duration::from_secs(1);

/// How many builds the hub is asked about together.
const LISTED_AT_ONCE: usize = 100;

/// How many such questions are under way at once.
const LISTINGS: usize = 2;

/// How many builds' signatures are looked at at once.
const JUDGED_AT_ONCE: usize = 4;

/// The pause before something is tried again, which doubles each time, and the longest; where no hub's settings say so.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// A build, and what is to be learned of it.
type Key = (String, String);

/// How something that was begun ended.
enum Ended {
    /// The hub was asked about builds, and said this or that it cannot.
    Listed(Vec<(WakeUp, i64, Result<HubRpms, String>)>),
    /// The hub was asked about a tag, and said this of some of its builds.
    Part(Box<Part>),
    /// It was not, or its answer cannot be used: whether it would not be another the next time.
    NotWhole(Vec<WakeUp>, Error, bool),
    /// Signatures in a tag were compared; these builds are to be asked about by themselves.
    Compared(WakeUp, Vec<i64>),
    /// Files of a build were read.
    Read(Box<(WakeUp, BuildRow, Reading)>),
    /// Signatures of a build were looked at.
    Judged(WakeUp, Judged),
    /// There is nothing to learn: nobody has the build, or nothing is left.
    Void(Vec<WakeUp>),
    /// It could not be tried.
    Failed(Vec<WakeUp>, Error),
}

/// What is under way.
struct Learner {
    tags: Tags,
    /// Those of a hub, if there is one.
    files: Option<Files>,
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    busy: BTreeSet<Key>,
    listings: usize,
    reading: usize,
    judging: usize,
    /// Whether the hub is being asked about a tag.
    is_asking_whole: bool,
    to_list: VecDeque<WakeUp>,
    to_compare: VecDeque<WakeUp>,
    to_read: VecDeque<WakeUp>,
    to_judge: VecDeque<WakeUp>,
    /// How often something failed in a row, and until when it is left alone, by the steady clock.
    failures: BTreeMap<Key, (u32, u64)>,
    /// Builds that are asked about by themselves, though they are many: by their tag the hub says nothing of them.
    singly: BTreeSet<Key>,
    /// How many builds were seen, up to which sequence, of which no tag has enough to be asked about.
    too_few: (usize, i64),
    /// Tags without a set, whose builds are being learned of; each with the last sequence that they may wait for.
    waiting: BTreeMap<TagName, i64>,
    /// How many wake-ups were taken away.
    done: usize,
}

impl Tags {
    /// Learns what is to be learned of builds, until `stop`; does nothing without a hub, where no signatures count.
    pub async fn learn(self, stop: CancellationToken) {
        let Some(mut learner) = Learner::new(&self) else { return stop.cancelled().await };
        if let Some(files) = learner.files.clone()
            && let Err(error) = files.begin().await
        {
            tracing::error!(error = %chain(&error), "what was being fetched cannot be removed");
        }
        while !stop.is_cancelled() {
            if let Err(error) = learner.look().await {
                tracing::error!(error = %chain(&error), "what is to be learned of builds cannot be seen");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = learner.go_on() => {}
            }
        }
        // What is not settled is begun again: nothing of it is lost but the work.
    }

    /// Learns all that is to be learned now, each thing once; gives how much of it is settled. The service has
    /// [`Tags::learn`]; this is for who goes through the steps himself.
    ///
    /// # Errors
    /// The state cannot be read or written.
    pub async fn learn_woken(&self) -> Result<usize, Error> {
        let Some(mut learner) = Learner::new(self) else { return Ok(0) };
        loop {
            learner.look().await?;
            if learner.under_way.is_empty() {
                return Ok(learner.done);
            }
            while let Some(ended) = learner.under_way.next().await {
                learner.settle(ended).await?;
                learner.fill();
            }
        }
    }
}

impl Learner {
    fn new(tags: &Tags) -> Option<Self> {
        let files = tags.buildsys.files().cloned();
        (files.is_some() || tags.verifies()).then(|| Self {
            tags: tags.clone(),
            files,
            under_way: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            listings: 0,
            reading: 0,
            judging: 0,
            is_asking_whole: false,
            to_list: VecDeque::new(),
            to_compare: VecDeque::new(),
            to_read: VecDeque::new(),
            to_judge: VecDeque::new(),
            failures: BTreeMap::new(),
            singly: BTreeSet::new(),
            too_few: (0, 0),
            waiting: BTreeMap::new(),
            done: 0,
        })
    }

    /// Settles what ends and begins what is next, until there may be something new.
    async fn go_on(&mut self) {
        let heard = self.tags.bells.files.clone();
        let heard = heard.heard(LOOK);
        tokio::pin!(heard);
        let mut has_settled = false;
        loop {
            match (self.under_way.is_empty(), has_settled) {
                (true, false) => return heard.await,
                // Tags may have waited for the last of it.
                (true, true) => return,
                (false, _) => {}
            }
            tokio::select! {
                () = &mut heard => return,
                Some(ended) = self.under_way.next() => {
                    if let Err(error) = self.settle(ended).await {
                        tracing::error!(error = %chain(&error), "what was learned of builds cannot be kept");
                        return heard.await;
                    }
                    has_settled = true;
                    self.fill();
                }
            }
        }
    }

    /// Sees what is to be learned, and begins with it.
    async fn look(&mut self) -> Result<(), Error> {
        let mut pending = wakeups::pending(&mut self.tags.db.read().await?, Room::Files).await?;
        self.wake_complete(&pending).await?;
        let now = self.tags.clock.monotonic_millis();
        pending.retain(|wake_up| {
            let key = key(wake_up);
            !self.busy.contains(&key) && self.failures.get(&key).is_none_or(|(_, until)| *until <= now)
        });
        let (mut to_list, others): (Vec<_>, Vec<_>) = pending.into_iter().partition(|wake_up| wake_up.part.is_empty());
        let (to_compare, others): (Vec<_>, Vec<_>) = others.into_iter().partition(is_to_compare);
        let (to_judge, to_read) = others.into_iter().partition(is_to_judge);
        self.ask_whole(&mut to_list).await?;
        (self.to_list, self.to_compare) = (in_turn(to_list), to_compare.into());
        (self.to_read, self.to_judge) = (in_turn(to_read), in_turn(to_judge));
        self.fill();
        Ok(())
    }

    /// Begins what there is room for.
    fn fill(&mut self) {
        while self.judging < JUDGED_AT_ONCE
            && let Some(wake_up) = self.to_judge.pop_front()
        {
            self.busy.insert(key(&wake_up));
            self.judging += 1;
            self.under_way.push(Box::pin(judge::judge(self.tags.clone(), wake_up)));
        }
        let Some(files) = self.files.clone() else { return };
        while self.listings < LISTINGS && !self.to_list.is_empty() {
            let some: Vec<WakeUp> = self.to_list.drain(..self.to_list.len().min(LISTED_AT_ONCE)).collect();
            self.busy.extend(some.iter().map(key));
            self.listings += 1;
            self.begin(asked::list(self.tags.clone(), files.clone(), some));
        }
        if !self.is_asking_whole
            && let Some(wake_up) = self.to_compare.pop_front()
        {
            self.busy.insert(key(&wake_up));
            self.is_asking_whole = true;
            let is_last = self.has_tried_whole(&wake_up);
            self.begin(compare::compare(self.tags.clone(), files.clone(), wake_up, is_last));
        }
        while self.reading < files.settings().builds_at_once.get()
            && let Some(wake_up) = self.to_read.pop_front()
        {
            self.busy.insert(key(&wake_up));
            self.reading += 1;
            self.begin(asked::read(self.tags.clone(), files.clone(), wake_up));
        }
    }

    /// Begins something that goes on while other things are settled; it ends with the learner.
    fn begin(&mut self, work: impl Future<Output = Ended> + Send + 'static) {
        let task = AbortOnDropHandle::new(tokio::spawn(work));
        self.under_way.push(Box::pin(async move {
            match task.await {
                Ok(ended) => ended,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }));
    }

    /// Returns the pause before something is tried again, and the longest.
    fn pauses(&self) -> (Duration, Duration) {
        let settings = self.files.as_ref().map(Files::settings);
        settings.map_or(PAUSES, |settings| (settings.pause, settings.longest_pause))
    }
}

fn is_to_compare(wake_up: &WakeUp) -> bool {
    wake_up.part == SIGNATURES
}

fn is_to_judge(wake_up: &WakeUp) -> bool {
    wake_up.part.starts_with(VERIFY)
}

fn key(wake_up: &WakeUp) -> Key {
    (wake_up.key.clone(), wake_up.part.clone())
}

/// Returns wake-ups in the order of their turns: by turns the one that waits longest, and one of the fewest that were
/// woken together. So a new build does not wait behind a whole distribution, nor that for ever.
fn in_turn(pending: Vec<WakeUp>) -> VecDeque<WakeUp> {
    let mut together: BTreeMap<i64, usize> = BTreeMap::new();
    for wake_up in &pending {
        *together.entry(wake_up.since).or_default() += 1;
    }
    let count = |wake_up: &WakeUp| together.get(&wake_up.since).copied().unwrap_or_default();
    let mut few: Vec<usize> = (0..pending.len()).collect();
    few.sort_by_key(|at| pending.get(*at).map(|wake_up| (count(wake_up), wake_up.since)));
    let mut left: Vec<Option<WakeUp>> = pending.into_iter().map(Some).collect();
    let (mut turns, mut longest) = (VecDeque::with_capacity(left.len()), 0..left.len());
    for at in few {
        for at in [Some(at), longest.next()].into_iter().flatten() {
            turns.extend(left.get_mut(at).and_then(Option::take));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(key: &str, since: i64) -> WakeUp {
        WakeUp { key: key.to_owned(), part: String::new(), sequence: 0, since, touched: since, caused: None }
    }

    #[test]
    fn a_new_build_does_not_wait_behind_many_and_many_not_for_ever_behind_new_ones() {
        let many = (0..6).map(|at| woken(&format!("old{at}"), 1));
        let new = (0..2).map(|at| woken(&format!("new{at}"), 2 + at));
        let turns: Vec<String> = in_turn(many.chain(new).collect()).into_iter().map(|turn| turn.key).collect();
        assert_eq!(turns, ["new0", "old0", "new1", "old1", "old2", "old3", "old4", "old5"]);
    }
}
