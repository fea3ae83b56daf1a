//! What does a run say while it works? Lines for people and logs, handed to whoever listens.
//!
//! Which of them are shown, and where, is for the listener to decide.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Who listens to a run.
pub trait Tell: Sync {
    /// Takes a step of the run, as createrepo_c says it on standard output.
    fn line(&self, text: &str);
    /// Takes something that is not as it should be, and that the run goes on in spite of.
    fn warning(&self, text: &str);
    /// Takes what only somebody who looks for a fault wants to know.
    fn detail(&self, text: &str);
    /// Takes how many of all packages are done.
    fn progress(&self, done: usize, all: usize);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Tell for Silent {
    fn line(&self, _text: &str) {}
    fn warning(&self, _text: &str) {}
    fn detail(&self, _text: &str) {}
    fn progress(&self, _done: usize, _all: usize) {}
}

/// What went wrong with single packages and files: told at once, counted for the end.
pub(super) struct Problems<'a> {
    tell: &'a dyn Tell,
    count: AtomicUsize,
}

impl<'a> Problems<'a> {
    pub(super) fn new(tell: &'a dyn Tell) -> Self {
        Self { tell, count: AtomicUsize::new(0) }
    }

    /// Takes a file that is left out, and why.
    pub(super) fn left_out(&self, path: &Path, why: &str) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.tell.warning(&format!("{} is left out: {why}", path.display()));
    }

    /// Returns how many there were.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}
