//! What if a build takes another's place at once? The set has the old one until the new one was read or cannot be.

use super::house::House;
use crate::world::hub::NewBuild;

const FOLLOW: &str = "[[follow]]\ntags = [\"f44\"]\n";

/// A house whose set has `alpha-1-1`, which the hub untags for a new build; the set has been made anew since, and nothing
/// of the new build was read.
async fn replaced_by(new: NewBuild) -> House {
    let house = House::new(FOLLOW).await;
    let koji = &house.rig.koji;
    koji.create_tag("f44", Some("x86_64"));
    for package in ["alpha", "beta"] {
        koji.add_package("f44", package);
        koji.import(&NewBuild::new(&format!("{package}-1-1"), &["x86_64"]));
        koji.tag_build("f44", &format!("{package}-1-1"));
    }
    house.check().await;
    assert_eq!(house.shown("f44").len(), 2);
    koji.import(&new);
    let messages = [koji.tag_build("f44", "alpha-2-1"), koji.untag_build("f44", "alpha-1-1")].concat();
    let gone = koji.untag_build("f44", "beta-1-1");
    for (id, message) in messages.iter().chain(&gone).enumerate() {
        house.hear(id, message).await;
    }
    house.tags.ask_now().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    house.repos.reconcile_woken().await.unwrap();
    let shown: Vec<String> = house.shown("f44").into_keys().collect();
    assert_eq!(shown, ["alpha-0:1-1.x86_64"], "what comes in alpha's place is not read, nothing comes in beta's");
    house
}

#[tokio::test]
async fn a_build_stays_until_its_successor_is_read() {
    let house = replaced_by(NewBuild::new("alpha-2-1", &["x86_64"])).await;
    house.work().await;
    assert_eq!(house.shown("f44"), house.rig.koji.right_digests("f44", &["x86_64"]));
    assert!(house.shown("f44").contains_key("alpha-0:2-1.x86_64"));
}

#[tokio::test]
async fn a_build_that_the_hub_took_away_stays_no_longer_than_for_one_attempt() {
    let house = replaced_by(NewBuild::new("alpha-2-1", &["x86_64"]).rows_only()).await;
    house.work().await;
    assert_eq!(house.shown("f44").into_keys().collect::<Vec<_>>(), [""; 0]);
}
