//! Who has something to do? A wake-up is a row, written in the transaction that causes it.
//!
//! Equal keys collapse, so their number is bounded by the things there are. A row goes only at the
//! sequence it was read at: what arrived meanwhile is not lost.

use std::collections::BTreeSet;

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_value, to_json};

/// A room that keeps state and can be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Room {
    /// Key: tag; part: package, or nothing for the whole tag.
    Tags,
    /// Key: tag; part: repository.
    Repos,
    /// Key: tag; part: arch. The repository that is merged of the tag's own and external ones is to be looked at.
    Merged,
    /// Key: tag of a hub; part: package, or nothing for the whole tag. What messages tell of is to be asked.
    Hub,
    /// Key: our id of a build; part: `verify:` and the digest of keys to have its signatures held against them. Of a
    /// hub's build also nothing to have its RPMs listed, or the key of the signed files to read, or `unsigned`. Or
    /// `tag:` and a tag of a hub; part: `signatures` to have those of its builds compared.
    Files,
}

impl Room {
    fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Repos => "repos",
            Self::Merged => "merged",
            Self::Hub => "hub",
            Self::Files => "files",
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
    /// When the first happened that it was woken for, by the clock of the build system, in microseconds; `None` where
    /// nothing had happened, or it is not known.
    pub caused: Option<i64>,
}

/// Returns when the first of all happened that these were woken for.
pub fn first_cause<'a>(wake_ups: impl IntoIterator<Item = &'a WakeUp>) -> Option<i64> {
    wake_ups.into_iter().filter_map(|wake_up| wake_up.caused).min()
}

/// Wakes `room` for (`key`, `part`) at `now`, in microseconds.
pub async fn wake(tx: &mut Write, room: Room, key: &str, part: &str, now: i64) -> Result<(), Error> {
    wake_each(tx, room, &[(key, part)], now).await
}

/// Wakes `room` for each (key, part) at `now`, in microseconds, in this order; none may be named twice.
pub async fn wake_each(tx: &mut Write, room: Room, wake_ups: &[(&str, &str)], now: i64) -> Result<(), Error> {
    wake_for(tx, room, wake_ups, now, None).await
}

/// As [`wake_each`], for something that happened at `caused`; see [`WakeUp::caused`].
pub async fn wake_for(
    tx: &mut Write,
    room: Room,
    wake_ups: &[(&str, &str)],
    now: i64,
    caused: Option<i64>,
) -> Result<(), Error> {
    if wake_ups.is_empty() {
        return Ok(());
    }
    let first = tx.next_of("wakeups", wake_ups.len()).await?;
    let sql = dialect!(
        tx,
        "INSERT INTO wakeups (room, key, part, sequence, since, touched, caused) \
         SELECT $1, json_extract(value, '$[0]'), json_extract(value, '$[1]'), $3 + key, $4, $4, $5 FROM json_each($2) \
         WHERE TRUE ON CONFLICT (room, key, part) \
         DO UPDATE SET sequence = excluded.sequence, touched = excluded.touched, \
         caused = COALESCE(MIN(caused, excluded.caused), caused, excluded.caused)",
        "INSERT INTO wakeups (room, key, part, sequence, since, touched, caused) \
         SELECT $1, value ->> 0, value ->> 1, $3 + place - 1, $4, $4, $5 \
         FROM json_array_elements(CAST($2 AS JSON)) WITH ORDINALITY AS each(value, place) \
         WHERE TRUE ON CONFLICT (room, key, part) \
         DO UPDATE SET sequence = excluded.sequence, touched = excluded.touched, \
         caused = LEAST(wakeups.caused, excluded.caused)"
    );
    exec!(tx, sql, room.name(), to_json(&wake_ups), first, now, caused)?;
    Ok(())
}

/// As [`wake_for`], of those that are not woken already: for who only makes sure that something will be done.
pub async fn wake_unwoken(
    tx: &mut Write,
    room: Room,
    wake_ups: &[(&str, &str)],
    now: i64,
    caused: Option<i64>,
) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "SELECT w.key, w.part FROM json_each($2) j CROSS JOIN wakeups w ON w.room = $1 \
         AND w.key = json_extract(j.value, '$[0]') AND w.part = json_extract(j.value, '$[1]')",
        "SELECT w.key, w.part FROM json_array_elements(CAST($2 AS JSON)) j(value) JOIN wakeups w ON w.room = $1 \
         AND w.key = j.value ->> 0 AND w.part = j.value ->> 1"
    );
    let woken: BTreeSet<(String, String)> =
        fetch!(tx, (String, String), sql, room.name(), to_json(&wake_ups))?.into_iter().collect();
    let mut others = wake_ups.to_vec();
    others.retain(|(key, part)| !woken.contains(&((*key).to_owned(), (*part).to_owned())));
    wake_for(tx, room, &others, now, caused).await
}

type Row = (String, String, i64, i64, i64, Option<i64>);

fn wake_up((key, part, sequence, since, touched, caused): Row) -> WakeUp {
    WakeUp { key, part, sequence, since, touched, caused }
}

/// Returns all wake-ups of `room`, the longest waiting first.
pub async fn pending(tx: &mut Tx, room: Room) -> Result<Vec<WakeUp>, Error> {
    let sql =
        "SELECT key, part, sequence, since, touched, caused FROM wakeups WHERE room = $1 ORDER BY since, key, part";
    Ok(fetch!(tx, Row, sql, room.name())?.into_iter().map(wake_up).collect())
}

/// Returns the wake-ups of `room` for one key, in the order of their parts.
pub async fn of(tx: &mut Tx, room: Room, key: &str) -> Result<Vec<WakeUp>, Error> {
    let sql =
        "SELECT key, part, sequence, since, touched, caused FROM wakeups WHERE room = $1 AND key = $2 ORDER BY part";
    Ok(fetch!(tx, Row, sql, room.name(), key)?.into_iter().map(wake_up).collect())
}

/// Returns the keys for which `room` is woken, each with the lowest of its sequences.
pub async fn keys(tx: &mut Tx, room: Room) -> Result<Vec<(String, i64)>, Error> {
    let sql = "SELECT key, MIN(sequence) FROM wakeups WHERE room = $1 GROUP BY key ORDER BY MIN(sequence)";
    Ok(fetch!(tx, (String, i64), sql, room.name())?)
}

/// What waits for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The key.
    pub key: String,
    /// How many parts of it.
    pub count: i64,
    /// When the first was first woken, in microseconds.
    pub since: i64,
    /// When any was last woken, in microseconds.
    pub touched: i64,
}

/// Returns what `room` is woken for, by key, the longest waiting first.
pub async fn waiting(tx: &mut Tx, room: Room) -> Result<Vec<Waiting>, Error> {
    let sql = "SELECT key, COUNT(*), MIN(since), MAX(touched) FROM wakeups WHERE room = $1 \
               GROUP BY key ORDER BY MIN(since), key";
    let rows = fetch!(tx, (String, i64, i64, i64), sql, room.name())?;
    Ok(rows.into_iter().map(|(key, count, since, touched)| Waiting { key, count, since, touched }).collect())
}

/// Returns the highest sequence among the wake-ups of `room`; every later wake-up has a higher one.
pub async fn last(tx: &mut Tx, room: Room) -> Result<i64, Error> {
    let sql = "SELECT COALESCE(MAX(sequence), 0) FROM wakeups WHERE room = $1";
    Ok(fetch_value!(tx, i64, sql, room.name())?)
}

/// Takes a wake-up away, if it was not woken again since it was read.
pub async fn done(tx: &mut Write, room: Room, wake_up: &WakeUp) -> Result<(), Error> {
    let sql = "DELETE FROM wakeups WHERE room = $1 AND key = $2 AND part = $3 AND sequence = $4";
    exec!(tx, sql, room.name(), wake_up.key.as_str(), wake_up.part.as_str(), wake_up.sequence)?;
    Ok(())
}

/// Takes all wake-ups for one key away whose sequence is at most `sequence`, the highest that was read:
/// sequences are in the order of commit, so none of them came later.
pub async fn done_until(tx: &mut Write, room: Room, key: &str, sequence: i64) -> Result<(), Error> {
    let sql = "DELETE FROM wakeups WHERE room = $1 AND key = $2 AND sequence <= $3";
    exec!(tx, sql, room.name(), key, sequence)?;
    Ok(())
}

/// Returns how many wake-ups of `room` are waiting.
pub async fn count(tx: &mut Tx, room: Room) -> Result<i64, Error> {
    Ok(fetch_value!(tx, i64, "SELECT COUNT(*) FROM wakeups WHERE room = $1", room.name())?)
}
