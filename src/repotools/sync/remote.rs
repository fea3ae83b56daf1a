//! What is in a file that is elsewhere? Its index and other parts of it, had by range requests.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Failed;
use crate::fetch::{Fetcher, Wanted};
use crate::repodata::segments::Index;
use crate::repotools::indexed::Indexed;
use crate::repotools::repository::Repository;

/// How many bytes more than the old index took are asked for: what some 36 new segments take.
const SLACK: u64 = 1 << 10;

/// A file that is elsewhere, had in parts.
pub(super) struct Remote<'a> {
    fetcher: &'a Fetcher,
    repository: &'a Repository,
    href: &'a str,
    /// Bytes of the file.
    pub(super) size: u64,
    fetched: AtomicU64,
}

impl<'a> Remote<'a> {
    pub(super) fn new(fetcher: &'a Fetcher, repository: &'a Repository, href: &'a str, size: u64) -> Self {
        Self { fetcher, repository, href, size, fetched: AtomicU64::new(0) }
    }

    /// Returns how many bytes have come so far.
    pub(super) fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Gets some bytes of the file.
    pub(super) async fn part(&self, range: Range<u64>) -> Result<File, Failed> {
        let length = range.end.saturating_sub(range.start);
        let wanted = Wanted { range: Some(range), size: Some(length), ..Wanted::at_most(length) };
        let fetched = self.fetcher.fetch(&self.repository.bases, self.href, &wanted).await;
        let fetched = fetched.map_err(|error| Failed::by(&error))?;
        self.fetched.fetch_add(fetched.size, Ordering::Relaxed);
        Ok(fetched.file)
    }

    /// Gets the end of the file: its index, and with it `bytes`, which begin at the end of the XML or behind it.
    pub(super) async fn index(&self, old: &Indexed) -> Result<(Indexed, Vec<u8>), Failed> {
        let guess = (old.length + u64::from(old.index.tail) + SLACK).min(self.size);
        let mut last = self.last(guess).await?;
        let none = || Failed::new("the file has no index");
        let length = Index::length(&last).filter(|length| *length <= self.size).ok_or_else(none)?;
        if length > guess {
            last = self.last(length).await?;
        }
        let at = last.len().checked_sub(length as usize).ok_or_else(none)?;
        let indexed = Indexed::parse(&last[at..], self.size).ok_or_else(none)?;
        let behind = at.saturating_sub(indexed.index.tail as usize);
        // Where the request began within the end of the XML, only the index is of use.
        let begins = if at - behind == indexed.index.tail as usize { behind } else { at };
        Ok((indexed, last.split_off(begins)))
    }

    async fn last(&self, length: u64) -> Result<Vec<u8>, Failed> {
        let file = self.part(self.size - length..self.size).await?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Failed::new("its index is too long"))?];
        file.read_exact_at(&mut bytes, 0).map_err(|error| Failed::by(&error))?;
        Ok(bytes)
    }
}
