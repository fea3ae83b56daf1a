//! How does the fake hub show a row? With the members and types that a real one gives.

use serde_json::{Map, Value, json};

use super::right::Right;
use super::rows::{Build, Joined, Linked, Rows, Rpm, Tag};

/// Who does everything.
pub const USER: &str = "kojiadmin";

/// Writes a name or number as Python would.
pub fn python(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("'{text}'"))
}

/// Writes a time as the hub does.
fn time(ts: f64) -> String {
    let time = jiff::Timestamp::from_microsecond((ts * 1e6) as i64).unwrap().to_string();
    time.replace('T', " ").replace('Z', "+00:00")
}

pub fn tag(rows: &Rows, id: i64, event: Option<i64>) -> Option<Value> {
    let config = rows.config(id, event)?;
    let mut shown = json!({ "arches": config.arches, "id": id, "locked": config.locked, "maven_include_all": false,
        "maven_support": false, "name": rows.tags[&id].name, "perm": null, "perm_id": null,
        "extra": rows.extra(id, event) });
    if let Some(event) = event {
        shown["query_event"] = event.into();
    }
    Some(shown)
}

pub fn link(rows: &Rows, child: i64, row: &Linked) -> Value {
    let link = &row.link;
    json!({ "intransitive": link.intransitive, "maxdepth": link.maxdepth, "name": rows.tags[&link.parent].name,
        "noconfig": link.noconfig, "parent_id": link.parent, "pkg_filter": link.pkg_filter,
        "priority": link.priority, "child_id": child })
}

pub fn external_repo(rows: &Rows, tag: i64, row: &Joined) -> Value {
    let repo = &rows.repos[&row.repo];
    json!({ "external_repo_id": row.repo, "external_repo_name": repo.name, "priority": row.priority, "tag_id": tag,
        "tag_name": rows.tags[&tag].name, "url": repo.url, "merge_mode": repo.merge_mode, "arches": repo.arches })
}

/// What a build is shown with everywhere.
fn common(rows: &Rows, id: i64, build: &Build) -> Map<String, Value> {
    let made = time(rows.events[&build.create]);
    let shown = json!({ "build_id": id, "completion_time": made, "creation_event_id": build.create,
        "creation_time": made, "draft": build.draft, "epoch": build.epoch, "id": id, "name": build.name,
        "nvr": build.nvr(), "owner_id": 1, "owner_name": USER, "package_id": build.package,
        "package_name": build.name, "promoter_id": null, "promoter_name": null, "promotion_time": null,
        "release": build.release, "start_time": made, "state": build.state, "task_id": null,
        "version": build.version, "volume_id": build.volume, "volume_name": rows.volumes[&build.volume] });
    match shown {
        Value::Object(members) => members,
        _ => unreachable!(),
    }
}

pub fn build(rows: &Rows, id: i64) -> Value {
    let (build, mut shown) = (&rows.builds[&id], common(rows, id, &rows.builds[&id]));
    let made = rows.events[&build.create];
    for (name, value) in [("completion_ts", made), ("creation_ts", made), ("start_ts", made)] {
        shown.insert(name.to_owned(), value.into());
    }
    for name in ["cg_id", "cg_name", "extra", "promotion_ts", "source"] {
        shown.insert(name.to_owned(), Value::Null);
    }
    shown.into()
}

pub fn tagged_build(rows: &Rows, right: &Right) -> Value {
    let mut shown = common(rows, right.build, &rows.builds[&right.build]);
    shown.insert("create_event".to_owned(), right.create_event.into());
    shown.insert("tag_id".to_owned(), right.tag.into());
    shown.insert("tag_name".to_owned(), rows.tags[&right.tag].name.clone().into());
    shown.into()
}

pub fn rpm(rows: &Rows, build: i64, rpm: &Rpm, with_extra: bool) -> Value {
    let mut shown = json!({ "arch": rpm.arch, "build_id": build, "buildroot_id": null, "buildtime": 1_700_000_000,
        "draft": rows.builds[&build].draft, "epoch": rpm.epoch, "id": rpm.id, "metadata_only": rpm.metadata_only,
        "name": rpm.name, "payloadhash": rpm.payloadhash, "release": rpm.release, "size": rpm.size,
        "version": rpm.version });
    if with_extra {
        shown["extra"] = Value::Null;
    }
    shown
}

pub fn build_rpm(rows: &Rows, build: i64, row: &Rpm) -> Value {
    let mut shown = rpm(rows, build, row, true);
    shown["external_repo_id"] = 0.into();
    shown["external_repo_name"] = "INTERNAL".into();
    shown["nvr"] = format!("{}-{}-{}", row.name, row.version, row.release).into();
    shown
}

/// Returns the events of everything that changed a tag, also of what has no versioned row.
pub fn changes(tag: &Tag) -> Vec<i64> {
    let configs = tag.configs.iter().map(|row| row.when);
    let rows = configs.chain(tag.extras.iter().map(|row| row.when)).chain(tag.links.iter().map(|row| row.when));
    let rows =
        rows.chain(tag.listed.iter().map(|row| row.when)).chain(tag.taggings.values().flatten().map(|row| row.when));
    let rows = rows.chain(tag.joined.iter().map(|row| row.when));
    let mut events: Vec<i64> = rows.flat_map(|when| [Some(when.create), when.revoke]).flatten().collect();
    events.extend(&tag.updates);
    events
}
