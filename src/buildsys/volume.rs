//! Where do a build's files lie? Koji's volume, of which `packages/` is kept.
//!
//! `packages/N/V/R/ARCH/FILE` for unsigned RPMs, `packages/N/V/R/data/signed/KEY/ARCH/FILE` for signed
//! copies, `packages/N/V/R/data/sigcache/KEY/ARCH/FILE.sig` for signature headers; N, V and R are the build's, also for
//! its sub-packages (koji `pathinfo`).

use std::path::{Path, PathBuf};

use crate::model::{Nevra, Nvr, Sigkey};

/// The directory of package files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume(PathBuf);

impl Volume {
    /// Returns the volume at `root`.
    pub fn new(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// Returns where an RPM of a build lies, below `packages/`. Every part is a checked name.
    pub fn location(build: &Nvr, nevra: &Nevra, sigkey: Option<&Sigkey>) -> String {
        let build_dir = Self::build_dir(build);
        match sigkey {
            None => format!("{build_dir}/{}/{}", nevra.arch, nevra.file_name()),
            Some(key) => format!("{build_dir}/data/signed/{key}/{}/{}", nevra.arch, nevra.file_name()),
        }
    }

    /// Returns where the signature header lies that makes a copy of an RPM signed with this key.
    pub fn signature(build: &Nvr, nevra: &Nevra, sigkey: &Sigkey) -> String {
        let (build_dir, file) = (Self::build_dir(build), nevra.file_name());
        format!("{build_dir}/data/sigcache/{sigkey}/{}/{file}.sig", nevra.arch)
    }

    /// Returns whether what lies at a location is a signed copy, and not the RPM as it was imported.
    pub fn is_signed_copy(location: &str) -> bool {
        let mut steps = location.split('/').skip(3);
        (steps.next(), steps.next()) == (Some("data"), Some("signed"))
    }

    fn build_dir(build: &Nvr) -> String {
        format!("{}/{}/{}", build.name(), build.version(), build.release())
    }

    /// Returns the file at a location.
    pub fn file(&self, location: &str) -> PathBuf {
        self.0.join("packages").join(location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_where_koji_puts_them() {
        let build: Nvr = "glibc-2.40-3.fc41".parse().unwrap();
        let nevra = Nevra::new("glibc-devel", 0, "2.40", "3.fc41", "x86_64").unwrap();
        let key: Sigkey = "E99D6AD1".parse().unwrap();
        assert_eq!(
            Volume::location(&build, &nevra, None),
            "glibc/2.40/3.fc41/x86_64/glibc-devel-2.40-3.fc41.x86_64.rpm"
        );
        assert_eq!(
            Volume::location(&build, &nevra, Some(&key)),
            "glibc/2.40/3.fc41/data/signed/e99d6ad1/x86_64/glibc-devel-2.40-3.fc41.x86_64.rpm"
        );
        assert!(Volume::is_signed_copy(&Volume::location(&build, &nevra, Some(&key))));
        assert!(!Volume::is_signed_copy(&Volume::location(&build, &nevra, None)));
        assert_eq!(
            Volume::signature(&build, &nevra, &key),
            "glibc/2.40/3.fc41/data/sigcache/e99d6ad1/x86_64/glibc-devel-2.40-3.fc41.x86_64.rpm.sig"
        );
    }
}
