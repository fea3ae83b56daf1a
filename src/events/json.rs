//! How is a body read without trusting it? Only the fields that some event needs are kept, whatever
//! else a body holds, so memory follows what is asked for.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Limits, Undecodable, printable};
use crate::model::BadName;

/// The names of all fields that any event is made of.
const WANTED: &[&str] = &[
    "action",
    "arch",
    "attribute",
    "base_url",
    "build",
    "build_id",
    "epoch",
    "id",
    "instance",
    "method",
    "name",
    "new",
    "old",
    "owner",
    "package",
    "release",
    "repo_id",
    "rpm",
    "sigkey",
    "tag",
    "tag_id",
    "task_id",
    "user",
    "version",
];

/// Objects are looked into down to this level: the body, and `build` and `rpm` in it.
const LEVELS: usize = 2;

/// The wanted fields of an object.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// The object's own name with a dot, for errors; empty for the body.
    prefix: &'static str,
    map: &'a BTreeMap<String, Field>,
}

/// The body of a message, its wanted fields only.
#[derive(Debug)]
pub(super) struct Body(BTreeMap<String, Field>);

#[derive(Debug, PartialEq)]
enum Field {
    Null,
    Bool,
    Int(i64),
    /// A number that is not an integer of 64 bits.
    Number,
    Text(String),
    List,
    Object(BTreeMap<String, Field>),
}

/// Returns the wanted fields of a body that must be a JSON object.
pub(super) fn body(bytes: &[u8], limits: &Limits) -> Result<Body, Undecodable> {
    if bytes.len() > limits.body {
        return Err(Undecodable::too_large(bytes.len() as u64, limits));
    }
    let text = utf8(bytes)?;
    check_depth(text, limits.depth)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let field = Seed { levels: LEVELS }.deserialize(&mut reader)?;
    reader.end()?;
    match field {
        Field::Object(map) => Ok(Body(map)),
        _ => Err(Undecodable::NotAnObject),
    }
}

/// Returns the bytes as text.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Undecodable> {
    std::str::from_utf8(bytes).map_err(|error| Undecodable::NotUtf8 { at: error.valid_up_to() })
}

/// Counts brackets outside of strings, without recursion and before any parser that recurses.
pub(super) fn check_depth(text: &str, limit: usize) -> Result<(), Undecodable> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return Err(Undecodable::TooDeep { limit });
        }
    }
    Ok(())
}

impl Body {
    /// Returns the body's fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields { prefix: "", map: &self.0 }
    }
}

impl<'a> Fields<'a> {
    fn get(&self, field: &str) -> Option<&'a Field> {
        self.map.get(field).filter(|value| **value != Field::Null)
    }

    /// Returns the field's name with that of the object around it.
    fn place(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }

    fn missing(&self, field: &str) -> Undecodable {
        Undecodable::MissingField { field: self.place(field) }
    }

    /// Returns the error of a field that is not what it should be.
    pub fn wrong(&self, field: &str, expected: &'static str) -> Undecodable {
        Undecodable::WrongType { field: self.place(field), expected }
    }

    /// Returns the error of a field with a name that is not let in.
    pub fn bad_name(&self, field: &str, source: BadName) -> Undecodable {
        Undecodable::BadName { field: self.place(field), source }
    }

    /// Returns a text that must be there.
    pub fn text(&self, field: &str) -> Result<&'a str, Undecodable> {
        match self.get(field) {
            None => Err(self.missing(field)),
            Some(Field::Text(text)) => Ok(text),
            Some(_) => Err(self.wrong(field, "a string")),
        }
    }

    /// Returns a text that is good to have, printable; anything else counts as absent.
    pub fn some_text(&self, field: &str) -> Option<String> {
        match self.get(field) {
            Some(Field::Text(text)) => Some(printable(text)),
            _ => None,
        }
    }

    /// Returns a name that must be there and valid.
    pub fn name<T: std::str::FromStr<Err = BadName>>(&self, field: &str) -> Result<T, Undecodable> {
        self.text(field)?.parse().map_err(|source| self.bad_name(field, source))
    }

    /// Returns an integer, also one written as a string, as Koji does here and there.
    pub fn some_int(&self, field: &str) -> Result<Option<i64>, Undecodable> {
        match self.get(field) {
            None => Ok(None),
            Some(Field::Int(number)) => Ok(Some(*number)),
            Some(Field::Text(text)) => text.parse().map(Some).map_err(|_| self.wrong(field, "an integer")),
            Some(_) => Err(self.wrong(field, "an integer")),
        }
    }

    /// Returns an integer that must be there.
    pub fn int(&self, field: &str) -> Result<i64, Undecodable> {
        self.some_int(field)?.ok_or_else(|| self.missing(field))
    }

    /// Returns an object that must be there.
    pub fn object(&self, field: &'static str) -> Result<Fields<'a>, Undecodable> {
        let prefix = match field {
            "build" => "build.",
            _ => "rpm.",
        };
        match self.get(field) {
            None => Err(self.missing(field)),
            Some(Field::Object(map)) => Ok(Fields { prefix, map }),
            Some(_) => Err(self.wrong(field, "an object")),
        }
    }
}

/// Reads one value, keeping wanted fields of objects down to `levels`. Of two fields of one name the
/// later counts, as in Python.
struct Seed {
    levels: usize,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Field;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Field, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Bool)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field, E> {
        Ok(Field::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field, E> {
        Ok(i64::try_from(number).map_or(Field::Number, Field::Int))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Field, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Field, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            if self.levels == 0 || !WANTED.contains(&name.as_str()) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            map.insert(name, entries.next_value_seed(Seed { levels: self.levels - 1 })?);
        }
        Ok(Field::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<BTreeMap<String, Field>, Undecodable> {
        body(text.as_bytes(), &Limits::default()).map(|body| body.0)
    }

    #[test]
    fn only_wanted_fields_are_kept_and_of_two_the_later() {
        let map =
            read(r#"{"tag": "a", "junk": [[{"tag": 1}]], "tag": "b", "rpm": {"id": 1, "x": 2, "build": {"id": 3}}}"#);
        let map = map.unwrap();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["rpm", "tag"]);
        assert_eq!(map["tag"], Field::Text("b".to_owned()));
        let Field::Object(rpm) = &map["rpm"] else { panic!("{map:?}") };
        assert_eq!(rpm.keys().collect::<Vec<_>>(), ["build", "id"]);
        assert_eq!(rpm["build"], Field::Object(BTreeMap::new()), "nothing is looked for that deep");
    }

    #[test]
    fn depth_is_counted_outside_of_strings_and_up_to_the_limit() {
        let nested = |levels: usize| format!("{{\"x\": {}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(read(&nested(64)).is_ok());
        assert_eq!(read(&nested(65)).unwrap_err(), Undecodable::TooDeep { limit: 64 });
        assert_eq!(read(&"[".repeat(1_000_000)).unwrap_err(), Undecodable::TooDeep { limit: 64 });
        assert!(read(&format!(r#"{{"x": "{}\"{}"}}"#, "[".repeat(100), "{".repeat(100))).is_ok());
    }

    #[test]
    fn numbers_beyond_64_bits_are_numbers_but_no_integers() {
        let map = read(r#"{"id": 9223372036854775808, "tag_id": 1e308, "build_id": -5, "epoch": 1.5}"#).unwrap();
        assert_eq!((&map["id"], &map["tag_id"]), (&Field::Number, &Field::Number));
        assert_eq!((&map["build_id"], &map["epoch"]), (&Field::Int(-5), &Field::Number));
    }
}
