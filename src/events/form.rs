//! How is a message written down? fedora-messaging's own JSON form, that its command line prints and
//! reads (`SERIALIZED_MESSAGE_SCHEMA` in its `message.py`): `topic` and `body`, and if known `id`,
//! `headers`, `queue`, `priority`.
//!
//! A body is cut out of the text as it stands, so that its bytes, and with them its digest and its
//! numbers, are those that were sent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json::{check_depth, utf8};
use super::{Limits, Outgoing, Undecodable};

/// Longest headers, in bytes of JSON: what fits into one AMQP frame.
const HEADERS: usize = 128 * 1024;

/// Longest topic, in bytes: AMQP's limit of routing keys.
const TOPIC: usize = 255;

/// One message as it was written down, its body not looked into yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The topic; at most 255 bytes.
    pub topic: String,
    /// The id that it carries.
    pub id: Option<String>,
    /// The headers.
    pub headers: Map<String, Value>,
    /// The body, an object in JSON by the looks of it.
    pub body: Vec<u8>,
}

/// Reads one message, or an array of them.
///
/// The outer error is that of a text which is neither; the inner ones are each message's own. The
/// bool says whether it was an array.
pub fn parse(text: &[u8], limits: &Limits) -> Result<(bool, Vec<Result<Message, Undecodable>>), Undecodable> {
    let text = utf8(text)?;
    // An array, a message and its body.
    check_depth(text, limits.depth + 2)?;
    if !text.trim_start().starts_with('[') {
        return Ok((false, vec![message(text, limits)]));
    }
    let items: Vec<&RawValue> = serde_json::from_str(text)?;
    Ok((true, items.into_iter().map(|item| message(item.get(), limits)).collect()))
}

/// Reads one message.
pub fn parse_one(text: &[u8], limits: &Limits) -> Result<Message, Undecodable> {
    let text = utf8(text)?;
    check_depth(text, limits.depth + 1)?;
    message(text, limits)
}

fn message(text: &str, limits: &Limits) -> Result<Message, Undecodable> {
    if !text.trim_start().starts_with('{') {
        // What is no JSON at all is said to be that.
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        return Err(Undecodable::NotAnObject);
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let topic: String = field(&fields, "topic", "a string")?.ok_or_else(|| missing("topic"))?;
    too_large("topic", topic.len(), TOPIC)?;
    too_large("headers", fields.get("headers").map_or(0, |raw| raw.get().len()), HEADERS)?;
    let headers = field(&fields, "headers", "an object")?.unwrap_or_default();
    let body = fields.get("body").filter(|raw| raw.get() != "null").ok_or_else(|| missing("body"))?;
    too_large("body", body.get().len(), limits.body)?;
    if !body.get().starts_with('{') {
        return Err(Undecodable::WrongType { field: "body".to_owned(), expected: "an object" });
    }
    Ok(Message { topic, id: field(&fields, "id", "a string")?, headers, body: body.get().as_bytes().to_vec() })
}

fn field<'a, T: Deserialize<'a>>(
    fields: &BTreeMap<String, &'a RawValue>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, Undecodable> {
    let Some(raw) = fields.get(name) else { return Ok(None) };
    let read = serde_json::from_str(raw.get());
    read.map_err(|_| Undecodable::WrongType { field: name.to_owned(), expected })
}

fn missing(field: &'static str) -> Undecodable {
    Undecodable::MissingField { field: field.to_owned() }
}

fn too_large(what: &'static str, size: usize, limit: usize) -> Result<(), Undecodable> {
    if size <= limit {
        return Ok(());
    }
    Err(Undecodable::TooLarge { what, size: size as u64, limit: limit as u64 })
}

/// Returns a message as fedora-messaging prints it, all of its six fields there.
pub fn print(message: Outgoing) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), Value::String(message.id)),
        ("topic".to_owned(), Value::String(message.topic)),
        ("headers".to_owned(), Value::Object(message.headers)),
        ("body".to_owned(), Value::Object(message.body)),
        ("queue".to_owned(), Value::Null),
        ("priority".to_owned(), Value::from(message.priority)),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::{Severity, headers, outgoing};

    fn one(text: &str) -> Result<Message, Undecodable> {
        parse_one(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let Value::Object(body) = json!({"tag": "f43", "names": ["ä", "b"], "big": 18446744073709551615_u64}) else {
            unreachable!()
        };
        let headers = headers("tannery.tag.changed", Severity::Info, 5, ["bash"]);
        let sent = outgoing("id-1".to_owned(), "tannery.tag.changed", headers, body);
        let text = serde_json::to_string(&print(sent.clone())).unwrap();
        let read = one(&text).unwrap();
        assert_eq!((read.topic, read.id, read.headers), (sent.topic, Some(sent.id), sent.headers));
        assert_eq!(serde_json::from_slice::<Map<_, _>>(&read.body).unwrap(), sent.body);
    }

    #[test]
    fn topic_and_body_are_enough_and_the_bodys_bytes_are_kept() {
        let read = one(r#" {"body": {"b": 1.00, "a":2 }, "topic": "t", "queue": null, "new": [1]} "#).unwrap();
        assert_eq!(read.body, br#"{"b": 1.00, "a":2 }"#);
        assert_eq!((read.topic.as_str(), read.id, read.headers.len()), ("t", None, 0));
        assert!(one(r#"{"body": {}, "topic": "t", "id": null, "headers": null}"#).is_ok());
    }

    #[test]
    fn one_message_or_an_array_with_a_verdict_each() {
        let limits = Limits::default();
        let (many, list) = parse(br#"[{"topic": "t", "body": {}}, 5, {"topic": "t"}]"#, &limits).unwrap();
        assert!(many && list[0].is_ok());
        assert_eq!(list[1], Err(Undecodable::NotAnObject));
        assert_eq!(list[2], Err(missing("body")));
        let (many, list) = parse(br#"{"topic": "t", "body": {}}"#, &limits).unwrap();
        assert!(!many && list.len() == 1);
        assert_eq!(parse(b" [] ", &limits).unwrap(), (true, Vec::new()));
        assert_eq!(parse(b"[1,", &limits).unwrap_err().code(), "not_json");
    }

    #[test]
    fn what_is_no_message_has_a_typed_reason() {
        let code = |text: &str| one(text).unwrap_err().code();
        assert_eq!([code(""), code("{"), code("nope")], ["not_json"; 3]);
        assert_eq!([code("5"), code("[]")], ["not_an_object"; 2]);
        assert_eq!(code(r#"{"topic": "t", "body": {}} x"#), "not_json");
        assert_eq!([code(r#"{"body": {}}"#), code(r#"{"topic": "t", "body": null}"#)], ["missing_field"; 2]);
        let typed = [r#"{"topic": 5, "body": {}}"#, r#"{"topic": "t", "body": []}"#];
        assert_eq!(typed.map(code), ["wrong_type"; 2]);
        let typed = [r#"{"topic": "t", "body": {}, "headers": []}"#, r#"{"topic": "t", "body": {}, "id": 5}"#];
        assert_eq!(typed.map(code), ["wrong_type"; 2]);
        assert_eq!(code(&format!(r#"{{"topic": "{}", "body": {{}}}}"#, "x".repeat(256))), "too_large");
        assert_eq!(code(&format!(r#"{{"topic": "t", "body": {}1{}}}"#, "[".repeat(99), "]".repeat(99))), "too_deep");
        let heavy = format!(r#"{{"topic": "t", "body": {{}}, "headers": {{"x": "{}"}}}}"#, "x".repeat(HEADERS));
        assert_eq!(code(&heavy), "too_large");
        assert_eq!(parse_one(b"{\"topic\": \"\xff\"}", &Limits::default()), Err(Undecodable::NotUtf8 { at: 11 }));
    }
}
