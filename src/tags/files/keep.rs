//! What is kept of one build that was learned of? Its listing, files of it that were read, verdicts on them.

use std::collections::BTreeSet;

use super::Learner;
use super::judge::Judged;
use super::settle::Stand;
use crate::buildsys::koji::Files;
use crate::buildsys::koji::files::Reading;
use crate::model::chain;
use crate::store::builds::{self, BuildRow, BuildState};
use crate::store::hub_rpms::{self, HubRpms};
use crate::store::verdicts::{self, Verdict};
use crate::store::wakeups::WakeUp;
use crate::store::{self, Write, mirror};
use crate::tags::{Error, Tags};

impl Learner {
    /// Keeps what the hub says of a build by its tag, where nothing was known of it. What is known otherwise is more.
    pub(super) async fn keep_part(
        &mut self,
        tx: &mut Write,
        id: i64,
        said: Option<HubRpms>,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Stand, Error> {
        match said {
            Some(said) if hub_rpms::of_build(tx, id).await?.is_none() => {
                self.keep_listing(tx, id, Ok(said), changed).await
            }
            _ => Ok(Stand::Singly),
        }
    }

    pub(super) async fn keep_listing(
        &mut self,
        tx: &mut Write,
        id: i64,
        answer: Result<HubRpms, String>,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Stand, Error> {
        let now = self.tags.clock.micros();
        let build = builds::by_ids(tx, &[id]).await?.into_iter().find(|build| build.state == BuildState::Complete);
        let Some(build) = build else { return Ok(Stand::Done) };
        let new = match answer {
            Ok(new) => new,
            // What nobody has any more is asked for again if somebody ever does.
            Err(_) if mirror::standing(tx, &[id]).await?.is_empty() => return Ok(Stand::Done),
            Err(why) => {
                tracing::warn!(build = %build.nvr, why, "the RPMs of {} cannot be had from the hub: {why}", build.nvr);
                if hub_rpms::set_problem(tx, id, "", Some(&why), now).await? {
                    changed.insert(id);
                }
                return Ok(Stand::Failed);
            }
        };
        let old = hub_rpms::of_build(tx, id).await?;
        let new = match &old {
            Some(old) => Files::after(old, new),
            None => new,
        };
        let had_problem = hub_rpms::set_problem(tx, id, "", None, now).await?;
        if had_problem || !old.as_ref().is_some_and(|old| Files::says_the_same(old, &new)) {
            changed.insert(id);
            // What is there now may well be read.
            self.forget_failures(&id.to_string());
            tell(&build, &new);
        }
        if let Some(old) = &old {
            let outdated = Files::outdated(&build.nvr, old, &new);
            let outdated: Vec<&str> = outdated.iter().map(String::as_str).collect();
            if builds::drop_copies(tx, id, &outdated).await? > 0 {
                changed.insert(id);
            }
        }
        hub_rpms::put(tx, id, &new, now).await?;
        Ok(Stand::Done)
    }

    fn forget_failures(&mut self, build: &str) {
        let from = (build.to_owned(), String::new());
        let of_build = self.failures.range(from..).map(|(key, _)| key).take_while(|(of, _)| of == build);
        for key in of_build.cloned().collect::<Vec<_>>() {
            self.failures.remove(&key);
        }
    }
}

/// Keeps what the signatures of a build are worth.
pub(super) async fn keep_verdicts(
    tx: &mut Write,
    wake_up: &WakeUp,
    judged: Judged,
    changed: &mut BTreeSet<i64>,
) -> Result<Stand, store::Error> {
    let mut stand = if judged.has_more { Stand::HasMore } else { Stand::Done };
    for (file, verdict) in &judged.verdicts {
        if verdicts::put(tx, &judged.keys, file, verdict).await? {
            changed.extend(wake_up.key.parse::<i64>().ok());
        }
        if matches!(verdict, Verdict::Unknown { .. }) && !judged.has_more {
            stand = Stand::Failed;
        }
    }
    // What was not tried for want of a server holds nobody up for good.
    if let Some(error) = &judged.outage {
        tracing::warn!(build.id = wake_up.key, error = %chain(error), "signatures of a build cannot be looked at");
        stand = Stand::Failed;
    }
    Ok(stand)
}

/// Says what of a build is in no set, so that nobody wonders.
fn tell(build: &BuildRow, said: &HubRpms) {
    let (nvr, count) = (&build.nvr, said.left_out.len());
    if let Some(why) = &said.refusal {
        tracing::warn!(build = %nvr, why, "{nvr} can be in no set: {why}");
    }
    if let Some(first) = said.left_out.first() {
        tracing::info!(build = %nvr, count, "{count} RPMs of {nvr} have no file in the hub, {first} for one");
    }
}

impl Tags {
    pub(super) async fn keep_reading(
        &self,
        tx: &mut Write,
        part: &str,
        build: &BuildRow,
        reading: Reading,
        changed: &mut BTreeSet<i64>,
    ) -> Result<Stand, store::Error> {
        let (id, now) = (build.id, self.clock.micros());
        let mut said = hub_rpms::of_build(tx, id).await?;
        let mut has_learned = false;
        // What was read by a listing that is no more is read again.
        let mut stand = if reading.has_more { Stand::HasMore } else { Stand::Done };
        for file in &reading.files {
            if !said.as_ref().is_some_and(|said| Files::is_listed(&build.nvr, said, file)) {
                continue;
            }
            has_learned |= said.as_mut().is_some_and(|said| Files::learn(&build.nvr, said, file));
            builds::put_rpm(tx, &file.row, &file.fragments).await?;
            if builds::replace_copy(tx, id, &file.location, &file.row.sha256).await? {
                changed.insert(id);
            }
            if let Some((exclusive, exclude)) = &file.arches {
                builds::set_arches(tx, id, exclusive, exclude).await?;
            }
        }
        if let Some(said) = said.filter(|_| has_learned) {
            hub_rpms::set_rpms(tx, id, &said.rpms).await?;
        }
        let problem = reading.problem.as_ref().map(|error| chain(error));
        if let (Some(error), Some(why)) = (&reading.problem, &problem) {
            stand = Stand::Failed;
            tracing::warn!(build = %build.nvr, why, "a file of {} cannot be read: {why}", build.nvr);
            // What was not tried for want of a server holds nobody up for good.
            if error.is_outage() {
                return Ok(stand);
            }
            if reading.has_more && !reading.files.is_empty() {
                stand = Stand::HasMore;
            }
        }
        if stand != Stand::HasMore && hub_rpms::set_problem(tx, id, part, problem.as_deref(), now).await? {
            changed.insert(id);
        }
        Ok(stand)
    }
}
