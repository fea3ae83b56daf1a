//! What are all rows of a tag, and of all tags it inherits from?

use std::collections::{BTreeMap, BTreeSet};

use super::collect::{Asked, Collected};
use super::{OVERLAP, ReadError, add_former, parse};
use crate::buildsys::facts::MOST_ANCESTORS;
use crate::buildsys::koji::Hub;
use crate::buildsys::koji::calls::{self, ExternalRepo, Filter, Table, Tag, TagRef};
use crate::store::mirror::{self, KnownTag, Part, Reading, TagReading};

/// The tables that decide a tag.
const TABLES: [Table; 6] =
    [Table::Configs, Table::Extras, Table::Links, Table::ExternalRepos, Table::Packages, Table::Taggings];

/// Which of the tags that a tag inherits from are read with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All.
    Chain,
    /// Those that are not known: the others are kept in line by themselves.
    Unknown,
}

/// Reads all rows of a tag and of its ancestors, as far as `reach` says, at `event`: those that counted at the last whole reading of each or
/// later, from an event on where `since` names an earlier one. The first reading of a tag begins at `event`.
///
/// Parents are followed by every link that counted in that time: what a set was then is known too. A parent that is
/// gone has no rows; a circle ends where it closes.
///
/// # Errors
/// The hub does not answer, contradicts itself, or names tags in a way that we cannot work with.
pub async fn read_tag(
    hub: &Hub,
    known: &BTreeMap<i64, KnownTag>,
    root: i64,
    event: i64,
    since: Option<i64>,
    reach: Reach,
) -> Result<Reading, ReadError> {
    let root_since = known.get(&root).map_or(event, |root| root.whole_event).min(since.unwrap_or(event));
    let (mut found, mut seen, mut todo) = (Vec::new(), BTreeSet::from([root]), vec![root]);
    while let Some(tag) = todo.pop() {
        let since = known.get(&tag).map_or(root_since, |tag| tag.whole_event.min(root_since));
        let one = read_rows(hub, tag, event, (since - OVERLAP).max(1)).await?;
        let is_wanted = |parent: &i64| reach == Reach::Chain || !known.contains_key(parent);
        todo.extend(parents(&one.collected).filter(|parent| is_wanted(parent) && seen.insert(*parent)));
        found.push(one);
        if found.len() > MOST_ANCESTORS {
            return Err(ReadError::TooManyTags { root, limit: MOST_ANCESTORS });
        }
    }
    compare(hub, &mut found, event).await?;
    join_repos(hub, &mut found, event).await?;
    joined(hub, known, found, event).await
}

/// The rows of one tag, all that counted at `since` or later.
struct Found {
    since: i64,
    collected: Collected,
}

/// Makes one reading of those of all tags, in the order in which they were asked for.
async fn joined(
    hub: &Hub,
    known: &BTreeMap<i64, KnownTag>,
    found: Vec<Found>,
    event: i64,
) -> Result<Reading, ReadError> {
    let mut reading = Reading { event, ..Reading::default() };
    let mut names: BTreeMap<i64, String> = BTreeMap::new();
    for Found { since, collected } in found {
        collected.check()?;
        for (id, name) in &collected.names {
            let before = names.insert(*id, name.clone());
            if before.is_some_and(|before| before != *name) {
                return Err(collected.wrong(format!("tag {id} has other names elsewhere than {name}")));
            }
        }
        // A build is as the last answer shows it.
        reading.builds.extend(collected.builds);
        reading.left_out.extend(collected.left_out);
        reading.times.extend(collected.times);
        let part = Part::Whole { since };
        reading.tags.push(TagReading { hub_id: collected.tag, part, rows: collected.rows });
    }
    for tag in &reading.tags {
        let name = match (names.get(&tag.hub_id), known.get(&tag.hub_id)) {
            (Some(name), _) => parse(tag.hub_id, name)?,
            (None, Some(known)) => known.name.clone(),
            (None, None) => {
                let what = "nothing says what it is called".to_owned();
                return Err(ReadError::Contradiction { tag: tag.hub_id, event, what });
            }
        };
        reading.names.insert(tag.hub_id, name);
    }
    add_former(hub, known, event, &mut reading.names).await?;
    Ok(reading)
}

async fn read_rows(hub: &Hub, tag: i64, event: i64, since: i64) -> Result<Found, ReadError> {
    let mut collected = Collected::new(tag, event);
    let filter = Filter { tag: Some(TagRef::Id(tag)), ..Filter::default() };
    let active = Filter { active: Some(true), ..filter };
    collected.take(Asked::Active, hub.ask(calls::history(&TABLES, &active)).await?)?;
    let after = Filter { after: Some(since), ..filter };
    collected.take(Asked::After(since), hub.ask(calls::history(&TABLES, &after)).await?)?;
    Ok(Found { since, collected })
}

/// Returns the parents by links that counted at any time.
fn parents(collected: &Collected) -> impl Iterator<Item = i64> {
    let links = collected.rows.links.iter();
    links.filter(|((_, from), row)| row.to_event.is_none_or(|to| *from < to)).map(|((parent, _), _)| *parent)
}

/// Holds the settings against what the hub says of the tags by another call.
async fn compare(hub: &Hub, found: &mut [Found], event: i64) -> Result<(), ReadError> {
    let asks = found.iter().map(|one| calls::tag(TagRef::Id(one.collected.tag), Some(event))).collect();
    let answers = hub.ask_all(asks).await?;
    for (Found { collected, .. }, answer) in found.iter_mut().zip(answers) {
        let answer: Option<Tag> = answer?;
        let row = collected.rows.configs.values().find(|row| row.to_event.is_none()).map(|row| &row.content);
        let by_row = row.map(|row| (row.locked, row.arches.iter().map(ToString::to_string).collect()));
        let by_call: Option<(bool, Vec<String>)> = answer.as_ref().map(|tag| (tag.locked, tag.arches.clone()));
        if by_row != by_call {
            return Err(collected.wrong(format!("its settings are {by_row:?} and {by_call:?}")));
        }
        let Some(answer) = answer else { continue };
        if answer.id != collected.tag {
            return Err(collected.wrong(format!("it is tag {}", answer.id)));
        }
        collected.name(answer.id, answer.name)?;
    }
    Ok(())
}

/// Adds what rows do not say of the repositories that count.
async fn join_repos(hub: &Hub, found: &mut [Found], event: i64) -> Result<(), ReadError> {
    let is_joined = |one: &&mut Found| {
        let rows = &one.collected.rows;
        let is_there = rows.configs.values().any(|row| row.to_event.is_none());
        is_there && rows.repos.values().any(|row| row.to_event.is_none())
    };
    let mut joined: Vec<&mut Found> = found.iter_mut().filter(is_joined).collect();
    let asks = joined.iter().map(|one| calls::external_repos(one.collected.tag, event)).collect();
    let answers = hub.ask_all(asks).await?;
    for (one, answer) in joined.iter_mut().zip(answers) {
        let mut told: BTreeMap<i64, ExternalRepo> = answer?.into_iter().map(|repo| (repo.id, repo)).collect();
        let rows = one.collected.rows.repos.iter_mut();
        for ((id, _), row) in rows.filter(|(_, row)| row.to_event.is_none()) {
            // One that another answer does not have stays without its place: it is shown only.
            let Some(ExternalRepo { name, url, merge_mode, arches, .. }) = told.remove(id) else { continue };
            let priority = row.content.priority;
            row.content = mirror::ExternalRepo { name, url: Some(url), priority, merge_mode, arches };
        }
    }
    Ok(())
}
