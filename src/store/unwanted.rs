//! Which live repositories does nobody want any more, why, and which of them are gone?
//!
//! A row stays when its repository is removed: it says months later what became of it, and the numbers of generations go
//! on from it.

use super::db::{Error, Tx, Write, exec, fetch, parse};
use crate::model::{RepoName, TagName};

/// A repository that nobody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwanted {
    /// The tag.
    pub tag: TagName,
    /// Which of its repositories.
    pub repo: RepoName,
    /// Why nobody does.
    pub why: String,
    /// Since when, in microseconds.
    pub since: i64,
    /// The number of the last generation it had.
    pub last_number: i64,
    /// When it was removed, in microseconds; `None` while it is still shown.
    pub removed_at: Option<i64>,
}

type Row = (String, String, String, i64, i64, Option<i64>);

/// Returns all of them, by tag and repository.
pub async fn all(tx: &mut Tx) -> Result<Vec<Unwanted>, Error> {
    let sql = "SELECT tag, repo, why, since, last_number, removed_at FROM unwanted_repos ORDER BY tag, repo";
    let rows = fetch!(tx, Row, sql)?.into_iter();
    let of_row = |(tag, repo, why, since, last_number, removed_at): Row| {
        let (tag, repo) = (parse("unwanted_repos.tag", &tag)?, parse("unwanted_repos.repo", &repo)?);
        Ok(Unwanted { tag, repo, why, since, last_number, removed_at })
    };
    rows.map(of_row).collect()
}

/// Keeps that nobody wants a repository, in place of what was known of it.
pub async fn put(tx: &mut Write, unwanted: &Unwanted) -> Result<(), Error> {
    let sql = "INSERT INTO unwanted_repos (tag, repo, why, since, last_number, removed_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tag, repo) DO UPDATE SET why = excluded.why, \
               since = excluded.since, last_number = excluded.last_number, removed_at = excluded.removed_at";
    let Unwanted { tag, repo, why, since, last_number, removed_at } = unwanted;
    exec!(tx, sql, tag.as_str(), repo.to_string(), why.as_str(), *since, *last_number, *removed_at)?;
    Ok(())
}

/// Forgets that nobody wants a repository.
pub async fn forget(tx: &mut Write, tag: &TagName, repo: &RepoName) -> Result<(), Error> {
    exec!(tx, "DELETE FROM unwanted_repos WHERE tag = $1 AND repo = $2", tag.as_str(), repo.to_string())?;
    Ok(())
}
