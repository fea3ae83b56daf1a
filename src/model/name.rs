//! Which strings may name a package, a tag, a version? The one place where outside text is let in.
//!
//! The rules are narrower than RPM's or Koji's own where theirs would let a name become a path, an
//! argument or a line of a log: no separator, no control character, no leading dash or dot.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name that is let in, in bytes: what one path component may hold on common file systems,
/// less room for a version, an arch and `.rpm`.
const LONGEST: usize = 200;

/// A name that is not let in, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown} {why}")]
pub struct BadName {
    what: &'static str,
    shown: String,
    why: &'static str,
}

impl BadName {
    pub(crate) fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        let mut shown = format!("{:?}", text.chars().take(60).collect::<String>());
        if text.chars().count() > 60 {
            shown.push('…');
        }
        Self { what, shown, why }
    }
}

/// Checks `text` against the alphabet of names, `extra` being allowed besides letters and digits.
pub(crate) fn check(what: &'static str, text: &str, extra: &str) -> Result<(), BadName> {
    let refuse = |why| Err(BadName::new(what, text, why));
    if text.is_empty() {
        return refuse("is empty");
    }
    if text.len() > LONGEST {
        return refuse("is longer than 200 bytes");
    }
    if text.starts_with(['-', '.']) {
        return refuse("begins with a dash or a dot");
    }
    if text.contains("..") {
        return refuse("contains two dots in a row");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    if !text.chars().all(allowed) {
        return refuse("has a character that no such name may have");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                check($what, text, $extra)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A package's name: of an RPM, or of a build (the name of its source package).
    ///
    /// Alphabet as rpmbuild enforces it (letters, digits, `-._+`).
    PackageName, "package name", "-._+"
}

name! {
    /// A tag's name. Koji's `RegexNameInternal` without the slash, since a tag names a directory.
    TagName, "tag name", "-._+"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_a_path_an_argument_or_a_second_line() {
        for bad in ["", "-rf", ".hidden", "a/b", "a..b", "a\0b", "a\nb", "a b", "$(x)", "ä", "a;b", "\u{202e}x"] {
            assert!(bad.parse::<TagName>().is_err(), "{bad:?}");
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(4096).parse::<TagName>().is_err());
        for good in ["f43-updates", "gtk+", "libstdc++", "389-ds-base", "python3.12", "module-a-1-2.3"] {
            assert_eq!(good.parse::<PackageName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_error_shows_the_name_escaped_and_shortened() {
        let error = "a\nb".parse::<TagName>().unwrap_err();
        assert_eq!(error.to_string(), r#"tag name "a\nb" has a character that no such name may have"#);
        assert!("y".repeat(4096).parse::<TagName>().unwrap_err().to_string().len() < 150);
    }
}
