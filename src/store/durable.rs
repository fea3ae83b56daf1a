//! How is a file put in its place so that a crash leaves the old one or the new one?
//!
//! Written beside its place, synced, renamed, and the directory synced. Nothing here knows what the
//! files mean.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::db::Error;
use crate::config::Transfer;

/// What a file under way is called: swept away at start, never served, never a name of ours.
pub const UNFINISHED: &str = ".unfinished-";

/// Returns a name in `dir` for a file under way that nobody else has, in this process or another.
pub(super) fn under_way(dir: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    dir.join(format!("{UNFINISHED}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// A file under way: visible only once it is put in its place; gone if it is dropped before.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Staged {
    /// Begins a file in `dir`, the directory it will be put into; `name` is what it will be, for errors.
    pub fn new(dir: &Path, name: &str) -> Result<Self, Error> {
        let path = under_way(dir);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(Error::file("cannot write", &dir.join(name)))?;
        Ok(Self { path, file: Some(BufWriter::with_capacity(1 << 18, file)) })
    }

    /// Returns where the file is until it is put in its place.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes durable what was written so far, so that putting it in its place takes no time.
    pub fn sync(&mut self) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_all());
        synced.map_err(Error::file("cannot write", &self.path))
    }

    /// Puts the file in its place as `name`, whole and durable; the directory is not synced yet.
    pub fn put(mut self, name: &str) -> Result<PathBuf, Error> {
        let place = self.path.with_file_name(name);
        let mut put = || -> io::Result<()> {
            if let Some(file) = self.file.take() {
                file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            }
            fs::rename(&self.path, &place)
        };
        put().map_err(Error::file("cannot write", &place))?;
        Ok(place)
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::BrokenPipe.into()) };
        file.write(bytes).map_err(|source| told(&self.path, source))
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.flush().map_err(|source| told(&self.path, source))
    }
}

/// An error of a file under way, for those who see only bytes on their way: it names the file.
pub(super) fn told(path: &Path, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), Error::file("cannot write", path)(source))
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `put` there is nothing of this name; before it, what is left is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens a new file on the file system of `dir` that has no name and goes with the last who holds it open.
pub fn nameless(dir: &Path) -> Result<File, Error> {
    let path = under_way(dir);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(Error::file("cannot write", &path))?;
    remove(&path)?;
    Ok(file)
}

/// Makes what was renamed or linked into `dir` durable.
pub fn sync_dir(dir: &Path) -> Result<(), Error> {
    let sync = || File::open(dir)?.sync_all();
    sync().map_err(Error::file("cannot sync", dir))
}

/// Makes everything durable that was ever written to the file system of `dir`.
///
/// A killed process may have renamed a file into its place and not synced the directory: whoever
/// comes after it finds the file there and has no reason to.
pub fn sync_file_system(dir: &Path) -> Result<(), Error> {
    let sync = || rustix::fs::syncfs(File::open(dir)?).map_err(io::Error::from);
    sync().map_err(Error::file("cannot sync", dir))
}

/// Makes a directory and its parents, each durable in the one above it.
pub fn make_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_dir(parent)?;
    }
    match fs::create_dir(dir) {
        // Another process was quicker, or what stands there is no directory.
        Err(_) if dir.is_dir() => {}
        made => made.map_err(Error::file("cannot make the directory", dir))?,
    }
    dir.parent().map_or(Ok(()), sync_dir)
}

/// Writes `bytes` as the file at `place`, whole and durable, in place of an older one.
pub fn write(place: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (dir, name) = split(place)?;
    make_dir(dir)?;
    let mut staged = Staged::new(dir, name)?;
    staged.write_all(bytes).map_err(Error::file("cannot write", place))?;
    staged.put(name)?;
    sync_dir(dir)
}

/// Points the symbolic link at `place` to `target`, in one step, durably.
pub fn point(place: &Path, target: &Path) -> Result<(), Error> {
    if fs::read_link(place).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let (dir, _) = split(place)?;
    make_dir(dir)?;
    let beside = under_way(dir);
    let swap = || {
        let _ = fs::remove_file(&beside);
        std::os::unix::fs::symlink(target, &beside)?;
        fs::rename(&beside, place)
    };
    swap().map_err(Error::file("cannot point", place))?;
    sync_dir(dir)
}

fn split(place: &Path) -> Result<(&Path, &str), Error> {
    match (place.parent(), place.file_name().and_then(|name| name.to_str())) {
        (Some(dir), Some(name)) => Ok((dir, name)),
        _ => Err(Error::file("cannot write", place)(io::ErrorKind::InvalidInput.into())),
    }
}

/// Every way of bringing a file to another place, the cheapest first.
pub const ANY_WAY: &[Transfer] = &[Transfer::Hardlink, Transfer::Reflink, Transfer::Copy];

/// Puts a file that exists elsewhere at `place`, by the first of `ways` that works. Its bytes are
/// synced, the directory is not. What stands at `place` already is left alone. Where `from` is a
/// symbolic link, the file it leads to is put there, never the link.
pub fn place_file(from: &Path, place: &Path, ways: &[Transfer]) -> Result<(), Error> {
    let (dir, _) = split(place)?;
    make_dir(dir)?;
    bring(from, place, ways, |file| file.sync_all())
}

/// As [`place_file`], but nothing is durable before [`sync_file_system`]: for many files at once.
pub fn place_file_unsynced(from: &Path, place: &Path, ways: &[Transfer]) -> Result<(), Error> {
    let (dir, _) = split(place)?;
    fs::create_dir_all(dir).map_err(Error::file("cannot make the directory", dir))?;
    bring(from, place, ways, |_| Ok(()))
}

fn bring(from: &Path, place: &Path, ways: &[Transfer], sync: fn(&File) -> io::Result<()>) -> Result<(), Error> {
    if place.symlink_metadata().is_ok() {
        return Ok(());
    }
    let (dir, _) = split(place)?;
    let from = &fs::canonicalize(from).map_err(Error::file("cannot find", from))?;
    let beside = under_way(dir);
    let mut last = io::Error::from(io::ErrorKind::Unsupported);
    for way in ways {
        let _ = fs::remove_file(&beside);
        let done = match way {
            Transfer::Hardlink => fs::hard_link(from, &beside),
            Transfer::Reflink => reflink_copy::reflink(from, &beside),
            Transfer::Copy => fs::copy(from, &beside).map(drop),
        };
        match done.and_then(|()| sync(&File::open(&beside)?)).and_then(|()| fs::rename(&beside, place)) {
            Ok(()) => {
                // A rename onto a second name of the same file does nothing and leaves both.
                let _ = fs::remove_file(&beside);
                return Ok(());
            }
            Err(error) => last = error,
        }
    }
    let _ = fs::remove_file(&beside);
    Err(Error::file("cannot write", place)(last))
}

/// Takes a directory out of its place, and gives the name under which [`sweep`] finds it until it is removed; `None`
/// where there is none. Durable.
pub fn take_away(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let Some(parent) = dir.parent() else { return Ok(None) };
    let aside = under_way(parent);
    match fs::rename(dir, &aside) {
        Ok(()) => sync_dir(parent).map(|()| Some(aside)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("cannot move away", dir)(error)),
    }
}

/// Removes files under way that a crash left in `dir` (not below it), and directories that were taken away.
pub fn sweep(dir: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::file("cannot read", dir))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::file("cannot read", dir))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir { remove_tree(&entry.path())? } else { remove(&entry.path())? }
        }
    }
    Ok(())
}

/// Removes a file; one that is gone already is no error.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("cannot remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it; one that is gone already is no error. Links in it are not followed.
pub fn remove_tree(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("cannot remove", dir)(error)),
        _ => Ok(()),
    }
}

/// A lock on a directory, held as long as this value lives; the kernel frees it with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock in `file`, or says that another process has it.
    pub fn take(file: &Path) -> Result<Self, Error> {
        let lock = Self::open(file)?;
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: lock }),
            Err(_) => Err(Error::Locked { path: file.display().to_string() }),
        }
    }

    /// Takes the lock in `file`, waiting for its holder. Blocks.
    pub fn wait(file: &Path) -> Result<Self, Error> {
        let lock = Self::open(file)?;
        let held = rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive);
        held.map_err(|error| Error::file("cannot lock", file)(error.into()))?;
        Ok(Self { _file: lock })
    }

    fn open(file: &Path) -> Result<File, Error> {
        if let Some(dir) = file.parent() {
            make_dir(dir)?;
        }
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(file);
        open.map_err(Error::file("cannot open", file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_file_is_seen_only_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut staged = Staged::new(dir.path(), "x").unwrap();
        staged.write_all(b"half").unwrap();
        assert!(!dir.path().join("name").exists());
        staged.put("name").unwrap();
        assert_eq!(fs::read(dir.path().join("name")).unwrap(), b"half");
        drop(Staged::new(dir.path(), "y").unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_is_not_taken_for_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(make_dir(&file).unwrap_err().to_string().contains("cannot make the directory"));
        make_dir(&dir.path().join("a/b")).unwrap();
        make_dir(&dir.path().join("a/b")).unwrap();
    }

    #[test]
    fn a_pointer_swaps_in_one_step() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("latest");
        point(&link, Path::new("a")).unwrap();
        point(&link, Path::new("b")).unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("b"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_followed_when_a_file_is_placed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("real"), b"x").unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("real", &link).unwrap();
        for way in [Transfer::Hardlink, Transfer::Copy] {
            let place = dir.path().join(format!("deep/{way:?}"));
            place_file(&link, &place, &[way]).unwrap();
            assert!(place.symlink_metadata().unwrap().is_file(), "{way:?}");
            assert_eq!(fs::read(place).unwrap(), b"x");
        }
    }

    #[test]
    fn many_may_put_one_file_in_one_place_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::write(&from, vec![7; 100_000]).unwrap();
        for round in 0..20 {
            let place = dir.path().join(format!("pool/{round}/file"));
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| place_file(&from, &place, ANY_WAY).unwrap());
                }
            });
            let there: Vec<_> = fs::read_dir(place.parent().unwrap()).unwrap().collect();
            assert_eq!(there.len(), 1);
        }
    }

    #[test]
    fn a_data_directory_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lock");
        let first = Lock::take(&file).unwrap();
        assert!(matches!(Lock::take(&file), Err(Error::Locked { .. })));
        drop(first);
        Lock::take(&file).unwrap();
    }
}
