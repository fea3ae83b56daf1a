//! From which packages does the demonstration live? A small distribution of real, installable RPMs.
//!
//! A few dozen source packages, described in `catalog.toml`, with true dependencies among them and
//! none on anything outside. What they contain is small text. Same arch, same bytes: times, host and
//! order are fixed. Nothing is signed.

mod binary;
mod catalog;
mod cpio;
mod header;
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Arch, BadName, Nvr};
use catalog::{Catalog, Release};

/// The package that depends, by way of others, on most of the distribution.
pub const META: &str = "tannery-base";

/// The package of which [`Distribution::update`] is a new build.
pub const UPDATED: &str = "oak-hello";

/// A distribution could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalogue of packages does not parse.
    #[error("the catalogue of demonstration packages is broken")]
    Catalog(#[source] toml::de::Error),
    /// The catalogue has no build to update to.
    #[error("the catalogue of demonstration packages has no update")]
    NoUpdate,
    /// The catalogue has a name that is none.
    #[error("the catalogue of demonstration packages has a bad name")]
    Name(#[from] BadName),
    /// An RPM could not be put together.
    #[error("cannot build {file}")]
    Build {
        /// The name of the RPM file.
        file: String,
        /// What the RPM library says.
        source: rpm::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The files of a distribution, and the builds they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The RPMs to begin with, source packages among them; of some builds two releases.
    pub first: Vec<PathBuf>,
    /// The builds of [`Distribution::first`] in the order to tag them: an older release comes
    /// before a newer one.
    pub first_builds: Vec<Nvr>,
    /// The RPMs of one build more: [`UPDATED`], a release newer than any before.
    pub update: Vec<PathBuf>,
    /// That build.
    pub update_build: Nvr,
}

/// Makes the distribution for machines of `arch`, in the directories `first` and `update` below
/// `dir`, which are created where they are missing. Files that are there already are written anew.
pub fn make(dir: &Path, arch: &Arch) -> Result<Distribution, Error> {
    let catalog = Catalog::read()?;
    let (first_dir, update_dir) = (dir.join("first"), dir.join("update"));
    for path in [&first_dir, &update_dir] {
        fs::create_dir_all(path).map_err(|source| Error::Write { path: path.clone(), source })?;
    }
    let (mut first, mut first_builds, mut update) = (Vec::new(), Vec::new(), None);
    for release in catalog.releases() {
        if release.is_update() {
            update = Some((write_build(&update_dir, &release, arch)?, release.nvr()?));
        } else {
            first.extend(write_build(&first_dir, &release, arch)?);
            first_builds.push(release.nvr()?);
        }
    }
    let (update, update_build) = update.ok_or(Error::NoUpdate)?;
    Ok(Distribution { first, first_builds, update, update_build })
}

/// Writes all RPMs of one build: the source package, the binary ones, those for debugging.
fn write_build(dir: &Path, release: &Release<'_>, arch: &Arch) -> Result<Vec<PathBuf>, Error> {
    let mut files = vec![source::build(release, arch)?];
    for package in release.packages() {
        files.push(binary::build(release, &package, arch)?);
    }
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = dir.join(name);
        fs::write(&path, bytes).map_err(|source| Error::Write { path: path.clone(), source })?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(arch: &str) -> (tempfile::TempDir, Distribution) {
        let dir = tempfile::tempdir().unwrap();
        let distribution = make(dir.path(), &arch.parse().unwrap()).unwrap();
        (dir, distribution)
    }

    fn open(path: &Path) -> rpm::Package {
        let package = rpm::Package::open(path).unwrap();
        package.verify_digests().unwrap();
        package
    }

    #[test]
    fn the_same_arch_gives_the_same_bytes() {
        let ((_one_dir, one), (_two_dir, two)) = (made("x86_64"), made("x86_64"));
        assert_eq!(one.first_builds, two.first_builds);
        for (a, b) in one.first.iter().chain(&one.update).zip(two.first.iter().chain(&two.update)) {
            assert_eq!(a.file_name(), b.file_name());
            assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "{}", a.display());
        }
    }

    #[test]
    fn every_file_is_named_by_its_header_and_says_which_source_it_is_from() {
        let (_dir, distribution) = made("aarch64");
        let files: Vec<&PathBuf> = distribution.first.iter().chain(&distribution.update).collect();
        let names: BTreeSet<&str> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names.len(), files.len());
        for path in &files {
            let metadata = open(path).metadata;
            let source = metadata.is_source_package();
            let arch = if source { "src" } else { metadata.get_arch().unwrap() };
            let (name, version) = (metadata.get_name().unwrap(), metadata.get_version().unwrap());
            let file = format!("{name}-{version}-{}.{arch}.rpm", metadata.get_release().unwrap());
            assert_eq!(path.file_name().unwrap().to_str().unwrap(), file);
            assert!(["src", "noarch", "aarch64"].contains(&arch), "{file}");
            if !source {
                let of = metadata.get_source_rpm().unwrap();
                assert!(names.contains(of), "{file} is from {of}");
            }
        }
    }

    #[test]
    fn every_dependency_is_met_within_the_distribution() {
        let (_dir, distribution) = made("x86_64");
        let packages: Vec<_> = distribution.first.iter().map(|path| open(path).metadata).collect();
        let mut offered: BTreeSet<String> = BTreeSet::new();
        for package in packages.iter().filter(|package| !package.is_source_package()) {
            offered.extend(package.get_provides().unwrap().into_iter().map(|dep| dep.name));
            offered.extend(package.get_file_paths().unwrap().iter().map(|path| path.display().to_string()));
        }
        for package in &packages {
            for dep in package.get_requires().unwrap() {
                let checked_by_rpm = dep.name.starts_with("rpmlib(") || dep.name.starts_with('(');
                assert!(checked_by_rpm || offered.contains(&dep.name), "{} of {:?}", dep.name, package.get_name());
            }
        }
    }

    #[test]
    fn some_builds_have_two_releases_and_the_update_is_newer_than_both() {
        let (_dir, distribution) = made("x86_64");
        let names: Vec<&str> = distribution.first_builds.iter().map(|nvr| nvr.name().as_str()).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert!(distinct.len() >= 30, "{}", distinct.len());
        assert_eq!(names.len() - distinct.len(), 3);
        assert!(distinct.contains(META) && distinct.contains(UPDATED));
        assert_eq!(distribution.update_build.to_string(), "oak-hello-1.0-2.oak1");
        assert!(distribution.first_builds.iter().any(|nvr| nvr.to_string() == "oak-hello-1.0-1.oak1"));
    }

    #[test]
    fn a_second_run_into_the_same_directory_changes_nothing() {
        let (dir, first) = made("x86_64");
        let before = fs::read(&first.first[0]).unwrap();
        let again = make(dir.path(), &"x86_64".parse().unwrap()).unwrap();
        assert_eq!(first, again);
        assert_eq!(fs::read(&again.first[0]).unwrap(), before);
    }
}
