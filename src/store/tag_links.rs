//! Which tags hang together by inheritance now? Links as they are, without what they let through.

use super::db::{Error, Tx, fetch, parse};
use crate::model::TagName;

/// Returns a tag and all tags that inherit from it by open links, however far, in the order they were made.
pub async fn dependents(tx: &mut Tx, tag_id: i64) -> Result<Vec<TagName>, Error> {
    let sql = "WITH RECURSIVE dependents (id) AS (SELECT CAST($1 AS BIGINT) UNION \
               SELECT p.tag_id FROM dependents d JOIN tag_parents p ON p.parent_id = d.id \
               WHERE p.to_event IS NULL) \
               SELECT t.name FROM dependents d JOIN tags t ON t.id = d.id ORDER BY t.id";
    let rows = fetch!(tx, (String,), sql, tag_id)?;
    rows.iter().map(|(name,)| parse("tags.name", name)).collect()
}

/// Returns a tag and all tags that it inherits from by open links, however far, in the order they were made.
pub async fn ancestors(tx: &mut Tx, tag_id: i64) -> Result<Vec<TagName>, Error> {
    let sql = "WITH RECURSIVE ancestors (id) AS (SELECT CAST($1 AS BIGINT) UNION \
               SELECT p.parent_id FROM ancestors a JOIN tag_parents p ON p.tag_id = a.id \
               WHERE p.to_event IS NULL) \
               SELECT t.name FROM ancestors a JOIN tags t ON t.id = a.id ORDER BY t.id";
    let rows = fetch!(tx, (String,), sql, tag_id)?;
    rows.iter().map(|(name,)| parse("tags.name", name)).collect()
}

/// Returns how often each tag is named as a parent by an open link: (tag, parent).
pub async fn open_links(tx: &mut Tx) -> Result<Vec<(TagName, TagName)>, Error> {
    let sql = "SELECT t.name, u.name FROM tag_parents p JOIN tags t ON t.id = p.tag_id \
               JOIN tags u ON u.id = p.parent_id WHERE p.to_event IS NULL ORDER BY t.name, u.name";
    let rows = fetch!(tx, (String, String), sql)?;
    rows.into_iter().map(|(tag, parent)| Ok((parse("tags.name", &tag)?, parse("tags.name", &parent)?))).collect()
}
