//! How do a hub's builds come into a package set? Their RPMs are listed, their files read, and the room of tags told.

use std::collections::BTreeMap;
use std::sync::Arc;

use tannery::buildsys::BuildSystem;
use tannery::buildsys::koji::files::{DigestsFrom, Settings};
use tannery::buildsys::koji::{Hub, Koji};
use tannery::clock::Clock;
use tannery::config::{Config, Overrides};
use tannery::fetch::Place;
use tannery::model::{RpmEntry, Sha256, TagName};
use tannery::store::pkgsets::{self, Held};
use tannery::store::wakeups::{self, Room};
use tannery::store::{Db, durable};
use tannery::tags::{Bells, Tags};

use super::Rig;
use crate::world::hub::NewBuild;
use crate::world::{SOON, eventually};

const KEYS: [&str; 2] = ["aaaaaaaa", "bbbbbbbb"];

const UNSIGNED: &str = "unsigned = true";

/// Returns what a follow rule says of signatures.
fn signed(keys: &[&str], unsigned: bool) -> String {
    format!("sigkeys = {keys:?}\nunsigned = {unsigned}")
}

/// A hub, and a room of tags that follows its tag `f43`.
pub(super) struct House {
    pub rig: Rig,
    pub db: Db,
    pub tags: Tags,
    pub koji: Koji,
}

pub(super) fn tag() -> TagName {
    "f43".parse().unwrap()
}

impl House {
    /// Follows by a rule that asks for these signatures; the files of the hub are had by path.
    async fn new(signatures: &str) -> Self {
        let rig = Rig::new();
        let volume = Place::Path(rig.koji.volume().to_owned());
        Self::with(rig, signatures, |own| Settings::new(volume, own)).await
    }

    pub async fn with(rig: Rig, signatures: &str, settings: impl FnOnce(std::path::PathBuf) -> Settings) -> Self {
        let file = rig._world.write(
            "tannery.toml",
            format!(
                "data_dir = \"data\"\n[buildsys]\nkind = \"koji\"\n[koji]\nhub = \"{}\"\n[[follow]]\ntags = [\"f43*\"]\n\
                 {signatures}\n",
                rig.koji.url()
            ),
        );
        let config = Arc::new(Config::load(Some(&file), &Overrides::none(), []).unwrap());
        durable::make_dir(&config.data_dir).unwrap();
        let db = Db::open_sqlite(&config.data_dir.join("state.sqlite")).await.unwrap();
        let settings = settings(config.data_dir.join("files"));
        let (tags, koji) = Self::room(&rig.hub, &db, &config, settings);
        Self { rig, db, tags, koji }
    }

    pub fn room(hub: &Arc<Hub>, db: &Db, config: &Arc<Config>, settings: Settings) -> (Tags, Koji) {
        let koji = Koji::new(db.clone(), "koji", hub.clone(), Clock::system(), settings);
        let asked = config.buildsys.koji.clone().unwrap();
        let tags = Tags::of_hub(db.clone(), koji.clone(), asked, config.clone(), Clock::system(), Bells::default());
        (tags, koji)
    }

    /// Tags builds, each with packages of two names and a source package.
    pub fn build(&self, nvr: &str) {
        let name = nvr.split('-').next().unwrap();
        self.rig.koji.import(&NewBuild::new(nvr, &["x86_64"]).rpm(&format!("{name}-doc"), "noarch"));
        self.rig.koji.tag_build("f43", nvr);
    }

    /// Goes through all steps until nothing is left to do: rows, sets, what is to be learned.
    pub async fn settle(&self) {
        let tag = tag();
        self.tags.check(&tag).await.unwrap();
        for _ in 0..8 {
            self.tags.ask_now().await.unwrap();
            let sets = self.tags.reconcile_woken().await.unwrap();
            if sets + self.tags.learn_woken().await.unwrap() == 0 && !self.has_tags_to_do().await {
                return;
            }
        }
    }

    async fn has_tags_to_do(&self) -> bool {
        wakeups::count(&mut self.db.read().await.unwrap(), Room::Tags).await.unwrap() > 0
    }

    /// Returns the RPMs of the set by file name; `None` where there is no set.
    pub async fn set(&self) -> Option<BTreeMap<String, RpmEntry>> {
        let mut tx = self.db.read().await.unwrap();
        let revision = pkgsets::newest(&mut tx, &tag()).await.unwrap()?;
        let digests: Vec<_> = revision.chunks.iter().map(|chunk| chunk.digest).collect();
        let chunks = pkgsets::chunks(&mut tx, &digests).await.unwrap();
        let rpms = chunks.into_iter().flat_map(|chunk| chunk.builds).flat_map(|build| build.rpms);
        Some(rpms.map(|rpm| (rpm.nevra.file_name(), rpm)).collect())
    }

    /// Returns the names and keys of the set, and checks each file of it.
    pub async fn shown(&self) -> Vec<String> {
        let Some(set) = self.set().await else { return vec!["no set".to_owned()] };
        self.koji.provide(&set.values().cloned().collect::<Vec<_>>()).await.unwrap();
        let mut shown = Vec::new();
        for (name, rpm) in set {
            let bytes = std::fs::read(self.koji.file(&rpm.location)).unwrap();
            assert_eq!((Sha256::of(&bytes), bytes.len() as u64), (rpm.sha256, rpm.size), "{name}");
            let key = rpm.sigkey.map_or("unsigned".to_owned(), |key| key.to_string());
            shown.push(format!("{} {key}", name.trim_end_matches(".rpm")));
        }
        shown
    }

    pub async fn held(&self) -> Vec<String> {
        let held = pkgsets::held(&mut self.db.read().await.unwrap(), &tag()).await.unwrap();
        held.into_iter().map(|Held { nvr, reason, .. }| format!("{nvr} {reason}")).collect()
    }

    /// Has a build's RPMs and signatures asked for again, as a message about a signature does.
    pub async fn list_again(&self, nvr: &str) {
        let mut tx = self.db.write().await.unwrap();
        let nvr = nvr.parse().unwrap();
        let build = tannery::store::builds::by_nvr(&mut tx, "koji", &nvr).await.unwrap().unwrap();
        wakeups::wake(&mut tx, Room::Files, &build.id.to_string(), "", 1).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Starts a hub with a tag that lists two packages.
pub(super) fn start(house: &House) {
    house.rig.koji.create_tag("f43", Some("x86_64"));
    house.rig.koji.add_package("f43", "bash");
    house.rig.koji.add_package("f43", "zsh");
}

pub(super) fn all_of(nvr: &str, key: &str) -> Vec<String> {
    let (name, rest) = nvr.split_once('-').unwrap();
    vec![format!("{nvr}.src {key}"), format!("{nvr}.x86_64 {key}"), format!("{name}-doc-{rest}.noarch {key}")]
}

pub(super) fn sorted(mut shown: Vec<String>) -> Vec<String> {
    shown.sort();
    shown
}

#[tokio::test]
async fn the_first_set_comes_once_all_files_are_read() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.build("zsh-6-1");
    house.tags.check(&tag()).await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert_eq!(house.shown().await, ["no set"]);
    assert_eq!(house.held().await[0], "bash-5-1 files: its RPMs are not known yet");
    house.settle().await;
    let right = sorted([all_of("bash-5-1", "unsigned"), all_of("zsh-6-1", "unsigned")].concat());
    assert_eq!((sorted(house.shown().await), house.held().await.len()), (right, 0));
    let left = wakeups::count(&mut house.db.read().await.unwrap(), Room::Files).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_build_is_held_until_it_is_signed_and_signed_copies_are_made_before_the_hub_writes_them() {
    let house = House::new(&signed(&KEYS[..1], false)).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.sign("bash-5-1", KEYS[0]);
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[0]));
    house.build("bash-6-1");
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[0]), "the predecessor stays");
    assert!(house.held().await[0].starts_with("bash-6-1 signature: "), "{:?}", house.held().await);
    house.rig.koji.sign("bash-6-1", KEYS[0]);
    house.list_again("bash-6-1").await;
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-6-1", KEYS[0]));
    assert_eq!(house.held().await, [""; 0]);
}

#[tokio::test]
async fn the_first_key_that_signed_is_taken_and_the_next_stands_in() {
    let house = House::new(&signed(&KEYS, false)).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.sign("bash-5-1", KEYS[1]);
    house.rig.koji.write_signed("bash-5-1", KEYS[1]);
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[1]));
    house.rig.koji.sign("bash-5-1", KEYS[0]);
    let headers = house.rig.koji.volume().join("packages/bash/5/1/data/sigcache").join(KEYS[0]);
    std::fs::rename(&headers, headers.with_extension("late")).unwrap();
    house.list_again("bash-5-1").await;
    house.tags.learn_woken().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[1]), "what is read stays until the other is");
    std::fs::rename(headers.with_extension("late"), &headers).unwrap();
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[0]));
}

#[tokio::test]
async fn a_signed_copy_that_is_pruned_is_made_again_where_it_is_needed() {
    let house = House::new(&signed(&KEYS[..1], false)).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.sign("bash-5-1", KEYS[0]);
    house.rig.koji.write_signed("bash-5-1", KEYS[0]);
    house.settle().await;
    house.rig.koji.prune_signed("bash-5-1", KEYS[0]);
    let set = house.set().await.unwrap();
    let any = set.values().next().unwrap();
    assert!(!house.koji.file(&any.location).exists());
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[0]));
    house.rig.koji.remove_signature("bash-5-1", KEYS[0]);
    assert!(house.koji.file(&any.location).exists());
}

#[tokio::test]
async fn what_is_signed_again_by_the_same_key_is_new_content_in_a_new_place() {
    let house = House::new(&signed(&KEYS[..1], false)).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.sign("bash-5-1", KEYS[0]);
    house.rig.koji.write_signed("bash-5-1", KEYS[0]);
    house.settle().await;
    let before = house.set().await.unwrap();
    let mut other = crate::world::hub::unverifiable(KEYS[0]);
    *other.last_mut().unwrap() ^= 1;
    house.rig.koji.sign_with("bash-5-1", KEYS[0], |_| other.clone());
    house.list_again("bash-5-1").await;
    house.settle().await;
    let after = house.set().await.unwrap();
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", KEYS[0]));
    for (name, rpm) in &after {
        assert!(rpm.sha256 != before[name].sha256 && rpm.location != before[name].location, "{name}");
        assert_eq!(rpm.size, before[name].size, "{name}: nothing but the place tells them apart in a pool");
    }
}

#[tokio::test]
async fn files_are_found_on_the_volume_they_lie_on_and_after_it_changed() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.change_volume("bash-5-1", "archive");
    std::fs::remove_file(house.rig.koji.volume().join("packages/bash/5/1")).unwrap();
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", "unsigned"));
    house.rig.koji.change_volume("bash-5-1", "DEFAULT");
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", "unsigned"));
    house.rig.koji.change_volume("bash-5-1", "fast");
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", "unsigned"), "by the link that was left");
}

#[tokio::test]
async fn a_file_that_is_not_the_hubs_is_refused_and_taken_once_it_is() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.settle().await;
    house.build("bash-6-1");
    let place = house.rig.koji.volume().join("packages/bash/6/1/x86_64/bash-6-1.x86_64.rpm");
    let right = std::fs::read(&place).unwrap();
    std::fs::copy(house.rig.koji.volume().join("packages/bash/5/1/x86_64/bash-5-1.x86_64.rpm"), &place).unwrap();
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", "unsigned"));
    let held = house.held().await;
    assert!(
        held[0].contains("files: ") && held[0].contains("is not the file that the hub knows: its name"),
        "{held:?}"
    );
    std::fs::write(&place, right).unwrap();
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-6-1", "unsigned"));
}

#[tokio::test]
async fn one_bad_build_does_not_keep_the_first_set_away() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.build("zsh-6-1");
    std::fs::remove_file(house.rig.koji.volume().join("packages/zsh/6/1/x86_64/zsh-6-1.x86_64.rpm")).unwrap();
    house.settle().await;
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", "unsigned"));
    assert!(house.held().await[0].ends_with("is not in the volume"), "{:?}", house.held().await);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.build("zsh-6-1");
    house.tags.check(&tag()).await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    let packages = house.rig.koji.volume().join("packages");
    std::fs::rename(&packages, packages.with_extension("late")).unwrap();
    assert_eq!(house.tags.learn_woken().await.unwrap(), 2, "both are listed");
    std::fs::rename(packages.with_extension("late"), &packages).unwrap();
    let listed = house.rig.hub.calls()["multiCall"];
    let config = Config::load(Some(&house.rig._world.path("tannery.toml")), &Overrides::none(), []).unwrap();
    let settings = Settings::new(Place::Path(house.rig.koji.volume().to_owned()), config.data_dir.join("files"));
    let (tags, koji) = House::room(&house.rig.hub, &house.db, &Arc::new(config), settings);
    let House { rig, db, .. } = house;
    let house = House { rig, db, tags, koji };
    house.tags.wake_all().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert_eq!(house.tags.learn_woken().await.unwrap(), 2, "both are read");
    assert!(house.rig.hub.calls()["multiCall"] <= listed + 2, "and not listed again");
    house.tags.wake_all().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert_eq!(house.shown().await.len(), 6);
}

#[tokio::test]
async fn a_volume_that_is_had_by_url_is_read_by_parts_and_fetched_when_it_is_needed() {
    let rig = Rig::new();
    rig._world.write("koji/repodata/repomd.xml", "here");
    let (server, address) = rig._world.partial_server("koji");
    let volume = Place::parse(&format!("http://{address}/")).unwrap();
    let house = House::with(rig, &signed(&KEYS[..1], true), |own| Settings::new(volume, own)).await;
    start(&house);
    house.rig.koji.create_tag("empty", None);
    house.build("bash-5-1");
    house.build("zsh-6-1");
    house.rig.koji.sign("zsh-6-1", KEYS[0]);
    house.settle().await;
    let right = sorted([all_of("bash-5-1", "unsigned"), all_of("zsh-6-1", KEYS[0])].concat());
    let log = || std::fs::read_to_string(house.rig._world.path("partial-server.log")).unwrap();
    let whole = |log: &str| log.lines().filter(|line| line.contains("/bash/") && line.contains(" 200 ")).count();
    assert_eq!(whole(&log()), 0, "the digests are the hub's: {}", log());
    assert_eq!(sorted(house.shown().await), right);
    // The server writes its log behind its answer.
    eventually(SOON, "three files that were fetched whole", || whole(&log()) == 3);
    drop(server);
    assert_eq!(sorted(house.shown().await), right, "they are here now");
}

#[tokio::test]
async fn where_the_digest_is_known_the_payload_is_not_read() {
    let house = House::new(UNSIGNED).await;
    start(&house);
    house.build("bash-5-1");
    house.build("zsh-6-1");
    house.rig.koji.forget_checksums("zsh-6-1");
    for name in ["bash/5/1/x86_64/bash-5-1", "zsh/6/1/x86_64/zsh-6-1"] {
        let place = house.rig.koji.volume().join(format!("packages/{name}.x86_64.rpm"));
        let mut bytes = std::fs::read(&place).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&place, bytes).unwrap();
    }
    house.settle().await;
    let set = house.set().await.unwrap();
    assert!(set.contains_key("bash-5-1.x86_64.rpm"), "what only its payload tells is not seen");
    assert!(house.held().await[0].starts_with("zsh-6-1 files: "), "{:?}", house.held().await);
    assert!(!house.rig.koji.asked().contains_key("multiCall/getRPM"));
}

#[tokio::test]
async fn digests_are_taken_from_a_repository_that_is_named() {
    let rig = Rig::new();
    let volume = Place::Path(rig.koji.volume().to_owned());
    let repository = rig._world.path("repository");
    let from = DigestsFrom { repository: Place::Path(repository.clone()), sigkey: None };
    let house =
        House::with(rig, UNSIGNED, |own| Settings { digests_from: vec![from], ..Settings::new(volume, own) }).await;
    start(&house);
    house.build("bash-5-1");
    house.rig.koji.forget_checksums("bash-5-1");
    std::fs::create_dir_all(&repository).unwrap();
    let place = house.rig.koji.volume().join("packages/bash/5/1/x86_64/bash-5-1.x86_64.rpm");
    std::fs::copy(&place, repository.join("a.rpm")).unwrap();
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_tannery")).arg("createrepo").arg(&repository).output();
    assert!(made.unwrap().status.success());
    let mut bytes = std::fs::read(&place).unwrap();
    let right = Sha256::of(&bytes);
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&place, bytes).unwrap();
    house.settle().await;
    assert_eq!(house.set().await.unwrap()["bash-5-1.x86_64.rpm"].sha256, right, "it was not read");
}
