//! Which texts of messages are in the body of a request? One, or the elements of an array.
//!
//! Cut apart without being looked into, so that each is read, applied and dropped before the next.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Most messages that one request may hold.
pub(super) const MOST: usize = 10_000;

/// The messages of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Items<'a> {
    /// One, by itself.
    One(&'a str),
    /// An array of them.
    Many(Vec<&'a str>),
}

impl<'a> Items<'a> {
    /// Cuts a body apart; the error says why it is neither one nor an array.
    pub(super) fn cut(body: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
        if !text.trim_start().starts_with('[') {
            return Ok(Self::One(text));
        }
        let list: List<'a> =
            serde_json::from_str(text).map_err(|error| format!("not an array of messages: {error}"))?;
        if list.0.is_empty() {
            return Err("the array is empty".to_owned());
        }
        Ok(Self::Many(list.0))
    }
}

struct List<'a>(Vec<&'a str>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_seq(Elements)
    }
}

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if list.len() == MOST {
                return Err(A::Error::custom(format_args!("more than {MOST} messages")));
            }
            list.push(element.get());
        }
        Ok(List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_cut_into_its_elements_as_they_stand() {
        assert_eq!(Items::cut(b" [ {\"a\": 1.00} ,5]"), Ok(Items::Many(vec!["{\"a\": 1.00}", "5"])));
        assert_eq!(Items::cut(b"{"), Ok(Items::One("{")));
        assert_eq!(Items::cut(b" [ ] "), Err("the array is empty".to_owned()));
        assert!(Items::cut(b"[1,").unwrap_err().starts_with("not an array of messages: "));
        assert_eq!(Items::cut(b"[\"\xff\"]"), Err("not UTF-8 at byte 2".to_owned()));
    }

    #[test]
    fn many_small_things_do_not_take_much_memory() {
        let text = format!("[{}0]", "0,".repeat(2_000_000));
        assert!(Items::cut(text.as_bytes()).unwrap_err().contains("more than 10000 messages"));
        let deep = format!("[{}{}]", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(matches!(Items::cut(deep.as_bytes()), Ok(Items::Many(list)) if list.len() == 1));
    }
}
