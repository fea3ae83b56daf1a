//! Which external repositories are merged into which of ours, and what is known of each?
//!
//! By URL: a repository that hundreds of tags are joined with is looked at once. What its files say is not here.

use super::db::{Error, Tx, Write, exec, fetch, parse};
use crate::model::{Arch, Sha256, TagName};

/// What is known of an external repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Where it is, without a slash at its end.
    pub url: String,
    /// SHA-256 of the `repomd.xml` that the copy has; `None` until one was read.
    pub repomd: Option<Sha256>,
    /// Header `ETag` that came with it.
    pub etag: Option<String>,
    /// Header `Last-Modified` that came with it.
    pub last_modified: Option<String>,
    /// When the copy was made, in microseconds.
    pub changed_at: Option<i64>,
    /// When it was last looked at, in microseconds.
    pub tried_at: Option<i64>,
    /// Since when it cannot be read, in microseconds; `None` where the last look went well.
    pub failing_since: Option<i64>,
    /// How often in a row it could not be read.
    pub failures: i64,
    /// Why it could not.
    pub problem: Option<String>,
}

/// An external repository among those that a merged one is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The tag whose repository is merged.
    pub tag: TagName,
    /// Its arch.
    pub arch: Arch,
    /// Where it is, as [`Copy::url`].
    pub url: String,
    /// What the hub calls it.
    pub name: String,
    /// The tag that is joined with it: the tag itself, or one that it inherits from.
    pub via: TagName,
}

type Row = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    i64,
    Option<String>,
);

/// Returns all that are known, by URL.
pub async fn all(tx: &mut Tx) -> Result<Vec<Copy>, Error> {
    let sql = "SELECT url, repomd, etag, last_modified, changed_at, tried_at, failing_since, failures, problem \
               FROM external_copies ORDER BY url";
    fetch!(tx, Row, sql)?.into_iter().map(copy).collect()
}

/// Returns those that the merged repository of a tag and arch is made of, in their order.
pub async fn of(tx: &mut Tx, tag: &TagName, arch: &Arch) -> Result<Vec<(Use, Copy)>, Error> {
    let all = all(tx).await?;
    let uses = uses(tx).await?.into_iter().filter(|one| one.tag == *tag && one.arch == *arch);
    let with_copy = |one: Use| {
        let copy = all.iter().find(|copy| copy.url == one.url).cloned()?;
        Some((one, copy))
    };
    Ok(uses.filter_map(with_copy).collect())
}

fn copy(row: Row) -> Result<Copy, Error> {
    let (url, repomd, etag, last_modified, changed_at, tried_at, failing_since, failures, problem) = row;
    let repomd = repomd.map(|digest| parse("external_copies.repomd", &digest)).transpose()?;
    Ok(Copy { url, repomd, etag, last_modified, changed_at, tried_at, failing_since, failures, problem })
}

/// Returns what all merged repositories are made of, by tag, arch and place.
pub async fn uses(tx: &mut Tx) -> Result<Vec<Use>, Error> {
    let sql = "SELECT tag, arch, url, name, via FROM external_uses ORDER BY tag, arch, place";
    let one = |(tag, arch, url, name, via): (String, String, String, String, String)| {
        Ok(Use {
            tag: parse("external_uses.tag", &tag)?,
            arch: parse("external_uses.arch", &arch)?,
            url,
            name,
            via: parse("external_uses.via", &via)?,
        })
    };
    fetch!(tx, (String, String, String, String, String), sql)?.into_iter().map(one).collect()
}

/// Has the merged repository of a tag and arch be made of these, in this order, and of no others; returns whether any
/// is new to us.
pub async fn set_uses(tx: &mut Write, tag: &TagName, arch: &Arch, uses: &[Use]) -> Result<bool, Error> {
    exec!(tx, "DELETE FROM external_uses WHERE tag = $1 AND arch = $2", tag.as_str(), arch.as_str())?;
    let mut any_new = false;
    // A tag is joined with a handful.
    for (place, one) in uses.iter().enumerate() {
        let sql = "INSERT INTO external_copies (url, failures) VALUES ($1, 0) ON CONFLICT (url) DO NOTHING";
        any_new |= exec!(tx, sql, one.url.as_str())? > 0;
        let sql = "INSERT INTO external_uses (tag, arch, place, url, name, via) VALUES ($1, $2, $3, $4, $5, $6)";
        let (tag, arch, url, name, via) = (tag.as_str(), arch.as_str(), &*one.url, &*one.name, one.via.as_str());
        exec!(tx, sql, tag, arch, place as i64, url, name, via)?;
    }
    Ok(any_new)
}

/// Notes what came of a look.
pub async fn put(tx: &mut Write, copy: &Copy) -> Result<(), Error> {
    let sql = "UPDATE external_copies SET repomd = $2, etag = $3, last_modified = $4, changed_at = $5, tried_at = $6, \
               failing_since = $7, failures = $8, problem = $9 WHERE url = $1";
    exec!(
        tx,
        sql,
        copy.url.as_str(),
        copy.repomd.map(|digest| digest.to_string()),
        copy.etag.as_deref(),
        copy.last_modified.as_deref(),
        copy.changed_at,
        copy.tried_at,
        copy.failing_since,
        copy.failures,
        copy.problem.as_deref().map(super::db::without_nul).as_deref(),
    )?;
    Ok(())
}

/// Forgets the copy of a repository, which is to be read anew at once.
pub async fn distrust(tx: &mut Write, url: &str) -> Result<(), Error> {
    let sql =
        "UPDATE external_copies SET repomd = NULL, etag = NULL, last_modified = NULL, tried_at = NULL WHERE url = $1";
    exec!(tx, sql, url)?;
    Ok(())
}

/// Forgets all that no merged repository is made of.
pub async fn forget_unused(tx: &mut Write) -> Result<(), Error> {
    let sql = "DELETE FROM external_copies WHERE NOT EXISTS \
               (SELECT 1 FROM external_uses u WHERE u.url = external_copies.url)";
    exec!(tx, sql)?;
    Ok(())
}
