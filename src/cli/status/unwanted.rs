//! Which repositories does nobody want any more? Those that are still shown.

use serde::Serialize;

use crate::cli::output::{age, time};
use crate::store::{self, Tx, unwanted as rows};

/// How many are shown on the screen.
const SHOWN: usize = 3;

/// A repository that is not kept current any more.
#[derive(Debug, Serialize)]
pub(super) struct Unwanted {
    pub tag: String,
    pub repo: String,
    pub reason: String,
    pub unwanted_since: String,
    #[serde(skip)]
    pub since: i64,
}

pub(super) async fn unwanted(tx: &mut Tx) -> Result<Vec<Unwanted>, store::Error> {
    let shown = rows::all(tx).await?.into_iter().filter(|one| one.removed_at.is_none());
    let unwanted = shown.map(|one| Unwanted {
        tag: one.tag.to_string(),
        repo: one.repo.to_string(),
        reason: one.why,
        unwanted_since: time(one.since),
        since: one.since,
    });
    Ok(unwanted.collect())
}

pub(super) fn lines(unwanted: &[Unwanted], now: i64) -> Vec<(&'static str, String)> {
    let line = |one: &Unwanted| {
        let Unwanted { tag, repo, reason, since, .. } = one;
        ("unwanted", format!("{tag}/{repo} for {}: {reason}", age(*since, now)))
    };
    let mut lines: Vec<_> = unwanted.iter().take(SHOWN).map(line).collect();
    if unwanted.len() > SHOWN {
        lines.push(("", format!("and {} more", unwanted.len() - SHOWN)));
    }
    lines
}
