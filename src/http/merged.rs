//! How do the repositories stand that are merged with external ones? As tags show them.
//!
//! Why one is old stays with those who run the service: it may name hosts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::moment::moment;
use crate::model::{Arch, TagName};
use crate::repos::{MergedStanding, merged_name, merged_standing};
use crate::store::{self, Tx};

/// A merged repository.
#[derive(Debug, Serialize)]
pub(super) struct Merged {
    pub name: String,
    pub arch: Arch,
    /// `current`, `stale` (the last that could be made) or `missing`: there is none yet.
    pub state: &'static str,
    pub stale_since: Option<String>,
    pub generation: Option<i64>,
    pub key: Option<String>,
    pub packages: Option<i64>,
    pub made_at: Option<String>,
    pub url: String,
    /// The ready file for dnf.
    pub repo_file: String,
}

/// Returns the merged repositories of one tag, or all, by tag.
pub(super) async fn by_tag(
    tx: &mut Tx,
    tag: Option<&TagName>,
    url: &str,
) -> Result<BTreeMap<TagName, Vec<Merged>>, store::Error> {
    let mut all: BTreeMap<TagName, Vec<Merged>> = BTreeMap::new();
    for standing in merged_standing(tx, tag).await? {
        let at = format!("{url}/repos/{}/{}", standing.tag, merged_name(&standing.arch));
        all.entry(standing.tag.clone()).or_default().push(merged(standing, &at));
    }
    Ok(all)
}

fn merged(standing: MergedStanding, at: &str) -> Merged {
    let shown = standing.shown.as_ref();
    Merged {
        name: merged_name(&standing.arch),
        state: standing.word.name(),
        stale_since: standing.troubles.iter().filter_map(|trouble| trouble.since).min().map(moment),
        generation: shown.map(|shown| shown.number),
        key: shown.map(|shown| shown.key.to_string()),
        packages: shown.map(|shown| shown.packages),
        made_at: shown.map(|shown| moment(shown.made_at)),
        url: format!("{at}/"),
        repo_file: format!("{at}.repo"),
        arch: standing.arch,
    }
}
