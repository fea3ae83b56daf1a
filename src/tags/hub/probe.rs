//! Did anything happen that no message told of? Small calls on a timer, and a comparison of all rows now and then.
//!
//! For each tag that matters the hub is asked for the event that changed it last. Where that is new, the rows behind it
//! are asked for, from some events before those seen: numbers are drawn inside transactions, so that a lower one may
//! become visible later. What a message should tell of is left to it until the next probe; what none ever tells of is
//! asked for at once. A change without any row is one of volumes, drafts or RPMs of builds.

use std::collections::{BTreeMap, BTreeSet};

use super::mark::EVERYWHERE;
use super::{Follower, FoundBy, Scope};
use crate::buildsys::koji;
use crate::buildsys::koji::calls::{self, Filter, History, Table, TagRef, Was};
use crate::buildsys::koji::read::OVERLAP;
use crate::model::{PackageName, TagName};
use crate::store::mirror::{self, KnownTag};
use crate::store::tag_links;
use crate::store::tags as rows;
use crate::store::wakeups::{self, Room};
use crate::tags::{Error, Tags};

/// The tables that decide a tag.
const TABLES: [Table; 6] =
    [Table::Configs, Table::Extras, Table::Links, Table::ExternalRepos, Table::Packages, Table::Taggings];

/// What probes remember.
#[derive(Default)]
pub(super) struct Memory {
    /// The newest event at the last probe: what is older has had its time to be told of.
    last_event: i64,
    /// By the hub's id of a tag.
    tags: BTreeMap<i64, Seen>,
}

/// What was seen of one tag.
#[derive(Debug, Default, Clone)]
struct Seen {
    /// The last change that nothing is left to do about.
    change: i64,
    /// Rows from the overlap that were dealt with.
    rows: Vec<History>,
}

/// A tag whose rows are kept in line.
#[derive(Debug, Clone)]
pub(super) struct Tracked {
    hub_id: i64,
    pub name: TagName,
    whole_event: i64,
}

/// What rows of a tag ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    packages: BTreeSet<PackageName>,
    whole: bool,
    /// Some were left to their messages.
    is_left: bool,
}

impl Tags {
    /// Probes all tags once, and has those compared whole whose time it is.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn probe(&self) -> Result<(), Error> {
        let Some(hub) = self.hub() else { return Ok(()) };
        self.look_around(hub, FoundBy::Probe).await
    }

    pub(super) async fn look_around(&self, hub: &Follower, by: FoundBy) -> Result<(), Error> {
        let marks = wakeups::of(&mut self.db.read().await?, Room::Hub, EVERYWHERE).await?;
        let looked = self.try_look_around(hub, by).await;
        hub.note(&looked, self.clock.micros());
        looked?;
        if let Some(last) = marks.iter().map(|mark| mark.sequence).max() {
            let mut tx = self.db.write().await?;
            wakeups::done_until(&mut tx, Room::Hub, EVERYWHERE, last).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn try_look_around(&self, hub: &Follower, by: FoundBy) -> Result<(), Error> {
        let event = hub.koji.last_event().await?;
        self.discover(hub, by).await?;
        let tracked = self.tracked(hub).await?;
        if by != FoundBy::Start {
            self.look_for_changes(hub, &tracked).await?;
        }
        self.poll_held().await?;
        hub.state().probed.last_event = event;
        let now = self.clock.micros();
        let every = i64::try_from(hub.settings.check_every.as_micros()).unwrap_or(i64::MAX);
        for tag in tracked {
            let checked = hub.state().checked.get(&tag.name).copied();
            if checked.is_none_or(|checked| now - checked >= every) {
                hub.want(tag.name, Scope::Own, if checked.is_none() { FoundBy::Start } else { FoundBy::Check });
            }
        }
        Ok(())
    }

    /// Returns the tags whose rows are kept: those that are followed and those they inherit from.
    pub(super) async fn tracked(&self, hub: &Follower) -> Result<Vec<Tracked>, Error> {
        let mut tx = self.db.read().await?;
        let known = mirror::known(&mut tx, self.buildsys.id()).await?;
        let mut parents: BTreeMap<TagName, Vec<TagName>> = BTreeMap::new();
        for (tag, parent) in tag_links::open_links(&mut tx).await? {
            parents.entry(tag).or_default().push(parent);
        }
        let mut todo = self.followed(&mut tx).await?;
        todo.extend(hub.state().doubts.keys().cloned());
        let mut names = BTreeSet::new();
        while let Some(name) = todo.pop() {
            if names.insert(name.clone()) {
                todo.extend(parents.get(&name).into_iter().flatten().cloned());
            }
        }
        let tracked = known.into_iter().filter(|(_, tag)| names.contains(&tag.name));
        let tracked = tracked.map(|(hub_id, KnownTag { name, whole_event, .. })| Tracked { hub_id, name, whole_event });
        Ok(tracked.collect())
    }

    /// Finds tags that are new, came back, went, or have another name: of none of it is there a message.
    async fn discover(&self, hub: &Follower, by: FoundBy) -> Result<(), Error> {
        let patterns: BTreeSet<String> =
            self.config.follow.rules().iter().flat_map(|rule| &rule.tags).map(ToString::to_string).collect();
        let mut there: BTreeMap<i64, TagName> = BTreeMap::new();
        for pattern in &patterns {
            for tag in hub.koji.hub().ask(calls::tags(pattern)).await? {
                // The hub does not tell upper from lower case there, and has names that we do not let in.
                if let Ok(name) = tag.name.parse::<TagName>()
                    && self.config.follow.for_tag(&name).is_some()
                {
                    there.insert(tag.id, name);
                }
            }
        }
        let mut tx = self.db.read().await?;
        let known = mirror::known(&mut tx, self.buildsys.id()).await?;
        let open: BTreeSet<TagName> =
            rows::all(&mut tx, self.buildsys.id()).await?.into_iter().map(|tag| tag.name).collect();
        drop(tx);
        for (hub_id, name) in &there {
            if known.get(hub_id).is_none_or(|known| known.name != *name || !open.contains(&known.name)) {
                hub.want(name.clone(), Scope::Own, by);
            }
        }
        for (hub_id, tag) in known {
            if open.contains(&tag.name)
                && self.config.follow.for_tag(&tag.name).is_some()
                && !there.contains_key(&hub_id)
            {
                hub.want(tag.name, Scope::Own, by);
            }
        }
        Ok(())
    }

    async fn look_for_changes(&self, hub: &Follower, tracked: &[Tracked]) -> Result<(), Error> {
        let client = hub.koji.hub();
        let asks = tracked.iter().map(|tag| calls::last_change(TagRef::Id(tag.hub_id), None, false)).collect();
        let mut changed: Vec<(&Tracked, i64, i64)> = Vec::new();
        for (tag, answer) in tracked.iter().zip(client.ask_all(asks).await?) {
            let seen = hub.state().probed.tags.get(&tag.hub_id).map_or(0, |seen| seen.change).max(tag.whole_event);
            changed.extend(answer?.filter(|change| *change > seen).map(|change| (tag, seen, change)));
        }
        let ask = |(tag, seen, _): &(&Tracked, i64, i64)| {
            let filter =
                Filter { tag: Some(TagRef::Id(tag.hub_id)), after: Some((seen - OVERLAP).max(1)), ..Filter::default() };
            calls::history(&TABLES, &filter)
        };
        let answers = match client.ask_all(changed.iter().map(ask).collect()).await {
            // Of many calls in one, each answer is held as a whole before it is read: what is very much is asked alone.
            Err(koji::Error::TooLarge { .. }) => {
                let mut answers = Vec::with_capacity(changed.len());
                for tag in &changed {
                    answers.push(Ok(client.ask(ask(tag)).await?));
                }
                answers
            }
            answers => answers?,
        };
        for ((tag, _, change), answer) in changed.into_iter().zip(answers) {
            self.deal_with(hub, tag, change, answer?).await?;
        }
        Ok(())
    }

    async fn deal_with(&self, hub: &Follower, tag: &Tracked, change: i64, rows: Vec<History>) -> Result<(), Error> {
        let is_told = rows.iter().any(|row| last_touched(row) == change);
        let findings = {
            let mut state = hub.state();
            let settled = state.probed.last_event;
            let seen = state.probed.tags.entry(tag.hub_id).or_default();
            let findings = find(tag.hub_id, &rows, &mut seen.rows, settled);
            if !findings.is_left {
                seen.change = change;
            }
            findings
        };
        if findings.whole || !is_told {
            hub.want(tag.name.clone(), Scope::Own, FoundBy::Probe);
        } else if !findings.packages.is_empty() {
            hub.want(tag.name.clone(), Scope::Packages(findings.packages), FoundBy::Probe);
        }
        if !is_told {
            self.list_all_again(tag).await?;
        }
        Ok(())
    }

    /// Has the RPMs of all builds of a tag asked for again: a volume, a draft or the RPMs of a build are others, and
    /// nothing says of which.
    async fn list_all_again(&self, tag: &Tracked) -> Result<(), Error> {
        tracing::info!(tag.name = %tag.name, "something of builds in {} changed that has no row: all are asked about", tag.name);
        let mut tx = self.db.write().await?;
        self.compare_all(&mut tx, &tag.name).await?;
        tx.commit().await?;
        self.bells.files.ring();
        Ok(())
    }

    /// Asks again for the signatures of builds that wait for one: messages about signatures get lost too, and none
    /// tells of signed copies.
    async fn poll_held(&self) -> Result<(), Error> {
        let held = mirror::held_for_signatures(&mut self.db.read().await?, self.buildsys.id()).await?;
        if held.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.write().await?;
        self.list_again(&mut tx, &held).await?;
        tx.commit().await?;
        self.bells.files.ring();
        Ok(())
    }
}

/// Sorts out what rows ask for. `seen` are those that were dealt with; what is newer than `settled` and has a message
/// is left to it.
fn find(tag: i64, rows: &[History], seen: &mut Vec<History>, settled: i64) -> Findings {
    let mut findings = Findings::default();
    let mut dealt_with = Vec::new();
    for row in rows.iter().filter(|row| row.tag_id == tag) {
        if !seen.contains(row) {
            match &row.was {
                Was::Tagged { package_name, .. } | Was::Listed { package_name, .. } => {
                    if last_touched(row) > settled {
                        findings.is_left = true;
                        continue;
                    }
                    findings.packages.extend(package_name.parse::<PackageName>());
                }
                _ => findings.whole = true,
            }
        }
        dealt_with.push(row.clone());
    }
    *seen = dealt_with;
    findings
}

/// Returns the event that made or revoked a row last.
fn last_touched(row: &History) -> i64 {
    row.span.revoke_event.unwrap_or(row.span.create_event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::koji::calls::Span;

    fn row(create_event: i64, revoke_event: Option<i64>, was: Was) -> History {
        let span = Span { create_event, revoke_event, created_at: None, revoked_at: None };
        History { tag_id: 1, tag_name: None, span, was }
    }

    fn listed(package: &str) -> Was {
        Was::Listed { package_name: package.to_owned(), blocked: false }
    }

    fn packages(findings: &Findings) -> Vec<&str> {
        findings.packages.iter().map(PackageName::as_str).collect()
    }

    #[test]
    fn what_a_message_should_tell_of_has_a_probes_time_to_be_told() {
        let mut seen = Vec::new();
        let rows = [row(5, None, listed("old")), row(3, Some(12), listed("gone")), row(11, None, listed("new"))];
        let first = find(1, &rows, &mut seen, 10);
        assert_eq!((packages(&first), first.is_left, first.whole), (vec!["old"], true, false));
        let second = find(1, &rows, &mut seen, 12);
        assert_eq!((packages(&second), second.is_left), (vec!["gone", "new"], false));
        assert_eq!(find(1, &rows, &mut seen, 12), Findings::default());
    }

    #[test]
    fn what_no_message_tells_of_is_asked_for_at_once() {
        let mut seen = Vec::new();
        let config = Was::Configured { arches: Vec::new(), locked: false };
        let rows = [row(20, None, config.clone()), History { tag_id: 2, ..row(20, None, config) }];
        assert!(find(1, &rows[1..], &mut seen, 10) == Findings::default());
        assert!(find(1, &rows, &mut seen, 10).whole);
        assert!(!find(1, &rows, &mut seen, 10).whole);
    }
}
