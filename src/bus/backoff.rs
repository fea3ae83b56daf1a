//! How long to wait before the next try? Twice as long each time, with chance in it, so that many
//! services do not come back to a broker in the same instant.

use std::time::Duration;

use crate::clock::Clock;

/// A pause that grows.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, next: min }
    }

    /// Returns how long to wait now: between half the current pause and all of it.
    pub(super) fn pause(&mut self, clock: &Clock) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.max);
        whole.mul_f64(0.5 + clock.chance() / 2.0)
    }

    /// Begins again with the shortest pause.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again() {
        let clock = Clock::system();
        let (min, max) = (Duration::from_millis(100), Duration::from_millis(350));
        let mut backoff = Backoff::new(min, max);
        for whole in [100, 200, 350, 350] {
            let pause = backoff.pause(&clock);
            assert!(pause >= Duration::from_millis(whole / 2) && pause <= Duration::from_millis(whole), "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause(&clock) <= min);
    }

    #[test]
    fn two_services_do_not_wait_equally_long() {
        let clock = Clock::system();
        let pauses: std::collections::BTreeSet<_> =
            (0..20).map(|_| Backoff::new(Duration::from_secs(1), Duration::from_secs(1)).pause(&clock)).collect();
        assert!(pauses.len() > 10);
    }
}
