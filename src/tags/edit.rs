//! What may a person change? Tags, links, package lists, taggings, and builds imported from files.
//!
//! For the local build system only: a hub's tags are edited in the hub. Tagging goes the way of a
//! message, so that a command and a broker cause the same; the rest has no message in Koji either.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::circle::circle;
use super::receive::{Incoming, Outcome};
use super::{Error, Order, Tags};
use crate::buildsys;
use crate::model::{Arch, Nvr, PackageName, TagName};
use crate::store::builds::{self, BuildState};
use crate::store::inbox::Door;
use crate::store::tags::{self as rows, LinkRow, NOW, PackageState, TagRow};
use crate::store::{self, Tx, Write, tag_links, tag_settings};

/// Why an edit is refused.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The tags are a hub's.
    #[error("tags are those of the Koji hub {0}, and edited there")]
    Hub(String),
    /// There is no such tag.
    #[error("there is no tag {0}")]
    NoSuchTag(TagName),
    /// There is one already.
    #[error("there is a tag {0} already")]
    TagExists(TagName),
    /// There is no such build.
    #[error("there is no build {0}; import it first")]
    NoSuchBuild(Nvr),
    /// The build is not in the tag.
    #[error("build {nvr} is not in tag {tag}")]
    NotTagged {
        /// The build.
        nvr: Nvr,
        /// The tag.
        tag: TagName,
    },
    /// The build system's rules forbid it.
    #[error("{0}")]
    Refused(String),
    /// The arches name one that no repository can be for, or one twice.
    #[error("{arch} is {why}")]
    BadArch {
        /// The arch.
        arch: Arch,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The link would close a circle.
    #[error("the tags would inherit from each other in a circle: {0}")]
    Circle(String),
    /// The tag inherits from the parent already.
    #[error("tag {tag} inherits from {parent} already")]
    LinkExists {
        /// The tag.
        tag: TagName,
        /// The parent.
        parent: TagName,
    },
    /// The tag does not inherit from the parent.
    #[error("tag {tag} does not inherit from {parent} itself")]
    NoLink {
        /// The tag.
        tag: TagName,
        /// The parent.
        parent: TagName,
    },
    /// Another link of the tag has this priority.
    #[error("tag {tag} has another parent with priority {priority}")]
    PriorityTaken {
        /// The tag.
        tag: TagName,
        /// The priority.
        priority: i64,
    },
    /// The filter is no regular expression.
    #[error("{filter:?} is no regular expression")]
    BadFilter {
        /// The filter.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: regex_lite::Error,
    },
    /// The package is blocked already.
    #[error("package {package} is blocked in tag {tag} already")]
    Blocked {
        /// The package.
        package: PackageName,
        /// The tag.
        tag: TagName,
    },
    /// The package is not blocked.
    #[error("package {package} is not blocked in tag {tag}")]
    NotBlocked {
        /// The package.
        package: PackageName,
        /// The tag.
        tag: TagName,
    },
    /// The state could not be read or written.
    #[error(transparent)]
    Tags(#[from] Error),
    /// The state could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The build system did not answer.
    #[error(transparent)]
    Buildsys(#[from] buildsys::Error),
}

/// A new link to a parent.
#[derive(Debug, Clone)]
pub struct LinkEdit {
    /// The parent; its priority `None` asks for the lowest place.
    pub priority: Option<i64>,
    /// The rest of it; its own `priority` is not looked at.
    pub link: LinkRow,
}

/// Changes to one tag, made together.
#[derive(Debug, Clone, Default)]
pub struct TagEdit {
    /// Its base arches.
    pub arches: Option<Vec<Arch>>,
    /// Parents it no longer inherits from.
    pub without: Vec<TagName>,
    /// Parents it inherits from now; removed first, so that a link can be replaced.
    pub with: Vec<LinkEdit>,
}

impl Tags {
    /// Begins to change tags.
    async fn change(&self) -> Result<Write, EditError> {
        if self.local().is_none() {
            return Err(EditError::Hub(self.buildsys.id().to_owned()));
        }
        Ok(self.db.write().await?)
    }

    async fn tag(&self, tx: &mut Tx, name: &TagName) -> Result<TagRow, EditError> {
        let tag = rows::by_name(tx, self.buildsys.id(), name.as_str()).await?;
        tag.ok_or_else(|| EditError::NoSuchTag(name.clone()))
    }

    pub(super) async fn now(&self, tx: &mut Write) -> Result<i64, store::Error> {
        let arrived_at = self.clock.micros();
        self.place(tx, None, arrived_at).await
    }

    async fn commit(&self, tx: Write) -> Result<(), EditError> {
        tx.commit().await?;
        self.bells.tags.ring();
        Ok(())
    }

    /// Makes a tag with these arches and links.
    pub async fn create_tag(&self, name: &TagName, edit: &TagEdit) -> Result<(), EditError> {
        let mut tx = self.change().await?;
        if rows::by_name(&mut tx, self.buildsys.id(), name.as_str()).await?.is_some() {
            return Err(EditError::TagExists(name.clone()));
        }
        let event = self.now(&mut tx).await?;
        rows::create(&mut tx, self.buildsys.id(), name, &[], event).await?;
        self.edit_in(&mut tx, name, edit, event).await?;
        self.commit(tx).await
    }

    /// Changes a tag's arches and links.
    pub async fn edit_tag(&self, name: &TagName, edit: &TagEdit) -> Result<(), EditError> {
        let mut tx = self.change().await?;
        let event = self.now(&mut tx).await?;
        self.edit_in(&mut tx, name, edit, event).await?;
        self.commit(tx).await
    }

    async fn edit_in(&self, tx: &mut Write, name: &TagName, edit: &TagEdit, event: i64) -> Result<(), EditError> {
        let tag = self.tag(tx, name).await?;
        if let Some(arches) = &edit.arches {
            check_arches(arches)?;
            tag_settings::set_arches(tx, tag.id, arches, event).await?;
        }
        for parent in &edit.without {
            let id = self.tag(tx, parent).await?.id;
            if !rows::close_link(tx, tag.id, id, event).await? {
                return Err(EditError::NoLink { tag: name.clone(), parent: parent.clone() });
            }
        }
        for new in &edit.with {
            self.open_link(tx, &tag, new, event).await?;
        }
        Ok(self.wake_dependents(tx, &tag, "", event).await?)
    }

    async fn open_link(&self, tx: &mut Write, tag: &TagRow, new: &LinkEdit, event: i64) -> Result<(), EditError> {
        let parent = self.tag(tx, &new.link.parent).await?;
        let filter = &new.link.pkg_filter;
        regex_lite::Regex::new(filter).map_err(|source| EditError::BadFilter { filter: filter.clone(), source })?;
        let links = rows::links(tx, tag.id, NOW).await?;
        if links.iter().any(|link| link.parent == parent.name) {
            return Err(EditError::LinkExists { tag: tag.name.clone(), parent: parent.name });
        }
        let last = links.iter().map(|link| link.priority).max();
        let priority = new.priority.unwrap_or_else(|| last.map_or(0, |last| last.saturating_add(1)));
        if links.iter().any(|link| link.priority == priority) {
            return Err(EditError::PriorityTaken { tag: tag.name.clone(), priority });
        }
        if let Some(circle) = circle(&tag_links::open_links(tx).await?, &tag.name, &parent.name) {
            return Err(EditError::Circle(circle));
        }
        let link = LinkRow { priority, ..new.link.clone() };
        Ok(rows::open_link(tx, tag.id, parent.id, &link, event).await?)
    }

    /// Tags builds into a tag, in the order given, or not at all. One that is tagged already is tagged
    /// again, and so is the latest.
    pub async fn tag_builds(&self, tag: &TagName, builds: &[Nvr], force: bool) -> Result<(), EditError> {
        let mut tx = self.change().await?;
        self.tag(&mut tx, tag).await?;
        for nvr in builds {
            self.command(&mut tx, "buildsys.tag", tag, nvr, force).await?;
        }
        self.commit(tx).await
    }

    /// Takes builds out of a tag, or none of them.
    pub async fn untag_builds(&self, tag: &TagName, builds: &[Nvr]) -> Result<(), EditError> {
        let mut tx = self.change().await?;
        let row = self.tag(&mut tx, tag).await?;
        for nvr in builds {
            let build = builds::by_nvr(&mut tx, self.buildsys.id(), nvr).await?.map(|build| build.id);
            let taggings = rows::taggings(&mut tx, row.id, Some(std::slice::from_ref(nvr.name())), NOW).await?;
            if !taggings.iter().any(|tagging| Some(tagging.build_id) == build) {
                return Err(EditError::NotTagged { nvr: nvr.clone(), tag: tag.clone() });
            }
            self.command(&mut tx, "buildsys.untag", tag, nvr, false).await?;
        }
        self.commit(tx).await
    }

    async fn command(
        &self,
        tx: &mut Write,
        topic: &str,
        tag: &TagName,
        nvr: &Nvr,
        force: bool,
    ) -> Result<(), EditError> {
        let build = builds::by_nvr(tx, self.buildsys.id(), nvr).await?;
        if build.is_none_or(|build| build.state == BuildState::Deleted) {
            return Err(EditError::NoSuchBuild(nvr.clone()));
        }
        let (name, version, release) = (nvr.name(), nvr.version(), nvr.release());
        let body =
            json!({"tag": tag, "name": name, "version": version, "release": release, "user": "tannery"}).to_string();
        let message = Incoming {
            door: Door::Cli,
            topic,
            message_id: Some(&self.clock.uuid()),
            headers: &Map::<String, Value>::new(),
            body: body.as_bytes(),
            cut: None,
            force,
        };
        match self.receive_in(tx, &message).await? {
            Outcome::Refused { reason } | Outcome::Quarantined { reason } => Err(EditError::Refused(reason)),
            _ => Ok(()),
        }
    }

    /// Blocks packages in a tag; a package need not be listed there.
    pub async fn block(&self, tag: &TagName, packages: &[PackageName]) -> Result<(), EditError> {
        let mut tx = self.change().await?;
        let row = self.tag(&mut tx, tag).await?;
        let event = self.now(&mut tx).await?;
        for package in packages {
            let own = own_state(&mut tx, row.id, package).await?;
            if own == Some(PackageState::Blocked) {
                return Err(EditError::Blocked { package: package.clone(), tag: tag.clone() });
            }
            rows::close_package(&mut tx, row.id, package, event).await?;
            rows::open_package(&mut tx, row.id, package, PackageState::Blocked, event, None).await?;
            self.wake_dependents(&mut tx, &row, package.as_str(), event).await?;
        }
        self.commit(tx).await
    }

    /// Takes back blocks, all or none, as `koji unblock-pkg`: the tag's own row goes, and where the package
    /// would then not be listed, a listing takes its place. A block inherited from a parent is overridden.
    pub async fn unblock(&self, tag: &TagName, packages: &[PackageName]) -> Result<(), EditError> {
        let mut listings = BTreeMap::new();
        for package in packages {
            let facts = self.buildsys.facts(tag, Some(std::slice::from_ref(package)), NOW).await?;
            let Some(mut facts) = facts else { return Err(EditError::NoSuchTag(tag.clone())) };
            let word = |facts: &buildsys::Facts| Order::of(facts).words(facts).get(package).copied();
            if word(&facts) != Some(PackageState::Blocked) {
                return Err(EditError::NotBlocked { package: package.clone(), tag: tag.clone() });
            }
            if let Some(own) = facts.tags.get_mut(tag) {
                own.packages.clear();
            }
            listings.insert(package, word(&facts) != Some(PackageState::Listed));
        }
        let mut tx = self.change().await?;
        let row = self.tag(&mut tx, tag).await?;
        let event = self.now(&mut tx).await?;
        for (package, needs_listing) in listings {
            rows::close_package(&mut tx, row.id, package, event).await?;
            if needs_listing {
                rows::open_package(&mut tx, row.id, package, PackageState::Listed, event, None).await?;
            }
            self.wake_dependents(&mut tx, &row, package.as_str(), event).await?;
        }
        self.commit(tx).await
    }
}

/// Refuses what is no base arch, and an arch named twice.
fn check_arches(arches: &[Arch]) -> Result<(), EditError> {
    for (at, arch) in arches.iter().enumerate() {
        let bad = |why| Err(EditError::BadArch { arch: arch.clone(), why });
        if arch.is_source() || arch.is_noarch() {
            return bad("not a base arch such as x86_64");
        }
        if arches[..at].contains(arch) {
            return bad("named twice");
        }
    }
    Ok(())
}

async fn own_state(tx: &mut Tx, tag: i64, package: &PackageName) -> Result<Option<PackageState>, store::Error> {
    Ok(rows::packages(tx, tag, Some(std::slice::from_ref(package)), NOW).await?.first().map(|row| row.state))
}
