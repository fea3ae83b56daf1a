//! Has somebody told the run to end? A flag that every loop looks at, and that wakes who waits.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

use super::error::Error;

/// Tells a run to end: it clears up and leaves the old repository as it is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    is_set: AtomicBool,
    bell: OwnedFd,
}

impl Stop {
    /// Returns one that nobody has set.
    ///
    /// # Errors
    /// The process may not open another descriptor.
    pub fn new() -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Inner { is_set: AtomicBool::new(false), bell })))
    }

    /// Tells whoever looks at it to end.
    pub fn set(&self) {
        self.0.is_set.store(true, Ordering::SeqCst);
        // It only fails where it was rung more often than anybody counts: it is heard then anyway.
        let _ = rustix::io::write(&self.0.bell, &1_u64.to_ne_bytes());
    }

    /// Returns whether it was set.
    pub fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }

    /// Ends a loop that looks at it by an error.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_set() { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Returns what becomes readable once it is set.
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.0.bell.as_fd()
    }
}
