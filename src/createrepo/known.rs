//! What does old metadata know of a file, and does it still hold?

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::candidates::Candidate;
use super::run::Run;

/// What old metadata says of a package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Location without base.
    pub href: String,
    /// Base of the location.
    pub base: Option<String>,
    /// When the file was written, seconds after 1970.
    pub time: i64,
    /// When the package was built, seconds after 1970.
    pub built: i64,
    /// Bytes of the file.
    pub size: u64,
    /// How the package is named by digest.
    pub algorithm: String,
}

impl Facts {
    /// Returns whether the file that is a candidate is still the one that is spoken of: by time (in seconds),
    /// size and kind of checksum; or by its location alone, where nothing more is to be looked at.
    pub(super) fn hold(&self, run: &Run<'_>, candidate: &Candidate) -> bool {
        let Some(update) = &run.options.update else { return false };
        if update.skip_stat {
            return true;
        }
        self.algorithm == run.options.content.checksum.as_str()
            && fs::metadata(&candidate.path)
                .is_ok_and(|metadata| metadata.mtime() == self.time && metadata.len() == self.size)
    }
}
