//! Are the signatures and RPMs of a tag's builds still those that we know? No row tells of them.
//!
//! A tag with few builds has each asked about by itself. Of a tag with many, all RPMs and keys come in a few answers, and
//! only builds of which something differs are asked about. Those answers do not tell a signature from another one by the
//! same key: so each time some builds more are asked about, those for which it was longest ago.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, whole};
use crate::buildsys::koji::Files;
use crate::model::{TagName, chain};
use crate::store::mirror::{self, Standing};
use crate::store::wakeups::{self, Room, WakeUp};
use crate::store::{Tx, Write, hub_rpms};
use crate::tags::{Error, Tags};

/// The part of a wake-up that asks for this; its key is [`key_of`] a tag.
pub(super) const SIGNATURES: &str = "signatures";

/// How many builds are held against what is known at a time.
const AT_ONCE: usize = 500;

/// Returns the key of a wake-up that is about a tag, where others are about builds.
fn key_of(tag: &TagName) -> String {
    format!("tag:{tag}")
}

impl Tags {
    /// Has the RPMs and signatures of all builds in a tag itself compared with the hub's, of which these were listed.
    pub(in crate::tags) async fn compare_all(&self, tx: &mut Write, tag: &TagName) -> Result<(), Error> {
        let listed = mirror::listed_in(tx, self.buildsys.id(), tag).await?;
        if self.whole_from().is_some_and(|most| listed.len() > most) {
            return Ok(wakeups::wake(tx, Room::Files, &key_of(tag), SIGNATURES, self.clock.micros()).await?);
        }
        Ok(self.list_again(tx, &ids(&listed)).await?)
    }
}

fn ids(standing: &[Standing]) -> Vec<i64> {
    standing.iter().map(|build| build.id).collect()
}

/// Compares what a tag has with what the hub says of it. Where the hub does not, all builds are asked about by themselves
/// if that will not change or `is_last` says so.
pub(super) async fn compare(tags: Tags, files: Files, wake_up: WakeUp, is_last: bool) -> Ended {
    match try_compare(&tags, &files, &wake_up, is_last).await {
        Ok(builds) => Ended::Compared(wake_up, builds),
        Err(error) => Ended::NotWhole(vec![wake_up], error, false),
    }
}

async fn try_compare(tags: &Tags, files: &Files, wake_up: &WakeUp, is_last: bool) -> Result<Vec<i64>, Error> {
    let name = wake_up.key.strip_prefix("tag:").and_then(|name| name.parse::<TagName>().ok());
    let (Some(tag), Some(most)) = (name, tags.whole_from()) else { return Ok(Vec::new()) };
    let mut tx = tags.db.read().await?;
    let listed = mirror::listed_in(&mut tx, tags.buildsys.id(), &tag).await?;
    let wanted = tags.of_tag(&mut tx, &tag, &listed).await?;
    drop(tx);
    let (true, Some(wanted)) = (listed.len() > most, wanted) else { return Ok(ids(&listed)) };
    let said = match files.list_tag(&wanted).await {
        Ok(said) => said,
        Err(error) if error.is_transient() && !is_last => return Err(error.into()),
        Err(error) => {
            whole::tell_refusal(&tag, &chain(&error), listed.len());
            return Ok(ids(&listed));
        }
    };
    let mut absent: BTreeMap<i64, i64> = listed.iter().map(|build| (build.hub_id, build.id)).collect();
    let (mut again, mut said) = (BTreeSet::new(), said.peekable());
    while said.peek().is_some() {
        let some = said.by_ref().take(AT_ONCE);
        let some: BTreeMap<i64, _> = some.filter_map(|(hub_id, said)| Some((absent.remove(&hub_id)?, said))).collect();
        let known = hub_rpms::of_builds(&mut tags.db.read().await?, &some.keys().copied().collect::<Vec<_>>()).await?;
        let differs = |id: &i64, new| known.get(id).is_none_or(|old| !Files::says_the_same(old, new));
        again.extend(some.iter().filter(|(id, new)| differs(id, new)).map(|(id, _)| *id));
    }
    tracing::info!(tag.name = %tag, "of {} builds in {tag}, {} are not as they were", listed.len(), again.len());
    let absent: BTreeSet<i64> = absent.into_values().collect();
    again.extend(next_in_turn(&mut tags.db.read().await?, &ids(&listed), &absent, most).await?);
    Ok(again.into_iter().collect())
}

/// Returns builds that are asked about though nothing is known to differ: first of those of which the tag's answers say
/// nothing, since it blocks their packages or has later builds of them; then of all.
async fn next_in_turn(tx: &mut Tx, ids: &[i64], absent: &BTreeSet<i64>, most: usize) -> Result<Vec<i64>, Error> {
    let mut builds = hub_rpms::longest_ago(tx, ids).await?;
    builds.sort_by_key(|id| !absent.contains(id));
    builds.truncate(most);
    Ok(builds)
}
