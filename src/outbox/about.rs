//! What is a message about, and how grave is it? Read off its body, for the headers that consumers filter by.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::events::Severity;
use crate::model::ComposeStatus;

/// Most packages that headers name: all headers have to fit into one frame of AMQP, and who waits for one package
/// among so many does better to read the body.
const MOST_NAMED: usize = 200;

/// Returns how grave a message is: a compose may have come to a bad end, all else is information.
pub(super) fn severity(body: &Map<String, Value>) -> Severity {
    match body.get("status").and_then(Value::as_str).and_then(|status| status.parse().ok()) {
        Some(ComposeStatus::Doomed) => Severity::Error,
        Some(ComposeStatus::Terminated | ComposeStatus::FinishedIncomplete) => Severity::Warning,
        Some(ComposeStatus::Started | ComposeStatus::Finished) | None => Severity::Info,
    }
}

/// Returns the names of the packages that came or went; none where there are too many for headers.
pub(super) fn packages(body: &Map<String, Value>) -> BTreeSet<&str> {
    let builds = body.get("builds").and_then(Value::as_object).unwrap_or(body);
    let lists = ["added", "removed"].into_iter().filter_map(|key| builds.get(key)?.as_array());
    let names: BTreeSet<&str> = lists.flatten().filter_map(|item| name(item.as_str()?)).collect();
    if names.len() > MOST_NAMED { BTreeSet::new() } else { names }
}

/// Returns the name in an NVR or NEVRA: neither version nor release has a dash.
fn name(text: &str) -> Option<&str> {
    text.rsplitn(3, '-').nth(2)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { unreachable!() };
        map
    }

    #[test]
    fn packages_are_those_that_came_or_went() {
        let tag = json!({"tag": "f43", "builds": {"added": ["a-b-1-2.fc43"], "removed": ["a-b-1-1.fc43", "c-1-1"]}});
        assert_eq!(packages(&object(tag)), BTreeSet::from(["a-b", "c"]));
        let repo = json!({"added": ["a-b-0:1-2.fc43.x86_64"], "removed": [], "packages": 5});
        assert_eq!(packages(&object(repo)), BTreeSet::from(["a-b"]));
        assert_eq!(packages(&object(json!({"status": "DOOMED"}))), BTreeSet::new());
        let many: Vec<String> = (0..=MOST_NAMED).map(|n| format!("p{n}-1-1")).collect();
        assert_eq!(packages(&object(json!({"added": many[1..], "removed": []}))).len(), MOST_NAMED);
        assert_eq!(packages(&object(json!({"added": many, "removed": []}))), BTreeSet::new());
    }

    #[test]
    fn a_compose_that_failed_is_an_error() {
        let of = |status: &str| severity(&object(json!({"status": status})));
        let all = ["STARTED", "FINISHED", "FINISHED_INCOMPLETE", "DOOMED", "TERMINATED"].map(of);
        use Severity::{Error, Info, Warning};
        assert_eq!(all, [Info, Info, Warning, Error, Warning]);
        assert_eq!(severity(&Map::new()), Info);
    }
}
