//! What names one RPM? Name, epoch, version, release and arch.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::{BadName, PackageName, check};
use super::nvr::VERSION_EXTRA;
use super::{Arch, Evr};

/// Name, epoch, version, release and arch of an RPM. Ordered as repository metadata is: by name,
/// then arch, then EVR (design section 7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nevra {
    /// The RPM's own name (a sub-package's, not the build's).
    pub name: PackageName,
    /// `src` for a source package, whatever its ARCH tag says.
    pub arch: Arch,
    /// Epoch, version, release.
    pub evr: Evr,
}

impl Nevra {
    /// Returns the NEVRA made of parts read from a header.
    ///
    /// A version with a colon is refused: RPM lets it pass and dnf gives up the whole repository.
    pub fn new(name: &str, epoch: u32, version: &str, release: &str, arch: &str) -> Result<Self, BadName> {
        check("version", version, VERSION_EXTRA)?;
        check("release", release, VERSION_EXTRA)?;
        let evr = Evr { epoch, version: version.to_owned(), release: release.to_owned() };
        Ok(Self { name: name.parse()?, arch: arch.parse()?, evr })
    }

    /// Returns the file name that RPM, Koji and every mirror expect: `N-V-R.A.rpm`.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.evr.version, self.evr.release, self.arch)
    }

    /// Returns whether this is a source package.
    pub fn is_source(&self) -> bool {
        self.arch.is_source()
    }

    /// Returns whether this is a debuginfo or debugsource package, by Pungi's pattern.
    pub fn is_debug(&self) -> bool {
        let name = self.name.as_str();
        name.ends_with("-debuginfo") || name.contains("-debuginfo-") || name.ends_with("-debugsource")
    }
}

impl fmt::Display for Nevra {
    /// Writes productmd's form, epoch always present: `bash-0:5.2.26-3.fc40.x86_64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.name, self.evr, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_name_arch_evr() {
        let n = |name, v, arch| Nevra::new(name, 0, v, "1", arch).unwrap();
        let mut all =
            [n("b", "1", "noarch"), n("a", "1.10", "x86_64"), n("a", "1.9", "x86_64"), n("a", "1~rc", "noarch")];
        all.sort();
        let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a-0:1~rc-1.noarch", "a-0:1.9-1.x86_64", "a-0:1.10-1.x86_64", "b-0:1-1.noarch"]);
    }

    #[test]
    fn debug_packages_are_known_by_name() {
        let debug = |name| Nevra::new(name, 0, "1", "1", "x86_64").unwrap().is_debug();
        assert!(debug("bash-debuginfo") && debug("bash-debugsource") && debug("gcc-debuginfo-common"));
        assert!(!debug("bash") && !debug("debuginfod"));
    }
}
