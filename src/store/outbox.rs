//! What is the world told, and what has it been told already?

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, fetch_value, parse, without_nul};
use std::str::FromStr;

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutState {
    /// Not confirmed by a broker yet.
    Pending,
    /// Confirmed, or there is no broker to confirm.
    Sent,
    /// The broker forbids it.
    Parked,
}

impl OutState {
    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Parked => "parked",
        }
    }
}

impl FromStr for OutState {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Pending, Self::Sent, Self::Parked];
        all.into_iter().find(|state| state.name() == text).ok_or("is no state")
    }
}

/// A message for the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutMessage {
    /// The cursor: rises in the order of commit. 0 before it is kept.
    pub sequence: i64,
    /// A UUID that stays the same across resends.
    pub message_id: String,
    /// Topic without the configured prefix.
    pub topic: String,
    /// What it is about: messages of one subject are sent in order.
    pub subject: String,
    /// Headers as JSON.
    pub headers: String,
    /// Body as JSON.
    pub body: String,
    /// When it was made, in microseconds.
    pub made_at: i64,
}

type Row = (i64, String, String, String, String, String, i64);

fn message((sequence, message_id, topic, subject, headers, body, made_at): Row) -> OutMessage {
    OutMessage { sequence, message_id, topic, subject, headers, body, made_at }
}

/// Keeps a message to be told; gives its cursor.
pub async fn put(tx: &mut Write, new: &OutMessage) -> Result<i64, Error> {
    let sequence = tx.next("outbox").await?;
    let sql = "INSERT INTO outbox (sequence, message_id, topic, subject, headers, body, made_at, state) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending')";
    let (id, topic, subject) = (new.message_id.as_str(), new.topic.as_str(), new.subject.as_str());
    exec!(tx, sql, sequence, id, topic, subject, new.headers.as_str(), new.body.as_str(), new.made_at)?;
    Ok(sequence)
}

/// Returns up to `limit` messages after a cursor, oldest first.
pub async fn after(tx: &mut Tx, cursor: i64, limit: i64) -> Result<Vec<OutMessage>, Error> {
    let sql = "SELECT sequence, message_id, topic, subject, headers, body, made_at FROM outbox \
               WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    Ok(fetch!(tx, Row, sql, cursor, limit)?.into_iter().map(message).collect())
}

/// Returns one message; `None` where it is forgotten.
pub async fn by_sequence(tx: &mut Tx, sequence: i64) -> Result<Option<OutMessage>, Error> {
    let sql = "SELECT sequence, message_id, topic, subject, headers, body, made_at FROM outbox WHERE sequence = $1";
    Ok(fetch_optional!(tx, Row, sql, sequence)?.map(message))
}

/// Returns cursors and topics of up to `limit` messages after a cursor, oldest first.
pub async fn topics_after(tx: &mut Tx, cursor: i64, limit: i64) -> Result<Vec<(i64, String)>, Error> {
    let sql = "SELECT sequence, topic FROM outbox WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    Ok(fetch!(tx, (i64, String), sql, cursor, limit)?)
}

/// Returns the cursor of the oldest message that is kept.
pub async fn first(tx: &mut Tx) -> Result<Option<i64>, Error> {
    Ok(fetch_value!(tx, Option<i64>, "SELECT MIN(sequence) FROM outbox")?)
}

/// Returns up to `limit` messages that no broker has confirmed, oldest first.
pub async fn pending(tx: &mut Tx, limit: i64) -> Result<Vec<OutMessage>, Error> {
    let sql = "SELECT sequence, message_id, topic, subject, headers, body, made_at FROM outbox \
               WHERE state = 'pending' ORDER BY sequence LIMIT $1";
    Ok(fetch!(tx, Row, sql, limit)?.into_iter().map(message).collect())
}

/// Says what became of a message.
pub async fn settle(tx: &mut Write, sequence: i64, state: OutState, reason: Option<&str>) -> Result<(), Error> {
    let sql = "UPDATE outbox SET state = $1, reason = $2 WHERE sequence = $3";
    exec!(tx, sql, state.name(), reason.map(without_nul), sequence)?;
    Ok(())
}

/// Returns the newest cursor that was given out, also where its message is forgotten; 0 before the first.
pub async fn last(tx: &mut Tx) -> Result<i64, Error> {
    let row = fetch_optional!(tx, (i64,), "SELECT value FROM counters WHERE name = 'outbox'")?;
    Ok(row.map_or(0, |(value,)| value))
}

/// Returns how many messages are in each state.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(OutState, i64)>, Error> {
    let rows = fetch!(tx, (String, i64), "SELECT state, COUNT(*) FROM outbox GROUP BY state ORDER BY state")?;
    rows.into_iter().map(|(state, count)| Ok((parse("outbox.state", &state)?, count))).collect()
}

/// A message that the broker forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// Its topic, without the configured prefix.
    pub topic: String,
    /// The broker's words.
    pub reason: String,
    /// Whether no later message was sent.
    pub is_newest: bool,
}

/// Returns the last message that the broker forbids.
pub async fn last_parked(tx: &mut Tx) -> Result<Option<Forbidden>, Error> {
    let sql = "SELECT sequence, topic, COALESCE(reason, '') FROM outbox WHERE state = 'parked' \
               ORDER BY sequence DESC LIMIT 1";
    let parked = fetch_optional!(tx, (i64, String, String), sql)?;
    let Some((sequence, topic, reason)) = parked else { return Ok(None) };
    let later = "SELECT COUNT(*) FROM outbox WHERE state = 'sent' AND sequence > $1";
    let is_newest = fetch_value!(tx, i64, later, sequence)? == 0;
    Ok(Some(Forbidden { topic, reason, is_newest }))
}

/// Has all messages sent that the broker forbade; returns how many.
pub async fn resend_parked(tx: &mut Write) -> Result<u64, Error> {
    Ok(exec!(tx, "UPDATE outbox SET state = 'pending', reason = NULL WHERE state = 'parked'")?)
}

/// Forgets messages made before `before` that were sent or parked; those made since `held`, only once all
/// webhooks have come past them; those that a webhook did not take, never. Both are in microseconds.
pub async fn forget(tx: &mut Write, before: i64, held: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM outbox WHERE made_at < $1 AND state <> 'pending' \
               AND (made_at < $2 OR sequence <= (SELECT COALESCE(MIN(cursor), 9223372036854775807) FROM webhooks)) \
               AND NOT EXISTS (SELECT 1 FROM webhook_parked p WHERE p.sequence = outbox.sequence)";
    Ok(exec!(tx, sql, before, held)?)
}
