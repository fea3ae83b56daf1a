//! Do the rows of a tag, from several answers, make sense together? Sorted by what they are about. Pure.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::ReadError;
use crate::buildsys::koji::calls::{self, History, Span, Was};
use crate::model::{Arch, Nvr, PackageName};
use crate::store::builds::BuildState;
use crate::store::mirror::{Config, ExternalRepo, HubBuild, Link, Row, Rows, TagRows};
use crate::store::tag_settings::INCLUDE_ALL;
use crate::store::tags::PackageState;

/// Which rows an answer may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    /// Those that count now.
    Active,
    /// Those made or revoked after an event.
    After(i64),
    /// All there ever were of a package.
    Package(&'a str),
}

/// The rows of a tag at an event, as far as they were answered.
#[derive(Debug)]
pub(super) struct Collected {
    pub tag: i64,
    event: i64,
    pub rows: TagRows,
    pub builds: BTreeMap<i64, HubBuild>,
    /// What the tag and its parents are called, by the hub's ids.
    pub names: BTreeMap<i64, String>,
    pub left_out: BTreeSet<String>,
    /// When events were, in microseconds.
    pub times: BTreeMap<i64, i64>,
}

impl Collected {
    pub(super) fn new(tag: i64, event: i64) -> Self {
        let (rows, builds, names) = (TagRows::default(), BTreeMap::new(), BTreeMap::new());
        Self { tag, event, rows, builds, names, left_out: BTreeSet::new(), times: BTreeMap::new() }
    }

    pub(super) fn wrong(&self, what: String) -> ReadError {
        ReadError::Contradiction { tag: self.tag, event: self.event, what }
    }

    /// Takes the rows of an answer in; of two answers, the later one goes second.
    pub(super) fn take(&mut self, asked: Asked<'_>, answer: Vec<History>) -> Result<(), ReadError> {
        for row in answer {
            if !is_meant(asked, &row) {
                return Err(self.wrong(format!("a row made by event {} that was not asked for", row.span.create_event)));
            }
            // Links to the tag come with its own.
            if let Was::Linked { parent_id, .. } = row.was
                && parent_id == self.tag
                && row.tag_id != self.tag
            {
                continue;
            }
            if row.tag_id != self.tag {
                return Err(self.wrong(format!("a row of tag {}", row.tag_id)));
            }
            if let Some(name) = row.tag_name {
                self.name(self.tag, name)?;
            }
            if row.span.create_event <= self.event {
                self.take_row(row.span, row.was)?;
            }
        }
        Ok(())
    }

    /// Says what a tag is called; it can be called one thing only.
    pub(super) fn name(&mut self, tag: i64, name: String) -> Result<(), ReadError> {
        match self.names.get(&tag) {
            Some(known) if *known != name => Err(self.wrong(format!("tag {tag} is called {known} and {name}"))),
            Some(_) => Ok(()),
            None => {
                self.names.insert(tag, name);
                Ok(())
            }
        }
    }

    fn take_row(&mut self, span: Span, was: Was) -> Result<(), ReadError> {
        let (from, to) = (span.create_event, span.revoke_event.filter(|revoked| *revoked <= self.event));
        let times = [(Some(from), span.created_at), (to, span.revoked_at)];
        self.times.extend(times.into_iter().filter_map(|(event, at)| Some((event?, at?))));
        let fits = match was {
            Was::Tagged { build_id, package_name, version, release, epoch, state } => {
                let Ok(nvr) = Nvr::new(&package_name, &version, &release) else {
                    self.left_out.insert(format!("{package_name}-{version}-{release}"));
                    return Ok(());
                };
                let key = ((nvr.name().clone(), build_id), from);
                self.take_build(build_id, nvr, epoch, state)?;
                put(&mut self.rows.taggings, key, (), to)
            }
            Was::Listed { package_name, blocked } => {
                let Ok(package) = package_name.parse::<PackageName>() else {
                    self.left_out.insert(package_name);
                    return Ok(());
                };
                let state = if blocked { PackageState::Blocked } else { PackageState::Listed };
                put(&mut self.rows.packages, (package, from), state, to)
            }
            Was::Linked { parent_id, parent_name, priority, maxdepth, intransitive, noconfig, pkg_filter } => {
                self.name(parent_id, parent_name)?;
                let link = Link { priority, maxdepth, intransitive, noconfig, pkg_filter };
                put(&mut self.rows.links, (parent_id, from), link, to)
            }
            Was::Configured { arches, locked } => {
                let config = Config { arches: self.arches(&arches)?, locked };
                put(&mut self.rows.configs, ((), from), config, to)
            }
            Was::Set { key, .. } if key != INCLUDE_ALL => true,
            Was::Set { key, value } => {
                put(&mut self.rows.extras, (key, from), value.unwrap_or_else(|| "null".to_owned()), to)
            }
            Was::Joined { external_repo_id, name, priority } => {
                let repo = ExternalRepo { name, url: None, priority, merge_mode: None, arches: Vec::new() };
                put(&mut self.rows.repos, (external_repo_id, from), repo, to)
            }
        };
        if fits { Ok(()) } else { Err(self.wrong(format!("two rows made by event {from} that differ"))) }
    }

    /// Takes a build in as the latest answer shows it: it has no history. Its name stays.
    fn take_build(&mut self, id: i64, nvr: Nvr, epoch: Option<i64>, state: calls::BuildState) -> Result<(), ReadError> {
        let Ok(epoch) = u32::try_from(epoch.unwrap_or_default()) else {
            return Err(self.wrong(format!("build {nvr} has epoch {epoch:?}")));
        };
        let is_complete = state == calls::BuildState::Complete;
        let state = if is_complete { BuildState::Complete } else { BuildState::Deleted };
        let name = nvr.name().clone();
        match self.builds.insert(id, HubBuild { nvr, epoch, state }) {
            Some(before) if *before.nvr.name() != name => {
                Err(self.wrong(format!("build {id} is called {} and {name}", before.nvr.name())))
            }
            _ => Ok(()),
        }
    }

    fn arches(&self, texts: &[String]) -> Result<Vec<Arch>, ReadError> {
        let arches = texts.iter().map(|text| text.parse());
        arches.collect::<Result<_, _>>().map_err(|source| ReadError::Unusable { tag: self.tag, source })
    }

    /// Refuses rows of which only one can count at a time.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let rows = &self.rows;
        let twice = [
            twice(&rows.configs).map(|_| "it has two settings".to_owned()),
            twice(&rows.extras).map(|key| format!("{key} is set twice")),
            twice(&rows.links).map(|parent| format!("it has two links to tag {parent}")),
            twice(&rows.repos).map(|repo| format!("it has repository {repo} twice")),
            twice(&rows.packages).map(|package| format!("package {package} is listed twice")),
            twice(&rows.taggings).map(|(_, build)| format!("build {build} stands in it twice")),
        ];
        if let Some(what) = twice.into_iter().flatten().next() {
            return Err(self.wrong(what));
        }
        let open = rows.links.values().filter(|row| row.to_event.is_none());
        let mut priorities: Vec<i64> = open.map(|row| row.content.priority).collect();
        priorities.sort_unstable();
        match priorities.windows(2).find(|two| two[0] == two[1]) {
            Some(two) => Err(self.wrong(format!("it has two links of priority {}", two[0]))),
            None => Ok(()),
        }
    }
}

fn is_meant(asked: Asked<'_>, row: &History) -> bool {
    let Span { create_event, revoke_event, .. } = row.span;
    match asked {
        Asked::Active => revoke_event.is_none(),
        Asked::After(event) => create_event > event || revoke_event.is_some_and(|revoked| revoked > event),
        Asked::Package(package) => match &row.was {
            Was::Tagged { package_name, .. } | Was::Listed { package_name, .. } => package_name == package,
            _ => false,
        },
    }
}

/// Puts a row in; gives whether it fits to what is there of the same event.
fn put<K: Ord, C: PartialEq>(rows: &mut Rows<K, C>, key: (K, i64), content: C, to_event: Option<i64>) -> bool {
    let from = key.1;
    // Made and revoked by one event, which may have made another in its place.
    let is_empty = |to: Option<i64>| to.is_some_and(|to| to <= from);
    match rows.entry(key) {
        Entry::Vacant(place) => {
            place.insert(Row { content, to_event });
            true
        }
        Entry::Occupied(mut place) => {
            let row = place.get_mut();
            if is_empty(row.to_event) {
                *row = Row { content, to_event };
            } else if !is_empty(to_event) {
                let fits = row.content == content && (row.to_event.is_none() || row.to_event == to_event);
                row.to_event = to_event.or(row.to_event);
                return fits;
            }
            true
        }
    }
}

/// Returns what has two rows that count.
fn twice<K: Ord, C>(rows: &Rows<K, C>) -> Option<&K> {
    let mut before = None;
    for ((about, _), _) in rows.iter().filter(|(_, row)| row.to_event.is_none()) {
        if before == Some(about) {
            return before;
        }
        before = Some(about);
    }
    None
}
