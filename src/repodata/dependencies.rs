//! Which dependencies of a package does metadata list? createrepo_c's choice, rule by rule.
//!
//! Reads the header's lists and changes no entry; drops, moves and orders them only.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::model::{Dependency, Package, Sense};

/// The lists of a package as metadata has them, in the order of [`DEPENDENCIES`](super::DEPENDENCIES).
pub(super) fn listed(package: &Package) -> [Vec<&Dependency>; 8] {
    let all = &package.dependencies;
    let provides = usable(&all.provides);
    let (requires, mut recommends) = requires(package, &provides);
    recommends.extend(usable(&all.recommends));
    [
        provides,
        requires,
        usable(&all.conflicts),
        usable(&all.obsoletes),
        usable(&all.suggests),
        usable(&all.enhances),
        recommends,
        usable(&all.supplements),
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
    let needed = unmet(package, provides);
    let mut libc: Option<&Dependency> = None;
    let (mut requires, mut recommends) = (Vec::with_capacity(needed.len()), Vec::new());
    for (needed, is_repeat) in needed.iter().zip(repeats(&needed)) {
        if is_repeat {
            continue;
        }
        if needed.is_missing_ok() {
            recommends.push(*needed);
        } else if is_libc(needed) {
            libc = Some(higher_libc(libc, needed));
        } else {
            requires.push(*needed);
        }
    }
    requires.extend(libc);
    (requires, recommends)
}

/// Returns the requirements that the package does not meet itself, and whose version can be read.
fn unmet<'a>(package: &'a Package, provides: &[&'a Dependency]) -> Vec<&'a Dependency> {
    let mut provided: Vec<_> = provides.iter().map(|own| text_of(own)).collect();
    provided.sort_unstable();
    let shipped = shipped_of_required(package);
    let is_unmet = |needed: &&Dependency| {
        let name = needed.name.as_str();
        !(name.starts_with("rpmlib(")
            || name.starts_with('/') && shipped.contains(name)
            || provided.binary_search(&text_of(needed)).is_ok()
            || needed.evr().is_none())
    };
    package.dependencies.requires.iter().filter(is_unmet).collect()
}

/// Returns of each requirement whether it only repeats the latest one of its name that is listed.
fn repeats(all: &[&Dependency]) -> Vec<bool> {
    let mut by_name: Vec<usize> = (0..all.len()).collect();
    by_name.sort_by(|a, b| all[*a].name.cmp(&all[*b].name));
    let mut repeats = vec![false; all.len()];
    let mut latest: Option<&Dependency> = None;
    for at in by_name {
        let needed = all[at];
        let says = |other: &Dependency| (other.sense(), other.is_pre());
        if latest.is_some_and(|latest| {
            latest.name == needed.name && latest.version == needed.version && says(latest) == says(needed)
        }) {
            repeats[at] = true;
        } else if !needed.is_missing_ok() && !is_libc(needed) {
            latest = Some(needed);
        }
    }
    repeats
}

/// Returns whether this is one of the many names of the C library, of which one is listed.
fn is_libc(needed: &Dependency) -> bool {
    needed.name.starts_with("libc.so.6")
}

/// Returns the files in primary of a package that requires any file, of another none.
fn shipped_of_required(package: &Package) -> HashSet<&str> {
    if !package.dependencies.requires.iter().any(|needed| needed.name.starts_with('/')) {
        return HashSet::new();
    }
    package.files.iter().map(|file| file.path.as_str()).filter(|path| is_primary_file(path)).collect()
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

#[cfg(test)]
mod tests {
    use super::super::DEPENDENCIES;
    use super::super::testing::{dependency, file, package};
    use super::*;

    const EQ: u32 = 8;
    const GE: u32 = 12;
    const PRE: u32 = 1 << 9;
    const MISSING_OK: u32 = 1 << 19;

    /// Returns name and version of what a package with these requirements lists.
    fn listed_of(kind: &str, package: &Package) -> Vec<String> {
        let at = DEPENDENCIES.iter().position(|element| *element == kind).unwrap();
        listed(package)[at].iter().map(|found| format!("{} {}", found.name, found.version).trim().to_owned()).collect()
    }

    fn requires(entries: &[(&str, u32, &str)]) -> Vec<String> {
        let mut package = package("p");
        package.dependencies.provides = vec![dependency("own", EQ, "1"), dependency("any", 0, "")];
        package.files = vec![file("/usr/bin/own"), file("/usr/share/own")];
        package.dependencies.requires = entries.iter().map(|(n, f, v)| dependency(n, *f, v)).collect();
        listed_of("rpm:requires", &package)
    }

    #[test]
    fn what_the_package_has_itself_is_not_required() {
        let list = requires(&[
            ("own", EQ, "1"),
            ("own", EQ | PRE, "1"),
            ("own", EQ, "0:1"),
            ("own", GE, "1"),
            ("any", 0, ""),
            ("/usr/bin/own", 0, ""),
            ("/usr/share/own", 0, ""),
            ("/usr/bin/other", 0, ""),
            ("rpmlib(X)", EQ, "1"),
        ]);
        assert_eq!(list, ["own 0:1", "own 1", "/usr/share/own", "/usr/bin/other"]);
    }

    #[test]
    fn only_a_repeat_of_the_latest_entry_of_a_name_is_dropped() {
        let list =
            requires(&[("a", GE, "1"), ("a", 2, "2"), ("a", GE, "1"), ("a", GE, "1"), ("b", 0, ""), ("b", PRE, "")]);
        assert_eq!(list, ["a 1", "a 2", "a 1", "b", "b"]);
    }

    #[test]
    fn a_version_with_a_bad_epoch_drops_the_dependency() {
        assert_eq!(requires(&[("a", EQ, "x:1"), ("b", 0, "x:1"), ("c", EQ, "1:1")]), ["c 1:1"]);
        let mut package = package("p");
        package.dependencies.provides = vec![dependency("a", EQ, "x:1")];
        assert!(listed_of("rpm:provides", &package).is_empty());
    }

    #[test]
    fn the_highest_c_library_alone_is_required_and_last() {
        for (names, highest) in [
            (&["libc.so.6", "libc.so.6(GLIBC_2.4)"][..], "libc.so.6(GLIBC_2.4)"),
            (&["libc.so.6(GLIBC_2.9)", "libc.so.6(GLIBC_2.34)", "libc.so.6(GLIBC_2.4)"], "libc.so.6(GLIBC_2.34)"),
            (&["libc.so.6()(64bit)", "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)"], "libc.so.6(GLIBC_ABI_DT_RELR)(64bit)"),
            (&["libc.so.6(GLIBC_ABI_DT_RELR)", "libc.so.6(GLIBC_2.2)"], "libc.so.6(GLIBC_2.2)"),
            (&["libc.so.6", "libc.so.6.1"], "libc.so.6"),
        ] {
            let entries: Vec<_> = names.iter().chain(&["z"]).map(|name| (*name, 0, "")).collect();
            assert_eq!(requires(&entries), ["z", highest]);
        }
    }

    #[test]
    fn requirements_that_may_go_unmet_are_the_first_recommendations() {
        let mut package = package("p");
        package.dependencies.requires =
            vec![dependency("a", MISSING_OK, ""), dependency("b", 0, ""), dependency("a", MISSING_OK, "")];
        package.dependencies.recommends = vec![dependency("c", 0, "")];
        assert_eq!(listed_of("rpm:requires", &package), ["b"]);
        assert_eq!(listed_of("rpm:recommends", &package), ["a", "a", "c"]);
    }

    #[test]
    fn primary_files_are_those_of_etc_and_of_any_bin() {
        for path in ["/etc/x", "/usr/lib/sendmail", "/usr/bin/x", "/opt/xbin/y"] {
            assert!(is_primary_file(path), "{path}");
        }
        for path in ["/etc", "/usr/lib/sendmail/x", "/opt/xbin", "/a/etc/x", "/usr/lib/x"] {
            assert!(!is_primary_file(path), "{path}");
        }
    }
}
