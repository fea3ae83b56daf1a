//! What does a tag have together with the external repositories that a hub joins it with? One more repository beside that
//! of each arch, merged by the rules by which Koji makes its build repositories.
//!
//! Off, unless a follow rule says `external_repos = "merge"`. The tag's own repositories are as they are without it. Which
//! packages of several repositories are taken is decided in `repotools::merge`, which external ones count in [`Plan`].
//!
//! What may surprise: external repositories are copied (their metadata), each once for all tags, and merged from the
//! copies. So one that is away keeps nobody from merging what changed of the tag's own, and one that hundreds of tags
//! are joined with is asked for once. A merged repository is named by a key of all that went in: where it is the same,
//! nothing is done. There is no row `publishing`: after a crash between `repomd.xml` and its row, merging again gives the
//! same bytes, and the row.

mod address;
mod copies;
mod made;
mod parts;
mod plan;
mod reconcile;
mod run;
mod sources;
mod standing;
#[cfg(test)]
mod tests;
mod tidy;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::model::{Arch, TagName};
use crate::store::merged::MergedGeneration;

pub use address::BadAddress;
pub use copies::LookError;
pub use parts::{ExternalPart, OwnPart, Parts};
pub use plan::{Mode, Refused};

pub use standing::{MergedStanding, MergedWord, Trouble, merged_standing};

use plan::Plan;

/// The arch of a tag whose repository is merged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    tag: TagName,
    arch: Arch,
}

impl At {
    /// Returns the name of the merged repository among those of the tag.
    fn name(&self) -> String {
        merged_name(&self.arch)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tag, self.name())
    }
}

/// Returns the name of the merged repository of an arch, which no repository of a tag's own has.
pub fn merged_name(arch: &Arch) -> String {
    format!("{arch}-merged")
}

/// Returns the body of `tannery.repo.merged`.
fn merged_body(new: &MergedGeneration, parts: &Parts, base_url: &str) -> Map<String, Value> {
    let external =
        |one: &ExternalPart| json!({ "name": one.name, "tag": one.tag, "url": one.url, "repomd_sha256": one.repomd });
    let name = merged_name(&new.arch);
    let body = json!({
        "tag": new.tag,
        "repo": name,
        "arch": new.arch,
        "generation": new.number,
        "key": new.key,
        "why": new.why,
        "own": {
            "generation": parts.own.generation,
            "revision": parts.own.revision,
            "repomd_sha256": parts.own.repomd,
        },
        "external": parts.external.iter().map(external).collect::<Vec<_>>(),
        "mode": parts.mode,
        "repomd_sha256": new.repomd,
        "packages": new.packages,
        "url": format!("{base_url}/repos/{}/{name}/", new.tag),
    });
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}
