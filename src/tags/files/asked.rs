//! What does one step of learning of builds take? The hub asked about some of them, or files of one read.

use std::collections::BTreeMap;

use super::Ended;
use crate::buildsys::koji::files::Reading;
use crate::buildsys::koji::{self, FileError, Files};
use crate::model::Sigkey;
use crate::store::builds::{self, BuildRow, BuildState};
use crate::store::hub_rpms::{self, HubRpms};
use crate::store::mirror;
use crate::store::wakeups::WakeUp;
use crate::tags::{Error, Tags};

/// Asks the hub about builds, each by itself.
pub(super) async fn list(tags: Tags, files: Files, wake_ups: Vec<WakeUp>) -> Ended {
    match try_list(&tags, &files, &wake_ups).await {
        Ok(listed) => Ended::Listed(listed),
        Err(error) => Ended::Failed(wake_ups, error),
    }
}

async fn try_list(
    tags: &Tags,
    files: &Files,
    wake_ups: &[WakeUp],
) -> Result<Vec<(WakeUp, i64, Result<HubRpms, String>)>, Error> {
    let ids: Vec<i64> = wake_ups.iter().filter_map(|wake_up| wake_up.key.parse().ok()).collect();
    let hub_ids = hub_rpms::hub_ids(&mut tags.db.read().await?, tags.buildsys.id(), &ids).await?;
    let asked: Vec<(i64, i64)> = hub_ids.into_iter().collect();
    let answers = files.list(&asked.iter().map(|(_, hub_id)| *hub_id).collect::<Vec<_>>()).await?;
    let mut answers: BTreeMap<i64, _> = asked.into_iter().map(|(id, _)| id).zip(answers).collect();
    let mut listed = Vec::with_capacity(wake_ups.len());
    for wake_up in wake_ups {
        let id = wake_up.key.parse().unwrap_or_default();
        let answer = answers.remove(&id).unwrap_or_else(|| Err("there is no such build".to_owned()));
        listed.push((wake_up.clone(), id, answer));
    }
    Ok(listed)
}

/// Reads files of a build.
pub(super) async fn read(tags: Tags, files: Files, wake_up: WakeUp) -> Ended {
    match try_read(&tags, &files, &wake_up).await {
        Ok(Some((build, reading))) => Ended::Read(Box::new((wake_up, build, reading))),
        Ok(None) => Ended::Void(vec![wake_up]),
        Err(error) => Ended::Failed(vec![wake_up], error),
    }
}

async fn try_read(tags: &Tags, files: &Files, wake_up: &WakeUp) -> Result<Option<(BuildRow, Reading)>, Error> {
    let Ok(id) = wake_up.key.parse::<i64>() else { return Ok(None) };
    let mut tx = tags.db.read().await?;
    let build = builds::by_ids(&mut tx, &[id]).await?.into_iter().find(|build| build.state == BuildState::Complete);
    let Some(build) = build else { return Ok(None) };
    // What nobody has any more is asked for again if somebody ever does.
    if mirror::standing(&mut tx, &[id]).await?.is_empty() {
        return Ok(None);
    }
    let Some(said) = hub_rpms::of_build(&mut tx, id).await? else { return Ok(None) };
    let copies = builds::copies(&mut tx, &[id]).await?;
    drop(tx);
    let known: Vec<(String, Option<Sigkey>)> = copies.into_iter().map(|copy| (copy.path, copy.rpm.sigkey)).collect();
    match files.read(&build, &said, &known, &wake_up.part).await {
        Ok(reading) => Ok(Some((build, reading))),
        Err(FileError::Hub(error)) => Err(Error::Hub(koji::ReadError::from(error))),
        Err(error) => Err(crate::buildsys::Error::from(error).into()),
    }
}
