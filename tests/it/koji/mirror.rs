//! Do our rows amount to what a hub says? A hub, our tables, and what the room of tags makes of them.

use std::collections::{BTreeMap, BTreeSet};

use tannery::buildsys::BuildSystem;
use tannery::buildsys::koji::{Koji, ReadError};
use tannery::model::TagName;
use tannery::store::Db;
use tannery::store::mirror::{Changes, Doubt, Outcome, Reading};
use tannery::store::tags::NOW;
use tannery::tags::candidates;

use super::Rig;
use crate::world::hub::Builds;

/// A fake hub and our rows of it.
pub struct Mirror {
    pub rig: Rig,
    pub koji: Koji,
    pub db: Db,
}

pub fn name(tag: &str) -> TagName {
    tag.parse().unwrap()
}

impl Mirror {
    /// Starts an empty hub, and has tables without rows.
    pub async fn new() -> Self {
        let rig = Rig::new();
        let db = Db::open_sqlite(&rig._world.path("state.sqlite")).await.unwrap();
        let koji = rig.mirror(&db, "koji");
        Self { rig, koji, db }
    }

    /// Applies a reading.
    pub async fn apply(&self, reading: &Reading, doubt: Option<&Doubt>) -> Outcome {
        let mut tx = self.db.write().await.unwrap();
        let outcome = self.koji.apply(&mut tx, reading, doubt, 1).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    }

    /// Reads a tag at an event, again where that is doubtful.
    pub async fn read_at(&self, tag: &str, event: i64) -> Changes {
        self.settle(async || self.koji.read_tag(&name(tag), event, None).await).await
    }

    /// Reads the tag of an id at an event.
    pub async fn read_id_at(&self, tag: i64, event: i64) -> Changes {
        self.settle(async || self.koji.read_tag_of(tag, event, None).await).await
    }

    /// Reads a tag as it is now.
    pub async fn read(&self, tag: &str) -> Changes {
        self.read_at(tag, self.koji.last_event().await.unwrap()).await
    }

    /// Reads packages of a tag at an event.
    pub async fn packages_at(&self, tag: &str, packages: &[&str], event: i64) -> Changes {
        let packages: BTreeSet<_> = packages.iter().map(|package| package.parse().unwrap()).collect();
        self.settle(async || self.koji.read_packages(&name(tag), &packages, event).await).await
    }

    async fn settle(&self, read: impl AsyncFn() -> Result<Reading, ReadError>) -> Changes {
        let mut doubt = None;
        for _ in 0..3 {
            let reading = read().await.unwrap();
            match self.apply(&reading, doubt.as_ref()).await {
                Outcome::Applied(changes) => {
                    assert_eq!(self.apply(&reading, None).await, Outcome::Applied(Changes::default()), "twice");
                    return changes;
                }
                Outcome::Doubtful(more) => doubt = Some(more),
                Outcome::Overtaken => panic!("nobody else reads"),
            }
        }
        panic!("still in doubt: {doubt:?}");
    }

    /// Returns what our rows amount to.
    pub async fn ours(&self, tag: &str, event: i64) -> Builds {
        let facts = self.koji.facts(&name(tag), None, event).await.unwrap();
        let Some(facts) = facts else { return Builds::new() };
        let ids: BTreeSet<i64> = facts.tags.values().flat_map(|tag| &tag.taggings).map(|row| row.build_id).collect();
        let builds = self.koji.builds(&ids.into_iter().collect::<Vec<_>>()).await.unwrap();
        let nvrs: BTreeMap<i64, String> =
            builds.iter().map(|files| (files.build.id, files.build.nvr.to_string())).collect();
        let mut builds = Builds::new();
        for (package, candidates) in candidates(&facts) {
            let named = candidates.iter().map(|one| (nvrs[&one.build_id].clone(), one.from.to_string()));
            builds.insert(package.to_string(), named.collect());
        }
        builds
    }

    /// Compares tags at events with the hub's own answers, and now with the hub at `event`.
    pub async fn is_right(&self, tags: &[&str], event: i64, past: &[i64], story: &str) {
        for tag in tags {
            for (asked, then) in past.iter().map(|event| (*event, *event)).chain([(NOW, event)]) {
                let mut ours = self.ours(tag, asked).await;
                let right = |latest| self.rig.koji.right_builds(tag, latest, Some(then));
                assert_eq!(ours, right(None), "{tag} at event {then}, ours is left: {story}");
                ours.values_mut().for_each(|builds| builds.truncate(1));
                assert_eq!(ours, right(Some(1)), "the latest in {tag} at event {then}, ours is left: {story}");
            }
        }
    }
}
