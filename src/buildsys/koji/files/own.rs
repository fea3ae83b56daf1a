//! How does a file come into our own directory? Written beside all others, checked, renamed into its place.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::FileError;
use crate::model::{ChecksumType, Sha256};
use crate::rpms;
use crate::store;
use crate::store::durable::{self, Staged};

/// Bytes of the lead, in front of the signature header.
const LEAD: u64 = 96;

/// The directory of files that are made or fetched here. Every method may block.
#[derive(Debug)]
pub(super) struct Own {
    incoming: PathBuf,
}

impl Own {
    pub fn new(root: &Path) -> Self {
        Self { incoming: root.join("incoming") }
    }

    /// Removes what a killed process was writing. Nobody may be writing meanwhile.
    pub fn sweep(&self) -> Result<(), store::Error> {
        durable::sweep(&self.incoming)
    }

    /// Puts a file at `place`, in place of another, once `check` has nothing against it; gives what `check` gave.
    pub fn put<T>(
        &self,
        place: &Path,
        fill: impl FnOnce(&mut Staged) -> Result<(), FileError>,
        check: impl FnOnce(&Path) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        durable::make_dir(&self.incoming)?;
        let mut staged = Staged::new(&self.incoming, "file")?;
        fill(&mut staged)?;
        staged.sync()?;
        let checked = check(staged.path())?;
        let dir = place.parent().unwrap_or(place);
        durable::make_dir(dir)?;
        fs::rename(staged.path(), place).map_err(store::Error::file("cannot write", place))?;
        durable::sync_dir(dir)?;
        Ok(checked)
    }
}

/// Writes all of a file.
pub(super) fn copy(file: &mut File, into: &mut Staged) -> Result<(), FileError> {
    io::copy(file, into).map(drop).map_err(|source| store::Error::file("cannot write", into.path())(source).into())
}

/// Writes an RPM with another signature header: all that Koji does to write a signed copy. The payload is the same.
pub(super) fn splice(plain: &Path, header: &[u8], into: &mut Staged) -> Result<(), FileError> {
    let shown = plain.display().to_string();
    let bad = |source| FileError::Rpm { path: shown.clone(), source };
    let mut file = match File::open(plain) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Missing(shown)),
        file => file.map_err(|error| bad(rpms::Error::Io(error)))?,
    };
    let front = rpms::read_front(file.try_clone().map_err(|error| bad(rpms::Error::Io(error)))?).map_err(bad)?;
    let mut splice = || -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut (&file).take(LEAD), into)?;
        into.write_all(header)?;
        file.seek(SeekFrom::Start(front.package.header_range.start))?;
        io::copy(&mut file, into).map(drop)
    };
    let spliced = splice();
    spliced.map_err(|source| store::Error::file("cannot make a signed copy of", plain)(source).into())
}

/// Checks that a file has these bytes.
pub(super) fn has_bytes(path: &Path, sha256: &Sha256, shown: &str) -> Result<(), FileError> {
    let found = digest(path).map_err(store::Error::file("cannot read", path))?;
    let expected = sha256.to_string();
    if found == expected {
        return Ok(());
    }
    Err(FileError::Other { path: shown.to_owned(), what: "SHA-256", found, expected })
}

fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, ChecksumType::Sha256.hasher(), vec![0; 128 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pass_the_check_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let (own, place) = (Own::new(dir.path()), dir.path().join("packages/n/f"));
        let put = |bytes: &'static [u8]| {
            let fill = |staged: &mut Staged| {
                staged.write_all(bytes).unwrap();
                Ok(())
            };
            own.put(&place, fill, |path| has_bytes(path, &Sha256::of(b"right"), "f"))
        };
        assert!(
            put(b"wrong").unwrap_err().to_string().starts_with("f is not the file that the hub knows: its SHA-256")
        );
        assert!(!place.exists());
        put(b"right").unwrap();
        put(b"wrong").unwrap_err();
        assert_eq!(fs::read(&place).unwrap(), b"right");
        assert_eq!(fs::read_dir(dir.path().join("incoming")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_process_was_writing_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let own = Own::new(dir.path());
        own.sweep().unwrap();
        fs::create_dir(dir.path().join("incoming")).unwrap();
        fs::write(dir.path().join("incoming/.unfinished-1-1"), "half").unwrap();
        own.sweep().unwrap();
        assert_eq!(fs::read_dir(dir.path().join("incoming")).unwrap().count(), 0);
    }
}
