//! Why are these builds of a package in the set of a tag, and not others?
//!
//! The build system's rows as they stand, each with its verdict, beside what the newest revision has: they differ while
//! something waits to be done, which is told too. Nothing is brought up to date here, and nobody is asked.

mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde::Serialize;

use super::select;
use super::standing::entries_of;
use super::trust::{Policy, Trust};
use super::{Error, Left, LeftFor, Order, Tags};
use crate::buildsys::{BuildFiles, Facts};
use crate::config::{FollowRule, Latest};
use crate::model::{Nevra, Nvr, PackageName, RpmEntry, TagName};
use crate::store::pkgsets;
use crate::store::tags::{NOW, PackageState, second_of};
use crate::store::verdicts::{self, Verdict as Worth};
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx, builds};
pub use verdict::Verdict;

/// What a tag makes of a package, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The tag.
    pub tag: TagName,
    /// The package.
    pub package: PackageName,
    /// The newest event at which its rows were read.
    pub event: i64,
    /// Whether a follow rule matches the tag: without one it has no set.
    pub followed: bool,
    /// How many builds of a package its set has at most; `None`: all.
    pub latest: Option<usize>,
    /// The word that counts on the package; `None`: there is none.
    pub word: Option<Word>,
    /// The tags in the order of inheritance, as far as they have rows of the package; the tag itself first.
    pub order: Vec<Way>,
    /// Links that were not followed.
    pub links_left: Vec<LeftLink>,
    /// What stands in these tags, and in those that are out of reach: in the order in which it counts.
    pub taggings: Vec<Tagging>,
    /// What the newest revision of the set has of the package; `None` before the first revision.
    pub set: Option<SetEntry>,
    /// What waits to be done, and may change all this.
    pub pending: Vec<Pending>,
}

/// A tag's word on a package, where it is the one that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Word {
    /// `listed` or `blocked`.
    pub word: &'static str,
    /// The tag that says so.
    pub by: TagName,
    /// Since which event.
    pub event: i64,
}

/// A tag in the order of inheritance. One may be there twice, by other ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The tag.
    pub tag: TagName,
    /// Its own word on the package; `None`: it has none.
    pub word: Option<&'static str>,
    /// The filters of the links that lead here.
    pub filters: Vec<String>,
    /// The one of them that the package does not pass: the tag's word does not count by this way, its builds do.
    pub filtered: Option<String>,
    /// Whether the last link leaves settings behind.
    pub noconfig: bool,
}

/// A link that was not followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftLink {
    /// Whose link it is.
    pub tag: TagName,
    /// What it leads to.
    pub parent: TagName,
    /// `intransitive` (it counts from its own tag only) or `depth` (a link before it lets so many follow and no more).
    pub why: &'static str,
}

/// A build that stands in a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tagging {
    /// The tag.
    pub tag: TagName,
    /// The build.
    pub nvr: Nvr,
    /// The event that tagged it.
    pub event: i64,
    /// The second of that event after 1970, where the event says so: those of a hub do not.
    pub second: Option<i64>,
    /// What becomes of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What a revision of the set has of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetEntry {
    /// The number of the revision.
    pub revision: i64,
    /// Its builds of the package, sorted by NVR.
    pub builds: Vec<Standing>,
}

/// A build in a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The build.
    pub nvr: Nvr,
    /// The tag it comes from.
    pub from: TagName,
    /// How many RPM files.
    pub rpms: usize,
    /// Those of them that do not verify, or of which that is not known, where the follow rule asks for it.
    pub unverified: Vec<Unverified>,
}

/// An RPM in a set that does not verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unverified {
    /// The RPM.
    pub rpm: Nevra,
    /// Why it does not, or why that is not known.
    pub why: String,
}

/// Something that waits to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Pending {
    /// The set is about to be brought up to date.
    Set,
    /// The hub is about to be asked about a tag.
    Hub {
        /// The tag.
        tag: TagName,
    },
    /// The files of a build are about to be found out about.
    Files {
        /// The build.
        nvr: Nvr,
    },
}

impl Tags {
    /// Explains what a tag makes of a package; `None`: there is no such tag.
    pub async fn explain(&self, tag: &TagName, package: &PackageName) -> Result<Option<Explanation>, Error> {
        let Some(facts) = self.buildsys.facts(tag, Some(std::slice::from_ref(package)), NOW).await? else {
            return Ok(None);
        };
        let order = Order::of(&facts);
        let ids: Vec<i64> = facts.tags.values().flat_map(|tag| &tag.taggings).map(|row| row.build_id).collect();
        let known: BTreeMap<i64, BuildFiles> =
            self.buildsys.builds(&ids).await?.into_iter().map(|files| (files.build.id, files)).collect();
        let rule = self.config.follow.for_tag(tag);
        let signatures = rule.map_or(&[None][..], |rule| &rule.signatures);
        let trust = self.looked_up(tag, rule, &known).await?;
        let candidates = select::candidates(&facts).remove(package).unwrap_or_default();
        let include_all = facts.tags.get(tag).and_then(|tag| tag.include_all);
        let latest = rule.map_or(Latest::Builds(NonZeroU32::MIN), |rule| rule.latest_of(include_all));
        let choice = select::choose(&candidates, &known, &Policy { signatures, latest, trust: trust.as_ref() });
        let judge = verdict::Judge {
            facts: &facts,
            order: &order,
            package,
            known: &known,
            candidates: &candidates,
            choice: &choice,
        };
        let mut tx = self.db.read().await?;
        let mut taggings = Vec::new();
        for (tag, standing) in judge.tags() {
            taggings.extend(standing.into_iter().map(|(nvr, event, verdict)| self.tagging(tag, nvr, event, verdict)));
            for (nvr, event) in builds::deleted_in(&mut tx, self.buildsys.id(), tag, package).await? {
                taggings.push(self.tagging(tag, nvr, event, Verdict::Deleted));
            }
        }
        Ok(Some(Explanation {
            tag: tag.clone(),
            package: package.clone(),
            event: facts.event,
            followed: rule.is_some(),
            latest: latest.limit(),
            word: judge.word().map(|(by, word, event)| Word { word: word_for(word), by: by.clone(), event }),
            order: ways(&facts, &order, package, &taggings),
            links_left: links_left(order.left()),
            set: set_entry(&mut tx, tag, package, trust.as_ref()).await?,
            pending: self.pending(&mut tx, tag, package, &facts, &known).await?,
            taggings,
        }))
    }

    /// Returns what is known of the signatures of these builds, where a rule asks for it.
    async fn looked_up(
        &self,
        tag: &TagName,
        rule: Option<&FollowRule>,
        known: &BTreeMap<i64, BuildFiles>,
    ) -> Result<Option<Trust>, Error> {
        let Some(rule) = rule else { return Ok(None) };
        let mut trust = self.trust(rule).await?;
        if let Some(trust) = &mut trust {
            self.look_up(trust, tag, known.values()).await?;
        }
        Ok(trust)
    }

    fn tagging(&self, tag: &TagName, nvr: Nvr, event: i64, verdict: Verdict) -> Tagging {
        let second = self.local().is_some().then(|| second_of(event));
        Tagging { tag: tag.clone(), nvr, event, second, verdict }
    }

    async fn pending(
        &self,
        tx: &mut Tx,
        tag: &TagName,
        package: &PackageName,
        facts: &Facts,
        known: &BTreeMap<i64, BuildFiles>,
    ) -> Result<Vec<Pending>, store::Error> {
        let mut pending = Vec::new();
        if is_woken(tx, Room::Tags, tag, package).await? {
            pending.push(Pending::Set);
        }
        for tag in facts.tags.keys() {
            if is_woken(tx, Room::Hub, tag, package).await? {
                pending.push(Pending::Hub { tag: tag.clone() });
            }
        }
        for (id, files) in known {
            if !wakeups::of(tx, Room::Files, &id.to_string()).await?.is_empty() {
                pending.push(Pending::Files { nvr: files.build.nvr.clone() });
            }
        }
        Ok(pending)
    }
}

/// Returns whether a tag is woken for a package, or whole.
async fn is_woken(tx: &mut Tx, room: Room, tag: &TagName, package: &PackageName) -> Result<bool, store::Error> {
    let woken = wakeups::of(tx, room, tag.as_str()).await?;
    Ok(woken.iter().any(|wake_up| wake_up.part.is_empty() || wake_up.part == package.as_str()))
}

/// Returns the visits that matter: the tag itself, and all that have rows of the package.
fn ways(facts: &Facts, order: &Order, package: &PackageName, taggings: &[Tagging]) -> Vec<Way> {
    let mut ways = Vec::new();
    for visit in order.visits() {
        let rows = facts.tags.get(&visit.tag).map_or(&[][..], |tag| &tag.packages);
        let word = rows.iter().find(|row| row.package == *package).map(|row| word_for(row.state));
        let holds = taggings.iter().any(|tagging| tagging.tag == visit.tag);
        if word.is_some() || holds || ways.is_empty() {
            ways.push(Way {
                tag: visit.tag.clone(),
                word,
                filters: visit.filters().map(ToOwned::to_owned).collect(),
                filtered: visit.filtered(package).map(ToOwned::to_owned),
                noconfig: visit.is_noconfig(),
            });
        }
    }
    ways
}

fn links_left(left: &[Left]) -> Vec<LeftLink> {
    let link = |left: &Left| LeftLink {
        tag: left.tag.clone(),
        parent: left.parent.clone(),
        why: match left.why {
            LeftFor::Intransitive => "intransitive",
            LeftFor::Depth => "depth",
        },
    };
    let mut links: Vec<LeftLink> = left.iter().map(link).collect();
    links.sort();
    links.dedup();
    links
}

fn word_for(state: PackageState) -> &'static str {
    match state {
        PackageState::Listed => "listed",
        PackageState::Blocked => "blocked",
    }
}

async fn set_entry(
    tx: &mut Tx,
    tag: &TagName,
    package: &PackageName,
    trust: Option<&Trust>,
) -> Result<Option<SetEntry>, store::Error> {
    let Some(revision) = pkgsets::newest(tx, tag).await? else { return Ok(None) };
    let mut standing = entries_of(tx, &revision.chunks, &BTreeSet::from([package])).await?;
    let mut builds = Vec::new();
    for build in standing.remove(package).unwrap_or_default() {
        let unverified = match trust {
            Some(trust) => unverified(tx, &build.rpms, trust).await?,
            None => Vec::new(),
        };
        builds.push(Standing { rpms: build.rpms.len(), nvr: build.nvr, from: build.from, unverified });
    }
    Ok(Some(SetEntry { revision: revision.number, builds }))
}

/// Returns which RPMs of a build in a set do not verify.
async fn unverified(tx: &mut Tx, rpms: &[RpmEntry], trust: &Trust) -> Result<Vec<Unverified>, store::Error> {
    let files = rpms.iter().map(|rpm| rpm.sha256).collect();
    let verdicts = verdicts::of(tx, &trust.keys, &files).await?;
    let mut unverified = Vec::new();
    for rpm in rpms {
        let why = match verdicts.get(&rpm.sha256) {
            Some(Worth::Good { .. }) => continue,
            Some(Worth::Bad { why }) => why.clone(),
            Some(Worth::Unknown { problem }) => problem.clone(),
            None => "its signature was not looked at yet".to_owned(),
        };
        unverified.push(Unverified { rpm: rpm.nevra.clone(), why });
    }
    Ok(unverified)
}
