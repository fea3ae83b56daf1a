//! Which files are to be listed, and by which location? Found by walking, or named one by one.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::exclude::Excludes;
use super::names::unfit;
use super::options::Options;
use super::run::Run;
use super::walk::Walk;

/// A file that is to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub path: PathBuf,
    /// Its location, as readers get it.
    pub href: String,
}

/// What a run begins with.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub packages: Vec<Candidate>,
    /// Module documents.
    pub modules: Vec<PathBuf>,
    /// Directories that were walked through.
    pub dirs: Vec<PathBuf>,
}

/// Returns what is to be listed; `recycled` are the locations in old metadata.
///
/// # Errors
/// The directory or the list cannot be read.
pub(super) fn find(run: &Run<'_>, recycled: &[String]) -> Result<Candidates, Error> {
    let found = if run.options.selection.is_listed() { listed(run, recycled)? } else { walked(run)? };
    run.tell.line(&format!("Directory walk done - {} packages", found.packages.len()));
    Ok(found)
}

fn walked(run: &Run<'_>) -> Result<Candidates, Error> {
    let Options { dir, selection, .. } = run.options;
    run.tell.line("Directory walk started");
    let found = Walk {
        dir,
        own: run.lock_dir,
        excludes: Excludes::new(&selection.excludes),
        skip_symlinks: selection.skip_symlinks,
        stop: run.stop,
        tell: run.tell,
        problems: run.problems,
    }
    .walk()?;
    let repodata = run.out.join("repodata");
    // The one in force is taken by what repomd.xml says; others there are of older ones.
    let modules = found.modules.iter().map(|path| dir.join(path)).filter(|path| path.parent() != Some(&repodata));
    let packages = found.packages.iter().map(|path| candidate(run.options, path)).collect();
    Ok(Candidates { packages, modules: modules.collect(), dirs: found.dirs })
}

fn candidate(options: &Options, path: &str) -> Candidate {
    // A path that begins with a slash lies below the directory all the same.
    let below = path.trim_start_matches('/');
    Candidate { path: options.dir.join(below), href: options.location.href(path) }
}

fn listed(run: &Run<'_>, recycled: &[String]) -> Result<Candidates, Error> {
    let selection = &run.options.selection;
    let mut lines: Vec<String> = Vec::new();
    if let Some(list) = &selection.pkglist {
        for line in lines_of(list)? {
            match String::from_utf8(line) {
                Ok(line) => lines.push(line),
                Err(bad) => {
                    run.problems.left_out(Path::new(&*String::from_utf8_lossy(bad.as_bytes())), "its name is not UTF-8")
                }
            }
        }
    }
    lines.extend(selection.include.iter().cloned());
    lines.extend(recycled.iter().cloned());
    let excludes = Excludes::new(&selection.excludes);
    let mut packages = Vec::new();
    for line in lines {
        match unfit(Path::new(&line)) {
            Some(why) => run.problems.left_out(Path::new(&line), why),
            None if excludes.text(&line) => run.tell.detail(&format!("{line} is excluded")),
            None => packages.push(candidate(run.options, &line)),
        }
    }
    if selection.pkglist.is_some() && packages.is_empty() {
        run.tell.warning("the list of packages has no useful line");
    }
    Ok(Candidates { packages, ..Candidates::default() })
}

/// Returns the lines of a list, without empty ones; nothing else is cut off.
fn lines_of(list: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let bytes = fs::read(list).map_err(Error::file("cannot read the list", list))?;
    Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}
