//! What do a message's headers say? fedora-messaging's: when it was sent, how grave it is, which
//! schema it claims; and by what key it is known.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Undecodable;
use crate::model::Blake3;

pub(super) const SENT_AT: &str = "sent-at";
pub(super) const SEVERITY: &str = "fedora_messaging_severity";
pub(super) const SCHEMA: &str = "fedora_messaging_schema";
pub(super) const SCHEMA_PACKAGE: &str = "fedora_messaging_schema_package";

/// What the headers of a message say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// When it was sent, in seconds after 1970; its grain is the second, no order is finer.
    pub sent_at: Option<i64>,
    /// How grave it is; informational where nothing is said, as for fedora-messaging itself.
    pub severity: Severity,
    /// The schema it claims to follow: advice only.
    pub schema: Option<String>,
}

/// How grave a message is, by fedora-messaging's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// 10.
    Debug,
    /// 20.
    Info,
    /// 30.
    Warning,
    /// 40.
    Error,
}

impl Severity {
    /// Returns fedora-messaging's number.
    pub fn number(self) -> i64 {
        match self {
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warning => 30,
            Self::Error => 40,
        }
    }

    fn of(header: Option<&Value>) -> Self {
        match header.and_then(Value::as_i64) {
            Some(10) => Self::Debug,
            Some(30) => Self::Warning,
            Some(40) => Self::Error,
            _ => Self::Info,
        }
    }
}

/// Returns what the headers say. All may be absent; only a `sent-at` that is there and no time is an
/// error, since it would put the event in a wrong place.
pub(super) fn read(headers: &Map<String, Value>) -> Result<Envelope, Undecodable> {
    let sent_at = match headers.get(SENT_AT) {
        None | Some(Value::Null) => None,
        Some(value) => Some(seconds(value).ok_or_else(|| bad_sent_at(value))?),
    };
    let schema = headers.get(SCHEMA).and_then(Value::as_str).map(printable);
    Ok(Envelope { sent_at, severity: Severity::of(headers.get(SEVERITY)), schema })
}

/// Returns the seconds after 1970 of an ISO 8601 time; without an offset it is UTC.
fn seconds(value: &Value) -> Option<i64> {
    let text = value.as_str().filter(|text| text.len() <= 64)?;
    let zoned = text.parse::<Timestamp>().ok();
    let time =
        zoned.or_else(|| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp()));
    time.map(|time| time.as_millisecond().div_euclid(1000))
}

fn bad_sent_at(value: &Value) -> Undecodable {
    let text = value.as_str().map_or_else(|| "no string".to_owned(), ToOwned::to_owned);
    Undecodable::BadSentAt { shown: printable(&text.chars().take(60).collect::<String>()) }
}

/// Returns seconds after 1970 as fedora-messaging writes them: `2026-11-21T00:42:24+00:00`. A time
/// outside of the years that can be written becomes 1970.
pub(super) fn iso(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

/// Returns the key by which a message is known, whether it can be decoded or not.
///
/// Its id, if it has a usable one: not empty, at most 255 bytes, no control character. Else, since
/// repeats must be known and quarantine needs a key, `blake3:` and the digest of topic, `sent-at` and
/// the body's own digest: the same message repeated gives the same key, another second another one.
pub fn identity(message_id: Option<&str>, topic: &str, headers: &Map<String, Value>, body: &Blake3) -> String {
    let usable = |id: &&str| !id.is_empty() && id.len() <= 255 && !id.chars().any(char::is_control);
    if let Some(id) = message_id.filter(usable) {
        return id.to_owned();
    }
    let sent_at = headers.get(SENT_AT).and_then(Value::as_str).unwrap_or_default();
    let mut text = Vec::new();
    for part in [topic.as_bytes(), sent_at.as_bytes(), body.as_bytes()] {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part);
    }
    format!("blake3:{}", Blake3::of(&text))
}

/// Returns text from outside as it may be shown and stored: control characters escaped (a NUL is
/// more than PostgreSQL takes), what goes beyond 255 characters cut.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(256));
    for (count, char) in text.chars().enumerate() {
        if count == 255 {
            shown.push('…');
            break;
        }
        if char.is_control() {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent_at(value: Value) -> Result<Option<i64>, Undecodable> {
        let Value::Object(headers) = json!({"sent-at": value}) else { unreachable!() };
        read(&headers).map(|envelope| envelope.sent_at)
    }

    #[test]
    fn sent_at_is_read_with_and_without_an_offset() {
        let second = Ok(Some(1_795_221_744));
        assert_eq!(sent_at(json!("2026-11-21T00:42:24+00:00")), second);
        assert_eq!(sent_at(json!("2026-11-21T00:42:24.999999Z")), second);
        assert_eq!(sent_at(json!("2026-11-21T02:12:24+01:30")), second);
        assert_eq!(sent_at(json!("2026-11-21T00:42:24")), second);
        assert_eq!(sent_at(json!("1969-12-31T23:59:59.5Z")), Ok(Some(-1)));
        assert_eq!(sent_at(json!(null)), Ok(None));
        assert_eq!(iso(1_795_221_744), "2026-11-21T00:42:24+00:00");
    }

    #[test]
    fn a_sent_at_that_is_no_time_is_refused_and_shown_safely() {
        for bad in [
            json!(""),
            json!("yesterday"),
            json!(1),
            json!("2026-13-45T00:00:00Z"),
            json!(["x"]),
            json!("x".repeat(1000)),
        ] {
            assert!(matches!(sent_at(bad.clone()), Err(Undecodable::BadSentAt { .. })), "{bad}");
        }
        let Err(Undecodable::BadSentAt { shown }) = sent_at(json!("a\nb\0")) else { panic!("taken") };
        assert_eq!(shown, "a\\nb\\u{0}");
    }

    #[test]
    fn headers_may_all_be_absent() {
        let envelope = read(&Map::new()).unwrap();
        assert_eq!(envelope, Envelope { sent_at: None, severity: Severity::Info, schema: None });
        let Value::Object(odd) = json!({SEVERITY: "grave", SCHEMA: 5}) else { unreachable!() };
        assert_eq!(read(&odd).unwrap(), envelope);
    }

    #[test]
    fn a_message_without_a_usable_id_is_known_by_what_it_holds() {
        let key = |id: Option<&str>, topic: &str, second: i64, body: &[u8]| {
            let Value::Object(headers) = json!({"sent-at": iso(second)}) else { unreachable!() };
            identity(id, topic, &headers, &Blake3::of(body))
        };
        assert_eq!(key(Some("c25b6cbb"), "t", 1, b"{}"), "c25b6cbb");
        let derived = key(None, "t", 1, b"{}");
        assert!(derived.starts_with("blake3:") && derived.len() == 71, "{derived}");
        for id in [Some(""), Some("a\0b"), Some("x".repeat(256).as_str())] {
            assert_eq!(key(id, "t", 1, b"{}"), derived);
        }
        for other in [key(None, "u", 1, b"{}"), key(None, "t", 2, b"{}"), key(None, "t", 1, b"{ }")] {
            assert_ne!(other, derived);
        }
    }

    #[test]
    fn text_from_outside_is_escaped_and_cut() {
        assert_eq!(printable("a\0b\u{7f}ü"), "a\\u{0}b\\u{7f}ü");
        assert_eq!(printable(&"ä".repeat(300)).chars().count(), 256);
    }
}
