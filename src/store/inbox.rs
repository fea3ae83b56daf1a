//! What came in? Messages in the order of arrival, each with what became of it.

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, fetch_value, parse, without_nul};
use std::str::FromStr;

/// By which door a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A broker.
    Amqp,
    /// `POST /api/v1/events`.
    Http,
    /// A command.
    Cli,
}

impl Door {
    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Http => "http",
            Self::Cli => "cli",
        }
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxState {
    /// It took effect, or there was nothing to effect.
    Applied,
    /// It waits for its build to be imported.
    Waiting,
    /// It was understood, and the build system's rules forbid what it says.
    Refused,
    /// It can never be understood.
    Quarantined,
    /// It waited in vain.
    Dropped,
}

impl InboxState {
    /// All states, in the order a person wants to see them.
    pub const ALL: [Self; 5] = [Self::Applied, Self::Waiting, Self::Refused, Self::Quarantined, Self::Dropped];

    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
            Self::Quarantined => "quarantined",
            Self::Dropped => "dropped",
        }
    }
}

impl FromStr for InboxState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| format!("no such state: {text:?}"))
    }
}

/// A message on its way in.
#[derive(Debug, Clone)]
pub struct NewMessage<'a> {
    /// The id that repeats are known by.
    pub message_id: &'a str,
    /// By which door it came.
    pub door: Door,
    /// Its topic.
    pub topic: &'a str,
    /// Its headers, as JSON.
    pub headers: &'a str,
    /// Its body, or the beginning of one that is too large to keep.
    pub body: &'a [u8],
    /// The size of the whole body in bytes.
    pub body_size: i64,
    /// BLAKE3 of the whole body.
    pub body_digest: String,
    /// When it arrived, in microseconds.
    pub arrived_at: i64,
    /// Its place among the events of the local build system, if it has one.
    pub event_id: Option<i64>,
    /// What became of it.
    pub state: InboxState,
    /// Why, where the state needs a reason.
    pub reason: Option<String>,
    /// The NVR it waits for.
    pub waits_for: Option<String>,
}

/// A message as it is kept.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its place in the order of arrival.
    pub sequence: i64,
    /// The id that repeats are known by.
    pub message_id: String,
    /// By which door it came.
    pub door: String,
    /// Its topic.
    pub topic: String,
    /// Its headers, as JSON.
    pub headers: String,
    /// Its body, or the beginning of one that was too large to keep.
    pub body: Vec<u8>,
    /// The size of the whole body in bytes.
    pub body_size: i64,
    /// BLAKE3 of the whole body.
    pub body_digest: String,
    /// When it arrived, in microseconds.
    pub arrived_at: i64,
    /// Its place among the events of the local build system.
    pub event_id: Option<i64>,
    /// What became of it.
    pub state: InboxState,
    /// Why.
    pub reason: Option<String>,
    /// How often it was repeated.
    pub duplicates: i64,
}

type Row = (i64, String, String, String, String, Vec<u8>, i64, String, i64, Option<i64>, String, Option<String>, i64);

fn message(row: Row) -> Result<Message, Error> {
    let (sequence, message_id, door, topic, headers, body, body_size, body_digest, arrived_at, event_id, state, ..) =
        row;
    let (reason, duplicates) = (row.11, row.12);
    let state = parse("inbox.state", &state)?;
    Ok(Message {
        sequence,
        message_id,
        door,
        topic,
        headers,
        body,
        body_size,
        body_digest,
        arrived_at,
        event_id,
        state,
        reason,
        duplicates,
    })
}

/// Keeps a message; gives its place in the order of arrival.
pub async fn insert(tx: &mut Write, new: NewMessage<'_>) -> Result<i64, Error> {
    let sequence = tx.next("inbox").await?;
    let sql = "INSERT INTO inbox (sequence, message_id, door, topic, headers, body, body_size, body_digest, arrived_at, \
               event_id, state, reason, waits_for) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    exec!(
        tx,
        sql,
        sequence,
        new.message_id,
        new.door.name(),
        new.topic,
        new.headers,
        new.body,
        new.body_size,
        new.body_digest.as_str(),
        new.arrived_at,
        new.event_id,
        new.state.name(),
        new.reason.as_deref().map(without_nul),
        new.waits_for.as_deref(),
    )?;
    Ok(sequence)
}

/// Counts a repeat of a message that is kept; gives what became of the first one, or `None` if this
/// is the first.
pub async fn repeat(tx: &mut Write, message_id: &str) -> Result<Option<InboxState>, Error> {
    let sql = "UPDATE inbox SET duplicates = duplicates + 1 WHERE message_id = $1 RETURNING state";
    let state = fetch_optional!(tx, (String,), sql, message_id)?;
    state.map(|(state,)| parse("inbox.state", &state)).transpose()
}

/// Says what became of a waiting message.
pub async fn settle(tx: &mut Write, sequence: i64, state: InboxState, reason: Option<&str>) -> Result<(), Error> {
    let sql = "UPDATE inbox SET state = $1, reason = $2, waits_for = NULL WHERE sequence = $3";
    exec!(tx, sql, state.name(), reason.map(without_nul), sequence)?;
    Ok(())
}

/// Returns the messages that wait for the build `nvr`, in the order of their places.
pub async fn waiting_for(tx: &mut Tx, nvr: &str) -> Result<Vec<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, body, body_size, body_digest, arrived_at, event_id, \
               state, reason, duplicates FROM inbox WHERE state = 'waiting' AND waits_for = $1 ORDER BY event_id";
    fetch!(tx, Row, sql, nvr)?.into_iter().map(message).collect()
}

/// Returns up to `limit` messages in `state`, the newest first.
pub async fn newest(tx: &mut Tx, state: InboxState, limit: i64) -> Result<Vec<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, body, body_size, body_digest, arrived_at, event_id, \
               state, reason, duplicates FROM inbox WHERE state = $1 ORDER BY sequence DESC LIMIT $2";
    fetch!(tx, Row, sql, state.name(), limit)?.into_iter().map(message).collect()
}

/// Returns up to `limit` messages, in `state` where one is named, the newest first; without their bodies,
/// each of which may be large.
pub async fn heads(tx: &mut Tx, state: Option<InboxState>, limit: i64) -> Result<Vec<Message>, Error> {
    let rows = match state {
        Some(state) => {
            let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 0), body_size, \
                       body_digest, arrived_at, event_id, state, reason, duplicates FROM inbox WHERE state = $1 \
                       ORDER BY sequence DESC LIMIT $2";
            fetch!(tx, Row, sql, state.name(), limit)?
        }
        None => {
            let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 0), body_size, \
                       body_digest, arrived_at, event_id, state, reason, duplicates FROM inbox \
                       ORDER BY sequence DESC LIMIT $1";
            fetch!(tx, Row, sql, limit)?
        }
    };
    rows.into_iter().map(message).collect()
}

/// Returns up to `limit` messages after a place in the order of arrival, oldest first; without their bodies.
pub async fn heads_after(tx: &mut Tx, sequence: i64, limit: i64) -> Result<Vec<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 0), body_size, body_digest, \
               arrived_at, event_id, state, reason, duplicates FROM inbox WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    fetch!(tx, Row, sql, sequence, limit)?.into_iter().map(message).collect()
}

/// Returns the message at a place, without its body.
pub async fn head(tx: &mut Tx, sequence: i64) -> Result<Option<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 0), body_size, body_digest, \
               arrived_at, event_id, state, reason, duplicates FROM inbox WHERE sequence = $1";
    fetch_optional!(tx, Row, sql, sequence)?.map(message).transpose()
}

/// Returns the newest message that came by a door, without its body.
pub async fn last_by(tx: &mut Tx, door: Door) -> Result<Option<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 0), body_size, body_digest, \
               arrived_at, event_id, state, reason, duplicates FROM inbox WHERE door = $1 ORDER BY sequence DESC LIMIT 1";
    fetch_optional!(tx, Row, sql, door.name())?.map(message).transpose()
}

/// Returns the place behind which the last `count` messages are.
pub async fn before_last(tx: &mut Tx, count: i64) -> Result<i64, Error> {
    let sql = "SELECT sequence FROM inbox ORDER BY sequence DESC LIMIT 1 OFFSET $1";
    Ok(fetch_optional!(tx, (i64,), sql, count)?.map_or(0, |(sequence,)| sequence))
}

/// Returns the places of the messages that wait, from `sequence` on.
pub async fn waiting_from(tx: &mut Tx, sequence: i64) -> Result<Vec<i64>, Error> {
    let sql = "SELECT sequence FROM inbox WHERE state = 'waiting' AND sequence >= $1 ORDER BY sequence";
    Ok(fetch!(tx, (i64,), sql, sequence)?.into_iter().map(|(sequence,)| sequence).collect())
}

/// Returns the message with this id.
pub async fn by_id(tx: &mut Tx, message_id: &str) -> Result<Option<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, body, body_size, body_digest, arrived_at, event_id, \
               state, reason, duplicates FROM inbox WHERE message_id = $1";
    fetch_optional!(tx, Row, sql, message_id)?.map(message).transpose()
}

/// Returns up to `limit` messages in `state`, the newest first, with the first 4 KiB of each body.
pub async fn glimpses(tx: &mut Tx, state: InboxState, limit: i64) -> Result<Vec<Message>, Error> {
    let sql = "SELECT sequence, message_id, door, topic, headers, substr(body, 1, 4096), body_size, body_digest, \
               arrived_at, event_id, state, reason, duplicates FROM inbox WHERE state = $1 ORDER BY sequence DESC LIMIT $2";
    fetch!(tx, Row, sql, state.name(), limit)?.into_iter().map(message).collect()
}

/// Drops messages that have waited since before `before` (microseconds); gives id and reason of each.
pub async fn drop_waiting(tx: &mut Write, before: i64) -> Result<Vec<(String, String)>, Error> {
    let sql = "UPDATE inbox SET state = 'dropped', waits_for = NULL WHERE state = 'waiting' AND arrived_at < $1 \
               RETURNING message_id, COALESCE(reason, '')";
    Ok(fetch!(tx, (String, String), sql, before)?)
}

/// Forgets messages that arrived before `before` (microseconds) and wait for nothing.
pub async fn forget(tx: &mut Write, before: i64) -> Result<u64, Error> {
    Ok(exec!(tx, "DELETE FROM inbox WHERE arrived_at < $1 AND state <> 'waiting'", before)?)
}

/// Returns how many messages are in each state, and how many repeats there were.
pub async fn counts(tx: &mut Tx) -> Result<(Vec<(InboxState, i64)>, i64), Error> {
    let mut counts = Vec::new();
    for state in InboxState::ALL {
        let sql = "SELECT COUNT(*) FROM inbox WHERE state = $1";
        counts.push((state, fetch_value!(tx, i64, sql, state.name())?));
    }
    let repeats = fetch_value!(tx, i64, "SELECT CAST(COALESCE(SUM(duplicates), 0) AS BIGINT) FROM inbox")?;
    Ok((counts, repeats))
}

/// Returns when the last message arrived, in microseconds.
pub async fn last_arrival(tx: &mut Tx) -> Result<Option<i64>, Error> {
    let sql = "SELECT arrived_at FROM inbox ORDER BY sequence DESC LIMIT 1";
    Ok(fetch_optional!(tx, (i64,), sql)?.map(|row| row.0))
}

/// Most names of unfollowed tags that are kept; the rest is counted together.
const MOST_UNFOLLOWED: i64 = 1000;

/// The name under which unfollowed tags are counted past the first thousand: not a valid tag name.
pub const OTHER_TAGS: &str = "(others)";

/// Counts a message of a tag that nobody follows.
pub async fn count_unfollowed(tx: &mut Write, tag: &str, now: i64) -> Result<(), Error> {
    let known = fetch_value!(tx, i64, "SELECT COUNT(*) FROM unfollowed WHERE tag = $1", tag)? > 0;
    let full = fetch_value!(tx, i64, "SELECT COUNT(*) FROM unfollowed")? >= MOST_UNFOLLOWED;
    let name = if known || !full { tag } else { OTHER_TAGS };
    let sql = "INSERT INTO unfollowed (tag, messages, last_at) VALUES ($1, 1, $2) \
               ON CONFLICT (tag) DO UPDATE SET messages = unfollowed.messages + 1, last_at = excluded.last_at";
    exec!(tx, sql, name, now)?;
    Ok(())
}

/// Returns the tags that nobody follows, with the number of their messages, most first.
pub async fn unfollowed(tx: &mut Tx, limit: i64) -> Result<Vec<(String, i64)>, Error> {
    Ok(fetch!(tx, (String, i64), "SELECT tag, messages FROM unfollowed ORDER BY messages DESC, tag LIMIT $1", limit)?)
}

/// Returns how many messages named a tag that nobody follows, ever.
pub async fn unfollowed_total(tx: &mut Tx) -> Result<i64, Error> {
    Ok(fetch_value!(tx, i64, "SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM unfollowed")?)
}
