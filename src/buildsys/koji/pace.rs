//! How fast may the hub be asked? Calls side by side, calls a second, and pauses that grow before the next try.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::error::Error;
use super::hub::Settings;
use crate::clock::Clock;

/// Lets calls begin, and counts them.
#[derive(Debug)]
pub(super) struct Pace {
    places: Semaphore,
    between: Duration,
    /// When the next call may begin.
    next: Mutex<Instant>,
    calls: Mutex<BTreeMap<&'static str, u64>>,
}

impl Pace {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            places: Semaphore::new(settings.in_flight.max(1)),
            between: Duration::from_secs(1) / settings.per_second.max(1),
            next: Mutex::new(Instant::now()),
            calls: Mutex::default(),
        }
    }

    /// Waits until a call may begin, and counts it. Its place is held until the permit is dropped.
    pub(super) async fn begin(&self, method: &'static str) -> Option<SemaphorePermit<'_>> {
        // None where the semaphore was closed, which nobody does.
        let place = self.places.acquire().await.ok();
        let at = self.reserve(Instant::now());
        if at > Instant::now() {
            tokio::time::sleep_until(at).await;
        }
        *lock(&self.calls).entry(method).or_default() += 1;
        place
    }

    /// Returns when a call that is ready now may begin; the next one may not before the distance has passed.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = lock(&self.next);
        let at = (*next).max(now);
        *next = at + self.between;
        at
    }

    pub(super) fn calls(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.calls).clone()
    }
}

/// What is locked is whole at any time: a panic elsewhere does not spoil it.
fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The tries of one call.
#[derive(Debug)]
pub(super) struct Tries {
    left: u32,
    pause: Duration,
    longest: Duration,
    patience: Duration,
}

impl Tries {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            left: settings.tries.max(1),
            pause: settings.pause,
            longest: settings.longest_pause,
            patience: settings.patience,
        }
    }

    /// Returns how long to wait before the next try; `None` if there is none.
    ///
    /// It is between half the current pause and all of it, so that many clients do not come back at once, and not
    /// less than the server asked for, unless that is longer than the longest pause.
    pub(super) fn next(&mut self, error: &Error, clock: &Clock) -> Option<Duration> {
        self.left -= 1;
        if self.left == 0 || !error.is_transient() {
            return None;
        }
        let ours = self.pause.mul_f64(0.5 + clock.chance() / 2.0);
        let pause = error.retry_after().map_or(ours, |asked| asked.max(ours)).min(self.longest);
        self.pause = self.pause.saturating_mul(2).min(self.longest);
        self.patience = self.patience.checked_sub(pause)?;
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::new("http://hub.example.org/kojihub".parse().unwrap());
        settings.in_flight = 2;
        settings.per_second = 10;
        settings.tries = 4;
        settings.pause = Duration::from_secs(1);
        settings.longest_pause = Duration::from_secs(3);
        settings.patience = Duration::from_secs(60);
        settings
    }

    fn asked(retry_after: Option<u64>) -> Error {
        Error::Status { method: "getTag", status: 429, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn pauses_grow_and_end() {
        let (clock, mut tries) = (Clock::system(), Tries::new(&settings()));
        for whole in [1, 2, 3] {
            let pause = tries.next(&asked(None), &clock).unwrap();
            assert!(pause >= Duration::from_secs(whole) / 2 && pause <= Duration::from_secs(whole), "{pause:?}");
        }
        assert_eq!(tries.next(&asked(None), &clock), None);
    }

    #[test]
    fn a_server_is_left_alone_as_long_as_it_asks_but_not_for_ever() {
        let (clock, mut tries) = (Clock::system(), Tries::new(&settings()));
        assert_eq!(tries.next(&asked(Some(2)), &clock), Some(Duration::from_secs(2)));
        assert_eq!(tries.next(&asked(Some(86_400)), &clock), Some(Duration::from_secs(3)));
    }

    #[test]
    fn patience_ends_before_the_tries_do() {
        let mut settings = settings();
        settings.patience = Duration::from_secs(3);
        let (clock, mut tries) = (Clock::system(), Tries::new(&settings));
        assert!(tries.next(&asked(Some(2)), &clock).is_some());
        assert_eq!(tries.next(&asked(Some(2)), &clock), None);
    }

    #[test]
    fn what_stays_wrong_is_not_tried_again() {
        let mut tries = Tries::new(&settings());
        assert_eq!(tries.next(&Error::fault("getTag", 1000, "no such tag"), &Clock::system()), None);
    }

    #[test]
    fn calls_keep_their_distance() {
        let (pace, now) = (Pace::new(&settings()), Instant::now() + Duration::from_secs(60));
        let begun: Vec<_> = (0..4).map(|_| pace.reserve(now) - now).collect();
        assert_eq!(begun, [0, 100, 200, 300].map(Duration::from_millis));
        let later = now + Duration::from_secs(9);
        assert_eq!(pace.reserve(later), later);
    }

    #[tokio::test]
    async fn no_more_calls_than_allowed_run_side_by_side_and_all_are_counted() {
        let pace = Pace::new(&Settings { per_second: u32::MAX, ..settings() });
        let (one, two) = (pace.begin("getTag").await, pace.begin("getBuild").await);
        assert!(pace.begin("getTag").now_or_never().is_none());
        drop((one, two));
        assert!(pace.begin("getTag").await.is_some());
        assert_eq!(pace.calls(), BTreeMap::from([("getBuild", 1), ("getTag", 2)]));
    }
}
