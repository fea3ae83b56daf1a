//! What may a release, a compose and a variant be called? The words of productmd's identity grammar.
//!
//! Narrower than productmd where its rules would let a name become a second line of an INI file, a
//! path, or an id that cannot be taken apart again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A text that its place in a compose's identity does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not a {what}: {valid}")]
pub struct BadIdentity {
    shown: String,
    what: &'static str,
    valid: &'static str,
}

macro_rules! word {
    ($(#[$doc:meta])* $type:ident, $what:literal, $valid:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadIdentity;
            fn from_str(text: &str) -> Result<Self, BadIdentity> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(BadIdentity { shown: text.chars().take(60).collect(), what: $what, valid: $valid })
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

word! {
    /// A name for people: `Fedora Linux`, of a release or a variant.
    Title, "name", "write 1 to 100 characters, without control characters and without space at the ends",
    |text| {
        let length = text.chars().count();
        (1..=100).contains(&length) && text.trim() == text && !text.contains(char::is_control)
    }
}

word! {
    /// A release's short name, `Fedora`: the first part of the compose id.
    ///
    /// productmd's pattern for release ids, capitals let in, since Fedora's own is `Fedora`.
    ReleaseShort, "short name", "write letters and digits, begun by a letter, parts joined by single dashes, at most 64",
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.split('-').all(|part| !part.is_empty() && alphanumeric(part))
    }
}

word! {
    /// A release's version: digits with dots between them, `9.4`, or a word, `Rawhide`.
    ///
    /// productmd also takes dashes in words; here they would make compose ids ambiguous.
    ReleaseVersion, "version", "write digits with dots between them (\"43\", \"9.4\") or a word (\"Rawhide\"), at most 64",
    |text| {
        let dotted = || text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        let word = || {
            text.starts_with(|c: char| c.is_ascii_alphabetic())
                && !text.contains("..")
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_')
        };
        text.len() <= 64 && (dotted() || word())
    }
}

word! {
    /// A variant's id, `Server`: letters and digits; names a directory beside `metadata`.
    VariantId, "variant id", "write letters and digits without dashes, at most 64; \"metadata\" is taken",
    |text| (1..=64).contains(&text.len()) && alphanumeric(text) && text != "metadata"
}

word! {
    /// A milestone label, `Beta-1.2`.
    Label, "label",
    "write EA, DevelPhaseExit, InternalAlpha, Alpha, InternalSnapshot, Beta, Snapshot, RC, Update or SecurityFix, and \
     two numbers, as in \"RC-1.2\"",
    |text| {
        let number = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let Some((name, numbers)) = text.split_once('-') else { return false };
        let Some((major, minor)) = numbers.split_once('.') else { return false };
        MILESTONES.contains(&name) && number(major) && number(minor)
    }
}

/// productmd's `LABEL_NAMES`.
const MILESTONES: [&str; 10] = [
    "EA",
    "DevelPhaseExit",
    "InternalAlpha",
    "Alpha",
    "InternalSnapshot",
    "Beta",
    "Snapshot",
    "RC",
    "Update",
    "SecurityFix",
];

impl VariantId {
    /// Returns the id as the name for people of a variant that has no other.
    pub fn title(&self) -> Title {
        Title(self.0.clone())
    }
}

impl Label {
    /// Returns whether composes of this milestone are supported ones, as Pungi marks them.
    pub fn is_supported(&self) -> bool {
        matches!(self.0.split('-').next(), Some("RC" | "Update" | "SecurityFix"))
    }
}

fn alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

macro_rules! kind {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)*
        }

        impl $type {
            /// Returns productmd's word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

kind! {
    /// The kind of a release, productmd's `RELEASE_TYPES`.
    ReleaseType {
        /// Updates that come fast.
        Fast = "fast",
        /// General availability; the usual one.
        Ga = "ga",
        /// Updates to a release.
        Updates = "updates",
        /// Updates before they are let out.
        UpdatesTesting = "updates-testing",
        /// Extended update support.
        Eus = "eus",
        /// Advanced update support.
        Aus = "aus",
        /// Extended life-cycle support.
        Els = "els",
        /// Telecommunications update service.
        Tus = "tus",
        /// Update services for SAP.
        E4s = "e4s",
    }
}

kind! {
    /// What a compose is made for, productmd's `COMPOSE_TYPES`.
    ComposeType {
        /// To try something.
        Test = "test",
        /// Made each night.
        Nightly = "nightly",
        /// To be let out.
        Production = "production",
        /// To check a change.
        Ci = "ci",
        /// For one's own work.
        Development = "development",
    }
}

impl ComposeType {
    /// Returns what stands before the respin in the compose id: `.n` for a nightly, nothing for production.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Test => ".t",
            Self::Nightly => ".n",
            Self::Production => "",
            Self::Ci => ".ci",
            Self::Development => ".d",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text:?}");
        }
        let long = "x".repeat(4096);
        for text in bad.iter().copied().chain(["", "../x", "a/b", "a\0b", "a\nb", " a", "-a", "ä\u{85}", &long]) {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn identities_follow_the_grammar_of_productmd() {
        check::<ReleaseShort>(&["Fedora", "rhel", "Fedora-Cloud", "f2"], &["9x", "a--b", "a-", "a.b", "a_b"]);
        check::<ReleaseVersion>(&["43", "9.4", "1.2.3", "Rawhide", "eln"], &["4x", "9.", ".4", "9..4", "a-b", "43-1"]);
        check::<VariantId>(&["Server", "BaseOS", "x86"], &["Server-optional", "metadata", "a_b", "a.b"]);
        check::<Label>(
            &["RC-1.2", "Beta-1.0", "SecurityFix-12.34"],
            &["rc-1.2", "RC-1", "RC-1.2.3", "RC1.2", "RC-x.1"],
        );
    }

    #[test]
    fn a_title_is_one_line_for_people() {
        for good in ["Fedora Linux", "Red Hat – Größe", "x"] {
            assert_eq!(good.parse::<Title>().unwrap().as_str(), good);
        }
        for bad in ["", " x", "x ", "a\nb", "a\0b", &"x".repeat(101)] {
            assert!(bad.parse::<Title>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_late_milestones_are_supported() {
        let supported = |text: &str| text.parse::<Label>().unwrap().is_supported();
        assert!(supported("RC-1.0") && supported("Update-1.0") && supported("SecurityFix-1.0"));
        assert!(!supported("Beta-1.0") && !supported("EA-1.0"));
    }
}
