//! What goes around a message of our own? The headers that fedora-messaging's format wants.

use serde_json::{Map, Value};

use super::Severity;
use super::envelope::{SCHEMA, SCHEMA_PACKAGE, SENT_AT, SEVERITY, iso};

/// A message of our own, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Stable id, a UUID.
    pub id: String,
    /// The topic, without the prefix that the broker's users agreed on.
    pub topic: String,
    /// The headers.
    pub headers: Map<String, Value>,
    /// The body.
    pub body: Map<String, Value>,
    /// Priority, for queues that have any; 0 is none.
    pub priority: u8,
}

/// Returns a message with all headers that fedora-messaging's own client would set.
///
/// The schema is the base one: a consumer takes it without warnings, and without a package of ours
/// being installed. `sent_at` is in seconds after 1970.
pub fn outgoing(id: String, topic: &str, severity: Severity, sent_at: i64, body: Map<String, Value>) -> Outgoing {
    let headers = Map::from_iter([
        (SCHEMA.to_owned(), Value::from("base.message")),
        (SCHEMA_PACKAGE.to_owned(), Value::from("fedora_messaging")),
        (SEVERITY.to_owned(), Value::from(severity.number())),
        (SENT_AT.to_owned(), Value::from(iso(sent_at))),
        ("priority".to_owned(), Value::from(0)),
    ]);
    Outgoing { id, topic: topic.to_owned(), headers, body, priority: 0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_those_of_fedora_messagings_own_client() {
        let message = outgoing("id-1".to_owned(), "tannery.tag.changed", Severity::Info, 1_795_221_744, Map::new());
        let expected = json!({
            "fedora_messaging_schema": "base.message",
            "fedora_messaging_schema_package": "fedora_messaging",
            "fedora_messaging_severity": 20,
            "sent-at": "2026-11-21T00:42:24+00:00",
            "priority": 0,
        });
        assert_eq!(Value::Object(message.headers), expected);
    }
}
