//! How are the rows of a hub's tag kept? Each table read and written.

use std::collections::BTreeSet;

use super::{Config, ExternalRepo, Link, Row, Rows, TagRows};
use crate::model::PackageName;
use crate::store::db::{Error, Tx, Write, dialect, exec, fetch, from_json, parse, to_json};
use crate::store::tags::PackageState;

/// How many rows one statement takes.
const AT_ONCE: usize = 10_000;

/// Reads all rows of a tag but those that did not count any more after `since`.
pub(super) async fn whole(tx: &mut Tx, tag_id: i64, since: i64) -> Result<TagRows, Error> {
    let sql = "SELECT package, state, from_event, to_event FROM tag_packages WHERE tag_id = $1 \
               AND (to_event IS NULL OR to_event > $2)";
    let packages = fetch!(tx, PackageOf, sql, tag_id, since)?;
    let sql = "SELECT t.package, b.hub_id, t.from_event, t.to_event FROM taggings t JOIN builds b ON b.id = t.build_id \
               WHERE t.tag_id = $1 AND (t.to_event IS NULL OR t.to_event > $2)";
    let taggings = fetch!(tx, TaggingOf, sql, tag_id, since)?;
    Ok(TagRows {
        configs: configs(tx, tag_id).await?,
        extras: extras(tx, tag_id).await?,
        links: links(tx, tag_id).await?,
        repos: repos(tx, tag_id).await?,
        packages: packages_of(packages)?,
        taggings: taggings_of(taggings)?,
    })
}

/// Reads all rows of these packages.
pub(super) async fn of_packages(tx: &mut Tx, tag_id: i64, packages: &BTreeSet<PackageName>) -> Result<TagRows, Error> {
    let sql = dialect!(
        tx,
        "SELECT package, state, from_event, to_event FROM tag_packages \
         WHERE tag_id = $1 AND package IN (SELECT value FROM json_each($2))",
        "SELECT package, state, from_event, to_event FROM tag_packages \
         WHERE tag_id = $1 AND package IN (SELECT value FROM json_array_elements_text(CAST($2 AS JSON)))"
    );
    let listed = fetch!(tx, PackageOf, sql, tag_id, to_json(packages))?;
    let sql = dialect!(
        tx,
        "SELECT t.package, b.hub_id, t.from_event, t.to_event FROM taggings t JOIN builds b ON b.id = t.build_id \
         WHERE t.tag_id = $1 AND t.package IN (SELECT value FROM json_each($2))",
        "SELECT t.package, b.hub_id, t.from_event, t.to_event FROM taggings t JOIN builds b ON b.id = t.build_id \
         WHERE t.tag_id = $1 AND t.package IN (SELECT value FROM json_array_elements_text(CAST($2 AS JSON)))"
    );
    let taggings = fetch!(tx, TaggingOf, sql, tag_id, to_json(packages))?;
    Ok(TagRows { packages: packages_of(listed)?, taggings: taggings_of(taggings)?, ..TagRows::default() })
}

type PackageOf = (String, String, i64, Option<i64>);
type TaggingOf = (String, i64, i64, Option<i64>);

fn packages_of(found: Vec<PackageOf>) -> Result<Rows<PackageName, PackageState>, Error> {
    let mut rows = Rows::new();
    for (package, state, from, to_event) in found {
        let content = if state == "blocked" { PackageState::Blocked } else { PackageState::Listed };
        rows.insert((parse("tag_packages.package", &package)?, from), Row { content, to_event });
    }
    Ok(rows)
}

fn taggings_of(found: Vec<TaggingOf>) -> Result<Rows<(PackageName, i64), ()>, Error> {
    let mut rows = Rows::new();
    for (package, build, from, to_event) in found {
        rows.insert(((parse("taggings.package", &package)?, build), from), Row { content: (), to_event });
    }
    Ok(rows)
}

async fn configs(tx: &mut Tx, tag_id: i64) -> Result<Rows<(), Config>, Error> {
    let sql = "SELECT arches, lock, from_event, to_event FROM tag_configs WHERE tag_id = $1";
    let mut rows = Rows::new();
    for (arches, lock, from, to_event) in fetch!(tx, (String, String, i64, Option<i64>), sql, tag_id)? {
        let content = Config { arches: from_json("tag_configs.arches", &arches)?, locked: lock == "locked" };
        rows.insert(((), from), Row { content, to_event });
    }
    Ok(rows)
}

async fn extras(tx: &mut Tx, tag_id: i64) -> Result<Rows<String, String>, Error> {
    let sql = "SELECT key, value, from_event, to_event FROM tag_extras WHERE tag_id = $1";
    let found = fetch!(tx, (String, String, i64, Option<i64>), sql, tag_id)?;
    Ok(found.into_iter().map(|(key, content, from, to_event)| ((key, from), Row { content, to_event })).collect())
}

async fn links(tx: &mut Tx, tag_id: i64) -> Result<Rows<i64, Link>, Error> {
    let sql = "SELECT u.hub_id, p.priority, p.maxdepth, p.reach, p.config, p.pkg_filter, p.from_event, p.to_event \
               FROM tag_parents p JOIN tags u ON u.id = p.parent_id WHERE p.tag_id = $1";
    type Found = (i64, i64, Option<i64>, String, String, String, i64, Option<i64>);
    let mut rows = Rows::new();
    for (parent, priority, maxdepth, reach, config, pkg_filter, from, to_event) in fetch!(tx, Found, sql, tag_id)? {
        let (intransitive, noconfig) = (reach == "intransitive", config == "noconfig");
        let content = Link { priority, maxdepth, intransitive, noconfig, pkg_filter };
        rows.insert((parent, from), Row { content, to_event });
    }
    Ok(rows)
}

async fn repos(tx: &mut Tx, tag_id: i64) -> Result<Rows<i64, ExternalRepo>, Error> {
    let sql = "SELECT repo_id, name, url, priority, merge_mode, arches, from_event, to_event FROM tag_repos \
               WHERE tag_id = $1";
    type Found = (i64, String, Option<String>, i64, Option<String>, String, i64, Option<i64>);
    let mut rows = Rows::new();
    for (repo, name, url, priority, merge_mode, arches, from, to_event) in fetch!(tx, Found, sql, tag_id)? {
        let arches = from_json("tag_repos.arches", &arches)?;
        let content = ExternalRepo { name, url, priority, merge_mode, arches };
        rows.insert((repo, from), Row { content, to_event });
    }
    Ok(rows)
}

/// Writes settings; they are few.
pub(super) async fn put_configs(tx: &mut Write, tag_id: i64, rows: &Rows<(), Config>) -> Result<(), Error> {
    let sql = "INSERT INTO tag_configs (tag_id, arches, lock, from_event, to_event) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tag_id, from_event) DO UPDATE SET arches = excluded.arches, lock = excluded.lock, \
               to_event = excluded.to_event";
    for ((_, from), row) in rows {
        let lock = if row.content.locked { "locked" } else { "open" };
        exec!(tx, sql, tag_id, to_json(&row.content.arches), lock, *from, row.to_event)?;
    }
    Ok(())
}

/// Writes further settings; they are few.
pub(super) async fn put_extras(tx: &mut Write, tag_id: i64, rows: &Rows<String, String>) -> Result<(), Error> {
    let sql = "INSERT INTO tag_extras (tag_id, key, value, from_event, to_event) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tag_id, key, from_event) DO UPDATE SET value = excluded.value, \
               to_event = excluded.to_event";
    for ((key, from), row) in rows {
        exec!(tx, sql, tag_id, key.as_str(), row.content.as_str(), *from, row.to_event)?;
    }
    Ok(())
}

/// Writes links, whose parents are known; they are few.
pub(super) async fn put_links(
    tx: &mut Write,
    buildsys: &str,
    tag_id: i64,
    rows: &Rows<i64, Link>,
) -> Result<(), Error> {
    let sql = "INSERT INTO tag_parents (tag_id, parent_id, priority, maxdepth, reach, config, pkg_filter, from_event, \
               to_event) SELECT $1, id, $4, $5, $6, $7, $8, $9, $10 FROM tags WHERE buildsys = $2 AND hub_id = $3 \
               ON CONFLICT (tag_id, parent_id, from_event) DO UPDATE SET priority = excluded.priority, \
               maxdepth = excluded.maxdepth, reach = excluded.reach, config = excluded.config, \
               pkg_filter = excluded.pkg_filter, to_event = excluded.to_event";
    for ((parent, from), row) in rows {
        let link = &row.content;
        let reach = if link.intransitive { "intransitive" } else { "transitive" };
        let config = if link.noconfig { "noconfig" } else { "config" };
        let (priority, maxdepth, filter) = (link.priority, link.maxdepth, link.pkg_filter.as_str());
        exec!(tx, sql, tag_id, buildsys, *parent, priority, maxdepth, reach, config, filter, *from, row.to_event)?;
    }
    Ok(())
}

/// Writes repositories outside; they are few.
pub(super) async fn put_repos(tx: &mut Write, tag_id: i64, rows: &Rows<i64, ExternalRepo>) -> Result<(), Error> {
    let sql = "INSERT INTO tag_repos (tag_id, repo_id, name, url, priority, merge_mode, arches, from_event, to_event) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tag_id, repo_id, from_event) DO UPDATE \
               SET name = excluded.name, url = excluded.url, priority = excluded.priority, \
               merge_mode = excluded.merge_mode, arches = excluded.arches, to_event = excluded.to_event";
    for ((id, from), row) in rows {
        let ExternalRepo { name, url, priority, merge_mode, arches } = &row.content;
        let (url, mode) = (url.as_deref(), merge_mode.as_deref());
        exec!(tx, sql, tag_id, *id, name.as_str(), url, *priority, mode, to_json(arches), *from, row.to_event)?;
    }
    Ok(())
}

/// Writes rows of a package list.
pub(super) async fn put_packages(
    tx: &mut Write,
    tag_id: i64,
    rows: &Rows<PackageName, PackageState>,
) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "INSERT INTO tag_packages (tag_id, package, state, from_event, to_event) SELECT $1, \
         json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'), \
         json_extract(value, '$[3]') FROM json_each($2) WHERE TRUE ON CONFLICT (tag_id, package, from_event) \
         DO UPDATE SET state = excluded.state, to_event = excluded.to_event",
        "INSERT INTO tag_packages (tag_id, package, state, from_event, to_event) SELECT $1, value ->> 0, value ->> 1, \
         CAST(value ->> 2 AS BIGINT), CAST(value ->> 3 AS BIGINT) FROM json_array_elements(CAST($2 AS JSON)) \
         ON CONFLICT (tag_id, package, from_event) DO UPDATE SET state = excluded.state, to_event = excluded.to_event"
    );
    let all: Vec<_> = rows.iter().map(|((name, from), row)| (name, row.content.name(), from, row.to_event)).collect();
    for some in all.chunks(AT_ONCE) {
        exec!(tx, sql, tag_id, to_json(&some))?;
    }
    Ok(())
}

/// Writes taggings of builds that are known.
pub(super) async fn put_taggings(
    tx: &mut Write,
    buildsys: &str,
    tag_id: i64,
    rows: &Rows<(PackageName, i64), ()>,
) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "INSERT INTO taggings (tag_id, package, build_id, from_event, to_event) SELECT $1, \
         json_extract(j.value, '$[0]'), b.id, json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]') \
         FROM json_each($3) j CROSS JOIN builds b ON b.buildsys = $2 AND b.hub_id = json_extract(j.value, '$[1]') \
         WHERE TRUE ON CONFLICT (tag_id, package, build_id, from_event) DO UPDATE SET to_event = excluded.to_event",
        "INSERT INTO taggings (tag_id, package, build_id, from_event, to_event) SELECT $1, j.value ->> 0, b.id, \
         CAST(j.value ->> 2 AS BIGINT), CAST(j.value ->> 3 AS BIGINT) \
         FROM json_array_elements(CAST($3 AS JSON)) j(value) \
         JOIN builds b ON b.buildsys = $2 AND b.hub_id = CAST(j.value ->> 1 AS BIGINT) \
         ON CONFLICT (tag_id, package, build_id, from_event) DO UPDATE SET to_event = excluded.to_event"
    );
    let all: Vec<_> = rows.iter().map(|(((name, build), from), row)| (name, build, from, row.to_event)).collect();
    for some in all.chunks(AT_ONCE) {
        exec!(tx, sql, tag_id, buildsys, to_json(&some))?;
    }
    Ok(())
}
