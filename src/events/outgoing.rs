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

/// The classes of the Python package `tannery-messages` (in `clients/python/`), by topic: what consumers that have
/// it make of a message. Others are warned and take it as it is.
const CLASSES: [(&str, &str); 7] = [
    ("pungi.compose.status.change", "tannery_messages.pungi.ComposeStatusChangeV1"),
    ("tannery.compose.status", "tannery_messages.compose.StatusV1"),
    ("tannery.reconcile.repaired", "tannery_messages.reconcile.RepairedV1"),
    ("tannery.repo.merged", "tannery_messages.repo.MergedV1"),
    ("tannery.repo.published", "tannery_messages.repo.PublishedV1"),
    ("tannery.repo.removed", "tannery_messages.repo.RemovedV1"),
    ("tannery.tag.changed", "tannery_messages.tag.ChangedV1"),
];

/// Returns all headers that fedora-messaging's own client would set. `sent_at` is in seconds after 1970,
/// `packages` are names to filter by.
pub fn headers<'a>(
    topic: &str,
    severity: Severity,
    sent_at: i64,
    packages: impl IntoIterator<Item = &'a str>,
) -> Map<String, Value> {
    let class = CLASSES.into_iter().find(|(known, _)| *known == topic);
    let (class, package) = class.map_or(("base.message", "fedora_messaging"), |(_, class)| (class, "tannery_messages"));
    let mut headers = Map::from_iter([
        (SCHEMA.to_owned(), Value::from(class)),
        (SCHEMA_PACKAGE.to_owned(), Value::from(package)),
        (SEVERITY.to_owned(), Value::from(severity.number())),
        (SENT_AT.to_owned(), Value::from(iso(sent_at))),
        ("priority".to_owned(), Value::from(0)),
    ]);
    headers.extend(packages.into_iter().map(|name| (format!("fedora_messaging_rpm_{name}"), Value::from(true))));
    headers
}

/// Returns a message of our own.
pub fn outgoing(id: String, topic: &str, headers: Map<String, Value>, body: Map<String, Value>) -> Outgoing {
    Outgoing { id, topic: topic.to_owned(), headers, body, priority: 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_those_of_fedora_messagings_own_client() {
        let expected = json!({
            "fedora_messaging_schema": "tannery_messages.tag.ChangedV1",
            "fedora_messaging_schema_package": "tannery_messages",
            "fedora_messaging_severity": 20,
            "fedora_messaging_rpm_bash": true,
            "sent-at": "2026-11-21T00:42:24+00:00",
            "priority": 0,
        });
        let headers = headers("tannery.tag.changed", Severity::Info, 1_795_221_744, ["bash"]);
        assert_eq!(Value::Object(headers), expected);
        let other = super::headers("tannery.new", Severity::Info, 0, []);
        assert_eq!((&other[SCHEMA], &other[SCHEMA_PACKAGE]), (&json!("base.message"), &json!("fedora_messaging")));
    }

    #[test]
    fn every_documented_topic_has_a_class_that_the_python_package_registers() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(root.join("docs/messages")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let topics: BTreeSet<String> = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
        assert_eq!(topics, CLASSES.into_iter().map(|(topic, _)| topic.to_owned()).collect());
        let project = root.join("clients/python/tannery-messages/pyproject.toml");
        let project: toml::Table = std::fs::read_to_string(project).unwrap().parse().unwrap();
        let registered = project["project"]["entry-points"]["fedora.messages"].as_table().unwrap();
        for (_, class) in CLASSES {
            let (module, name) = class.rsplit_once('.').unwrap();
            assert_eq!(registered[class].as_str(), Some(format!("{module}:{name}").as_str()));
        }
        assert_eq!(registered.len(), CLASSES.len());
    }
}
