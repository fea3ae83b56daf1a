//! Which builds are in these files? RPM files read, verified and grouped, before anything is stored.
//!
//! A build is named by its source RPM, or by the SOURCERPM of its binaries. It is taken whole: where
//! one of its files is bad, nothing of it is; where a file cannot even say which build it belongs
//! to, nothing is imported at all. Links in directories are not followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Volume;
use super::spool::{Spool, Spooled};
use crate::model::{BadName, Nevra, Nvr, Package};
use crate::repodata;
use crate::rpms;
use crate::store;
use crate::store::builds::RpmRow;

/// Why a file or a build cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file or directory cannot be read.
    #[error("cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// It is neither a regular file nor a directory.
    #[error("is neither a file nor a directory")]
    NotAFile,
    /// It is not an intact RPM.
    #[error("is not an RPM that can be imported")]
    Rpm(#[source] rpms::Error),
    /// Its name is not the one its header asks for.
    #[error("must be called {expected}, by what its header says")]
    WrongName {
        /// The right name.
        expected: String,
    },
    /// It is a binary package that does not say which source it was built from.
    #[error("names no source RPM, so the build it belongs to is not known")]
    NoSource,
    /// Its SOURCERPM is not the name of a source RPM.
    #[error("names {text:?} as its source RPM")]
    BadSource {
        /// What it names, cut where it is long.
        text: String,
        /// What is wrong with the name.
        #[source]
        source: Option<BadName>,
    },
    /// The RPM is there already, with another header or payload.
    #[error("{nevra} is there already with another header or payload, as {there}")]
    Different {
        /// The RPM.
        nevra: Box<Nevra>,
        /// Where the other one lies.
        there: String,
    },
    /// A copy signed with the same key is there already, with other bytes.
    #[error("a copy of {nevra} signed with the same key is there already with other bytes, as {there}")]
    SignedDifferently {
        /// The RPM.
        nevra: Box<Nevra>,
        /// Where the other one lies.
        there: String,
    },
    /// Its metadata cannot be kept.
    #[error("has metadata that cannot be kept")]
    Metadata(#[source] repodata::Error),
    /// The state or a file could not be written.
    #[error("cannot be stored")]
    Store(#[from] store::Error),
}

/// A file or build that was refused.
#[derive(Debug)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The build that is not imported because of it; `None` where it stops the whole import.
    pub build: Option<Nvr>,
    /// Why.
    pub error: Box<ImportError>,
}

/// An RPM that is to be stored.
#[derive(Debug)]
pub struct NewRpm {
    /// Where it was found.
    pub path: PathBuf,
    /// Where it will lie in the volume, below `packages/`.
    pub location: String,
    /// What is known of it.
    pub row: RpmRow,
    /// Its rendered metadata, in the spool of the import.
    pub fragments: Spooled,
}

/// A build that is to be stored.
#[derive(Debug)]
pub struct NewBuild {
    /// Name, version, release.
    pub nvr: Nvr,
    /// Epoch.
    pub epoch: u32,
    /// ExclusiveArch and ExcludeArch; `None` where no source RPM was found to say so.
    pub arches: Option<(Vec<String>, Vec<String>)>,
    /// Its RPMs, by location.
    pub rpms: Vec<NewRpm>,
}

/// What was found in the files of one import.
#[derive(Debug)]
pub struct Import {
    /// The builds that are whole, by NVR.
    pub builds: Vec<NewBuild>,
    /// What was refused.
    pub problems: Vec<Problem>,
    /// Where the rendered metadata is meanwhile.
    pub spool: Spool,
}

/// Reads and verifies the RPM files that `paths` name or contain; what is rendered of them waits on the
/// file system of `dir`. Blocks.
pub fn read(paths: &[PathBuf], dir: &Path) -> Result<Import, store::Error> {
    let mut import = Import { builds: Vec::new(), problems: Vec::new(), spool: Spool::new(dir)? };
    let mut files = Vec::new();
    for path in paths {
        if let Err((path, error)) = find(path, true, &mut files) {
            import.problems.push(Problem { path, build: None, error: Box::new(error) });
        }
    }
    files.sort();
    files.dedup();
    let mut found = Vec::new();
    for result in read_all(&files, &import.spool) {
        match result {
            Ok(rpm) => found.push(rpm),
            Err(problem) => import.problems.push(problem),
        }
    }
    import.builds = group(found);
    let nameless = import.problems.iter().any(|problem| problem.build.is_none());
    let refused: BTreeSet<&Nvr> = import.problems.iter().filter_map(|problem| problem.build.as_ref()).collect();
    import.builds.retain(|build| !nameless && !refused.contains(&build.nvr));
    Ok(import)
}

fn find(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> Result<(), (PathBuf, ImportError)> {
    let bad = |error| (path.to_owned(), error);
    // What a person names may be a link; what a directory holds is not followed.
    let kind = if named { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let kind = kind.map_err(|error| bad(ImportError::Unreadable(error)))?;
    if kind.is_dir() {
        for entry in fs::read_dir(path).map_err(|error| bad(ImportError::Unreadable(error)))? {
            let entry = entry.map_err(|error| bad(ImportError::Unreadable(error)))?;
            find(&entry.path(), false, files)?;
        }
        return Ok(());
    }
    let is_rpm = path.extension().is_some_and(|extension| extension == "rpm");
    match (named, kind.is_file()) {
        (true, true) => files.push(path.to_owned()),
        (true, false) => return Err(bad(ImportError::NotAFile)),
        (false, true) if is_rpm => files.push(path.to_owned()),
        (false, _) => {}
    }
    Ok(())
}

/// Reads the files on all cores; the results are in the order of the files.
fn read_all(files: &[PathBuf], spool: &Spool) -> Vec<Result<(Nvr, Found), Problem>> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(path) = files.get(at)
        {
            results.push((at, read_one(path, spool)));
        }
        results
    };
    let mut results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        let results = joined.flat_map(|results| results.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.collect::<Vec<_>>()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

struct Found {
    rpm: NewRpm,
    is_source: bool,
    arches: (Vec<String>, Vec<String>),
}

fn read_one(path: &Path, spool: &Spool) -> Result<(Nvr, Found), Problem> {
    let problem = |build, error| Problem { path: path.to_owned(), build, error: Box::new(error) };
    let (package, file) = match rpms::read_verified(path) {
        Ok(read) => read,
        // Its header may still tell which build lacks this file.
        Err(error) => {
            let build = rpms::read(path).ok().and_then(|(package, _)| build_of(&package).ok());
            return Err(problem(build, ImportError::Rpm(error)));
        }
    };
    let nvr = build_of(&package).map_err(|error| problem(None, error))?;
    let expected = package.nevra.file_name();
    let name = path.file_name().unwrap_or_default();
    let nosrc = expected.strip_suffix(".src.rpm").map(|stem| format!("{stem}.nosrc.rpm"));
    if name != expected.as_str() && nosrc.is_none_or(|nosrc| name != nosrc.as_str()) {
        return Err(problem(Some(nvr), ImportError::WrongName { expected }));
    }
    let location = Volume::location(&nvr, &package.nevra, package.sigkey.as_ref());
    let fragments = repodata::render(&package, &file).to_bytes();
    let fragments = fragments.map_err(|error| problem(Some(nvr.clone()), ImportError::Metadata(error)))?;
    let fragments = spool.put(&fragments).map_err(|error| problem(Some(nvr.clone()), ImportError::Store(error)))?;
    let rpm = NewRpm { path: path.to_owned(), location, row: RpmRow::of(&package, &file), fragments };
    let is_source = package.nevra.is_source();
    Ok((nvr, Found { rpm, is_source, arches: (package.exclusive_arch, package.exclude_arch) }))
}

/// Returns the build that a package belongs to.
fn build_of(package: &Package) -> Result<Nvr, ImportError> {
    let nevra = &package.nevra;
    let bad = |source| ImportError::BadSource { text: package.source_rpm.chars().take(60).collect(), source };
    if nevra.is_source() {
        let nvr = Nvr::new(nevra.name.as_str(), &nevra.evr.version, &nevra.evr.release);
        return nvr.map_err(|source| bad(Some(source)));
    }
    if package.source_rpm.is_empty() {
        return Err(ImportError::NoSource);
    }
    let file = &package.source_rpm;
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"));
    stem.ok_or_else(|| bad(None))?.parse().map_err(|source| bad(Some(source)))
}

fn group(found: Vec<(Nvr, Found)>) -> Vec<NewBuild> {
    let mut builds: BTreeMap<Nvr, NewBuild> = BTreeMap::new();
    for (nvr, found) in found {
        let build = builds.entry(nvr).or_insert_with_key(|nvr| NewBuild {
            nvr: nvr.clone(),
            epoch: found.rpm.row.nevra.evr.epoch,
            arches: None,
            rpms: Vec::new(),
        });
        if found.is_source {
            build.epoch = found.rpm.row.nevra.evr.epoch;
            build.arches = Some(found.arches);
        }
        build.rpms.push(found.rpm);
    }
    for build in builds.values_mut() {
        build.rpms.sort_by(|a, b| (&a.location, &a.path).cmp(&(&b.location, &b.path)));
    }
    builds.into_values().collect()
}
