//! What if very much happens at once? A set is made anew once all builds are read, and nobody sees it half done.

use super::Rig;
use super::house::House;
use crate::world::hub::NewBuild;

/// From three packages on it is a burst in this house.
const PACKAGES: [&str; 4] = ["alpha", "beta", "delta", "gamma"];

const FOLLOW: &str = "[[follow]]\ntags = [\"f44\", \"other\"]\n";

/// A house whose tag `f44` has a build of each package, and `other` one of the first.
async fn full() -> House {
    let house = House::new(FOLLOW).await;
    let koji = &house.rig.koji;
    for tag in ["f44", "other"] {
        koji.create_tag(tag, Some("x86_64"));
    }
    koji.add_package("other", PACKAGES[0]);
    for package in PACKAGES {
        koji.add_package("f44", package);
        koji.import(&NewBuild::new(&format!("{package}-1-1"), &["x86_64"]));
        koji.tag_build("f44", &format!("{package}-1-1"));
    }
    koji.tag_build("other", "alpha-1-1");
    house.check().await;
    assert_eq!((house.shown("f44").len(), house.shown("other").len()), (4, 1));
    house
}

#[tokio::test]
async fn a_set_waits_until_all_new_builds_are_read_and_others_do_not() {
    let house = full().await;
    let (before, koji) = (house.shown("f44"), &house.rig.koji);
    let mut messages = Vec::new();
    for package in PACKAGES {
        koji.import(&NewBuild::new(&format!("{package}-2-1"), &["x86_64"]));
        messages.extend(koji.tag_build("f44", &format!("{package}-2-1")));
        messages.extend(koji.untag_build("f44", &format!("{package}-1-1")));
    }
    messages.extend(koji.untag_build("other", "alpha-1-1"));
    for (id, message) in messages.iter().enumerate() {
        house.hear(id, message).await;
    }
    house.tags.ask_now().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    house.repos.reconcile_woken().await.unwrap();
    assert_eq!(house.shown("f44"), before, "its packages are not missing while their successors are not read");
    assert!(house.shown("other").is_empty());
    house.work().await;
    assert_eq!(house.shown("f44"), koji.right_digests("f44", &["x86_64"]));
    assert_ne!(house.shown("f44"), before);
}

#[tokio::test]
async fn a_build_that_cannot_be_read_holds_up_no_burst() {
    let house = full().await;
    let koji = &house.rig.koji;
    for (package, id) in PACKAGES.into_iter().zip(0..) {
        let new = NewBuild::new(&format!("{package}-2-1"), &["x86_64"]);
        koji.import(&if id == 0 { new.rows_only() } else { new });
        for message in koji.tag_build("f44", &format!("{package}-2-1")) {
            house.hear(id, &message).await;
        }
    }
    house.work().await;
    let shown = house.shown("f44");
    let has = |nevra: &str| shown.contains_key(nevra);
    assert!(has("alpha-0:1-1.x86_64") && has("beta-0:2-1.x86_64") && has("gamma-0:2-1.x86_64"), "{shown:?}");
}

#[tokio::test]
async fn what_a_probe_finds_may_be_more_than_one_answer_of_many_can_have() {
    let limits = |bytes| move |settings: &mut tannery::buildsys::koji::Settings| settings.limits.value = bytes;
    let house = House::over(Rig::with(limits(8000)), "[[follow]]\ntags = [\"f44\"]\n").await;
    let koji = &house.rig.koji;
    koji.create_tag("f44", Some("x86_64"));
    for package in PACKAGES {
        koji.add_package("f44", package);
        koji.import(&NewBuild::new(&format!("{package}-1-1"), &["x86_64"]));
    }
    house.check().await;
    for package in PACKAGES {
        koji.tag_build("f44", &format!("{package}-1-1"));
    }
    // No message tells of it; what is new is left to one until the next probe.
    house.check().await;
    house.check().await;
    assert_eq!(house.shown("f44"), koji.right_digests("f44", &["x86_64"]));
}
