//! Which of two versions is the newer? Epoch, version and release, compared as RPM compares them.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Epoch, version, release. Ordered by RPM's rules (`rpmvercmp`, with tilde and caret).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evr {
    /// Epoch; an absent one is 0 wherever versions are compared or written.
    pub epoch: u32,
    /// Version.
    pub version: String,
    /// Release.
    pub release: String,
}

impl Ord for Evr {
    /// Compares by RPM's rules; versions that RPM holds equal though written differently
    /// (`1.0` and `1.00`) are told apart by their text, so that equal means equal.
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| rpm_version::rpm_evr_compare(&self.version, &other.version))
            .then_with(|| rpm_version::rpm_evr_compare(&self.release, &other.release))
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.release.cmp(&other.release))
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}-{}", self.epoch, self.version, self.release)
    }
}
