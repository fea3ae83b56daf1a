//! What does the running service say of itself? Short notes, for commands that run beside it.

use super::db::{Error, Tx, Write, exec, fetch_optional};

/// The note on the broker: `bus::Snapshot` as JSON, or `null` where none is configured.
pub const BUS: &str = "bus";

/// The note on the hub: `tags::Standing` as JSON, or `null` where none is followed.
pub const HUB: &str = "hub";

/// The note on files of records that are bad: a list of `repos::BadRecord` as JSON.
pub const RECORDS: &str = "records";

/// The note on where HTTP is served: a URL.
pub const URL: &str = "url";

/// Writes a note in place of the one before.
pub async fn note(tx: &mut Write, name: &str, value: &str, now: i64) -> Result<(), Error> {
    let sql = "INSERT INTO service (name, value, at) VALUES ($1, $2, $3) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at";
    exec!(tx, sql, name, value, now)?;
    Ok(())
}

/// Returns a note, and when it was written, in microseconds.
pub async fn read(tx: &mut Tx, name: &str) -> Result<Option<(String, i64)>, Error> {
    Ok(fetch_optional!(tx, (String, i64), "SELECT value, at FROM service WHERE name = $1", name)?)
}
