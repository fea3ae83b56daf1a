//! What would Koji do? The local build system: tags, links, package lists and taggings in our tables.
//!
//! Every function that changes something runs in the caller's transaction: the room `tags` owns it,
//! so that a message, a request and a command are one door. An act on a build gets its event id in
//! the second it belongs to, and intervals are derived from all acts, so the order of arrival does
//! not matter (invariant I5).

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;

use super::{BuildFiles, BuildSystem, Copy, Error, Facts, Volume, facts};
use crate::model::{PackageName, TagName};
use crate::rpms::{self, Signed};
use crate::store::builds::{self, BuildRow, BuildState};
use crate::store::tags::{self as rows, Act, PackageState, TagRow};
use crate::store::{self, Db, Tx, Write};

/// What the rules of the build system forbid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The tag itself blocks the package.
    #[error("package {package} is blocked in tag {tag}")]
    Blocked {
        /// The package.
        package: PackageName,
        /// The tag.
        tag: TagName,
    },
}

/// The local build system.
#[derive(Debug, Clone)]
pub struct Local {
    db: Db,
    id: String,
    volume: Volume,
}

impl Local {
    /// Returns the build system called `id`, with its files in `volume`.
    pub fn new(db: Db, id: &str, volume: Volume) -> Self {
        Self { db, id: id.to_owned(), volume }
    }

    /// Returns where its files lie.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    async fn read_facts(
        &self,
        root: &TagName,
        packages: Option<&[PackageName]>,
        event: i64,
    ) -> Result<Option<Facts>, Error> {
        let mut tx = self.db.read().await?;
        let facts = facts::read(&mut tx, &self.id, root, packages, event).await?;
        let Some(facts) = facts else { return Ok(None) };
        let event = rows::last_event(&mut tx).await?.min(event);
        Ok(Some(Facts { event, ..facts }))
    }
}

impl BuildSystem for Local {
    fn id(&self) -> &str {
        &self.id
    }

    fn facts<'a>(
        &'a self,
        root: &'a TagName,
        packages: Option<&'a [PackageName]>,
        event: i64,
    ) -> BoxFuture<'a, Result<Option<Facts>, Error>> {
        Box::pin(self.read_facts(root, packages, event))
    }

    fn own_packages<'a>(
        &'a self,
        tags: &'a [TagName],
        event: i64,
    ) -> BoxFuture<'a, Result<BTreeSet<PackageName>, Error>> {
        Box::pin(async move { facts::own_packages(&mut self.db.read().await?, &self.id, tags, event).await })
    }

    fn builds<'a>(&'a self, ids: &'a [i64]) -> BoxFuture<'a, Result<Vec<BuildFiles>, Error>> {
        Box::pin(async move { facts::build_files(&mut self.db.read().await?, ids).await })
    }

    fn file(&self, location: &str) -> PathBuf {
        self.volume.file(location)
    }

    fn signed<'a>(&'a self, copy: &'a Copy) -> BoxFuture<'a, Result<Signed, Error>> {
        let (path, copy) = (self.volume.file(&copy.path), copy.clone());
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || read_signed(&path, &copy)).await;
            read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
        })
    }
}

/// Reads what is signed of a file in our volume, where it was put when it was imported. Blocks.
fn read_signed(path: &Path, copy: &Copy) -> Result<Signed, Error> {
    let bad = |source| Error::Unreadable { path: copy.path.clone(), source };
    let file = File::open(path).map_err(|error| bad(rpms::Error::Io(error)))?;
    let size = file.metadata().map_err(|error| bad(rpms::Error::Io(error)))?.len();
    let (front, signed) = rpms::read_signed(file).map_err(bad)?;
    let known = &copy.rpm;
    if (size, &front.package.nevra, &front.package.sigkey) != (known.size, &known.nevra, &known.sigkey) {
        return Err(Error::Replaced(copy.path.clone()));
    }
    Ok(signed)
}

/// Tags a build at `event`, and lists its package in the tag, as `koji add-pkg` would.
///
/// Refuses where the tag itself blocks the package at that event, unless forced; the block then stays.
pub async fn tag_build(
    tx: &mut Write,
    tag: &TagRow,
    build: &BuildRow,
    event: i64,
    force: bool,
) -> Result<Result<(), Refusal>, store::Error> {
    let package = build.nvr.name();
    let row = rows::packages(tx, tag.id, Some(std::slice::from_ref(package)), event).await?.into_iter().next();
    match row.map(|row| row.state) {
        Some(PackageState::Blocked) if !force => {
            return Ok(Err(Refusal::Blocked { package: package.clone(), tag: tag.name.clone() }));
        }
        None => list_package(tx, tag.id, package, event).await?,
        Some(_) => {}
    }
    rows::record_act(tx, event, build.id, Some(tag.id), Act::Tag).await?;
    derive(tx, tag.id, build.id).await?;
    Ok(Ok(()))
}

/// Takes a build out of a tag at `event`; one that is not in it stays out.
pub async fn untag_build(tx: &mut Write, tag: &TagRow, build: &BuildRow, event: i64) -> Result<(), store::Error> {
    rows::record_act(tx, event, build.id, Some(tag.id), Act::Untag).await?;
    derive(tx, tag.id, build.id).await
}

/// Deletes a build, or undoes that, at `event`; gives the tags it was ever in.
pub async fn change_build(tx: &mut Write, build: i64, act: Act, event: i64) -> Result<Vec<TagRow>, store::Error> {
    rows::record_act(tx, event, build, None, act).await?;
    let deleted = last_change(tx, build).await? == Some(Act::Delete);
    builds::set_state(tx, build, if deleted { BuildState::Deleted } else { BuildState::Complete }).await?;
    let mut tags = Vec::new();
    for tag in rows::tags_of_build(tx, build).await? {
        derive(tx, tag, build).await?;
        tags.extend(rows::by_id(tx, tag).await?);
    }
    Ok(tags)
}

async fn last_change(tx: &mut Tx, build: i64) -> Result<Option<Act>, store::Error> {
    // No tag has the id 0, so only the acts that count in every tag are read.
    Ok(rows::acts(tx, build, 0).await?.last().map(|(_, act)| *act))
}

/// Opens a listing at `event`; it ends where a later row of the package begins.
async fn list_package(tx: &mut Write, tag: i64, package: &PackageName, event: i64) -> Result<(), store::Error> {
    let next = rows::next_package_row(tx, tag, package, event).await?;
    let until = next.map(|row| row.from_event);
    rows::open_package(tx, tag, package, PackageState::Listed, event, until).await
}

/// Puts the intervals of a build in a tag in line with its acts.
async fn derive(tx: &mut Write, tag: i64, build: i64) -> Result<(), store::Error> {
    let acts = rows::acts(tx, build, tag).await?;
    rows::replace_taggings(tx, tag, build, &intervals(&acts)).await
}

/// Returns the intervals that acts, in the order of their events, amount to.
///
/// Tagging what is tagged already is Koji's forced re-tag: one interval ends, the next begins.
fn intervals(acts: &[(i64, Act)]) -> Vec<(i64, Option<i64>)> {
    let mut intervals: Vec<(i64, Option<i64>)> = Vec::new();
    for (event, act) in acts {
        if let Some(open) = intervals.last_mut().filter(|interval| interval.1.is_none() && *act != Act::Import) {
            open.1 = Some(*event);
        }
        if *act == Act::Tag {
            intervals.push((*event, None));
        }
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;
    use Act::{Delete, Import, Tag, Untag};

    #[test]
    fn intervals_follow_the_acts() {
        for (acts, expected) in [
            (vec![], vec![]),
            (vec![(1, Tag)], vec![(1, None)]),
            (vec![(1, Untag), (2, Tag)], vec![(2, None)]),
            (vec![(1, Tag), (2, Untag)], vec![(1, Some(2))]),
            (vec![(1, Tag), (2, Tag)], vec![(1, Some(2)), (2, None)]),
            (vec![(1, Tag), (2, Delete), (3, Import)], vec![(1, Some(2))]),
            (vec![(1, Tag), (2, Import), (3, Untag), (4, Untag)], vec![(1, Some(3))]),
        ] {
            assert_eq!(intervals(&acts), expected, "{acts:?}");
        }
    }
}
