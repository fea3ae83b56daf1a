//! Which of a hub's builds are known? Before any file of theirs is.

use std::collections::{BTreeMap, BTreeSet};

use super::HubBuild;
use crate::model::{PackageName, TagName};
use crate::store::builds::BuildState;
use crate::store::db::{Error, Tx, Write, dialect, exec, fetch, parse, to_json};

/// How many builds one statement takes.
const AT_ONCE: usize = 5_000;

type Row = (i64, i64, String, String, String, i64, String);

/// Writes builds that are new or other ones than before; gives our ids of the latter.
pub(super) async fn put(
    tx: &mut Write,
    buildsys: &str,
    builds: &BTreeMap<i64, HubBuild>,
    now: i64,
) -> Result<Vec<i64>, Error> {
    let mut changed = Vec::new();
    let all: Vec<(&i64, &HubBuild)> = builds.iter().collect();
    for some in all.chunks(AT_ONCE) {
        let ids: Vec<i64> = some.iter().map(|(hub_id, _)| **hub_id).collect();
        let known: BTreeMap<i64, (i64, HubBuild)> = by_hub_ids(tx, buildsys, &ids).await?;
        let new = ids.iter().filter(|hub_id| !known.contains_key(hub_id)).count();
        let mut id = if new > 0 { tx.next_of("builds", new).await? } else { 0 };
        let mut puts = Vec::new();
        for (hub_id, build) in some {
            let known = known.get(hub_id);
            if known.is_some_and(|(_, known)| known == *build) {
                continue;
            }
            changed.extend(known.map(|(id, _)| *id));
            let own = known.map_or(id, |(id, _)| *id);
            id += i64::from(known.is_none());
            let HubBuild { nvr, epoch, state } = build;
            puts.push((own, hub_id, nvr.name(), nvr.version(), nvr.release(), epoch, state.name()));
        }
        write(tx, buildsys, &to_json(&puts), now).await?;
    }
    Ok(changed)
}

async fn by_hub_ids(tx: &mut Tx, buildsys: &str, ids: &[i64]) -> Result<BTreeMap<i64, (i64, HubBuild)>, Error> {
    let sql = dialect!(
        tx,
        "SELECT hub_id, id, name, version, release, epoch, state FROM builds \
         WHERE buildsys = $1 AND hub_id IN (SELECT value FROM json_each($2))",
        "SELECT hub_id, id, name, version, release, epoch, state FROM builds WHERE buildsys = $1 \
         AND hub_id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)))"
    );
    let mut known = BTreeMap::new();
    for (hub_id, id, name, version, release, epoch, state) in fetch!(tx, Row, sql, buildsys, to_json(&ids))? {
        let corrupt = |error: crate::model::BadName| Error::Corrupt { column: "builds.name", why: error.to_string() };
        let nvr = crate::model::Nvr::new(&name, &version, &release).map_err(corrupt)?;
        let state = if state == "deleted" { BuildState::Deleted } else { BuildState::Complete };
        known.insert(hub_id, (id, HubBuild { nvr, epoch: epoch as u32, state }));
    }
    Ok(known)
}

async fn write(tx: &mut Write, buildsys: &str, rows: &str, now: i64) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "INSERT INTO builds (id, buildsys, hub_id, name, version, release, epoch, state, exclusive_arch, \
         exclude_arch, imported_at) SELECT json_extract(value, '$[0]'), $1, json_extract(value, '$[1]'), \
         json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]'), \
         json_extract(value, '$[5]'), json_extract(value, '$[6]'), '[]', '[]', $3 FROM json_each($2) WHERE TRUE \
         ON CONFLICT (buildsys, hub_id) DO UPDATE SET name = excluded.name, version = excluded.version, \
         release = excluded.release, epoch = excluded.epoch, state = excluded.state",
        "INSERT INTO builds (id, buildsys, hub_id, name, version, release, epoch, state, exclusive_arch, \
         exclude_arch, imported_at) SELECT CAST(value ->> 0 AS BIGINT), $1, CAST(value ->> 1 AS BIGINT), value ->> 2, \
         value ->> 3, value ->> 4, CAST(value ->> 5 AS BIGINT), value ->> 6, '[]', '[]', $3 \
         FROM json_array_elements(CAST($2 AS JSON)) \
         ON CONFLICT (buildsys, hub_id) DO UPDATE SET name = excluded.name, version = excluded.version, \
         release = excluded.release, epoch = excluded.epoch, state = excluded.state"
    );
    exec!(tx, sql, buildsys, rows, now)?;
    Ok(())
}

/// A build that stands in a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Our id of it.
    pub id: i64,
    /// The hub's.
    pub hub_id: i64,
    /// Its package.
    pub package: PackageName,
}

/// Returns those of these builds, by our ids, whose RPMs were never listed, by the tags in which they stand now.
pub async fn unlisted(tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<TagName, Vec<Standing>>, Error> {
    let sql = dialect!(
        tx,
        "SELECT DISTINCT t.name, b.id, b.hub_id, b.name FROM taggings g JOIN tags t ON t.id = g.tag_id \
         JOIN builds b ON b.id = g.build_id WHERE g.to_event IS NULL AND b.state = 'complete' \
         AND b.id IN (SELECT value FROM json_each($1)) \
         AND NOT EXISTS (SELECT 1 FROM hub_listings h WHERE h.build_id = b.id)",
        "SELECT DISTINCT t.name, b.id, b.hub_id, b.name FROM taggings g JOIN tags t ON t.id = g.tag_id \
         JOIN builds b ON b.id = g.build_id WHERE g.to_event IS NULL AND b.state = 'complete' \
         AND b.id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON))) \
         AND NOT EXISTS (SELECT 1 FROM hub_listings h WHERE h.build_id = b.id)"
    );
    let mut found: BTreeMap<TagName, Vec<Standing>> = BTreeMap::new();
    for (tag, id, hub_id, package) in fetch!(tx, (String, i64, i64, String), sql, to_json(&ids))? {
        let package = parse("builds.name", &package)?;
        found.entry(parse("tags.name", &tag)?).or_default().push(Standing { id, hub_id, package });
    }
    Ok(found)
}

/// Returns the complete builds that stand in a tag itself now and whose RPMs were listed before.
pub async fn listed_in(tx: &mut Tx, buildsys: &str, tag: &TagName) -> Result<Vec<Standing>, Error> {
    let sql = "SELECT DISTINCT b.id, b.hub_id, b.name FROM taggings g JOIN tags t ON t.id = g.tag_id \
               JOIN builds b ON b.id = g.build_id JOIN hub_listings h ON h.build_id = b.id \
               WHERE t.buildsys = $1 AND t.name = $2 AND g.to_event IS NULL AND b.state = 'complete' ORDER BY b.id";
    let rows = fetch!(tx, (i64, i64, String), sql, buildsys, tag.as_str())?;
    let standing = |(id, hub_id, package): (i64, i64, String)| {
        Ok(Standing { id, hub_id, package: parse("builds.name", &package)? })
    };
    rows.into_iter().map(standing).collect()
}

/// Returns our ids of the builds that wait for a signature in any set.
pub async fn held_for_signatures(tx: &mut Tx, buildsys: &str) -> Result<Vec<i64>, Error> {
    // SQLite keeps the order of a cross join: what is held is few rows, and the other way round is all builds times all
    // that is held.
    let sql = "SELECT DISTINCT b.id FROM held h CROSS JOIN builds b WHERE h.reason LIKE 'signature:%' \
               AND b.buildsys = $1 AND b.name = h.package \
               AND h.nvr = b.name || '-' || b.version || '-' || b.release ORDER BY b.id";
    Ok(fetch!(tx, (i64,), sql, buildsys)?.into_iter().map(|(id,)| id).collect())
}

/// Returns in which tags these builds, by our ids, stand now, with their packages.
pub async fn standing(tx: &mut Tx, ids: &[i64]) -> Result<BTreeSet<(TagName, PackageName)>, Error> {
    let sql = dialect!(
        tx,
        "SELECT DISTINCT t.name, g.package FROM taggings g JOIN tags t ON t.id = g.tag_id WHERE g.to_event IS NULL \
         AND g.build_id IN (SELECT value FROM json_each($1))",
        "SELECT DISTINCT t.name, g.package FROM taggings g JOIN tags t ON t.id = g.tag_id WHERE g.to_event IS NULL \
         AND g.build_id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let rows = fetch!(tx, (String, String), sql, to_json(&ids))?;
    let pair = |(tag, package): (String, String)| Ok((parse("tags.name", &tag)?, parse("taggings.package", &package)?));
    rows.into_iter().map(pair).collect()
}
