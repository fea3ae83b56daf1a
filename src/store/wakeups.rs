//! Who has something to do? A wake-up is a row, written in the transaction that causes it.
//!
//! Equal keys collapse, so their number is bounded by the things there are. A row goes only at the
//! sequence it was read at: what arrived meanwhile is not lost.

use super::db::{Error, Tx, Write, exec, fetch, fetch_value};

/// A room that keeps state and can be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Room {
    /// Key: tag; part: package, or nothing for the whole tag.
    Tags,
    /// Key: tag; part: repository.
    Repos,
}

impl Room {
    fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Repos => "repos",
        }
    }
}

/// One wake-up as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeUp {
    /// What to reconcile: a tag.
    pub key: String,
    /// Which part of it; empty for all.
    pub part: String,
    /// The state of the row when it was read.
    pub sequence: i64,
    /// When it was first woken, in microseconds.
    pub since: i64,
    /// When it was last woken, in microseconds.
    pub touched: i64,
}

/// Wakes `room` for (`key`, `part`) at `now`, in microseconds.
pub async fn wake(tx: &mut Write, room: Room, key: &str, part: &str, now: i64) -> Result<(), Error> {
    let sequence = tx.next("wakeups").await?;
    let sql = "INSERT INTO wakeups (room, key, part, sequence, since, touched) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (room, key, part) DO UPDATE SET sequence = excluded.sequence, touched = excluded.touched";
    exec!(tx, sql, room.name(), key, part, sequence, now, now)?;
    Ok(())
}

/// Returns all wake-ups of `room`, the longest waiting first.
pub async fn pending(tx: &mut Tx, room: Room) -> Result<Vec<WakeUp>, Error> {
    let sql = "SELECT key, part, sequence, since, touched FROM wakeups WHERE room = $1 ORDER BY since, key, part";
    let rows = fetch!(tx, (String, String, i64, i64, i64), sql, room.name())?;
    let wake_up = |(key, part, sequence, since, touched)| WakeUp { key, part, sequence, since, touched };
    Ok(rows.into_iter().map(wake_up).collect())
}

/// Takes a wake-up away, if it was not woken again since it was read.
pub async fn done(tx: &mut Write, room: Room, wake_up: &WakeUp) -> Result<(), Error> {
    let sql = "DELETE FROM wakeups WHERE room = $1 AND key = $2 AND part = $3 AND sequence = $4";
    exec!(tx, sql, room.name(), wake_up.key.as_str(), wake_up.part.as_str(), wake_up.sequence)?;
    Ok(())
}

/// Returns how many wake-ups of `room` are waiting.
pub async fn count(tx: &mut Tx, room: Room) -> Result<i64, Error> {
    Ok(fetch_value!(tx, i64, "SELECT COUNT(*) FROM wakeups WHERE room = $1", room.name())?)
}
