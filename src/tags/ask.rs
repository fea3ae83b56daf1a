//! What do the build system's rows amount to? Asked for the packages that may have changed, for those
//! that differ from another tag's set, or for all.
//!
//! Nothing is written here, and no write transaction is open: a large tag takes its time.

use std::collections::{BTreeMap, BTreeSet};

use super::pkgset::{self, Cutter, Size};
use super::select::{self, Candidate, Choice, Wanted};
use super::trust::Policy;
use super::{Error, Order, Tags};
use crate::buildsys::{BuildFiles, Facts};
use crate::config::{FollowRule, Latest};
use crate::model::{Arch, PackageName, TagName};
use crate::store;
use crate::store::pkgsets::{self, Held, Packed, Revision};
use crate::store::tags::NOW;
use crate::store::wakeups::{self, Room, WakeUp};

/// Past so many packages to look at, the whole tag is looked at, if they are not few of what it has.
pub(super) const WHOLE_FROM: usize = 1000;

/// How many packages are decided at once: what bounds memory.
const AT_ONCE: usize = 500;

/// How many of the tags that a tag inherits from are tried as a beginning.
const NEAREST: usize = 64;

/// Returns whether a tag with a set of so many builds is looked at whole, and not at so many packages.
pub(super) fn is_for_whole(packages: usize, builds: i64) -> bool {
    packages > WHOLE_FROM.max(usize::try_from(builds / 2).unwrap_or(usize::MAX))
}

/// What the build system's rows amount to.
#[derive(Debug)]
pub(super) struct Answer {
    pub event: i64,
    pub arches: Vec<Arch>,
    pub set: NewSet,
    /// What is to be learned of its builds.
    pub wanted: Wanted,
    /// When the first happened that it was asked for; see [`WakeUp::caused`].
    pub caused: Option<i64>,
}

impl Answer {
    fn of(facts: &Facts, rule: &FollowRule, set: NewSet, wanted: Wanted) -> Self {
        Self { event: facts.event, arches: arches(facts, rule), set, wanted, caused: None }
    }
}

/// A package set that is to be.
#[derive(Debug)]
pub(super) enum NewSet {
    /// The newest one, but for these packages.
    Patched(BTreeMap<PackageName, Choice>),
    /// The newest one of another tag, but for these packages.
    Like(TagName, Revision, BTreeMap<PackageName, Choice>),
    /// All of it, cut and packed, how much it is, and what is held.
    Whole(Vec<Packed>, Size, Vec<Held>),
}

impl Tags {
    /// Asks for what woke a tag; for everything where it has no set `before`. `None`: there is no such tag.
    pub(super) async fn ask(
        &self,
        tag: &TagName,
        rule: &FollowRule,
        wake_ups: &[WakeUp],
        before: Option<&Revision>,
    ) -> Result<Option<Answer>, Error> {
        let is_for_whole = before.is_none_or(|before| is_for_whole(wake_ups.len(), before.builds));
        if is_for_whole || wake_ups.iter().any(|wake_up| wake_up.part.is_empty()) {
            return self.ask_whole(tag, rule).await;
        }
        let packages = packages_of(wake_ups)?;
        let Some(facts) = self.buildsys.facts(tag, Some(&packages), NOW).await? else { return Ok(None) };
        let (choices, wanted) = self.choices(&facts, packages, rule).await?;
        Ok(Some(Answer::of(&facts, rule, NewSet::Patched(choices), wanted)))
    }

    async fn ask_whole(&self, tag: &TagName, rule: &FollowRule) -> Result<Option<Answer>, Error> {
        let Some(links) = self.buildsys.facts(tag, Some(&[]), NOW).await? else { return Ok(None) };
        if let Some((other, revision, packages)) = self.beginning(&links, rule).await? {
            let Some(facts) = self.buildsys.facts(tag, Some(&packages), NOW).await? else { return Ok(None) };
            // A link that was edited meanwhile may have made it another order.
            if same_links(&links, &facts) {
                let (choices, wanted) = self.choices(&facts, packages, rule).await?;
                return Ok(Some(Answer::of(&facts, rule, NewSet::Like(other, revision, choices), wanted)));
            }
        }
        let Some(facts) = self.buildsys.facts(tag, None, NOW).await? else { return Ok(None) };
        let (set, wanted) = self.all(&facts, rule).await?;
        Ok(Some(Answer::of(&facts, rule, set, wanted)))
    }

    /// Returns a tag whose set this one's is but for some packages, with that set and those packages.
    ///
    /// Both must ask for the same signatures, verified alike, and for as many builds of a package, and all visits of its
    /// order must be among ours. Then only
    /// packages can differ of which a tag that we visit besides has rows, or that the other tag itself
    /// has not looked at yet. Of several such tags, the one with the largest set is taken.
    async fn beginning(
        &self,
        links: &Facts,
        rule: &FollowRule,
    ) -> Result<Option<(TagName, Revision, Vec<PackageName>)>, Error> {
        let order = Order::of(links);
        let mut tx = self.db.read().await?;
        let mut best: Option<(i64, &TagName, Vec<TagName>)> = None;
        for other in order.tags().into_iter().skip(1).take(NEAREST) {
            let latest = |rule: &FollowRule, tag| rule.latest_of(links.tags.get(tag).and_then(|tag| tag.include_all));
            let alike = |theirs: &FollowRule| {
                theirs.signatures == rule.signatures
                    && theirs.verify == rule.verify
                    && latest(theirs, other) == latest(rule, &links.root)
            };
            if !self.config.follow.for_tag(other).is_some_and(alike) {
                continue;
            }
            let Some(beyond) = order.beyond(&Order::from(links, other)) else { continue };
            let size = pkgsets::newest_size(&mut tx, other).await?.map_or(0, |(_, builds)| builds);
            if size > best.as_ref().map_or(0, |(most, ..)| *most) {
                best = Some((size, other, beyond));
            }
        }
        let Some((size, other, beyond)) = best else { return Ok(None) };
        let woken = wakeups::of(&mut tx, Room::Tags, other.as_str()).await?;
        let Some(revision) = pkgsets::newest(&mut tx, other).await? else { return Ok(None) };
        drop(tx);
        if woken.iter().any(|wake_up| wake_up.part.is_empty()) {
            return Ok(None);
        }
        let mut packages: BTreeSet<PackageName> = self.buildsys.own_packages(&beyond, NOW).await?;
        packages.extend(packages_of(&woken)?);
        if is_for_whole(packages.len(), size) {
            return Ok(None);
        }
        Ok(Some((other.clone(), revision, packages.into_iter().collect())))
    }

    /// Decides on these packages; on one that is in no tag too.
    async fn choices(
        &self,
        facts: &Facts,
        packages: Vec<PackageName>,
        rule: &FollowRule,
    ) -> Result<(BTreeMap<PackageName, Choice>, Wanted), Error> {
        let (mut candidates, mut choices) = (select::candidates(facts), BTreeMap::new());
        while let Some(some) = take_some(&mut candidates) {
            choices.extend(self.decide(facts, some, rule).await?);
        }
        let mut wanted = Wanted::default();
        choices.values().for_each(|choice| wanted.add(choice));
        for package in packages {
            choices.entry(package).or_default();
        }
        Ok((choices, wanted))
    }

    /// Decides on every package.
    pub(super) async fn all(&self, facts: &Facts, rule: &FollowRule) -> Result<(NewSet, Wanted), Error> {
        let mut candidates = select::candidates(facts);
        let (mut cutter, mut held, mut wanted) = (Cutter::default(), Vec::new(), Wanted::default());
        while let Some(some) = take_some(&mut candidates) {
            let mut builds = Vec::new();
            for choice in self.decide(facts, some, rule).await?.into_values() {
                wanted.add(&choice);
                builds.extend(pkgset::in_order(choice.entries));
                held.extend(choice.held);
            }
            cutter.push(builds)?;
        }
        let (packed, size) = cutter.finish()?;
        Ok((NewSet::Whole(packed, size, held), wanted))
    }

    /// Decides on every package; files are read only of builds that come into question.
    async fn decide(
        &self,
        facts: &Facts,
        candidates: BTreeMap<PackageName, Vec<Candidate>>,
        rule: &FollowRule,
    ) -> Result<BTreeMap<PackageName, Choice>, Error> {
        let (mut choices, mut trust) = (BTreeMap::new(), self.trust(rule).await?);
        let mut open: Vec<(PackageName, Vec<Candidate>)> = candidates.into_iter().collect();
        let mut builds: BTreeMap<i64, BuildFiles> = BTreeMap::new();
        let latest = latest(facts, rule);
        let (mut from, mut depth) = (0, latest.limit().unwrap_or(usize::MAX));
        while !open.is_empty() {
            let next = open.iter().flat_map(|(_, list)| list.iter().take(depth).skip(from));
            let ids: Vec<i64> = next.map(|candidate| candidate.build_id).collect();
            let read = self.buildsys.builds(&ids).await?;
            if let Some(trust) = &mut trust {
                self.look_up(trust, &facts.root, read.iter()).await?;
            }
            builds.extend(read.into_iter().map(|files| (files.build.id, files)));
            let policy = Policy { signatures: &rule.signatures, latest, trust: trust.as_ref() };
            let mut undecided = Vec::new();
            for (package, list) in open {
                let looked_at = &list[..depth.min(list.len())];
                let choice = select::choose(looked_at, &builds, &policy);
                if !choice.is_full(latest) && depth < list.len() {
                    undecided.push((package, list));
                } else {
                    choices.insert(package, choice);
                }
            }
            open = undecided;
            (from, depth) = (depth, depth.saturating_add(1));
        }
        self.leave_standing(&facts.root, &mut choices).await?;
        Ok(choices)
    }
}

/// Takes the first packages away, as many as are decided at once; `None` where none is left.
fn take_some(candidates: &mut BTreeMap<PackageName, Vec<Candidate>>) -> Option<BTreeMap<PackageName, Vec<Candidate>>> {
    let behind = candidates.keys().nth(AT_ONCE).cloned();
    let rest = behind.map(|behind| candidates.split_off(&behind)).unwrap_or_default();
    let some = std::mem::replace(candidates, rest);
    (!some.is_empty()).then_some(some)
}

fn packages_of(wake_ups: &[WakeUp]) -> Result<Vec<PackageName>, store::Error> {
    wake_ups.iter().map(|wake_up| store::db::parse("wakeups.part", &wake_up.part)).collect()
}

fn same_links(one: &Facts, other: &Facts) -> bool {
    one.tags.len() == other.tags.len()
        && one.tags.iter().all(|(name, tag)| other.tags.get(name).is_some_and(|there| there.links == tag.links))
}

fn latest(facts: &Facts, rule: &FollowRule) -> Latest {
    rule.latest_of(facts.tags.get(&facts.root).and_then(|tag| tag.include_all))
}

fn arches(facts: &Facts, rule: &FollowRule) -> Vec<Arch> {
    rule.repos_of(&Order::of(facts).arches(facts)).arches
}
