//! Do edits, imports and reconciles keep their promises? Over rows and real RPMs, on SQLite.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::{Bells, EditError, LinkEdit, Pending, TagEdit, Tags, Verdict};
use crate::buildsys::{self, BuildFiles, BuildSystem, Copy, Facts, ImportError, Local, Volume};
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::packages::{self, Distribution};
use crate::model::{Nvr, PackageName, TagName};
use crate::rpms::Signed;
use crate::store::builds::{self, BuildState};
use crate::store::pkgsets;
use crate::store::tags::LinkRow;
use crate::store::wakeups::{self, Room};
use crate::store::{Db, durable};

struct House {
    dir: tempfile::TempDir,
    db: Db,
    tags: Tags,
    distribution: Distribution,
}

fn tag(name: &str) -> TagName {
    name.parse().unwrap()
}

fn link(parent: &str) -> LinkEdit {
    let link = LinkRow {
        parent: tag(parent),
        priority: 0,
        maxdepth: None,
        intransitive: false,
        noconfig: false,
        pkg_filter: String::new(),
    };
    LinkEdit { priority: None, link }
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let distribution = packages::make(&dir.path().join("rpms"), &"x86_64".parse().unwrap()).unwrap();
        let config = Arc::new(Config::default_for(&dir.path().join("data")));
        durable::make_dir(&config.data_dir).unwrap();
        let db = Db::open_sqlite(&config.data_dir.join("state.sqlite")).await.unwrap();
        let local = Local::new(db.clone(), "local", Volume::new(&config.buildsys.volume));
        let tags = Tags::new(db.clone(), local, config, Clock::held(2_000_000_000), Bells::default());
        tags.create_tag(&tag("base"), &TagEdit::default()).await.unwrap();
        let side = TagEdit { with: vec![link("base")], ..TagEdit::default() };
        tags.create_tag(&tag("side"), &side).await.unwrap();
        Self { dir, db, tags, distribution }
    }

    /// Imports the build that the distribution updates to; gives its name.
    async fn import(&self) -> Nvr {
        let report = self.tags.import(self.distribution.update.clone()).await.unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        self.distribution.update_build.clone()
    }

    /// Reconciles, and gives how many builds a tag's set has.
    async fn builds(&self, name: &str) -> i64 {
        self.tags.reconcile_woken().await.unwrap();
        pkgsets::newest(&mut self.db.read().await.unwrap(), &tag(name)).await.unwrap().unwrap().builds
    }
}

#[tokio::test]
async fn unblocking_takes_all_blocks_back_or_none() {
    let house = House::new().await;
    let nvr = house.import().await;
    let (own, other): (PackageName, PackageName) = (nvr.name().clone(), "other".parse().unwrap());
    house.tags.tag_builds(&tag("base"), std::slice::from_ref(&nvr), false).await.unwrap();
    house.tags.block(&tag("side"), std::slice::from_ref(&own)).await.unwrap();
    assert_eq!((house.builds("base").await, house.builds("side").await), (1, 0));
    let refused = house.tags.unblock(&tag("side"), &[own.clone(), other.clone()]).await;
    assert!(matches!(refused, Err(EditError::NotBlocked { .. })), "{refused:?}");
    assert_eq!(house.builds("side").await, 0);
    house.tags.block(&tag("side"), std::slice::from_ref(&other)).await.unwrap();
    house.tags.unblock(&tag("side"), &[own.clone(), other, own.clone()]).await.unwrap();
    assert_eq!(house.builds("side").await, 1);
    house.tags.block(&tag("base"), std::slice::from_ref(&own)).await.unwrap();
    assert_eq!((house.builds("base").await, house.builds("side").await), (0, 0));
    house.tags.unblock(&tag("side"), std::slice::from_ref(&own)).await.unwrap();
    assert_eq!((house.builds("base").await, house.builds("side").await), (0, 1), "a block in a parent is overridden");
}

#[tokio::test]
async fn of_very_many_packages_a_tag_is_woken_for_each_if_they_are_few_of_its_own_and_others_whole() {
    let house = House::new().await;
    let nvr = house.import().await;
    house.tags.tag_builds(&tag("base"), &[nvr], false).await.unwrap();
    house.builds("base").await;
    let packages: Vec<String> = (0..1500).map(|number| format!("p{number}")).collect();
    let parts: Vec<&str> = packages.iter().map(String::as_str).collect();
    for (builds, of_base) in [(2999, 1), (3000, 1500)] {
        let mut tx = house.db.write().await.unwrap();
        let newest = pkgsets::newest(&mut tx, &tag("base")).await.unwrap().unwrap();
        let next = pkgsets::Revision { number: newest.number + 1, builds, ..newest };
        pkgsets::put(&mut tx, &tag("base"), &next).await.unwrap();
        let id = crate::store::tags::by_name(&mut tx, "local", "base").await.unwrap().unwrap().id;
        house.tags.wake_dependents_each(&mut tx, (id, &tag("base")), &parts, None).await.unwrap();
        let base = wakeups::of(&mut tx, Room::Tags, "base").await.unwrap();
        let side = wakeups::of(&mut tx, Room::Tags, "side").await.unwrap();
        assert_eq!((base.len(), side.len(), side[0].part.as_str()), (of_base, 1, ""));
    }
}

#[tokio::test]
async fn a_block_in_the_tag_refuses_a_tagging_unless_forced_and_then_stays() {
    let house = House::new().await;
    let nvr = [house.import().await];
    house.tags.block(&tag("base"), &[nvr[0].name().clone()]).await.unwrap();
    let refused = house.tags.tag_builds(&tag("base"), &nvr, false).await;
    assert!(matches!(refused, Err(EditError::Refused(_))), "{refused:?}");
    house.tags.tag_builds(&tag("base"), &nvr, true).await.unwrap();
    assert_eq!(house.builds("base").await, 0);
    house.tags.tag_builds(&tag("side"), &nvr, false).await.unwrap();
    assert_eq!(house.builds("side").await, 1, "the block in the parent does not hide it");
}

#[tokio::test]
async fn a_deleted_build_is_tagged_only_after_it_was_imported_again() {
    let house = House::new().await;
    let nvr = house.import().await;
    let mut tx = house.db.write().await.unwrap();
    let id = builds::by_nvr(&mut tx, "local", &nvr).await.unwrap().unwrap().id;
    builds::set_state(&mut tx, id, BuildState::Deleted).await.unwrap();
    tx.commit().await.unwrap();
    let refused = house.tags.tag_builds(&tag("base"), std::slice::from_ref(&nvr), true).await;
    assert!(matches!(refused, Err(EditError::NoSuchBuild(_))), "{refused:?}");
    house.import().await;
    house.tags.tag_builds(&tag("base"), &[nvr], false).await.unwrap();
    assert_eq!(house.builds("base").await, 1);
}

#[tokio::test]
async fn a_package_is_explained_before_and_after_its_tagging_takes_effect() {
    let house = House::new().await;
    let nvr = house.import().await;
    assert_eq!(house.builds("side").await, 0);
    let explain = async || house.tags.explain(&tag("side"), nvr.name()).await.unwrap().unwrap();
    assert_eq!(house.tags.explain(&tag("none"), nvr.name()).await.unwrap(), None);
    let before = explain().await;
    assert!(before.followed && before.word.is_none() && before.taggings.is_empty() && before.pending.is_empty());
    assert_eq!(before.order.len(), 1, "the tag itself");

    house.tags.tag_builds(&tag("base"), std::slice::from_ref(&nvr), false).await.unwrap();
    let tagged = explain().await;
    assert_eq!((&tagged.pending[..], tagged.set.unwrap().builds), (&[Pending::Set][..], vec![]));
    let tagging = &tagged.taggings[0];
    assert_eq!((&tagging.tag, &tagging.nvr, &tagging.verdict), (&tag("base"), &nvr, &Verdict::InTheSet));
    assert_eq!(tagging.second, Some(2_000_000_000));
    assert_eq!(tagged.word.unwrap().by, tag("base"));

    assert_eq!(house.builds("side").await, 1);
    let done = explain().await;
    let build = done.set.unwrap().builds.remove(0);
    assert_eq!((build.nvr, build.from, done.pending), (nvr.clone(), tag("base"), vec![]));
    house.tags.block(&tag("side"), std::slice::from_ref(nvr.name())).await.unwrap();
    assert_eq!(explain().await.taggings[0].verdict, Verdict::Blocked { by: tag("side") });

    let mut tx = house.db.write().await.unwrap();
    let id = builds::by_nvr(&mut tx, "local", &nvr).await.unwrap().unwrap().id;
    builds::set_state(&mut tx, id, BuildState::Deleted).await.unwrap();
    tx.commit().await.unwrap();
    let deleted = explain().await.taggings;
    assert_eq!((deleted.len(), &deleted[0].verdict), (1, &Verdict::Deleted));
}

#[tokio::test]
async fn a_tag_has_base_arches_only_each_once() {
    let house = House::new().await;
    for bad in [&["src"][..], &["noarch"], &["x86_64", "x86_64"]] {
        let arches = bad.iter().map(|arch| arch.parse().unwrap()).collect();
        let edit = TagEdit { arches: Some(arches), ..TagEdit::default() };
        let refused = house.tags.edit_tag(&tag("base"), &edit).await;
        assert!(matches!(refused, Err(EditError::BadArch { .. })), "{refused:?}");
        let refused = house.tags.create_tag(&tag("new"), &edit).await;
        assert!(matches!(refused, Err(EditError::BadArch { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_named_link_is_imported_as_the_file_it_leads_to() {
    let house = House::new().await;
    let links = house.dir.path().join("links");
    std::fs::create_dir(&links).unwrap();
    let named = |path: &PathBuf| links.join(path.file_name().unwrap());
    for path in &house.distribution.update {
        std::os::unix::fs::symlink(path, named(path)).unwrap();
    }
    let walked = house.tags.import(vec![links.clone()]).await.unwrap();
    assert!(walked.imported.is_empty() && walked.problems.is_empty(), "links in a directory are not followed");
    let report = house.tags.import(house.distribution.update.iter().map(named).collect()).await.unwrap();
    assert_eq!(report.imported, std::slice::from_ref(&house.distribution.update_build));
    let mut tx = house.db.read().await.unwrap();
    let id = builds::by_nvr(&mut tx, "local", &house.distribution.update_build).await.unwrap().unwrap().id;
    for copy in builds::copies(&mut tx, &[id]).await.unwrap() {
        let file = house.tags.buildsys.file(&copy.path);
        assert!(file.symlink_metadata().unwrap().is_file(), "{}", file.display());
    }
}

#[tokio::test]
async fn an_import_is_whole_or_nothing_and_twice_is_harmless() {
    let house = House::new().await;
    let bad = house.dir.path().join("bad");
    std::fs::create_dir(&bad).unwrap();
    for path in &house.distribution.update {
        std::fs::copy(path, bad.join(path.file_name().unwrap())).unwrap();
    }
    let broken = bad.join(house.distribution.update.last().unwrap().file_name().unwrap());
    let bytes = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &bytes[..bytes.len() - 1]).unwrap();
    let report = house.tags.import(vec![bad.clone()]).await.unwrap();
    assert!(report.imported.is_empty());
    assert!(matches!(*report.problems[0].error, ImportError::Rpm(_)), "{:?}", report.problems);
    assert_eq!(builds::counts(&mut house.db.read().await.unwrap()).await.unwrap(), (0, 0));
    // What a killed import left in the volume makes way, whatever it is.
    let nvr = &house.distribution.update_build;
    let volume = house.tags.buildsys.file(&format!("{}/{}/{}/src", nvr.name(), nvr.version(), nvr.release()));
    std::fs::create_dir_all(&volume).unwrap();
    std::fs::write(volume.join(".unfinished-1-2"), b"half").unwrap();
    std::fs::write(volume.join(format!("{nvr}.src.rpm")), b"half").unwrap();
    let nvr = house.import().await;
    assert_eq!(std::fs::read_dir(&volume).unwrap().count(), 1);
    let again = house.tags.import(house.distribution.update.clone()).await.unwrap();
    assert_eq!((again.imported.len(), again.known), (0, vec![nvr]));
}

#[tokio::test]
async fn files_that_come_later_reach_every_set_that_holds_the_build() {
    let house = House::new().await;
    let (later, at_first) = house.distribution.update.split_last().unwrap();
    house.tags.import(at_first.to_vec()).await.unwrap();
    let nvr = [house.distribution.update_build.clone()];
    house.tags.tag_builds(&tag("base"), &nvr, false).await.unwrap();
    let rpms = async |name: &str| {
        house.tags.reconcile_woken().await.unwrap();
        pkgsets::newest(&mut house.db.read().await.unwrap(), &tag(name)).await.unwrap().unwrap().rpms
    };
    assert_eq!((rpms("base").await, rpms("side").await), (at_first.len() as i64, at_first.len() as i64));
    let report = house.tags.import(vec![later.clone()]).await.unwrap();
    assert_eq!((report.imported, report.without_source), (nvr.to_vec(), nvr.to_vec()));
    let all = house.distribution.update.len() as i64;
    assert_eq!((rpms("base").await, rpms("side").await), (all, all));
}

#[tokio::test]
async fn one_tag_that_is_damaged_keeps_no_other_waiting() {
    let house = House::new().await;
    let nvr = house.import().await;
    let mut tx = house.db.write().await.unwrap();
    wakeups::wake(&mut tx, Room::Tags, "-no tag", "", 1).await.unwrap();
    tx.commit().await.unwrap();
    house.tags.tag_builds(&tag("base"), &[nvr], false).await.unwrap();
    assert!(house.tags.reconcile_woken().await.is_err());
    let mut tx = house.db.read().await.unwrap();
    assert_eq!(pkgsets::newest(&mut tx, &tag("base")).await.unwrap().unwrap().builds, 1);
    assert_eq!(wakeups::count(&mut tx, Room::Tags).await.unwrap(), 1);
}

/// Answers, and lets another process untag and reconcile before the answer is used, once.
struct Overtaken {
    local: Local,
    other: Tags,
    build: Nvr,
    done: AtomicBool,
}

impl BuildSystem for Overtaken {
    fn id(&self) -> &str {
        self.local.id()
    }

    fn facts<'a>(
        &'a self,
        root: &'a TagName,
        packages: Option<&'a [PackageName]>,
        event: i64,
    ) -> BoxFuture<'a, Result<Option<Facts>, buildsys::Error>> {
        Box::pin(async move {
            let facts = self.local.facts(root, packages, event).await;
            if !self.done.swap(true, Ordering::SeqCst) {
                self.other.untag_builds(root, std::slice::from_ref(&self.build)).await.unwrap();
                self.other.reconcile_woken().await.unwrap();
            }
            facts
        })
    }

    fn own_packages<'a>(
        &'a self,
        tags: &'a [TagName],
        event: i64,
    ) -> BoxFuture<'a, Result<BTreeSet<PackageName>, buildsys::Error>> {
        self.local.own_packages(tags, event)
    }

    fn builds<'a>(&'a self, ids: &'a [i64]) -> BoxFuture<'a, Result<Vec<BuildFiles>, buildsys::Error>> {
        self.local.builds(ids)
    }

    fn file(&self, location: &str) -> PathBuf {
        self.local.file(location)
    }

    fn signed<'a>(&'a self, copy: &'a Copy) -> BoxFuture<'a, Result<Signed, buildsys::Error>> {
        self.local.signed(copy)
    }
}

#[tokio::test]
async fn an_answer_that_another_process_has_overtaken_is_not_written() {
    let house = House::new().await;
    let nvr = house.import().await;
    assert_eq!(house.builds("side").await, 0);
    house.tags.tag_builds(&tag("side"), std::slice::from_ref(&nvr), false).await.unwrap();
    let overtaken = Overtaken {
        local: house.tags.local().unwrap().clone(),
        other: house.tags.clone(),
        build: nvr,
        done: AtomicBool::new(false),
    };
    let slow = Tags { buildsys: Arc::new(overtaken), ..house.tags.clone() };
    slow.reconcile_woken().await.unwrap();
    assert_eq!(house.builds("side").await, 0);
}
