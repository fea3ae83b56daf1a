//! Which packages are in a variant? A list of names, `name.arch` and patterns, or everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::glob;
use crate::model::{Arch, PackageName};

/// The packages of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packages {
    /// Every package of the set that fits the variant's arches.
    All,
    /// Those that the list takes.
    Listed(PackageList),
}

impl Packages {
    /// Returns whether a binary RPM of this name and RPM arch (`noarch`, `i686`) is in.
    pub fn takes(&self, name: &PackageName, arch: &Arch) -> bool {
        match self {
            Self::All => true,
            Self::Listed(list) => list.takes(name, arch),
        }
    }
}

/// One entry of a package list: the name of a binary RPM, with wildcards or not, on one arch or on all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackagePattern {
    name: String,
    arch: Option<Arch>,
}

/// A text that is not a [`PackagePattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not a package: {why}")]
pub struct BadPackagePattern {
    shown: String,
    why: &'static str,
}

/// What may follow the last dot as an arch, from rpm's `rpmrc`: `python3.12` is a name without one.
const ARCHES: &[&str] = &[
    "aarch64",
    "alpha",
    "amd64",
    "armv5tel",
    "armv6hl",
    "armv7hl",
    "armv7hnl",
    "armv8hl",
    "athlon",
    "geode",
    "i386",
    "i486",
    "i586",
    "i686",
    "ia32e",
    "ia64",
    "loongarch64",
    "m68k",
    "mips",
    "mips64",
    "mips64el",
    "mips64r6el",
    "mipsel",
    "noarch",
    "pentium3",
    "pentium4",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppc64p7",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sparc",
    "sparc64",
    "sparc64v",
    "sparcv9",
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
];

impl PackagePattern {
    /// Returns whether the entry takes a binary RPM of this name and arch.
    pub fn matches(&self, name: &PackageName, arch: &Arch) -> bool {
        self.arch.as_ref().is_none_or(|wanted| wanted == arch) && glob::matches(&self.name, name.as_str())
    }
}

impl FromStr for PackagePattern {
    type Err = BadPackagePattern;
    fn from_str(text: &str) -> Result<Self, BadPackagePattern> {
        let refuse = |why| BadPackagePattern { shown: text.chars().take(60).collect(), why };
        let (name, arch) = match text.rsplit_once('.') {
            Some((_, "src" | "nosrc")) => return Err(refuse("source packages come with the packages made of them")),
            Some((name, arch)) if ARCHES.contains(&arch) => (name, Some(arch)),
            _ => (text, None),
        };
        let why = "write a name, or name.arch, in which * is any text and ? one character";
        glob::as_name(name).parse::<PackageName>().map_err(|_| refuse(why))?;
        let arch = arch.map(str::parse).transpose().map_err(|_| refuse(why))?;
        Ok(Self { name: name.to_owned(), arch })
    }
}

impl fmt::Display for PackagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.arch {
            Some(arch) => write!(f, "{}.{arch}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A package list: plain names are looked up, only patterns are tried one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageList {
    names: BTreeMap<String, Vec<PackagePattern>>,
    patterns: Vec<PackagePattern>,
}

impl PackageList {
    /// Returns whether any entry takes a binary RPM of this name and RPM arch.
    pub fn takes(&self, name: &PackageName, arch: &Arch) -> bool {
        let named = self.names.get(name.as_str()).into_iter().flatten();
        named.chain(&self.patterns).any(|entry| entry.matches(name, arch))
    }

    /// Returns the entries that take none of the packages present, sorted: misspelt, or not built.
    pub fn unmatched<'a>(&self, present: impl IntoIterator<Item = (&'a PackageName, &'a Arch)>) -> Vec<PackagePattern> {
        let mut left: BTreeSet<&PackagePattern> = self.names.values().flatten().chain(&self.patterns).collect();
        for (name, arch) in present {
            let named = self.names.get(name.as_str()).into_iter().flatten();
            for entry in named.chain(&self.patterns) {
                if left.contains(entry) && entry.matches(name, arch) {
                    left.remove(entry);
                }
            }
        }
        left.into_iter().cloned().collect()
    }

    /// Returns how many entries are patterns.
    pub(super) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }
}

impl FromIterator<PackagePattern> for PackageList {
    fn from_iter<I: IntoIterator<Item = PackagePattern>>(entries: I) -> Self {
        let mut list = Self::default();
        for entry in entries {
            if glob::is_pattern(&entry.name) {
                list.patterns.push(entry);
            } else {
                list.names.entry(entry.name.clone()).or_default().push(entry);
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> PackageList {
        entries.iter().map(|entry| entry.parse::<PackagePattern>().unwrap()).collect()
    }

    fn takes(entries: &[&str], name: &str, arch: &str) -> bool {
        list(entries).takes(&name.parse().unwrap(), &arch.parse().unwrap())
    }

    #[test]
    fn an_entry_takes_a_name_on_one_arch_or_on_all() {
        for (entries, name, arch, taken) in [
            (&["bash"][..], "bash", "x86_64", true),
            (&["bash"], "bash-doc", "x86_64", false),
            (&["bash.x86_64"], "bash", "x86_64", true),
            (&["bash.x86_64"], "bash", "aarch64", false),
            (&["bash.x86_64", "bash.aarch64"], "bash", "aarch64", true),
            (&["python3.12"], "python3.12", "x86_64", true),
            (&["python3.12.i686"], "python3.12", "i686", true),
            (&["glibc-*"], "glibc-langpack-de", "x86_64", true),
            (&["glibc*.i686"], "glibc", "x86_64", false),
            (&["lib?"], "libz", "noarch", true),
            (&[], "bash", "x86_64", false),
        ] {
            assert_eq!(takes(entries, name, arch), taken, "{entries:?} {name}.{arch}");
        }
    }

    #[test]
    fn what_can_be_no_package_is_refused() {
        let long = "x".repeat(4096);
        for bad in ["", "-rf", "a/b", "../x", "a b", "a\nb", "bash.src", ".x86_64", "@core", long.as_str()] {
            assert!(bad.parse::<PackagePattern>().is_err(), "{bad:?}");
        }
        let error = "bash.src".parse::<PackagePattern>().unwrap_err().to_string();
        assert_eq!(error, r#""bash.src" is not a package: source packages come with the packages made of them"#);
    }

    #[test]
    fn entries_that_take_nothing_are_told() {
        let present: Vec<(PackageName, Arch)> = [("bash", "x86_64"), ("zlib", "x86_64")]
            .map(|(name, arch)| (name.parse().unwrap(), arch.parse().unwrap()))
            .to_vec();
        let list = list(&["zlib.i686", "bash", "bahs", "z*", "y*"]);
        let left = list.unmatched(present.iter().map(|(name, arch)| (name, arch)));
        assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), ["bahs", "y*", "zlib.i686"]);
    }
}
