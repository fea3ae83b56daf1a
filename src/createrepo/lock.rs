//! Who may work on a repository? One run at a time; a killed run is no hindrance.
//!
//! The lock is createrepo_c's: the directory `.repodata/` beside `repodata/`, so that it and we keep out of
//! each other's way. Inside lies a file that we hold locked while we run. Where that file can be locked, the
//! run that made it was killed, and what it left is cleared; where there is none, createrepo_c made the
//! directory, and whether it still runs nobody can know.
//!
//! The directory never stands there without the file: it comes and goes by a rename.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use super::error::Error;
use super::tell::Tell;

/// The lock, and where a run keeps what is not yet in its place.
const DIR: &str = ".repodata";
/// What it is called before it comes and after it went.
const BESIDE: &str = ".repodata-tannery-";
/// The file that is held locked.
const FILE: &str = "tannery.lock";
/// How often runs that end meanwhile are waited out.
const TRIES: usize = 100;

/// The right to work on a repository, and a directory to do it in; both end with this value.
#[derive(Debug)]
pub(super) struct Lock {
    dir: PathBuf,
    _file: File,
}

/// What stands where the lock is to be.
enum Holder {
    /// A run of ours that was killed.
    Dead(Lock),
    /// A run of ours.
    Living,
    /// createrepo_c, or somebody else.
    Foreign,
    /// Nothing any more.
    Gone,
}

impl Lock {
    /// Takes the lock of the repository in `out`.
    ///
    /// With `ignore`, as createrepo_c does it: what stands there is removed, if it is not a living run's of
    /// ours, beside which we work then.
    ///
    /// # Errors
    /// Another run has it, or `out` cannot be written to.
    pub(super) fn take(out: &Path, ignore: bool, tell: &dyn Tell) -> Result<Self, Error> {
        let place = out.join(DIR);
        clear_beside(out);
        for _ in 0..TRIES {
            let Some(mut fresh) = fresh(out)? else { continue };
            match publish(&fresh.dir, &place) {
                Ok(()) => {
                    fresh.dir = place;
                    return Ok(fresh);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::file("cannot make the lock", &place)(error)),
            }
            match holder(&place)? {
                Holder::Dead(lock) => {
                    tell.warning(&format!("{} is of a run that was killed: clearing up after it", place.display()));
                    lock.empty();
                    return Ok(lock);
                }
                Holder::Living if ignore => return Ok(fresh),
                Holder::Foreign if ignore => {
                    tell.warning(&format!("{} is of another run, and removed", place.display()));
                    fs::remove_dir_all(&place).map_err(Error::file("cannot remove", &place))?;
                }
                Holder::Living | Holder::Foreign => break,
                Holder::Gone => {}
            }
        }
        Err(Error::Locked { path: place.display().to_string() })
    }

    /// Returns a directory for what is not yet in its place, in the file system of the repository.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns where the lock of a repository stands while somebody has it.
    pub(super) fn place(out: &Path) -> PathBuf {
        out.join(DIR)
    }

    /// Returns whether a name in the directory of a repository belongs to locks.
    pub(super) fn is_name(name: &str) -> bool {
        name == DIR || name.starts_with(BESIDE)
    }

    /// Removes everything but the file that makes it a lock.
    fn empty(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name() != FILE {
                remove(&entry.path());
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.empty();
        let gone = beside(self.dir.parent().unwrap_or(Path::new(".")));
        // What is left after a failure here is the next run's to clear.
        if fs::rename(&self.dir, &gone).is_ok() {
            remove(&gone);
        }
    }
}

/// Returns a name beside the lock that nobody else has.
fn beside(out: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    out.join(format!("{BESIDE}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Makes a lock that does not stand in its place yet; `None` where somebody cleared it away while we did.
fn fresh(out: &Path) -> Result<Option<Lock>, Error> {
    let dir = beside(out);
    let made = fs::create_dir(&dir).and_then(|()| hold(&dir.join(FILE), true));
    match made {
        Ok(Some(file)) => Ok(Some(Lock { dir, _file: file })),
        Ok(None) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound && out.is_dir() => Ok(None),
        Err(error) => Err(Error::file("cannot make the lock", &dir)(error)),
    }
}

/// Opens and locks a file; `None` where another process has it locked.
fn hold(path: &Path, create: bool) -> io::Result<Option<File>> {
    let file = OpenOptions::new().write(true).create(create).truncate(false).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Renames a directory to a name that nobody has.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            // A file system without that flag: two runs in this very moment could meet here.
            if to.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        renamed => Ok(renamed?),
    }
}

fn holder(place: &Path) -> Result<Holder, Error> {
    let path = place.join(FILE);
    match hold(&path, false) {
        Ok(None) => Ok(Holder::Living),
        Ok(Some(file)) => {
            // Between opening and locking its run may have ended, and another begun.
            let same = match (file.metadata(), fs::metadata(&path)) {
                (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
                _ => false,
            };
            Ok(if same { Holder::Dead(Lock { dir: place.to_owned(), _file: file }) } else { Holder::Gone })
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(if place.symlink_metadata().is_ok() { Holder::Foreign } else { Holder::Gone })
        }
        Err(error) => Err(Error::file("cannot open", &path)(error)),
    }
}

/// Removes what runs left that were killed while the lock came or went.
fn clear_beside(out: &Path) {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(BESIDE) {
            continue;
        }
        match hold(&entry.path().join(FILE), false) {
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => remove(&entry.path()),
        }
    }
}

/// Removes a file or directory; what cannot be removed is left for the next run.
fn remove(path: &Path) {
    let is_dir = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
    let _ = if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

#[cfg(test)]
mod tests {
    use super::super::tell::Silent;
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Leaves what a killed run leaves: all but the lock on the file.
    fn killed(out: &Path, dir: &str) {
        fs::create_dir(out.join(dir)).unwrap();
        fs::write(out.join(dir).join(FILE), "").unwrap();
        fs::write(out.join(dir).join("spool"), "x").unwrap();
    }

    #[test]
    fn one_run_at_a_time_and_nothing_stays() {
        let out = tempfile::tempdir().unwrap();
        let lock = Lock::take(out.path(), false, &Silent).unwrap();
        assert_eq!(lock.dir(), out.path().join(".repodata"));
        assert!(matches!(Lock::take(out.path(), false, &Silent), Err(Error::Locked { .. })));
        fs::write(lock.dir().join("spool"), "x").unwrap();
        drop(lock);
        assert!(names(out.path()).is_empty());
        Lock::take(out.path(), false, &Silent).unwrap();
    }

    #[test]
    fn what_killed_runs_left_is_taken_over_and_cleared() {
        let out = tempfile::tempdir().unwrap();
        killed(out.path(), ".repodata");
        killed(out.path(), ".repodata-tannery-1-0");
        fs::create_dir(out.path().join(".repodata-tannery-1-1")).unwrap();
        let lock = Lock::take(out.path(), false, &Silent).unwrap();
        assert_eq!((names(out.path()), names(lock.dir())), (vec![".repodata".to_owned()], vec![FILE.to_owned()]));
        drop(lock);
        assert!(names(out.path()).is_empty());
    }

    #[test]
    fn createrepos_own_lock_holds_us_off_unless_it_is_to_be_ignored() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join(".repodata")).unwrap();
        assert!(matches!(Lock::take(out.path(), false, &Silent), Err(Error::Locked { .. })));
        assert_eq!(names(out.path()), [".repodata"]);
        drop(Lock::take(out.path(), true, &Silent).unwrap());
        assert!(names(out.path()).is_empty());
    }

    #[test]
    fn a_living_run_that_is_ignored_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        let first = Lock::take(out.path(), false, &Silent).unwrap();
        let second = Lock::take(out.path(), true, &Silent).unwrap();
        assert_ne!(first.dir(), second.dir());
        drop(second);
        assert_eq!(names(out.path()), [".repodata"]);
        drop(first);
        assert!(names(out.path()).is_empty());
    }

    #[test]
    fn of_many_at_once_one_gets_it() {
        let out = tempfile::tempdir().unwrap();
        killed(out.path(), ".repodata");
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| Lock::take(out.path(), false, &Silent))).collect();
            let taken: Vec<_> = runs.into_iter().map(|run| run.join().unwrap()).collect();
            assert_eq!(taken.iter().filter(|lock| lock.is_ok()).count(), 1);
        });
    }
}
