//! Where do segments lie? One file each, under the BLAKE3 of what it holds, shared by whoever needs it.
//!
//! Nothing here knows what a segment means. A name is there only once its bytes are durable: what was
//! put is kept back until [`Batch::keep`].
//!
//! A file ends with a hash of its bytes: one that is damaged is never taken for what was put in, though it may
//! open to the same text.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::db::Error;
use super::durable::{self, UNFINISHED};
use crate::model::Blake3;

/// From so many new segments on, the file system is synced as a whole, which is quicker than each.
const MANY: usize = 64;

/// How many files are synced at once.
const SYNCED_AT_ONCE: usize = 8;

/// How many bytes of the BLAKE3 of a segment stand behind it.
const HASH: usize = 16;

/// The directory of segments.
#[derive(Debug, Clone)]
pub struct Segments {
    dir: PathBuf,
}

impl Segments {
    /// Returns the segments in a directory, which need not exist yet.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Returns where a segment lies, should it be there.
    pub fn path(&self, name: &Blake3) -> PathBuf {
        self.dir.join(name.to_string())
    }

    /// Returns the bytes of a segment, which may be damaged; `None` if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        Ok(read(&self.path(name))?.map(|(bytes, _)| bytes))
    }

    /// Returns how many bytes a segment has; `None` if it is not there.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn size(&self, name: &Blake3) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(name)) {
            Ok(facts) => Ok(Some(facts.len().saturating_sub(HASH as u64))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a segment, which is no error where it is not there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &Blake3) -> Result<(), Error> {
        durable::remove(&self.path(name))
    }

    /// Returns whether any of these segments is not there.
    pub fn lacks_any<'a>(&self, mut names: impl Iterator<Item = &'a Blake3>) -> bool {
        names.any(|name| !self.path(name).exists())
    }

    /// Begins to put segments in.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn batch(&self) -> Result<Batch<'_>, Error> {
        durable::make_dir(&self.dir)?;
        Ok(Batch { segments: self, staged: Mutex::default() })
    }

    /// Removes what a killed process left unfinished.
    ///
    /// # Errors
    /// The directory cannot be read or a file not removed.
    pub fn sweep(&self) -> Result<(), Error> {
        durable::sweep(&self.dir)
    }

    /// Removes segments that are not named in `kept` and were put in before `oldest` (seconds after 1970);
    /// gives how many.
    ///
    /// # Errors
    /// The directory cannot be read or a file not removed.
    pub fn retain(&self, kept: &HashSet<Blake3>, oldest: i64) -> Result<usize, Error> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(Error::file("cannot read", &self.dir))?,
        };
        let mut removed = 0;
        for entry in entries {
            let path = entry.map_err(Error::file("cannot read", &self.dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_kept = Blake3::from_str(name).map_or(name.starts_with(UNFINISHED), |name| kept.contains(&name));
            if is_kept {
                continue;
            }
            // One that another process removed just now is as good as removed.
            let Ok(facts) = fs::symlink_metadata(&path) else { continue };
            if facts.mtime() < oldest {
                durable::remove(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Segments that are being put in: readable by whoever has this, and by nobody else before they are kept.
#[derive(Debug)]
pub struct Batch<'a> {
    segments: &'a Segments,
    staged: Mutex<HashMap<Blake3, PathBuf>>,
}

impl Batch<'_> {
    fn staged(&self) -> MutexGuard<'_, HashMap<Blake3, PathBuf>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the bytes of a segment, of this batch or kept, which may be damaged; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        Ok(read(&self.path(name))?.map(|(bytes, _)| bytes))
    }

    fn path(&self, name: &Blake3) -> PathBuf {
        let staged = self.staged().get(name).cloned();
        staged.unwrap_or_else(|| self.segments.path(name))
    }

    /// As [`Batch::read`], but `None` if it is damaged; one that is kept counts as put in now, so that it is not
    /// removed before somebody names it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn reuse(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        let now = rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
            last_modification: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        };
        let kept = self.segments.path(name);
        match rustix::fs::utimensat(rustix::fs::CWD, &kept, &now, rustix::fs::AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let found = read(&self.path(name))?;
        Ok(found.filter(|(bytes, hash)| hash_of(bytes) == *hash).map(|(bytes, _)| bytes))
    }

    /// Puts a segment in.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()> {
        let path = durable::under_way(&self.segments.dir);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.write_all(&hash_of(bytes))
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&path);
            return Err(durable::told(&path, error));
        }
        if let Some(twice) = self.staged().insert(*name, path) {
            let _ = fs::remove_file(twice);
        }
        Ok(())
    }

    /// Makes the segments durable, and then visible.
    ///
    /// # Errors
    /// They cannot be synced or renamed; some may be visible then, each whole.
    pub fn keep(self) -> Result<(), Error> {
        let staged = std::mem::take(&mut *self.staged());
        let mut kept = Kept { left: staged.into_iter().collect() };
        if kept.left.is_empty() {
            return Ok(());
        }
        if kept.left.len() > MANY {
            durable::sync_file_system(&self.segments.dir)?;
        } else {
            sync_each(&kept.left)?;
        }
        while let Some((name, path)) = kept.left.last() {
            let place = self.segments.path(name);
            fs::rename(path, &place).map_err(Error::file("cannot write", &place))?;
            kept.left.pop();
        }
        durable::sync_dir(&self.segments.dir)
    }
}

/// Reads a segment, and the hash behind it; `None` if it is not there. One that is too short has no bytes.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, [u8; HASH])>> {
    let mut bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let Some((rest, hash)) = bytes.split_last_chunk().map(|(rest, hash)| (rest.len(), *hash)) else {
        return Ok(Some((Vec::new(), [0; HASH])));
    };
    bytes.truncate(rest);
    Ok(Some((bytes, hash)))
}

fn hash_of(bytes: &[u8]) -> [u8; HASH] {
    let mut hash = [0; HASH];
    hash.copy_from_slice(&Blake3::of(bytes).as_bytes()[..HASH]);
    hash
}

/// Syncs a few files, beside each other: one commit of the file system's journal serves many.
fn sync_each(files: &[(Blake3, PathBuf)]) -> Result<(), Error> {
    let sync = |some: &[(Blake3, PathBuf)]| {
        some.iter().try_for_each(|(_, path)| {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(Error::file("cannot sync", path))
        })
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = files
            .chunks(files.len().div_ceil(SYNCED_AT_ONCE).max(1))
            .map(|some| scope.spawn(move || sync(some)))
            .collect();
        let ended = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        ended.fold(Ok(()), Result::and)
    })
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        drop(Kept { left: self.staged().drain().collect() });
    }
}

/// Files under way that go if nobody takes them.
struct Kept {
    left: Vec<(Blake3, PathBuf)>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (_, path) in &self.left {
            // What is left is swept at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_put_is_seen_by_others_once_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(&dir.path().join("segments"));
        for count in [3, MANY + 1] {
            let name = |i: usize| Blake3::of(format!("{count} {i}").as_bytes());
            let batch = segments.batch().unwrap();
            for i in 0..count {
                batch.put(&name(i), &[7; 10]).unwrap();
                batch.put(&name(i), &[8; 10]).unwrap();
            }
            assert_eq!(batch.read(&name(0)).unwrap(), Some(vec![8; 10]));
            assert_eq!(segments.read(&name(0)).unwrap(), None);
            batch.keep().unwrap();
            for i in 0..count {
                assert_eq!(segments.read(&name(i)).unwrap(), Some(vec![8; 10]));
            }
        }
        assert_eq!(names(&dir.path().join("segments")).len(), 3 + MANY + 1);
        assert_eq!(segments.size(&Blake3::of(b"3 0")).unwrap(), Some(10));
        let (there, none) = (Blake3::of(b"3 0"), Blake3::of(b"none"));
        assert_eq!(segments.size(&none).unwrap(), None);
        assert!(segments.lacks_any([&there, &none].into_iter()) && !segments.lacks_any([&there].into_iter()));
    }

    #[test]
    fn a_batch_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        let batch = segments.batch().unwrap();
        batch.put(&Blake3::of(b"x"), b"x").unwrap();
        assert_eq!(names(dir.path()).len(), 1);
        drop(batch);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_nobody_names_goes_once_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        let (one, other) = (Blake3::of(b"1"), Blake3::of(b"2"));
        let batch = segments.batch().unwrap();
        batch.put(&one, b"x").unwrap();
        batch.put(&other, b"x").unwrap();
        batch.keep().unwrap();
        assert_eq!(segments.retain(&[one].into(), 0).unwrap(), 0, "both are young");
        let damaged = segments.path(&one);
        let mut bytes = fs::read(&damaged).unwrap();
        bytes[0] ^= 1;
        fs::write(&damaged, &bytes).unwrap();
        assert_eq!(segments.batch().unwrap().reuse(&one).unwrap(), None, "what is damaged is not used again");
        fs::write(&damaged, "x").unwrap();
        assert_eq!(segments.batch().unwrap().reuse(&one).unwrap(), None);
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        for name in [one, other] {
            File::open(segments.path(&name)).unwrap().set_modified(long_ago).unwrap();
        }
        assert_eq!(segments.batch().unwrap().reuse(&other).unwrap(), Some(b"x".to_vec()));
        assert_eq!(segments.retain(&HashSet::new(), 2000).unwrap(), 1, "what is used again is young again");
        assert!(segments.path(&other).exists() && !segments.path(&one).exists());
        let batch = segments.batch().unwrap();
        batch.put(&one, b"x").unwrap();
        batch.keep().unwrap();
        assert_eq!(segments.retain(&[one].into(), i64::MAX).unwrap(), 1);
        assert_eq!(names(dir.path()), [one.to_string()]);
    }
}
