//! How are signatures of a hub's files looked at? By parts of a volume that is had by URL, anew for other keys, and never
//! those of a file that took another's place.

use std::sync::Arc;

use tannery::buildsys::koji::files::Settings;
use tannery::config::{Config, Overrides};
use tannery::fetch::Place;

use super::Rig;
use super::files::{House, all_of, sorted, start};
use crate::world::{SOON, Signer, eventually};

/// Returns what a follow rule says that takes only what this key signed, and writes the key to its file.
fn required(rig: &Rig, signer: &Signer) -> String {
    rig._world.write("keys.asc", signer.public());
    format!("sigkeys = [\"{}\"]\nverify = \"required\"\nkeys_file = \"keys.asc\"", signer.sigkey())
}

/// Starts a hub with one build that our key signed, and follows it by a rule that requires that.
async fn signed() -> (House, Signer, String) {
    let rig = Rig::new();
    let ours = Signer::new(&rig._world, "ours", "rsa2048");
    let (rule, volume) = (required(&rig, &ours), Place::Path(rig.koji.volume().to_owned()));
    let house = House::with(rig, &rule, |own| Settings::new(volume, own)).await;
    start(&house);
    house.build("bash-5-1");
    let key = ours.sigkey();
    house.rig.koji.sign_with("bash-5-1", &key, |header| ours.packet(header));
    house.rig.koji.write_signed("bash-5-1", &key);
    (house, ours, key)
}

/// Starts the rooms anew: keys are read again.
fn restarted(house: House) -> House {
    let config = Config::load(Some(&house.rig._world.path("tannery.toml")), &Overrides::none(), []).unwrap();
    let settings = Settings::new(Place::Path(house.rig.koji.volume().to_owned()), config.data_dir.join("files"));
    let (tags, koji) = House::room(&house.rig.hub, &house.db, &Arc::new(config), settings);
    let House { rig, db, .. } = house;
    House { rig, db, tags, koji }
}

#[tokio::test]
async fn of_a_volume_that_is_had_by_url_only_headers_are_fetched() {
    let rig = Rig::new();
    rig._world.write("koji/repodata/repomd.xml", "here");
    let (server, address) = rig._world.partial_server("koji");
    let volume = Place::parse(&format!("http://{address}/")).unwrap();
    let ours = Signer::new(&rig._world, "ours", "rsa2048");
    let rule = required(&rig, &ours);
    let house = House::with(rig, &rule, |own| Settings::new(volume, own)).await;
    start(&house);
    house.build("bash-5-1");
    let key = ours.sigkey();
    house.rig.koji.sign_with("bash-5-1", &key, |header| ours.packet(header));
    house.rig.koji.write_signed("bash-5-1", &key);
    house.settle().await;
    assert_eq!(house.held().await, [""; 0]);
    let log = || std::fs::read_to_string(house.rig._world.path("partial-server.log")).unwrap();
    let with = |status: &str| log().lines().filter(|line| line.contains("/bash/") && line.contains(status)).count();
    // The server writes its log behind its answer.
    eventually(SOON, "headers read for what they say, then for their signature", || with(" 206 ") == 6);
    assert_eq!(with(" 200 "), 0, "{}", log());
    assert_eq!(sorted(house.shown().await), all_of("bash-5-1", &key));
    drop(server);
}

#[tokio::test]
async fn for_other_keys_a_copy_that_was_pruned_is_made_again() {
    let (house, ours, key) = signed().await;
    house.settle().await;
    let before = house.set().await.unwrap();
    house.rig.koji.prune_signed("bash-5-1", &key);
    let other = Signer::new(&house.rig._world, "other", "rsa2048");
    house.rig._world.write("keys.asc", other.public() + &ours.public());
    let house = restarted(house);
    house.tags.wake_all().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert_eq!(house.set().await.unwrap(), before, "what the set has stays meanwhile");
    house.settle().await;
    assert_eq!((house.set().await.unwrap(), house.held().await), (before, Vec::new()));

    house.rig._world.write("keys.asc", other.public());
    let house = restarted(house);
    house.tags.wake_all().await.unwrap();
    house.settle().await;
    assert_eq!(house.shown().await, [""; 0]);
    assert!(house.held().await[0].contains("does not verify: none of the keys made it"), "{:?}", house.held().await);
}

#[tokio::test]
async fn a_file_that_took_the_place_of_the_one_that_was_read_gets_no_verdict() {
    let (house, ours, key) = signed().await;
    house.rig.koji.sign_with("bash-5-1", &key, |_| crate::world::hub::unverifiable(&key));
    house.rig.koji.write_signed("bash-5-1", &key);
    house.tags.check(&super::files::tag()).await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    house.tags.learn_woken().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    assert!(house.held().await[0].ends_with(" is not verified yet"), "{:?}", house.held().await);
    house.rig.koji.sign_with("bash-5-1", &key, |header| ours.packet(header));
    house.rig.koji.write_signed("bash-5-1", &key);
    house.tags.learn_woken().await.unwrap();
    house.tags.wake_all().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    let held = house.held().await;
    assert!(
        held[0].contains("cannot be verified: ") && held[0].contains("its MD5 of the signature header"),
        "{held:?}"
    );
    house.list_again("bash-5-1").await;
    house.settle().await;
    assert_eq!((sorted(house.shown().await), house.held().await), (all_of("bash-5-1", &key), Vec::new()));
}
