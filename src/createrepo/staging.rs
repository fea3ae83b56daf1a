//! How do the bytes of a record get beside their place? Compressed and hashed on the way, and not yet seen.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::digesting::{Digesting, digest};
use super::error::Error;
use super::extras::{Body, Extra};
use super::keep::without_checksum;
use super::listing::{Listing, Settled};
use super::options::{Files, Packing};
use super::spool::Spool;
use crate::repodata::read::{Decompressed, Limits};
use crate::repodata::segments::assemble;
use crate::repodata::{Checksum, Kind, Packer, Record, Repomd, Sums, Written};
use crate::store::durable::Staged;

/// A record, and its file where that is not in its place yet.
pub(super) struct Laid {
    pub record: Record,
    pub staged: Option<Staged>,
}

/// Where and how files are laid.
pub(super) struct Layer<'a> {
    pub repodata: &'a Path,
    pub files: &'a Files,
    /// Time of all records, seconds after 1970.
    pub time: i64,
}

impl Layer<'_> {
    /// Returns the old records of the files that list packages, whose files are as they should be; `None` where
    /// they are named or hashed otherwise than is asked for.
    pub(super) fn stay(&self, kinds: &[Kind], old: &Repomd) -> Option<Vec<Laid>> {
        let mut laid = Vec::new();
        for kind in kinds {
            let record = old.record(kind.as_str())?;
            let name = format!("{}.xml{}", kind.as_str(), self.files.packing.suffix());
            let algorithm = self.files.checksum.as_str();
            let is_open_told = record.open_checksum.as_ref().is_some_and(|open| open.algorithm == algorithm);
            let is_named = record.href == format!("repodata/{}", self.named(&name, &record.checksum));
            if !is_open_told || !is_named || record.checksum.algorithm != algorithm {
                return None;
            }
            laid.push(Laid { record: record.clone(), staged: None });
        }
        Some(laid)
    }

    /// Lays one of the files that list packages.
    ///
    /// # Errors
    /// A segment cannot be read, or the file not be written.
    pub(super) fn listing(
        &self,
        kind: Kind,
        listing: &Listing,
        settled: &Settled,
        spool: &Spool,
    ) -> Result<Laid, Error> {
        let packing = self.files.packing;
        let name = format!("{}.xml{}", kind.as_str(), packing.suffix());
        let mut staged = self.stage(&name)?;
        let sums = Sums { checksum: self.files.checksum, open: true };
        let written = assemble(kind, &listing.manifest, &settled.settings, sums, spool, &mut staged);
        let Written { file, open, .. } = written.map_err(Error::Segments)?;
        let open = open.map(|open| (open.checksum, open.size));
        Ok(Laid { record: self.record(kind.as_str(), &name, file.checksum, file.size, open), staged: Some(staged) })
    }

    fn packed(&self, kind: &str, name: &str, open: Digesting<Packer<Digesting<Staged>>>) -> Result<Laid, Error> {
        let (packer, open_checksum, open_size) = open.finish();
        let (staged, checksum, size) = packer.finish().map_err(self.cannot(name))?.finish();
        let record = self.record(kind, name, checksum, size, Some((open_checksum, open_size)));
        Ok(Laid { record, staged: Some(staged) })
    }

    fn open_digest(&self, staged: &mut Staged) -> io::Result<(Checksum, u64)> {
        staged.flush()?;
        let open = Decompressed::new(File::open(staged.path())?, Limits::default()).map_err(io::Error::other)?;
        digest(self.files.checksum, open)
    }

    /// Lays a record that stands beside the packages.
    ///
    /// # Errors
    /// Its file cannot be read or written.
    pub(super) fn extra(&self, extra: Extra) -> Result<Laid, Error> {
        let Extra { kind, name, body } = extra;
        match body {
            Body::Made(bytes, packing) => self.made(&kind, &name, &bytes, packing),
            Body::Kept(record, path) => self.kept(&name, *record, &path),
        }
    }

    fn made(&self, kind: &str, name: &str, bytes: &[u8], packing: Option<Packing>) -> Result<Laid, Error> {
        let mut sink = Digesting::new(self.files.checksum, self.stage(name)?);
        let Some(packing) = packing else {
            sink.write_all(bytes).map_err(self.cannot(name))?;
            let (staged, checksum, size) = sink.finish();
            return Ok(Laid { record: self.record(kind, name, checksum, size, None), staged: Some(staged) });
        };
        let packer = Packer::new(packing.compression(), sink).map_err(self.cannot(name))?;
        let mut open = Digesting::new(self.files.checksum, packer);
        open.write_all(bytes).map_err(self.cannot(name))?;
        self.packed(kind, name, open)
    }

    fn kept(&self, name: &str, old: Record, path: &Path) -> Result<Laid, Error> {
        let is_elsewhere = old.base.is_some();
        let fits = old.checksum.algorithm == self.files.checksum.as_str()
            && old.href == format!("repodata/{}", self.named(name, &old.checksum))
            && self.repodata.join(self.named(name, &old.checksum)) == path;
        if is_elsewhere || fits {
            return Ok(Laid { record: old, staged: None });
        }
        let mut sink = Digesting::new(self.files.checksum, self.stage(name)?);
        let copied = File::open(path).and_then(|mut file| io::copy(&mut file, &mut sink));
        copied.map_err(Error::file("cannot copy", path))?;
        let (mut staged, checksum, size) = sink.finish();
        let href = format!("repodata/{}", self.named(name, &checksum));
        let mut record = Record { checksum, size: Some(size), href, ..old };
        let other = |open: &Checksum| open.algorithm != self.files.checksum.as_str();
        if record.open_checksum.as_ref().is_some_and(other) {
            let (open, open_size) = self.open_digest(&mut staged).map_err(self.cannot(name))?;
            (record.open_checksum, record.open_size) = (Some(open), Some(open_size));
        }
        Ok(Laid { record, staged: Some(staged) })
    }

    fn stage(&self, name: &str) -> Result<Staged, Error> {
        Ok(Staged::new(self.repodata, name)?)
    }

    fn cannot(&self, name: &str) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.repodata.join(name);
        move |source| Error::file("cannot write", &path)(source)
    }

    /// Returns what a file is called.
    fn named(&self, name: &str, checksum: &Checksum) -> String {
        let own = without_checksum(name);
        if self.files.simple_names { own.to_owned() } else { format!("{}-{own}", checksum.hex) }
    }

    fn record(&self, kind: &str, name: &str, checksum: Checksum, size: u64, open: Option<(Checksum, u64)>) -> Record {
        let href = format!("repodata/{}", self.named(name, &checksum));
        let (open_checksum, open_size) = open.unzip();
        Record {
            kind: kind.to_owned(),
            checksum,
            open_checksum,
            header_checksum: None,
            href,
            base: None,
            timestamp: self.time,
            size: Some(size),
            open_size,
            header_size: None,
            database_version: None,
        }
    }
}
