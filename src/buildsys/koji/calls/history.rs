//! What does the hub say about versioned rows? The rows themselves, with the events that made and revoked them.

use serde_json::{Value, json};

use super::super::error::Error;
use super::super::xmlrpc::Call;
use super::ask::Ask;
use super::builds::state;
use super::row::{Row, shape};
use super::tags::TagRef;
use crate::events::BuildState;

/// A versioned table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Which builds stand in which tags.
    Taggings,
    /// The package lists of tags.
    Packages,
    /// The links between tags.
    Links,
    /// Arches and locks of tags: a tag is there while it has such a row.
    Configs,
    /// Further settings of tags.
    Extras,
    /// The external repositories of tags.
    ExternalRepos,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Taggings => "tag_listing",
            Self::Packages => "tag_packages",
            Self::Links => "tag_inheritance",
            Self::Configs => "tag_config",
            Self::Extras => "tag_extra",
            Self::ExternalRepos => "tag_external_repos",
        }
    }
}

/// Which rows of a table are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Those of this tag; of links, also those to it. Without one, a table of millions may be read.
    pub tag: Option<TagRef<'a>>,
    /// Those of this package; tables that have none are left out of the answer.
    pub package: Option<&'a str>,
    /// Those made or revoked after this event.
    pub after: Option<i64>,
    /// Those made or revoked before this event.
    pub before: Option<i64>,
    /// Those that count now, or those that do not.
    pub active: Option<bool>,
}

/// When a row counted: from its first event on, up to and without the one that revoked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The event that made it.
    pub create_event: i64,
    /// The event that revoked it.
    pub revoke_event: Option<i64>,
    /// When that which made it was, in microseconds; `None` where the hub does not say.
    pub created_at: Option<i64>,
    /// When that which revoked it was.
    pub revoked_at: Option<i64>,
}

impl Span {
    /// Returns whether the row counted at an event.
    pub fn holds(&self, event: i64) -> bool {
        self.create_event <= event && self.revoke_event.is_none_or(|revoked| event < revoked)
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Was {
    /// A build stood in the tag.
    Tagged {
        /// The build.
        build_id: i64,
        /// Its package.
        package_name: String,
        /// Its version.
        version: String,
        /// Its release.
        release: String,
        /// Its epoch.
        epoch: Option<i64>,
        /// What has become of it by now: it has no history.
        state: BuildState,
    },
    /// A package was listed, or shut out.
    Listed {
        /// The package.
        package_name: String,
        /// Whether it was shut out.
        blocked: bool,
    },
    /// The tag inherited from another; the members are those of [`super::Link`].
    Linked {
        /// The tag inherited from.
        parent_id: i64,
        /// Its name.
        parent_name: String,
        /// Order among the links of the tag.
        priority: i64,
        /// How many further links could be followed.
        maxdepth: Option<i64>,
        /// Whether it counted from the tag itself only.
        intransitive: bool,
        /// Whether settings were not inherited.
        noconfig: bool,
        /// What package names had to match.
        pkg_filter: String,
    },
    /// The tag was there, with these settings.
    Configured {
        /// Its arches.
        arches: Vec<String>,
        /// Whether it was locked.
        locked: bool,
    },
    /// The tag had a further setting.
    Set {
        /// Its name.
        key: String,
        /// Its value as JSON; `None` where one that is inherited is taken away.
        value: Option<String>,
    },
    /// The tag was joined with a repository outside.
    Joined {
        /// The repository.
        external_repo_id: i64,
        /// Its name.
        name: String,
        /// Order among the tag's own.
        priority: i64,
    },
}

/// A versioned row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The tag it is of.
    pub tag_id: i64,
    /// Its name now; `None` for one that the hub has lost.
    pub tag_name: Option<String>,
    /// When it counted.
    pub span: Span,
    /// What it says.
    pub was: Was,
}

/// Asks for rows of versioned tables, in the order of tables and of the hub.
///
/// Bare rows, whatever the package lists say: with those that are active and those after an event, all that counted
/// at that event are known. Rows of builds that were reset are gone from it. Changes of volumes, promotions of
/// drafts, and signatures have no row.
pub fn history(tables: &[Table], filter: &Filter<'_>) -> Ask<Vec<History>> {
    let has = |table: &&Table| filter.package.is_none() || matches!(table, Table::Taggings | Table::Packages);
    let names: Vec<&'static str> = tables.iter().filter(has).map(|table| table.name()).collect();
    let mut call = Call::new("queryHistory", []).with("tables", json!(names));
    if let Some(tag) = filter.tag {
        call = call.with("tag", tag);
    }
    if let Some(package) = filter.package {
        call = call.with("package", package);
    }
    let events = [("afterEvent", filter.after), ("beforeEvent", filter.before)];
    for (name, event) in events.into_iter().filter_map(|(name, event)| Some((name, event?))) {
        call = call.with(name, event);
    }
    if let Some(active) = filter.active {
        call = call.with("active", active);
    }
    Ask::members(call, names, |method, rows: &mut Vec<History>, table, value| {
        rows.push(read(method, table, value)?);
        Ok(())
    })
}

fn read(method: &'static str, table: &str, value: Value) -> Result<History, Error> {
    let mut row = Row::of(method, table, value)?;
    let span = Span {
        create_event: row.int("create_event")?,
        revoke_event: row.int_or_nil("revoke_event")?,
        created_at: row.micros_or_nil("create_ts")?,
        revoked_at: row.micros_or_nil("revoke_ts")?,
    };
    let (tag_id, tag_name) = (row.int("tag_id")?, row.text_or_nil("tag.name")?);
    let was = match table {
        "tag_listing" => tagged(&mut row)?,
        "tag_packages" => Was::Listed { package_name: row.text("package.name")?, blocked: row.flag("blocked")? },
        "tag_inheritance" => linked(&mut row)?,
        "tag_config" => Was::Configured { arches: row.words("arches")?, locked: row.flag_or_off("locked")? },
        "tag_extra" => Was::Set { key: row.text("key")?, value: row.text_or_nil("value")? },
        "tag_external_repos" => Was::Joined {
            external_repo_id: row.int("external_repo_id")?,
            name: row.text("external_repo.name")?,
            priority: row.int("priority")?,
        },
        other => return Err(shape(method, other, "not asked for")),
    };
    Ok(History { tag_id, tag_name, span, was })
}

fn tagged(row: &mut Row) -> Result<Was, Error> {
    Ok(Was::Tagged {
        build_id: row.int("build_id")?,
        package_name: row.text("name")?,
        version: row.text("version")?,
        release: row.text("release")?,
        epoch: row.int_or_nil("epoch")?,
        state: state(row, "build.state")?,
    })
}

fn linked(row: &mut Row) -> Result<Was, Error> {
    Ok(Was::Linked {
        parent_id: row.int("parent_id")?,
        parent_name: row.text("parent.name")?,
        priority: row.int("priority")?,
        maxdepth: row.int_or_nil("maxdepth")?,
        intransitive: row.flag("intransitive")?,
        noconfig: row.flag("noconfig")?,
        pkg_filter: row.text_or_nil("pkg_filter")?.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_from_its_first_event_up_to_the_one_that_revoked_it() {
        let span = Span { create_event: 5, revoke_event: Some(8), created_at: None, revoked_at: None };
        assert_eq!([4, 5, 7, 8].map(|event| span.holds(event)), [false, true, true, false]);
        assert!(Span { revoke_event: None, ..span }.holds(i64::MAX));
    }
}
