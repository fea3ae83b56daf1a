//! What does an RPM file say? The facts of one package that metadata, composes and solving need.
//!
//! Nothing is filtered or improved here: which requires are left out of metadata, which files stand
//! in primary, which changelog dates are moved, is decided where metadata is written.

use super::{ChecksumType, Nevra, Sha256, Sigkey};

/// Changelog entries that are kept of a package, the newest ones: what live repositories show, and
/// createrepo_c where it is not told otherwise.
pub const CHANGELOG_KEPT: usize = 10;

/// What the headers of one RPM file say; what the file measures is [`FileFacts`] or [`ListedFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name, epoch, version, release, arch; the arch of a source package is `src`.
    pub nevra: Nevra,
    /// One line about the package, in the C locale; empty where the header has none.
    pub summary: String,
    /// Some lines about the package, in the C locale.
    pub description: String,
    /// Who packaged it.
    pub packager: String,
    /// Home page of the software.
    pub url: String,
    /// License expression.
    pub license: String,
    /// Who distributes it.
    pub vendor: String,
    /// RPM group, in the C locale.
    pub group: String,
    /// Host that it was built on.
    pub build_host: String,
    /// File name of the source RPM; empty for source packages, and where the header has none.
    pub source_rpm: String,
    /// When it was built, seconds after 1970.
    pub build_time: u64,
    /// Bytes the files take once installed.
    pub installed_size: u64,
    /// Bytes of the uncompressed payload; 0 where the file does not tell (format 6).
    pub archive_size: u64,
    /// Where the main header lies in the file.
    pub header_range: HeaderRange,
    /// Dependencies of all kinds.
    pub dependencies: Dependencies,
    /// Files, in the order of the header.
    pub files: Vec<FileEntry>,
    /// The digests of the files, only where the reader was asked for them.
    pub file_digests: Option<FileDigests>,
    /// The newest changelog entries, newest first: [`CHANGELOG_KEPT`], or as many as the reader was
    /// asked for.
    pub changelog: Vec<ChangelogEntry>,
    /// ExclusiveArch, which only source headers have.
    pub exclusive_arch: Vec<String>,
    /// ExcludeArch, which only source headers have.
    pub exclude_arch: Vec<String>,
    /// The key of the signature that this copy carries, not verified; `None` for an unsigned copy,
    /// for one whose signature does not reach the payload, and where it was not asked for.
    pub sigkey: Option<Sigkey>,
}

/// Measures of a whole RPM file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// SHA-256 of the whole file.
    pub sha256: Sha256,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// SHA-256 of all that follows the signature header (main header and payload): equal `content`
    /// under another `sha256` is the same RPM with another signature. `None` where it was not read.
    pub content: Option<Sha256>,
}

/// Measures of a whole RPM file that is listed where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Algorithm of `checksum`.
    pub checksum_type: ChecksumType,
    /// Digest of the whole file, hex digits in lower case.
    pub checksum: String,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// Modification time of the file, seconds after 1970.
    pub time: i64,
}

/// Bytes of the file that hold the main header, from its magic to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderRange {
    /// First byte.
    pub start: u64,
    /// First byte behind it.
    pub end: u64,
}

/// Dependencies of all eight kinds, each in the order of the header.
///
/// Old-style suggests and enhances (SUSE before 2014) stand behind the new ones of their kind; the
/// strong ones of them are recommends and supplements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// What the package offers.
    pub provides: Vec<Dependency>,
    /// What it cannot do without.
    pub requires: Vec<Dependency>,
    /// What it cannot be installed beside.
    pub conflicts: Vec<Dependency>,
    /// What it replaces.
    pub obsoletes: Vec<Dependency>,
    /// What it is nicer with; a solver does not install it.
    pub suggests: Vec<Dependency>,
    /// What it makes nicer; the reverse of suggests.
    pub enhances: Vec<Dependency>,
    /// What is installed with it where possible.
    pub recommends: Vec<Dependency>,
    /// What it is installed with where possible; the reverse of recommends.
    pub supplements: Vec<Dependency>,
}

/// One dependency as the header has it. Rich ones are one name, in parentheses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// Name of a package, capability or file.
    pub name: String,
    /// RPMSENSE bits.
    pub flags: u32,
    /// `[EPOCH:]VERSION[-RELEASE]`; empty where there is none.
    pub version: String,
}

/// How the version of a dependency compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sense {
    /// Less.
    Lt,
    /// Greater.
    Gt,
    /// Equal.
    Eq,
    /// Less or equal.
    Le,
    /// Greater or equal.
    Ge,
}

impl Sense {
    /// Returns the comparison as metadata writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lt => "LT",
            Self::Gt => "GT",
            Self::Eq => "EQ",
            Self::Le => "LE",
            Self::Ge => "GE",
        }
    }
}

/// The version of a dependency in its parts; absent ones are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyEvr<'a> {
    /// Digits, maybe with a sign; `0` where the text has no epoch.
    pub epoch: &'a str,
    /// Version.
    pub version: &'a str,
    /// Release.
    pub release: &'a str,
}

/// RPMSENSE_POSTTRANS, PREREQ, PRETRANS, SCRIPT_PRE, SCRIPT_POST: needed before a scriptlet runs.
const PRE: u32 = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 10;
/// RPMSENSE_MISSINGOK.
const MISSING_OK: u32 = 1 << 19;
/// RPMSENSE_STRONG, of old-style suggests and enhances.
const STRONG: u32 = 1 << 27;

impl Dependency {
    /// Returns how the version compares; `None` for a dependency on any version, and for bits that
    /// mean nothing together.
    pub fn sense(&self) -> Option<Sense> {
        match self.flags & 15 {
            2 => Some(Sense::Lt),
            4 => Some(Sense::Gt),
            8 => Some(Sense::Eq),
            10 => Some(Sense::Le),
            12 => Some(Sense::Ge),
            _ => None,
        }
    }

    /// Returns the parts of the version: cut at the first colon, and behind it at the first dash.
    ///
    /// `None` where the epoch is no number, as createrepo_c judges it (a sign and blanks before the
    /// digits pass); an empty version has epoch `0` and nothing else.
    pub fn evr(&self) -> Option<DependencyEvr<'_>> {
        let (epoch, rest) = match self.version.split_once(':') {
            Some(("", rest)) => ("0", rest),
            Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
            Some(_) => return None,
            None => ("0", self.version.as_str()),
        };
        let (version, release) = rest.split_once('-').unwrap_or((rest, ""));
        Some(DependencyEvr { epoch, version, release })
    }

    /// Returns whether a requirement must be met before a scriptlet of the package runs.
    pub fn is_pre(&self) -> bool {
        self.flags & PRE != 0
    }

    /// Returns whether a requirement may go unmet: a recommendation in an older spelling.
    pub fn is_missing_ok(&self) -> bool {
        self.flags & MISSING_OK != 0
    }

    /// Returns whether an old-style suggestion or enhancement is a strong one.
    pub fn is_strong(&self) -> bool {
        self.flags & STRONG != 0
    }
}

/// Returns whether C's `strtol` would read all of `text` as one number.
fn is_number(text: &str) -> bool {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Absolute path; in source packages the bare file name.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
}

/// The digests of a package's files, as its header has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileDigests {
    /// Name of the algorithm; `unknown` where the header tells none, or one that has no name.
    pub algorithm: String,
    /// One for each of the files, in their order; empty for what has none, such as directories.
    pub hex: Vec<String>,
}

/// What a file of a package is, as far as metadata tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Regular file, symbolic link, device.
    Plain,
    /// Directory, ghost or not.
    Dir,
    /// Owned by the package, but not in its payload.
    Ghost,
}

/// One entry of a changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangelogEntry {
    /// Who and usually which version.
    pub author: String,
    /// Seconds after 1970.
    pub date: u64,
    /// What changed.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_cut_as_createrepo_cuts_them() {
        for (text, parts) in [
            ("", Some(("0", "", ""))),
            ("1", Some(("0", "1", ""))),
            ("1-2", Some(("0", "1", "2"))),
            ("1--2", Some(("0", "1", "-2"))),
            ("2:1:3", Some(("2", "1:3", ""))),
            ("-1:2", Some(("-1", "2", ""))),
            (" +7:2-", Some((" +7", "2", ""))),
            (":1-2", Some(("0", "1", "2"))),
            ("-2", Some(("0", "", "2"))),
            ("a:1", None),
            ("1a:1", None),
            ("+:1", None),
            (" :1", None),
        ] {
            let dependency = Dependency { version: text.to_owned(), ..Dependency::default() };
            assert_eq!(dependency.evr().map(|e| (e.epoch, e.version, e.release)), parts, "{text:?}");
        }
    }

    #[test]
    fn only_five_combinations_of_sense_bits_mean_something() {
        let shown: Vec<_> = (0..16)
            .map(|flags| Dependency { flags: flags | 1 << 10, ..Dependency::default() })
            .map(|dependency| dependency.sense().map_or("-", Sense::as_str))
            .collect();
        assert_eq!(shown.join(" "), "- - LT - GT - - - EQ - LE - GE - - -");
    }

    #[test]
    fn scriptlets_that_run_at_installation_make_a_requirement_pre() {
        let pre = |bit: u32| Dependency { flags: 1 << bit, ..Dependency::default() }.is_pre();
        let bits: Vec<u32> = (0..32).filter(|bit| pre(*bit)).collect();
        assert_eq!(bits, [5, 6, 7, 9, 10]);
    }
}
