//! Which files stand in a repository beside what lists its packages? The `records` of a follow rule.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use crate::model::{Arch, TagName};

/// The type of a record: `group`, `modules`, `updateinfo`, `productid`, or any other that is not ours to make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind(String);

/// A text that is not a [`RecordKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no type of a record: write 1 to 64 letters, digits, - or _, and none that is made of the packages")]
pub struct BadRecordKind(String);

/// Types that are made of the packages.
const OURS: [&str; 4] = ["primary", "filelists", "filelists-ext", "other"];

/// How types end that are other forms of another record.
const FORMS: [&str; 6] = ["_db", "_zck", "_gz", "_xz", "_zst", "_bz2"];

impl RecordKind {
    /// Returns the type as `repomd.xml` has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RecordKind {
    type Err = BadRecordKind;
    fn from_str(text: &str) -> Result<Self, BadRecordKind> {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let is_ours = OURS.contains(&text) || FORMS.iter().any(|form| text.ends_with(form));
        if text.is_empty() || text.len() > 64 || !is_word || is_ours {
            return Err(BadRecordKind(text.chars().take(60).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for RecordKind {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// Where the file of a record is: a path in which `{tag}` and `{arch}` stand for the repository's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct RecordFile(PathBuf);

impl RecordFile {
    /// Returns the pattern.
    pub(super) fn pattern(&self) -> &Path {
        &self.0
    }

    /// Returns the record of this pattern.
    pub(super) fn new(pattern: PathBuf) -> Self {
        Self(pattern)
    }

    /// Returns the file for the repository of a tag and an arch.
    pub fn of(&self, tag: &TagName, arch: &Arch) -> PathBuf {
        let named = |part: std::path::Component<'_>| match part.as_os_str().to_str() {
            Some(part) => part.replace("{tag}", tag.as_str()).replace("{arch}", arch.as_str()).into(),
            None => part.as_os_str().to_owned(),
        };
        self.0.components().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_of_any_type_that_is_not_made_of_the_packages() {
        for good in ["group", "modules", "updateinfo", "productid", "x-vendor_data2"] {
            assert_eq!(good.parse::<RecordKind>().unwrap().as_str(), good);
        }
        for bad in ["", "primary", "filelists-ext", "other", "primary_db", "group_gz", "modules_zck", "a/b", "a b", "ä"]
        {
            assert!(bad.parse::<RecordKind>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(65).parse::<RecordKind>().is_err());
    }

    #[test]
    fn a_path_may_name_tag_and_arch() {
        let file = RecordFile::new(PathBuf::from("/etc/{tag}/comps.{arch}.{arch}.xml"));
        let path = file.of(&"f43".parse().unwrap(), &"x86_64".parse().unwrap());
        assert_eq!(path, Path::new("/etc/f43/comps.x86_64.x86_64.xml"));
    }
}
