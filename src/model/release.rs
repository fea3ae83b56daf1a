//! Which product is composed? Its short name, version and type, by productmd's rules.
//!
//! Layered products (a release on top of another) are not known here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{BadName, check};
use super::words::words;

/// Longest text for people, and longest release, in bytes: an id made of it names a directory.
const LONGEST_TEXT: usize = 200;

words! {
    /// What a release is for, by productmd's `RELEASE_TYPES`.
    ReleaseType, "release type" {
        /// General availability: the release itself.
        Ga = "ga",
        /// A fast-moving stream.
        Fast = "fast",
        /// Updates of the release.
        Updates = "updates",
        /// Updates that are being tried.
        UpdatesTesting = "updates-testing",
        /// Extended update support.
        Eus = "eus",
        /// Advanced update support.
        Aus = "aus",
        /// Extended life-cycle support.
        Els = "els",
        /// Telecommunications update service.
        Tus = "tus",
        /// Update services for SAP solutions.
        E4s = "e4s",
    }
}

/// Short name, version and type of a release: the head of its compose ids and of `latest-` links.
///
/// Written as `short-version[-type]`, the type left out where it is `ga`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId {
    short: String,
    version: String,
    release_type: ReleaseType,
}

impl ReleaseId {
    /// Returns the id made of its parts.
    ///
    /// The short name has letters, digits, `-` and `_`. The version is dotted digits, or begins with
    /// no digit (`Rawhide`); it has no dash, by which ids are split. Parts that would read back as
    /// others (`x-1` and `updates`, which is `x`, `1` and the type `updates`) are refused.
    pub fn new(short: &str, version: &str, release_type: ReleaseType) -> Result<Self, BadName> {
        check("short name of a release", short, "-_")?;
        check("version of a release", version, "._+")?;
        if version.starts_with(|c: char| c.is_ascii_digit()) && !is_dotted_digits(version) {
            return Err(BadName::new("version of a release", version, "begins with a digit, but is not dotted digits"));
        }
        let id = Self { short: short.to_owned(), version: version.to_owned(), release_type };
        let text = id.to_string();
        if text.len() > LONGEST_TEXT {
            return Err(BadName::new("release", &text, "is longer than 200 bytes"));
        }
        if split(&text) != Some((short, version, release_type)) {
            return Err(BadName::new("release", &text, "would read back as another release"));
        }
        Ok(id)
    }

    /// Returns the short name: `Fedora`.
    pub fn short(&self) -> &str {
        &self.short
    }

    /// Returns the version: `43`, `10.1`, `Rawhide`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the version up to its first dot, as `latest-` links have it.
    pub fn major_version(&self) -> &str {
        self.version.split('.').next().unwrap_or(&self.version)
    }

    /// Returns the type.
    pub fn release_type(&self) -> ReleaseType {
        self.release_type
    }
}

impl FromStr for ReleaseId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        match split(text) {
            Some((short, version, release_type)) => Self::new(short, version, release_type),
            None => Err(BadName::new("release", text, "is not short-version[-type]")),
        }
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> String {
        id.to_string()
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.short, self.version)?;
        match self.release_type {
            ReleaseType::Ga => Ok(()),
            other => write!(f, "-{other}"),
        }
    }
}

fn is_dotted_digits(version: &str) -> bool {
    version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Splits `short-version[-type]`. No type is the end of another, so at most one fits.
fn split(text: &str) -> Option<(&str, &str, ReleaseType)> {
    for release_type in ReleaseType::ALL.iter().copied().filter(|t| *t != ReleaseType::Ga) {
        let head = text.strip_suffix(release_type.as_str()).and_then(|head| head.strip_suffix('-'));
        if let Some((short, version)) = head.and_then(|head| head.rsplit_once('-')) {
            return Some((short, version, release_type));
        }
    }
    let (short, version) = text.rsplit_once('-')?;
    Some((short, version, ReleaseType::Ga))
}

/// A name for people, of a release or a variant: `Fedora Linux`.
///
/// It is written into files of lines: one line, not empty, no blanks around it, at most 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Title(String);

impl Title {
    /// Returns the name that a text is which has passed narrower rules already.
    pub(super) fn of_checked(text: String) -> Self {
        Self(text)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Title {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let refuse = |why| Err(BadName::new("name", text, why));
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.len() > LONGEST_TEXT {
            return refuse("is longer than 200 bytes");
        }
        if text.trim() != text {
            return refuse("begins or ends with a blank");
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return refuse("has a control character");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Title {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Title> for String {
    fn from(title: Title) -> String {
        title.0
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_ids_round_trip_with_their_type() {
        for (text, short, version, release_type) in [
            ("Fedora-43", "Fedora", "43", ReleaseType::Ga),
            ("Fedora-Rawhide", "Fedora", "Rawhide", ReleaseType::Ga),
            ("Fedora-Cloud-43-updates", "Fedora-Cloud", "43", ReleaseType::Updates),
            ("Fedora-43-updates-testing", "Fedora", "43", ReleaseType::UpdatesTesting),
            ("RHEL-9.6-eus", "RHEL", "9.6", ReleaseType::Eus),
        ] {
            let id: ReleaseId = text.parse().unwrap();
            assert_eq!((id.short(), id.version(), id.release_type()), (short, version, release_type));
            assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn parts_that_read_back_as_others_are_refused() {
        assert!(ReleaseId::new("x-1-updates", "testing", ReleaseType::Ga).is_err());
        assert!(ReleaseId::new("x-1", "updates", ReleaseType::Ga).is_err());
        assert!(ReleaseId::new("x", "updates", ReleaseType::Ga).is_ok(), "no other reading is left");
        for (short, version) in [("x", "1-2"), ("x", "1a"), ("x", "1..2"), ("x", "1."), ("../x", "1"), ("", "1")]
            .into_iter()
            .chain([("x", "1".repeat(199).as_str())])
        {
            assert!(ReleaseId::new(short, version, ReleaseType::Ga).is_err(), "{short:?} {version:?}");
        }
    }

    #[test]
    fn a_text_for_people_is_one_line() {
        for bad in ["", " x", "x\n[tree]", "x\u{2028}y", &"x".repeat(300)] {
            assert!(bad.parse::<Title>().is_err(), "{bad:?}");
        }
        assert!("Grüne Lohe 100%".parse::<Title>().is_ok());
    }
}
