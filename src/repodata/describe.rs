//! What does createrepo_c's metadata say of a package? Its filters, from headers to [`Described`].

use super::dependencies::{is_primary_file, listed};
use super::described::{DEPENDENCIES, Described, Entry};
use super::repomd::Checksum;
use crate::model::{ChangelogEntry, Dependency, ListedFile, Package};

/// Returns what metadata says of a package and its file, of as many changelog entries and with such
/// digests of files as the package was read with.
///
/// Where the file lies is for the caller to say: `href` is empty and `base` is `None`.
pub fn describe(package: Package, file: ListedFile) -> Described {
    let dependencies = dependencies(&package);
    let source_rpm = source_rpm(&package).to_owned();
    let evr = package.nevra.evr;
    Described {
        name: package.nevra.name.into(),
        arch: package.nevra.arch.as_str().to_owned(),
        epoch: evr.epoch.to_string(),
        version: evr.version,
        release: evr.release,
        checksum: Checksum { algorithm: file.checksum_type.as_str().to_owned(), hex: file.checksum },
        summary: package.summary,
        description: package.description,
        packager: package.packager,
        url: package.url,
        time_file: file.time,
        time_build: i64::try_from(package.build_time).unwrap_or(i64::MAX),
        size_package: file.size,
        size_installed: package.installed_size,
        size_archive: package.archive_size,
        href: String::new(),
        base: None,
        license: package.license,
        vendor: package.vendor,
        group: package.group,
        build_host: package.build_host,
        source_rpm,
        header_start: package.header_range.start,
        header_end: package.header_range.end,
        dependencies,
        primary_files: package.files.iter().filter(|file| is_primary_file(&file.path)).cloned().collect(),
        files: package.files,
        file_digests: package.file_digests,
        changelog: changelog(package.changelog),
    }
}

/// Returns the source RPM; librpm gives binary packages without one this text.
fn source_rpm(package: &Package) -> &str {
    if package.source_rpm.is_empty() && !package.nevra.is_source() { "(none)" } else { &package.source_rpm }
}

/// Returns the eight lists. One whose every entry has an empty name leaves an empty element.
fn dependencies(package: &Package) -> [Option<Vec<Entry>>; 8] {
    let lists = listed(package);
    std::array::from_fn(|kind| {
        let may_be_pre = DEPENDENCIES[kind] == "rpm:requires";
        let named = lists[kind].iter().filter(|dependency| !dependency.name.is_empty());
        let entries = named.map(|dependency| entry(dependency, may_be_pre)).collect();
        if lists[kind].is_empty() { None } else { Some(entries) }
    })
}

fn entry(dependency: &Dependency, may_be_pre: bool) -> Entry {
    let pre = may_be_pre && dependency.is_pre();
    let mut entry = Entry { name: dependency.name.clone(), pre, ..Entry::default() };
    let (Some(sense), Some(evr)) = (dependency.sense(), dependency.evr()) else { return entry };
    entry.flags = Some(sense.as_str().to_owned());
    if !dependency.version.is_empty() {
        let part = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
        (entry.epoch, entry.version, entry.release) = (part(evr.epoch), part(evr.version), part(evr.release));
    }
    entry
}

/// Returns the entries as metadata has them: oldest first, each of another second.
fn changelog(mut entries: Vec<ChangelogEntry>) -> Vec<ChangelogEntry> {
    let dates = distinct_dates(&entries);
    for (entry, date) in entries.iter_mut().zip(dates) {
        entry.date = date;
        entry.author.truncate(without_trailing_blanks(&entry.author).len());
    }
    entries.reverse();
    entries
}

/// Returns the dates of the entries, newest first, each another: readers order entries by date, so
/// one of the same second as the entry before it moves that one, and all newer that it then meets,
/// one second up.
fn distinct_dates(changelog: &[ChangelogEntry]) -> Vec<u64> {
    let mut dates: Vec<u64> = Vec::with_capacity(changelog.len());
    let mut last = None;
    for entry in changelog {
        if last == Some(entry.date) {
            move_up(&mut dates, entry.date);
        }
        last = Some(entry.date);
        dates.push(entry.date);
    }
    dates
}

/// Moves the last of `dates` up by a second if it is `taken`, then the one before it that is now
/// met, and so on. Dates beyond 32 bits stay, as createrepo_c's integers have it.
fn move_up(dates: &mut [u64], mut taken: u64) {
    for date in dates.iter_mut().rev() {
        if *date != taken || i32::try_from(taken).is_err() {
            return;
        }
        taken += 1;
        *date = taken;
    }
}

/// Cuts spaces at the end, never the first character.
fn without_trailing_blanks(author: &str) -> &str {
    let first = author.chars().next().map_or(0, char::len_utf8);
    let (head, tail) = author.split_at(first);
    &author[..head.len() + tail.trim_end_matches(' ').len()]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, dependency, package};
    use super::*;

    #[test]
    fn changes_of_one_second_move_the_newer_ones_up() {
        for (dates, moved) in [
            (&[2, 1, 0, 0, 0][..], &[4, 3, 2, 1, 0][..]),
            (&[5, 5, 5], &[7, 6, 5]),
            (&[9, 7, 7, 6], &[9, 8, 7, 6]),
            (&[1, 2, 2], &[1, 3, 2]),
            (&[u64::MAX, u64::MAX], &[u64::MAX, u64::MAX]),
        ] {
            let entries: Vec<_> = dates.iter().map(|date| change("a", *date)).collect();
            assert_eq!(distinct_dates(&entries), moved);
        }
    }

    #[test]
    fn changes_are_listed_oldest_first_without_blanks_after_the_author() {
        let written = changelog(vec![change("new  ", 2), change("   ", 1), change("", 0)]);
        let authors: Vec<_> = written.iter().map(|entry| (entry.author.as_str(), entry.date)).collect();
        assert_eq!(authors, [("", 0), (" ", 1), ("new", 2)]);
    }

    #[test]
    fn binary_packages_without_a_source_say_none() {
        let mut package = package("p");
        package.source_rpm.clear();
        assert_eq!(source_rpm(&package), "(none)");
        package.nevra.arch = "src".parse().unwrap();
        assert_eq!(source_rpm(&package), "");
    }

    #[test]
    fn a_version_without_a_comparison_is_not_told_and_parts_that_are_empty_are_absent() {
        let parts = |flags, version| {
            let entry = entry(&dependency("p", flags, version), true);
            let shown = [&entry.flags, &entry.epoch, &entry.version, &entry.release];
            shown.map(|part| part.as_deref().unwrap_or("-")).join(" ")
        };
        assert_eq!(parts(0, "1:2-3"), "- - - -");
        assert_eq!(parts(8, "1:2-3"), "EQ 1 2 3");
        assert_eq!(parts(12, "2"), "GE 0 2 -");
        assert_eq!(parts(12, "-2"), "GE 0 - 2");
        assert_eq!(parts(2, ""), "LT - - -");
    }

    #[test]
    fn a_list_without_a_named_entry_is_there_and_empty() {
        let mut package = package("p");
        package.dependencies.conflicts = vec![dependency("", 0, "")];
        package.dependencies.requires = vec![dependency("", 0, ""), dependency("r", 1 << 9, "1")];
        package.dependencies.provides = vec![dependency("p", 1 << 9, "1")];
        let [provides, requires, conflicts, obsoletes, ..] = dependencies(&package);
        assert_eq!(provides.unwrap()[0], Entry { name: "p".to_owned(), ..Entry::default() });
        assert_eq!(requires.unwrap(), [Entry { name: "r".to_owned(), pre: true, ..Entry::default() }]);
        assert_eq!((conflicts, obsoletes), (Some(vec![]), None));
    }
}
