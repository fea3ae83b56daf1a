//! What are a hub's tags called, and how far are they read? Ids stay, names do not.

use std::collections::{BTreeMap, BTreeSet};

use super::{KnownTag, Part, Reading};
use crate::model::TagName;
use crate::store::db::{Error, Write, exec};

/// Makes tags that are new known and gives the others their names; gives our ids by the hub's.
pub(super) async fn put(
    tx: &mut Write,
    buildsys: &str,
    reading: &Reading,
    known: &BTreeMap<i64, KnownTag>,
) -> Result<BTreeMap<i64, i64>, Error> {
    let renamed = |hub_id: &i64, name: &TagName| known.get(hub_id).filter(|tag| tag.name != *name).map(|tag| tag.id);
    // Names may have changed places: first nobody has one, by a text that is no name.
    for id in reading.names.iter().filter_map(|(hub_id, name)| renamed(hub_id, name)) {
        exec!(tx, "UPDATE tags SET name = $1 WHERE id = $2", format!("#{id}"), id)?;
    }
    let mut ids = BTreeMap::new();
    for (hub_id, name) in &reading.names {
        if let Some(tag) = known.get(hub_id) {
            ids.insert(*hub_id, tag.id);
            if tag.name != *name {
                exec!(tx, "UPDATE tags SET name = $1 WHERE id = $2", name.as_str(), tag.id)?;
            }
            continue;
        }
        let id = tx.next("tags").await?;
        let sql = "INSERT INTO tags (id, buildsys, hub_id, name, since_event, whole_event, read_event) \
                   VALUES ($1, $2, $3, $4, $5, $5, $5)";
        exec!(tx, sql, id, buildsys, *hub_id, name.as_str(), reading.event)?;
        ids.insert(*hub_id, id);
    }
    Ok(ids)
}

/// Returns the tags that a reading gives another name: the old one, the new one.
pub(super) fn renamed(reading: &Reading, known: &BTreeMap<i64, KnownTag>) -> BTreeSet<(TagName, TagName)> {
    let names = reading.names.iter().filter_map(|(hub_id, name)| Some((known.get(hub_id)?.name.clone(), name.clone())));
    names.filter(|(old, new)| old != new).collect()
}

/// Records how far a tag is read.
pub(super) async fn was_read(tx: &mut Write, id: i64, part: &Part, event: i64) -> Result<(), Error> {
    exec!(tx, "UPDATE tags SET read_event = $1 WHERE id = $2", event, id)?;
    if let Part::Whole { since } = part {
        let sql = "UPDATE tags SET whole_event = $1, \
                   since_event = CASE WHEN $2 < since_event THEN $2 ELSE since_event END WHERE id = $3";
        exec!(tx, sql, event, *since, id)?;
    }
    Ok(())
}
