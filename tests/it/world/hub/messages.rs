//! What does the hub's plugin say on the bus? The bodies that were recorded from one, filled in.

use serde_json::{Value, json};

use super::rows::{Build, Rows, Rpm};
use super::shown::{self, USER};

/// A message, not published yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its topic without the prefix: `buildsys.tag`.
    pub topic: &'static str,
    /// Its body.
    pub body: Value,
}

fn message(topic: &'static str, mut body: Value) -> Message {
    body["base_url"] = "https://127.0.0.1".into();
    // Whatever the hub.
    body["instance"] = "primary".into();
    Message { topic, body }
}

/// A build was tagged, or untagged.
pub fn tagging(rows: &Rows, is_in: bool, tag: i64, build: i64) -> Message {
    let of = &rows.builds[&build];
    let body = json!({ "tag": rows.tags[&tag].name, "tag_id": tag, "name": of.name, "version": of.version,
        "release": of.release, "build_id": build, "user": USER, "owner": USER });
    message(if is_in { "buildsys.tag" } else { "buildsys.untag" }, body)
}

/// A package list changed; `block` is none for what says nothing more.
pub fn list_change(tag: &str, package: &str, action: &str, block: Option<bool>, force: bool) -> Message {
    let is_update = block.map(|_| action == "update");
    let body = json!({ "tag": tag, "package": package, "action": action, "owner": block.map(|_| USER),
        "block": block, "extra_arches": null, "force": block.map(|_| force), "update": is_update });
    message("buildsys.package.list.change", body)
}

/// A build has another state.
pub fn state_change(build: i64, of: &Build, old: Option<i64>) -> Message {
    let time = "2026-11-21T02:03:06.684718+00:00";
    let body = json!({ "build_id": build, "name": of.name, "version": of.version, "release": of.release,
        "epoch": of.epoch, "attribute": "state", "old": old, "new": of.state, "owner": USER, "task_id": null,
        "task": null, "request": null, "files_base_url": "http://127.0.0.1/kojifiles/work",
        "url": format!("https://127.0.0.1/koji/buildinfo?buildID={build}"), "creation_time": time,
        "completion_time": time });
    message("buildsys.build.state.change", body)
}

/// An RPM was signed.
pub fn signed(rows: &Rows, rpm: &Rpm, sigkey: &str, sighash: &str) -> Message {
    let id = rows.build_of[&rpm.id];
    let mut build = shown::build(rows, id);
    for name in ["completion", "creation", "start"] {
        build[format!("{name}_time")] = build[format!("{name}_ts")].as_f64().unwrap().floor().into();
    }
    for name in ["completion_ts", "start_ts"] {
        build.as_object_mut().unwrap().remove(name);
    }
    let mut row = shown::rpm(rows, id, rpm, true);
    row["external_repo_id"] = 0.into();
    row["external_repo_name"] = "INTERNAL".into();
    message("buildsys.rpm.sign", json!({ "sigkey": sigkey, "sighash": sighash, "build": build, "rpm": row }))
}

/// A draft was promoted; which one is not said.
pub fn promoted() -> Message {
    message("buildsys.build.promote", json!({}))
}

/// A repository of a tag was begun (`buildsys.repo.init`) or finished (`buildsys.repo.done`).
pub fn repo(topic: &'static str, rows: &Rows, tag: i64, repo: i64) -> Message {
    message(topic, json!({ "tag": rows.tags[&tag].name, "tag_id": tag, "repo_id": repo }))
}
