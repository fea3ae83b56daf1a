//! Which RPMs does a package list mean? Patterns on names, with an arch where one is given.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{BadName, Nevra};

/// Longest pattern that is let in, in bytes.
const LONGEST: usize = 200;

/// One line of a package list: a name (`bash`), a name and an arch (`glibc.i686`), or either with
/// `*` for any characters and `?` for one, in the name.
///
/// A name is an RPM's own, never a provide nor a build's. What follows the last dot is an arch only
/// where it is the RPM's arch to the letter, since names have dots as well (`python3.12`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the pattern means this RPM.
    pub fn matches(&self, nevra: &Nevra) -> bool {
        let name = nevra.name.as_str();
        if glob(&self.0, name) {
            return true;
        }
        match self.0.rsplit_once('.') {
            Some((pattern, arch)) => arch == nevra.arch.as_str() && glob(pattern, name),
            None => false,
        }
    }
}

impl FromStr for Pattern {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let refuse = |why| Err(BadName::new("package pattern", text, why));
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.len() > LONGEST {
            return refuse("is longer than 200 bytes");
        }
        if text.starts_with(['-', '.']) {
            return refuse("begins with a dash or a dot");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._+*?".contains(c)) {
            return refuse("has a character that no such pattern may have");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether `*` and `?` of `pattern` can stand for what `text` has.
///
/// Goes back to the last `*` only, so the time is bounded by the product of the two lengths.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_names_and_only_whole_ones() {
        let means = |pattern: &str, name: &str, arch: &str| {
            let nevra = Nevra::new(name, 0, "1", "1", arch).unwrap();
            pattern.parse::<Pattern>().unwrap().matches(&nevra)
        };
        for (pattern, name, arch, wanted) in [
            ("bash", "bash", "x86_64", true),
            ("bash", "bash-doc", "noarch", false),
            ("bash*", "bash-doc", "noarch", true),
            ("*", "bash", "x86_64", true),
            ("*-doc", "bash-doc", "noarch", true),
            ("b*h", "bash", "x86_64", true),
            ("b*s", "bash", "x86_64", false),
            ("ba?h", "bash", "x86_64", true),
            ("bash?", "bash", "x86_64", false),
            ("glibc.i686", "glibc", "i686", true),
            ("glibc.i686", "glibc", "x86_64", false),
            ("g*.i686", "glibc", "i686", true),
            ("python3.12", "python3.12", "x86_64", true),
            ("python3.12.x86_64", "python3.12", "x86_64", true),
            ("*64", "bash", "x86_64", false),
            ("a**b*c", "a-b-b-c", "noarch", true),
        ] {
            assert_eq!(means(pattern, name, arch), wanted, "{pattern} {name}.{arch}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = format!("{}b", "a*".repeat(90));
        assert!(!glob(&pattern, &"a".repeat(200)));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", "-x", ".x", "a b", "a/b", "a\n", "[ab]", "ä", &"x".repeat(4096)] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
        }
    }
}
