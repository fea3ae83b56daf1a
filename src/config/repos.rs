//! How is a live repository written and kept? The settings of `[repos]`, which each follow rule may change.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::units::duration;

/// Shortest time between two looks at an external repository.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

/// How metadata files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Zstandard, level 1 to 19. Readers older than createrepo_c 1.0 and dnf of EL 8 want gzip.
    Zstd {
        /// 1 (fast) to 19 (small).
        level: i32,
    },
    /// gzip, level 1 to 9: for EL 7 and Amazon Linux 2.
    Gzip {
        /// 1 (fast) to 9 (small).
        level: u32,
    },
    /// xz, level 0 to 9: small; each refresh compresses all of it again.
    Xz {
        /// 0 (fast) to 9 (small).
        level: u32,
    },
}

/// What becomes of the external repositories that a hub joins a tag with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExternalRepos {
    /// They are known and shown, and nothing is fetched of them.
    #[default]
    Leave,
    /// Beside the repository of each arch there is one more, merged from it and from them by Koji's rules.
    Merge,
}

impl Default for Compression {
    fn default() -> Self {
        Self::Zstd { level: 8 }
    }
}

/// A text that is not a [`Compression`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write \"zstd\", \"gzip\", \"xz\", or one with a level, \"zstd:1\" to \"zstd:19\", \"gzip:1\" to \"gzip:9\", \"xz:0\" to \"xz:9\""
)]
pub struct BadCompression;

impl FromStr for Compression {
    type Err = BadCompression;
    fn from_str(text: &str) -> Result<Self, BadCompression> {
        let (kind, level) = match text.split_once(':') {
            None => (text, None),
            Some((kind, level)) => (kind, Some(level.parse::<u8>().map_err(|_| BadCompression)?)),
        };
        match (kind, level) {
            // As small as createrepo_c's level 10 in one piece, at half the work; for the others its own levels.
            ("zstd", None) => Ok(Self::Zstd { level: 8 }),
            ("gzip", None) => Ok(Self::Gzip { level: 5 }),
            ("xz", None) => Ok(Self::Xz { level: 5 }),
            ("zstd", Some(level @ 1..=19)) => Ok(Self::Zstd { level: level.into() }),
            ("gzip", Some(level @ 1..=9)) => Ok(Self::Gzip { level: level.into() }),
            ("xz", Some(level @ 0..=9)) => Ok(Self::Xz { level: level.into() }),
            _ => Err(BadCompression),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd { level } => write!(f, "zstd:{level}"),
            Self::Gzip { level } => write!(f, "gzip:{level}"),
            Self::Xz { level } => write!(f, "xz:{level}"),
        }
    }
}

/// How a repository's metadata lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As files: any web server can serve them, also with the service down.
    #[default]
    Files,
    /// As a list of segments, joined while they are served: for hundreds of side tags on one base, whose
    /// files would take hundreds of times the disk.
    Assembled,
}

impl Form {
    /// Returns the name as written, stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Assembled => "assembled",
        }
    }
}

impl FromStr for Form {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let both = [Self::Files, Self::Assembled];
        both.into_iter().find(|form| form.name() == text).ok_or("is no form")
    }
}

impl<'de> Deserialize<'de> for Compression {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// How the repositories of a tag are refreshed, compressed and kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub struct Repos {
    /// At least so many generations' files are kept, the current one counted.
    pub keep_generations: NonZeroU32,
    /// Files of generations younger than this are kept, however many.
    #[serde(deserialize_with = "duration")]
    pub keep_for: Duration,
    /// A repository that no rule asks for any more, or whose tag or arch is gone, stays for so long.
    #[serde(deserialize_with = "duration")]
    pub keep_unwanted_for: Duration,
    /// A change is published when the set has not changed for so long,
    #[serde(deserialize_with = "duration")]
    pub quiet: Duration,
    /// and at the latest so long after the first change that is not published.
    #[serde(deserialize_with = "duration")]
    pub at_latest: Duration,
    /// What the `.repo` file tells dnf: how long it may believe its copy.
    #[serde(deserialize_with = "duration")]
    pub metadata_expire: Duration,
    /// Compression of the metadata files.
    pub compression: Compression,
    /// Whether `repomd.xml` also has the checksums of the uncompressed files.
    pub open_checksums: bool,
    /// How the metadata lies on disk.
    pub form: Form,
    /// The program that signs `repomd.xml`, and its arguments; empty: nobody does.
    pub sign_command: Vec<String>,
    /// How long it may take.
    #[serde(deserialize_with = "duration")]
    pub sign_timeout: Duration,
    /// Signed generations follow each other at least at this distance.
    #[serde(deserialize_with = "duration")]
    pub sign_every: Duration,
    /// What becomes of the external repositories of the tag.
    pub external_repos: ExternalRepos,
    /// How often each of them is looked at.
    #[serde(deserialize_with = "duration")]
    pub external_every: Duration,
    /// Directories of this machine that those with `file` URLs may lie in.
    pub external_dirs: Vec<PathBuf>,
}

impl Default for Repos {
    fn default() -> Self {
        Self {
            keep_generations: NonZeroU32::MIN.saturating_add(2),
            keep_for: Duration::from_secs(3600),
            keep_unwanted_for: Duration::from_secs(30 * 86_400),
            quiet: Duration::from_millis(200),
            at_latest: Duration::from_secs(3),
            metadata_expire: Duration::from_secs(60),
            compression: Compression::default(),
            open_checksums: false,
            form: Form::Files,
            sign_command: Vec::new(),
            sign_timeout: Duration::from_secs(30),
            sign_every: Duration::from_secs(10),
            external_repos: ExternalRepos::Leave,
            external_every: Duration::from_secs(900),
            external_dirs: Vec::new(),
        }
    }
}

impl Repos {
    /// Refuses values that do not go together; the error names the key.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.form == Form::Assembled && matches!(self.compression, Compression::Xz { .. }) {
            return Err(("form", "\"assembled\" needs zstd or gzip: xz cannot be joined from segments".to_owned()));
        }
        if self.at_latest < self.quiet {
            return Err(("at_latest", "is shorter than quiet".to_owned()));
        }
        if self.metadata_expire.is_zero() {
            return Err(("metadata_expire", "must be longer than 0".to_owned()));
        }
        if self.sign_timeout.is_zero() {
            return Err(("sign_timeout", "must be longer than 0".to_owned()));
        }
        if self.external_every < SHORTEST_LOOK {
            return Err(("external_every", "must be at least 1s".to_owned()));
        }
        if let Some(dir) = self.external_dirs.iter().find(|dir| !dir.is_absolute()) {
            return Err(("external_dirs", format!("{:?} is no absolute path", dir.display().to_string())));
        }
        if self.sign_command.first().is_some_and(String::is_empty) || self.sign_command.concat().contains('\0') {
            return Err(("sign_command", "needs the name of a program first, and no NUL".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compression_is_a_kind_and_perhaps_a_level() {
        assert_eq!("zstd".parse(), Ok(Compression::Zstd { level: 8 }));
        assert_eq!("zstd:3".parse(), Ok(Compression::Zstd { level: 3 }));
        assert_eq!("gzip:9".parse(), Ok(Compression::Gzip { level: 9 }));
        for bad in ["", "bzip2", "xz:10", "zstd:", "zstd:0", "zstd:20", "gzip:10", "gzip:-1", "zstd:300", "zstd :1"] {
            assert_eq!(bad.parse::<Compression>(), Err(BadCompression), "{bad:?}");
        }
    }
}
