//! What are the bytes of one package's metadata? [`Described`] to its elements in the metadata files.
//!
//! Knows no rule of what is listed: that stands in the fields already. The layout is createrepo_c's
//! (1.2.5), byte for byte.

use std::fmt::Write;

use super::described::{DEPENDENCIES, Described, Entry};
use super::xml::{push_attribute, push_element, push_text};
use crate::model::{FileEntry, FileKind};

impl Described {
    /// Returns the elements of the package in primary, filelists, other and filelists-ext, each with
    /// the line feed at its end; the last is empty where the digests of the files are not known.
    pub fn texts(&self) -> [String; 4] {
        let mut primary = primary_head(self);
        push(&mut primary, format_args!("{}", self.time_file));
        push_primary_middle(&mut primary, self);
        push_location(&mut primary, &self.href, self.base.as_deref());
        push_primary_tail(&mut primary, self);
        [primary, filelists(self), other(self), filelists_ext(self)]
    }
}

/// Returns the element in primary up to the value of `<time file="`.
pub(super) fn primary_head(package: &Described) -> String {
    let dependencies: usize = package.dependencies.iter().flatten().map(Vec::len).sum();
    let files: usize = package.primary_files.iter().map(|file| file.path.len() + 32).sum();
    let text = package.description.len() + package.summary.len();
    let mut out = String::with_capacity(2048 + text + dependencies * 112 + files);
    out.push_str("<package type=\"rpm\">\n");
    push_element(&mut out, "  ", "name", &package.name);
    push_element(&mut out, "  ", "arch", &package.arch);
    push_version(&mut out, package);
    out.push_str("  <checksum");
    push_attribute(&mut out, "type", &package.checksum.algorithm);
    out.push_str(" pkgid=\"YES\">");
    push_text(&mut out, &package.checksum.hex);
    out.push_str("</checksum>\n");
    push_element(&mut out, "  ", "summary", &package.summary);
    push_element(&mut out, "  ", "description", &package.description);
    push_element(&mut out, "  ", "packager", &package.packager);
    push_element(&mut out, "  ", "url", &package.url);
    out.push_str("  <time file=\"");
    out
}

/// Appends what stands between the time of the file and the location.
pub(super) fn push_primary_middle(out: &mut String, package: &Described) {
    let (package_size, installed, archive) = (package.size_package, package.size_installed, package.size_archive);
    push(
        out,
        format_args!(
            "\" build=\"{}\"/>\n  <size package=\"{package_size}\" installed=\"{installed}\" archive=\"{archive}\"/>\n",
            package.time_build
        ),
    );
}

/// Appends the location. A base that is a path becomes an address, as createrepo_c has it.
pub(super) fn push_location(out: &mut String, href: &str, base: Option<&str>) {
    out.push_str("  <location");
    match base {
        Some(path) if path.starts_with('/') => push_attribute(out, "xml:base", &format!("file://{path}")),
        Some(base) => push_attribute(out, "xml:base", base),
        None => {}
    }
    push_attribute(out, "href", href);
    out.push_str("/>\n");
}

/// Appends the element in primary from behind the location to its end.
pub(super) fn push_primary_tail(out: &mut String, package: &Described) {
    out.push_str("  <format>\n");
    push_element(out, "    ", "rpm:license", &package.license);
    push_element(out, "    ", "rpm:vendor", &package.vendor);
    push_element(out, "    ", "rpm:group", &package.group);
    push_element(out, "    ", "rpm:buildhost", &package.build_host);
    push_element(out, "    ", "rpm:sourcerpm", &package.source_rpm);
    let (start, end) = (package.header_start, package.header_end);
    push(out, format_args!("    <rpm:header-range start=\"{start}\" end=\"{end}\"/>\n"));
    for (element, list) in DEPENDENCIES.iter().zip(&package.dependencies) {
        push_dependencies(out, element, list.as_deref());
    }
    for file in &package.primary_files {
        push_file(out, "    ", file, "");
    }
    out.push_str("  </format>\n</package>\n");
}

fn push_version(out: &mut String, package: &Described) {
    out.push_str("  <version");
    push_attribute(out, "epoch", &package.epoch);
    push_attribute(out, "ver", &package.version);
    push_attribute(out, "rel", &package.release);
    out.push_str("/>\n");
}

fn push_dependencies(out: &mut String, element: &str, list: Option<&[Entry]>) {
    let Some(list) = list else { return };
    if list.is_empty() {
        return push(out, format_args!("    <{element}/>\n"));
    }
    push(out, format_args!("    <{element}>\n"));
    for entry in list {
        push_entry(out, entry);
    }
    push(out, format_args!("    </{element}>\n"));
}

fn push_entry(out: &mut String, entry: &Entry) {
    out.push_str("      <rpm:entry");
    push_attribute(out, "name", &entry.name);
    let attributes =
        [("flags", &entry.flags), ("epoch", &entry.epoch), ("ver", &entry.version), ("rel", &entry.release)];
    for (name, value) in attributes {
        if let Some(value) = value {
            push_attribute(out, name, value);
        }
    }
    if entry.pre {
        out.push_str(" pre=\"1\"");
    }
    out.push_str("/>\n");
}

/// Appends a file, with its digest where that is not empty.
fn push_file(out: &mut String, indent: &str, file: &FileEntry, digest: &str) {
    out.push_str(indent);
    out.push_str(match file.kind {
        FileKind::Plain => "<file",
        FileKind::Dir => "<file type=\"dir\"",
        FileKind::Ghost => "<file type=\"ghost\"",
    });
    if !digest.is_empty() {
        push_attribute(out, "hash", digest);
    }
    out.push('>');
    push_text(out, &file.path);
    out.push_str("</file>\n");
}

/// Returns the element in filelists.
pub(super) fn filelists(package: &Described) -> String {
    let files: usize = package.files.iter().map(|file| file.path.len() + 32).sum();
    let mut out = short_head(package, files);
    for file in &package.files {
        push_file(&mut out, "  ", file, "");
    }
    out.push_str("</package>\n");
    out
}

/// Returns the element in filelists-ext, empty where the digests of the files are not known.
fn filelists_ext(package: &Described) -> String {
    let Some(digests) = &package.file_digests else { return String::new() };
    let files: usize = package.files.iter().map(|file| file.path.len() + 112).sum();
    let mut out = short_head(package, files);
    out.push_str("  <checksum");
    push_attribute(&mut out, "type", &digests.algorithm);
    out.push_str("/>\n");
    let mut hex = digests.hex.iter();
    for file in &package.files {
        push_file(&mut out, "  ", file, hex.next().map_or("", String::as_str));
    }
    out.push_str("</package>\n");
    out
}

/// Returns the element in other.
pub(super) fn other(package: &Described) -> String {
    let changes: usize = package.changelog.iter().map(|entry| entry.author.len() + entry.text.len() + 64).sum();
    let mut out = short_head(package, changes);
    for entry in &package.changelog {
        out.push_str("  <changelog");
        push_attribute(&mut out, "author", &entry.author);
        push(&mut out, format_args!(" date=\"{}\">", entry.date));
        push_text(&mut out, &entry.text);
        out.push_str("</changelog>\n");
    }
    out.push_str("</package>\n");
    out
}

/// Returns the first lines of a package in all files but primary, with room for so many bytes more.
fn short_head(package: &Described, room: usize) -> String {
    let mut out = String::with_capacity(384 + room);
    out.push_str("<package");
    push_attribute(&mut out, "pkgid", &package.checksum.hex);
    push_attribute(&mut out, "name", &package.name);
    push_attribute(&mut out, "arch", &package.arch);
    out.push_str(">\n");
    push_version(&mut out, package);
    out
}

/// Appends formatted text; writing into a String does not fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::super::describe;
    use super::super::testing::{change, dependency, file, listed_file, package};
    use super::*;
    use crate::model::FileDigests;

    #[test]
    fn a_package_looks_as_createrepo_writes_it() {
        let mut package = package("p");
        package.summary = "a <b>".to_owned();
        package.dependencies.provides = vec![dependency("p", 8, "3:1-2"), dependency("é", 8, "")];
        package.dependencies.requires = vec![dependency("", 0, ""), dependency("r", 1 << 9, "1")];
        package.dependencies.conflicts = vec![dependency("", 0, "")];
        package.files = vec![file("/etc/x"), file("/usr/x")];
        package.file_digests =
            Some(FileDigests { algorithm: "md5".to_owned(), hex: vec!["0a".to_owned(), String::new()] });
        package.changelog = vec![change("new", 2), change("old", 1)];
        let mut described = describe(package, listed_file());
        described.href = "p&.rpm".to_owned();
        let expected = [PRIMARY, FILELISTS, OTHER, FILELISTS_EXT];
        assert_eq!(described.texts(), expected.map(|text| text.replace("DIGEST", &listed_file().checksum)));
        described.file_digests = None;
        assert_eq!(described.texts()[3], "");
    }

    const PRIMARY: &str = r#"<package type="rpm">
  <name>p</name>
  <arch>noarch</arch>
  <version epoch="0" ver="1" rel="2"/>
  <checksum type="sha256" pkgid="YES">DIGEST</checksum>
  <summary>a &lt;b&gt;</summary>
  <description></description>
  <packager></packager>
  <url></url>
  <time file="-5" build="100"/>
  <size package="1" installed="2" archive="3"/>
  <location href="p&amp;.rpm"/>
  <format>
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
"#;
    const FILELISTS: &str = r#"<package pkgid="DIGEST" name="p" arch="noarch">
  <version epoch="0" ver="1" rel="2"/>
  <file>/etc/x</file>
  <file>/usr/x</file>
</package>
"#;
    const OTHER: &str = r#"<package pkgid="DIGEST" name="p" arch="noarch">
  <version epoch="0" ver="1" rel="2"/>
  <changelog author="old" date="1">- text</changelog>
  <changelog author="new" date="2">- text</changelog>
</package>
"#;
    const FILELISTS_EXT: &str = r#"<package pkgid="DIGEST" name="p" arch="noarch">
  <version epoch="0" ver="1" rel="2"/>
  <checksum type="md5"/>
  <file hash="0a">/etc/x</file>
  <file>/usr/x</file>
</package>
"#;

    #[test]
    fn what_others_wrote_is_written_as_it_was() {
        let mut described = describe(package("p"), listed_file());
        described.checksum = super::super::Checksum { algorithm: "sha".to_owned(), hex: "0b".to_owned() };
        described.name = "<n>".to_owned();
        described.dependencies[0] = Some(vec![Entry {
            name: "a".to_owned(),
            epoch: Some(String::new()),
            release: Some("1".to_owned()),
            pre: true,
            ..Entry::default()
        }]);
        let [primary, filelists, ..] = described.texts();
        for line in [
            "  <name>&lt;n&gt;</name>\n",
            "  <checksum type=\"sha\" pkgid=\"YES\">0b</checksum>\n",
            "      <rpm:entry name=\"a\" epoch=\"\" rel=\"1\" pre=\"1\"/>\n",
        ] {
            assert!(primary.contains(line), "{line}{primary}");
        }
        assert!(filelists.starts_with("<package pkgid=\"0b\" name=\"&lt;n&gt;\" arch=\"noarch\">\n"));
    }

    #[test]
    fn a_base_that_is_a_path_becomes_an_address() {
        for (base, written) in [
            (None, ""),
            (Some("http://a/?b&c"), " xml:base=\"http://a/?b&amp;c\""),
            (Some("/srv/x"), " xml:base=\"file:///srv/x\""),
            (Some("media://1#2"), " xml:base=\"media://1#2\""),
        ] {
            let mut out = String::new();
            push_location(&mut out, "x\n.rpm", base);
            assert_eq!(out, format!("  <location{written} href=\"x&#10;.rpm\"/>\n"));
        }
    }
}
