//! What stands in a repository beside its packages? The group file, module documents, and what was there before.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::error::Error;
use super::keep::without_checksum;
use super::modules::Documents;
use super::old::OldRepo;
use super::options::{Options, Packing};
use super::tell::{Problems, Tell};
use super::unpack::{MOST_BYTES, unpack, without_suffix};
use crate::model::chain;
use crate::repodata::Record;

/// A record besides those that list packages.
#[derive(Debug)]
pub(super) struct Extra {
    /// Type of the record.
    pub kind: String,
    /// Name of the file, without a checksum.
    pub name: String,
    pub body: Body,
}

/// Where the bytes of a record come from.
#[derive(Debug)]
pub(super) enum Body {
    /// These, to be compressed so.
    Made(Vec<u8>, Option<Packing>),
    /// The file of an older record, as it is.
    Kept(Box<Record>, PathBuf),
}

/// Returns the path of the group file, which must be there.
///
/// # Errors
/// It is not.
pub(super) fn group_file(options: &Options) -> Result<Option<PathBuf>, Error> {
    let Some(file) = &options.extras.group_file else { return Ok(None) };
    let path = options.dir.join(file);
    if path.is_file() {
        return Ok(Some(path));
    }
    Err(Error::Missing(format!("the group file {} does not exist", path.display())))
}

/// Returns the record that the group file becomes.
///
/// # Errors
/// It cannot be read.
pub(super) fn group(path: &Path, options: &Options) -> Result<Extra, Error> {
    let open = read(path).and_then(|bytes| unpack(&bytes)).map_err(Error::file("cannot read", path))?;
    let packing = (!options.extras.plain_group).then_some(options.files.extra_packing);
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let suffix = packing.map_or("", Packing::suffix);
    let name = format!("{}{suffix}", without_suffix(&own));
    Ok(Extra { kind: "group".to_owned(), name, body: Body::Made(open, packing) })
}

/// Returns the record that module documents become; those of the old repository count where no newer one
/// says the same. `None` where there are none.
///
/// # Errors
/// One of the documents cannot be read, or is none.
pub(super) fn modules(found: &[PathBuf], old: Option<&OldRepo>, options: &Options) -> Result<Option<Extra>, Error> {
    let mut documents = Documents::default();
    let old = old.filter(|_| !options.extras.discard);
    let kept = old.and_then(|old| Some(old.place(old.repomd.record("modules")?)));
    for path in kept.iter().filter(|kept| kept.is_file()).chain(found) {
        let open = read(path).and_then(|bytes| unpack(&bytes)).map_err(Error::file("cannot read", path))?;
        let bad = |why| Error::Extra { path: path.display().to_string(), why };
        let text = String::from_utf8(open).map_err(|_| bad("is not UTF-8"))?;
        documents.add(&text).map_err(bad)?;
    }
    if documents.is_empty() {
        return Ok(None);
    }
    let packing = options.files.extra_packing;
    let name = format!("modules.yaml{}", packing.suffix());
    let body = Body::Made(documents.to_text().into_bytes(), Some(packing));
    Ok(Some(Extra { kind: "modules".to_owned(), name, body }))
}

/// Returns the records of the old repository that live on: with `--update`, those that nothing new replaces.
pub(super) fn kept(old: &OldRepo, new: &[Extra], problems: &Problems<'_>, tell: &dyn Tell) -> Vec<Extra> {
    let replaced: BTreeSet<&str> = new.iter().map(|extra| extra.kind.as_str()).collect();
    let mut kept = Vec::new();
    for record in &old.repomd.records {
        // `group_gz`, `modules_zck`: the same in another form.
        let family = record.kind.split('_').next().unwrap_or_default();
        if record.is_listing() || replaced.contains(family) {
            continue;
        }
        let path = old.place(record);
        let name = without_checksum(record.href.rsplit('/').next().unwrap_or_default()).to_owned();
        let is_elsewhere = record.base.is_some();
        match old.check(record) {
            Err(error) if !is_elsewhere => problems.left_out(&path, &chain(&error)),
            _ => {
                tell.line(&format!(
                    "Using {} from target repo",
                    path.file_name().unwrap_or_default().to_string_lossy()
                ));
                kept.push(Extra { kind: record.kind.clone(), name, body: Body::Kept(Box::new(record.clone()), path) });
            }
        }
    }
    kept
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)? as u64;
    if length > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}
