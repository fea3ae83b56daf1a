//! How is work on a list spread over threads, and its results had in the order of the list? Within bounds.
//!
//! A result that is ready before its turn waits. Threads begin nothing new while as many results wait as the
//! window has, or as many bytes as the budget: so memory does not follow the length of the list, nor the speed
//! of whoever takes the results.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

/// Most bytes of results that wait; one more may be under way on each thread.
const BUDGET: usize = 32 << 20;
/// Most results that wait or are under way, for each thread.
const WINDOW: usize = 32;
/// How many results wait before whoever takes them is woken: one at a time, threads would wake and sleep more
/// than they work.
const TOGETHER: usize = WINDOW / 4;

/// Results in the order of a list, made by several threads.
pub(super) struct Ordered<R> {
    state: Mutex<State<R>>,
    /// Rung when a result is ready.
    ready: Condvar,
    /// Rung when a result was taken.
    room: Condvar,
    window: usize,
}

struct State<R> {
    /// How long the list is.
    count: usize,
    /// What is begun next.
    next: usize,
    /// What is taken next.
    taken: usize,
    waiting: BTreeMap<usize, (R, usize)>,
    bytes: usize,
    /// Nobody takes results any more, or a thread panicked.
    is_over: bool,
}

impl<R: Send> Ordered<R> {
    /// Returns the results of a list of `count`, for so many threads.
    pub(super) fn new(count: usize, threads: usize) -> Self {
        let state = State { count, next: 0, taken: 0, waiting: BTreeMap::new(), bytes: 0, is_over: false };
        Self { state: Mutex::new(state), ready: Condvar::new(), room: Condvar::new(), window: WINDOW * threads }
    }

    /// Starts the threads; `work` makes the result of a place in the list, and says how many bytes it takes.
    pub(super) fn start<'scope, 'env: 'scope>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        threads: usize,
        work: &'env (impl Fn(usize) -> (R, usize) + Sync),
    ) {
        for _ in 0..threads {
            scope.spawn(move || {
                let over = Over(self);
                while let Some(at) = self.begin() {
                    let (result, bytes) = work(at);
                    self.done(at, result, bytes);
                }
                std::mem::forget(over);
            });
        }
    }

    /// Returns the next result; `None` at the end of the list.
    ///
    /// # Panics
    /// If a thread did.
    pub(super) fn take(&self) -> Option<R> {
        let mut state = self.lock();
        loop {
            if state.taken == state.count {
                return None;
            }
            let at = state.taken;
            if let Some((result, bytes)) = state.waiting.remove(&at) {
                state.taken += 1;
                state.bytes -= bytes;
                let is_roomy = state.next - state.taken <= self.window / 2 && state.bytes <= BUDGET / 2;
                drop(state);
                if is_roomy {
                    self.room.notify_all();
                }
                return Some(result);
            }
            assert!(!state.is_over, "a thread that reads packages has panicked");
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the threads end; nothing more is taken.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.room.notify_all();
        self.ready.notify_all();
    }

    /// Returns what to begin next, once there is room for it.
    fn begin(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.is_over || state.next == state.count {
                return None;
            }
            let has_room = state.next - state.taken < self.window && state.bytes < BUDGET;
            // What is taken next is always begun: whoever takes it waits for it.
            if has_room || state.next == state.taken {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, at: usize, result: R, bytes: usize) {
        let mut state = self.lock();
        state.waiting.insert(at, (result, bytes));
        state.bytes += bytes;
        // Where threads wait for room or have come to the end, this holds: nobody waits for who is not woken.
        let is_worth_it = state.waiting.len() >= TOGETHER || state.bytes >= BUDGET / 2 || state.next == state.count;
        drop(state);
        if is_worth_it {
            self.ready.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends all where a thread does not come to its end.
struct Over<'a, R: Send>(&'a Ordered<R>);

impl<R: Send> Drop for Over<'_, R> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn all(count: usize, threads: usize, work: impl Fn(usize) -> (usize, usize) + Sync) -> Vec<usize> {
        let ordered = Ordered::new(count, threads);
        std::thread::scope(|scope| {
            ordered.start(scope, threads, &work);
            std::iter::from_fn(|| ordered.take()).collect()
        })
    }

    #[test]
    fn results_come_in_the_order_of_the_list() {
        for threads in [1, 2, 7] {
            assert_eq!(all(1_000, threads, |at| (at * 2, 1)), (0..1_000).map(|at| at * 2).collect::<Vec<_>>());
        }
        assert!(all(0, 3, |at| (at, 1)).is_empty());
    }

    #[test]
    fn results_larger_than_the_budget_pass_one_by_one() {
        assert_eq!(all(50, 3, |at| (at, 2 * BUDGET)), (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_begun_far_ahead_of_who_takes() {
        let begun = AtomicUsize::new(0);
        let ordered = Ordered::new(100_000, 2);
        let work = |at| {
            begun.fetch_add(1, Ordering::SeqCst);
            (at, BUDGET / 10)
        };
        std::thread::scope(|scope| {
            ordered.start(scope, 2, &work);
            assert_eq!(ordered.take(), Some(0));
            assert_eq!(ordered.take(), Some(1));
            ordered.end();
        });
        assert!(begun.load(Ordering::SeqCst) <= 14, "{begun:?}");
    }

    #[test]
    fn a_panic_reaches_who_takes() {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            all(10, 2, |at| {
                assert!(at != 5, "five");
                (at, 1)
            })
        }));
        assert!(caught.is_err());
    }
}
