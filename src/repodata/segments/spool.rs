//! Where do segments lie that are needed for one run only? One behind the other in one file.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use super::{Frame, Frames};
use crate::model::Blake3;
use crate::repodata::Kind;

/// Segments in a file, for as long as this is held; nothing else may write to it.
#[derive(Debug)]
pub struct Spool {
    file: File,
    made: Mutex<Made>,
}

/// Where each segment begins, and how long it is.
#[derive(Debug, Default)]
struct Made {
    places: HashMap<Blake3, (u64, usize)>,
    end: u64,
}

impl Spool {
    /// Begins with an empty file, which can be read and written.
    pub fn new(file: File) -> Self {
        Self { file, made: Mutex::default() }
    }
}

impl Frames for Spool {
    fn get(&self, _: Kind, frame: &Frame) -> io::Result<Vec<u8>> {
        self.find(&frame.name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        let place = self.made.lock().unwrap_or_else(PoisonError::into_inner).places.get(name).copied();
        let Some((at, size)) = place else { return Ok(None) };
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(Some(bytes))
    }

    fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.places.contains_key(name) {
            return Ok(());
        }
        let at = made.end;
        self.file.write_all_at(bytes, at)?;
        made.places.insert(*name, (at, bytes.len()));
        made.end += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_come_back_as_they_were() {
        let spool = Spool::new(tempfile::tempfile().unwrap());
        for text in ["one", "", "three", "one"] {
            spool.put(&Blake3::of(text.as_bytes()), text.as_bytes()).unwrap();
        }
        for text in ["three", "one", ""] {
            assert_eq!(spool.find(&Blake3::of(text.as_bytes())).unwrap().unwrap(), text.as_bytes());
        }
        assert_eq!(spool.find(&Blake3::of(b"four")).unwrap(), None);
        assert_eq!(spool.file.metadata().unwrap().len(), 8, "each is there once");
    }
}
