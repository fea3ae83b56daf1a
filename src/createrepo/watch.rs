//! How does a repository stay current while its packages come and go? A run after each change, once it is quiet.
//!
//! The kernel tells of changes in every directory of the walk. It tells nothing of what other machines do on a
//! network file system, and only so many directories can be watched: so there is also a run every so often.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::error::Error;
use super::lock::Lock;
use super::options::{Options, Update};
use super::run::{Outcome, run};
use super::stop::Stop;
use super::tell::Tell;
use crate::clock::Clock;
use crate::model::chain;

/// How a directory is watched.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// A run begins when nothing has changed for so long.
    pub quiet: Duration,
    /// A run begins at the latest so long after the last one.
    pub every: Duration,
}

/// Most time that changes without a pause hold up a run, in lengths of [`Watch::quiet`].
const MOST_QUIETS: u32 = 10;

/// Keeps the repository of a directory current until it is told to stop.
///
/// A run that fails is told of, and tried again at the next change or when its time has come.
///
/// # Errors
/// The first run failed, or changes cannot be listened for.
pub fn watch(options: &Options, watch: Watch, clock: &Clock, tell: &dyn Tell, stop: &Stop) -> Result<(), Error> {
    let mut options = options.clone();
    let mut ears = Ears::new(&options)?;
    let mut outcome = run(&options, clock, tell, stop)?;
    // From now on only what changes is read.
    options.update.get_or_insert_with(Update::default);
    loop {
        if ears.listen(&outcome, tell) {
            // A file may have come into a directory before it was listened to.
            outcome = again(&options, outcome, clock, tell, stop);
            continue;
        }
        match ears.wait(watch, stop)? {
            Heard::Stop => return Ok(()),
            Heard::Change => tell.detail("something changed"),
            Heard::Nothing => tell.detail("nothing was heard for a while; looking all the same"),
        }
        outcome = again(&options, outcome, clock, tell, stop);
    }
}

/// Runs once more; what a failed run walked through is what the one before did.
fn again(options: &Options, before: Outcome, clock: &Clock, tell: &dyn Tell, stop: &Stop) -> Outcome {
    match run(options, clock, tell, stop) {
        Ok(outcome) => outcome,
        Err(Error::Stopped) => before,
        Err(error) => {
            tell.warning(&format!("the repository is not made anew: {}", chain(&error)));
            before
        }
    }
}

/// Why waiting ended.
enum Heard {
    Change,
    Nothing,
    Stop,
}

/// What listens to directories.
struct Ears {
    inotify: OwnedFd,
    /// Numbers that the kernel gave to directories.
    watched: BTreeMap<PathBuf, i32>,
    /// Directories that there was no room to watch.
    is_full: bool,
}

impl Ears {
    fn new(options: &Options) -> Result<Self, Error> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let made = inotify::init(flags).map_err(|error| Error::file("cannot watch", &options.dir)(error.into()));
        Ok(Self { inotify: made?, watched: BTreeMap::new(), is_full: false })
    }

    /// Listens to the directories of a run, and no more to others. Returns whether there is a new one.
    fn listen(&mut self, outcome: &Outcome, tell: &dyn Tell) -> bool {
        let mut old = std::mem::take(&mut self.watched);
        let mut is_new = false;
        for dir in outcome.dirs.iter().filter(|dir| !is_own(dir)) {
            match old.remove(dir).map_or_else(|| self.add(dir), |number| Ok((number, false))) {
                Ok((number, fresh)) => {
                    is_new |= fresh;
                    self.watched.insert(dir.clone(), number);
                }
                Err(error) if !self.is_full => {
                    self.is_full = true;
                    tell.warning(&format!("cannot watch {}, looked at from time to time only: {error}", dir.display()));
                }
                Err(_) => {}
            }
        }
        for number in old.into_values() {
            // The kernel has forgotten a directory that was removed.
            let _ = inotify::remove_watch(&self.inotify, number);
        }
        is_new
    }

    fn add(&self, dir: &Path) -> Result<(i32, bool), Errno> {
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        Ok((inotify::add_watch(&self.inotify, dir, flags)?, true))
    }

    /// Waits for a change, and then until nothing changes for a moment.
    fn wait(&mut self, watch: Watch, stop: &Stop) -> Result<Heard, Error> {
        match self.hear(watch.every, stop)? {
            Heard::Change => {}
            other => return Ok(other),
        }
        for _ in 0..MOST_QUIETS {
            match self.hear(watch.quiet, stop)? {
                Heard::Change => {}
                Heard::Nothing => break,
                Heard::Stop => return Ok(Heard::Stop),
            }
        }
        Ok(Heard::Change)
    }

    /// Waits at most so long for a change that matters.
    fn hear(&mut self, at_most: Duration, stop: &Stop) -> Result<Heard, Error> {
        loop {
            if stop.is_set() {
                return Ok(Heard::Stop);
            }
            let bell = stop.bell();
            let mut fds = [PollFd::new(&bell, PollFlags::IN), PollFd::new(&self.inotify, PollFlags::IN)];
            let timeout = Timespec { tv_sec: at_most.as_secs().cast_signed(), tv_nsec: at_most.subsec_nanos().into() };
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Ok(Heard::Nothing),
                Ok(_) if self.drain() => return Ok(Heard::Change),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(Error::file("cannot wait for", Path::new("changes"))(error.into())),
            }
        }
    }

    /// Takes all events that wait; returns whether one of them is of a package or a directory of packages.
    fn drain(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut events = inotify::Reader::new(self.inotify.as_fd(), &mut buffer);
        let mut matters = false;
        while let Ok(event) = events.next() {
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()).to_owned());
            // A new file tells once more when it is closed; until then it is not whole.
            let is_begun = event.events().contains(ReadFlags::CREATE) && !event.events().contains(ReadFlags::ISDIR);
            let is_gone = event.events().contains(ReadFlags::IGNORED);
            matters |= !is_begun && !is_gone && !name.is_some_and(|name| is_own(Path::new(&name)));
        }
        matters
    }
}

/// Returns whether a directory or file is one that runs make.
fn is_own(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "repodata" || Lock::is_name(&name)
}
