//! What does the fake hub answer to a call? Some twenty read calls, from the rows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::history::query_history;
use super::right::{full_inheritance, links, package_list, tagged_builds};
use super::rows::Rows;
use super::shown;
use super::wire::split_named;

/// Koji's fault for nearly anything.
pub const GENERIC: i64 = 1000;
/// Koji's fault for arguments that a call does not have.
pub const PARAMETER: i64 = 1019;

/// Calls that cannot do without what comes first.
const NEEDY: [&str; 10] = [
    "getTag",
    "getInheritanceData",
    "getFullInheritance",
    "listTagged",
    "listTaggedRPMS",
    "tagLastChangeEvent",
    "tagChangedSinceEvent",
    "getBuild",
    "listBuildRPMs",
    "getRPMChecksums",
];

/// A value, or the number and text of a fault.
pub type Answer = Result<Value, (i64, String)>;

/// The arguments of a call by name.
pub struct Arguments(Map<String, Value>);

impl Arguments {
    /// Names those that were given by place; refuses what the call does not have.
    fn of(method: &str, names: &[&str], placed: Vec<Value>, named: Map<String, Value>) -> Result<Self, (i64, String)> {
        let mut all = named;
        if placed.len() > names.len() {
            return Err((PARAMETER, format!("{method}() takes {} positional arguments", names.len())));
        }
        for (name, value) in names.iter().zip(placed) {
            all.insert((*name).to_owned(), value);
        }
        if NEEDY.contains(&method) && !all.contains_key(names[0]) {
            return Err((PARAMETER, format!("{method}() missing 1 required positional argument: '{}'", names[0])));
        }
        match all.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err((PARAMETER, format!("{method}() got an unexpected keyword argument '{name}'"))),
            None => Ok(Self(all)),
        }
    }

    pub fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name).as_i64()
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    pub fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.get(name).as_bool().unwrap_or(otherwise)
    }

    /// `latest` is a truth or a number.
    fn latest(&self) -> Option<usize> {
        match self.get("latest") {
            Value::Bool(true) => Some(1),
            Value::Number(number) => number.as_u64().filter(|number| *number > 0).map(|number| number as usize),
            _ => None,
        }
    }
}

/// What each call may be given, in the order of places.
fn names(method: &str) -> Option<&'static [&'static str]> {
    Some(match method {
        "getLastEvent" => &["before"],
        "getTag" => &["tagInfo", "strict", "event", "blocked"],
        "listTags" => &["build", "package", "perms", "queryOpts", "pattern"],
        "getInheritanceData" => &["tag", "event"],
        "getFullInheritance" => &["tag", "event", "reverse"],
        "listPackages" => &[
            "tagID",
            "userID",
            "pkgID",
            "prefix",
            "inherited",
            "with_dups",
            "event",
            "queryOpts",
            "with_owners",
            "with_blocked",
        ],
        "listTagged" => {
            &["tag", "event", "inherit", "prefix", "latest", "package", "owner", "type", "strict", "extra", "draft"]
        }
        "listTaggedRPMS" => &[
            "tag", "event", "inherit", "latest", "package", "arch", "rpmsigs", "owner", "type", "strict", "extra",
            "draft",
        ],
        "getTagExternalRepos" => &["tag_info", "repo_info", "event"],
        "tagLastChangeEvent" => &["tag", "before", "inherit"],
        "tagChangedSinceEvent" => &["event", "taglist"],
        "queryHistory" => &["tables", "tag", "package", "active", "afterEvent", "beforeEvent"],
        "getBuild" => &["buildInfo", "strict"],
        "listBuildRPMs" => &["build"],
        "queryRPMSigs" => &["rpm_id", "sigkey", "queryOpts"],
        "getRPMChecksums" => &["rpm_id", "checksum_types", "cacheonly"],
        "listVolumes" => &[],
        "multiCall" => &["calls"],
        _ => return None,
    })
}

pub fn answer(rows: &Rows, method: &str, placed: Vec<Value>, named: Map<String, Value>) -> Answer {
    let Some(names) = names(method) else { return Err((GENERIC, format!("Invalid method: {method}"))) };
    let arguments = &Arguments::of(method, names, placed, named)?;
    let event = arguments.int("event");
    match method {
        "getLastEvent" => Ok(last_event(rows)),
        "getTag" => get_tag(rows, arguments.get("tagInfo"), arguments.flag("strict", false), event),
        "listTags" => Ok(list_tags(rows, arguments)),
        "getInheritanceData" => {
            let tag = tag_id(rows, arguments.get("tag"))?;
            Ok(links(rows, tag, event).iter().map(|row| shown::link(rows, tag, row)).collect())
        }
        "getFullInheritance" => {
            let steps = full_inheritance(rows, tag_id(rows, arguments.get("tag"))?, event);
            Ok(steps.iter().map(|step| json!({ "parent_id": step.tag, "name": rows.tags[&step.tag].name })).collect())
        }
        "listPackages" => list_packages(rows, arguments),
        "listTagged" => Ok(list_tagged(rows, arguments)?.0.into()),
        "listTaggedRPMS" => list_tagged_rpms(rows, arguments),
        "getTagExternalRepos" => external_repos(rows, arguments),
        "tagLastChangeEvent" => last_change(rows, arguments),
        "tagChangedSinceEvent" => changed_since(rows, arguments),
        "queryHistory" => query_history(rows, arguments),
        "getBuild" => Ok(match build_id(rows, arguments.get("buildInfo")) {
            Some(build) => shown::build(rows, build),
            None => Value::Null,
        }),
        "listBuildRPMs" => match build_id(rows, arguments.get("build")) {
            Some(build) => Ok(rows.rpms[&build].iter().map(|rpm| shown::build_rpm(rows, build, rpm)).collect()),
            None if arguments.get("build").is_i64() => Ok(json!([])),
            None => Err((GENERIC, format!("No such build: {}", arguments.get("build")))),
        },
        "queryRPMSigs" => Ok(rpm_sigs(rows, arguments)),
        "getRPMChecksums" => rpm_checksums(rows, arguments),
        "listVolumes" => Ok(rows.volumes.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect()),
        _ => Ok(multi_call(rows, arguments.get("calls"))),
    }
}

fn last_event(rows: &Rows) -> Value {
    json!({ "id": rows.committed, "ts": rows.events.get(&rows.committed) })
}

fn tag_id(rows: &Rows, tag: &Value) -> Result<i64, (i64, String)> {
    rows.tag_id(tag).ok_or_else(|| (GENERIC, format!("No such entry in table tag: {}", shown::python(tag))))
}

fn get_tag(rows: &Rows, tag: &Value, strict: bool, event: Option<i64>) -> Answer {
    let found = rows.tag_id(tag).and_then(|id| shown::tag(rows, id, event));
    match found {
        None if strict => Err((GENERIC, format!("No such tagInfo: {}", shown::python(tag)))),
        found => Ok(found.unwrap_or_default()),
    }
}

/// Returns the id of a tag that is there at the event.
fn tag_then(rows: &Rows, arguments: &Arguments, name: &str) -> Result<i64, (i64, String)> {
    let tag = get_tag(rows, arguments.get(name), true, arguments.int("event"))?;
    Ok(tag["id"].as_i64().unwrap())
}

fn list_tags(rows: &Rows, arguments: &Arguments) -> Value {
    let pattern = arguments.text("pattern").unwrap_or("*").to_lowercase();
    let all = rows.tags.iter().filter(|(id, tag)| rows.config(**id, None).is_some() && globbed(&pattern, &tag.name));
    let mut tags = Vec::new();
    for (id, _) in all {
        let mut tag = shown::tag(rows, *id, None).unwrap();
        let members = tag.as_object_mut().unwrap();
        members.remove("extra");
        if !arguments.flag("perms", true) {
            members.remove("perm");
            members.remove("perm_id");
        }
        tags.push(tag);
    }
    tags.into()
}

fn globbed(pattern: &str, name: &str) -> bool {
    let pattern = regex_lite::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
    regex_lite::Regex::new(&format!("^{pattern}$")).unwrap().is_match(&name.to_lowercase())
}

fn list_packages(rows: &Rows, arguments: &Arguments) -> Answer {
    let tag = tag_id(rows, arguments.get("tagID"))?;
    let list = package_list(rows, tag, arguments.int("event"), arguments.flag("inherited", false), None);
    let with_blocked = arguments.flag("with_blocked", true);
    let mut packages = Vec::new();
    for (package, (blocked, tag)) in list.into_iter().filter(|(_, (blocked, _))| with_blocked || !blocked) {
        let mut row = json!({ "package_id": package, "package_name": rows.packages[&package], "tag_id": tag,
            "tag_name": rows.tags[&tag].name, "extra_arches": null, "blocked": blocked });
        if arguments.flag("with_owners", true) {
            row["owner_id"] = 1.into();
            row["owner_name"] = shown::USER.into();
        }
        packages.push(row);
    }
    Ok(packages.into())
}

/// Returns the rows, and the tags that were looked into.
fn list_tagged(rows: &Rows, arguments: &Arguments) -> Result<(Vec<Value>, BTreeSet<i64>), (i64, String)> {
    let (tag, event) = (tag_then(rows, arguments, "tag")?, arguments.int("event"));
    let inherit = arguments.flag("inherit", false);
    let builds = tagged_builds(rows, tag, event, inherit, arguments.latest(), arguments.text("package"));
    let mut tags = BTreeSet::from([tag]);
    if inherit {
        tags.extend(full_inheritance(rows, tag, event).iter().map(|step| step.tag));
    }
    Ok((builds.iter().map(|right| shown::tagged_build(rows, right)).collect(), tags))
}

fn list_tagged_rpms(rows: &Rows, arguments: &Arguments) -> Answer {
    let (builds, _) = list_tagged(rows, arguments)?;
    let (mut rpms, mut seen) = (Vec::new(), BTreeSet::new());
    let arches: Option<Vec<&str>> = match arguments.get("arch") {
        Value::String(arch) => Some(vec![arch]),
        Value::Array(arches) => Some(arches.iter().filter_map(Value::as_str).collect()),
        _ => None,
    };
    for build in &builds {
        let build = build["build_id"].as_i64().unwrap();
        if !seen.insert(build) {
            continue;
        }
        for rpm in &rows.rpms[&build] {
            if arches.as_ref().is_some_and(|arches| !arches.contains(&rpm.arch.as_str())) {
                continue;
            }
            let row = shown::rpm(rows, build, rpm, arguments.flag("extra", true));
            if !arguments.flag("rpmsigs", false) {
                rpms.push(row);
                continue;
            }
            let keys = rows.signatures.get(&rpm.id).into_iter().flatten().map(|row| Value::from(row.sigkey.clone()));
            // Nil where there is no row of signatures.
            let mut keys: Vec<Value> = keys.collect();
            let last = keys.pop().unwrap_or_default();
            for key in keys {
                rpms.push(with_key(row.clone(), key));
            }
            rpms.push(with_key(row, last));
        }
    }
    Ok(json!([rpms, builds]))
}

fn with_key(mut row: Value, key: Value) -> Value {
    row["sigkey"] = key;
    row
}

fn external_repos(rows: &Rows, arguments: &Arguments) -> Answer {
    let tag = tag_then(rows, arguments, "tag_info")?;
    let counting = rows.tags[&tag].joined.iter().filter(|row| row.when.counts(arguments.int("event")));
    let mut joined: Vec<_> = counting.collect();
    joined.sort_by_key(|row| row.priority);
    Ok(joined.into_iter().map(|row| shown::external_repo(rows, tag, row)).collect())
}

fn last_change(rows: &Rows, arguments: &Arguments) -> Answer {
    let tag = tag_id(rows, arguments.get("tag"))?;
    let before = arguments.int("before");
    let mut tags = vec![tag];
    if arguments.flag("inherit", true) {
        tags.extend(full_inheritance(rows, tag, before).iter().map(|step| step.tag));
    }
    let events = tags.iter().flat_map(|tag| shown::changes(&rows.tags[tag]));
    let last = events.filter(|event| before.is_none_or(|before| *event < before)).max();
    Ok(last.map_or(Value::Null, Value::from))
}

fn changed_since(rows: &Rows, arguments: &Arguments) -> Answer {
    let since = arguments.int("event").ok_or((PARAMETER, "event is missing".to_owned()))?;
    let ids = arguments.get("taglist").as_array().into_iter().flatten().filter_map(Value::as_i64);
    let mut tags = ids.filter_map(|id| rows.tags.get(&id));
    Ok(tags.any(|tag| shown::changes(tag).into_iter().any(|event| event > since)).into())
}

fn build_id(rows: &Rows, build: &Value) -> Option<i64> {
    match build {
        Value::String(nvr) => rows.build_id(nvr),
        other => other.as_i64().filter(|id| rows.builds.contains_key(id)),
    }
}

fn rpm_sigs(rows: &Rows, arguments: &Arguments) -> Value {
    let rpm = arguments.int("rpm_id").unwrap_or_default();
    let of_key = arguments.text("sigkey");
    let rows = rows.signatures.get(&rpm).into_iter().flatten().filter(|row| of_key.is_none_or(|key| key == row.sigkey));
    rows.map(|row| json!({ "rpm_id": rpm, "sigkey": row.sigkey, "sighash": row.sighash })).collect()
}

fn rpm_checksums(rows: &Rows, arguments: &Arguments) -> Answer {
    let rpm = arguments.int("rpm_id").ok_or((GENERIC, "rpm_id must be an integer".to_owned()))?;
    if rows.rpm(rpm).is_none() {
        return Err((GENERIC, format!("No such rpm: {rpm}")));
    }
    assert!(arguments.flag("cacheonly", false), "the hub was made to reckon checksums");
    let mut sums = Map::new();
    for row in rows.signatures.get(&rpm).into_iter().flatten() {
        // A nil key is written as this text.
        let key = if row.sigkey.is_empty() { "null" } else { &row.sigkey };
        sums.insert(key.to_owned(), json!({ "sha256": row.sha256 }));
    }
    Ok(sums.into())
}

fn multi_call(rows: &Rows, calls: &Value) -> Value {
    let mut answers = Vec::new();
    for call in calls.as_array().into_iter().flatten() {
        let mut placed = call["params"].as_array().cloned().unwrap_or_default();
        let named = split_named(&mut placed);
        answers.push(match answer(rows, call["methodName"].as_str().unwrap_or_default(), placed, named) {
            Ok(value) => json!([value]),
            Err((code, text)) => json!({ "faultCode": code, "faultString": text, "traceback": ["Traceback\n"] }),
        });
    }
    answers.into()
}
