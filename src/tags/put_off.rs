//! Which tags are left as they are for a while? Those of which very many builds are still to be learned of: their sets
//! would be made anew with every few of them, and their repositories with each set.
//!
//! What is put off stays woken, and only its turn is passed over. So nothing depends on what is remembered here, in
//! memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Tags;
use super::select::Wanted;
use crate::model::TagName;
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx};

/// The tags whose turn is passed over.
#[derive(Debug, Clone, Default)]
pub(super) struct PutOff(Arc<Mutex<BTreeMap<TagName, Until>>>);

/// How long a tag is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Until {
    /// At the latest until this moment, in milliseconds of the steady clock.
    at: u64,
    /// Until all was tried that was to be learned of builds when it was put off: the last sequence of that.
    learned: Option<i64>,
}

impl PutOff {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TagName, Until>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether a tag's turn is passed over at `now`.
    pub fn holds(&self, tag: &str, now: u64) -> bool {
        let put_off = self.lock();
        let until = tag.parse().ok().and_then(|tag: TagName| put_off.get(&tag).copied());
        until.is_some_and(|until| until.learned.is_some() && now < until.at)
    }

    /// Notes that all was tried whose sequence is below `first`; gives whether a tag has its turn by that.
    pub fn tried(&self, first: i64) -> bool {
        let mut any = false;
        for until in self.lock().values_mut() {
            if until.learned.is_some_and(|last| last < first) {
                until.learned = None;
                any = true;
            }
        }
        any
    }

    /// Has all tags that are put off wait for what has a sequence up to `last` too.
    pub fn extend(&self, last: i64) {
        for until in self.lock().values_mut() {
            until.learned = until.learned.map(|before| before.max(last));
        }
    }

    /// Puts a tag off from `now` on, until what has a sequence up to `last` was tried, for `most` at the longest; gives
    /// whether it is. A tag that was put off for so long is not, this time.
    fn put(&self, tag: &TagName, last: i64, now: u64, most: Duration) -> bool {
        let mut put_off = self.lock();
        let at = now.saturating_add(u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
        let until = put_off.entry(tag.clone()).or_insert(Until { at, learned: None });
        let is_over = until.at <= now;
        if is_over {
            until.at = at;
        }
        until.learned = Some(last);
        !is_over
    }

    fn forget(&self, tag: &TagName) {
        self.lock().remove(tag);
    }
}

impl Tags {
    /// Returns whether a tag that has a set keeps it for now, since much is still to be learned for the next one. What
    /// that is stands among the wake-ups already.
    pub(super) async fn is_put_off(&self, tx: &mut Tx, tag: &TagName, wanted: &Wanted) -> Result<bool, store::Error> {
        let Some((from, most)) = self.burst() else { return Ok(false) };
        if wanted.pending < from {
            self.put_off.forget(tag);
            return Ok(false);
        }
        let last = wakeups::last(tx, Room::Files).await?;
        let is_put_off = self.put_off.put(tag, last, self.clock.monotonic_millis(), most);
        if is_put_off {
            tracing::info!(tag.name = %tag, builds = wanted.pending, "{tag} waits until {} builds are read", wanted.pending);
        }
        Ok(is_put_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_millis(100);

    #[test]
    fn a_tag_is_passed_over_until_all_was_tried() {
        let (put_off, tag) = (PutOff::default(), "f44".parse().unwrap());
        assert!(!put_off.holds("f44", 0));
        assert!(put_off.put(&tag, 7, 0, MOST) && put_off.holds("f44", 50));
        assert!(!put_off.tried(7) && put_off.holds("f44", 50));
        assert!(put_off.tried(8) && !put_off.holds("f44", 50));
        assert!(put_off.put(&tag, 9, 50, MOST) && put_off.holds("f44", 99), "listed, its files are still to be read");
        put_off.forget(&tag);
        assert!(!put_off.holds("f44", 99));
    }

    #[test]
    fn no_longer_than_is_allowed_and_then_again() {
        let (put_off, tag) = (PutOff::default(), "f44".parse().unwrap());
        assert!(put_off.put(&tag, 7, 0, MOST) && put_off.put(&tag, 8, 60, MOST));
        assert!(put_off.holds("f44", 99) && !put_off.holds("f44", 100));
        assert!(!put_off.put(&tag, 9, 100, MOST), "a set is made of what is known");
        assert!(put_off.holds("f44", 199) && !put_off.holds("f44", 200));
    }
}
