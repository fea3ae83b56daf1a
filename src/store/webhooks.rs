//! How far has each webhook come in the outbox, and what did it not take?
//!
//! A replay, by a command in another process, may move a webhook while a message is under way to it. So
//! whoever writes down an outcome says where it stood before; where that is no longer so, nothing is written.

use super::db::{Error, Tx, Write, exec, fetch, fetch_value, without_nul};
use super::outbox::{self, OutMessage};

/// A webhook's place in the outbox. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in the configuration.
    pub name: String,
    /// The last message that is done with: delivered, parked, or of none of its topics.
    pub cursor: i64,
    /// Messages delivered, ever.
    pub delivered: i64,
    /// When it took the last one.
    pub delivered_at: Option<i64>,
    /// Since when it has taken nothing; `None`: it took the last message that it was offered.
    pub failing_since: Option<i64>,
    /// How often the message that is due was offered in vain.
    pub attempts: i64,
    /// When a message was last offered in vain.
    pub tried_at: Option<i64>,
    /// What came of that.
    pub problem: Option<String>,
    /// Messages after the cursor, of whatever topic.
    pub behind: i64,
    /// Messages that it did not take, those to be offered again included.
    pub parked: i64,
}

/// A message that a webhook did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The webhook.
    pub webhook: String,
    /// The message's cursor.
    pub sequence: i64,
    /// Its id.
    pub message_id: String,
    /// Its topic.
    pub topic: String,
    /// Whether it is to be offered again.
    pub is_due: bool,
    /// Why it was not taken.
    pub reason: String,
    /// Since when it is parked, in microseconds.
    pub parked_at: i64,
}

/// From where a message came to be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is the next of the webhook's topics after this cursor.
    After(i64),
    /// It was parked, and is to be offered again.
    Again,
}

type Row = (String, i64, i64, Option<i64>, Option<i64>, i64, Option<i64>, Option<String>, i64, i64);

fn webhook(row: Row) -> Webhook {
    let (name, cursor, delivered, delivered_at, failing_since, attempts, tried_at, problem, behind, parked) = row;
    Webhook { name, cursor, delivered, delivered_at, failing_since, attempts, tried_at, problem, behind, parked }
}

/// Gives a new webhook its place, after `cursor`; returns whether it is new.
pub async fn begin(tx: &mut Write, name: &str, cursor: i64) -> Result<bool, Error> {
    let sql = "INSERT INTO webhooks (name, cursor, delivered, attempts) VALUES ($1, $2, 0, 0) \
               ON CONFLICT (name) DO NOTHING";
    Ok(exec!(tx, sql, name, cursor)? > 0)
}

/// Forgets a webhook with what it did not take.
pub async fn remove(tx: &mut Write, name: &str) -> Result<(), Error> {
    exec!(tx, "DELETE FROM webhook_parked WHERE webhook = $1", name)?;
    exec!(tx, "DELETE FROM webhooks WHERE name = $1", name)?;
    Ok(())
}

/// Returns all webhooks by name.
pub async fn all(tx: &mut Tx) -> Result<Vec<Webhook>, Error> {
    let sql = "SELECT w.name, w.cursor, w.delivered, w.delivered_at, w.failing_since, w.attempts, w.tried_at, w.problem, \
               COALESCE((SELECT value FROM counters WHERE name = 'outbox'), 0) - w.cursor, \
               (SELECT COUNT(*) FROM webhook_parked p WHERE p.webhook = w.name) FROM webhooks w ORDER BY w.name";
    Ok(fetch!(tx, Row, sql)?.into_iter().map(webhook).collect())
}

/// Returns a webhook.
pub async fn by_name(tx: &mut Tx, name: &str) -> Result<Option<Webhook>, Error> {
    Ok(all(tx).await?.into_iter().find(|webhook| webhook.name == name))
}

/// Returns the first parked message that is to be offered again.
pub async fn due_again(tx: &mut Tx, name: &str) -> Result<Option<OutMessage>, Error> {
    let sql = "SELECT MIN(sequence) FROM webhook_parked WHERE webhook = $1 AND state = 'again'";
    match fetch_value!(tx, Option<i64>, sql, name)? {
        Some(sequence) => outbox::by_sequence(tx, sequence).await,
        None => Ok(None),
    }
}

/// Moves a webhook over messages of none of its topics.
pub async fn pass(tx: &mut Write, name: &str, from: i64, to: i64) -> Result<(), Error> {
    exec!(tx, "UPDATE webhooks SET cursor = $1 WHERE name = $2 AND cursor = $3", to, name, from)?;
    Ok(())
}

/// Writes down that a message was taken.
pub async fn delivered(tx: &mut Write, name: &str, sequence: i64, turn: Turn, now: i64) -> Result<(), Error> {
    if go_on(tx, name, sequence, turn).await? {
        reset(tx, name).await?;
    }
    let sql = "UPDATE webhooks SET delivered = delivered + 1, delivered_at = $1, failing_since = NULL, tried_at = NULL, \
               problem = NULL WHERE name = $2";
    exec!(tx, sql, now, name)?;
    Ok(())
}

/// Writes down that a message was not taken, and will be offered again.
pub async fn failed(tx: &mut Write, name: &str, since: i64, problem: &str, now: i64) -> Result<(), Error> {
    let sql = "UPDATE webhooks SET attempts = attempts + 1, failing_since = $1, tried_at = $2, problem = $3 \
               WHERE name = $4";
    exec!(tx, sql, since, now, without_nul(problem), name)?;
    Ok(())
}

/// Parks a message, so that the next goes on; returns whether it still was the one that is due.
pub async fn park(
    tx: &mut Write,
    name: &str,
    sequence: i64,
    turn: Turn,
    reason: &str,
    now: i64,
) -> Result<bool, Error> {
    if !go_on(tx, name, sequence, turn).await? {
        return Ok(false);
    }
    let sql = "INSERT INTO webhook_parked (webhook, sequence, state, reason, parked_at) \
               VALUES ($1, $2, 'parked', $3, $4) ON CONFLICT (webhook, sequence) \
               DO UPDATE SET state = 'parked', reason = excluded.reason, parked_at = excluded.parked_at";
    exec!(tx, sql, name, sequence, without_nul(reason), now)?;
    reset(tx, name).await?;
    Ok(true)
}

/// Steps over a message; returns whether it still was the one that is due.
async fn go_on(tx: &mut Write, name: &str, sequence: i64, turn: Turn) -> Result<bool, Error> {
    let rows = match turn {
        Turn::After(cursor) => {
            let sql = "UPDATE webhooks SET cursor = $1 WHERE name = $2 AND cursor = $3";
            exec!(tx, sql, sequence, name, cursor)?
        }
        Turn::Again => {
            let sql = "DELETE FROM webhook_parked WHERE webhook = $1 AND sequence = $2 AND state = 'again'";
            exec!(tx, sql, name, sequence)?
        }
    };
    Ok(rows > 0)
}

async fn reset(tx: &mut Write, name: &str) -> Result<(), Error> {
    exec!(tx, "UPDATE webhooks SET attempts = 0 WHERE name = $1", name)?;
    Ok(())
}

/// Puts a webhook before the message `from`; parked messages from there on come with the others.
pub async fn replay_from(tx: &mut Write, name: &str, from: i64) -> Result<(), Error> {
    exec!(tx, "DELETE FROM webhook_parked WHERE webhook = $1 AND sequence >= $2", name, from)?;
    exec!(tx, "UPDATE webhooks SET cursor = $1 WHERE name = $2", from - 1, name)?;
    at_once(tx, name).await
}

/// Has all parked messages of a webhook offered again, before all others; returns how many.
pub async fn replay_parked(tx: &mut Write, name: &str) -> Result<u64, Error> {
    let sql = "UPDATE webhook_parked SET state = 'again' WHERE webhook = $1 AND state = 'parked'";
    let count = exec!(tx, sql, name)?;
    at_once(tx, name).await?;
    Ok(count)
}

/// Has the next message offered at once, with a fresh day.
async fn at_once(tx: &mut Write, name: &str) -> Result<(), Error> {
    let sql = "UPDATE webhooks SET attempts = 0, failing_since = NULL, tried_at = NULL, problem = NULL WHERE name = $1";
    exec!(tx, sql, name)?;
    Ok(())
}

/// Returns the messages that webhooks did not take, by webhook and cursor.
pub async fn parked(tx: &mut Tx) -> Result<Vec<Parked>, Error> {
    let sql = "SELECT p.webhook, p.sequence, o.message_id, o.topic, p.state, p.reason, p.parked_at \
               FROM webhook_parked p JOIN outbox o ON o.sequence = p.sequence ORDER BY p.webhook, p.sequence";
    type Row = (String, i64, String, String, String, String, i64);
    let rows = fetch!(tx, Row, sql)?.into_iter();
    let parked = |(webhook, sequence, message_id, topic, state, reason, parked_at): Row| Parked {
        webhook,
        sequence,
        message_id,
        topic,
        is_due: state == "again",
        reason,
        parked_at,
    };
    Ok(rows.map(parked).collect())
}

/// Forgets what was parked before `before`, in microseconds.
pub async fn forget_parked(tx: &mut Write, before: i64) -> Result<u64, Error> {
    Ok(exec!(tx, "DELETE FROM webhook_parked WHERE state = 'parked' AND parked_at < $1", before)?)
}
