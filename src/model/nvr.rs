//! What names a build? Name, version and release.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{BadName, PackageName, check};

/// Alphabet of versions and releases besides letters and digits, as rpmbuild enforces it.
pub(crate) const VERSION_EXTRA: &str = "._+~^%{}";

/// Name, version and release of a build, as Koji writes them: `bash-5.2.26-3.fc40`.
///
/// An NVR is an attribute of a build, not its identity: several hubs know the same one, and drafts
/// change theirs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nvr {
    name: PackageName,
    version: String,
    release: String,
}

impl Nvr {
    /// Returns the NVR made of three parts that came separately, as they do in Koji's messages.
    pub fn new(name: &str, version: &str, release: &str) -> Result<Self, BadName> {
        check("version", version, VERSION_EXTRA)?;
        check("release", without_draft(release), VERSION_EXTRA)?;
        Ok(Self { name: name.parse()?, version: version.to_owned(), release: release.to_owned() })
    }

    /// Returns the build's package name.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Returns the version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the release.
    pub fn release(&self) -> &str {
        &self.release
    }
}

/// Returns `release` without the suffix of a draft: Koji (since 1.34) calls the release of a draft
/// build `RELEASE,draft_BUILDID` until it is promoted.
fn without_draft(release: &str) -> &str {
    match release.split_once(",draft_") {
        Some((plain, id)) if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => plain,
        _ => release,
    }
}

impl FromStr for Nvr {
    type Err = BadName;

    /// Splits at the last two dashes, as Koji's `parse_NVR` does.
    fn from_str(text: &str) -> Result<Self, BadName> {
        let mut parts = text.rsplitn(3, '-');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(release), Some(version), Some(name)) => Self::new(name, version, release),
            _ => Err(BadName::new("NVR", text, "is not name-version-release")),
        }
    }
}

impl TryFrom<String> for Nvr {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Nvr> for String {
    fn from(nvr: Nvr) -> String {
        nvr.to_string()
    }
}

impl fmt::Display for Nvr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.name, self.version, self.release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_nvr_splits_at_its_last_two_dashes() {
        let nvr: Nvr = "python-a-b-1.2~rc1-3.fc43".parse().unwrap();
        assert_eq!((nvr.name().as_str(), nvr.version(), nvr.release()), ("python-a-b", "1.2~rc1", "3.fc43"));
        assert_eq!(nvr.to_string(), "python-a-b-1.2~rc1-3.fc43");
        for bad in ["bash", "bash-1", "-1-2", "a-1-", "a-../x-1", "a-1:2-3", "a-1-2,3", "a-1-2,draft_", "a-1-2,draft_x"]
        {
            assert!(bad.parse::<Nvr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_draft_keeps_the_release_that_koji_gives_it() {
        let nvr: Nvr = "alpha-1.1-1.fc43,draft_2012".parse().unwrap();
        assert_eq!(nvr.release(), "1.fc43,draft_2012");
        assert_eq!(nvr.to_string(), "alpha-1.1-1.fc43,draft_2012");
    }
}
