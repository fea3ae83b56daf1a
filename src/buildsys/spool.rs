//! Where does rendered metadata wait until its build is stored? In a file without a name.
//!
//! An import may be of a whole distribution: what is said of its packages does not fit into memory.
//! The kernel frees the file with the process, however that ends.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{Error, durable};

/// The file.
#[derive(Debug)]
pub struct Spool {
    file: File,
    dir: PathBuf,
    end: AtomicU64,
}

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spooled {
    offset: u64,
    length: usize,
}

impl Spool {
    /// Begins a file on the file system of `dir`.
    pub fn new(dir: &Path) -> Result<Self, Error> {
        Ok(Self { file: durable::nameless(dir)?, dir: dir.to_owned(), end: AtomicU64::new(0) })
    }

    /// Writes bytes behind all others; several threads may.
    pub fn put(&self, bytes: &[u8]) -> Result<Spooled, Error> {
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, offset).map_err(Error::file("cannot write a file in", &self.dir))?;
        Ok(Spooled { offset, length: bytes.len() })
    }

    /// Reads what was put there.
    pub fn get(&self, place: Spooled) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; place.length];
        let read = self.file.read_exact_at(&mut bytes, place.offset);
        read.map_err(Error::file("cannot read a file in", &self.dir))?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_threads_put_is_read_back_and_no_file_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let spool = &Spool::new(dir.path()).unwrap();
        let put = |byte: u8| (byte, spool.put(&vec![byte; usize::from(byte) * 1000]).unwrap());
        let mut places = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (1..9_u8).map(|byte| scope.spawn(move || put(byte))).collect();
            places.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
        });
        for (byte, place) in places {
            assert_eq!(spool.get(place).unwrap(), vec![byte; usize::from(byte) * 1000]);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
