//! Where is another server, and what must never be printed? Addresses and secrets.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::Url;

/// A text that is never shown: neither `Debug` nor `Display` prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Shortest secret that is let in, in bytes: 16 random hex digits.
const SHORTEST: usize = 16;

impl Secret {
    /// Returns the secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Takes a token: 16 to 1024 printable ASCII characters without spaces, as an HTTP header carries them.
    pub(super) fn token(text: &str) -> Result<Self, &'static str> {
        if text.len() < SHORTEST {
            return Err("a token needs at least 16 characters");
        }
        if text.len() > 1024 || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("a token is at most 1024 printable ASCII characters without spaces");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        Self::token(&String::deserialize(input)?).map_err(de::Error::custom)
    }
}

/// The address of a server: a URL that may hold a password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Returns the whole URL, password included, for the client library alone.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the URL's scheme, `amqps`.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// Returns the whole URL, password included, for the client library alone.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Returns scheme, host and port alone: path and query of a receiver's URL may be its secret.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let valid = schemes.iter().map(|scheme| format!("{scheme}://…")).collect::<Vec<_>>().join(" or ");
        // The text is not repeated: it may hold a password.
        let url = Url::parse(text).map_err(|why| format!("not a URL ({why}): write {valid}"))?;
        if !schemes.contains(&url.scheme()) || url.cannot_be_a_base() {
            return Err(format!("write {valid}"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
            return write!(f, "{}://…", self.0.scheme());
        }
        // Parameters of a database URL may be passwords too.
        shown.set_query(None);
        write!(f, "{shown}")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn address<'de, D: Deserializer<'de>>(input: D, schemes: &[&str]) -> Result<Option<Address>, D::Error> {
    Address::parse(&String::deserialize(input)?, schemes).map(Some).map_err(de::Error::custom)
}

/// Reads the URL of a database.
pub(super) fn database<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Address>, D::Error> {
    address(input, &["postgres", "postgresql"])
}

/// Reads the URL of a message broker.
pub(super) fn broker<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Address>, D::Error> {
    address(input, &["amqp", "amqps"])
}

/// Reads the URL of a Koji hub.
pub(super) fn hub<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Address>, D::Error> {
    address(input, &["http", "https"])
}

/// Reads the URL of a receiver of messages: without user and fragment.
pub(super) fn receiver<'de, D: Deserializer<'de>>(input: D) -> Result<Address, D::Error> {
    let address = Address::parse(&String::deserialize(input)?, &["http", "https"]).map_err(de::Error::custom)?;
    let url = &address.0;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(de::Error::custom("must have neither user nor fragment: messages are signed with secret_file"));
    }
    Ok(address)
}

/// Reads the URL under which others see us: without user, query and fragment, and without a final slash.
pub(super) fn public<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let url = Address::parse(&String::deserialize(input)?, &["http", "https"]).map_err(de::Error::custom)?.0;
    let extra = !url.username().is_empty() || url.password().is_some();
    if extra || url.query().is_some() || url.fragment().is_some() {
        return Err(de::Error::custom("must have neither user, query nor fragment"));
    }
    Ok(Some(url.as_str().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::parse("amqps://tannery:hunter2@broker/%2Fpubsub?x=hunter2", &["amqps"]).unwrap();
        assert_eq!(address.to_string(), "amqps://tannery:***@broker/%2Fpubsub");
        assert!(!format!("{address:?}").contains("hunter2"));
        assert!(address.expose().contains("hunter2"));
        let refused = Address::parse("mqtt://u:hunter2@broker", &["amqp", "amqps"]).unwrap_err();
        assert_eq!(refused, "write amqp://… or amqps://…");
        assert!(!Address::parse("u:hunter2 @broker", &["amqp"]).unwrap_err().contains("hunter2"));
    }

    #[test]
    fn the_login_of_a_client_certificate_is_kept() {
        let address =
            Address::parse("amqps://fedora:@rabbitmq.fedoraproject.org/%2Fpublic_pubsub", &["amqps"]).unwrap();
        assert!(address.expose().ends_with("rabbitmq.fedoraproject.org/%2Fpublic_pubsub"));
        assert_eq!(address.scheme(), "amqps");
    }

    #[test]
    fn a_token_fits_a_header_and_is_not_guessed_in_a_day() {
        for bad in ["", "secret", "sixteen characters", "0123456789abcdef\n", "ääääääääääääääää"] {
            assert!(Secret::token(bad).is_err(), "{bad:?}");
        }
        let token = Secret::token("0123456789abcdef").unwrap();
        assert_eq!(format!("{token:?}"), "<secret>");
        assert_eq!(token.expose(), "0123456789abcdef");
    }
}
