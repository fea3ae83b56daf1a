//! Where is what is merged while it is in no order yet? In a file without a name, compressed, as it came.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::repodata::segments::KINDS;

/// Fast: it is read once, soon.
const LEVEL: i32 = 1;

/// Texts of packages.
pub(super) struct Texts {
    file: File,
    end: u64,
}

/// Where the texts of a package are, and how long they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    at: u64,
    packed: u32,
    open: [u32; KINDS],
}

impl Texts {
    /// Begins with an empty file.
    pub(super) fn new(file: File) -> Self {
        Self { file, end: 0 }
    }

    /// Keeps the texts of a package.
    pub(super) fn put(&mut self, texts: &[String; KINDS]) -> io::Result<Place> {
        let too_large = |_| io::Error::other("what is said of a package is larger than 4 GiB");
        let packed = zstd::bulk::compress(texts.concat().as_bytes(), LEVEL)?;
        let mut open = [0; KINDS];
        for (open, text) in open.iter_mut().zip(texts) {
            *open = u32::try_from(text.len()).map_err(too_large)?;
        }
        let place = Place { at: self.end, packed: u32::try_from(packed.len()).map_err(too_large)?, open };
        self.file.write_all_at(&packed, self.end)?;
        self.end += packed.len() as u64;
        Ok(place)
    }

    /// Returns the texts of a package.
    pub(super) fn get(&self, place: &Place) -> io::Result<[String; KINDS]> {
        let mut packed = vec![0; place.packed as usize];
        self.file.read_exact_at(&mut packed, place.at)?;
        let size = place.open.iter().map(|open| *open as usize).sum();
        let all = String::from_utf8(zstd::bulk::decompress(&packed, size)?).map_err(io::Error::other)?;
        let (mut texts, mut rest) = (<[String; KINDS]>::default(), all.as_str());
        for (text, open) in texts.iter_mut().zip(place.open) {
            let (one, behind) = rest.split_at_checked(open as usize).ok_or(io::ErrorKind::InvalidData)?;
            one.clone_into(text);
            rest = behind;
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_come_back_as_they_were() {
        let mut texts = Texts::new(tempfile::tempfile().unwrap());
        let all = [["a\n".to_owned(), String::new(), "é".repeat(10_000), "d".to_owned()], Default::default()];
        let places = [texts.put(&all[0]).unwrap(), texts.put(&all[1]).unwrap()];
        assert_eq!([texts.get(&places[0]).unwrap(), texts.get(&places[1]).unwrap()], all);
    }
}
