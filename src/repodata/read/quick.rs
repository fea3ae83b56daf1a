//! What is the least that names a package? What stands in primary before `format`, and in the start tags
//! of the other files.

use std::borrow::Cow;

use super::error::{Error, Problem, shortened};
use super::fields::Draft;
use super::packages::PackageText;
use super::shortcut;
use super::walker::Walker;
use crate::repodata::Checksum;

/// What primary says of a package without its dependencies, files and texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quick {
    /// Name.
    pub name: String,
    /// Arch; `src` for source packages.
    pub arch: String,
    /// Epoch as it is written; `0` where there is none.
    pub epoch: String,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Digest of the whole file: the `pkgid` that joins the files.
    pub checksum: Checksum,
    /// Where the file is: relative to `base`, or to the repository where there is none.
    pub href: String,
    /// `xml:base` of the location.
    pub base: Option<String>,
    /// Modification time of the file, seconds after 1970.
    pub time_file: i64,
    /// When it was built, seconds after 1970.
    pub time_build: i64,
    /// Bytes of the file.
    pub size: u64,
}

impl Quick {
    /// Reads the beginning of a package of primary, usually up to `format`.
    ///
    /// # Errors
    /// An element that every package has is missing, repeated or bad.
    pub fn read(package: PackageText<'_>) -> Result<Self, Error> {
        match shortcut::quick(package) {
            Some(quick) => Ok(quick),
            None => Self::parsed(package),
        }
    }

    /// Reads the beginning of a package with the parser.
    pub(super) fn parsed(package: PackageText<'_>) -> Result<Self, Error> {
        let mut walker = Walker::new(package);
        let mut draft = Draft::default();
        let known = match read_known(&mut walker, &mut draft) {
            Ok(()) => {
                let label = draft.label();
                draft.known().map_err(|problem| (label, problem))
            }
            Err(problem) => Err((draft.label(), problem)),
        };
        let known = known.map_err(|(label, problem)| walker.error(label, problem))?;
        Ok(Self {
            name: known.name,
            arch: known.arch,
            epoch: known.epoch,
            version: known.version,
            release: known.release,
            checksum: known.checksum,
            href: known.href,
            base: known.base,
            time_file: known.time_file,
            time_build: known.time_build,
            size: known.size[0],
        })
    }

    /// Returns name, epoch, version, release and arch in productmd's form.
    pub fn nevra(&self) -> String {
        format!("{}-{}:{}-{}.{}", self.name, self.epoch, self.version, self.release, self.arch)
    }
}

fn read_known(walker: &mut Walker<'_>, draft: &mut Draft) -> Result<(), Problem> {
    walker.child()?;
    while let Some(element) = walker.child()? {
        if draft.child(walker, &element)? {
            if draft.is_known() {
                return Ok(());
            }
            walker.skip()?;
        }
    }
    Ok(())
}

/// What the start tag of a package in filelists or other says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// Digest of the RPM file, hex digits, lower case.
    pub pkgid: String,
    /// Name.
    pub name: String,
    /// Arch.
    pub arch: String,
}

impl Heading {
    /// Reads the start tag of a package in filelists or other.
    ///
    /// # Errors
    /// It does not name its package.
    pub fn read(package: PackageText<'_>) -> Result<Self, Error> {
        let mut walker = Walker::new(package);
        heading(&mut walker).map_err(|problem| walker.error(None, problem))
    }
}

/// Reads the start tag of a package in filelists or other, and leaves the walker inside of it.
pub(super) fn heading(walker: &mut Walker<'_>) -> Result<Heading, Problem> {
    let element = walker.child()?.ok_or(Problem::Missing("package"))?;
    let [pkgid, name, arch] = walker.attributes(&element, ["pkgid", "name", "arch"])?;
    let pkgid = pkgid.ok_or(Problem::Missing("pkgid"))?;
    if pkgid.is_empty() || pkgid.len() > 128 || !pkgid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Problem::Value { field: "pkgid", value: shortened(&pkgid) });
    }
    Ok(Heading {
        pkgid: pkgid.to_ascii_lowercase(),
        name: name.map(Cow::into_owned).ok_or(Problem::Missing("name"))?,
        arch: arch.map(Cow::into_owned).ok_or(Problem::Missing("arch"))?,
    })
}
