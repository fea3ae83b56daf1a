//! Where in a file is a package? For files that list their packages in another order than primary.
//!
//! The uncompressed elements go to a scratch file of the caller's; what stays in memory is a place and a
//! digest for each package.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};

use super::error::{Error, Place, Problem};
use super::joined::{named, same};
use super::limits::Limits;
use super::packages::{Document, Origin, PackageText, Packages};
use super::quick::{Heading, Quick};
use super::scope::{Scope, Space};
use crate::model::Blake3;

/// Where uncompressed elements are kept for a while.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// The packages of a file by `pkgid`.
pub struct Indexed<'s> {
    file: String,
    document: Document,
    space: Space,
    scope: Scope,
    limits: Limits,
    is_usual: bool,
    places: BTreeMap<String, Found>,
    scratch: Box<dyn Scratch + Send + 's>,
    current: String,
}

struct Found {
    /// First byte in the scratch file.
    start: u64,
    length: usize,
    /// First byte in the uncompressed stream.
    offset: u64,
    digest: Blake3,
    is_asked_for: bool,
}

impl<'s> Indexed<'s> {
    /// Reads all packages of a file into `scratch`, which is empty.
    ///
    /// # Errors
    /// The file cannot be read, has a `pkgid` twice with other content, or the scratch file refuses.
    pub fn new<R: Read>(mut packages: Packages<R>, mut scratch: impl Scratch + Send + 's) -> Result<Self, Error> {
        let mut places: BTreeMap<String, Found> = BTreeMap::new();
        let (mut start, mut is_usual) = (0, true);
        while let Some(package) = packages.next()? {
            let pkgid = Heading::read(package)?.pkgid;
            let (length, offset) = (package.text.len(), package.offset);
            let digest = Blake3::of(package.text.as_bytes());
            let bad = |problem| Error {
                place: Place { file: package.from.file.to_owned(), package: Some(pkgid.clone()), offset },
                problem,
            };
            match places.get(&pkgid) {
                Some(known) if known.digest == digest => continue,
                Some(_) => return Err(bad(Problem::Duplicate)),
                None => scratch.write_all(package.text.as_bytes()).map_err(|error| bad(error.into()))?,
            }
            is_usual &= package.is_usual;
            places.insert(pkgid, Found { start, length, offset, digest, is_asked_for: false });
            start += length as u64;
        }
        let (file, document, space, scope, limits) = packages.into_origin();
        let (scratch, current) = (Box::new(scratch), String::new());
        Ok(Self { file, document, space, scope, limits, is_usual, places, scratch, current })
    }

    /// Returns which kind of file this is.
    pub fn document(&self) -> Document {
        self.document
    }

    pub(super) fn get(&mut self, quick: &Quick) -> Result<PackageText<'_>, Error> {
        let Some(found) = self.places.get_mut(&quick.checksum.hex) else {
            let place = Place { file: self.file.clone(), package: None, offset: 0 };
            return Err(named(Error { place, problem: Problem::Absent }, quick));
        };
        found.is_asked_for = true;
        let offset = found.offset;
        let mut bytes = std::mem::take(&mut self.current).into_bytes();
        bytes.resize(found.length, 0);
        let start = SeekFrom::Start(found.start);
        let read = self.scratch.seek(start).and_then(|_| self.scratch.read_exact(&mut bytes)).map_err(Problem::from);
        let text = read.and_then(|()| String::from_utf8(bytes).map_err(|_| Problem::Encoding));
        self.current = text.map_err(|problem| {
            let place = Place { file: self.file.clone(), package: Some(quick.nevra()), offset };
            Error { place, problem }
        })?;
        let from = Origin { file: &self.file, space: self.space, scope: &self.scope, limits: &self.limits };
        let package = PackageText { text: &self.current, offset, is_usual: self.is_usual, has_asides: true, from };
        same(&Heading::read(package)?, quick, package)?;
        Ok(package)
    }

    /// Checks that every package was asked for.
    pub(super) fn ended(&self) -> Result<(), Error> {
        let left = self.places.iter().filter(|(_, found)| !found.is_asked_for);
        let Some((pkgid, found)) = left.min_by_key(|(_, found)| found.offset) else { return Ok(()) };
        let place = Place { file: self.file.clone(), package: Some(pkgid.clone()), offset: found.offset };
        Err(Error { place, problem: Problem::Surplus })
    }
}
