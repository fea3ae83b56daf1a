//! What do we know of a hub's rows, and what does a reading of them change?
//!
//! A reading is what the hub said of some tags, all at one event. It is applied in one transaction, or not at all:
//! rows that came are opened at the event that made them, rows that were revoked are closed at the event that
//! revoked them. A row that is gone without a trace is doubted: a second reading has to agree, and then the row is
//! closed at the event of that reading. Nothing is asked here, and nothing decided about what a tag means.

mod builds;
mod diff;
mod names;
mod plan;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::db::{Error, Tx, Write, fetch, fetch_optional, parse};
pub use super::tag_settings::{Config, ExternalRepo};
use super::tags::PackageState;
use crate::model::{Nvr, PackageName, TagName};
pub use builds::{Standing, held_for_signatures, listed_in, standing, unlisted};
use plan::Plan;

/// A row but for what it is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<C> {
    /// What it says.
    pub content: C,
    /// The event from which on it does not count; `None` where it counted at the event of the reading.
    pub to_event: Option<i64>,
}

/// Rows by what they are about and the event that made them.
pub type Rows<K, C> = BTreeMap<(K, i64), Row<C>>;

/// What a link says, the parent left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Order among the links of the tag.
    pub priority: i64,
    /// How many further links may be followed.
    pub maxdepth: Option<i64>,
    /// Whether it counts from the tag itself only.
    pub intransitive: bool,
    /// Whether settings are not inherited.
    pub noconfig: bool,
    /// What package names have to match at their start.
    pub pkg_filter: String,
}

/// The rows of one tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagRows {
    /// Its settings: it is there while it has such a row.
    pub configs: Rows<(), Config>,
    /// Further settings, by name, as JSON.
    pub extras: Rows<String, String>,
    /// Its links, by the hub's id of the parent.
    pub links: Rows<i64, Link>,
    /// Repositories outside, by the hub's id of them.
    pub repos: Rows<i64, ExternalRepo>,
    /// Its own package list.
    pub packages: Rows<PackageName, PackageState>,
    /// What stands in it, by package and the hub's id of the build.
    pub taggings: Rows<(PackageName, i64), ()>,
}

/// Which rows of a tag were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All that counted at this event or later.
    Whole {
        /// The event.
        since: i64,
    },
    /// All there ever were, of the package list and the taggings of these packages.
    Packages(BTreeSet<PackageName>),
}

/// What was read of one tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagReading {
    /// The hub's id of the tag.
    pub hub_id: i64,
    /// Which rows.
    pub part: Part,
    /// The rows, as they counted at the event of the reading: of what came later, nothing.
    pub rows: TagRows,
}

/// A build as a row of the hub shows it. It has no history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubBuild {
    /// Name, version, release; the release of a draft changes when it is promoted.
    pub nvr: Nvr,
    /// Epoch.
    pub epoch: u32,
    /// Whether it may be in a set.
    pub state: super::builds::BuildState,
}

/// What a hub said of some tags, all at one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The event.
    pub event: i64,
    /// The tags; where they were read whole, all parents that their links name are among them.
    pub tags: Vec<TagReading>,
    /// What these tags are called now, by the hub's ids; and those that were called so before.
    pub names: BTreeMap<i64, TagName>,
    /// The builds of all rows, by the hub's ids.
    pub builds: BTreeMap<i64, HubBuild>,
    /// Builds and packages that were left out since no RPM can have such a name.
    pub left_out: BTreeSet<String>,
    /// When events were, in microseconds, as far as the hub says so.
    pub times: BTreeMap<i64, i64>,
}

/// What is known of a hub's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTag {
    /// Its id with us.
    pub id: i64,
    /// What it was called at the last reading.
    pub name: TagName,
    /// From which event on its rows are complete.
    pub since_event: i64,
    /// The event of the last reading of all its rows.
    pub whole_event: i64,
    /// The event of the last reading of any of them.
    pub read_event: i64,
}

/// A row that is gone without a trace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gone {
    /// The hub's id of the tag.
    pub tag: i64,
    /// What kind of row.
    pub table: &'static str,
    /// What it was about.
    pub about: String,
    /// The event that made it.
    pub from_event: i64,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of tag {}, made at event {}", self.table, self.about, self.tag, self.from_event)
    }
}

/// A reading without rows that should be there, and nothing that says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The event of the reading.
    pub event: i64,
    /// The rows.
    pub gone: BTreeSet<Gone>,
}

impl Doubt {
    /// Returns whether a later reading that misses these rows says the same. It may have been asked at the same
    /// event, where the hub had no later one: builds can be reset without any.
    fn is_shared(&self, event: i64, gone: &BTreeSet<Gone>) -> bool {
        event >= self.event && gone.is_subset(&self.gone)
    }
}

/// What a row of a tag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A build that stands in it.
    Tagging,
    /// A package of its list.
    Package,
    /// A tag it inherits from.
    Link,
    /// Its own settings.
    Settings,
    /// A repository outside.
    Repository,
}

impl RowKind {
    /// Returns the word for it in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tagging => "tagging",
            Self::Package => "package",
            Self::Link => "link",
            Self::Settings => "settings",
            Self::Repository => "repository",
        }
    }
}

/// A row that is another than it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// The tag.
    pub tag: TagName,
    /// What kind of row.
    pub kind: RowKind,
    /// The package, where it is of one.
    pub package: Option<PackageName>,
    /// What it is about.
    pub about: String,
    /// The event since which it counts; `None` where it no longer does.
    pub since: Option<i64>,
    /// The event that made it another; that of the reading, where nothing says so.
    pub event: i64,
}

impl RowChange {
    /// Returns the topic of the message that should have told of it; Koji tells of some changes never.
    pub fn missed(&self) -> Option<&'static str> {
        match (self.kind, self.since) {
            (RowKind::Tagging, Some(_)) => Some("buildsys.tag"),
            (RowKind::Tagging, None) => Some("buildsys.untag"),
            (RowKind::Package, _) => Some("buildsys.package.list.change"),
            (RowKind::Link | RowKind::Settings | RowKind::Repository, _) => None,
        }
    }
}

/// What a reading changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Tags whose links or settings are other ones, or that came or went.
    pub tags: BTreeSet<TagName>,
    /// Packages of other tags of which a tag's own rows or builds are other ones.
    pub packages: BTreeSet<(TagName, PackageName)>,
    /// Tags that are joined with other external repositories, or otherwise. No set depends on it.
    pub joined: BTreeSet<TagName>,
    /// Tags that have another name: the old one, the new one.
    pub renamed: BTreeSet<(TagName, TagName)>,
    /// Rows that were closed though nothing says why, two readings having agreed.
    pub gone: BTreeSet<Gone>,
    /// All rows that are other ones than before, of tags that were known.
    pub rows: Vec<RowChange>,
}

impl Changes {
    /// Returns whether nothing is another.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What became of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied.
    Applied(Changes),
    /// Rows are gone without a trace: nothing was written, and the hub is to be asked again.
    Doubtful(Doubt),
    /// Another reading was applied meanwhile that this one does not go on from: nothing was written.
    Overtaken,
}

/// Returns what is known of a hub's tags, by the hub's ids.
pub async fn known(tx: &mut Tx, buildsys: &str) -> Result<BTreeMap<i64, KnownTag>, Error> {
    let sql = "SELECT hub_id, id, name, since_event, whole_event, read_event FROM tags WHERE buildsys = $1";
    let mut known = BTreeMap::new();
    for (hub_id, id, name, since_event, whole_event, read_event) in
        fetch!(tx, (i64, i64, String, i64, i64, i64), sql, buildsys)?
    {
        let name = parse("tags.name", &name)?;
        known.insert(hub_id, KnownTag { id, name, since_event, whole_event, read_event });
    }
    Ok(known)
}

/// Returns what the tag of this id was called at the last reading; `None` where it is not known.
pub async fn name_of(tx: &mut Tx, buildsys: &str, hub_id: i64) -> Result<Option<TagName>, Error> {
    let sql = "SELECT name FROM tags WHERE buildsys = $1 AND hub_id = $2";
    let row = fetch_optional!(tx, (String,), sql, buildsys, hub_id)?;
    row.map(|(name,)| parse("tags.name", &name)).transpose()
}

/// Returns our id of the build with this id in the hub; `None` where it is not known.
pub async fn build_of(tx: &mut Tx, buildsys: &str, hub_id: i64) -> Result<Option<i64>, Error> {
    let sql = "SELECT id FROM builds WHERE buildsys = $1 AND hub_id = $2";
    Ok(fetch_optional!(tx, (i64,), sql, buildsys, hub_id)?.map(|(id,)| id))
}

/// Puts our rows in line with a reading; `doubt` is that of the reading before, `now` is in microseconds.
///
/// Applied again, a reading changes nothing.
///
/// # Errors
/// The rows cannot be read or written; two builds of one name-version-release are refused.
pub async fn apply(
    tx: &mut Write,
    buildsys: &str,
    reading: &Reading,
    doubt: Option<&Doubt>,
    now: i64,
) -> Result<Outcome, Error> {
    let known = known(tx, buildsys).await?;
    if !goes_on_from(reading, &known) {
        return Ok(Outcome::Overtaken);
    }
    let mut plans = Vec::with_capacity(reading.tags.len());
    for tag in &reading.tags {
        plans.push(Plan::of(tx, known.get(&tag.hub_id), tag, reading.event).await?);
    }
    let gone: BTreeSet<Gone> = plans.iter().flat_map(Plan::gone).collect();
    if !gone.is_empty() && !doubt.is_some_and(|doubt| doubt.is_shared(reading.event, &gone)) {
        return Ok(Outcome::Doubtful(Doubt { event: reading.event, gone }));
    }
    let ids = names::put(tx, buildsys, reading, &known).await?;
    let changed = builds::put(tx, buildsys, &reading.builds, now).await?;
    let mut changes = Changes { gone, renamed: names::renamed(reading, &known), ..Changes::default() };
    for (plan, tag) in plans.iter().zip(&reading.tags) {
        let (Some(id), Some(name)) = (ids.get(&tag.hub_id), reading.names.get(&tag.hub_id)) else { continue };
        plan.write(tx, buildsys, *id).await?;
        names::was_read(tx, *id, &tag.part, reading.event).await?;
        changes.tags.extend(plan.changes_tag().then(|| name.clone()));
        changes.joined.extend(plan.changes_joins().then(|| name.clone()));
        if known.contains_key(&tag.hub_id) {
            changes.rows.extend(plan.told(name, &reading.builds));
        }
        changes.packages.extend(plan.changed_packages().map(|package| (name.clone(), package)));
    }
    changes.packages.extend(builds::standing(tx, &changed).await?);
    changes.packages.retain(|(tag, _)| !changes.tags.contains(tag));
    Ok(Outcome::Applied(changes))
}

/// Returns whether a reading begins where our rows end: no later one was applied, and all names are accounted for.
fn goes_on_from(reading: &Reading, known: &BTreeMap<i64, KnownTag>) -> bool {
    for tag in &reading.tags {
        let begins = match (known.get(&tag.hub_id), &tag.part) {
            (None, Part::Whole { .. }) => true,
            (None, Part::Packages(_)) => false,
            (Some(known), Part::Whole { since }) => *since <= known.whole_event && known.read_event <= reading.event,
            (Some(known), Part::Packages(_)) => known.read_event <= reading.event,
        };
        if !begins || !reading.names.contains_key(&tag.hub_id) {
            return false;
        }
    }
    let names: BTreeSet<&TagName> = reading.names.values().collect();
    let others = known.iter().filter(|(hub_id, _)| !reading.names.contains_key(hub_id));
    names.len() == reading.names.len() && others.into_iter().all(|(_, other)| !names.contains(&other.name))
}
