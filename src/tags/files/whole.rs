//! Which RPMs have builds of a tag of which very many are to be listed? The tag is asked about instead of each of them.
//!
//! Its answers are all there before anything of them is kept; then some builds after others are, each whole. A build that
//! they do not have, and all where the hub refuses them, is asked about by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ended, Learner, key};
use crate::buildsys::koji::Files;
use crate::buildsys::koji::files::{OfTag, TagListing};
use crate::model::{Arch, PackageName, TagName, chain};
use crate::store::hub_rpms::HubRpms;
use crate::store::mirror::{self, Standing};
use crate::store::tags::NOW;
use crate::store::wakeups::WakeUp;
use crate::store::{self, Tx, tag_links, tag_settings};
use crate::tags::{Error, Tags};

/// How many builds are kept at a time.
const AT_ONCE: usize = 500;

/// How often a tag is asked about, where the hub fails, before its builds are by themselves.
const TRIES: u32 = 3;

/// What the hub said of some builds, by their wake-ups and our ids; nothing where the tag's answers do not have it.
pub(super) struct Part {
    pub listed: Vec<(WakeUp, i64, Option<HubRpms>)>,
    pub rest: Option<Rest>,
}

/// What is still to be kept of what the hub said.
pub(super) struct Rest {
    said: TagListing,
    /// By the hub's ids.
    waiting: BTreeMap<i64, (WakeUp, i64)>,
}

impl Rest {
    /// Returns the wake-ups of all builds that it is about.
    pub fn wake_ups(&self) -> impl Iterator<Item = &WakeUp> {
        self.waiting.values().map(|(wake_up, _)| wake_up)
    }

    /// Takes the next part.
    pub fn next(mut self) -> Part {
        let mut listed = Vec::with_capacity(AT_ONCE);
        for (hub_id, said) in self.said.by_ref().take(AT_ONCE) {
            let waiting = self.waiting.remove(&hub_id);
            listed.extend(waiting.map(|(wake_up, id)| (wake_up, id, Some(said))));
        }
        if listed.len() == AT_ONCE {
            return Part { listed, rest: Some(self) };
        }
        listed.extend(self.waiting.into_values().map(|(wake_up, id)| (wake_up, id, None)));
        Part { listed, rest: None }
    }
}

impl Learner {
    /// Begins to ask about the tag in which most of these builds stand that were never listed, if they are very many; they
    /// are taken away.
    pub(super) async fn ask_whole(&mut self, to_list: &mut Vec<WakeUp>) -> Result<(), Error> {
        let (Some(files), Some(most)) = (self.files.clone(), self.tags.whole_from()) else { return Ok(()) };
        if self.is_asking_whole || to_list.len() <= most {
            return Ok(());
        }
        let is_open = |wake_up: &&WakeUp| !self.singly.contains(&key(wake_up)) && !self.has_tried_whole(wake_up);
        let open: Vec<&WakeUp> = to_list.iter().filter(is_open).collect();
        let ids: Vec<i64> = open.iter().filter_map(|wake_up| wake_up.key.parse().ok()).collect();
        let last = open.iter().map(|wake_up| wake_up.sequence).max().unwrap_or_default();
        if ids.len() <= most || (last <= self.too_few.1 && ids.len() <= self.too_few.0) {
            return Ok(());
        }
        let mut tx = self.tags.db.read().await?;
        let unlisted = mirror::unlisted(&mut tx, &ids).await?;
        let largest = unlisted.into_iter().max_by_key(|(_, builds)| builds.len());
        let Some((tag, builds)) = largest.filter(|(_, builds)| builds.len() > most) else {
            self.too_few = (ids.len(), last);
            return Ok(());
        };
        let Some(wanted) = self.tags.of_tag(&mut tx, &tag, &builds).await? else { return Ok(()) };
        drop(tx);
        let hub_ids: BTreeMap<String, &Standing> = builds.iter().map(|build| (build.id.to_string(), build)).collect();
        let mut waiting = BTreeMap::new();
        to_list.retain(|wake_up| match hub_ids.get(&wake_up.key) {
            Some(build) => waiting.insert(build.hub_id, (wake_up.clone(), build.id)).is_some(),
            None => true,
        });
        tracing::info!(tag.name = %tag, "{tag} is asked about as a whole: {} of its builds are not known", waiting.len());
        self.is_asking_whole = true;
        self.busy.extend(waiting.values().map(|(wake_up, _)| key(wake_up)));
        self.begin(ask(files, tag, wanted, waiting));
        Ok(())
    }

    /// Returns whether asking about a tag failed so often that it is not tried once more.
    pub(super) fn has_tried_whole(&self, wake_up: &WakeUp) -> bool {
        self.failures.get(&key(wake_up)).is_some_and(|(times, _)| *times >= TRIES)
    }
}

/// Asks about a tag.
async fn ask(files: Files, tag: TagName, wanted: OfTag, waiting: BTreeMap<i64, (WakeUp, i64)>) -> Ended {
    match files.list_tag(&wanted).await {
        Ok(said) => Ended::Part(Box::new(Rest { said, waiting }.next())),
        Err(error) => {
            let wake_ups: Vec<WakeUp> = waiting.into_values().map(|(wake_up, _)| wake_up).collect();
            let is_refused = !error.is_transient();
            if is_refused {
                tell_refusal(&tag, &chain(&error), wake_ups.len());
            }
            Ended::NotWhole(wake_ups, error.into(), is_refused)
        }
    }
}

/// Says that a tag cannot be asked about.
pub(super) fn tell_refusal(tag: &TagName, error: &str, count: usize) {
    tracing::warn!(tag.name = %tag, error, "{tag} cannot be asked about as a whole, so {count} builds are each: {error}");
}

impl Tags {
    /// Returns what the hub is to be asked of builds that stand in a tag; `None` where the tag is not known any more.
    pub(super) async fn of_tag(
        &self,
        tx: &mut Tx,
        tag: &TagName,
        builds: &[Standing],
    ) -> Result<Option<OfTag>, store::Error> {
        let known = mirror::known(tx, self.buildsys.id()).await?.into_iter().find(|(_, known)| known.name == *tag);
        let Some((tag_id, known)) = known else { return Ok(None) };
        let (arches, foreign) = self.arches_around(tx, known.id).await?;
        let packages: BTreeSet<&PackageName> = builds.iter().map(|build| &build.package).collect();
        // A few that are not the latest are better asked about by themselves.
        let latest = self.whole_from().is_none_or(|most| builds.len() - packages.len() <= most);
        let builds = builds.iter().map(|build| build.hub_id).collect();
        Ok(Some(OfTag { tag_id, event: known.read_event, latest, arches, foreign, builds }))
    }

    /// Returns the base arches of a tag as it and the rules of those say that inherit from it, and further arches that
    /// their repositories may take.
    async fn arches_around(&self, tx: &mut Tx, tag_id: i64) -> Result<(BTreeSet<Arch>, BTreeSet<Arch>), store::Error> {
        let (mut base, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        for tag in tag_links::ancestors(tx, tag_id).await? {
            base.extend(self.own_arches(tx, &tag).await?);
        }
        for tag in tag_links::dependents(tx, tag_id).await? {
            foreign.extend(self.own_arches(tx, &tag).await?);
            if let Some(rule) = self.config.follow.for_tag(&tag) {
                base.extend(rule.arches.iter().cloned());
                foreign.extend(rule.multilib.values().flatten().cloned());
            }
        }
        Ok((base, foreign))
    }

    async fn own_arches(&self, tx: &mut Tx, tag: &TagName) -> Result<Vec<Arch>, store::Error> {
        let Some(known) = tag_settings::known(tx, self.buildsys.id(), tag).await? else { return Ok(Vec::new()) };
        Ok(tag_settings::config(tx, known.id, NOW).await?.map(|config| config.arches).unwrap_or_default())
    }
}
