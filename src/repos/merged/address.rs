//! Where is an external repository, and may it be read from here? What a hub says of it, `$arch` replaced.
//!
//! The hub's word decides what is fetched and what stands in metadata that everybody reads, so only plain http and https
//! URLs count, and files of this machine only where the operator let them.

use std::path::{Path, PathBuf};

use url::Url;

use crate::fetch::Place;
use crate::model::Arch;

/// Longest URL that is taken, in bytes.
const LONGEST: usize = 2048;

/// Koji's names of repository arches (`koji.canonArch`), by those of RPMs.
const CANONICAL: &[(&str, &[&str])] = &[
    ("i386", &["i486", "i586", "i686", "athlon", "geode"]),
    ("x86_64", &["amd64", "ia32e"]),
    ("armhfp", &["armv7hl", "armv7hnl"]),
    ("ppc64", &["ppc64pseries", "ppc64iseries"]),
    ("sparc64", &["sparc64v", "sparc64v2"]),
    ("sparc", &["sparcv8", "sparcv9", "sparcv9v", "sparcv9v2"]),
    ("sh4", &["sh4a"]),
];

/// Why the word of a hub on where a repository is does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Nothing that can be parsed.
    #[error("{0:?} is no URL")]
    NoUrl(String),
    /// Neither http nor https, nor a file of this machine.
    #[error("{shown:?} has the scheme {scheme}: only http and https are read")]
    Scheme {
        /// The URL.
        shown: String,
        /// Its scheme.
        scheme: String,
    },
    /// It has a user or a password, which everybody would read in the metadata.
    #[error("{0:?} has a user or a password, which would stand in the metadata for all to read")]
    User(String),
    /// Names of files cannot be put behind it.
    #[error("{0:?} has a query or a fragment, behind which no file can be named")]
    Query(String),
    /// A file of this machine, in none of the directories that the operator named.
    #[error("{0:?} is a directory of this machine and lies in none of external_dirs")]
    Local(String),
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// As a URL, without a slash at its end.
    pub url: String,
    /// Where it is read.
    pub place: Place,
}

/// Returns Koji's name of the repositories for an arch.
pub(super) fn canonical(arch: &Arch) -> &str {
    let known = CANONICAL.iter().find(|(_, names)| names.contains(&arch.as_str()));
    known.map_or(arch.as_str(), |(name, _)| name)
}

impl Address {
    /// Returns where a URL of a hub leads for an arch; `dirs` are the directories of this machine that it may lead into.
    pub fn of(text: &str, arch: &Arch, dirs: &[PathBuf]) -> Result<Self, BadAddress> {
        Self::parse(&text.replace("$arch", canonical(arch)), dirs)
    }

    /// Returns where a URL leads.
    pub fn parse(text: &str, dirs: &[PathBuf]) -> Result<Self, BadAddress> {
        let shown = || shown(text);
        if text.len() > LONGEST || text.chars().any(|char| char.is_control() || char.is_whitespace()) {
            return Err(BadAddress::NoUrl(shown()));
        }
        let url = Url::parse(text).map_err(|_| BadAddress::NoUrl(shown()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::User(shown()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Query(shown()));
        }
        let place = match url.scheme() {
            "http" | "https" if url.has_host() => Place::Url(url.clone()),
            "file" => Place::Path(local(&url, dirs).ok_or_else(|| BadAddress::Local(shown()))?),
            scheme => return Err(BadAddress::Scheme { shown: shown(), scheme: scheme.to_owned() }),
        };
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), place })
    }
}

/// Returns where a file URL leads, if that is, behind all links, in one of the directories.
fn local(url: &Url, dirs: &[PathBuf]) -> Option<PathBuf> {
    if dirs.is_empty() {
        return None;
    }
    let real = url.to_file_path().ok()?.canonicalize().ok()?;
    let is_inside = |dir: &PathBuf| Path::canonicalize(dir).is_ok_and(|dir| real.starts_with(dir));
    dirs.iter().any(is_inside).then_some(real)
}

/// Returns a URL as it may be shown: cut, and without what stands before an @.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}{}", &rest[host..]).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arch(name: &str) -> Arch {
        name.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        Address::of(text, &arch("x86_64"), &[]).unwrap_err().to_string()
    }

    #[test]
    fn the_arch_stands_in_for_its_name_as_koji_has_it() {
        let url = |name| Address::of("https://example.org/$arch/os/$arch/", &arch(name), &[]).unwrap().url;
        assert_eq!(url("x86_64"), "https://example.org/x86_64/os/x86_64");
        assert_eq!(url("i686"), "https://example.org/i386/os/i386");
        assert_eq!(url("armv7hl"), "https://example.org/armhfp/os/armhfp");
        assert_eq!(url("riscv64"), "https://example.org/riscv64/os/riscv64");
    }

    #[test]
    fn what_a_hub_must_not_have_us_read_is_refused_and_no_password_is_shown() {
        for (text, expected) in [
            ("", "\"\" is no URL"),
            ("/etc", "\"/etc\" is no URL"),
            ("http://a b/", "\"http://a b/\" is no URL"),
            ("http://a\n/", "\"http://a\\n/\" is no URL"),
            ("file:///etc", "\"file:///etc\" is a directory of this machine and lies in none of external_dirs"),
            ("ftp://h/x", "\"ftp://h/x\" has the scheme ftp: only http and https are read"),
            ("metalink:https://h/x", "\"metalink:https://h/x\" has the scheme metalink: only http and https are read"),
            ("https://h/x?a=b", "\"https://h/x?a=b\" has a query or a fragment, behind which no file can be named"),
            (
                "https://u:secret@h/x",
                "\"https://h/x\" has a user or a password, which would stand in the metadata for all to read",
            ),
        ] {
            assert_eq!(refused(text), expected);
        }
        assert!(refused(&format!("https://h/{}", "x".repeat(3000))).len() < 300);
    }

    #[test]
    fn a_directory_of_this_machine_counts_where_it_really_lies_in_one_that_was_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["let", "let/in", "out"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(root.join("out"), root.join("let/link")).unwrap();
        let at = |name: &str| Address::parse(&format!("file://{}/{name}", root.display()), &[root.join("let")]);
        assert_eq!(at("let/in/").unwrap().place, Place::Path(root.join("let/in")));
        for name in ["out", "let/link", "let/../out", "let/none"] {
            assert!(matches!(at(name), Err(BadAddress::Local(_))), "{name}");
        }
    }
}
