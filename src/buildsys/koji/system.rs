//! How does a Koji hub answer as a build system? By its rows in our tables, which readings keep in line.
//!
//! Asking the hub and answering from the tables are apart: an answer never waits for a hub.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::calls::{self, TagRef};
use super::read::{Reach, ReadError, read_packages, read_tag};
use super::{Error, Files, Hub, files};
use crate::buildsys::{self, BuildFiles, BuildSystem, Copy, Facts, facts};
use crate::clock::Clock;
use crate::model::{PackageName, RpmEntry, TagName};
use crate::rpms::Signed;
use crate::store::mirror::{self, Doubt, Outcome, Reading};
use crate::store::{self, Db, Write};

/// A Koji hub as a build system.
#[derive(Debug, Clone)]
pub struct Koji {
    db: Db,
    id: String,
    hub: Arc<Hub>,
    files: Files,
}

impl Koji {
    /// Returns the build system called `id`, with its files where `files` says.
    pub fn new(db: Db, id: &str, hub: Arc<Hub>, clock: Clock, files: files::Settings) -> Self {
        let files = Files::new(db.clone(), id, hub.clone(), clock, files);
        Self { db, id: id.to_owned(), hub, files }
    }

    /// Returns the newest event of the hub: what a reading is to be at.
    ///
    /// # Errors
    /// The hub does not answer.
    pub async fn last_event(&self) -> Result<i64, Error> {
        Ok(self.hub.ask(calls::last_event()).await?.id)
    }

    /// Returns the hub itself, to be asked what no row tells.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Reads all rows of a tag and its ancestors at `event`, as [`read_tag`] does. The tag is the one that has the
    /// name now, else the one that had it at the last reading.
    ///
    /// # Errors
    /// As those of [`read_tag`]; there is no such tag.
    pub async fn read_tag(&self, tag: &TagName, event: i64, since: Option<i64>) -> Result<Reading, ReadError> {
        self.read(tag, event, since, Reach::Chain).await
    }

    /// As [`Koji::read_tag`], of ancestors only those that are not known.
    ///
    /// # Errors
    /// As those of [`Koji::read_tag`].
    pub async fn read_own(&self, tag: &TagName, event: i64) -> Result<Reading, ReadError> {
        self.read(tag, event, None, Reach::Unknown).await
    }

    async fn read(&self, tag: &TagName, event: i64, since: Option<i64>, reach: Reach) -> Result<Reading, ReadError> {
        let known = mirror::known(&mut self.db.read().await?, &self.id).await?;
        let hub_id = match self.hub.ask(calls::tag(TagRef::Name(tag.as_str()), Some(event))).await? {
            Some(found) => found.id,
            None => {
                let known = known.iter().find(|(_, known)| known.name == *tag);
                known.map(|(hub_id, _)| *hub_id).ok_or_else(|| ReadError::NoSuchTag(tag.clone()))?
            }
        };
        read_tag(&self.hub, &known, hub_id, event, since, reach).await
    }

    /// As [`Koji::read_tag`], of the tag that has this id in the hub: so a tag is found that was renamed, also one
    /// that is gone since.
    ///
    /// # Errors
    /// As those of [`read_tag`].
    pub async fn read_tag_of(&self, hub_id: i64, event: i64, since: Option<i64>) -> Result<Reading, ReadError> {
        let known = mirror::known(&mut self.db.read().await?, &self.id).await?;
        read_tag(&self.hub, &known, hub_id, event, since, Reach::Chain).await
    }

    /// Reads the rows of some packages of a tag itself at `event`, as [`read_packages`] does.
    ///
    /// # Errors
    /// As those of [`read_packages`].
    pub async fn read_packages(
        &self,
        tag: &TagName,
        packages: &BTreeSet<PackageName>,
        event: i64,
    ) -> Result<Reading, ReadError> {
        let known = mirror::known(&mut self.db.read().await?, &self.id).await?;
        let found = known.iter().find(|(_, known)| known.name == *tag);
        let hub_id = found.map(|(hub_id, _)| *hub_id).ok_or_else(|| ReadError::NotRead(tag.clone()))?;
        read_packages(&self.hub, &known, hub_id, packages, event).await
    }

    /// Puts the tables in line with a reading, in the caller's transaction; `doubt` is that of the reading before,
    /// `now` is in microseconds.
    ///
    /// # Errors
    /// The tables cannot be read or written.
    pub async fn apply(
        &self,
        tx: &mut Write,
        reading: &Reading,
        doubt: Option<&Doubt>,
        now: i64,
    ) -> Result<Outcome, store::Error> {
        mirror::apply(tx, &self.id, reading, doubt, now).await
    }
}

impl BuildSystem for Koji {
    fn id(&self) -> &str {
        &self.id
    }

    fn facts<'a>(
        &'a self,
        root: &'a TagName,
        packages: Option<&'a [PackageName]>,
        event: i64,
    ) -> BoxFuture<'a, Result<Option<Facts>, buildsys::Error>> {
        Box::pin(async move { facts::read(&mut self.db.read().await?, &self.id, root, packages, event).await })
    }

    fn own_packages<'a>(
        &'a self,
        tags: &'a [TagName],
        event: i64,
    ) -> BoxFuture<'a, Result<BTreeSet<PackageName>, buildsys::Error>> {
        Box::pin(async move { facts::own_packages(&mut self.db.read().await?, &self.id, tags, event).await })
    }

    fn builds<'a>(&'a self, ids: &'a [i64]) -> BoxFuture<'a, Result<Vec<BuildFiles>, buildsys::Error>> {
        Box::pin(async move { files::build_files(&mut self.db.read().await?, ids).await })
    }

    fn file(&self, location: &str) -> PathBuf {
        self.files.file(location)
    }

    fn provide<'a>(&'a self, rpms: &'a [RpmEntry]) -> BoxFuture<'a, Result<(), buildsys::Error>> {
        let (files, rpms) = (self.files.clone(), rpms.to_vec());
        Box::pin(async move { Ok(files.provide(rpms).await?) })
    }

    fn signed<'a>(&'a self, copy: &'a Copy) -> BoxFuture<'a, Result<Signed, buildsys::Error>> {
        Box::pin(async move { Ok(self.files.signed(copy).await?) })
    }

    fn files(&self) -> Option<&Files> {
        Some(&self.files)
    }
}
