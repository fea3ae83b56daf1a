//! What can happen in a build system, as far as its messages tell?

use crate::model::{Nevra, Nvr, PackageName, Sigkey, TagName};

/// A change that a message tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A build was tagged, or tagged again with force. Rolled back changes are announced too.
    Tagged(Tagging),
    /// A build was untagged.
    Untagged(Tagging),
    /// A build came to another state.
    BuildState(BuildStateChange),
    /// A signature was added to an RPM; the signed copy may not be there yet.
    RpmSigned(RpmSigned),
    /// A tag's list of packages changed.
    PackageListChanged(PackageListChange),
    /// A repository of a tag is being made (dist-repos are announced alike).
    RepoInit(Repo),
    /// A repository of a tag was made.
    RepoDone(Repo),
    /// A draft build was promoted; the message does not say which.
    BuildPromoted,
    /// The task of a scratch build came to another state.
    TaskState(TaskState),
    /// Nothing of ours.
    Other {
        /// The topic, printable.
        topic: String,
    },
}

/// A build entering or leaving a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagging {
    /// The tag.
    pub tag: TagName,
    /// The hub's number of the tag.
    pub tag_id: Option<i64>,
    /// The build. No epoch is told.
    pub nvr: Nvr,
    /// The hub's number of the build.
    pub build_id: Option<i64>,
    /// Who did it; for a task, the task's owner.
    pub user: Option<String>,
    /// Whose build it is.
    pub owner: Option<String>,
}

/// A build's change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStateChange {
    /// The build.
    pub nvr: Nvr,
    /// The hub's number of the build.
    pub build_id: Option<i64>,
    /// The state before; none for a new build.
    pub old: Option<BuildState>,
    /// The state now.
    pub new: BuildState,
    /// The task that builds it; imports have none.
    pub task_id: Option<i64>,
}

/// State of a build, by Koji's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildState {
    /// 0: being built.
    Building,
    /// 1: whole; the only state in which it counts in a tag.
    Complete,
    /// 2: deleted; its taggings end without a message.
    Deleted,
    /// 3: failed.
    Failed,
    /// 4: cancelled, or reset.
    Canceled,
}

impl BuildState {
    /// Returns the state of Koji's number.
    pub fn of(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Building),
            1 => Some(Self::Complete),
            2 => Some(Self::Deleted),
            3 => Some(Self::Failed),
            4 => Some(Self::Canceled),
            _ => None,
        }
    }
}

/// A signature added to an RPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmSigned {
    /// The RPM's build.
    pub nvr: Nvr,
    /// The hub's number of the build.
    pub build_id: Option<i64>,
    /// The key that signed.
    pub sigkey: Sigkey,
    /// The RPM.
    pub rpm: Nevra,
}

/// A change in a tag's list of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageListChange {
    /// The tag.
    pub tag: TagName,
    /// The package.
    pub package: PackageName,
    /// What was done.
    pub action: PackageAction,
}

/// What was done to a package in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageAction {
    /// Listed.
    Add,
    /// Owner, architectures or the like changed.
    Update,
    /// Blocked.
    Block,
    /// No longer blocked.
    Unblock,
    /// Taken off the list; tagged builds of it vanish without an untag.
    Remove,
    /// Something newer than this list.
    Other,
}

/// A repository that the hub makes of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// The tag.
    pub tag: TagName,
    /// The hub's number of the tag.
    pub tag_id: Option<i64>,
    /// The hub's number of the repository.
    pub repo_id: Option<i64>,
}

/// A task's change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The task's number.
    pub id: i64,
    /// The kind of task.
    pub method: Option<String>,
    /// The state before: FREE, ASSIGNED, OPEN, CLOSED, CANCELED or FAILED.
    pub old: Option<String>,
    /// The state now.
    pub new: String,
}
