//! Which builds would be in a set, and are not yet?

use crate::model::{PackageName, TagName};
use crate::store::db::{Error, Tx, Write, exec, fetch, parse, without_nul};

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

/// Says which builds of one package are held in a tag, in place of what was said before.
pub async fn set_held(tx: &mut Write, tag: &TagName, package: &PackageName, held: &[Held]) -> Result<(), Error> {
    exec!(tx, "DELETE FROM held WHERE tag = $1 AND package = $2", tag.as_str(), package.as_str())?;
    for build in held {
        let sql = "INSERT INTO held (tag, package, nvr, reason) VALUES ($1, $2, $3, $4)";
        exec!(tx, sql, tag.as_str(), package.as_str(), build.nvr.as_str(), without_nul(&build.reason))?;
    }
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
