//! How does new metadata take the place of the old? Files first, synced, then `repomd.xml` by one rename.
//!
//! `repodata/` is never away and never half: who has read the old `repomd.xml` still finds its files. Where
//! nothing changed, nothing is touched, except that damaged files are made whole.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::Error;
use super::keep;
use super::old::OldRepo;
use super::options::{Options, Retain};
use super::run::Run;
use super::staging::Laid;
use crate::repodata::{Record, Repomd};
use crate::store::durable;

/// Whether something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The repository was as it should be already.
    None,
    /// A new `repomd.xml` is in place.
    New,
}

/// Makes sure that files can be put into `repodata`: it is a directory, or a link to one; a file, or a link
/// that leads nowhere, gives way.
///
/// # Errors
/// It cannot be made.
pub(super) fn make_ready(repodata: &Path) -> Result<(), Error> {
    if !repodata.is_dir() && repodata.symlink_metadata().is_ok() {
        durable::remove(repodata)?;
    }
    Ok(durable::make_dir(repodata)?)
}

/// Puts new metadata in place.
///
/// # Errors
/// A file cannot be written: the old metadata stands as it was, but for files with simple names.
pub(super) fn publish(run: &Run<'_>, old: Option<&OldRepo>, laid: Vec<Laid>, repomd: Repomd) -> Result<Change, Error> {
    let repodata = run.out.join("repodata");
    let current = match old {
        Some(old) if is_same(run.options, &old.repomd, &repomd) => {
            repair(run, &repodata, old, laid)?;
            run.tell.line("New and old repodata match, not updating.");
            &old.repomd
        }
        _ => {
            replace(run, &repodata, old, laid, &repomd)?;
            &repomd
        }
    };
    keep::clear(&repodata, current, &run.options.retain, run.clock, run.tell);
    Ok(if std::ptr::eq(current, &repomd) { Change::New } else { Change::None })
}

/// Returns whether a `repomd.xml` would say nothing new: all but times, where they were not asked for.
fn is_same(options: &Options, old: &Repomd, new: &Repomd) -> bool {
    let timeless = |repomd: &Repomd| {
        let mut records = repomd.records.clone();
        if !options.head.timestamp_to_revision {
            records.iter_mut().for_each(|record| record.timestamp = 0);
        }
        records.sort_by(|one, other| (&one.kind, &one.href).cmp(&(&other.kind, &other.href)));
        let revision = options.head.revision.is_some().then(|| repomd.revision.clone());
        (revision, repomd.tags.clone(), repomd.repoid.clone(), repomd.contenthash.clone(), records)
    };
    timeless(old) == timeless(new)
}

/// Puts those files in place that are not there, or damaged.
fn repair(run: &Run<'_>, repodata: &Path, old: &OldRepo, laid: Vec<Laid>) -> Result<(), Error> {
    let mut is_repaired = false;
    for laid in laid {
        let Laid { record, staged: Some(staged) } = laid else { continue };
        if let Err(bad) = old.check(&record) {
            run.tell.warning(&format!("{} is made again: {bad}", old.place(&record).display()));
            put(run, &record, staged)?;
            is_repaired = true;
        }
    }
    if is_repaired {
        durable::sync_dir(repodata)?;
    }
    Ok(())
}

fn replace(
    run: &Run<'_>,
    repodata: &Path,
    old: Option<&OldRepo>,
    laid: Vec<Laid>,
    repomd: &Repomd,
) -> Result<(), Error> {
    for laid in laid {
        let Laid { record, staged: Some(staged) } = laid else { continue };
        // A file of the same name and content stays the same file, for whoever reads it just now.
        let is_there = !run.options.head.timestamp_to_revision && old.is_some_and(|old| old.check(&record).is_ok());
        if !is_there {
            put(run, &record, staged)?;
        }
    }
    durable::sync_dir(repodata)?;
    run.stop.check()?;
    if let Some(old) = old.filter(|_| run.options.retain != Retain::Everything) {
        keep::note(repodata, &old.bytes, run.clock.seconds())?;
    }
    let signature = repodata.join("repomd.xml.asc");
    if signature.symlink_metadata().is_ok() {
        durable::remove(&signature)?;
        run.tell.warning(&format!("{} was of the old repomd.xml, and is removed", signature.display()));
    }
    Ok(durable::write(&repodata.join("repomd.xml"), &repomd.to_bytes())?)
}

fn put(run: &Run<'_>, record: &Record, staged: durable::Staged) -> Result<(), Error> {
    let name = record.href.strip_prefix("repodata/").unwrap_or(&record.href);
    let place = staged.put(name)?;
    if !run.options.head.timestamp_to_revision {
        return Ok(());
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(record.timestamp.max(0).cast_unsigned());
    let set = || File::open(&place)?.set_modified(time);
    set().map_err(Error::file("cannot set the time of", &place))
}

/// Writes the locations of the packages that were read.
///
/// # Errors
/// The file cannot be written.
pub(super) fn write_list(path: &Path, read: &[String]) -> Result<(), Error> {
    let text: String = read.iter().map(|href| format!("{href}\n")).collect();
    fs::write(path, text).map_err(Error::file("cannot write", path))
}
