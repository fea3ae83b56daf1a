//! What does the hub say about builds? Their names, states and volumes, and which tags hold them.

use serde_json::Value;

use super::super::error::Error;
use super::super::xmlrpc::Call;
use super::ask::Ask;
use super::row::Row;
use crate::events::BuildState;

/// Takes the state of a build out of a row.
pub(super) fn state(row: &mut Row, name: &str) -> Result<BuildState, Error> {
    let number = row.int(name)?;
    BuildState::of(number).ok_or_else(|| row.wrong(name, Some(&number.into())))
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: i64,
    /// The id of its package.
    pub package_id: i64,
    /// Its name, which is that of its package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release. It changes when a draft is promoted.
    pub release: String,
    /// Its epoch.
    pub epoch: Option<i64>,
    /// What became of it.
    pub state: BuildState,
    /// The volume where its files lie.
    pub volume_name: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// The task that made it; `None` for an import.
    pub task_id: Option<i64>,
    /// Who owns it.
    pub owner_name: Option<String>,
}

/// A build that stands in a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedBuild {
    /// The tag itself that holds it.
    pub tag_id: i64,
    /// The event that tagged it: what "latest" goes by.
    pub create_event: i64,
    /// The build, as it is now.
    pub build: Build,
}

/// A place where files of builds lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its id; 0 for DEFAULT.
    pub id: i64,
    /// Its name.
    pub name: String,
}

impl Build {
    pub(super) fn take(row: &mut Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.int("build_id")?,
            package_id: row.int("package_id")?,
            name: row.text("package_name")?,
            version: row.text("version")?,
            release: row.text("release")?,
            epoch: row.int_or_nil("epoch")?,
            state: state(row, "state")?,
            volume_name: row.text("volume_name")?,
            draft: row.flag_or_off("draft")?,
            task_id: row.int_or_nil("task_id")?,
            owner_name: row.text_or_nil("owner_name")?,
        })
    }
}

impl TaggedBuild {
    pub(super) fn read(method: &'static str, value: Value) -> Result<Self, Error> {
        let mut row = Row::of(method, "a build", value)?;
        Ok(Self { tag_id: row.int("tag_id")?, create_event: row.int("create_event")?, build: Build::take(&mut row)? })
    }
}

/// Asks for a build as it is now; `None` where there is none. Its files may be gone ([`BuildState::Deleted`]).
pub fn build(build_id: i64) -> Ask<Option<Build>> {
    Ask::whole(Call::new("getBuild", []).with("buildInfo", build_id), |method, value| match value {
        Value::Null => Ok(None),
        value => Build::take(&mut Row::of(method, "the build", value)?).map(Some),
    })
}

/// Asks for the complete builds that stand in a tag at an event, of one package if one is given; with `inherit`, in
/// its ancestors too. Tag by tag, the newest tagging first.
///
/// Builds whose package the tag does not list or blocks are left out, by the lists that *this* tag has or inherits.
/// So they are not all that stands in it: a tag that inherits from it may list what it does not. Its bare rows are
/// those of [`super::history`].
pub fn tagged(tag_id: i64, event: i64, inherit: bool, package: Option<&str>) -> Ask<Vec<TaggedBuild>> {
    let mut call = Call::new("listTagged", []).with("tag", tag_id).with("event", event).with("inherit", inherit);
    if let Some(package) = package {
        call = call.with("package", package);
    }
    Ask::rows(call, |method, builds, value| {
        builds.push(TaggedBuild::read(method, value)?);
        Ok(())
    })
}

/// Asks for all volumes.
pub fn volumes() -> Ask<Vec<Volume>> {
    Ask::rows(Call::new("listVolumes", []), |method, volumes, value| {
        let mut row = Row::of(method, "a volume", value)?;
        volumes.push(Volume { id: row.int("id")?, name: row.text("name")? });
        Ok(())
    })
}
