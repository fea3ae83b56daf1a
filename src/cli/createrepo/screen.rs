//! How is a run shown? Steps on standard output, warnings on standard error, progress where a person looks on.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use crate::cli::output::{complain, harmless};
use crate::clock::Clock;
use crate::createrepo::Tell;

/// Shortest time between two states of progress, in milliseconds.
const MOMENT: u64 = 100;

/// Where a run is shown.
pub(super) struct Screen {
    quiet: bool,
    verbose: bool,
    /// Where there is a terminal: when progress was shown last, and whether it stands there.
    progress: Option<Mutex<(u64, bool)>>,
    clock: Clock,
}

impl Screen {
    pub(super) fn new(quiet: bool, verbose: bool) -> Self {
        let has_progress = io::stderr().is_terminal() && !quiet && !verbose;
        let progress = has_progress.then(|| Mutex::new((0, false)));
        Self { quiet, verbose, progress, clock: Clock::system() }
    }

    /// Removes the line of progress.
    pub(super) fn clear(&self) {
        let Some(progress) = &self.progress else { return };
        let mut shown = progress.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.1 {
            shown.1 = false;
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn print(&self, text: &str) {
        self.clear();
        let mut out = io::stdout().lock();
        // Whoever read the lines may have seen enough; the repository is made all the same.
        let _ = writeln!(out, "{}", harmless(text)).and_then(|()| out.flush());
    }
}

impl Tell for Screen {
    fn line(&self, text: &str) {
        if !self.quiet {
            self.print(text);
        }
    }

    fn warning(&self, text: &str) {
        if !self.quiet {
            self.clear();
            complain("warning", text);
        }
    }

    fn detail(&self, text: &str) {
        if self.verbose && !self.quiet {
            self.print(text);
        }
    }

    fn progress(&self, done: usize, all: usize) {
        let Some(progress) = &self.progress else { return };
        let now = self.clock.monotonic_millis();
        let mut shown = progress.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(shown.0) < MOMENT && shown.1 {
            return;
        }
        *shown = (now, true);
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        let _ = write!(io::stderr(), "\r\x1b[K{percent:3} %  {done} of {all} packages");
    }
}
