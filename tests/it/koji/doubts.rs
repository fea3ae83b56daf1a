//! What becomes of answers that cannot be right, or tell of less than there was?

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tannery::buildsys::koji::ReadError;
use tannery::buildsys::{self, BuildSystem};
use tannery::store::mirror::{Changes, Outcome};
use tannery::store::tags::NOW;

use super::mirror::{Mirror, name};
use crate::world::hub::{NewBuild, Trouble};

/// Two builds of alpha and one of beta in a tag that was read.
async fn house() -> Mirror {
    let mirror = Mirror::new().await;
    let koji = &mirror.rig.koji;
    koji.create_tag("base", Some("x86_64"));
    for package in ["alpha", "beta"] {
        koji.add_package("base", package);
    }
    for nvr in ["alpha-1-1", "alpha-2-1", "beta-1-1"] {
        koji.build(nvr, &[]);
        koji.tag_build("base", nvr);
    }
    mirror.read("base").await;
    mirror
}

async fn nvrs(mirror: &Mirror) -> String {
    let ours = mirror.ours("base", NOW).await;
    ours.values().flatten().map(|(nvr, _)| nvr.as_str()).collect::<Vec<_>>().join(" ")
}

const ALL: &str = "alpha-2-1 alpha-1-1 beta-1-1";

async fn read(mirror: &Mirror) -> Result<tannery::store::mirror::Reading, ReadError> {
    mirror.koji.read_tag(&name("base"), mirror.rig.koji.last_event(), None).await
}

#[tokio::test]
async fn a_shrink_without_a_trace_is_applied_when_two_readings_agree() {
    let mirror = house().await;
    mirror.rig.koji.reset_build("alpha-2-1");
    let first = read(&mirror).await.unwrap();
    let Outcome::Doubtful(doubt) = mirror.apply(&first, None).await else { panic!("{first:?}") };
    let gone: Vec<String> = doubt.gone.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["build 2 of tag 1, made at event 7"]);
    assert_eq!(nvrs(&mirror).await, ALL, "nothing was written");
    // More is gone by then: that is another answer.
    mirror.rig.koji.reset_build("beta-1-1");
    let second = read(&mirror).await.unwrap();
    let Outcome::Doubtful(doubt) = mirror.apply(&second, Some(&doubt)).await else { panic!("{second:?}") };
    assert_eq!((doubt.gone.len(), nvrs(&mirror).await.as_str()), (2, ALL));
    // What came back needs no agreement.
    mirror.rig.koji.add_package("base", "gamma");
    let third = read(&mirror).await.unwrap();
    assert!(third.event > second.event);
    let Outcome::Applied(changes) = mirror.apply(&third, Some(&doubt)).await else { panic!("{third:?}") };
    assert_eq!((changes.gone, nvrs(&mirror).await.as_str()), (doubt.gone, "alpha-1-1"));
}

#[tokio::test]
async fn a_shrink_that_another_reading_does_not_share_is_forgotten() {
    let mirror = house().await;
    let empty = json!([[{ "tag_listing": [], "tag_packages": [] }]]);
    mirror.rig.koji.trouble_for(1, Some("multiCall"), Trouble::Wrong(empty));
    let (alpha, event) = (BTreeSet::from(["alpha".parse().unwrap()]), mirror.rig.koji.last_event());
    let reading = mirror.koji.read_packages(&name("base"), &alpha, event).await.unwrap();
    let Outcome::Doubtful(doubt) = mirror.apply(&reading, None).await else { panic!("{reading:?}") };
    assert_eq!(doubt.gone.len(), 3);
    let reading = mirror.koji.read_packages(&name("base"), &alpha, event).await.unwrap();
    assert_eq!(mirror.apply(&reading, Some(&doubt)).await, Outcome::Applied(Changes::default()));
    assert_eq!(nvrs(&mirror).await, ALL);
}

fn tagged(build: i64, from: i64, to: Option<i64>) -> Value {
    json!({ "build_id": build, "name": "alpha", "version": build.to_string(), "release": "1", "epoch": null,
        "build.state": 1, "active": to.is_none().then_some(true), "create_event": from, "revoke_event": to,
        "tag_id": 1, "tag.name": "base" })
}

#[tokio::test]
async fn rows_that_contradict_each_other_or_were_not_asked_for_are_refused() {
    let mirror = house().await;
    let (alpha, event) = (BTreeSet::from(["alpha".parse().unwrap()]), mirror.rig.koji.last_event());
    let with = |member: &str, value: Value| {
        let mut row = tagged(2, 5, None);
        row[member] = value;
        row
    };
    for (rows, said) in [
        (vec![tagged(2, 5, None), tagged(2, 6, None)], "build 2 stands in it twice"),
        (vec![tagged(2, 3, Some(5)), tagged(2, 3, Some(6))], "two rows made by event 3 that differ"),
        (vec![with("tag_id", json!(2))], "a row of tag 2"),
        (vec![with("name", json!("beta"))], "a row made by event 5 that was not asked for"),
        (vec![tagged(2, 5, None), with("tag.name", json!("other"))], "tag 1 is called base and other"),
        (vec![with("epoch", json!(-1))], "build alpha-2-1 has epoch Some(-1)"),
    ] {
        let answer = json!([[{ "tag_listing": rows, "tag_packages": [] }]]);
        mirror.rig.koji.trouble_for(1, Some("multiCall"), Trouble::Wrong(answer));
        let error = mirror.koji.read_packages(&name("base"), &alpha, event).await.unwrap_err();
        let expected = format!("the hub contradicts itself about tag 1 at event {event}: {said}");
        assert_eq!((error.to_string(), error.is_transient()), (expected, true));
    }
    // An answer that leaves the settings out is not that of a tag that is gone: another call knows better.
    let names = ["tag_config", "tag_extra", "tag_inheritance", "tag_external_repos", "tag_packages", "tag_listing"];
    let nothing: Value = names.iter().map(|table| ((*table).to_owned(), json!([]))).collect();
    mirror.rig.koji.trouble_for(2, Some("queryHistory"), Trouble::Wrong(nothing));
    let error = read(&mirror).await.unwrap_err();
    assert!(matches!(&error, ReadError::Contradiction { what, .. } if what.starts_with("its settings")), "{error}");
    mirror.rig.koji.trouble_for(1, Some("queryHistory"), Trouble::Truncated(900));
    let error = read(&mirror).await.unwrap_err();
    assert!(matches!(error, ReadError::Hub(_)) && !error.is_transient(), "{error}");
    assert_eq!(nvrs(&mirror).await, ALL);
}

#[tokio::test]
async fn names_that_cannot_be_used_are_refused_or_left_out_and_told() {
    let mirror = house().await;
    let koji = &mirror.rig.koji;
    koji.import(&NewBuild::new("alpha-3:1-1", &[]).rows_only());
    koji.tag_build("base", "alpha-3:1-1");
    koji.add_package("base", "odd/name");
    let reading = read(&mirror).await.unwrap();
    let left_out: Vec<&str> = reading.left_out.iter().map(String::as_str).collect();
    assert_eq!(left_out, ["alpha-3:1-1", "odd/name"]);
    assert!(matches!(mirror.apply(&reading, None).await, Outcome::Applied(_)));
    assert_eq!(nvrs(&mirror).await, ALL);
    koji.create_tag("a/b", None);
    koji.inherit("base", &["a/b"]);
    let error = read(&mirror).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_transient()), ("tag 2 of the hub cannot be used", false));
    let error = mirror.koji.read_tag(&name("nowhere"), koji.last_event(), None).await.unwrap_err();
    assert_eq!(error.to_string(), "the hub has no tag nowhere");
    let error = mirror.koji.read_packages(&name("nowhere"), &BTreeSet::new(), 1).await.unwrap_err();
    assert_eq!(error.to_string(), "tag nowhere has to be read whole first");
    // Nobody has ever heard of the package: it has no rows.
    mirror.packages_at("base", &["unheard-of", "alpha"], koji.last_event()).await;
}

#[tokio::test]
async fn names_that_changed_places_are_found_by_the_ids() {
    let mirror = house().await;
    let koji = &mirror.rig.koji;
    koji.create_tag("side", None);
    koji.add_package("side", "alpha");
    koji.tag_build("side", "alpha-1-1");
    mirror.read("side").await;
    koji.rename_tag("base", "old");
    koji.rename_tag("side", "base");
    koji.rename_tag("old", "side");
    let renamed = mirror.read("base").await.renamed;
    assert_eq!(renamed.len(), 2);
    mirror.is_right(&["base", "side"], koji.last_event(), &[], "changed places").await;
}

#[tokio::test]
async fn a_reading_that_another_has_overtaken_is_not_applied() {
    let mirror = house().await;
    let early = read(&mirror).await.unwrap();
    mirror.rig.koji.untag_build("base", "alpha-2-1");
    mirror.read("base").await;
    assert_eq!(mirror.apply(&early, None).await, Outcome::Overtaken);
    assert_eq!(nvrs(&mirror).await, "alpha-1-1 beta-1-1");
}

#[tokio::test]
async fn the_past_is_known_from_the_first_reading_on_or_as_far_back_as_was_asked() {
    let mirror = house().await;
    let koji = &mirror.rig.koji;
    // So many events ago that the overlap does not reach there.
    (0..1_100).for_each(|_| koji.set_extra("base", "noise", None));
    koji.untag_build("base", "beta-1-1");
    let event = koji.last_event();
    let fresh = mirror.rig.mirror(&mirror.db, "again");
    let apply = async |since| {
        let reading = fresh.read_tag(&name("base"), event, since).await.unwrap();
        let mut tx = mirror.db.write().await.unwrap();
        assert!(matches!(fresh.apply(&mut tx, &reading, None, 1).await.unwrap(), Outcome::Applied(_)));
        tx.commit().await.unwrap();
        fresh.facts(&name("base"), None, 9).await
    };
    let unknown = apply(None).await;
    assert!(matches!(unknown, Err(buildsys::Error::NotKnownThen { event: 9, .. })), "{unknown:?}");
    let facts = apply(Some(5)).await.unwrap().unwrap();
    assert_eq!((facts.event, facts.tags[&name("base")].taggings.len()), (9, 3));
}
