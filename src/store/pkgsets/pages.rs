//! Of which chunks is a revision made? Pages of chunk references, each page once, by digest.
//!
//! A revision names some dozens of pages instead of hundreds of chunks, and only those pages are
//! written down that the revision before it did not have: as intervals of revision numbers
//! `[from, to)`. So a change of one package costs one page, shared by all tags that hold the same,
//! and two small rows per tag.

use std::collections::{BTreeMap, BTreeSet};

use super::ChunkRef;
use crate::model::{Blake3, TagName};
use crate::store::db::{Error, Tx, Write, dialect, exec, fetch, from_json, to_json};

/// On average, one chunk in this many begins a page.
const CHUNKS_PER_PAGE: u32 = 32;

/// Returns the chunks of a tag's newest revision.
pub(super) async fn newest(tx: &mut Tx, tag: &TagName) -> Result<Vec<ChunkRef>, Error> {
    let sql = "SELECT p.content FROM pkgset_places s JOIN pkgset_pages p ON p.digest = s.page \
               WHERE s.tag = $1 AND s.to_number IS NULL";
    joined(fetch!(tx, (String,), sql, tag.as_str())?)
}

/// Returns the chunks of one revision of a tag.
pub(super) async fn numbered(tx: &mut Tx, tag: &TagName, number: i64) -> Result<Vec<ChunkRef>, Error> {
    let sql = "SELECT p.content FROM pkgset_places s JOIN pkgset_pages p ON p.digest = s.page \
               WHERE s.tag = $1 AND s.to_number IS NULL AND s.from_number <= $2 \
               UNION ALL \
               SELECT p.content FROM pkgset_places s JOIN pkgset_pages p ON p.digest = s.page \
               WHERE s.tag = $1 AND s.to_number > $2 AND s.from_number <= $2";
    joined(fetch!(tx, (String,), sql, tag.as_str(), number)?)
}

fn joined(pages: Vec<(String,)>) -> Result<Vec<ChunkRef>, Error> {
    let mut chunks: Vec<ChunkRef> = Vec::new();
    for (content,) in pages {
        chunks.extend(from_json::<Vec<ChunkRef>>("pkgset_pages.content", &content)?);
    }
    chunks.sort_by(|a, b| a.first.cmp(&b.first));
    Ok(chunks)
}

/// Says that a tag has these chunks from revision `number` on.
pub(super) async fn put(tx: &mut Write, tag: &TagName, number: i64, chunks: &[ChunkRef]) -> Result<(), Error> {
    let sql = "SELECT page, first FROM pkgset_places WHERE tag = $1 AND to_number IS NULL";
    let before: BTreeSet<(String, String)> = fetch!(tx, (String, String), sql, tag.as_str())?.into_iter().collect();
    let mut pages: BTreeMap<(String, String), String> = BTreeMap::new();
    for page in cut(chunks) {
        let content = to_json(&page);
        let first = page.first().map(|chunk| chunk.first.to_string()).unwrap_or_default();
        pages.insert((Blake3::of(content.as_bytes()).to_string(), first), content);
    }
    for place in before.iter().filter(|place| !pages.contains_key(*place)) {
        let sql = "UPDATE pkgset_places SET to_number = $1 WHERE tag = $2 AND first = $3 AND to_number IS NULL";
        exec!(tx, sql, number, tag.as_str(), place.1.as_str())?;
    }
    for ((digest, first), content) in pages.iter().filter(|(place, _)| !before.contains(*place)) {
        let sql = "INSERT INTO pkgset_pages (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        exec!(tx, sql, digest.as_str(), content.as_str())?;
        let sql = "INSERT INTO pkgset_places (tag, first, page, from_number) VALUES ($1, $2, $3, $4)";
        exec!(tx, sql, tag.as_str(), first.as_str(), digest.as_str(), number)?;
    }
    Ok(())
}

/// Cuts references into pages, by content as chunks are, so that equal runs give equal pages.
fn cut(chunks: &[ChunkRef]) -> Vec<&[ChunkRef]> {
    let mut pages = Vec::new();
    let mut begin = 0;
    for at in 1..=chunks.len() {
        if chunks.get(at).is_none_or(begins) {
            pages.push(&chunks[begin..at]);
            begin = at;
        }
    }
    pages
}

fn begins(chunk: &ChunkRef) -> bool {
    let digest = Blake3::of(chunk.first.as_str().as_bytes());
    // The first bytes decide already that the name begins a chunk.
    let [_, _, _, _, a, b, c, d, ..] = *digest.as_bytes();
    u32::from_le_bytes([a, b, c, d]).is_multiple_of(CHUNKS_PER_PAGE)
}

/// Forgets the pages that only revision `number` of a tag, which is gone, had named.
pub(super) async fn forget(tx: &mut Write, tag: &TagName, number: i64) -> Result<BTreeSet<String>, Error> {
    // A page goes where its interval lies between the revisions that are left on either side.
    let sql = "DELETE FROM pkgset_places WHERE tag = $1 AND to_number > $2 \
               AND to_number <= (SELECT MIN(number) FROM pkgset_revisions WHERE tag = $1 AND number > $2) \
               AND from_number > (SELECT COALESCE(MAX(number), 0) FROM pkgset_revisions \
                   WHERE tag = $1 AND number < $2) RETURNING page";
    let rows = fetch!(tx, (String,), sql, tag.as_str(), number)?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

/// Removes those of the pages that no tag names any more, and then the chunks that no page names.
pub(super) async fn sweep(tx: &mut Write, pages: &BTreeSet<String>) -> Result<(), Error> {
    let sql = dialect!(
        tx,
        "DELETE FROM pkgset_pages WHERE digest IN (SELECT value FROM json_each($1)) \
         AND NOT EXISTS (SELECT 1 FROM pkgset_places s WHERE s.page = pkgset_pages.digest)",
        "DELETE FROM pkgset_pages WHERE digest IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON))) \
         AND NOT EXISTS (SELECT 1 FROM pkgset_places s WHERE s.page = pkgset_pages.digest)"
    );
    if exec!(tx, sql, to_json(pages))? == 0 {
        return Ok(());
    }
    let sql = dialect!(
        tx,
        "DELETE FROM pkgset_chunks WHERE digest NOT IN \
         (SELECT json_extract(c.value, '$.digest') FROM pkgset_pages p, json_each(p.content) c)",
        "DELETE FROM pkgset_chunks WHERE digest NOT IN \
         (SELECT c.value ->> 'digest' FROM pkgset_pages p, json_array_elements(CAST(p.content AS JSON)) c)"
    );
    exec!(tx, sql)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(from: usize, to: usize) -> Vec<ChunkRef> {
        let names = (from..to).map(|at| format!("p{at:05}"));
        names.map(|name| ChunkRef { digest: Blake3::of(name.as_bytes()), first: name.parse().unwrap() }).collect()
    }

    #[test]
    fn one_chunk_more_or_less_changes_one_page() {
        let all = chunks(0, 1000);
        let pages = cut(&all);
        assert!((20..50).contains(&pages.len()), "{}", pages.len());
        assert_eq!(pages.concat(), all);
        let less = [&all[..500], &all[501..]].concat();
        let changed = cut(&less).iter().filter(|page| !pages.contains(page)).count();
        assert!(changed <= 1, "{changed}");
        assert!(cut(&[]).is_empty());
    }
}
