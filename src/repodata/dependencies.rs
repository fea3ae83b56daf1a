//! Which dependencies of a package does metadata list? createrepo_c's choice, rule by rule.
//!
//! Reads the header's lists and changes no entry; drops, moves and orders them only.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use crate::model::{Dependency, Package, Sense};

/// The lists of a package as metadata has them, under the names of their elements and in the order
/// of the file.
pub(super) fn listed(package: &Package) -> [(&'static str, Vec<&Dependency>); 8] {
    let all = &package.dependencies;
    let provides = usable(&all.provides);
    let (requires, mut recommends) = requires(package, &provides);
    recommends.extend(usable(&all.recommends));
    [
        ("rpm:provides", provides),
        ("rpm:requires", requires),
        ("rpm:conflicts", usable(&all.conflicts)),
        ("rpm:obsoletes", usable(&all.obsoletes)),
        ("rpm:suggests", usable(&all.suggests)),
        ("rpm:enhances", usable(&all.enhances)),
        ("rpm:recommends", recommends),
        ("rpm:supplements", usable(&all.supplements)),
    ]
}

/// Returns whether primary lists the file: those that other packages may require without filelists.
pub(super) fn is_primary_file(path: &str) -> bool {
    path.starts_with("/etc/") || path == "/usr/lib/sendmail" || path.contains("bin/")
}

/// Returns the dependencies whose version can be read.
fn usable(list: &[Dependency]) -> Vec<&Dependency> {
    list.iter().filter(|dependency| dependency.evr().is_some()).collect()
}

/// Returns the requirements that are listed, and those that are recommendations instead.
fn requires<'a>(package: &'a Package, provides: &[&'a Dependency]) -> (Vec<&'a Dependency>, Vec<&'a Dependency>) {
    let provided: HashSet<_> = provides.iter().map(|own| text_of(own)).collect();
    let shipped: HashSet<&str> =
        package.files.iter().map(|file| file.path.as_str()).filter(|path| is_primary_file(path)).collect();
    let mut latest: HashMap<&str, (Option<Sense>, &str, bool)> = HashMap::new();
    let mut libc: Option<&Dependency> = None;
    let (mut requires, mut recommends) = (Vec::new(), Vec::new());
    for needed in &package.dependencies.requires {
        let name = needed.name.as_str();
        let repeated = (needed.sense(), needed.version.as_str(), needed.is_pre());
        if name.starts_with("rpmlib(")
            || name.starts_with('/') && shipped.contains(name)
            || provided.contains(&text_of(needed))
            || latest.get(name) == Some(&repeated)
            || needed.evr().is_none()
        {
            continue;
        }
        if needed.is_missing_ok() {
            recommends.push(needed);
        } else if name.starts_with("libc.so.6") {
            libc = Some(higher_libc(libc, needed));
        } else {
            latest.insert(name, repeated);
            requires.push(needed);
        }
    }
    requires.extend(libc);
    (requires, recommends)
}

/// What makes a requirement and an own provide the same: the version counts as it is written.
fn text_of(dependency: &Dependency) -> (&str, Option<Sense>, &str) {
    (&dependency.name, dependency.sense(), &dependency.version)
}

/// Returns the one of two requirements on the C library that includes the other.
fn higher_libc<'a>(kept: Option<&'a Dependency>, new: &'a Dependency) -> &'a Dependency {
    match kept {
        Some(kept) if compare_libc(&kept.name, &new.name) != Ordering::Less => kept,
        _ => new,
    }
}

/// Compares names such as `libc.so.6(GLIBC_2.34)(64bit)`: a version is above a word, a word above
/// empty parentheses, these above an open one, and that above none.
fn compare_libc(a: &str, b: &str) -> Ordering {
    let ((rank_a, version_a), (rank_b, version_b)) = (libc_version(a), libc_version(b));
    rank_a.cmp(&rank_b).then_with(|| rpm_version::rpm_evr_compare(version_a, version_b))
}

/// Returns the rank of a name, and the text from the first digit in the first parentheses.
fn libc_version(name: &str) -> (u8, &str) {
    let Some((_, rest)) = name.split_once('(') else { return (0, "") };
    let Some((inside, _)) = rest.split_once(')') else { return (1, "") };
    match inside.find(|c: char| c.is_ascii_digit()) {
        Some(at) => (4, &inside[at..]),
        None if inside.is_empty() => (2, ""),
        None => (3, ""),
    }
}
