//! Which packages are in a variant? A list of names, `name.arch` and patterns, or everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::BadName;
use super::{Arch, Nevra, PackageName, glob};

/// The packages of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packages {
    /// Every package of the set that fits the variant's arches.
    All,
    /// Those that the list takes.
    Listed(PackageList),
}

/// One entry of a package list: the name of a binary RPM, with wildcards or not, on one arch or on all.
///
/// A name is an RPM's own, never a provide nor a build's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackagePattern {
    name: String,
    arch: Option<Arch>,
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
    /// Returns whether the entry means this RPM.
    pub fn matches(&self, nevra: &Nevra) -> bool {
        self.arch.as_ref().is_none_or(|wanted| *wanted == nevra.arch) && glob::matches(&self.name, nevra.name.as_str())
    }
}

impl FromStr for PackagePattern {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let refuse = |why| BadName::new("package", text, why);
        let (name, arch) = match text.rsplit_once('.') {
            Some((_, "src" | "nosrc")) => {
                return Err(refuse("is a source package: those come with the packages made of them"));
            }
            Some((name, arch)) if ARCHES.contains(&arch) => (name, Some(arch)),
            _ => (text, None),
        };
        let why = "is no name, nor name.arch, in which * is any text and ? one character";
        glob::as_name(name).parse::<PackageName>().map_err(|_| refuse(why))?;
        let arch = arch.map(str::parse).transpose().map_err(|_| refuse(why))?;
        Ok(Self { name: name.to_owned(), arch })
    }
}

impl TryFrom<String> for PackagePattern {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<PackagePattern> for String {
    fn from(pattern: PackagePattern) -> String {
        pattern.to_string()
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
    /// Returns the entries that mean this RPM.
    pub fn meaning<'a>(&'a self, nevra: &Nevra) -> impl Iterator<Item = &'a PackagePattern> {
        let named = self.names.get(nevra.name.as_str()).into_iter().flatten();
        named.chain(&self.patterns).filter(|entry| entry.matches(nevra))
    }

    /// Returns all entries, sorted, each once.
    pub fn entries(&self) -> BTreeSet<&PackagePattern> {
        self.names.values().flatten().chain(&self.patterns).collect()
    }

    /// Returns how many entries have wildcards, which are tried one by one.
    pub fn pattern_count(&self) -> usize {
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
        list(entries).meaning(&Nevra::new(name, 0, "1", "1", arch).unwrap()).next().is_some()
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
            (&["*-doc"], "bash-doc", "noarch", true),
            (&["b*s"], "bash", "x86_64", false),
            (&["*64"], "bash", "x86_64", false),
            (&["a**b*c"], "a-b-b-c", "noarch", true),
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
        assert_eq!(error, r#"package "bash.src" is a source package: those come with the packages made of them"#);
    }

    #[test]
    fn entries_are_told_as_they_were_written() {
        let list = list(&["zlib.i686", "bash", "z*", "bash", "g*.i686"]);
        let entries: Vec<String> = list.entries().into_iter().map(ToString::to_string).collect();
        assert_eq!(entries, ["bash", "g*.i686", "z*", "zlib.i686"]);
        assert_eq!(list.pattern_count(), 2);
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = format!("{}b", "a*".repeat(90));
        assert!(!takes(&[&pattern], &"a".repeat(200), "noarch"));
    }
}
