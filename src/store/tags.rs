//! What are the rows of a tag? Tags, links, package lists and taggings, as intervals of event ids.
//!
//! An interval `[from_event, to_event)` holds an event E where from ≤ E < to; an open one has no end.
//! Event ids of the local build system are `second << 20 | n`, n being the order of arrival within
//! that second: so a late message gets its id where it belongs, and order is a comparison of ids.

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_optional, fetch_value, from_json, parse, to_json};
use super::tag_settings;
use crate::model::{Arch, PackageName, TagName};

/// An event id after every other: asks for the state of now.
pub const NOW: i64 = i64::MAX;

/// Bits of an event id that count within one second.
const WITHIN_SECOND: u32 = 20;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRow {
    /// Its id with us.
    pub id: i64,
    /// Its name.
    pub name: TagName,
    /// Base arches it is built for now; empty where it leaves that to its parents.
    pub arches: Vec<Arch>,
}

/// An inheritance link from a tag to a parent, with Koji's attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// The parent.
    pub parent: TagName,
    /// Order among the links of a tag: lowest first.
    pub priority: i64,
    /// How many further links may be followed behind this one; `None` for any number.
    pub maxdepth: Option<i64>,
    /// The link counts only from the tag itself, not from tags that inherit from it.
    pub intransitive: bool,
    /// Arches and other settings are not inherited through this link.
    pub noconfig: bool,
    /// Regular expression that package names must match at their start; empty for any.
    pub pkg_filter: String,
}

/// A tag's own word on a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageState {
    /// The package may be in the tag.
    Listed,
    /// The package is shut out.
    Blocked,
}

impl PackageState {
    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Blocked => "blocked",
        }
    }
}

/// A row of a tag's own package list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageRow {
    /// The package.
    pub package: PackageName,
    /// Whether it is listed or blocked.
    pub state: PackageState,
    /// Since which event.
    pub from_event: i64,
}

/// A build that stands in a tag at the event asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggingRow {
    /// The build, by its id with us.
    pub build_id: i64,
    /// Its package.
    pub package: PackageName,
    /// The event that tagged it: what "latest" goes by.
    pub from_event: i64,
}

/// What was done to a build, at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Tagged into one tag.
    Tag,
    /// Taken out of one tag.
    Untag,
    /// Deleted: taken out of all tags.
    Delete,
    /// Imported, for the first time or again after a deletion.
    Import,
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Untag => "untag",
            Self::Delete => "delete",
            Self::Import => "import",
        }
    }
}

/// Draws an event id in `second`: the next of that second, in the order of arrival. What a second
/// cannot hold, more than a million events, goes into the one behind it.
pub async fn draw_event(tx: &mut Write, second: i64) -> Result<i64, Error> {
    let mut second = second.clamp(0, (1 << 40) - 1);
    loop {
        let sql = "INSERT INTO seconds (second, used) VALUES ($1, 1) \
                   ON CONFLICT (second) DO UPDATE SET used = seconds.used + 1 RETURNING used";
        let used = fetch_value!(tx, i64, sql, second)?;
        if used < 1 << WITHIN_SECOND {
            return Ok(second << WITHIN_SECOND | used);
        }
        exec!(tx, "UPDATE seconds SET used = $1 WHERE second = $2", used - 1, second)?;
        second += 1;
    }
}

/// Returns the second that an event id of the local build system belongs to.
pub fn second_of(event: i64) -> i64 {
    event >> WITHIN_SECOND
}

/// Returns the second of an arrival at `now` (seconds): never before that of an earlier arrival, even
/// where the clock was set back meanwhile.
pub async fn arrival(tx: &mut Write, now: i64) -> Result<i64, Error> {
    let sql = "INSERT INTO counters (name, value) VALUES ('arrival', $1) ON CONFLICT (name) DO UPDATE \
               SET value = CASE WHEN counters.value < excluded.value THEN excluded.value ELSE counters.value END \
               RETURNING value";
    Ok(fetch_value!(tx, i64, sql, now)?)
}

/// Returns the newest event id that was given out.
pub async fn last_event(tx: &mut Tx) -> Result<i64, Error> {
    let sql = "SELECT second, used FROM seconds ORDER BY second DESC LIMIT 1";
    let row = fetch_optional!(tx, (i64, i64), sql)?;
    Ok(row.map_or(0, |(second, used)| second << WITHIN_SECOND | used))
}

/// Makes a tag of ours; gives its id.
pub async fn create(tx: &mut Write, buildsys: &str, name: &TagName, arches: &[Arch], event: i64) -> Result<i64, Error> {
    let id = tx.next("tags").await?;
    let sql = "INSERT INTO tags (id, buildsys, hub_id, name, since_event, whole_event, read_event) \
               VALUES ($1, $2, $1, $3, 0, 0, 0)";
    exec!(tx, sql, id, buildsys, name.as_str())?;
    tag_settings::set_arches(tx, id, arches, event).await?;
    Ok(id)
}

fn tag_row((id, name, arches): (i64, String, String)) -> Result<TagRow, Error> {
    Ok(TagRow { id, name: parse("tags.name", &name)?, arches: from_json("tag_configs.arches", &arches)? })
}

/// Returns the tag of this name that there is now.
pub async fn by_name(tx: &mut Tx, buildsys: &str, name: &str) -> Result<Option<TagRow>, Error> {
    let sql = "SELECT t.id, t.name, c.arches FROM tags t JOIN tag_configs c ON c.tag_id = t.id \
               AND c.to_event IS NULL WHERE t.buildsys = $1 AND t.name = $2";
    fetch_optional!(tx, (i64, String, String), sql, buildsys, name)?.map(tag_row).transpose()
}

/// Returns the tag with this id, if it is there now.
pub async fn by_id(tx: &mut Tx, id: i64) -> Result<Option<TagRow>, Error> {
    let sql = "SELECT t.id, t.name, c.arches FROM tags t JOIN tag_configs c ON c.tag_id = t.id \
               AND c.to_event IS NULL WHERE t.id = $1";
    fetch_optional!(tx, (i64, String, String), sql, id)?.map(tag_row).transpose()
}

/// Returns all tags that there are now, by name.
pub async fn all(tx: &mut Tx, buildsys: &str) -> Result<Vec<TagRow>, Error> {
    let sql = "SELECT t.id, t.name, c.arches FROM tags t JOIN tag_configs c ON c.tag_id = t.id \
               AND c.to_event IS NULL WHERE t.buildsys = $1 ORDER BY t.name";
    fetch!(tx, (i64, String, String), sql, buildsys)?.into_iter().map(tag_row).collect()
}

/// Returns the links of a tag at `event`, by priority.
pub async fn links(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Vec<LinkRow>, Error> {
    let sql = "SELECT t.name, p.priority, p.maxdepth, p.reach, p.config, p.pkg_filter FROM tag_parents p \
               JOIN tags t ON t.id = p.parent_id WHERE p.tag_id = $1 AND p.from_event <= $2 \
               AND (p.to_event IS NULL OR $2 < p.to_event) ORDER BY p.priority, t.name";
    let rows = fetch!(tx, (String, i64, Option<i64>, String, String, String), sql, tag_id, event)?;
    let link = |(parent, priority, maxdepth, reach, config, pkg_filter): (String, _, _, String, String, _)| {
        Ok(LinkRow {
            parent: parse("tags.name", &parent)?,
            priority,
            maxdepth,
            intransitive: reach == "intransitive",
            noconfig: config == "noconfig",
            pkg_filter,
        })
    };
    rows.into_iter().map(link).collect()
}

/// Opens a link at `event`.
pub async fn open_link(tx: &mut Write, tag_id: i64, parent_id: i64, link: &LinkRow, event: i64) -> Result<(), Error> {
    let reach = if link.intransitive { "intransitive" } else { "transitive" };
    let config = if link.noconfig { "noconfig" } else { "config" };
    let sql = "INSERT INTO tag_parents (tag_id, parent_id, priority, maxdepth, reach, config, pkg_filter, from_event) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let filter = link.pkg_filter.as_str();
    exec!(tx, sql, tag_id, parent_id, link.priority, link.maxdepth, reach, config, filter, event)?;
    Ok(())
}

/// Ends the open link from a tag to a parent at `event`; gives whether there was one.
pub async fn close_link(tx: &mut Write, tag_id: i64, parent_id: i64, event: i64) -> Result<bool, Error> {
    let sql = "UPDATE tag_parents SET to_event = $1 WHERE tag_id = $2 AND parent_id = $3 AND to_event IS NULL";
    Ok(exec!(tx, sql, event, tag_id, parent_id)? > 0)
}

fn package_row((package, state, from_event): (String, String, i64)) -> Result<PackageRow, Error> {
    let state = if state == "blocked" { PackageState::Blocked } else { PackageState::Listed };
    Ok(PackageRow { package: parse("tag_packages.package", &package)?, state, from_event })
}

/// Returns a tag's own package list at `event`; of some packages only where they are named.
pub async fn packages(
    tx: &mut Tx,
    tag_id: i64,
    packages: Option<&[PackageName]>,
    event: i64,
) -> Result<Vec<PackageRow>, Error> {
    let rows = match packages {
        Some([]) => Vec::new(),
        Some(packages) => {
            let sql = dialect!(
                tx,
                "SELECT package, state, from_event FROM tag_packages WHERE tag_id = $1 \
                 AND package IN (SELECT value FROM json_each($3)) \
                 AND from_event <= $2 AND (to_event IS NULL OR $2 < to_event) ORDER BY package",
                "SELECT package, state, from_event FROM tag_packages WHERE tag_id = $1 \
                 AND package IN (SELECT value FROM json_array_elements_text(CAST($3 AS JSON))) \
                 AND from_event <= $2 AND (to_event IS NULL OR $2 < to_event) ORDER BY package"
            );
            fetch!(tx, (String, String, i64), sql, tag_id, event, to_json(&packages))?
        }
        None => {
            let sql = "SELECT package, state, from_event FROM tag_packages WHERE tag_id = $1 AND from_event <= $2 \
                       AND (to_event IS NULL OR $2 < to_event) ORDER BY package";
            fetch!(tx, (String, String, i64), sql, tag_id, event)?
        }
    };
    rows.into_iter().map(package_row).collect()
}

/// Returns the packages of which a tag has rows of its own at `event`, listings or taggings.
pub async fn own_packages(tx: &mut Tx, tag_id: i64, event: i64) -> Result<Vec<PackageName>, Error> {
    let sql = "SELECT package FROM tag_packages WHERE tag_id = $1 AND from_event <= $2 \
               AND (to_event IS NULL OR $2 < to_event) \
               UNION SELECT package FROM taggings WHERE tag_id = $1 AND from_event <= $2 \
               AND (to_event IS NULL OR $2 < to_event) ORDER BY package";
    let rows = fetch!(tx, (String,), sql, tag_id, event)?;
    rows.iter().map(|(package,)| parse("tag_packages.package", package)).collect()
}

/// Returns the first event after `event` at which the tag has an own row on the package, and which.
pub async fn next_package_row(
    tx: &mut Tx,
    tag_id: i64,
    package: &PackageName,
    event: i64,
) -> Result<Option<PackageRow>, Error> {
    let sql = "SELECT package, state, from_event FROM tag_packages WHERE tag_id = $1 AND package = $2 \
               AND from_event > $3 ORDER BY from_event LIMIT 1";
    fetch_optional!(tx, (String, String, i64), sql, tag_id, package.as_str(), event)?.map(package_row).transpose()
}

/// Opens an own row on a package at `event`, ending at `to_event` where a later one follows.
pub async fn open_package(
    tx: &mut Write,
    tag_id: i64,
    package: &PackageName,
    state: PackageState,
    event: i64,
    to_event: Option<i64>,
) -> Result<(), Error> {
    let sql = "INSERT INTO tag_packages (tag_id, package, state, from_event, to_event) VALUES ($1, $2, $3, $4, $5)";
    exec!(tx, sql, tag_id, package.as_str(), state.name(), event, to_event)?;
    Ok(())
}

/// Ends the open own row on a package at `event`.
pub async fn close_package(tx: &mut Write, tag_id: i64, package: &PackageName, event: i64) -> Result<(), Error> {
    let sql = "UPDATE tag_packages SET to_event = $1 WHERE tag_id = $2 AND package = $3 AND to_event IS NULL";
    exec!(tx, sql, event, tag_id, package.as_str())?;
    Ok(())
}

/// Returns the complete builds that stand in a tag at `event`, of some packages only where they are
/// named: the newest tagging first, then the highest id in the build system, as Koji orders them.
pub async fn taggings(
    tx: &mut Tx,
    tag_id: i64,
    packages: Option<&[PackageName]>,
    event: i64,
) -> Result<Vec<TaggingRow>, Error> {
    let rows = match packages {
        Some([]) => Vec::new(),
        Some(packages) => {
            let sql = dialect!(
                tx,
                "SELECT t.build_id, t.package, t.from_event FROM taggings t JOIN builds b ON b.id = t.build_id \
                 WHERE t.tag_id = $1 AND t.package IN (SELECT value FROM json_each($3)) \
                 AND t.from_event <= $2 AND (t.to_event IS NULL OR $2 < t.to_event) \
                 AND b.state = 'complete' ORDER BY t.from_event DESC, b.hub_id DESC",
                "SELECT t.build_id, t.package, t.from_event FROM taggings t JOIN builds b ON b.id = t.build_id \
                 WHERE t.tag_id = $1 \
                 AND t.package IN (SELECT value FROM json_array_elements_text(CAST($3 AS JSON))) \
                 AND t.from_event <= $2 AND (t.to_event IS NULL OR $2 < t.to_event) \
                 AND b.state = 'complete' ORDER BY t.from_event DESC, b.hub_id DESC"
            );
            fetch!(tx, (i64, String, i64), sql, tag_id, event, to_json(&packages))?
        }
        None => {
            let sql = "SELECT t.build_id, t.package, t.from_event FROM taggings t JOIN builds b ON b.id = t.build_id \
                       WHERE t.tag_id = $1 AND t.from_event <= $2 AND (t.to_event IS NULL OR $2 < t.to_event) \
                       AND b.state = 'complete' ORDER BY t.from_event DESC, b.hub_id DESC";
            fetch!(tx, (i64, String, i64), sql, tag_id, event)?
        }
    };
    let tagging = |(build_id, package, from_event): (i64, String, i64)| {
        Ok(TaggingRow { build_id, package: parse("taggings.package", &package)?, from_event })
    };
    rows.into_iter().map(tagging).collect()
}

/// Records an act on a build: in one tag, or in all (deletion and import).
pub async fn record_act(tx: &mut Write, event: i64, build: i64, tag: Option<i64>, act: Act) -> Result<(), Error> {
    let sql = "INSERT INTO acts (event_id, build_id, tag_id, act) VALUES ($1, $2, $3, $4)";
    exec!(tx, sql, event, build, tag, act.name())?;
    Ok(())
}

/// Returns the acts on a build that count in a tag, in the order of their events.
pub async fn acts(tx: &mut Tx, build: i64, tag: i64) -> Result<Vec<(i64, Act)>, Error> {
    let sql =
        "SELECT event_id, act FROM acts WHERE build_id = $1 AND (tag_id = $2 OR tag_id IS NULL) ORDER BY event_id";
    let rows = fetch!(tx, (i64, String), sql, build, tag)?;
    let act = |(event, act): (i64, String)| {
        let all = [Act::Tag, Act::Untag, Act::Delete, Act::Import];
        let act = all.into_iter().find(|known| known.name() == act);
        act.map(|act| (event, act)).ok_or(Error::Corrupt { column: "acts.act", why: "is no act".to_owned() })
    };
    rows.into_iter().map(act).collect()
}

/// Returns the ids of all tags in which something was ever done to a build.
pub async fn tags_of_build(tx: &mut Tx, build: i64) -> Result<Vec<i64>, Error> {
    let sql = "SELECT DISTINCT tag_id FROM acts WHERE build_id = $1 AND tag_id IS NOT NULL ORDER BY tag_id";
    Ok(fetch!(tx, (i64,), sql, build)?.into_iter().map(|row| row.0).collect())
}

/// Replaces the intervals of a build in a tag.
pub async fn replace_taggings(
    tx: &mut Write,
    tag: i64,
    build: i64,
    intervals: &[(i64, Option<i64>)],
) -> Result<(), Error> {
    exec!(tx, "DELETE FROM taggings WHERE tag_id = $1 AND build_id = $2", tag, build)?;
    for (from, to) in intervals {
        let sql = "INSERT INTO taggings (tag_id, package, build_id, from_event, to_event) \
                   SELECT $1, name, id, $3, $4 FROM builds WHERE id = $2";
        exec!(tx, sql, tag, build, *from, *to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;

    #[tokio::test]
    async fn a_second_that_is_full_gives_the_rest_to_the_one_behind() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let last = (1_i64 << WITHIN_SECOND) - 1;
        exec!(tx, "INSERT INTO seconds (second, used) VALUES ($1, $2)", 9_i64, last - 1).unwrap();
        let ids = [draw_event(&mut tx, 9).await.unwrap(), draw_event(&mut tx, 9).await.unwrap()];
        assert_eq!(ids, [9 << WITHIN_SECOND | last, 10 << WITHIN_SECOND | 1]);
        assert_eq!(last_event(&mut tx).await.unwrap(), ids[1]);
        assert_eq!(draw_event(&mut tx, 9).await.unwrap(), 10 << WITHIN_SECOND | 2);
    }
}
