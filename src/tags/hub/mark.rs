//! What is to be asked of a hub because of a message? Nothing of what it says is believed.
//!
//! The marks are rows, written with the message: once it is acknowledged it is not needed any more.

use std::collections::{BTreeSet, HashMap};

use super::super::Tags;
use crate::events::{BuildState, Event};
use crate::model::{Nvr, PackageName, TagName};
use crate::store::tags as rows;
use crate::store::wakeups::{self, Room};
use crate::store::{self, Write, builds, mirror};

/// What became of a message about a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tags) enum Marked {
    /// The hub will be asked, or there is nothing to ask.
    Done,
    /// It names a tag that nobody follows, and that no followed tag inherits from.
    Unfollowed(TagName),
    /// It is of a kind that tells of nothing we keep.
    Nothing,
}

/// What messages of one transaction mark: thousands may name one tag within seconds.
#[derive(Debug, Default)]
pub(in crate::tags) struct Marks {
    /// Which tags they mean, by the hub's id and the name in a message.
    meant: HashMap<(Option<i64>, TagName), (TagName, Meant)>,
    /// Tags with the packages that may have changed; an empty one is the whole tag.
    parts: BTreeSet<(TagName, String)>,
}

/// What a tag is to us that a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// Its rows are kept.
    Known,
    /// They are to be.
    New,
    /// They are not.
    Unfollowed,
}

/// The key under which a look at everything that followed tags hold is marked; no tag can have this name.
pub(super) const EVERYWHERE: &str = "*";

impl Tags {
    /// Marks what a message says may have changed; tags and packages of tags are put into `marks`.
    pub(in crate::tags) async fn mark(
        &self,
        tx: &mut Write,
        event: &Event,
        marks: &mut Marks,
    ) -> Result<Marked, store::Error> {
        match event {
            Event::Tagged(tagging) | Event::Untagged(tagging) => {
                self.mark_tag(tx, (tagging.tag_id, &tagging.tag), tagging.nvr.name(), marks).await
            }
            Event::PackageListChanged(change) => self.mark_tag(tx, (None, &change.tag), &change.package, marks).await,
            Event::BuildState(change) => match change.new {
                BuildState::Deleted | BuildState::Canceled => self.mark_build(tx, change.build_id, &change.nvr).await,
                // Nothing can be tagged that is not complete, and what is tagged has a message of its own.
                _ => Ok(Marked::Nothing),
            },
            Event::BuildPromoted => {
                wakeups::wake(tx, Room::Hub, EVERYWHERE, "", self.clock.micros()).await?;
                Ok(Marked::Done)
            }
            Event::RpmSigned(signed) => {
                // One that is not known is asked about when it is tagged where it counts.
                let known = self.known_build(tx, signed.build_id, &signed.nvr).await?;
                let Some(build) = known else { return Ok(Marked::Nothing) };
                self.list_again(tx, &[build]).await?;
                Ok(Marked::Done)
            }
            Event::RepoInit(_) | Event::RepoDone(_) | Event::TaskState(_) | Event::Other { .. } => Ok(Marked::Nothing),
        }
    }

    async fn mark_tag(
        &self,
        tx: &mut Write,
        named: (Option<i64>, &TagName),
        package: &PackageName,
        marks: &mut Marks,
    ) -> Result<Marked, store::Error> {
        let key = (named.0, named.1.clone());
        let meant = match marks.meant.get(&key) {
            Some(meant) => meant.clone(),
            None => self.meant(tx, named).await?,
        };
        marks.meant.insert(key, meant.clone());
        let part = match meant {
            (_, Meant::Known) => package.to_string(),
            (_, Meant::New) => String::new(),
            (tag, Meant::Unfollowed) => return Ok(Marked::Unfollowed(tag)),
        };
        marks.parts.insert((meant.0, part));
        Ok(Marked::Done)
    }

    /// Returns which tag a message means.
    async fn meant(
        &self,
        tx: &mut Write,
        (hub_id, named): (Option<i64>, &TagName),
    ) -> Result<(TagName, Meant), store::Error> {
        // The name in a message is that of then, the id that of the tag.
        let by_id = match hub_id {
            Some(id) => mirror::name_of(tx, self.buildsys.id(), id).await?,
            None => None,
        };
        let tag = by_id.unwrap_or_else(|| named.clone());
        let is_known = rows::by_name(tx, self.buildsys.id(), tag.as_str()).await?.is_some();
        let meant = match (is_known, self.config.follow.for_tag(&tag)) {
            (true, _) => Meant::Known,
            (false, Some(_)) => Meant::New,
            (false, None) => Meant::Unfollowed,
        };
        Ok((tag, meant))
    }

    /// Writes what messages marked.
    pub(in crate::tags) async fn put_marks(&self, tx: &mut Write, marks: Marks) -> Result<(), store::Error> {
        let parts: Vec<(&str, &str)> = marks.parts.iter().map(|(tag, part)| (tag.as_str(), part.as_str())).collect();
        wakeups::wake_each(tx, Room::Hub, &parts, self.clock.micros()).await
    }

    async fn mark_build(&self, tx: &mut Write, hub_id: Option<i64>, nvr: &Nvr) -> Result<Marked, store::Error> {
        let Some(build) = self.known_build(tx, hub_id, nvr).await? else { return Ok(Marked::Nothing) };
        let standing = mirror::standing(tx, &[build]).await?;
        let marks: Vec<(&str, &str)> = standing.iter().map(|(tag, package)| (tag.as_str(), package.as_str())).collect();
        wakeups::wake_each(tx, Room::Hub, &marks, self.clock.micros()).await?;
        Ok(Marked::Done)
    }

    /// Returns our id of a build, if it is known.
    async fn known_build(&self, tx: &mut Write, hub_id: Option<i64>, nvr: &Nvr) -> Result<Option<i64>, store::Error> {
        match hub_id {
            Some(id) => mirror::build_of(tx, self.buildsys.id(), id).await,
            None => Ok(builds::by_nvr(tx, self.buildsys.id(), nvr).await?.map(|build| build.id)),
        }
    }

    /// Has the RPMs and signatures of builds asked for again.
    pub(in crate::tags) async fn list_again(&self, tx: &mut Write, builds: &[i64]) -> Result<(), store::Error> {
        let keys: Vec<String> = builds.iter().map(ToString::to_string).collect();
        let wake_ups: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        wakeups::wake_each(tx, Room::Files, &wake_ups, self.clock.micros()).await
    }
}
