//! Which builds and which copies of their RPMs does a follow rule let into a set?

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

/// How many builds of a package are in a tag's set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latest {
    /// So many, those that Koji calls latest.
    Builds(NonZeroU32),
    /// All that are tagged, there or in what the tag inherits from.
    All,
}

impl Latest {
    /// Returns the most builds of a package; `None`: there is no limit.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::Builds(builds) => Some(usize::try_from(builds.get()).unwrap_or(usize::MAX)),
            Self::All => None,
        }
    }
}

impl<'de> Deserialize<'de> for Latest {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Word(String),
        }
        let wrong = || de::Error::custom("is neither a number of builds, from 1 on, nor \"all\"");
        match Written::deserialize(input).map_err(|_| wrong())? {
            Written::Number(number) => u32::try_from(number).ok().and_then(NonZeroU32::new).map(Self::Builds),
            Written::Word(word) => (word == "all").then_some(Self::All),
        }
        .ok_or_else(wrong)
    }
}

/// Whether it counts that signatures verify, and by which keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verify {
    /// It does not: who signed a copy is what the copy says.
    Off,
    /// A copy that verifies by the keys in this file is taken before one that does not.
    Preferred(PathBuf),
    /// Only copies that verify by the keys in this file are taken.
    Required(PathBuf),
}

impl Verify {
    /// Returns the file of keys, where signatures are verified.
    pub fn keys_file(&self) -> Option<&Path> {
        match self {
            Self::Off => None,
            Self::Preferred(file) | Self::Required(file) => Some(file),
        }
    }

    pub(super) fn of(how: Option<RawVerify>, keys_file: Option<PathBuf>) -> Result<Self, (&'static str, String)> {
        let no_keys = || ("verify", "needs the keys that are trusted: name their keys_file".to_owned());
        match (how.unwrap_or(RawVerify::Off), keys_file) {
            (RawVerify::Off, None) => Ok(Self::Off),
            (RawVerify::Off, Some(_)) => {
                Err(("keys_file", "has no effect without verify = \"preferred\" or \"required\"".to_owned()))
            }
            (RawVerify::Preferred, file) => Ok(Self::Preferred(file.ok_or_else(no_keys)?)),
            (RawVerify::Required, file) => Ok(Self::Required(file.ok_or_else(no_keys)?)),
        }
    }
}

/// As it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawVerify {
    Off,
    Preferred,
    Required,
}
