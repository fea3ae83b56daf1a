//! What is the world told about a compose? The bodies of our message and of Pungi's.

use serde_json::{Value, json};

use super::identity::Identity;
use super::layout;
use crate::model::{Blake3, ComposeStatus, TagName};

/// Topic of [`Report::body`], without a prefix.
pub const STATUS_TOPIC: &str = "tannery.compose.status";

/// Topic of [`Report::pungi_body`], without a prefix.
pub const PUNGI_STATUS_TOPIC: &str = "pungi.compose.status.change";

/// A package set that a compose was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUsed {
    /// The tag.
    pub tag: TagName,
    /// The number of the set's revision.
    pub revision: i64,
    /// The digest of that revision.
    pub digest: Blake3,
}

/// What there is to tell when the status of a compose changes.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// The compose.
    pub identity: &'a Identity,
    /// The name of its definition.
    pub definition: &'a str,
    /// Its new status.
    pub status: ComposeStatus,
    /// Why it is doomed or was terminated; the first cause.
    pub reason: Option<&'a str>,
    /// URL of the compose's directory, without a slash at its end.
    pub url: &'a str,
    /// Path of the compose's directory on the host that makes it.
    pub path: &'a str,
    /// The sets it is made from.
    pub sets: &'a [SetUsed],
}

impl Report<'_> {
    /// Returns the body of `tannery.compose.status`: `docs/messages/tannery.compose.status.json`.
    pub fn body(&self) -> Value {
        let (id, release) = (self.identity.id(), self.identity.id().release());
        let set = |set: &SetUsed| json!({"tag": set.tag, "revision": set.revision, "digest": set.digest});
        json!({
            "compose_id": id,
            "compose_type": id.compose_type(),
            "compose_date": id.date().to_string(),
            "compose_respin": id.respin(),
            "compose_label": self.identity.label(),
            "definition": self.definition,
            "status": self.status,
            "reason": self.reason,
            "url": self.url,
            "release": {
                "name": self.identity.release_name(),
                "short": release.short(),
                "version": release.version(),
                "type": release.release_type(),
            },
            "sets": self.sets.iter().map(set).collect::<Vec<Value>>(),
        })
    }

    /// Returns the body of `pungi.compose.status.change`, with the keys that Pungi's notifier sends
    /// for a release that is not layered.
    pub fn pungi_body(&self) -> Value {
        let (id, release) = (self.identity.id(), self.identity.id().release());
        json!({
            "status": self.status,
            "compose_id": id,
            "location": format!("{}/{}", self.url, layout::CONTENT),
            "compose_date": id.date().to_string(),
            "compose_type": id.compose_type(),
            "compose_respin": id.respin(),
            "compose_label": self.identity.label(),
            "compose_path": self.path,
            "release_short": release.short(),
            "release_name": self.identity.release_name(),
            "release_version": release.version(),
            "release_type": release.release_type(),
            "release_is_layered": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn report<'a>(identity: &'a Identity, sets: &'a [SetUsed]) -> Report<'a> {
        Report {
            identity,
            definition: "oak",
            status: ComposeStatus::FinishedIncomplete,
            reason: None,
            url: "http://localhost:8080/composes/Oak-1.2-20261121.n.3",
            path: "/srv/composes/Oak-1.2-20261121.n.3",
            sets,
        }
    }

    #[test]
    fn pungis_body_has_pungis_keys_and_types() {
        assert_eq!(
            report(&fixture::identity(), &[]).pungi_body(),
            json!({
                "status": "FINISHED_INCOMPLETE",
                "compose_id": "Oak-1.2-20261121.n.3",
                "location": "http://localhost:8080/composes/Oak-1.2-20261121.n.3/compose",
                "compose_date": "20261121",
                "compose_type": "nightly",
                "compose_respin": 3,
                "compose_label": null,
                "compose_path": "/srv/composes/Oak-1.2-20261121.n.3",
                "release_short": "Oak",
                "release_name": "Grüne Lohe 🌳",
                "release_version": "1.2",
                "release_type": "ga",
                "release_is_layered": false,
            })
        );
    }

    #[test]
    fn our_body_tells_what_the_compose_is_made_from() {
        let sets = [SetUsed { tag: "oak-1".parse().unwrap(), revision: 7, digest: Blake3::of(b"set") }];
        let identity = fixture::identity();
        let body =
            Report { status: ComposeStatus::Doomed, reason: Some("disk full"), ..report(&identity, &sets) }.body();
        assert_eq!(body["sets"], json!([{"tag": "oak-1", "revision": 7, "digest": Blake3::of(b"set").to_string()}]));
        assert_eq!((&body["status"], &body["reason"]), (&json!("DOOMED"), &json!("disk full")));
        assert_eq!(body["release"]["type"], "ga");
    }

    /// Asserts that a body has exactly the keys of its schema, and the schema the words of the type.
    fn assert_documented(schema: &str, body: &Value) {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
        assert_eq!(keys(body), keys(&schema["properties"]));
        assert_eq!(keys(body), keys(&schema["examples"][0]));
        assert_eq!(schema["required"].as_array().unwrap().len(), keys(body).len());
        assert_eq!(schema["properties"]["status"]["enum"], json!(ComposeStatus::ALL));
        assert_eq!(schema["properties"]["compose_type"]["enum"], json!(crate::model::ComposeType::ALL));
    }

    #[test]
    fn the_schemas_name_what_is_sent() {
        let identity = fixture::identity();
        let ours = include_str!("../../docs/messages/tannery.compose.status.json");
        assert_documented(ours, &report(&identity, &[]).body());
        let pungis = include_str!("../../docs/messages/pungi.compose.status.change.json");
        assert_documented(pungis, &report(&identity, &[]).pungi_body());
    }
}
