//! What do the rows in our tables say of a tag and its ancestors? Read alike for every kind of build system.
//!
//! Rows as they are: what they amount to is decided by those who ask.

use std::collections::{BTreeMap, BTreeSet};

use super::{BuildFiles, Error, Facts, Rpms, TagFacts};
use crate::model::{PackageName, TagName};
use crate::store::tag_settings::{self as settings, Known};
use crate::store::tags as rows;
use crate::store::{Tx, builds};

/// Most tags that one tag may inherit from; Fedora's deepest chains have some dozens.
pub(super) const MOST_ANCESTORS: usize = 10_000;

/// Reads the rows of a tag and of all tags it can inherit from at `event`, and the newest event at which any of them
/// was read; `None` where there was no such tag then.
pub(super) async fn read(
    tx: &mut Tx,
    buildsys: &str,
    root: &TagName,
    packages: Option<&[PackageName]>,
    event: i64,
) -> Result<Option<Facts>, Error> {
    let (mut tags, mut read_event) = (BTreeMap::new(), 0);
    let mut todo = vec![root.clone()];
    while let Some(name) = todo.pop() {
        if tags.contains_key(&name) {
            continue;
        }
        let Some(tag) = settings::known(tx, buildsys, &name).await? else { continue };
        if event < tag.since_event {
            return Err(Error::NotKnownThen { tag: name, event, since: tag.since_event });
        }
        let Some(facts) = read_tag(tx, &tag, packages, event, name != *root).await? else { return Ok(None) };
        todo.extend(facts.links.iter().map(|link| link.parent.clone()));
        tags.insert(name, facts);
        read_event = read_event.max(tag.read_event);
        if tags.len() > MOST_ANCESTORS {
            return Err(Error::TooManyTags { root: root.clone(), limit: MOST_ANCESTORS });
        }
    }
    let found = tags.contains_key(root);
    Ok(found.then(|| Facts { root: root.clone(), event: read_event.min(event), tags }))
}

/// Reads the rows of one tag. An ancestor that is gone has none; links to it may be left.
async fn read_tag(
    tx: &mut Tx,
    tag: &Known,
    packages: Option<&[PackageName]>,
    event: i64,
    is_ancestor: bool,
) -> Result<Option<TagFacts>, Error> {
    let config = settings::config(tx, tag.id, event).await?;
    if config.is_none() && !is_ancestor {
        return Ok(None);
    }
    Ok(Some(TagFacts {
        arches: config.map(|config| config.arches).unwrap_or_default(),
        include_all: settings::include_all(tx, tag.id, event).await?,
        links: rows::links(tx, tag.id, event).await?,
        packages: rows::packages(tx, tag.id, packages, event).await?,
        taggings: rows::taggings(tx, tag.id, packages, event).await?,
    }))
}

/// Reads the packages of which any of these tags has rows of its own at `event`.
pub(super) async fn own_packages(
    tx: &mut Tx,
    buildsys: &str,
    tags: &[TagName],
    event: i64,
) -> Result<BTreeSet<PackageName>, Error> {
    let mut packages = BTreeSet::new();
    for name in tags {
        let Some(tag) = settings::known(tx, buildsys, name).await? else { continue };
        if event < tag.since_event {
            return Err(Error::NotKnownThen { tag: name.clone(), event, since: tag.since_event });
        }
        packages.extend(rows::own_packages(tx, tag.id, event).await?);
    }
    Ok(packages)
}

/// Reads builds with the files that are known of them, by id; an id that is not known is left out.
pub(super) async fn build_files(tx: &mut Tx, ids: &[i64]) -> Result<Vec<BuildFiles>, Error> {
    let mut found: BTreeMap<i64, BuildFiles> = BTreeMap::new();
    for some in ids.chunks(500) {
        for build in builds::by_ids(tx, some).await? {
            let (copies, unread) = (Vec::new(), Vec::new());
            found.insert(build.id, BuildFiles { build, rpms: Rpms::Known, copies, unread });
        }
        for copy in builds::copies(tx, some).await? {
            if let Some(files) = found.get_mut(&copy.build_id) {
                files.copies.push(copy);
            }
        }
    }
    Ok(found.into_values().collect())
}
