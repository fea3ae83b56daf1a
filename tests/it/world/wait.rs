//! How does a test wait? For a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const BETWEEN: Duration = Duration::from_millis(20);

/// Returns whether the condition became true within `timeout`. It is asked at least once.
pub fn true_within(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + timeout;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(BETWEEN);
    }
}

/// Waits until the condition is true.
///
/// # Panics
/// If it is not within `timeout`; `what` says what was waited for.
pub fn eventually(timeout: Duration, what: &str, condition: impl FnMut() -> bool) {
    assert!(true_within(timeout, condition), "not within {timeout:?}: {what}");
}
