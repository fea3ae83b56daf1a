//! What does the hub say about tags? Events, tags, links, package lists, external repositories, and what changed.

use serde_json::{Map, Value};

use super::super::error::Error;
use super::super::xmlrpc::Call;
use super::ask::Ask;
use super::row::{Row, kind, shape};

/// A tag by its id or its name. Names are reused: an id stays with the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagRef<'a> {
    /// By its id.
    Id(i64),
    /// By its name.
    Name(&'a str),
}

impl From<TagRef<'_>> for Value {
    fn from(tag: TagRef<'_>) -> Self {
        match tag {
            TagRef::Id(id) => id.into(),
            TagRef::Name(name) => name.into(),
        }
    }
}

/// An event: one transaction of the hub that changed versioned rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its number. Drawn inside the transaction, so that lower ones may become visible later.
    pub id: i64,
    /// When, in microseconds after 1970.
    pub micros: i64,
}

/// A tag with its own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The arches it is built for; empty where it leaves that to its parents.
    pub arches: Vec<String>,
    /// Whether builds may not be tagged into it without force.
    pub locked: bool,
    /// Further settings, of any kind.
    pub extra: Map<String, Value>,
}

impl Tag {
    /// Returns whether the tag itself says that its repositories have all builds, not only the latest.
    pub fn repo_include_all(&self) -> Option<bool> {
        self.extra.get("repo_include_all").and_then(Value::as_bool)
    }
}

/// A tag that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagName {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
}

/// A tag's own link to a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The tag that inherits.
    pub child_id: i64,
    /// The tag inherited from.
    pub parent_id: i64,
    /// Its name.
    pub parent_name: String,
    /// Order among the links of the child: lowest first.
    pub priority: i64,
    /// How many further links may be followed behind this one; `None` for any number.
    pub maxdepth: Option<i64>,
    /// It counts only from the child itself, not from tags that inherit from it.
    pub intransitive: bool,
    /// Arches and other settings are not inherited through it.
    pub noconfig: bool,
    /// Regular expression that package names have to match at their start; empty for any.
    pub pkg_filter: String,
}

/// A row of a tag's own package list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPackage {
    /// The tag.
    pub tag_id: i64,
    /// The id of the package.
    pub package_id: i64,
    /// Its name.
    pub package_name: String,
    /// Whether it is shut out, not listed.
    pub blocked: bool,
}

/// A repository outside Koji that a tag is joined with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalRepo {
    /// The tag.
    pub tag_id: i64,
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where it is; `$arch` in it stands for the arch.
    pub url: String,
    /// Order among the tag's own: lowest first.
    pub priority: i64,
    /// How it is merged: `koji`, `simple` or `bare`; `None` on hubs older than that.
    pub merge_mode: Option<String>,
    /// The arches it is for; empty for all of the tag's.
    pub arches: Vec<String>,
}

/// Asks for the newest event whose transaction is done. It is no safe cursor: older ones may still come.
pub fn last_event() -> Ask<Event> {
    Ask::whole(Call::new("getLastEvent", []), |method, value| {
        let mut row = Row::of(method, "the event", value)?;
        Ok(Event { id: row.int("id")?, micros: row.micros("ts")? })
    })
}

/// Asks for a tag, now or at an event; `None` where there was no such tag then.
pub fn tag(tag: TagRef<'_>, event: Option<i64>) -> Ask<Option<Tag>> {
    let mut call = Call::new("getTag", []).with("tagInfo", tag);
    if let Some(event) = event {
        call = call.with("event", event);
    }
    Ask::whole(call, |method, value| if value.is_null() { Ok(None) } else { read_tag(method, value).map(Some) })
}

fn read_tag(method: &'static str, value: Value) -> Result<Tag, Error> {
    let mut row = Row::of(method, "the tag", value)?;
    let (id, name) = (row.int("id")?, row.text("name")?);
    let extra = match row.take("extra") {
        None => Map::new(),
        Some(Value::Object(extra)) => extra,
        other => return Err(row.wrong("extra", other.as_ref())),
    };
    Ok(Tag { id, name, arches: row.words("arches")?, locked: row.flag_or_off("locked")?, extra })
}

/// Asks for the tags that there are now whose name matches a pattern with `*` and `?`. The hub does not tell upper
/// from lower case there, and has no such call for an event.
pub fn tags(pattern: &str) -> Ask<Vec<TagName>> {
    let call = Call::new("listTags", []).with("pattern", pattern).with("perms", false);
    Ask::rows(call, |method, tags, value| {
        let mut row = Row::of(method, "a tag", value)?;
        tags.push(TagName { id: row.int("id")?, name: row.text("name")? });
        Ok(())
    })
}

/// Asks for the links that a tag itself has at an event, by priority.
pub fn links(tag_id: i64, event: i64) -> Ask<Vec<Link>> {
    let call = Call::new("getInheritanceData", []).with("tag", tag_id).with("event", event);
    Ask::rows(call, |method, links, value| {
        let mut row = Row::of(method, "a link", value)?;
        links.push(Link {
            child_id: row.int("child_id")?,
            parent_id: row.int("parent_id")?,
            parent_name: row.text("name")?,
            priority: row.int("priority")?,
            maxdepth: row.int_or_nil("maxdepth")?,
            intransitive: row.flag("intransitive")?,
            noconfig: row.flag("noconfig")?,
            pkg_filter: row.text_or_nil("pkg_filter")?.unwrap_or_default(),
        });
        Ok(())
    })
}

/// Asks for the package list that a tag itself has at an event, blocked packages among them.
///
/// Without owners, since a row without one would be left out otherwise. Inherited lists are never asked for: the
/// hub's own answer is wrong where blocks are left out.
pub fn packages(tag_id: i64, event: i64) -> Ask<Vec<ListedPackage>> {
    let call = Call::new("listPackages", []).with("tagID", tag_id).with("event", event);
    let call = call.with("inherited", false).with("with_owners", false).with("with_blocked", true);
    Ask::rows(call, |method, packages, value| {
        let mut row = Row::of(method, "a package", value)?;
        packages.push(ListedPackage {
            tag_id: row.int("tag_id")?,
            package_id: row.int("package_id")?,
            package_name: row.text("package_name")?,
            blocked: row.flag("blocked")?,
        });
        Ok(())
    })
}

/// Asks for the external repositories that a tag itself has at an event, by priority.
pub fn external_repos(tag_id: i64, event: i64) -> Ask<Vec<ExternalRepo>> {
    let call = Call::new("getTagExternalRepos", []).with("tag_info", tag_id).with("event", event);
    Ask::rows(call, |method, repos, value| {
        let mut row = Row::of(method, "a repository", value)?;
        repos.push(ExternalRepo {
            tag_id: row.int("tag_id")?,
            id: row.int("external_repo_id")?,
            name: row.text("external_repo_name")?,
            url: row.text("url")?,
            priority: row.int("priority")?,
            merge_mode: row.text_or_nil("merge_mode")?,
            arches: row.words("arches")?,
        });
        Ok(())
    })
}

/// Asks for the event that changed a tag last, before an event if one is given; `None` where nothing did. With
/// `inherit`, changes of its ancestors count too. Signatures do not.
///
/// Hubs older than 1.35 do not have the call (fault 1000).
pub fn last_change(tag: TagRef<'_>, before: Option<i64>, inherit: bool) -> Ask<Option<i64>> {
    let mut call = Call::new("tagLastChangeEvent", []).with("tag", tag).with("inherit", inherit);
    if let Some(before) = before {
        call = call.with("before", before);
    }
    Ask::whole(call, |method, value| match value {
        Value::Null => Ok(None),
        value => value.as_i64().map(Some).ok_or_else(|| shape(method, "the event", &kind(Some(&value)))),
    })
}

/// Asks whether any of these tags itself changed after an event. Signatures do not count.
pub fn changed_since(event: i64, tag_ids: &[i64]) -> Ask<bool> {
    let call = Call::new("tagChangedSinceEvent", []).with("event", event).with("taglist", tag_ids);
    Ask::whole(call, |method, value| value.as_bool().ok_or_else(|| shape(method, "the whole", &kind(Some(&value)))))
}
