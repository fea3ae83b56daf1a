//! Which composes are there, and how did they end?

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, fetch_value};

/// A compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeRow {
    /// Its compose id.
    pub id: String,
    /// The digest of its definition.
    pub definition: String,
    /// The tag it was made from.
    pub tag: String,
    /// The revision of the tag's package set.
    pub revision: Option<i64>,
    /// STARTED, FINISHED, FINISHED_INCOMPLETE, DOOMED or TERMINATED.
    pub status: String,
    /// Why it ended as it did, where that needs a reason.
    pub reason: Option<String>,
    /// When it started, in microseconds.
    pub started_at: i64,
    /// When it ended, in microseconds.
    pub ended_at: Option<i64>,
}

type Row = (String, String, String, Option<i64>, String, Option<String>, i64, Option<i64>);

fn compose((id, definition, tag, revision, status, reason, started_at, ended_at): Row) -> ComposeRow {
    ComposeRow { id, definition, tag, revision, status, reason, started_at, ended_at }
}

/// Takes the next respin of a series (an id without its respin); the first is 0, as Pungi's.
pub async fn next_respin(tx: &mut Write, series: &str) -> Result<i64, Error> {
    let sql = "SELECT CAST(COALESCE(MAX(respin) + 1, 0) AS BIGINT) FROM composes WHERE series = $1";
    Ok(fetch_value!(tx, i64, sql, series)?)
}

/// Keeps a compose that has started.
pub async fn start(tx: &mut Write, row: &ComposeRow, series: &str, respin: i64) -> Result<(), Error> {
    let sql = "INSERT INTO composes (id, series, respin, definition, tag, revision, status, started_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    exec!(
        tx,
        sql,
        row.id.as_str(),
        series,
        respin,
        row.definition.as_str(),
        row.tag.as_str(),
        row.revision,
        row.status.as_str(),
        row.started_at,
    )?;
    Ok(())
}

/// Says how a compose ended; a compose that has ended keeps its status.
pub async fn end(tx: &mut Write, id: &str, status: &str, reason: Option<&str>, now: i64) -> Result<bool, Error> {
    let sql = "UPDATE composes SET status = $1, reason = $2, ended_at = $3 WHERE id = $4 AND status = 'STARTED'";
    Ok(exec!(tx, sql, status, reason, now, id)? > 0)
}

/// Returns a compose.
pub async fn by_id(tx: &mut Tx, id: &str) -> Result<Option<ComposeRow>, Error> {
    let sql = "SELECT id, definition, tag, revision, status, reason, started_at, ended_at FROM composes WHERE id = $1";
    Ok(fetch_optional!(tx, Row, sql, id)?.map(compose))
}

/// Returns up to `limit` composes, the newest first.
pub async fn newest(tx: &mut Tx, limit: i64) -> Result<Vec<ComposeRow>, Error> {
    let sql = "SELECT id, definition, tag, revision, status, reason, started_at, ended_at FROM composes \
               ORDER BY started_at DESC, id DESC LIMIT $1";
    Ok(fetch!(tx, Row, sql, limit)?.into_iter().map(compose).collect())
}

/// Returns the composes that have started and not ended.
pub async fn unfinished(tx: &mut Tx) -> Result<Vec<ComposeRow>, Error> {
    let sql = "SELECT id, definition, tag, revision, status, reason, started_at, ended_at FROM composes \
               WHERE status = 'STARTED' ORDER BY id";
    Ok(fetch!(tx, Row, sql)?.into_iter().map(compose).collect())
}
