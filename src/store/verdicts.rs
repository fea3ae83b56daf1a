//! What are the signatures of RPM files worth? By file and keys, once and for all.
//!
//! A verdict goes with the row of its file; verdicts by keys that nobody names any more are forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::db::{Error, Tx, Write, dialect, exec, fetch, parse, to_json, without_nul};
use crate::model::{Blake3, Sha256};

/// How many files are asked for at a time.
const AT_ONCE: usize = 1000;

/// What the signatures of a file are worth by some keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// One is good.
    Good {
        /// The fingerprint of the key that made it.
        key: String,
    },
    /// None is.
    Bad {
        /// Why, in words.
        why: String,
    },
    /// That could not be said; it is tried again.
    Unknown {
        /// What went wrong.
        problem: String,
    },
}

impl Verdict {
    fn columns(&self) -> (&'static str, &str) {
        match self {
            Self::Good { key } => ("good", key),
            Self::Bad { why } => ("bad", why),
            Self::Unknown { problem } => ("unknown", problem),
        }
    }

    fn of_columns(verdict: &str, word: String) -> Self {
        match verdict {
            "good" => Self::Good { key: word },
            "bad" => Self::Bad { why: word },
            _ => Self::Unknown { problem: word },
        }
    }
}

/// Returns the verdicts on files by the keys of this digest; a file that was never tried has none.
pub async fn of(tx: &mut Tx, keys: &Blake3, files: &BTreeSet<Sha256>) -> Result<BTreeMap<Sha256, Verdict>, Error> {
    let sql = dialect!(
        tx,
        "SELECT v.sha256, v.verdict, v.word FROM json_each($2) j CROSS JOIN verdicts v \
         ON v.sha256 = j.value AND v.keys = $1",
        "SELECT v.sha256, v.verdict, v.word FROM json_array_elements_text(CAST($2 AS JSON)) j(value) \
         JOIN verdicts v ON v.sha256 = j.value AND v.keys = $1"
    );
    let (keys, files) = (keys.to_string(), files.iter().collect::<Vec<_>>());
    let mut found = BTreeMap::new();
    for some in files.chunks(AT_ONCE) {
        for (sha256, verdict, word) in fetch!(tx, (String, String, String), sql, keys.as_str(), to_json(&some))? {
            found.insert(parse("verdicts.sha256", &sha256)?, Verdict::of_columns(&verdict, word));
        }
    }
    Ok(found)
}

/// Keeps the verdict on a file by the keys of this digest; gives whether it is news. A file whose row is gone has none.
pub async fn put(tx: &mut Write, keys: &Blake3, file: &Sha256, verdict: &Verdict) -> Result<bool, Error> {
    let sql = "INSERT INTO verdicts (sha256, keys, verdict, word) SELECT sha256, $2, $3, $4 FROM rpms WHERE sha256 = $1 \
               ON CONFLICT (sha256, keys) DO UPDATE SET verdict = excluded.verdict, word = excluded.word \
               WHERE verdicts.verdict <> excluded.verdict OR verdicts.word <> excluded.word";
    let (verdict, word) = verdict.columns();
    Ok(exec!(tx, sql, file.to_string(), keys.to_string(), verdict, without_nul(word))? > 0)
}

/// Forgets all verdicts but those by the keys of these digests; gives how many.
pub async fn forget_others(tx: &mut Write, keys: &BTreeSet<Blake3>) -> Result<u64, Error> {
    let sql = dialect!(
        tx,
        "DELETE FROM verdicts WHERE keys NOT IN (SELECT value FROM json_each($1))",
        "DELETE FROM verdicts WHERE keys NOT IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    Ok(exec!(tx, sql, to_json(keys))?)
}
