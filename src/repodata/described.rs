//! What does metadata say of one package? The fields of its elements in primary, filelists and other.
//!
//! Between a package's header and these fields stand createrepo_c's filters; between these fields and
//! bytes stands only how XML is written. Other people's metadata is read into the same fields, so one
//! that was read and is written again says the same.

use super::repomd::Checksum;
use crate::model::{ChangelogEntry, FileDigests, FileEntry};

/// What the metadata files say of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Name.
    pub name: String,
    /// Arch; `src` for source packages.
    pub arch: String,
    /// Epoch as it is written; `0` where there is none.
    pub epoch: String,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
    /// Digest of the whole file: the `pkgid` that joins the three files.
    pub checksum: Checksum,
    /// One line about the package.
    pub summary: String,
    /// Some lines about the package.
    pub description: String,
    /// Who packaged it.
    pub packager: String,
    /// Home page of the software.
    pub url: String,
    /// Modification time of the file, seconds after 1970.
    pub time_file: i64,
    /// When it was built, seconds after 1970.
    pub time_build: i64,
    /// Bytes of the file.
    pub size_package: u64,
    /// Bytes the files take once installed.
    pub size_installed: u64,
    /// Bytes of the uncompressed payload.
    pub size_archive: u64,
    /// Where the file is: relative to `base`, or to the repository where there is none.
    pub href: String,
    /// `xml:base` of the location.
    pub base: Option<String>,
    /// License expression.
    pub license: String,
    /// Who distributes it.
    pub vendor: String,
    /// RPM group.
    pub group: String,
    /// Host that it was built on.
    pub build_host: String,
    /// File name of the source RPM.
    pub source_rpm: String,
    /// First byte of the main header in the file.
    pub header_start: u64,
    /// First byte behind the main header.
    pub header_end: u64,
    /// The eight lists of dependencies, in the order of [`DEPENDENCIES`]; `None` where the element is
    /// absent, which is not the same as one without entries.
    pub dependencies: [Option<Vec<Entry>>; 8],
    /// The files that primary lists, in its order.
    pub primary_files: Vec<FileEntry>,
    /// All files, in the order of filelists.
    pub files: Vec<FileEntry>,
    /// The digests of [`Described::files`], which filelists-ext lists; `None` where they are not known.
    pub file_digests: Option<FileDigests>,
    /// The changelog as it stands in other: oldest first.
    pub changelog: Vec<ChangelogEntry>,
}

/// The elements that [`Described::dependencies`] stand in, in the order of the file.
pub const DEPENDENCIES: [&str; 8] = [
    "rpm:provides",
    "rpm:requires",
    "rpm:conflicts",
    "rpm:obsoletes",
    "rpm:suggests",
    "rpm:enhances",
    "rpm:recommends",
    "rpm:supplements",
];

/// One dependency as metadata writes it: absent attributes are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name of a package, capability or file; a rich dependency whole.
    pub name: String,
    /// `LT`, `GT`, `EQ`, `LE` or `GE`.
    pub flags: Option<String>,
    /// Epoch.
    pub epoch: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Release.
    pub release: Option<String>,
    /// Whether a requirement must be met before a scriptlet runs: `pre="1"`.
    pub pre: bool,
}
