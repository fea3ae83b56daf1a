//! Are these the bytes that were asked for? Counted and hashed on their way into a file.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;

use super::error::Failure;
use super::place::Place;
use crate::model::{ChecksumType, Hasher};

/// What is wanted of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Most bytes that are taken.
    pub most: u64,
    /// How many bytes there must be, where that is known.
    pub size: Option<u64>,
    /// The digest that they must have, where that is known: hex digits, lower case.
    pub checksum: Option<(ChecksumType, String)>,
    /// Only if it is no longer what it was.
    pub unless: Option<Validators>,
    /// Only some of its bytes, from who gives parts of files; size and checksum are of these.
    pub range: Option<Range<u64>>,
}

impl Wanted {
    /// Wants a whole file of at most so many bytes, whatever it is.
    pub fn at_most(most: u64) -> Self {
        Self { most, size: None, checksum: None, unless: None, range: None }
    }
}

/// What a server gave with a file, to ask later whether it has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// Header `ETag`.
    pub etag: Option<String>,
    /// Header `Last-Modified`.
    pub last_modified: Option<String>,
}

/// The end of a request that went well.
#[derive(Debug)]
pub enum Answer {
    /// Here it is.
    Got(Fetched),
    /// It is what it was: [`Wanted::unless`] holds.
    Unchanged,
}

/// Bytes that are as they were wanted.
#[derive(Debug)]
pub struct Fetched {
    /// Holds them, to be read from its start.
    pub file: File,
    /// How many there are.
    pub size: u64,
    /// Where they came from.
    pub from: Place,
    /// What to ask with the next time; empty for files of this machine.
    pub validators: Validators,
}

/// Takes bytes into a file.
pub(super) struct Sink<'w> {
    file: File,
    wanted: &'w Wanted,
    hasher: Option<Hasher>,
    came: u64,
}

impl<'w> Sink<'w> {
    /// Returns a sink into an unnamed file of the system's temporary directory.
    pub(super) fn new(wanted: &'w Wanted) -> Result<Self, Failure> {
        let hasher = wanted.checksum.as_ref().map(|(algorithm, _)| algorithm.hasher());
        Ok(Self { file: tempfile::tempfile().map_err(Failure::Write)?, wanted, hasher, came: 0 })
    }

    /// Refuses what is announced to be too large, before any of it comes.
    pub(super) fn announced(&self, size: Option<u64>) -> Result<(), Failure> {
        match (size, self.wanted.size) {
            (Some(size), Some(expected)) if size != expected => Err(Failure::Size { expected, came: size }),
            (Some(size), _) if size > self.wanted.most => Err(Failure::TooLarge(self.wanted.most)),
            _ => Ok(()),
        }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.came += bytes.len() as u64;
        if self.came > self.wanted.most {
            return Err(Failure::TooLarge(self.wanted.most));
        }
        if let Some(expected) = self.wanted.size.filter(|expected| self.came > *expected) {
            return Err(Failure::Size { expected, came: self.came });
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.file.write_all(bytes).map_err(Failure::Write)
    }

    /// Returns the file, if what it holds is what was wanted; `announced` is what the server said.
    pub(super) fn finish(mut self, announced: Option<u64>) -> Result<(File, u64), Failure> {
        if let Some(expected) = self.wanted.size.or(announced).filter(|expected| *expected != self.came) {
            return Err(Failure::Size { expected, came: self.came });
        }
        if let (Some(hasher), Some((algorithm, expected))) = (self.hasher, &self.wanted.checksum) {
            same(*algorithm, expected, hasher.finish())?;
        }
        rewound(&mut self.file).map_err(Failure::Write)?;
        Ok((self.file, self.came))
    }
}

pub(super) fn same(algorithm: ChecksumType, expected: &str, found: String) -> Result<(), Failure> {
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Failure::Checksum { algorithm: algorithm.as_str(), expected: expected.to_owned(), found })
}

pub(super) fn rewound(file: &mut File) -> io::Result<()> {
    file.seek(SeekFrom::Start(0)).map(drop)
}
