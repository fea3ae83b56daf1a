//! Which composes are there, and how did they end?

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, fetch_value, parse, without_nul};
use crate::model::{Blake3, ComposeId, ComposeStatus, Label, TagName, Title};

/// A compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeRow {
    /// Its compose id.
    pub id: ComposeId,
    /// The name of its definition.
    pub definition: String,
    /// The digest of its definition.
    pub definition_digest: Blake3,
    /// The name for people of the release it is of.
    pub release_name: Title,
    /// Its label, where it has one.
    pub label: Option<Label>,
    /// The tag it was made from.
    pub tag: TagName,
    /// The revision of the tag's package set.
    pub revision: Option<i64>,
    /// How far it is.
    pub status: ComposeStatus,
    /// Why it ended as it did, where that needs a reason.
    pub reason: Option<String>,
    /// When it started, in microseconds.
    pub started_at: i64,
    /// When it ended, in microseconds.
    pub ended_at: Option<i64>,
}

type Row =
    (String, String, String, String, Option<String>, String, Option<i64>, String, Option<String>, i64, Option<i64>);

fn compose(row: Row) -> Result<ComposeRow, Error> {
    let (id, definition, digest, release_name, label, tag, revision, status, reason, started_at, ended_at) = row;
    Ok(ComposeRow {
        id: parse("composes.id", &id)?,
        definition,
        definition_digest: parse("composes.definition_digest", &digest)?,
        release_name: parse("composes.release_name", &release_name)?,
        label: label.map(|label| parse("composes.label", &label)).transpose()?,
        tag: parse("composes.tag", &tag)?,
        revision,
        status: parse("composes.status", &status)?,
        reason,
        started_at,
        ended_at,
    })
}

/// Takes the next respin of a series (an id without its respin); the first is 0, as Pungi's.
pub async fn next_respin(tx: &mut Write, series: &str) -> Result<i64, Error> {
    let sql = "SELECT CAST(COALESCE(MAX(respin) + 1, 0) AS BIGINT) FROM composes WHERE series = $1";
    Ok(fetch_value!(tx, i64, sql, series)?)
}

/// Keeps a compose that has started.
pub async fn start(tx: &mut Write, row: &ComposeRow) -> Result<(), Error> {
    let sql = "INSERT INTO composes (id, series, respin, definition, definition_digest, release_name, label, tag, \
               revision, status, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    exec!(
        tx,
        sql,
        row.id.to_string(),
        row.id.series(),
        i64::from(row.id.respin()),
        row.definition.as_str(),
        row.definition_digest.to_string(),
        row.release_name.as_str(),
        row.label.as_ref().map(ToString::to_string),
        row.tag.as_str(),
        row.revision,
        row.status.as_str(),
        row.started_at,
    )?;
    Ok(())
}

/// Says how a compose ended; a compose that has ended keeps its status, and `false` says so.
pub async fn end(
    tx: &mut Write,
    id: &ComposeId,
    status: ComposeStatus,
    reason: Option<&str>,
    now: i64,
) -> Result<bool, Error> {
    let sql = "UPDATE composes SET status = $1, reason = $2, ended_at = $3 WHERE id = $4 AND status = 'STARTED'";
    Ok(exec!(tx, sql, status.as_str(), reason.map(without_nul), now, id.to_string())? > 0)
}

/// Returns a compose.
pub async fn by_id(tx: &mut Tx, id: &ComposeId) -> Result<Option<ComposeRow>, Error> {
    let sql = "SELECT id, definition, definition_digest, release_name, label, tag, revision, status, reason, \
               started_at, ended_at FROM composes WHERE id = $1";
    fetch_optional!(tx, Row, sql, id.to_string())?.map(compose).transpose()
}

/// Returns up to `limit` composes, the newest first.
pub async fn newest(tx: &mut Tx, limit: i64) -> Result<Vec<ComposeRow>, Error> {
    let sql = "SELECT id, definition, definition_digest, release_name, label, tag, revision, status, reason, \
               started_at, ended_at FROM composes ORDER BY started_at DESC, series, respin DESC LIMIT $1";
    fetch!(tx, Row, sql, limit)?.into_iter().map(compose).collect()
}

/// Returns the composes that have started and not ended.
pub async fn unfinished(tx: &mut Tx) -> Result<Vec<ComposeRow>, Error> {
    let sql = "SELECT id, definition, definition_digest, release_name, label, tag, revision, status, reason, \
               started_at, ended_at FROM composes WHERE status = 'STARTED' ORDER BY id";
    fetch!(tx, Row, sql)?.into_iter().map(compose).collect()
}

/// Returns how many composes have each status.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(ComposeStatus, i64)>, Error> {
    let rows = fetch!(tx, (String, i64), "SELECT status, COUNT(*) FROM composes GROUP BY status ORDER BY status")?;
    rows.into_iter().map(|(status, count)| Ok((parse("composes.status", &status)?, count))).collect()
}
