//! What do the chunks of package sets hold? Each once, by digest, packed.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::model::{Blake3, Chunk, PackageName};
use crate::store::db::{Error, Tx, Write, dialect, exec, fetch, parse, to_json};

/// A chunk of a revision: the first package in it, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The name of its first package.
    pub first: PackageName,
    /// BLAKE3 of its canonical bytes.
    pub digest: Blake3,
}

/// A chunk as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// What it is called.
    pub reference: ChunkRef,
    content: Vec<u8>,
}

impl Packed {
    /// Packs a chunk; `None` for an empty one, which no list holds.
    pub fn of(chunk: &Chunk) -> Result<Option<Self>, Error> {
        let Some(first) = chunk.builds.first() else { return Ok(None) };
        let bytes = chunk.to_bytes();
        let reference = ChunkRef { first: first.package().clone(), digest: Blake3::of(&bytes) };
        Ok(Some(Self { reference, content: pack(&bytes)? }))
    }
}

fn pack(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    zstd::bulk::compress(bytes, 3).map_err(|error| unpackable(&error))
}

fn unpackable(error: &dyn std::fmt::Display) -> Error {
    Error::Corrupt { column: "pkgset_chunks.content", why: error.to_string() }
}

/// Keeps a chunk, once; gives its reference, or `None` for an empty chunk, which no list holds.
pub async fn put_chunk(tx: &mut Write, chunk: &Chunk) -> Result<Option<ChunkRef>, Error> {
    let Some(first) = chunk.builds.first() else { return Ok(None) };
    let bytes = chunk.to_bytes();
    let digest = Blake3::of(&bytes);
    if known(tx, &[digest]).await?.is_empty() {
        insert(tx, &digest, pack(&bytes)?).await?;
    }
    Ok(Some(ChunkRef { first: first.package().clone(), digest }))
}

/// Keeps packed chunks, each once.
pub async fn put_packed(tx: &mut Write, chunks: Vec<Packed>) -> Result<(), Error> {
    let digests: Vec<Blake3> = chunks.iter().map(|chunk| chunk.reference.digest).collect();
    let known = known(tx, &digests).await?;
    for chunk in chunks.into_iter().filter(|chunk| !known.contains(&chunk.reference.digest)) {
        insert(tx, &chunk.reference.digest, chunk.content).await?;
    }
    Ok(())
}

async fn known(tx: &mut Tx, digests: &[Blake3]) -> Result<BTreeSet<Blake3>, Error> {
    let sql = dialect!(
        tx,
        "SELECT digest FROM pkgset_chunks WHERE digest IN (SELECT value FROM json_each($1))",
        "SELECT digest FROM pkgset_chunks \
         WHERE digest IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let rows = fetch!(tx, (String,), sql, to_json(&digests))?;
    rows.iter().map(|(digest,)| parse("pkgset_chunks.digest", digest)).collect()
}

async fn insert(tx: &mut Write, digest: &Blake3, content: Vec<u8>) -> Result<(), Error> {
    let sql = "INSERT INTO pkgset_chunks (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    exec!(tx, sql, digest.to_string(), content)?;
    Ok(())
}

/// Most bytes that one chunk may hold, unpacked.
const LARGEST_CHUNK: usize = 64 << 20;

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Error> {
    // The frame says how much it holds, so that no more is reserved than that.
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten().unwrap_or(u64::MAX);
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(LARGEST_CHUNK);
    zstd::bulk::decompress(packed, size).map_err(|error| unpackable(&error))
}

/// Returns chunks by digest, in the order asked for.
pub async fn chunks(tx: &mut Tx, digests: &[Blake3]) -> Result<Vec<Chunk>, Error> {
    let sql = dialect!(
        tx,
        "SELECT digest, content FROM pkgset_chunks WHERE digest IN (SELECT value FROM json_each($1))",
        "SELECT digest, content FROM pkgset_chunks \
         WHERE digest IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let mut found = HashMap::new();
    for (digest, packed) in fetch!(tx, (String, Vec<u8>), sql, to_json(&digests))? {
        let bytes = unpack(&packed)?;
        let digest: Blake3 = parse("pkgset_chunks.digest", &digest)?;
        if Blake3::of(&bytes) != digest {
            return Err(unpackable(&"its digest is another"));
        }
        found.insert(digest, Chunk::from_bytes(&bytes).map_err(|error| unpackable(&error))?);
    }
    let missing = |digest: &Blake3| unpackable(&format!("{digest} is missing"));
    digests.iter().map(|digest| found.get(digest).cloned().ok_or_else(|| missing(digest))).collect()
}
