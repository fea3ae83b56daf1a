//! Which RPMs belong on which architecture, and which repositories does a tag have?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Nevra;
use super::name::{BadName, check};

/// An RPM architecture (`x86_64`, `noarch`, `src`) or the base architecture of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arch(String);

/// RPM arches that run on a base arch as its own (not as multilib), by RPM's `rpmrc` and Pungi's
/// `TREE_ARCH_YUM_ARCH_MAP`. A base arch that is not listed has itself alone.
const COMPATIBLE: &[(&str, &[&str])] = &[
    ("x86_64", &["x86_64", "amd64", "ia32e"]),
    ("i386", &["i386", "i486", "i586", "i686", "geode", "athlon", "pentium3", "pentium4"]),
    ("i686", &["i386", "i486", "i586", "i686", "geode", "athlon", "pentium3", "pentium4"]),
    ("armhfp", &["armv6hl", "armv7hl", "armv7hnl"]),
    ("ppc64", &["ppc64", "ppc64p7"]),
    ("sparc64", &["sparc64", "sparc64v"]),
];

/// All arches that an RPM of a build can be of: those that RPM has a family for (`arch_canon` and `arch_compat` of its
/// `rpmrc`), those of packages that run anywhere, and of source packages. RPM installs no package of another one.
const OF_RPMS: &[&str] = &[
    "src",
    "nosrc",
    "noarch", //
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
    "amd64",
    "ia32e",
    "em64t", //
    "i386",
    "i486",
    "i586",
    "i686",
    "geode",
    "athlon",
    "pentium3",
    "pentium4",
    "i370", //
    "aarch64",
    "armv3l",
    "armv4b",
    "armv4l",
    "armv4tl",
    "armv5tl",
    "armv5tel",
    "armv5tejl",
    "armv6l",
    "armv6hl", //
    "armv7l",
    "armv7hl",
    "armv7hnl",
    "armv8l",
    "armv8hl", //
    "ppc64le",
    "ppc64",
    "ppc64p7",
    "ppc64iseries",
    "ppc64pseries",
    "ppc",
    "ppc8260",
    "ppc8560",
    "ppc32dy4", //
    "ppciseries",
    "ppcpseries",
    "powerpc",
    "powerppc",
    "rs6000", //
    "s390",
    "s390x",
    "riscv",
    "riscv32",
    "riscv64",
    "loongarch64",
    "sw_64",
    "e2k",
    "e2kv4",
    "e2kv5",
    "e2kv6", //
    "ia64",
    "alpha",
    "alphaev5",
    "alphaev56",
    "alphaev6",
    "alphaev67",
    "alphapca56",
    "axp", //
    "sparc",
    "sparcv8",
    "sparcv9",
    "sparcv9v",
    "sparc64",
    "sparc64v",
    "sun4",
    "sun4c",
    "sun4d",
    "sun4m",
    "sun4u", //
    "mips",
    "mipsel",
    "mips64",
    "mips64el",
    "mipsr6",
    "mipsr6el",
    "mips64r6",
    "mips64r6el", //
    "m68k",
    "m68kmint",
    "sh",
    "sh3",
    "sh4",
    "sh4a",
    "xtensa",
    "parisc",
    "hppa1.0",
    "hppa1.1",
    "hppa1.2",
    "hppa2.0", //
];

impl Arch {
    /// Returns all arches that an RPM can be of, by RPM's own table.
    pub fn all_of_rpms() -> impl Iterator<Item = &'static str> {
        OF_RPMS.iter().copied()
    }

    /// Returns the arch of source packages, `src`.
    pub fn source() -> Self {
        Self("src".to_owned())
    }

    /// Returns the arch as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the arch of source packages.
    pub fn is_source(&self) -> bool {
        matches!(self.0.as_str(), "src" | "nosrc")
    }

    /// Returns whether packages of this arch run anywhere.
    pub fn is_noarch(&self) -> bool {
        self.0 == "noarch"
    }

    /// Returns the RPM arches that are native to this base arch, `noarch` not among them.
    pub fn native(&self) -> Vec<&str> {
        match COMPATIBLE.iter().find(|(base, _)| *base == self.0) {
            Some((_, arches)) => arches.to_vec(),
            None => vec![&self.0],
        }
    }

    /// Returns whether a source header with these ExclusiveArch and ExcludeArch lists lets a noarch
    /// package onto this base arch.
    ///
    /// As Pungi does with its defaults: an ExcludeArch that names one of the native arches shuts it
    /// out; an ExclusiveArch must name one of them, or `noarch`.
    pub fn admits(&self, exclusive: &[String], exclude: &[String]) -> bool {
        let native = self.native();
        let names_us = |list: &[String]| list.iter().any(|arch| native.contains(&arch.as_str()));
        if names_us(exclude) {
            return false;
        }
        exclusive.is_empty() || names_us(exclusive) || exclusive.iter().any(|arch| arch == "noarch")
    }
}

impl FromStr for Arch {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        check("arch", text, "_")?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Arch {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> String {
        arch.0
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a tag's repositories: the last part of its path, `x86_64`, `x86_64-debug` or `src`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepoName {
    /// The binary packages of a base arch, debug packages not among them.
    Binary(Arch),
    /// The debuginfo and debugsource packages of a base arch.
    Debug(Arch),
    /// The source packages, one repository for all arches.
    Source,
}

/// What decides which RPMs of a set go into which repository: the arches and their multilib lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReposOf {
    /// Base arches that have a repository.
    pub arches: Vec<Arch>,
    /// Per base arch, the foreign RPM arches that its repository also takes (`x86_64` -> `i686`).
    pub multilib: Vec<(Arch, Vec<Arch>)>,
}

impl ReposOf {
    /// Returns the names of all repositories, binary ones first.
    pub fn names(&self) -> Vec<RepoName> {
        let binary = self.arches.iter().cloned().map(RepoName::Binary);
        let debug = self.arches.iter().cloned().map(RepoName::Debug);
        binary.chain(debug).chain([RepoName::Source]).collect()
    }

    /// Returns whether an RPM belongs into the repository `name`, given the lists of its source.
    pub fn takes(&self, name: &RepoName, nevra: &Nevra, exclusive: &[String], exclude: &[String]) -> bool {
        match name {
            RepoName::Source => nevra.is_source(),
            RepoName::Binary(arch) => !nevra.is_debug() && self.runs_on(arch, nevra, exclusive, exclude),
            RepoName::Debug(arch) => nevra.is_debug() && self.runs_on(arch, nevra, exclusive, exclude),
        }
    }

    fn runs_on(&self, base: &Arch, nevra: &Nevra, exclusive: &[String], exclude: &[String]) -> bool {
        if nevra.is_source() {
            return false;
        }
        if nevra.arch.is_noarch() {
            return base.admits(exclusive, exclude);
        }
        let multilib = self.multilib.iter().filter(|(arch, _)| arch == base).flat_map(|(_, list)| list);
        base.native().contains(&nevra.arch.as_str()) || multilib.into_iter().any(|arch| *arch == nevra.arch)
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(arch) => write!(f, "{arch}"),
            Self::Debug(arch) => write!(f, "{arch}-debug"),
            Self::Source => f.write_str("src"),
        }
    }
}

impl FromStr for RepoName {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        match text.strip_suffix("-debug") {
            Some(arch) => Ok(Self::Debug(arch.parse()?)),
            None if text == "src" => Ok(Self::Source),
            None => Ok(Self::Binary(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(arches: &[&str]) -> Vec<String> {
        arches.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn noarch_goes_everywhere_but_where_its_source_forbids_it() {
        let x86: Arch = "x86_64".parse().unwrap();
        for (exclusive, exclude, admitted) in [
            (&[][..], &[][..], true),
            (&["aarch64"], &[], false),
            (&["aarch64", "x86_64"], &[], true),
            (&["noarch"], &[], true),
            (&[], &["x86_64"], false),
            (&[], &["s390x"], true),
            (&["x86_64"], &["x86_64"], false),
        ] {
            assert_eq!(x86.admits(&list(exclusive), &list(exclude)), admitted, "{exclusive:?} {exclude:?}");
        }
    }

    #[test]
    fn multilib_is_taken_only_where_it_is_asked_for() {
        let nevra = Nevra::new("glibc", 0, "2.40", "1", "i686").unwrap();
        let (x86, i686): (Arch, Arch) = ("x86_64".parse().unwrap(), "i686".parse().unwrap());
        let plain = ReposOf { arches: vec![x86.clone()], multilib: vec![] };
        let multi = ReposOf { multilib: vec![(x86.clone(), vec![i686])], ..plain.clone() };
        assert!(!plain.takes(&RepoName::Binary(x86.clone()), &nevra, &[], &[]));
        assert!(multi.takes(&RepoName::Binary(x86), &nevra, &[], &[]));
    }

    #[test]
    fn what_is_native_to_any_base_is_an_arch_of_rpms_and_none_stands_twice() {
        let all: std::collections::BTreeSet<&str> = Arch::all_of_rpms().collect();
        assert_eq!(all.len(), OF_RPMS.len());
        let native = COMPATIBLE.iter().flat_map(|(_, arches)| *arches);
        assert_eq!(native.filter(|arch| !all.contains(*arch)).count(), 0);
    }

    #[test]
    fn repository_names_round_trip() {
        for name in ["x86_64", "x86_64-debug", "src"] {
            assert_eq!(name.parse::<RepoName>().unwrap().to_string(), name);
        }
        assert!("../x".parse::<RepoName>().is_err());
    }
}
