//! Is this file the one that the hub knows, and what does it say? Its headers, and all of it only where its digest is
//! known from nowhere.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::FileError;
use super::forms::{Spot, in_header};
use super::rate::Rate;
use crate::model::{FileFacts, Package, Sha256, Sigkey};
use crate::repodata;
use crate::rpms::{self, Front, Marks};
use crate::store::builds::RpmRow;

/// What was read of one form of an RPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// Where it lies below `packages/`, here or in the hub's volume.
    pub location: String,
    /// What is known of it.
    pub row: RpmRow,
    /// Its rendered metadata.
    pub fragments: Vec<u8>,
    /// ExclusiveArch and ExcludeArch, of a source package.
    pub arches: Option<(Vec<String>, Vec<String>)>,
    /// The hub's id of the RPM.
    pub rpm_id: i64,
    /// MD5 of its signature header.
    pub sighash: String,
}

/// Digests of whole files of one RPM, as others know them, by the key of the form.
pub(super) type Sums = Vec<(Option<Sigkey>, Sha256)>;

/// Digests of files that are known without reading them.
pub(super) trait KnownDigests {
    /// Returns the digest that the hub has reckoned of a form.
    fn reckoned(&self, spot: &Spot) -> Option<Sha256>;

    /// Returns the digest of the form that has this front and size.
    fn digest(&self, spot: &Spot, package: &Package, size: u64) -> Option<Sha256>;
}

/// Reads the file at `path`, which is to be this form. Blocks.
pub(super) fn look(path: &Path, spot: &Spot, known: &impl KnownDigests, rate: &Rate) -> Result<FileRead, FileError> {
    let shown = path.display().to_string();
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Missing(shown)),
        file => file.map_err(|source| FileError::Rpm { path: shown.clone(), source: rpms::Error::Io(source) })?,
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len());
    match rpms::read_front(file) {
        Ok(front) => {
            check(&shown, spot, &front.package, &front.marks, size)?;
            if let Some(promised) = front.size.filter(|promised| *promised != size) {
                return Err(other(&shown, "size", size, promised));
            }
            if let Some(sha256) = known.digest(spot, &front.package, size) {
                return kept(&shown, spot, front.package, FileFacts { sha256, size, content: None }, front.marks);
            }
        }
        // A header that only the whole is promised of: then all of it is read.
        Err(rpms::Error::Unpromised(_)) => {}
        Err(source) => return Err(FileError::Rpm { path: shown, source }),
    }
    let whole = rpms::read_whole(path, |bytes| rate.heard(bytes));
    let (package, facts, marks) = whole.map_err(|source| FileError::Rpm { path: shown.clone(), source })?;
    check(&shown, spot, &package, &marks, facts.size)?;
    kept(&shown, spot, package, facts, marks)
}

/// Returns what the front of a file says that lies elsewhere, and is to be this form; `None` where its digest is not
/// known, so that all of it has to be had. Where it does not promise its size, neither is known.
pub(super) fn look_from_afar(
    shown: &str,
    spot: &Spot,
    front: Front,
    known: &impl KnownDigests,
) -> Result<Option<FileRead>, FileError> {
    let Some(size) = front.size else { return Ok(None) };
    check(shown, spot, &front.package, &front.marks, size)?;
    let Some(sha256) = known.digest(spot, &front.package, size) else { return Ok(None) };
    kept(shown, spot, front.package, FileFacts { sha256, size, content: None }, front.marks).map(Some)
}

/// Refuses another RPM than the hub knows, and another form of it.
pub(super) fn check(shown: &str, spot: &Spot, package: &Package, marks: &Marks, size: u64) -> Result<(), FileError> {
    let rpm = &spot.rpm;
    let nevra = in_header(rpm);
    if package.nevra != nevra {
        return Err(other(shown, "name", &package.nevra, nevra));
    }
    let payloadhash = marks.payloadhash.as_deref().unwrap_or_default();
    if payloadhash != rpm.payloadhash {
        return Err(other(shown, "MD5 of header and payload", payloadhash, &rpm.payloadhash));
    }
    if let Some(sighash) = spot.sighash.as_ref().filter(|sighash| **sighash != marks.sighash) {
        return Err(other(shown, "MD5 of the signature header", &marks.sighash, sighash));
    }
    match &spot.sigkey {
        Some(key) if package.sigkey.as_ref() != Some(key) => {
            let found = package.sigkey.as_ref().map_or("none", Sigkey::as_str);
            Err(other(shown, "key", found, key))
        }
        None if size != rpm.size => Err(other(shown, "size", size, rpm.size)),
        _ => Ok(()),
    }
}

fn other(shown: &str, what: &'static str, found: impl ToString, expected: impl ToString) -> FileError {
    FileError::Other { path: shown.to_owned(), what, found: found.to_string(), expected: expected.to_string() }
}

fn kept(shown: &str, spot: &Spot, package: Package, facts: FileFacts, marks: Marks) -> Result<FileRead, FileError> {
    let fragments = repodata::render(&package, &facts).to_bytes();
    let fragments = fragments.map_err(|source| FileError::Metadata { path: shown.to_owned(), source })?;
    Ok(FileRead {
        location: spot.location.clone(),
        row: RpmRow::of(&package, &facts),
        fragments,
        arches: package.nevra.is_source().then_some((package.exclusive_arch, package.exclude_arch)),
        rpm_id: spot.rpm.id,
        sighash: marks.sighash,
    })
}
