//! Which key signed a file? Eight hex digits, as Koji names its directories of signed copies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::BadName;

/// The short id of a signing key: 8 hex digits, lower case. "Unsigned" is `None` of this type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sigkey(String);

impl Sigkey {
    /// Returns the eight hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sigkey {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadName::new("sigkey", text, "is not 8 hex digits"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Sigkey {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Sigkey> for String {
    fn from(key: Sigkey) -> String {
        key.0
    }
}

impl fmt::Display for Sigkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
