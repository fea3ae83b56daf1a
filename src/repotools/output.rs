//! How does a directory get new metadata? Beside the old, files first, `repomd.xml` last by one rename.
//!
//! What is in the files is not known here. One run works on a directory at a time; what a killed one left is
//! cleared by the next. Files that the replaced `repomd.xml` names stay for one more run, for readers
//! that have it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::Error;
use crate::repodata::Repomd;
use crate::store::durable::{self, Staged};

const REPODATA: &str = "repodata";
const REPOMD: &str = "repomd.xml";

/// The directory that metadata is written to.
#[derive(Debug)]
pub(super) struct Output {
    dir: PathBuf,
    /// `repomd.xml` as it stands there, byte for byte.
    before: Option<Vec<u8>>,
    /// What it says, where that can be read.
    old: Option<Repomd>,
    /// Held locked as long as this value lives.
    _lock: File,
}

/// A file that has its name, or will get it.
#[derive(Debug)]
pub(super) struct Laid {
    /// Where it belongs, as `repomd.xml` has it.
    pub(super) href: String,
    /// The file, where it does not stand there already.
    pub(super) staged: Option<Staged>,
}

/// What stands beside `repomd.xml`: a name, and what it holds; `None` where it is not to be there.
pub(super) type Companion = (&'static str, Option<Vec<u8>>);

impl Output {
    /// Opens a directory for writing, and makes it where it is not there; `hrefs` are the files to come.
    ///
    /// # Errors
    /// Another run works on it, or it cannot be written to.
    pub(super) fn open<'h>(dir: &Path, hrefs: impl Iterator<Item = &'h str>) -> Result<Self, Error> {
        let io = |source| Error::Io { name: dir.display().to_string(), source };
        let dir = &std::path::absolute(dir).map_err(io)?;
        durable::make_dir(&dir.join(REPODATA))?;
        let lock = File::open(dir).map_err(io)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| Error::Busy { dir: dir.display().to_string() })?;
        let before = match fs::read(dir.join(REPODATA).join(REPOMD)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(io)?),
        };
        let old = before.as_deref().and_then(|bytes| Repomd::parse(bytes).ok());
        let output = Self { dir: dir.to_owned(), before, old, _lock: lock };
        let dirs: BTreeSet<PathBuf> = hrefs.map(|href| output.dir_of(href)).collect();
        dirs.into_iter().chain([dir.join(REPODATA)]).try_for_each(|dir| durable::sweep(&dir))?;
        Ok(output)
    }

    /// Returns what `repomd.xml` said when the directory was opened.
    pub(super) fn old(&self) -> Option<&Repomd> {
        self.old.as_ref()
    }

    /// Returns the bytes that `repomd.xml` had then.
    pub(super) fn before(&self) -> Option<&[u8]> {
        self.before.as_deref()
    }

    /// Returns where a file belongs.
    pub(super) fn place(&self, href: &str) -> PathBuf {
        self.dir.join(href)
    }

    fn dir_of(&self, href: &str) -> PathBuf {
        self.place(href).parent().unwrap_or(&self.dir).to_owned()
    }

    /// Begins a file in the directory where it belongs.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn stage(&self, href: &str) -> Result<Staged, Error> {
        let dir = self.dir_of(href);
        durable::make_dir(&dir)?;
        Ok(Staged::new(&dir, href)?)
    }

    /// Begins a file in `repodata` whose name is not known yet.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn stage_metadata(&self, kind: &str) -> Result<Staged, Error> {
        Ok(Staged::new(&self.dir.join(REPODATA), kind)?)
    }

    /// Opens a file in `repodata` that has no name and goes with this process.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn nameless(&self) -> Result<File, Error> {
        Ok(durable::nameless(&self.dir.join(REPODATA))?)
    }

    /// Puts files in place, durable, and leaves `repomd.xml` as it is; returns where they belong.
    ///
    /// # Errors
    /// Something cannot be written.
    pub(super) fn lay(&self, laid: Vec<Laid>) -> Result<BTreeSet<String>, Error> {
        let mut dirs = BTreeSet::new();
        let mut named = BTreeSet::new();
        for Laid { href, staged } in laid {
            if let Some(staged) = staged {
                staged.put(href.rsplit('/').next().unwrap_or(&href))?;
                dirs.insert(self.dir_of(&href));
            }
            named.insert(href);
        }
        dirs.iter().try_for_each(|dir| durable::sync_dir(dir))?;
        Ok(named)
    }

    /// Puts all in place; returns whether `repomd.xml` is another one now.
    ///
    /// # Errors
    /// Something cannot be written. The old metadata stands as it was then, but for files whose names have no
    /// checksum and that were replaced already.
    pub(super) fn publish(self, laid: Vec<Laid>, repomd: &[u8], companions: &[Companion]) -> Result<bool, Error> {
        let mut named = self.lay(laid)?;
        let is_new = self.before.as_deref() != Some(repomd);
        let repodata = self.dir.join(REPODATA);
        if is_new {
            // A signature of the old one must not stand beside the new one.
            companions.iter().try_for_each(|(name, _)| durable::remove(&repodata.join(name)))?;
            durable::write(&repodata.join(REPOMD), repomd)?;
        }
        for (name, content) in companions {
            let place = repodata.join(name);
            match content {
                Some(bytes) if fs::read(&place).is_ok_and(|old| old == *bytes) => {}
                Some(bytes) => durable::write(&place, bytes)?,
                None => durable::remove(&place)?,
            }
        }
        if is_new {
            let before = self.old.iter().flat_map(|old| &old.records).map(|record| record.href.clone());
            named.extend(before);
            clear(&repodata, &named)?;
        }
        Ok(is_new)
    }
}

/// Removes files whose names begin with a checksum and that are not named; all others are not ours to judge.
fn clear(repodata: &Path, named: &BTreeSet<String>) -> Result<(), Error> {
    let io = |source| Error::Io { name: repodata.display().to_string(), source };
    for entry in fs::read_dir(repodata).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let digits = name.split('-').next().unwrap_or_default();
        let is_checksum =
            digits.len() >= 32 && digits.len() < name.len() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let is_ours = is_checksum && entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_ours && !named.contains(&format!("{REPODATA}/{name}")) {
            durable::remove(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn repomd(href: &str) -> Vec<u8> {
        let hex = "0".repeat(64);
        let text = format!(
            "<repomd><data type=\"primary\"><checksum type=\"sha256\">{hex}</checksum><location href=\"{href}\"/></data></repomd>"
        );
        text.into_bytes()
    }

    fn publish(dir: &Path, name: &str, companions: &[Companion]) -> bool {
        let href = format!("repodata/{name}");
        let output = Output::open(dir, [href.as_str()].into_iter()).unwrap();
        let staged = Some(output.stage(&href).unwrap());
        output.publish(vec![Laid { href: href.clone(), staged }], &repomd(&href), companions).unwrap()
    }

    #[test]
    fn files_stay_for_readers_of_the_replaced_repomd_and_go_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let repodata = dir.path().join("repodata");
        let name = |digit: &str| format!("{}-primary.xml", digit.repeat(64));
        assert!(publish(dir.path(), &name("a"), &[]));
        fs::write(repodata.join("comps.xml"), "").unwrap();
        fs::write(repodata.join(".unfinished-1-1"), "").unwrap();
        assert!(publish(dir.path(), &name("b"), &[]));
        assert!(!publish(dir.path(), &name("b"), &[]));
        assert_eq!(names(&repodata), [&name("a"), &name("b"), "comps.xml", "repomd.xml"]);
        assert!(publish(dir.path(), &name("c"), &[]));
        assert_eq!(names(&repodata), [&name("b"), &name("c"), "comps.xml", "repomd.xml"]);
    }

    #[test]
    fn a_signature_is_never_older_than_its_repomd() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("repodata/repomd.xml.asc");
        publish(dir.path(), "p", &[("repomd.xml.asc", Some(b"one".to_vec()))]);
        assert_eq!(fs::read(&place).unwrap(), b"one");
        publish(dir.path(), "p", &[("repomd.xml.asc", Some(b"two".to_vec()))]);
        assert_eq!(fs::read(&place).unwrap(), b"two");
        publish(dir.path(), "p", &[("repomd.xml.asc", None)]);
        assert!(!place.exists());
    }

    #[test]
    fn two_runs_do_not_meet_in_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let first = Output::open(dir.path(), [].into_iter()).unwrap();
        let error = Output::open(dir.path(), [].into_iter()).unwrap_err().to_string();
        assert!(error.starts_with("another run works on /"), "{error}");
        drop(first);
        Output::open(dir.path(), [].into_iter()).unwrap();
    }
}
