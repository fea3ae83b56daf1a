//! How do merged repositories stand? Which are current, which are old, and why.

use std::collections::BTreeMap;

use super::At;
use crate::model::{Arch, TagName};
use crate::store::merged::{self, MergedGeneration};
use crate::store::{self, Tx, externals};

/// How a merged repository stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergedWord {
    /// It is made of what it should be, as of the last look.
    Current,
    /// It is the last that could be made, or of the last that could be read of an external repository.
    Stale,
    /// There is none yet.
    Missing,
}

impl MergedWord {
    /// Returns the word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Missing => "missing",
        }
    }
}

/// What is wrong with a merged repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when, in microseconds; `None` where an external repository was not looked at yet.
    pub since: Option<i64>,
    /// What; names tag and external repository.
    pub problem: String,
}

/// A merged repository, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedStanding {
    /// The tag.
    pub tag: TagName,
    /// The arch.
    pub arch: Arch,
    /// How it stands.
    pub word: MergedWord,
    /// What is shown.
    pub shown: Option<MergedGeneration>,
    /// What keeps it from being current.
    pub troubles: Vec<Trouble>,
}

/// Returns how the merged repositories stand, by tag and arch: those of one tag, or all.
///
/// # Errors
/// The state cannot be read.
pub async fn merged_standing(tx: &mut Tx, tag: Option<&TagName>) -> Result<Vec<MergedStanding>, store::Error> {
    let mut troubles: BTreeMap<At, Vec<Trouble>> = BTreeMap::new();
    for (tag, arch) in merged::known(tx).await? {
        troubles.entry(At { tag, arch }).or_default();
    }
    for problem in merged::problems(tx).await? {
        let trouble = Trouble { since: Some(problem.since), problem: problem.problem };
        troubles.entry(At { tag: problem.tag, arch: problem.arch }).or_default().push(trouble);
    }
    let copies: BTreeMap<_, _> = externals::all(tx).await?.into_iter().map(|copy| (copy.url.clone(), copy)).collect();
    for one in externals::uses(tx).await? {
        let Some(copy) = copies.get(&one.url) else { continue };
        let (name, url, via) = (&one.name, &one.url, &one.via);
        let trouble = match (&copy.problem, copy.repomd) {
            (Some(problem), _) => format!("external repository {name} of tag {via} ({url}) cannot be read: {problem}"),
            (None, None) => format!("external repository {name} of tag {via} ({url}) is not read yet"),
            (None, Some(_)) => continue,
        };
        let trouble = Trouble { since: copy.failing_since, problem: trouble };
        troubles.entry(At { tag: one.tag, arch: one.arch }).or_default().push(trouble);
    }
    let mut shown: BTreeMap<At, MergedGeneration> = BTreeMap::new();
    for one in merged::shown(tx, tag).await? {
        shown.insert(At { tag: one.tag.clone(), arch: one.arch.clone() }, one);
    }
    let wanted = troubles.into_iter().filter(|(at, _)| tag.is_none_or(|tag| *tag == at.tag));
    let standing = wanted.map(|(at, troubles)| {
        let shown = shown.remove(&at);
        let word = match (&shown, troubles.is_empty()) {
            (None, _) => MergedWord::Missing,
            (Some(_), true) => MergedWord::Current,
            (Some(_), false) => MergedWord::Stale,
        };
        MergedStanding { tag: at.tag, arch: at.arch, word, shown, troubles }
    });
    Ok(standing.collect())
}
