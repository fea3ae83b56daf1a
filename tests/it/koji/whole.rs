//! What if very many builds of a tag are to be known at once? The tag is asked about, in a few answers, and what comes
//! of it is what asking about each build gives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tannery::buildsys::BuildSystem;
use tannery::buildsys::koji::Files;
use tannery::buildsys::koji::files::OfTag;
use tannery::store::Db;
use tannery::store::hub_rpms::HubRpms;
use tokio_util::sync::CancellationToken;

use super::Rig;
use super::house::House;
use crate::world::hub::{Hub, NewBuild, Trouble, unverifiable};
use crate::world::{SOON, eventually};

const KEY: &str = "aaaaaaaa";
const OTHER: &str = "bbbbbbbb";

/// A call for each: source packages, noarch, x86_64, all other arches.
const ANSWERS: usize = 4;

/// The build that is not the latest of its package, of two RPMs, may be asked about by itself.
const SINGLY: usize = 1;

/// The keys by the rule below, and none.
const ALL: [&str; 3] = [KEY, OTHER, ""];

const SIGNED: &str = "[[follow]]\ntags = [\"f44\"]\nsigkeys = [\"aaaaaaaa\", \"bbbbbbbb\"]\nunsigned = true\n";

/// Fills a hub with a tag of one arch and builds of all kinds; gives their NVRs.
fn fill(koji: &Hub) -> Vec<&'static str> {
    koji.create_tag("f44", Some("x86_64"));
    let new = |nvr: &str| NewBuild::new(nvr, &["x86_64"]);
    let all = [
        new("alpha-1-1").rpm("alpha-libs", "i686").rpm("alpha-doc", "noarch").rpm("alpha-debuginfo", "x86_64"),
        new("beta-1-1").rpm("beta", "s390x").rpm("beta", "aarch64").epoch(2),
        new("gamma-1-1").fileless("gamma-more", "x86_64").fileless("gamma-more", "noarch"),
        new("delta-1-1"),
        new("epsilon-1-1").signed(KEY),
        new("zeta-1-1").empty(),
        new("eta-1-1"),
        new("eta-2-1"),
        new("theta-1-1"),
    ];
    for build in &all {
        koji.import(build);
    }
    koji.change_volume("delta-1-1", "archive");
    for nvr in ["beta-1-1", "eta-1-1", "eta-2-1"] {
        koji.sign(nvr, KEY);
    }
    koji.sign("beta-1-1", OTHER);
    koji.sign("epsilon-1-1", OTHER);
    let nvrs = [
        "alpha-1-1",
        "beta-1-1",
        "gamma-1-1",
        "delta-1-1",
        "epsilon-1-1",
        "zeta-1-1",
        "eta-1-1",
        "eta-2-1",
        "theta-1-1",
    ];
    for nvr in nvrs {
        koji.add_package("f44", nvr.split('-').next().unwrap());
        koji.tag_build("f44", nvr);
    }
    nvrs.to_vec()
}

async fn house(follow: &str) -> House {
    let house = House::new(follow).await;
    fill(&house.rig.koji);
    house
}

/// Returns how often calls of a method were asked for, alone and among many.
fn asked(koji: &Hub, method: &str) -> usize {
    let all = koji.asked();
    [method.to_owned(), format!("multiCall/{method}")].iter().filter_map(|name| all.get(name)).sum()
}

/// Returns what the repository is to have: debug packages are not in it.
fn right(koji: &Hub, keys: &[&str]) -> BTreeMap<String, String> {
    let mut right = koji.right_files("f44", keys);
    right.retain(|nevra, _| !nevra.contains("-debuginfo-"));
    right
}

/// Works on until a repository is right; something may have to be left alone for a moment.
async fn is_right(house: &House, keys: &[&str]) {
    for _ in 0..100 {
        house.work().await;
        if house.shown("f44") == right(&house.rig.koji, keys) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(house.shown("f44"), right(&house.rig.koji, keys));
}

/// Looks at everything once more: in this house that is due a millisecond after the last time.
async fn check_again(house: &House) {
    tokio::time::sleep(Duration::from_millis(2)).await;
    house.check().await;
}

/// Returns what is said of each RPM, signatures by their keys alone.
fn keys(said: &HubRpms) -> Vec<String> {
    let rpms = said.rpms.iter().map(|rpm| {
        let keys: Vec<_> = rpm.forms.iter().map(|form| form.sigkey.as_ref().map_or("-", |key| key.as_str())).collect();
        format!("{} {} {} {} {}", rpm.id, rpm.nevra, rpm.size, rpm.payloadhash, keys.join("+"))
    });
    [said.volume.clone(), said.left_out.join("+")].into_iter().chain(rpms).collect()
}

#[tokio::test]
async fn what_a_tag_says_of_builds_is_what_each_build_says() {
    let rig = Rig::new();
    let nvrs = fill(&rig.koji);
    rig.koji.gzip(true);
    let db = Db::open_sqlite(&rig._world.path("state.sqlite")).await.unwrap();
    let koji = rig.mirror(&db, "koji");
    let files: &Files = koji.files().unwrap();
    let ids: Vec<i64> = (1..=nvrs.len() as i64).collect();
    let one_by_one: BTreeMap<i64, HubRpms> =
        ids.iter().copied().zip(files.list(&ids).await.unwrap().into_iter().map(Result::unwrap)).collect();
    for (latest, absent) in [(false, None), (true, Some(7))] {
        let (arches, foreign) = (BTreeSet::from(["x86_64".parse().unwrap()]), BTreeSet::new());
        let (event, builds) = (rig.koji.last_event(), ids.iter().copied().collect());
        let wanted = OfTag { tag_id: 1, event, latest, arches, foreign, builds };
        let together: BTreeMap<i64, HubRpms> = files.list_tag(&wanted).await.unwrap().collect();
        let right = one_by_one.iter().filter(|(id, _)| Some(**id) != absent);
        assert_eq!(together.keys().collect::<Vec<_>>(), right.clone().map(|(id, _)| id).collect::<Vec<_>>());
        for (id, right) in right {
            assert_eq!(keys(&together[id]), keys(right), "{id}");
            assert!(Files::says_the_same(&together[id], right) && Files::says_the_same(right, &together[id]));
        }
    }
    assert_eq!(one_by_one[&3].left_out.len(), 2);
    assert_eq!((one_by_one[&4].volume.as_str(), one_by_one[&6].rpms.len()), ("archive", 0));
    assert!(one_by_one[&5].rpms[0].was_signed() && !one_by_one[&2].rpms[0].was_signed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_reading_asks_about_the_tag_and_ends_in_the_right_repository() {
    for (follow, keys) in
        [("[[follow]]\ntags = [\"f44\"]\n", &[][..]), (&SIGNED.replace("true", "false"), &[KEY, OTHER])]
    {
        let house = house(follow).await;
        house.check().await;
        let koji = &house.rig.koji;
        assert_eq!(house.shown("f44"), right(koji, keys), "{keys:?}");
        assert!(house.shown("f44").len() >= 3);
        let said = ["listTaggedRPMS", "listBuildRPMs"].map(|method| asked(koji, method));
        assert!(said[0] == ANSWERS && said[1] <= SINGLY, "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_between_two_answers_is_asked_about_again() {
    let house = house(&SIGNED.replace("true", "false")).await;
    let koji = &house.rig.koji;
    house.tags.probe().await.unwrap();
    house.tags.ask_now().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    koji.trouble_after(2, "listTaggedRPMS", Trouble::Held);
    let learning = tokio::spawn({
        let tags = house.tags.clone();
        async move { tags.learn_woken().await.unwrap() }
    });
    eventually(SOON, "a third answer under way", || koji.asked().get("listTaggedRPMS") == Some(&3));
    let messages = koji.sign("alpha-1-1", KEY);
    koji.sign("gamma-1-1", KEY);
    koji.well();
    learning.await.unwrap();
    for (id, message) in messages.iter().enumerate() {
        house.hear(id, message).await;
    }
    house.work().await;
    let has = |name: &str| house.shown("f44").keys().any(|nevra| nevra.starts_with(name));
    assert!(has("alpha-0:1-1.x86_64") && !has("gamma"), "{:?}", house.shown("f44"));
    // Of the other one no message came: it is held with half of its signatures, until it is asked about.
    house.check().await;
    assert_eq!(house.shown("f44"), right(koji, &[KEY, OTHER]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_or_is_refused_leaves_nothing_half_known() {
    let troubles = [
        // As if it were whole; with the connection, as often as it is tried; for a while; for good.
        (1, Trouble::Truncated(3_000)),
        (3, Trouble::Cut(3_000)),
        (4, Trouble::Offline),
        (1, Trouble::Fault(1000)),
        (1_000, Trouble::Fault(1)),
        (1_000, Trouble::Page),
    ];
    for (times, trouble) in troubles {
        let house = house("[[follow]]\ntags = [\"f44\"]\n").await;
        let koji = &house.rig.koji;
        koji.trouble_for(times, Some("listTaggedRPMS"), trouble.clone());
        house.tags.probe().await.unwrap();
        is_right(&house, &[]).await;
        // Each is asked about by itself where asking about the tag has no end, or will not do.
        let is_over = matches!(trouble, Trouble::Cut(_) | Trouble::Offline);
        assert_eq!(asked(koji, "listBuildRPMs") <= SINGLY, is_over, "{trouble:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_never_has_the_time_for_a_whole_tag_is_asked_about_builds() {
    let house = house("[[follow]]\ntags = [\"f44\"]\n").await;
    let koji = &house.rig.koji;
    koji.trouble_for(1_000, Some("listTaggedRPMS"), Trouble::Status(504, None));
    let stop = CancellationToken::new();
    let learning = tokio::spawn(house.tags.clone().learn(stop.clone()));
    house.tags.probe().await.unwrap();
    for _ in 0..600 {
        house.tags.ask_now().await.unwrap();
        house.tags.reconcile_woken().await.unwrap();
        house.repos.reconcile_woken().await.unwrap();
        if house.shown("f44") == right(koji, &[]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    learning.await.unwrap();
    assert_eq!(house.shown("f44"), right(koji, &[]));
    // Three times, with three tries each.
    assert_eq!(asked(koji, "listTaggedRPMS"), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_large_tag_asks_about_what_differs_and_a_few_more() {
    let house = house(SIGNED).await;
    let koji = &house.rig.koji;
    house.check().await;
    assert_eq!(house.shown("f44"), right(koji, &ALL));
    koji.sign("alpha-1-1", KEY);
    koji.sign("theta-1-1", OTHER);
    koji.remove_signature("beta-1-1", KEY);
    let before = ["listTaggedRPMS", "listBuildRPMs"].map(|method| asked(koji, method));
    check_again(&house).await;
    assert_eq!(house.shown("f44"), right(koji, &ALL));
    let after = ["listTaggedRPMS", "listBuildRPMs"].map(|method| asked(koji, method));
    assert_eq!(after[0] - before[0], ANSWERS);
    // Three that differ, and three whose turn it is.
    let singly = after[1] - before[1];
    assert!((3..=6).contains(&singly), "{singly}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_again_by_the_same_key_without_a_word_has_its_turn() {
    let house = house(SIGNED).await;
    let koji = &house.rig.koji;
    house.check().await;
    let mut other = unverifiable(KEY);
    *other.last_mut().unwrap() ^= 1;
    koji.sign_with("beta-1-1", KEY, |_| other.clone());
    for _ in 0..4 {
        check_again(&house).await;
    }
    assert_eq!(house.shown("f44"), right(koji, &ALL));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_copy_that_is_older_than_its_signature_is_not_taken() {
    let house = house(SIGNED).await;
    let koji = &house.rig.koji;
    koji.write_signed("beta-1-1", KEY);
    let mut other = unverifiable(KEY);
    *other.last_mut().unwrap() ^= 1;
    koji.sign_with("beta-1-1", KEY, |_| other.clone());
    house.check().await;
    assert_eq!(house.shown("f44"), right(koji, &ALL));
    assert_eq!(asked(koji, "queryRPMSigs"), 2 * asked(koji, "listBuildRPMs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_signed_copy_and_its_header_do_not_agree_the_hub_says_which_is_right() {
    let house = house(SIGNED).await;
    let koji = &house.rig.koji;
    koji.write_signed("beta-1-1", KEY);
    let right = right(koji, &ALL);
    let headers = koji.volume().join("packages/beta/1/1/data/sigcache").join(KEY);
    std::fs::write(headers.join("x86_64/beta-1-1.x86_64.rpm.sig"), "broken").unwrap();
    house.check().await;
    assert_eq!(house.shown("f44"), right);
    assert_eq!(asked(koji, "queryRPMSigs"), 2 * asked(koji, "listBuildRPMs") + 1);
}
