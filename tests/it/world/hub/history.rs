//! What does the fake hub answer to queryHistory? Versioned rows of one tag or of all, with names.

use serde_json::{Map, Value, json};

use super::answers::{Answer, Arguments, GENERIC};
use super::rows::{Rows, Tag, When};
use super::shown::USER;

pub fn query_history(rows: &Rows, arguments: &Arguments) -> Answer {
    let only = match arguments.get("tag") {
        Value::Null => None,
        tag => Some(rows.tag_id(tag).ok_or((GENERIC, "No such entry in table tag".to_owned()))?),
    };
    let package = match arguments.text("package") {
        None => None,
        Some(name) => Some(rows.package_id(name).ok_or((GENERIC, "No such entry in table package".to_owned()))?),
    };
    let mut found = Map::new();
    for table in arguments.get("tables").as_array().into_iter().flatten().filter_map(Value::as_str) {
        let has_packages = ["tag_listing", "tag_packages"].contains(&table);
        if package.is_some() && !has_packages {
            continue;
        }
        let mut of_table = Vec::new();
        for (id, tag) in &rows.tags {
            let of_tag = match table {
                "tag_listing" => taggings(rows, tag, package),
                "tag_packages" => packages(rows, tag, package),
                "tag_inheritance" => links(rows, tag, Some(*id) != only, only),
                "tag_config" => configs(tag),
                "tag_extra" => extras(tag),
                "tag_external_repos" => joined(rows, tag),
                other => return Err((GENERIC, format!("No such history table: {other}"))),
            };
            if only.is_some_and(|only| only != *id) && table != "tag_inheritance" {
                continue;
            }
            let meant = of_tag.into_iter().filter(|(when, _)| is_meant(when, arguments));
            of_table.extend(meant.map(|(when, row)| shown(rows, *id, tag, when, row, arguments)));
        }
        found.insert(table.to_owned(), of_table.into());
    }
    Ok(found.into())
}

type Row = (When, Value);

fn taggings(rows: &Rows, tag: &Tag, package: Option<i64>) -> Vec<Row> {
    let meant = tag.taggings.values().flatten().filter(|row| package.is_none_or(|package| package == row.package));
    let shown = meant.map(|row| {
        let build = &rows.builds[&row.build];
        let shown = json!({ "build_id": row.build, "name": build.name, "version": build.version,
            "release": build.release, "epoch": build.epoch, "build.state": build.state });
        (row.when, shown)
    });
    shown.collect()
}

fn packages(rows: &Rows, tag: &Tag, package: Option<i64>) -> Vec<Row> {
    let meant = tag.listed.iter().filter(|row| package.is_none_or(|package| package == row.package));
    let shown = meant.map(|row| {
        let shown = json!({ "package_id": row.package, "package.name": rows.packages[&row.package],
            "blocked": row.blocked, "extra_arches": row.extra_arches });
        (row.when, shown)
    });
    shown.collect()
}

/// Of links, those to the tag are shown too.
fn links(rows: &Rows, tag: &Tag, is_other: bool, only: Option<i64>) -> Vec<Row> {
    let meant = tag.links.iter().filter(|row| !is_other || only.is_none_or(|only| only == row.link.parent));
    let shown = meant.map(|row| {
        let link = &row.link;
        let shown = json!({ "parent_id": link.parent, "parent.name": rows.tags[&link.parent].name,
            "priority": link.priority, "maxdepth": link.maxdepth, "intransitive": link.intransitive,
            "noconfig": link.noconfig, "pkg_filter": link.pkg_filter });
        (row.when, shown)
    });
    shown.collect()
}

fn configs(tag: &Tag) -> Vec<Row> {
    let shown = tag.configs.iter().map(|row| {
        let shown = json!({ "arches": row.arches, "perm_id": null, "permission.name": null, "locked": row.locked,
            "maven_support": false, "maven_include_all": false });
        (row.when, shown)
    });
    shown.collect()
}

/// Values are JSON in a text.
fn extras(tag: &Tag) -> Vec<Row> {
    let shown = tag.extras.iter().map(|row| (row.when, json!({ "key": row.key, "value": row.value.to_string() })));
    shown.collect()
}

fn joined(rows: &Rows, tag: &Tag) -> Vec<Row> {
    let shown = tag.joined.iter().map(|row| {
        let shown = json!({ "external_repo_id": row.repo, "external_repo.name": rows.repos[&row.repo].name,
            "priority": row.priority, "merge_mode": "koji" });
        (row.when, shown)
    });
    shown.collect()
}

fn is_meant(when: &When, arguments: &Arguments) -> bool {
    let is_active = arguments.get("active").as_bool().is_none_or(|active| active == when.revoke.is_none());
    let is_after = arguments.int("afterEvent").is_none_or(|event| when.touched_after(event));
    let is_before = arguments
        .int("beforeEvent")
        .is_none_or(|event| when.create < event || when.revoke.is_some_and(|revoke| revoke < event));
    is_active && is_after && is_before
}

fn shown(rows: &Rows, id: i64, tag: &Tag, when: When, mut row: Value, arguments: &Arguments) -> Value {
    let by = |event: Option<i64>| event.map_or((Value::Null, Value::Null), |_| (1.into(), USER.into()));
    let ((creator, creator_name), (revoker, revoker_name)) = (by(Some(when.create)), by(when.revoke));
    let common = json!({ "active": when.revoke.is_none().then_some(true), "create_event": when.create,
        "create_ts": rows.events[&when.create], "creator_id": creator, "creator_name": creator_name,
        "revoke_event": when.revoke, "revoke_ts": when.revoke.map(|event| rows.events[&event]),
        "revoker_id": revoker, "revoker_name": revoker_name, "tag_id": id, "tag.name": tag.name });
    let members = row.as_object_mut().unwrap();
    if let Value::Object(common) = common {
        members.extend(common);
    }
    if let Some(after) = arguments.int("afterEvent") {
        members.insert("_created_after_event".to_owned(), (when.create > after).into());
        members.insert("_revoked_after_event".to_owned(), json!(when.revoke.map(|event| event > after)));
    }
    row
}
