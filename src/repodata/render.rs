//! What does metadata say of one package? Its elements in primary, filelists and other.

use std::fmt::Write;

use super::dependencies::{is_primary_file, listed};
use super::fragments::Fragments;
use super::xml::{push_attribute, push_element, push_text};
use crate::model::{ChangelogEntry, Dependency, FileEntry, FileKind, Package};

/// Returns the metadata of a package, all but its location and the time of its file.
pub fn render(package: &Package) -> Fragments {
    Fragments {
        nevra: package.nevra.clone(),
        sha256: package.file.sha256,
        build_time: i64::try_from(package.build_time).unwrap_or(i64::MAX),
        primary: [primary_head(package), primary_middle(package), primary_tail(package)],
        filelists: filelists(package),
        other: other(package),
    }
}

/// Returns the element up to the value of `<time file="`.
fn primary_head(package: &Package) -> String {
    let mut out = String::from("<package type=\"rpm\">\n");
    push_element(&mut out, "  ", "name", package.nevra.name.as_str());
    push_element(&mut out, "  ", "arch", package.nevra.arch.as_str());
    push_version(&mut out, package);
    push(&mut out, format_args!("  <checksum type=\"sha256\" pkgid=\"YES\">{}</checksum>\n", package.file.sha256));
    push_element(&mut out, "  ", "summary", &package.summary);
    push_element(&mut out, "  ", "description", &package.description);
    push_element(&mut out, "  ", "packager", &package.packager);
    push_element(&mut out, "  ", "url", &package.url);
    out.push_str("  <time file=\"");
    out
}

/// Returns what stands between the time of the file and the location.
fn primary_middle(package: &Package) -> String {
    format!(
        "\" build=\"{}\"/>\n  <size package=\"{}\" installed=\"{}\" archive=\"{}\"/>\n",
        package.build_time, package.file.size, package.installed_size, package.archive_size
    )
}

/// Returns the element from behind the location to its end.
fn primary_tail(package: &Package) -> String {
    let mut out = String::from("  <format>\n");
    push_element(&mut out, "    ", "rpm:license", &package.license);
    push_element(&mut out, "    ", "rpm:vendor", &package.vendor);
    push_element(&mut out, "    ", "rpm:group", &package.group);
    push_element(&mut out, "    ", "rpm:buildhost", &package.build_host);
    push_element(&mut out, "    ", "rpm:sourcerpm", source_rpm(package));
    let range = package.header_range;
    push(&mut out, format_args!("    <rpm:header-range start=\"{}\" end=\"{}\"/>\n", range.start, range.end));
    for (element, list) in listed(package) {
        push_dependencies(&mut out, element, &list);
    }
    for file in package.files.iter().filter(|file| is_primary_file(&file.path)) {
        push_file(&mut out, "    ", file);
    }
    out.push_str("  </format>\n</package>\n");
    out
}

/// Returns the source RPM; librpm gives binary packages without one this text.
fn source_rpm(package: &Package) -> &str {
    if package.source_rpm.is_empty() && !package.nevra.is_source() { "(none)" } else { &package.source_rpm }
}

fn push_version(out: &mut String, package: &Package) {
    let evr = &package.nevra.evr;
    push(out, format_args!("  <version epoch=\"{}\"", evr.epoch));
    push_attribute(out, "ver", &evr.version);
    push_attribute(out, "rel", &evr.release);
    out.push_str("/>\n");
}

fn push_dependencies(out: &mut String, element: &str, list: &[&Dependency]) {
    if list.is_empty() {
        return;
    }
    let named: Vec<_> = list.iter().filter(|dependency| !dependency.name.is_empty()).collect();
    if named.is_empty() {
        return push(out, format_args!("    <{element}/>\n"));
    }
    push(out, format_args!("    <{element}>\n"));
    for dependency in named {
        push_dependency(out, dependency, element == "rpm:requires");
    }
    push(out, format_args!("    </{element}>\n"));
}

fn push_dependency(out: &mut String, dependency: &Dependency, may_be_pre: bool) {
    out.push_str("      <rpm:entry");
    push_attribute(out, "name", &dependency.name);
    if let (Some(sense), Some(evr)) = (dependency.sense(), dependency.evr()) {
        push_attribute(out, "flags", sense.as_str());
        let parts = [("epoch", evr.epoch), ("ver", evr.version), ("rel", evr.release)];
        let absent = dependency.version.is_empty();
        for (name, part) in parts.into_iter().filter(|(_, part)| !absent && !part.is_empty()) {
            push_attribute(out, name, part);
        }
    }
    if may_be_pre && dependency.is_pre() {
        out.push_str(" pre=\"1\"");
    }
    out.push_str("/>\n");
}

fn push_file(out: &mut String, indent: &str, file: &FileEntry) {
    out.push_str(indent);
    out.push_str(match file.kind {
        FileKind::Plain => "<file>",
        FileKind::Dir => "<file type=\"dir\">",
        FileKind::Ghost => "<file type=\"ghost\">",
    });
    push_text(out, &file.path);
    out.push_str("</file>\n");
}

fn filelists(package: &Package) -> String {
    let mut out = short_head(package);
    for file in &package.files {
        push_file(&mut out, "  ", file);
    }
    out.push_str("</package>\n");
    out
}

fn other(package: &Package) -> String {
    let mut out = short_head(package);
    for (entry, date) in package.changelog.iter().zip(distinct_dates(&package.changelog)).rev() {
        out.push_str("  <changelog");
        push_attribute(&mut out, "author", without_trailing_blanks(&entry.author));
        push(&mut out, format_args!(" date=\"{date}\">"));
        push_text(&mut out, &entry.text);
        out.push_str("</changelog>\n");
    }
    out.push_str("</package>\n");
    out
}

/// Returns the first lines of a package in filelists and other.
fn short_head(package: &Package) -> String {
    let mut out = format!("<package pkgid=\"{}\"", package.file.sha256);
    push_attribute(&mut out, "name", package.nevra.name.as_str());
    push_attribute(&mut out, "arch", package.nevra.arch.as_str());
    out.push_str(">\n");
    push_version(&mut out, package);
    out
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

/// Appends formatted text; writing into a String does not fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, dependency, file, package};
    use super::*;

    #[test]
    fn a_package_looks_as_createrepo_writes_it() {
        let mut package = package("p");
        package.summary = "a <b>".to_owned();
        package.dependencies.provides = vec![dependency("p", 8, "3:1-2"), dependency("é", 8, "")];
        package.dependencies.requires = vec![dependency("", 0, ""), dependency("r", 1 << 9, "1")];
        package.dependencies.conflicts = vec![dependency("", 0, "")];
        package.files = vec![file("/etc/x"), file("/usr/x")];
        let fragments = render(&package);
        let digest = package.file.sha256;
        assert_eq!(
            fragments.primary.join("|"),
            format!(
                r#"<package type="rpm">
  <name>p</name>
  <arch>noarch</arch>
  <version epoch="0" ver="1" rel="2"/>
  <checksum type="sha256" pkgid="YES">{digest}</checksum>
  <summary>a &lt;b&gt;</summary>
  <description></description>
  <packager></packager>
  <url></url>
  <time file="|" build="100"/>
  <size package="1" installed="2" archive="3"/>
|  <format>
    <rpm:license></rpm:license>
    <rpm:vendor></rpm:vendor>
    <rpm:group></rpm:group>
    <rpm:buildhost></rpm:buildhost>
    <rpm:sourcerpm>p-1-2.src.rpm</rpm:sourcerpm>
    <rpm:header-range start="4" end="5"/>
    <rpm:provides>
      <rpm:entry name="p" flags="EQ" epoch="3" ver="1" rel="2"/>
      <rpm:entry name="&#xE9;" flags="EQ"/>
    </rpm:provides>
    <rpm:requires>
      <rpm:entry name="r" pre="1"/>
    </rpm:requires>
    <rpm:conflicts/>
    <file>/etc/x</file>
  </format>
</package>
"#
            )
        );
        assert_eq!(
            fragments.filelists,
            format!(
                r#"<package pkgid="{digest}" name="p" arch="noarch">
  <version epoch="0" ver="1" rel="2"/>
  <file>/etc/x</file>
  <file>/usr/x</file>
</package>
"#
            )
        );
    }

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
    fn changes_are_written_oldest_first_without_blanks_after_the_author() {
        let mut package = package("p");
        package.changelog = vec![change("new  ", 2), change("   ", 1), change("", 0)];
        let authors: Vec<String> = render(&package)
            .other
            .lines()
            .filter_map(|line| Some(line.trim().strip_prefix("<changelog ")?.split('>').next()?.to_owned()))
            .collect();
        assert_eq!(authors, [r#"author="" date="0""#, r#"author=" " date="1""#, r#"author="new" date="2""#]);
    }

    #[test]
    fn binary_packages_without_a_source_say_none() {
        let mut package = package("p");
        package.source_rpm.clear();
        assert_eq!(source_rpm(&package), "(none)");
        package.nevra.arch = "src".parse().unwrap();
        assert_eq!(source_rpm(&package), "");
    }
}
