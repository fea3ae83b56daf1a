//! What did a tag mean, revision by revision? Lists of chunks; each chunk once, by digest.

mod content;
mod held;
mod pages;

use std::collections::BTreeSet;

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_optional, fetch_value, from_json, parse, to_json};
use crate::model::{Arch, Blake3, TagName};

pub use content::{ChunkRef, Packed, chunks, put_chunk, put_packed};
pub use held::{Held, clear_held, copy_held, forget_held, held, put_held};

/// A numbered state of a tag's package set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// From 1, without gaps.
    pub number: i64,
    /// BLAKE3 over arches and chunks: equal sets, equal digests.
    pub digest: Blake3,
    /// The event it was read at.
    pub event_id: i64,
    /// The base arches it has repositories for.
    pub arches: Vec<Arch>,
    /// Its chunks, in the order of package names.
    pub chunks: Vec<ChunkRef>,
    /// How many builds are in it.
    pub builds: i64,
    /// How many RPM files are in it.
    pub rpms: i64,
    /// When it was made, in microseconds.
    pub made_at: i64,
    /// When the first of what it was made for happened, by the clock of the build system, in microseconds; `None` where
    /// nothing did, or it is not known.
    pub caused_at: Option<i64>,
}

type Row = (i64, String, i64, String, i64, i64, i64, Option<i64>);

fn revision(row: Row, chunks: Vec<ChunkRef>) -> Result<Revision, Error> {
    let (number, digest, event_id, arches, builds, rpms, made_at, caused_at) = row;
    Ok(Revision {
        number,
        digest: parse("pkgset_revisions.digest", &digest)?,
        event_id,
        arches: from_json("pkgset_revisions.arches", &arches)?,
        chunks,
        builds,
        rpms,
        made_at,
        caused_at,
    })
}

/// Returns the newest revision of a tag.
pub async fn newest(tx: &mut Tx, tag: &TagName) -> Result<Option<Revision>, Error> {
    let sql = "SELECT number, digest, event_id, arches, builds, rpms, made_at, caused_at FROM pkgset_revisions \
               WHERE tag = $1 ORDER BY number DESC LIMIT 1";
    let Some(row) = fetch_optional!(tx, Row, sql, tag.as_str())? else { return Ok(None) };
    revision(row, pages::newest(tx, tag).await?).map(Some)
}

/// Returns one revision of a tag.
pub async fn numbered(tx: &mut Tx, tag: &TagName, number: i64) -> Result<Option<Revision>, Error> {
    let sql = "SELECT number, digest, event_id, arches, builds, rpms, made_at, caused_at FROM pkgset_revisions \
               WHERE tag = $1 AND number = $2";
    let Some(row) = fetch_optional!(tx, Row, sql, tag.as_str(), number)? else { return Ok(None) };
    revision(row, pages::numbered(tx, tag, number).await?).map(Some)
}

/// Returns number and size in builds of a tag's newest revision.
pub async fn newest_size(tx: &mut Tx, tag: &TagName) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT number, builds FROM pkgset_revisions WHERE tag = $1 ORDER BY number DESC LIMIT 1";
    Ok(fetch_optional!(tx, (i64, i64), sql, tag.as_str())?)
}

/// What is newest of a tag, without its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The tag.
    pub tag: TagName,
    /// The number of its newest revision.
    pub number: i64,
    /// That revision's digest.
    pub digest: Blake3,
    /// The event it was read at.
    pub event_id: i64,
    /// The base arches it has repositories for.
    pub arches: Vec<Arch>,
    /// How many builds are in it.
    pub builds: i64,
    /// How many RPM files are in it.
    pub rpms: i64,
    /// When it was made, in microseconds.
    pub made_at: i64,
    /// How many builds are held.
    pub held: i64,
}

/// Returns what is newest: of one tag, or of all that have a revision.
pub async fn heads(tx: &mut Tx, tag: Option<&TagName>) -> Result<Vec<Head>, Error> {
    let tags = match tag {
        Some(tag) => vec![tag.clone()],
        None => tags(tx).await?,
    };
    let newest = dialect!(
        tx,
        "SELECT r.tag, r.number, r.digest, r.event_id, r.arches, r.builds, r.rpms, r.made_at, \
         (SELECT COUNT(*) FROM held WHERE held.tag = r.tag) FROM json_each($1) t \
         JOIN pkgset_revisions r ON r.tag = t.value \
         AND r.number = (SELECT MAX(n.number) FROM pkgset_revisions n WHERE n.tag = t.value) ORDER BY r.tag",
        "SELECT r.tag, r.number, r.digest, r.event_id, r.arches, r.builds, r.rpms, r.made_at, \
         (SELECT COUNT(*) FROM held WHERE held.tag = r.tag) FROM json_array_elements_text(CAST($1 AS JSON)) t(value) \
         JOIN pkgset_revisions r ON r.tag = t.value \
         AND r.number = (SELECT MAX(n.number) FROM pkgset_revisions n WHERE n.tag = t.value) ORDER BY r.tag"
    );
    let rows = fetch!(tx, (String, i64, String, i64, String, i64, i64, i64, i64), newest, to_json(&tags))?;
    let mut heads = Vec::with_capacity(rows.len());
    for (tag, number, digest, event_id, arches, builds, rpms, made_at, held) in rows {
        heads.push(Head {
            tag: parse("pkgset_revisions.tag", &tag)?,
            number,
            digest: parse("pkgset_revisions.digest", &digest)?,
            event_id,
            arches: from_json("pkgset_revisions.arches", &arches)?,
            builds,
            rpms,
            made_at,
            held,
        });
    }
    Ok(heads)
}

/// Returns every tag that has a revision.
pub async fn tags(tx: &mut Tx) -> Result<Vec<TagName>, Error> {
    // From name to name: a tag may have very many revisions.
    let sql = "WITH RECURSIVE names (tag) AS (SELECT MIN(tag) FROM pkgset_revisions UNION ALL \
               SELECT (SELECT MIN(r.tag) FROM pkgset_revisions r WHERE r.tag > names.tag) FROM names \
               WHERE names.tag IS NOT NULL) SELECT tag FROM names WHERE tag IS NOT NULL ORDER BY tag";
    let rows = fetch!(tx, (String,), sql)?;
    rows.into_iter().map(|(tag,)| parse("pkgset_revisions.tag", &tag)).collect()
}

/// Keeps a revision, the one after the newest of its tag. Its chunks must be kept already.
pub async fn put(tx: &mut Write, tag: &TagName, revision: &Revision) -> Result<(), Error> {
    let sql = "INSERT INTO pkgset_revisions \
               (tag, number, digest, event_id, arches, builds, rpms, made_at, caused_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    exec!(
        tx,
        sql,
        tag.as_str(),
        revision.number,
        revision.digest.to_string(),
        revision.event_id,
        to_json(&revision.arches),
        revision.builds,
        revision.rpms,
        revision.made_at,
        revision.caused_at,
    )?;
    pages::put(tx, tag, revision.number, &revision.chunks).await
}

/// Returns when the first happened that revisions of a tag were made for, those after `from` up to `to`.
pub async fn caused_at(tx: &mut Tx, tag: &TagName, from: i64, to: i64) -> Result<Option<i64>, Error> {
    let sql = "SELECT MIN(caused_at) FROM pkgset_revisions WHERE tag = $1 AND number > $2 AND number <= $3";
    Ok(fetch_value!(tx, Option<i64>, sql, tag.as_str(), from, to)?)
}

/// Most revisions that are forgotten in one transaction.
const MOST_FORGOTTEN: i64 = 1000;

/// Forgets revisions made before `before` (microseconds) that are not the newest of their tag and that
/// no generation and no compose names, and chunks that no revision names any more. At most a thousand:
/// gives whether there may be more.
pub async fn forget(tx: &mut Write, before: i64) -> Result<bool, Error> {
    let sql = "DELETE FROM pkgset_revisions WHERE (tag, number) IN (SELECT o.tag, o.number FROM pkgset_revisions o \
               WHERE o.made_at < $1 \
               AND o.number < (SELECT MAX(r.number) FROM pkgset_revisions r WHERE r.tag = o.tag) \
               AND NOT EXISTS (SELECT 1 FROM generations g WHERE g.tag = o.tag AND g.revision = o.number) \
               AND NOT EXISTS (SELECT 1 FROM composes c WHERE c.tag = o.tag AND c.revision = o.number) \
               ORDER BY o.made_at LIMIT $2) RETURNING tag, number";
    let gone = fetch!(tx, (String, i64), sql, before, MOST_FORGOTTEN)?;
    let mut unnamed = BTreeSet::new();
    for (tag, number) in &gone {
        let tag: TagName = parse("pkgset_revisions.tag", tag)?;
        unnamed.extend(pages::forget(tx, &tag, *number).await?);
    }
    if !unnamed.is_empty() {
        pages::sweep(tx, &unnamed).await?;
    }
    Ok(gone.len() as i64 == MOST_FORGOTTEN)
}
