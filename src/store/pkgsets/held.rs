//! Which builds would be in a set, and are not yet?

use crate::model::{PackageName, TagName};
use crate::store::db::{Error, Tx, Write, dialect, exec, fetch, parse, to_json, without_nul};

/// A build that would be in a set and is not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its package.
    pub package: PackageName,
    /// The build.
    pub nvr: String,
    /// What it waits for.
    pub reason: String,
}

/// Says what is held in a tag besides.
pub async fn put_held(tx: &mut Write, tag: &TagName, held: &[Held]) -> Result<(), Error> {
    if held.is_empty() {
        return Ok(());
    }
    let sql = dialect!(
        tx,
        "INSERT INTO held (tag, package, nvr, reason) SELECT $1, json_extract(value, '$[0]'), \
         json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each($2)",
        "INSERT INTO held (tag, package, nvr, reason) SELECT $1, value ->> 0, value ->> 1, value ->> 2 \
         FROM json_array_elements(CAST($2 AS JSON))"
    );
    let rows: Vec<_> = held.iter().map(|held| (&held.package, &held.nvr, without_nul(&held.reason))).collect();
    exec!(tx, sql, tag.as_str(), to_json(&rows))?;
    Ok(())
}

/// Forgets what was held of these packages in a tag.
pub async fn forget_held(tx: &mut Write, tag: &TagName, packages: &[&PackageName]) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "DELETE FROM held WHERE tag = $1 AND package IN (SELECT value FROM json_each($2))",
        "DELETE FROM held WHERE tag = $1 \
         AND package IN (SELECT value FROM json_array_elements_text(CAST($2 AS JSON)) names(value))"
    );
    exec!(tx, sql, tag.as_str(), to_json(&packages))?;
    Ok(())
}

/// Forgets everything that was held in a tag.
pub async fn clear_held(tx: &mut Write, tag: &TagName) -> Result<(), Error> {
    exec!(tx, "DELETE FROM held WHERE tag = $1", tag.as_str())?;
    Ok(())
}

/// Returns the builds that are held in a tag.
pub async fn held(tx: &mut Tx, tag: &TagName) -> Result<Vec<Held>, Error> {
    let sql = "SELECT package, nvr, reason FROM held WHERE tag = $1 ORDER BY package, nvr";
    let rows = fetch!(tx, (String, String, String), sql, tag.as_str())?;
    let held =
        |(package, nvr, reason): (String, _, _)| Ok(Held { package: parse("held.package", &package)?, nvr, reason });
    rows.into_iter().map(held).collect()
}

/// Says that in a tag is held what is held in another one.
pub async fn copy_held(tx: &mut Write, from: &TagName, tag: &TagName) -> Result<(), Error> {
    clear_held(tx, tag).await?;
    let sql = "INSERT INTO held (tag, package, nvr, reason) SELECT $1, package, nvr, reason FROM held WHERE tag = $2";
    exec!(tx, sql, tag.as_str(), from.as_str())?;
    Ok(())
}
