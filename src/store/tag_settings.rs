//! Which settings does a tag itself have? Arches, its lock, what its repositories hold, repositories outside.
//!
//! Intervals as in [`super::tags`]. Nothing is inherited here.

use serde_json::Value;

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, from_json, parse};
use crate::model::{Arch, PackageName, TagName};

/// The further setting that says whether a tag's repositories have all builds, not only the latest.
pub const INCLUDE_ALL: &str = "repo_include_all";

/// What is known of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its id with us.
    pub id: i64,
    /// From which event on its rows are complete.
    pub since_event: i64,
    /// The event of the last reading.
    pub read_event: i64,
}

/// The settings of a tag at an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Base arches it is built for; empty where it leaves that to its parents.
    pub arches: Vec<Arch>,
    /// Whether builds may not be tagged into it without force.
    pub locked: bool,
}

/// A repository outside that a tag is joined with. It is shown; nothing of it is in a set. It may be merged into
/// repositories of their own, see `repos::merged`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRepo {
    /// Its name.
    pub name: String,
    /// Where it was at the last reading; `$arch` in it stands for the arch.
    pub url: Option<String>,
    /// Order among the tag's own: lowest first.
    pub priority: i64,
    /// How Koji merges it: `koji`, `simple` or `bare`.
    pub merge_mode: Option<String>,
    /// The arches it is for; empty for all of the tag's.
    pub arches: Vec<String>,
}

/// Returns what is known of the tag that has this name now, whether or not it is still there.
pub async fn known(tx: &mut Tx, buildsys: &str, name: &TagName) -> Result<Option<Known>, Error> {
    let sql = "SELECT id, since_event, read_event FROM tags WHERE buildsys = $1 AND name = $2";
    let row = fetch_optional!(tx, (i64, i64, i64), sql, buildsys, name.as_str())?;
    Ok(row.map(|(id, since_event, read_event)| Known { id, since_event, read_event }))
}

/// Returns the settings of a tag at an event; `None` where it was not there then.
pub async fn config(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Option<Config>, Error> {
    let sql = "SELECT arches, lock FROM tag_configs WHERE tag_id = $1 AND from_event <= $2 \
               AND (to_event IS NULL OR $2 < to_event)";
    let row = fetch_optional!(tx, (String, String), sql, tag_id, event)?;
    let config = |(arches, lock): (String, String)| {
        Ok(Config { arches: from_json("tag_configs.arches", &arches)?, locked: lock == "locked" })
    };
    row.map(config).transpose()
}

/// Gives a tag other arches from an event on.
pub async fn set_arches(tx: &mut Write, tag_id: i64, arches: &[Arch], event: i64) -> Result<(), Error> {
    let sql = "UPDATE tag_configs SET to_event = $1 WHERE tag_id = $2 AND to_event IS NULL AND from_event < $1";
    exec!(tx, sql, event, tag_id)?;
    let sql = "INSERT INTO tag_configs (tag_id, arches, lock, from_event) VALUES ($1, $2, 'open', $3) \
               ON CONFLICT (tag_id, from_event) DO UPDATE SET arches = excluded.arches";
    exec!(tx, sql, tag_id, super::db::to_json(&arches), event)?;
    Ok(())
}

/// Returns whether a tag itself says at an event that its repositories have all builds; `None` where it says nothing.
pub async fn include_all(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Option<bool>, Error> {
    let sql = "SELECT value FROM tag_extras WHERE tag_id = $1 AND key = $2 AND from_event <= $3 \
               AND (to_event IS NULL OR $3 < to_event)";
    let row = fetch_optional!(tx, (String,), sql, tag_id, INCLUDE_ALL, event)?;
    row.map(|(value,)| Ok(is_true(&from_json("tag_extras.value", &value)?))).transpose()
}

/// Returns whether Python, in which hubs are written, takes a value for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(bit) => *bit,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Returns the repositories outside that a tag itself is joined with at an event, by priority.
pub async fn external_repos(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Vec<ExternalRepo>, Error> {
    let sql = "SELECT name, url, priority, merge_mode, arches FROM tag_repos WHERE tag_id = $1 AND from_event <= $2 \
               AND (to_event IS NULL OR $2 < to_event) ORDER BY priority, name";
    let rows = fetch!(tx, (String, Option<String>, i64, Option<String>, String), sql, tag_id, event)?;
    let repo = |(name, url, priority, merge_mode, arches): (String, _, _, _, String)| {
        Ok(ExternalRepo { name, url, priority, merge_mode, arches: from_json("tag_repos.arches", &arches)? })
    };
    rows.into_iter().map(repo).collect()
}

/// Returns the packages that a tag's own list blocks at `event`.
pub async fn blocked(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Vec<PackageName>, Error> {
    let sql = "SELECT package FROM tag_packages WHERE tag_id = $1 AND state = 'blocked' AND from_event <= $2 \
               AND (to_event IS NULL OR $2 < to_event) ORDER BY package";
    let rows = fetch!(tx, (String,), sql, tag_id, event)?;
    rows.iter().map(|(package,)| parse("tag_packages.package", package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_takes_for_true_is_true() {
        for (text, expected) in [("true", true), ("false", false), ("null", false), ("1", true), ("0", false)] {
            assert_eq!(is_true(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
        for (text, expected) in [("\"\"", false), ("\"no\"", true), ("[]", false), ("{}", false), ("[0]", true)] {
            assert_eq!(is_true(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }
}
