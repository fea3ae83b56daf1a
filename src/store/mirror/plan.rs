//! What is to be written of one tag, and what does that change? All of it is known before anything is written.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::diff::{Changed, Diff, diff};
use super::{Config, ExternalRepo, Gone, HubBuild, KnownTag, Link, Part, RowChange, RowKind, TagReading, tables};
use crate::model::{PackageName, TagName};
use crate::store::db::{Error, Tx, Write};
use crate::store::tags::PackageState;

/// What differs between the rows of a tag and a reading of it.
pub(super) struct Plan {
    hub_id: i64,
    is_new: bool,
    configs: Diff<(), Config>,
    extras: Diff<String, String>,
    links: Diff<i64, Link>,
    repos: Diff<i64, ExternalRepo>,
    packages: Diff<PackageName, PackageState>,
    taggings: Diff<(PackageName, i64), ()>,
}

impl Plan {
    /// Compares what is known of a tag, if anything is, with what was read.
    pub(super) async fn of(
        tx: &mut Tx,
        known: Option<&KnownTag>,
        reading: &TagReading,
        event: i64,
    ) -> Result<Self, Error> {
        let before = match (known, &reading.part) {
            (None, _) => Default::default(),
            (Some(tag), Part::Whole { since }) => tables::whole(tx, tag.id, *since).await?,
            (Some(tag), Part::Packages(packages)) => tables::of_packages(tx, tag.id, packages).await?,
        };
        let rows = &reading.rows;
        Ok(Self {
            hub_id: reading.hub_id,
            is_new: known.is_none(),
            configs: diff(before.configs, &rows.configs, event),
            extras: diff(before.extras, &rows.extras, event),
            links: diff(before.links, &rows.links, event),
            repos: diff(before.repos, &rows.repos, event),
            packages: diff(before.packages, &rows.packages, event),
            taggings: diff(before.taggings, &rows.taggings, event),
        })
    }

    /// Returns the rows that are gone without a trace.
    pub(super) fn gone(&self) -> Vec<Gone> {
        let mut gone = Vec::new();
        let mut add = |table, about: &dyn Display, from_event| {
            gone.push(Gone { tag: self.hub_id, table, about: about.to_string(), from_event });
        };
        self.configs.gone.iter().for_each(|(_, from)| add("settings", &"", *from));
        self.extras.gone.iter().for_each(|(key, from)| add("setting", key, *from));
        self.links.gone.iter().for_each(|(parent, from)| add("link to tag", parent, *from));
        self.repos.gone.iter().for_each(|(repo, from)| add("repository", repo, *from));
        self.packages.gone.iter().for_each(|(package, from)| add("package", package, *from));
        self.taggings.gone.iter().for_each(|((_, build), from)| add("build", build, *from));
        gone
    }

    /// Writes what differs.
    pub(super) async fn write(&self, tx: &mut Write, buildsys: &str, tag_id: i64) -> Result<(), Error> {
        tables::put_configs(tx, tag_id, &self.configs.puts).await?;
        tables::put_extras(tx, tag_id, &self.extras.puts).await?;
        tables::put_links(tx, buildsys, tag_id, &self.links.puts).await?;
        tables::put_repos(tx, tag_id, &self.repos.puts).await?;
        tables::put_packages(tx, tag_id, &self.packages.puts).await?;
        tables::put_taggings(tx, buildsys, tag_id, &self.taggings.puts).await
    }

    /// Returns whether the tag's links or settings are other ones, or it came or went. A repository outside is in no
    /// set.
    pub(super) fn changes_tag(&self) -> bool {
        let settings = !self.configs.changed.is_empty() || !self.extras.changed.is_empty();
        self.is_new || settings || !self.links.changed.is_empty()
    }

    /// Returns whether the tag is joined with other repositories outside, or otherwise.
    pub(super) fn changes_joins(&self) -> bool {
        !self.repos.changed.is_empty()
    }

    /// Returns the packages of which the tag has other rows of its own.
    pub(super) fn changed_packages(&self) -> impl Iterator<Item = PackageName> {
        let tagged = self.taggings.changed.keys().map(|(package, _)| package);
        self.packages.changed.keys().chain(tagged).cloned()
    }

    /// Returns what is another than before, row by row; builds are called by the names they have in `builds`.
    pub(super) fn told(&self, tag: &TagName, builds: &BTreeMap<i64, HubBuild>) -> Vec<RowChange> {
        let mut told = Vec::new();
        let mut tell = |kind, package: Option<&PackageName>, about: String, changed: &Changed| {
            let Changed { since, event } = *changed;
            told.push(RowChange { tag: tag.clone(), kind, package: package.cloned(), about, since, event });
        };
        self.configs.changed.iter().for_each(|(_, changed)| tell(RowKind::Settings, None, String::new(), changed));
        self.extras.changed.iter().for_each(|(key, changed)| tell(RowKind::Settings, None, key.clone(), changed));
        self.links.changed.iter().for_each(|(id, changed)| tell(RowKind::Link, None, format!("tag {id}"), changed));
        self.repos.changed.iter().for_each(|(id, changed)| tell(RowKind::Repository, None, id.to_string(), changed));
        for (package, changed) in &self.packages.changed {
            tell(RowKind::Package, Some(package), package.to_string(), changed);
        }
        for ((package, build), changed) in &self.taggings.changed {
            let nvr = builds.get(build).map_or_else(|| format!("build {build}"), |build| build.nvr.to_string());
            tell(RowKind::Tagging, Some(package), nvr, changed);
        }
        told
    }
}
