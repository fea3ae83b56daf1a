//! Which generations of merged repositories are there, of what are they made, and what is wrong with the next one?

use std::str::FromStr;

use super::db::{Error, Tx, Write, exec, fetch, fetch_value, from_json, parse, to_json, without_nul};
use crate::model::{Arch, Blake3, Sha256, TagName};

/// How a generation stands to its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergedState {
    /// It is shown.
    Current,
    /// A later one is; its files stay for readers that are under way.
    Kept,
}

impl MergedState {
    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Kept => "kept",
        }
    }
}

impl FromStr for MergedState {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let both = [Self::Current, Self::Kept];
        both.into_iter().find(|state| state.name() == text).ok_or("is no state")
    }
}

/// One state of the repository that is merged from a tag's own and external ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedGeneration {
    /// The tag.
    pub tag: TagName,
    /// The arch.
    pub arch: Arch,
    /// From 1, rising.
    pub number: i64,
    /// Names all that went in and how: of equal keys, equal repositories are made.
    pub key: Blake3,
    /// What the key is made of, as JSON.
    pub parts: String,
    /// By what it differs from the one before, in words.
    pub why: Vec<String>,
    /// The generation of the tag's own repository that is in it.
    pub own: i64,
    /// SHA-256 of its `repomd.xml`.
    pub repomd: Sha256,
    /// The names of its files in `repodata/`.
    pub files: Vec<String>,
    /// The signature of its `repomd.xml`, armoured.
    pub signature: Option<String>,
    /// How many packages it lists.
    pub packages: i64,
    /// Whether it is shown.
    pub state: MergedState,
    /// When it was made, in microseconds.
    pub made_at: i64,
    /// When a later one took its place, in microseconds.
    pub replaced_at: Option<i64>,
}

/// Why a merged repository cannot be made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The tag.
    pub tag: TagName,
    /// The arch.
    pub arch: Arch,
    /// Since when, in microseconds.
    pub since: i64,
    /// What is wrong.
    pub problem: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    tag: String,
    arch: String,
    number: i64,
    key: String,
    parts: String,
    why: String,
    own: i64,
    repomd: String,
    files: String,
    signature: Option<String>,
    packages: i64,
    state: String,
    made_at: i64,
    replaced_at: Option<i64>,
}

fn generation(row: Row) -> Result<MergedGeneration, Error> {
    Ok(MergedGeneration {
        tag: parse("merged_generations.tag", &row.tag)?,
        arch: parse("merged_generations.arch", &row.arch)?,
        number: row.number,
        key: parse("merged_generations.key", &row.key)?,
        parts: row.parts,
        why: from_json("merged_generations.why", &row.why)?,
        own: row.own,
        repomd: parse("merged_generations.repomd", &row.repomd)?,
        files: from_json("merged_generations.files", &row.files)?,
        signature: row.signature,
        packages: row.packages,
        state: parse("merged_generations.state", &row.state)?,
        made_at: row.made_at,
        replaced_at: row.replaced_at,
    })
}

/// Returns all generations of one merged repository, the newest first.
pub async fn of_repo(tx: &mut Tx, tag: &TagName, arch: &Arch) -> Result<Vec<MergedGeneration>, Error> {
    let sql = "SELECT tag, arch, number, key, parts, why, own, repomd, files, signature, packages, state, made_at, \
               replaced_at FROM merged_generations WHERE tag = $1 AND arch = $2 ORDER BY number DESC";
    fetch!(tx, Row, sql, tag.as_str(), arch.as_str())?.into_iter().map(generation).collect()
}

/// Returns the generation of a merged repository that is shown.
pub async fn current(tx: &mut Tx, tag: &TagName, arch: &Arch) -> Result<Option<MergedGeneration>, Error> {
    let all = of_repo(tx, tag, arch).await?;
    Ok(all.into_iter().find(|one| one.state == MergedState::Current))
}

/// Returns the generations that are shown: of one tag, or of all.
pub async fn shown(tx: &mut Tx, tag: Option<&TagName>) -> Result<Vec<MergedGeneration>, Error> {
    let sql = "SELECT tag, arch, number, key, parts, why, own, repomd, files, signature, packages, state, made_at, \
               replaced_at FROM merged_generations WHERE state = 'current' AND tag = COALESCE($1, tag) \
               ORDER BY tag, arch";
    fetch!(tx, Row, sql, tag.map(TagName::as_str))?.into_iter().map(generation).collect()
}

/// Returns which merged repositories anything is known of, by tag and arch.
pub async fn known(tx: &mut Tx) -> Result<Vec<(TagName, Arch)>, Error> {
    let sql = "SELECT tag, arch FROM merged_generations UNION SELECT tag, arch FROM external_uses \
               UNION SELECT tag, arch FROM merged_problems ORDER BY 1, 2";
    let rows = fetch!(tx, (String, String), sql)?.into_iter();
    rows.map(|(tag, arch)| Ok((parse("merged_generations.tag", &tag)?, parse("merged_generations.arch", &arch)?)))
        .collect()
}

/// Returns the generations of the own repository of a tag and arch that kept merged ones are made of.
pub async fn needed(tx: &mut Tx, tag: &TagName, arch: &Arch) -> Result<Vec<i64>, Error> {
    let sql = "SELECT DISTINCT own FROM merged_generations WHERE tag = $1 AND arch = $2 ORDER BY own";
    Ok(fetch!(tx, (i64,), sql, tag.as_str(), arch.as_str())?.into_iter().map(|(own,)| own).collect())
}

/// Returns the number of a merged repository's newest generation; 0 if there is none.
pub async fn last_number(tx: &mut Tx, tag: &TagName, arch: &Arch) -> Result<i64, Error> {
    let sql = "SELECT COALESCE(MAX(number), 0) FROM merged_generations WHERE tag = $1 AND arch = $2";
    Ok(fetch_value!(tx, i64, sql, tag.as_str(), arch.as_str())?)
}

/// Keeps a generation that is shown from now on; the one before it is kept.
pub async fn put(tx: &mut Write, new: &MergedGeneration) -> Result<(), Error> {
    let sql = "UPDATE merged_generations SET state = 'kept', replaced_at = $1 \
               WHERE tag = $2 AND arch = $3 AND state = 'current'";
    exec!(tx, sql, new.made_at, new.tag.as_str(), new.arch.as_str())?;
    let sql = "INSERT INTO merged_generations (tag, arch, number, key, parts, why, own, repomd, files, signature, packages, \
               state, made_at, replaced_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    exec!(
        tx,
        sql,
        new.tag.as_str(),
        new.arch.as_str(),
        new.number,
        new.key.to_string(),
        new.parts.as_str(),
        to_json(&new.why),
        new.own,
        new.repomd.to_string(),
        to_json(&new.files),
        new.signature.as_deref(),
        new.packages,
        new.state.name(),
        new.made_at,
        new.replaced_at,
    )?;
    Ok(())
}

/// Says of a generation that what has another key is the same, byte for byte.
pub async fn rekey(tx: &mut Write, of: &MergedGeneration) -> Result<(), Error> {
    let sql = "UPDATE merged_generations SET key = $4, parts = $5, own = $6, signature = $7 \
               WHERE tag = $1 AND arch = $2 AND number = $3";
    let key = of.key.to_string();
    let (tag, arch, parts) = (of.tag.as_str(), of.arch.as_str(), of.parts.as_str());
    exec!(tx, sql, tag, arch, of.number, key, parts, of.own, of.signature.as_deref())?;
    Ok(())
}

/// Forgets one generation.
pub async fn remove(tx: &mut Write, of: &MergedGeneration) -> Result<(), Error> {
    let sql = "DELETE FROM merged_generations WHERE tag = $1 AND arch = $2 AND number = $3";
    exec!(tx, sql, of.tag.as_str(), of.arch.as_str(), of.number)?;
    Ok(())
}

/// Forgets all that is known of a merged repository.
pub async fn forget(tx: &mut Write, tag: &TagName, arch: &Arch) -> Result<(), Error> {
    exec!(tx, "DELETE FROM merged_generations WHERE tag = $1 AND arch = $2", tag.as_str(), arch.as_str())?;
    exec!(tx, "DELETE FROM merged_problems WHERE tag = $1 AND arch = $2", tag.as_str(), arch.as_str())?;
    exec!(tx, "DELETE FROM external_uses WHERE tag = $1 AND arch = $2", tag.as_str(), arch.as_str())?;
    Ok(())
}

/// Returns what is wrong with any, by tag and arch.
pub async fn problems(tx: &mut Tx) -> Result<Vec<Problem>, Error> {
    let sql = "SELECT tag, arch, since, problem FROM merged_problems ORDER BY tag, arch";
    let problem = |(tag, arch, since, problem): (String, String, i64, String)| {
        let (tag, arch) = (parse("merged_problems.tag", &tag)?, parse("merged_problems.arch", &arch)?);
        Ok(Problem { tag, arch, since, problem })
    };
    fetch!(tx, (String, String, i64, String), sql)?.into_iter().map(problem).collect()
}

/// Notes what is wrong with a merged repository; returns whether that is new.
pub async fn put_problem(tx: &mut Write, new: &Problem) -> Result<bool, Error> {
    let sql = "INSERT INTO merged_problems (tag, arch, since, problem) VALUES ($1, $2, $3, $4) ON CONFLICT (tag, arch) \
               DO UPDATE SET problem = excluded.problem WHERE merged_problems.problem <> excluded.problem";
    Ok(exec!(tx, sql, new.tag.as_str(), new.arch.as_str(), new.since, &*without_nul(&new.problem))? > 0)
}

/// Notes that nothing is wrong with a merged repository; returns whether something was.
pub async fn solved(tx: &mut Write, tag: &TagName, arch: &Arch) -> Result<bool, Error> {
    let sql = "DELETE FROM merged_problems WHERE tag = $1 AND arch = $2";
    Ok(exec!(tx, sql, tag.as_str(), arch.as_str())? > 0)
}
