//! What do Koji's messages say? The bodies of the topics `*.buildsys.*`, as the hub plugin
//! koji-fedoramessaging 1.1 writes them.

use super::event::{
    BuildState, BuildStateChange, Event, PackageAction, PackageListChange, Repo, RpmSigned, Tagging, TaskState,
};
use super::json::Fields;
use super::{Undecodable, printable};
use crate::model::{Nevra, Nvr};

/// The topics that Koji's plugin speaks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tag,
    Untag,
    BuildStateChange,
    RpmSign,
    PackageListChange,
    RepoInit,
    RepoDone,
    BuildPromote,
    TaskStateChange,
}

/// The topics after any prefix (`org.fedoraproject.prod`, `org.centos.prod.cbs`, none).
const TOPICS: &[(&str, Kind)] = &[
    ("buildsys.tag", Kind::Tag),
    ("buildsys.untag", Kind::Untag),
    ("buildsys.build.state.change", Kind::BuildStateChange),
    ("buildsys.rpm.sign", Kind::RpmSign),
    ("buildsys.package.list.change", Kind::PackageListChange),
    ("buildsys.repo.init", Kind::RepoInit),
    ("buildsys.repo.done", Kind::RepoDone),
    ("buildsys.build.promote", Kind::BuildPromote),
    ("buildsys.task.state.change", Kind::TaskStateChange),
];

impl Kind {
    /// Returns the kind of message that stands on a topic.
    pub fn of(topic: &str) -> Option<Self> {
        let ends = |suffix: &str| topic.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        TOPICS.iter().find(|(suffix, _)| ends(suffix)).map(|(_, kind)| *kind)
    }
}

/// Returns the event of a body.
pub(super) fn read(kind: Kind, body: &Fields<'_>) -> Result<Event, Undecodable> {
    match kind {
        Kind::Tag => tagging(body).map(Event::Tagged),
        Kind::Untag => tagging(body).map(Event::Untagged),
        Kind::BuildStateChange => build_state(body),
        Kind::RpmSign => rpm_signed(body),
        Kind::PackageListChange => package_list(body),
        Kind::RepoInit => repo(body).map(Event::RepoInit),
        Kind::RepoDone => repo(body).map(Event::RepoDone),
        Kind::BuildPromote => Ok(Event::BuildPromoted),
        Kind::TaskStateChange => task_state(body),
    }
}

fn tagging(body: &Fields<'_>) -> Result<Tagging, Undecodable> {
    Ok(Tagging {
        tag: body.name("tag")?,
        tag_id: body.some_int("tag_id")?,
        nvr: nvr(body)?,
        build_id: body.some_int("build_id")?,
        user: body.some_text("user"),
        owner: body.some_text("owner"),
    })
}

/// Returns the NVR out of its three fields.
fn nvr(fields: &Fields<'_>) -> Result<Nvr, Undecodable> {
    let (name, version, release) = (fields.text("name")?, fields.text("version")?, fields.text("release")?);
    // One by one, so that the error says which.
    let whole = |field, name: &str, version: &str, release: &str| {
        Nvr::new(name, version, release).map_err(|source| fields.bad_name(field, source))
    };
    whole("name", name, "0", "0")?;
    whole("version", name, version, "0")?;
    whole("release", name, version, release)
}

fn build_state(body: &Fields<'_>) -> Result<Event, Undecodable> {
    // The plugin tells of no other attribute; if one day it does, that is no change of state.
    if let Some(attribute) = body.some_text("attribute").filter(|attribute| attribute != "state") {
        return Ok(Event::Other { topic: format!("buildsys.build.{attribute}.change") });
    }
    let expected = "a build state, 0 to 4";
    let state = |field, number: i64| BuildState::of(number).ok_or_else(|| body.wrong(field, expected));
    Ok(Event::BuildState(BuildStateChange {
        nvr: nvr(body)?,
        build_id: body.some_int("build_id")?,
        old: body.some_int("old")?.map(|number| state("old", number)).transpose()?,
        new: state("new", body.int("new")?)?,
        task_id: body.some_int("task_id")?,
    }))
}

fn rpm_signed(body: &Fields<'_>) -> Result<Event, Undecodable> {
    let (build, rpm) = (body.object("build")?, body.object("rpm")?);
    let epoch = rpm.some_int("epoch")?.unwrap_or(0);
    let epoch = u32::try_from(epoch).map_err(|_| rpm.wrong("epoch", "an epoch of 32 bits"))?;
    let (name, version, release) = (rpm.text("name")?, rpm.text("version")?, rpm.text("release")?);
    let nevra = Nevra::new(name, epoch, version, release, rpm.text("arch")?);
    Ok(Event::RpmSigned(RpmSigned {
        nvr: nvr(&build)?,
        build_id: build.some_int("id")?,
        sigkey: body.name("sigkey")?,
        rpm: nevra.map_err(|source| body.bad_name("rpm", source))?,
    }))
}

fn package_list(body: &Fields<'_>) -> Result<Event, Undecodable> {
    let action = match body.text("action")? {
        "add" => PackageAction::Add,
        "update" => PackageAction::Update,
        "block" => PackageAction::Block,
        "unblock" => PackageAction::Unblock,
        "remove" => PackageAction::Remove,
        _ => PackageAction::Other,
    };
    Ok(Event::PackageListChanged(PackageListChange { tag: body.name("tag")?, package: body.name("package")?, action }))
}

fn repo(body: &Fields<'_>) -> Result<Repo, Undecodable> {
    Ok(Repo { tag: body.name("tag")?, tag_id: body.some_int("tag_id")?, repo_id: body.some_int("repo_id")? })
}

fn task_state(body: &Fields<'_>) -> Result<Event, Undecodable> {
    Ok(Event::TaskState(TaskState {
        id: body.int("id")?,
        method: body.some_text("method"),
        old: body.some_text("old"),
        new: printable(body.text("new")?),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_of_a_topic_does_not_matter_and_its_end_does() {
        for topic in ["buildsys.tag", "org.fedoraproject.stg.buildsys.tag", "org.centos.prod.cbs.buildsys.tag"] {
            assert_eq!(Kind::of(topic), Some(Kind::Tag), "{topic}");
        }
        for topic in ["", "tag", "mybuildsys.tag", "a.buildsys.tag.b", "buildsys.tags", "a.buildsys.Tag"] {
            assert_eq!(Kind::of(topic), None, "{topic}");
        }
        assert_eq!(Kind::of("org.centos.prod.buildsys.untag"), Some(Kind::Untag));
    }
}
