//! Does a repository follow its tag, and does a restart finish what was begun? Over real RPMs.

mod unwanted;

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Repos, Visibility};
use crate::buildsys::{Local, Volume};
use crate::clock::Clock;
use crate::config::{Config, Overrides};
use crate::demo::packages::{self, Distribution};
use crate::lifecycle::Bell;
use crate::model::{RepoName, Sha256, TagName};
use crate::repodata::Repomd;
use crate::store::generations::{self, GenerationState};
use crate::store::wakeups::{self, Room};
use crate::store::{Db, outbox};
use crate::tags::{Bells, TagEdit, Tags};

pub(super) struct House {
    pub dir: tempfile::TempDir,
    pub db: Db,
    pub clock: Clock,
    tags: Tags,
    pub repos: Repos,
    distribution: Distribution,
}

const TAG: &str = "oak";

impl House {
    async fn new() -> Self {
        Self::with("").await
    }

    /// As [`House::new`], with more in the configuration.
    pub async fn with(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let distribution = packages::make(&dir.path().join("rpms"), &"x86_64".parse().unwrap()).unwrap();
        std::fs::write(dir.path().join("tannery.toml"), format!("data_dir = \"data\"\n{config}")).unwrap();
        let config = Config::load(Some(&dir.path().join("tannery.toml")), &Overrides::none(), []).unwrap();
        let config = Arc::new(config);
        crate::store::durable::make_dir(&config.data_dir).unwrap();
        let db = Db::open_sqlite(&config.data_dir.join("state.sqlite")).await.unwrap();
        let clock = Clock::held(2_000_000_000);
        let local = Local::new(db.clone(), "local", Volume::new(&config.buildsys.volume));
        let tags = Tags::new(db.clone(), local, config.clone(), clock.clone(), Bells::default());
        let repos = Repos::new(db.clone(), tags.clone(), config, clock.clone());
        let house = Self { dir, db, clock, tags, repos, distribution };
        let edit = TagEdit { arches: Some(vec!["x86_64".parse().unwrap()]), ..TagEdit::default() };
        house.tags.create_tag(&house.tag(), &edit).await.unwrap();
        house
    }

    pub fn tag(&self) -> TagName {
        TAG.parse().unwrap()
    }

    pub async fn import_and_tag(&self) {
        let report = self.tags.import(self.distribution.first.clone()).await.unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        self.tags.tag_builds(&self.tag(), &self.distribution.first_builds, false).await.unwrap();
    }

    pub async fn update(&self) {
        self.tags.import(self.distribution.update.clone()).await.unwrap();
        let builds = [self.distribution.update_build.clone()];
        self.tags.tag_builds(&self.tag(), &builds, false).await.unwrap();
    }

    pub async fn settle(&self) {
        self.tags.reconcile_woken().await.unwrap();
        self.repos.reconcile_woken().await.unwrap();
    }

    fn repo_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("data/repos").join(TAG).join("x86_64")
    }

    /// Changes a byte of every segment.
    fn damage_segments(&self) {
        for entry in std::fs::read_dir(self.dir.path().join("data/segments")).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[20] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
    }

    pub async fn topics(&self) -> Vec<String> {
        let mut tx = self.db.read().await.unwrap();
        outbox::after(&mut tx, 0, 1000).await.unwrap().into_iter().map(|message| message.topic).collect()
    }

    /// The bytes of the repository, but for what may differ between two of the same set.
    fn bytes(&self) -> Vec<(String, String)> {
        let mut repomd = Repomd::parse(&std::fs::read(self.repo_dir().join("repodata/repomd.xml")).unwrap()).unwrap();
        repomd.revision = String::new();
        repomd.records.iter_mut().for_each(|record| record.timestamp = 0);
        let named = |href: &str| Sha256::of(&std::fs::read(self.repo_dir().join(href)).unwrap()).to_string();
        repomd.records.iter().map(|record| (record.href.clone(), named(&record.href))).collect()
    }
}

#[tokio::test]
async fn a_repository_follows_its_tag_and_an_equal_set_touches_nothing() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let pointer = house.repo_dir().join("repodata/repomd.xml");
    let first = std::fs::read(&pointer).unwrap();
    assert!(house.repo_dir().join("../x86_64.repo").exists());
    assert_eq!(
        house.topics().await,
        ["tannery.tag.changed", "tannery.repo.published", "tannery.repo.published", "tannery.repo.published"]
    );
    house.tags.wake_all().await.unwrap();
    house.settle().await;
    assert_eq!(std::fs::read(&pointer).unwrap(), first);
    assert_eq!(house.topics().await.len(), 4);
    house.update().await;
    let build = house.distribution.update_build.clone();
    assert_eq!(house.repos.visible(&house.tag(), &build, &[]).await.unwrap(), Visibility::Pending);
    house.settle().await;
    assert_eq!(house.repos.visible(&house.tag(), &build, &[]).await.unwrap(), Visibility::Visible);
    assert_ne!(std::fs::read(&pointer).unwrap(), first);
}

#[tokio::test]
async fn the_bytes_depend_on_the_set_and_not_on_its_history() {
    let (one, other) = (House::new().await, House::new().await);
    one.import_and_tag().await;
    one.settle().await;
    one.update().await;
    one.settle().await;
    other.import_and_tag().await;
    other.update().await;
    other.settle().await;
    assert_eq!(one.bytes(), other.bytes());
}

#[tokio::test]
async fn what_is_made_ready_is_seen_by_nobody_before_the_set_is_quiet() {
    let (house, other) = (House::new().await, House::new().await);
    house.import_and_tag().await;
    house.tags.reconcile_woken().await.unwrap();
    let (bell, cancel) = (Bell::default(), CancellationToken::new());
    let running = tokio::spawn(house.repos.clone().run(bell.clone(), cancel.clone()));
    let binary = wakeups::of(&mut house.db.read().await.unwrap(), Room::Repos, TAG).await.unwrap().remove(1);
    assert_eq!(binary.part, "x86_64");
    while !house.repos.ready.has(&binary) {
        tokio::task::yield_now().await;
    }
    assert!(std::fs::read_dir(house.dir.path().join("data/segments")).unwrap().count() > 0);
    assert_eq!(house.topics().await, ["tannery.tag.changed"]);
    // The set changes once more before it is quiet.
    house.update().await;
    house.tags.reconcile_woken().await.unwrap();
    house.clock.advance(1);
    bell.ring();
    let build = house.distribution.update_build.clone();
    while house.repos.visible(&house.tag(), &build, &[]).await.unwrap() != Visibility::Visible {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    running.await.unwrap();
    assert!(!house.repos.ready.has(&binary));
    other.import_and_tag().await;
    other.update().await;
    other.settle().await;
    assert_eq!(house.bytes(), other.bytes());
}

#[tokio::test]
async fn the_pointer_only_rises_whatever_the_clock_says() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let revision = |dir: &Path| {
        let repomd = Repomd::parse(&std::fs::read(dir.join("repodata/repomd.xml")).unwrap()).unwrap();
        repomd.revision.parse::<i64>().unwrap()
    };
    let before = revision(&house.repo_dir());
    house.clock.advance(-86_400);
    house.update().await;
    house.settle().await;
    assert!(revision(&house.repo_dir()) > before);
}

#[tokio::test]
async fn a_restart_finishes_what_was_swapped_and_forgets_what_was_not() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let (tag, repo): (TagName, RepoName) = (house.tag(), "x86_64".parse().unwrap());
    for swapped in [true, false] {
        let mut tx = house.db.write().await.unwrap();
        let shown = generations::current(&mut tx, &tag, &repo).await.unwrap().unwrap();
        let repomd = if swapped { shown.repomd } else { Sha256::from_bytes([7; 32]) };
        // The signature was not renamed any more.
        let signature = swapped.then(|| "signature".to_owned());
        let begun = generations::Generation {
            number: shown.number + 1,
            state: GenerationState::Publishing,
            repomd,
            signature,
            ..shown.clone()
        };
        generations::put(&mut tx, &begun).await.unwrap();
        tx.commit().await.unwrap();
        house.tags.wake_all().await.unwrap();
        house.settle().await;
        let mut tx = house.db.read().await.unwrap();
        let current = generations::current(&mut tx, &tag, &repo).await.unwrap().unwrap();
        assert_eq!(current.number, if swapped { begun.number } else { shown.number });
        let signature = std::fs::read_to_string(house.repo_dir().join("repodata/repomd.xml.asc")).unwrap();
        assert_eq!(signature, "signature");
        let all = generations::of_repo(&mut tx, &tag, &repo).await.unwrap();
        assert!(all.iter().all(|one| one.state != GenerationState::Publishing));
    }
}

#[tokio::test]
async fn how_long_after_its_event_a_build_is_shown_is_kept() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    house.update().await;
    // What only looks does not make it later.
    house.clock.advance(3);
    house.tags.wake_all().await.unwrap();
    house.clock.advance(4);
    house.settle().await;
    let mut tx = house.db.read().await.unwrap();
    let shown = generations::current(&mut tx, &house.tag(), &"x86_64".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(shown.lag, Some(7_000_000));
}

#[tokio::test]
async fn old_files_stay_as_long_as_they_may_be_read_and_then_go() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let build = [house.distribution.first_builds[0].clone()];
    for _ in 0..6 {
        house.tags.untag_builds(&house.tag(), &build).await.unwrap();
        house.settle().await;
        house.tags.tag_builds(&house.tag(), &build, false).await.unwrap();
        house.settle().await;
    }
    let mut tx = house.db.read().await.unwrap();
    let all = generations::of_repo(&mut tx, &house.tag(), &"x86_64".parse().unwrap()).await.unwrap();
    assert_eq!(all.len(), 13);
    drop(tx);
    house.clock.advance(7200);
    house.update().await;
    house.settle().await;
    house.clock.advance(7200);
    house.repos.tidy_once().await.unwrap();
    let mut tx = house.db.read().await.unwrap();
    let rows = generations::of_repo(&mut tx, &house.tag(), &"x86_64".parse().unwrap()).await.unwrap();
    assert_eq!(rows.len(), 3);
    let mut named: Vec<String> = rows.iter().flat_map(|row| row.files.clone()).collect();
    named.push("repomd.xml".to_owned());
    named.sort();
    named.dedup();
    let there = std::fs::read_dir(house.repo_dir().join("repodata")).unwrap();
    let mut there: Vec<String> = there.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    assert_eq!(there, named);
}

#[tokio::test]
async fn an_arch_that_a_tag_gains_gets_its_repositories() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let edit =
        TagEdit { arches: Some(vec!["aarch64".parse().unwrap(), "x86_64".parse().unwrap()]), ..TagEdit::default() };
    house.tags.edit_tag(&house.tag(), &edit).await.unwrap();
    let (build, arch) = (house.distribution.first_builds[0].clone(), ["aarch64".parse().unwrap()]);
    assert_ne!(house.repos.visible(&house.tag(), &build, &arch).await.unwrap(), Visibility::Visible);
    house.settle().await;
    assert_eq!(house.repos.visible(&house.tag(), &build, &arch).await.unwrap(), Visibility::Visible);
    for repo in ["aarch64", "aarch64-debug"] {
        assert!(house.repo_dir().with_file_name(repo).join("repodata/repomd.xml").is_file(), "{repo}");
    }
}

#[tokio::test]
async fn a_damaged_repository_is_written_anew() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let before = house.bytes();
    std::fs::remove_file(house.repo_dir().join(&before[0].0)).unwrap();
    house.tags.wake_all().await.unwrap();
    house.settle().await;
    assert_eq!(house.bytes(), before);
}

#[tokio::test]
async fn damaged_segments_are_made_again_with_the_next_generation() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let before = house.bytes();
    house.damage_segments();
    // Written of segments once more, though no package changed.
    std::fs::remove_file(house.repo_dir().join(&before[0].0)).unwrap();
    house.tags.wake_all().await.unwrap();
    house.settle().await;
    assert_eq!(house.bytes(), before);
}

#[tokio::test]
async fn what_is_joined_is_what_would_have_been_written() {
    for compression in ["zstd", "gzip"] {
        let settings = format!("[repos]\ncompression = \"{compression}\"\nopen_checksums = true\n");
        let files = House::with(&settings).await;
        let joined = House::with(&format!("{settings}form = \"assembled\"\n")).await;
        for house in [&files, &joined] {
            house.import_and_tag().await;
            house.settle().await;
        }
        let repo = "x86_64".parse().unwrap();
        let names = files.repos.data_files(&files.tag(), &repo).await.unwrap();
        assert_eq!(joined.repos.data_files(&joined.tag(), &repo).await.unwrap(), names);
        for name in names {
            let written = std::fs::read(files.repo_dir().join("repodata").join(&name)).unwrap();
            let file = joined.repos.data_file(&joined.tag(), &repo, &name).await.unwrap().unwrap();
            assert_eq!((all_of(&file), file.size(), file.made_at()), (written, file.size(), 2_000_000_000), "{name}");
            assert!(joined.repos.data_file(&joined.tag(), &RepoName::Source, &name).await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_file_that_is_being_read_keeps_its_segments() {
    let house = House::with("[repos]\nform = \"assembled\"\nkeep_generations = 1\n").await;
    house.import_and_tag().await;
    house.settle().await;
    let (tag, repo) = (house.tag(), "x86_64".parse().unwrap());
    let name = house.repos.data_files(&tag, &repo).await.unwrap().swap_remove(1);
    let file = house.repos.data_file(&tag, &repo, &name).await.unwrap().unwrap();
    let bytes = all_of(&file);
    for round in 0..2 {
        let build = [house.distribution.first_builds[round].clone()];
        house.tags.untag_builds(&tag, &build).await.unwrap();
        house.settle().await;
        house.clock.advance(7200);
        house.repos.tidy_once().await.unwrap();
        assert!(house.repos.data_file(&tag, &repo, &name).await.unwrap().is_none(), "its generation is gone");
        assert_eq!(all_of(&file), bytes);
    }
    let taken = house.dir.path().join("data/segments");
    let before = std::fs::read_dir(&taken).unwrap().count();
    drop(file);
    house.tags.untag_builds(&tag, &[house.distribution.first_builds[2].clone()]).await.unwrap();
    house.settle().await;
    house.clock.advance(7200);
    house.repos.tidy_once().await.unwrap();
    assert!(std::fs::read_dir(&taken).unwrap().count() < before, "what nobody reads goes");
}

#[tokio::test]
async fn lost_or_damaged_segments_of_what_is_shown_are_made_again_once_somebody_asks() {
    let house = House::with("[repos]\nform = \"assembled\"\n").await;
    house.import_and_tag().await;
    house.settle().await;
    let (tag, repo) = (house.tag(), "x86_64".parse().unwrap());
    let name = house.repos.data_files(&tag, &repo).await.unwrap().swap_remove(0);
    let file = house.repos.data_file(&tag, &repo, &name).await.unwrap().unwrap();
    let bytes = all_of(&file);
    house.damage_segments();
    let found = (0..file.size()).find_map(|at| file.read_at(at).err()).unwrap();
    assert!(matches!(found, super::Error::Segment { .. }));
    // What was found damaged is lost from then on.
    let lost = house.repos.data_file(&tag, &repo, &name).await;
    assert!(matches!(lost, Err(super::Error::Segment { .. })));
    house.settle().await;
    let again = house.repos.data_file(&tag, &repo, &name).await.unwrap().unwrap();
    assert_eq!(all_of(&again), bytes);
}

fn all_of(file: &super::DataFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let more = file.read_at(bytes.len() as u64).unwrap();
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}
