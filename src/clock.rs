//! What time is it, and what is chance? The only place where either is asked.
//!
//! Everything that needs time or a random id takes a [`Clock`], so that a test can hold both.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where time and ids come from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Held { micros: AtomicI64, ids: AtomicU64 },
}

impl Clock {
    /// Returns the clock of the machine.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// Returns a clock that stands at `seconds` after 1970 until [`Clock::advance`] moves it, and
    /// whose ids are counted.
    pub fn held(seconds: i64) -> Self {
        Self(Arc::new(Source::Held { micros: AtomicI64::new(seconds * 1_000_000), ids: AtomicU64::new(0) }))
    }

    /// Moves a held clock forward; the machine's clock moves by itself and is left alone.
    pub fn advance(&self, seconds: i64) {
        if let Source::Held { micros, .. } = &*self.0 {
            micros.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }

    /// Returns the time in microseconds after 1970, UTC.
    pub fn micros(&self) -> i64 {
        match &*self.0 {
            Source::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64),
            Source::Held { micros, .. } => micros.load(Ordering::SeqCst),
        }
    }

    /// Returns the time in whole seconds after 1970, UTC.
    pub fn seconds(&self) -> i64 {
        self.micros().div_euclid(1_000_000)
    }

    /// Returns milliseconds on a clock that nobody sets: for waiting and measuring, never stored.
    pub fn monotonic_millis(&self) -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_millis() as u64
    }

    /// Returns a fresh id in the form of a UUID version 4, as fedora-messaging wants them.
    pub fn uuid(&self) -> String {
        match &*self.0 {
            Source::System => uuid::Uuid::new_v4().to_string(),
            Source::Held { ids, .. } => {
                let n = ids.fetch_add(1, Ordering::SeqCst) + 1;
                uuid::Builder::from_random_bytes((u128::from(n)).to_be_bytes()).into_uuid().to_string()
            }
        }
    }

    /// Returns a number from 0 up to but not including 1, out of the random part of an id: for pauses that are not to
    /// be equally long.
    pub fn chance(&self) -> f64 {
        let id = self.uuid();
        let digits = u32::from_str_radix(id.get(..8).unwrap_or_default(), 16).unwrap_or_default();
        f64::from(digits) / (f64::from(u32::MAX) + 1.0)
    }
}
