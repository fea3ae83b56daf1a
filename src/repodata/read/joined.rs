//! What do all files of a repository say of its packages? Primary with the others, package by package.
//!
//! The files are read in step and one package at a time. A file of another order can be indexed first.

use std::io::Read;

use super::error::{Error, Place, Problem};
use super::fields::{self, Draft};
use super::indexed::Indexed;
use super::packages::{Document, PackageText, Packages};
use super::quick::{self, Heading, Quick};
use super::scope::Space;
use super::walker::Walker;
use crate::repodata::Described;

/// A file that is read beside primary.
pub enum Side<'s, R> {
    /// Read in step: it lists the same packages in the same order.
    InStep(Packages<R>),
    /// Looked up: it was indexed.
    Indexed(Indexed<'s>),
}

/// The packages of a repository, each with what all of its files say.
pub struct Joined<'s, R> {
    primary: Packages<R>,
    sides: Vec<Side<'s, R>>,
}

/// One package in all files of a repository.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// What names it.
    pub quick: Quick,
    /// Its element in primary.
    pub primary: PackageText<'a>,
    /// Its elements in the other files, in the order they were given in.
    pub sides: Vec<(Document, PackageText<'a>)>,
}

impl<'s, R: Read> Joined<'s, R> {
    /// Returns the packages that `primary` lists, with what `sides` say of them.
    pub fn new(primary: Packages<R>, sides: Vec<Side<'s, R>>) -> Self {
        Self { primary, sides }
    }

    /// Returns the next package; `None` at the end of all files.
    ///
    /// # Errors
    /// A file cannot be read, lists other packages than primary or, where it was not indexed, in another
    /// order.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Listed<'_>>, Error> {
        let Some(primary) = self.primary.next()? else {
            for side in &mut self.sides {
                side.ended()?;
            }
            return Ok(None);
        };
        let quick = Quick::read(primary)?;
        let mut sides = Vec::with_capacity(self.sides.len());
        for side in &mut self.sides {
            sides.push((side.document(), side.of(&quick)?));
        }
        Ok(Some(Listed { quick, primary, sides }))
    }

    /// Returns how many packages primary announces, once [`Joined::next`] was called.
    pub fn announced(&self) -> Option<u64> {
        self.primary.announced()
    }
}

impl<R: Read> Side<'_, R> {
    fn document(&self) -> Document {
        match self {
            Self::InStep(packages) => packages.document(),
            Self::Indexed(indexed) => indexed.document(),
        }
    }

    fn of(&mut self, quick: &Quick) -> Result<PackageText<'_>, Error> {
        match self {
            Self::Indexed(indexed) => indexed.get(quick),
            Self::InStep(packages) => {
                if !packages.step()? {
                    return Err(named(packages.error(0, Problem::Absent), quick));
                }
                let package = packages.current();
                let heading = Heading::read(package)?;
                if heading.pkgid == quick.checksum.hex {
                    return same(&heading, quick, package).map(|()| package);
                }
                let place =
                    Place { file: package.from.file.to_owned(), package: Some(heading.pkgid), offset: package.offset };
                let expected = quick.checksum.hex.clone();
                Err(Error { place, problem: Problem::Order { expected } })
            }
        }
    }

    /// Checks that the file has no package that primary does not have.
    fn ended(&mut self) -> Result<(), Error> {
        match self {
            Self::Indexed(indexed) => indexed.ended(),
            Self::InStep(packages) => match packages.next()? {
                None => Ok(()),
                Some(package) => {
                    let heading = Heading::read(package)?;
                    let file = package.from.file.to_owned();
                    let place = Place { file, package: Some(heading.pkgid), offset: package.offset };
                    Err(Error { place, problem: Problem::Surplus })
                }
            },
        }
    }
}

/// Checks that a package of equal `pkgid` is called as primary calls it.
pub(super) fn same(heading: &Heading, quick: &Quick, package: PackageText<'_>) -> Result<(), Error> {
    for (field, theirs, ours) in [("name", &heading.name, &quick.name), ("arch", &heading.arch, &quick.arch)] {
        if theirs != ours {
            let file = package.from.file.to_owned();
            let place = Place { file, package: Some(quick.nevra()), offset: package.offset };
            return Err(Error { place, problem: Problem::Differs { field } });
        }
    }
    Ok(())
}

pub(super) fn named(mut error: Error, quick: &Quick) -> Error {
    error.place.package = Some(quick.nevra());
    error
}

impl Listed<'_> {
    /// Returns all fields of the package. Files that were not given leave theirs empty; of filelists and
    /// filelists-ext the later one counts.
    ///
    /// # Errors
    /// An element is missing, repeated or bad, or a version is not the one that primary has.
    pub fn described(&self) -> Result<Described, Error> {
        let mut walker = Walker::new(self.primary);
        let mut draft = Draft::default();
        if let Err(problem) = primary(&mut walker, &mut draft) {
            return Err(walker.error(draft.label(), problem));
        }
        let mut described = draft.finish().map_err(|problem| walker.error(Some(self.quick.nevra()), problem))?;
        for (document, package) in &self.sides {
            let mut walker = Walker::new(*package);
            self.side(*document, package.from.space, &mut walker, &mut described)
                .map_err(|problem| walker.error(Some(self.quick.nevra()), problem))?;
        }
        Ok(described)
    }

    fn side(
        &self,
        document: Document,
        space: Space,
        walker: &mut Walker<'_>,
        described: &mut Described,
    ) -> Result<(), Problem> {
        quick::heading(walker)?;
        let version = match document {
            Document::Primary => return Ok(()),
            Document::Filelists | Document::FilelistsExt => {
                let (version, files) = fields::filelists(walker, space)?;
                described.files = files;
                version
            }
            Document::Other => {
                let (version, changelog) = fields::other(walker)?;
                described.changelog = changelog;
                version
            }
        };
        let own = [&self.quick.epoch, &self.quick.version, &self.quick.release];
        if version.each_ref() != own {
            return Err(Problem::Differs { field: "version" });
        }
        Ok(())
    }
}

fn primary(walker: &mut Walker<'_>, draft: &mut Draft) -> Result<(), Problem> {
    walker.child()?;
    while let Some(element) = walker.child()? {
        if draft.child(walker, &element)? {
            draft.format(walker)?;
        }
    }
    Ok(())
}
