//! What is to be learned next of builds whose RPMs are known now? What the sets ask for in which they stand.
//!
//! The sets would ask for it themselves; but where very many builds come at once they wait for all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::buildsys::BuildFiles;
use crate::config::Latest;
use crate::model::TagName;
use crate::store::wakeups::{self, Room};
use crate::store::{mirror, tag_links, tag_settings};
use crate::tags::select::{self, Candidate};
use crate::tags::trust::Policy;
use crate::tags::{Error, Tags};

impl Tags {
    /// Wakes this room for the files of builds that were listed for something that happened at `caused`.
    pub(super) async fn want_files(&self, ids: &[i64], caused: Option<i64>) -> Result<(), Error> {
        let mut tx = self.db.read().await?;
        let mut standing: BTreeSet<TagName> = BTreeSet::new();
        for (tag, _) in mirror::standing(&mut tx, ids).await? {
            standing.insert(tag);
        }
        let mut followed: BTreeSet<TagName> = BTreeSet::new();
        for tag in standing {
            let Some(known) = tag_settings::known(&mut tx, self.buildsys.id(), &tag).await? else { continue };
            followed.extend(tag_links::dependents(&mut tx, known.id).await?);
        }
        drop(tx);
        let wants = self.wanted_for(ids, &followed).await?;
        if wants.is_empty() {
            return Ok(());
        }
        let wake_ups: Vec<(&str, &str)> = wants.iter().map(|(build, part)| (build.as_str(), part.as_str())).collect();
        let mut tx = self.db.write().await?;
        wakeups::wake_unwoken(&mut tx, Room::Files, &wake_ups, self.clock.micros(), caused).await?;
        let last = wakeups::last(&mut tx, Room::Files).await?;
        tx.commit().await?;
        self.put_off.extend(last);
        self.bells.files.ring();
        Ok(())
    }

    /// Returns what the rules of these tags ask for of builds: the build and a part of it.
    async fn wanted_for(&self, ids: &[i64], tags: &BTreeSet<TagName>) -> Result<BTreeSet<(String, String)>, Error> {
        let mut builds: BTreeMap<i64, BuildFiles> = BTreeMap::new();
        for files in self.buildsys.builds(ids).await? {
            builds.insert(files.build.id, files);
        }
        let (mut asked, mut wants) = (Vec::new(), BTreeSet::new());
        for tag in tags {
            let Some(rule) = self.config.follow.for_tag(tag) else { continue };
            if asked.contains(&&rule.signatures) {
                continue;
            }
            asked.push(&rule.signatures);
            // What signatures are worth is a question for later: their files are not read yet.
            let policy = Policy { signatures: &rule.signatures, latest: Latest::All, trust: None };
            for id in builds.keys() {
                let candidate = Candidate { build_id: *id, from: tag.clone() };
                let choice = select::choose(&[candidate], &builds, &policy);
                wants.extend(choice.wanted.into_iter().map(|want| (want.build_id.to_string(), want.part)));
            }
        }
        wants.retain(|(_, part)| !part.is_empty());
        Ok(wants)
    }
}
