//! Where do segments lie during a run? New ones in one file in the lock's directory, old ones in the data
//! files they came in.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::error::Error;
use crate::model::Blake3;
use crate::repodata::Kind;
use crate::repodata::segments::{self, Frame, Frames, KINDS};

/// The name of the file, in the lock's directory.
const NAME: &str = "segments";

/// Segments of a run.
pub(super) struct Spool {
    new: segments::Spool,
    /// Segments of the old repository, by kind: in which file, from where.
    old: [Option<(File, HashMap<Blake3, u64>)>; KINDS],
}

impl Spool {
    /// Begins an empty one in a directory.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(super) fn new(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(NAME);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(Error::file("cannot write", &path))?;
        Ok(Self { new: segments::Spool::new(file), old: [const { None }; KINDS] })
    }

    /// Takes in the segments of an old data file: their names, and from which byte on.
    pub(super) fn add_old(&mut self, kind: Kind, file: File, places: HashMap<Blake3, u64>) {
        self.old[kind as usize] = Some((file, places));
    }
}

impl Frames for Spool {
    fn get(&self, kind: Kind, frame: &Frame) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.find(&frame.name)? {
            return Ok(bytes);
        }
        let old = self.old[kind as usize].as_ref().and_then(|(file, places)| Some((file, *places.get(&frame.name)?)));
        let (file, from) = old.ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; frame.size as usize];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }

    fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        self.new.find(name)
    }

    fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()> {
        self.new.put(name, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(name: &[u8], size: u32) -> Frame {
        Frame { name: Blake3::of(name), hash: [0; 16], count: 1, size, open: 1 }
    }

    #[test]
    fn segments_come_back_from_where_they_lie() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old");
        std::fs::write(&old, "headOLDtail").unwrap();
        let mut spool = Spool::new(dir.path()).unwrap();
        let places = HashMap::from([(Blake3::of(b"old"), 4)]);
        spool.add_old(Kind::Other, File::open(old).unwrap(), places);
        for (name, bytes) in [("a", &b"first"[..]), ("b", b""), ("a", b"first"), ("c", b"third")] {
            spool.put(&Blake3::of(name.as_bytes()), bytes).unwrap();
        }
        assert_eq!(spool.get(Kind::Primary, &frame(b"c", 5)).unwrap(), b"third");
        assert_eq!(spool.find(&Blake3::of(b"b")).unwrap().unwrap(), b"");
        assert_eq!(spool.get(Kind::Other, &frame(b"old", 3)).unwrap(), b"OLD");
        assert_eq!(spool.find(&Blake3::of(b"old")).unwrap(), None);
        let error = spool.get(Kind::Primary, &frame(b"old", 3)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
