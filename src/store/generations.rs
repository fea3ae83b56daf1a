//! Which generations of a live repository are there, and which one is shown?

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::db::{Error, Tx, Write, exec, fetch, fetch_optional, fetch_value, from_json, parse, to_json};
use crate::config::{Compression, Form};
use crate::model::{Blake3, RepoName, Sha256, TagName};

/// How far a generation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Its files are there; the pointer may have been swapped or not.
    Publishing,
    /// The pointer names it.
    Current,
    /// A later one is current; its files stay for readers that are under way.
    Kept,
}

impl GenerationState {
    /// Returns the name as stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Current => "current",
            Self::Kept => "kept",
        }
    }
}

impl FromStr for GenerationState {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Publishing, Self::Current, Self::Kept];
        all.into_iter().find(|state| state.name() == text).ok_or("is no state")
    }
}

/// A record that a generation has beside those of its packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// Its type.
    pub kind: String,
    /// The name of its file in `repodata/`.
    pub file: String,
    /// The file's digest.
    pub sha256: Sha256,
    /// The file's bytes.
    pub size: u64,
    /// Digest and number of the bytes when uncompressed, of a file that is compressed.
    pub open: Option<(Sha256, u64)>,
}

/// One published state of a live repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The tag.
    pub tag: TagName,
    /// Which of its repositories.
    pub repo: RepoName,
    /// From 1, rising.
    pub number: i64,
    /// The revision of the package set it shows.
    pub revision: i64,
    /// All that decides its bytes beside the packages, in words: two of one style are made the same way.
    pub style: String,
    /// How its metadata lies on disk.
    pub form: Form,
    /// How its segments are compressed.
    pub compression: Compression,
    /// BLAKE3 of the list of its segments.
    pub manifest: Blake3,
    /// SHA-256 of its `repomd.xml`.
    pub repomd: Sha256,
    /// The names of its data files in `repodata/`, those of `records` too.
    pub files: Vec<String>,
    /// What it has beside its packages.
    pub records: Vec<Extra>,
    /// The signature of its `repomd.xml`, armoured.
    pub signature: Option<String>,
    /// The pool its packages are reached through.
    pub pool: String,
    /// How many packages it lists.
    pub packages: i64,
    /// How far it has come.
    pub state: GenerationState,
    /// When it was made, in microseconds.
    pub made_at: i64,
    /// When a later one took its place, in microseconds.
    pub replaced_at: Option<i64>,
    /// How long after the first of what it shows that the one before did not, by the clock of the build system, it was
    /// shown, in microseconds; `None` where there is nothing that happened, or it is not known when.
    pub lag: Option<i64>,
}

/// The columns of a generation, in the order of the table.
#[derive(sqlx::FromRow)]
struct Row {
    tag: String,
    repo: String,
    number: i64,
    revision: i64,
    style: String,
    form: String,
    compression: String,
    manifest: String,
    repomd: String,
    files: String,
    records: String,
    signature: Option<String>,
    pool: String,
    packages: i64,
    state: String,
    made_at: i64,
    replaced_at: Option<i64>,
    lag: Option<i64>,
}

/// The query of whole generations, with what comes behind the table's name.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tag, repo, number, revision, style, form, compression, manifest, repomd, files, records, ",
            "signature, pool, packages, state, made_at, replaced_at, lag FROM generations ",
            $rest
        )
    };
}

fn generation(row: Row) -> Result<Generation, Error> {
    Ok(Generation {
        tag: parse("generations.tag", &row.tag)?,
        repo: parse("generations.repo", &row.repo)?,
        number: row.number,
        revision: row.revision,
        style: row.style,
        form: parse("generations.form", &row.form)?,
        compression: parse("generations.compression", &row.compression)?,
        manifest: parse("generations.manifest", &row.manifest)?,
        repomd: parse("generations.repomd", &row.repomd)?,
        files: from_json("generations.files", &row.files)?,
        records: from_json("generations.records", &row.records)?,
        signature: row.signature,
        pool: row.pool,
        packages: row.packages,
        state: parse("generations.state", &row.state)?,
        made_at: row.made_at,
        replaced_at: row.replaced_at,
        lag: row.lag,
    })
}

/// Returns all generations of one repository, the newest first.
pub async fn of_repo(tx: &mut Tx, tag: &TagName, repo: &RepoName) -> Result<Vec<Generation>, Error> {
    let sql = select!("WHERE tag = $1 AND repo = $2 ORDER BY number DESC");
    fetch!(tx, Row, sql, tag.as_str(), repo.to_string())?.into_iter().map(generation).collect()
}

/// Returns the generation of a repository that is shown.
pub async fn current(tx: &mut Tx, tag: &TagName, repo: &RepoName) -> Result<Option<Generation>, Error> {
    let sql = select!("WHERE tag = $1 AND repo = $2 AND state = 'current'");
    fetch_optional!(tx, Row, sql, tag.as_str(), repo.to_string())?.map(generation).transpose()
}

/// Returns the generation of a repository that was begun and is not known to be shown.
pub async fn begun(tx: &mut Tx, tag: &TagName, repo: &RepoName) -> Result<Option<Generation>, Error> {
    let sql = select!("WHERE tag = $1 AND repo = $2 AND state = 'publishing' ORDER BY number DESC LIMIT 1");
    fetch_optional!(tx, Row, sql, tag.as_str(), repo.to_string())?.map(generation).transpose()
}

/// Returns the newest generation of a repository that has a data file of this name.
pub async fn with_file(tx: &mut Tx, tag: &TagName, repo: &RepoName, file: &str) -> Result<Option<Generation>, Error> {
    let sql = select!("WHERE tag = $1 AND repo = $2 AND files LIKE $3 ORDER BY number DESC");
    // What the name may have that LIKE or JSON take for something else only makes more rows match.
    let about = format!("%{}%", to_json(&file));
    let rows = fetch!(tx, Row, sql, tag.as_str(), repo.to_string(), about)?;
    for row in rows {
        let one = generation(row)?;
        if one.files.iter().any(|there| there == file) {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// Returns all generations, by tag, repository and number.
pub async fn all(tx: &mut Tx) -> Result<Vec<Generation>, Error> {
    let sql = select!("ORDER BY tag, repo, number");
    fetch!(tx, Row, sql)?.into_iter().map(generation).collect()
}

/// Returns the generations that are shown: of one tag, or of all.
pub async fn shown(tx: &mut Tx, tag: Option<&TagName>) -> Result<Vec<Generation>, Error> {
    let sql = select!("WHERE state = 'current' AND tag = COALESCE($1, tag) ORDER BY tag, repo");
    fetch!(tx, Row, sql, tag.map(TagName::as_str))?.into_iter().map(generation).collect()
}

/// Returns how many generations are in each state.
pub async fn counts(tx: &mut Tx) -> Result<Vec<(GenerationState, i64)>, Error> {
    let rows = fetch!(tx, (String, i64), "SELECT state, COUNT(*) FROM generations GROUP BY state ORDER BY state")?;
    rows.into_iter().map(|(state, count)| Ok((parse("generations.state", &state)?, count))).collect()
}

/// Returns the number of the newest generation that a repository has or had before it was removed; 0 if it never had
/// any.
pub async fn last_number(tx: &mut Tx, tag: &TagName, repo: &RepoName) -> Result<i64, Error> {
    let sql = "SELECT COALESCE(MAX(number), 0) FROM (\
               SELECT number FROM generations WHERE tag = $1 AND repo = $2 UNION ALL \
               SELECT last_number FROM unwanted_repos WHERE tag = $1 AND repo = $2) numbers";
    Ok(fetch_value!(tx, i64, sql, tag.as_str(), repo.to_string())?)
}

/// Keeps a new generation. Its manifest must be kept already.
pub async fn put(tx: &mut Write, new: &Generation) -> Result<(), Error> {
    let sql = "INSERT INTO generations (tag, repo, number, revision, style, form, compression, manifest, repomd, \
               files, records, signature, pool, packages, state, made_at, replaced_at, lag) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    exec!(
        tx,
        sql,
        new.tag.as_str(),
        new.repo.to_string(),
        new.number,
        new.revision,
        new.style.as_str(),
        new.form.name(),
        new.compression.to_string(),
        new.manifest.to_string(),
        new.repomd.to_string(),
        to_json(&new.files),
        to_json(&new.records),
        new.signature.as_deref(),
        new.pool.as_str(),
        new.packages,
        new.state.name(),
        new.made_at,
        new.replaced_at,
        new.lag,
    )?;
    Ok(())
}

/// Makes a generation the current one, and the one before it a kept one.
pub async fn make_current(tx: &mut Write, new: &Generation, now: i64, lag: Option<i64>) -> Result<(), Error> {
    let (tag, repo, number) = (&new.tag, new.repo.to_string(), new.number);
    let sql =
        "UPDATE generations SET state = 'kept', replaced_at = $1 WHERE tag = $2 AND repo = $3 AND state = 'current'";
    exec!(tx, sql, now, tag.as_str(), repo.as_str())?;
    let sql = "UPDATE generations SET state = 'current', lag = $4 WHERE tag = $1 AND repo = $2 AND number = $3";
    exec!(tx, sql, tag.as_str(), repo.as_str(), number, lag)?;
    Ok(())
}

/// Moves a current generation to a later revision of the set that gives the same repository.
pub async fn set_revision(tx: &mut Write, of: &Generation, revision: i64) -> Result<(), Error> {
    let sql = "UPDATE generations SET revision = $1 WHERE tag = $2 AND repo = $3 AND number = $4";
    exec!(tx, sql, revision, of.tag.as_str(), of.repo.to_string(), of.number)?;
    Ok(())
}

/// Forgets a generation.
pub async fn remove(tx: &mut Write, of: &Generation) -> Result<(), Error> {
    let sql = "DELETE FROM generations WHERE tag = $1 AND repo = $2 AND number = $3";
    exec!(tx, sql, of.tag.as_str(), of.repo.to_string(), of.number)?;
    Ok(())
}

/// Forgets all generations of a repository.
pub async fn remove_all(tx: &mut Write, tag: &TagName, repo: &RepoName) -> Result<(), Error> {
    exec!(tx, "DELETE FROM generations WHERE tag = $1 AND repo = $2", tag.as_str(), repo.to_string())?;
    Ok(())
}

/// Keeps a list of segments, once, under its digest.
pub async fn put_manifest(tx: &mut Write, digest: &Blake3, content: &[u8]) -> Result<(), Error> {
    let sql = "INSERT INTO manifests (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    exec!(tx, sql, digest.to_string(), content)?;
    Ok(())
}

/// Returns a list of segments by its digest.
pub async fn manifest(tx: &mut Tx, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT content FROM manifests WHERE digest = $1";
    Ok(fetch_optional!(tx, (Vec<u8>,), sql, digest.to_string())?.map(|(content,)| content))
}

/// Returns the digests of all lists of segments that a generation names.
pub async fn manifests(tx: &mut Tx) -> Result<Vec<Blake3>, Error> {
    let rows = fetch!(tx, (String,), "SELECT DISTINCT manifest FROM generations ORDER BY manifest")?;
    rows.into_iter().map(|(digest,)| parse("generations.manifest", &digest)).collect()
}

/// Forgets lists of segments that no generation names.
pub async fn forget_manifests(tx: &mut Write) -> Result<(), Error> {
    let sql = "DELETE FROM manifests WHERE NOT EXISTS \
               (SELECT 1 FROM generations g WHERE g.manifest = manifests.digest)";
    exec!(tx, sql)?;
    Ok(())
}
