//! How fast may files be read? So many bytes a second over all threads, evenly spread.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shorter waits are added up: to sleep so briefly takes longer than it is asked for.
const SHORTEST: Duration = Duration::from_millis(10);

/// Bytes a second.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: Option<NonZeroU64>,
    /// When all that was read so far may have been read.
    free_at: Mutex<Instant>,
}

impl Rate {
    /// Returns the rate; `None` for as fast as it goes.
    pub fn new(per_second: Option<NonZeroU64>) -> Self {
        Self { per_second, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits as long as it takes for these bytes to be within the rate. Blocks.
    pub fn heard(&self, bytes: usize) {
        let wait = self.reserve(bytes, Instant::now());
        if wait >= SHORTEST {
            std::thread::sleep(wait);
        }
    }

    /// Counts bytes that were read at `now`; gives how long to wait.
    fn reserve(&self, bytes: usize, now: Instant) -> Duration {
        let Some(per_second) = self.per_second else { return Duration::ZERO };
        let takes = Duration::from_secs_f64(bytes as f64 / per_second.get() as f64);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(now) + takes;
        free_at.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_faster_than_allowed_waits() {
        let (rate, now) = (Rate::new(NonZeroU64::new(1000)), Instant::now());
        assert_eq!(rate.reserve(500, now), Duration::from_millis(500));
        assert_eq!(rate.reserve(500, now), Duration::from_millis(1000));
        let later = now + Duration::from_secs(2);
        assert_eq!(rate.reserve(100, later), Duration::from_millis(100), "what was not used is not saved up");
        assert_eq!(Rate::new(None).reserve(1 << 40, now), Duration::ZERO);
    }
}
