//! What did a tag mean, revision by revision? Lists of chunks; each chunk once, by digest.

use serde::{Deserialize, Serialize};

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_optional, from_json, parse, to_json, without_nul};
use crate::model::{Arch, Blake3, Chunk, PackageName, TagName};

/// A chunk of a revision: the first package in it, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The name of its first package.
    pub first: PackageName,
    /// BLAKE3 of its canonical bytes.
    pub digest: Blake3,
}

/// A numbered state of a tag's package set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// From 1, without gaps.
    pub number: i64,
    /// BLAKE3 over arches and chunks: equal sets, equal digests.
    pub digest: Blake3,
    /// The event it was read at.
    pub event_id: i64,
    /// The base arches it has repositories for.
    pub arches: Vec<Arch>,
    /// Its chunks, in the order of package names.
    pub chunks: Vec<ChunkRef>,
    /// How many builds are in it.
    pub builds: i64,
    /// How many RPM files are in it.
    pub rpms: i64,
    /// When it was made, in microseconds.
    pub made_at: i64,
}

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

type Row = (i64, String, i64, String, String, i64, i64, i64);

fn revision(row: Row) -> Result<Revision, Error> {
    let (number, digest, event_id, arches, chunks, builds, rpms, made_at) = row;
    Ok(Revision {
        number,
        digest: parse("pkgset_revisions.digest", &digest)?,
        event_id,
        arches: from_json("pkgset_revisions.arches", &arches)?,
        chunks: from_json("pkgset_revisions.chunks", &chunks)?,
        builds,
        rpms,
        made_at,
    })
}

/// Returns the newest revision of a tag.
pub async fn newest(tx: &mut Tx, tag: &TagName) -> Result<Option<Revision>, Error> {
    let sql = "SELECT number, digest, event_id, arches, chunks, builds, rpms, made_at FROM pkgset_revisions \
               WHERE tag = $1 ORDER BY number DESC LIMIT 1";
    fetch_optional!(tx, Row, sql, tag.as_str())?.map(revision).transpose()
}

/// Returns one revision of a tag.
pub async fn numbered(tx: &mut Tx, tag: &TagName, number: i64) -> Result<Option<Revision>, Error> {
    let sql = "SELECT number, digest, event_id, arches, chunks, builds, rpms, made_at FROM pkgset_revisions \
               WHERE tag = $1 AND number = $2";
    fetch_optional!(tx, Row, sql, tag.as_str(), number)?.map(revision).transpose()
}

/// What is newest of a tag, without its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The tag.
    pub tag: TagName,
    /// The number of its newest revision.
    pub number: i64,
    /// That revision's digest.
    pub digest: Blake3,
    /// The event it was read at.
    pub event_id: i64,
    /// The base arches it has repositories for.
    pub arches: Vec<Arch>,
    /// How many builds are in it.
    pub builds: i64,
    /// How many RPM files are in it.
    pub rpms: i64,
    /// When it was made, in microseconds.
    pub made_at: i64,
    /// How many builds are held.
    pub held: i64,
}

/// Returns what is newest: of one tag, or of all that have a revision.
pub async fn heads(tx: &mut Tx, tag: Option<&TagName>) -> Result<Vec<Head>, Error> {
    let sql = "SELECT r.tag, r.number, r.digest, r.event_id, r.arches, r.builds, r.rpms, r.made_at, \
               (SELECT COUNT(*) FROM held WHERE held.tag = r.tag) FROM pkgset_revisions r \
               JOIN (SELECT tag, MAX(number) AS number FROM pkgset_revisions GROUP BY tag) newest \
               ON newest.tag = r.tag AND newest.number = r.number \
               WHERE r.tag = COALESCE($1, r.tag) ORDER BY r.tag";
    let rows = fetch!(tx, (String, i64, String, i64, String, i64, i64, i64, i64), sql, tag.map(TagName::as_str))?;
    let mut heads = Vec::with_capacity(rows.len());
    for (tag, number, digest, event_id, arches, builds, rpms, made_at, held) in rows {
        heads.push(Head {
            tag: parse("pkgset_revisions.tag", &tag)?,
            number,
            digest: parse("pkgset_revisions.digest", &digest)?,
            event_id,
            arches: from_json("pkgset_revisions.arches", &arches)?,
            builds,
            rpms,
            made_at,
            held,
        });
    }
    Ok(heads)
}

/// Returns every tag that has a revision.
pub async fn tags(tx: &mut Tx) -> Result<Vec<TagName>, Error> {
    let rows = fetch!(tx, (String,), "SELECT DISTINCT tag FROM pkgset_revisions ORDER BY tag")?;
    rows.into_iter().map(|(tag,)| parse("pkgset_revisions.tag", &tag)).collect()
}

/// Keeps a revision. Its chunks must be kept already.
pub async fn put(tx: &mut Write, tag: &TagName, revision: &Revision) -> Result<(), Error> {
    let sql = "INSERT INTO pkgset_revisions (tag, number, digest, event_id, arches, chunks, builds, rpms, made_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    exec!(
        tx,
        sql,
        tag.as_str(),
        revision.number,
        revision.digest.to_string(),
        revision.event_id,
        to_json(&revision.arches),
        to_json(&revision.chunks),
        revision.builds,
        revision.rpms,
        revision.made_at,
    )?;
    Ok(())
}

/// Keeps a chunk, once; gives its reference, or `None` for an empty chunk, which no list holds.
pub async fn put_chunk(tx: &mut Write, chunk: &Chunk) -> Result<Option<ChunkRef>, Error> {
    let Some(first) = chunk.builds.first() else { return Ok(None) };
    let bytes = chunk.to_bytes();
    let digest = Blake3::of(&bytes);
    let packed = zstd::bulk::compress(&bytes, 3).map_err(|error| unpackable(&error))?;
    let sql = "INSERT INTO pkgset_chunks (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    exec!(tx, sql, digest.to_string(), packed)?;
    Ok(Some(ChunkRef { first: first.package().clone(), digest }))
}

fn unpackable(error: &dyn std::fmt::Display) -> Error {
    Error::Corrupt { column: "pkgset_chunks.content", why: error.to_string() }
}

/// Most bytes that one chunk may hold, unpacked.
const LARGEST_CHUNK: usize = 64 << 20;

/// Returns chunks by digest, in the order asked for.
pub async fn chunks(tx: &mut Tx, digests: &[Blake3]) -> Result<Vec<Chunk>, Error> {
    let sql = dialect!(
        tx,
        "SELECT digest, content FROM pkgset_chunks WHERE digest IN (SELECT value FROM json_each($1))",
        "SELECT digest, content FROM pkgset_chunks \
         WHERE digest IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let mut found = std::collections::HashMap::new();
    for (digest, packed) in fetch!(tx, (String, Vec<u8>), sql, to_json(&digests))? {
        let bytes = zstd::bulk::decompress(&packed, LARGEST_CHUNK).map_err(|error| unpackable(&error))?;
        let digest: Blake3 = parse("pkgset_chunks.digest", &digest)?;
        if Blake3::of(&bytes) != digest {
            return Err(unpackable(&"its digest is another"));
        }
        found.insert(digest, Chunk::from_bytes(&bytes).map_err(|error| unpackable(&error))?);
    }
    let missing = |digest: &Blake3| unpackable(&format!("{digest} is missing"));
    digests.iter().map(|digest| found.get(digest).cloned().ok_or_else(|| missing(digest))).collect()
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

/// Forgets revisions made before `before` (microseconds) that are not the newest of their tag and that
/// no generation and no compose names, and chunks that no revision names any more.
pub async fn forget(tx: &mut Write, before: i64) -> Result<(), Error> {
    let sql = "DELETE FROM pkgset_revisions WHERE made_at < $1 \
               AND number < (SELECT MAX(r.number) FROM pkgset_revisions r WHERE r.tag = pkgset_revisions.tag) \
               AND NOT EXISTS (SELECT 1 FROM generations g \
                   WHERE g.tag = pkgset_revisions.tag AND g.revision = pkgset_revisions.number) \
               AND NOT EXISTS (SELECT 1 FROM composes c \
                   WHERE c.tag = pkgset_revisions.tag AND c.revision = pkgset_revisions.number)";
    if exec!(tx, sql, before)? == 0 {
        return Ok(());
    }
    let sql = dialect!(
        tx,
        "DELETE FROM pkgset_chunks WHERE digest NOT IN \
         (SELECT json_extract(c.value, '$.digest') FROM pkgset_revisions r, json_each(r.chunks) c)",
        "DELETE FROM pkgset_chunks WHERE digest NOT IN \
         (SELECT c.value ->> 'digest' FROM pkgset_revisions r, json_array_elements(CAST(r.chunks AS JSON)) c)"
    );
    exec!(tx, sql)?;
    Ok(())
}
