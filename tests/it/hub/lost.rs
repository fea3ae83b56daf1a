//! Are messages that never came made up for? Found, repaired, and told with what should have said it.

use super::{By, FOLLOWED, Rig};
use crate::world::{SOON, eventually, rabbitmqctl};

/// Does something of which no message comes, and returns what was repaired of base.
fn repaired(by: By, act: impl FnOnce(&Rig)) -> Vec<serde_json::Value> {
    let rig = Rig::new(by);
    act(&rig);
    rig.is_right();
    eventually(SOON, "a word on the repair", || !rig.told("tannery.reconcile.repaired").is_empty());
    assert!(rig.metric("tannery_hub_repaired_total") > 0);
    rig.told("tannery.reconcile.repaired")
}

#[test]
fn a_tagging_whose_message_was_lost() {
    let told = repaired(By::Probes, |rig| drop(rig.koji.tag_build("base", "beta-2-1")));
    let row = &told[0]["rows"][0];
    assert_eq!((told[0]["tag"].as_str(), told[0]["found_by"].as_str()), (Some("base"), Some("probe")));
    assert_eq!((row["row"].as_str(), row["about"].as_str()), (Some("tagging"), Some("beta-2-1")));
    assert_eq!((row["missed"].as_str(), row["since"].is_i64()), (Some("buildsys.tag"), true));
}

#[test]
fn an_untagging_and_a_block_whose_messages_were_lost() {
    let told = repaired(By::Probes, |rig| {
        rig.koji.untag_build("base", "alpha-2-1");
        rig.koji.block_package("side", "beta");
    });
    let rows: Vec<String> = told
        .iter()
        .flat_map(|told| told["rows"].as_array().unwrap())
        .map(|row| format!("{} {}", row["row"].as_str().unwrap(), row["missed"].as_str().unwrap()))
        .collect();
    assert!(rows.contains(&"tagging buildsys.untag".to_owned()), "{rows:?}");
    assert!(rows.contains(&"package buildsys.package.list.change".to_owned()), "{rows:?}");
}

#[test]
fn a_deletion_whose_message_was_lost() {
    repaired(By::Probes, |rig| drop(rig.koji.delete_build("alpha-2-1")));
}

#[test]
fn an_inheritance_of_which_nothing_is_ever_told() {
    let told = repaired(By::Probes, |rig| rig.koji.inherit("side", &[]));
    assert!(told[0]["rows"][0]["missed"].is_null(), "{told:?}");
}

#[test]
fn a_number_that_was_drawn_long_before_it_became_visible() {
    repaired(By::Probes, |rig| {
        let event = rig.koji.draw_event();
        for nvr in ["beta-2-1", "alpha-1-1"] {
            rig.say(rig.koji.tag_build("base", nvr));
            rig.is_right();
        }
        rig.koji.late(event, |koji| koji.untag_build("base", "beta-1-1"));
        rig.koji.untag_build("base", "alpha-1-1");
    });
}

#[test]
fn what_happened_while_the_link_to_the_broker_was_lost() {
    let rig = Rig::new(By::Messages);
    rig.koji.tag_build("base", "beta-2-1");
    rig.broker.close_connections();
    rig.is_right();
}

#[test]
fn a_queue_that_was_emptied() {
    let rig = Rig::new(By::Probes);
    rig.kill();
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rabbitmqctl(&["purge_queue", "-p", rig.broker.vhost(), "tannery"]);
    rig.koji.tag_build("side", "beta-2-1");
    rig.serve();
    rig.is_right();
}

#[test]
fn somebody_asks_for_it() {
    let rig = Rig::new(By::Messages);
    rig.koji.tag_build("base", "beta-2-1");
    rig.koji.inherit("side", &[]);
    let tags: Vec<&str> = FOLLOWED.iter().map(|(tag, _)| *tag).collect();
    let done = rig.site.json(&[&["reconcile"], tags.as_slice()].concat());
    assert_eq!(done[0]["repaired"][0]["about"], "beta-2-1", "{done}");
    assert_eq!(done[1]["repaired"][0]["row"], "link", "{done}");
    rig.is_right();
    let done = rig.site.json(&["reconcile", "--all"]);
    assert!(done.as_array().unwrap().iter().all(|tag| tag["repaired"] == serde_json::json!([])), "{done}");
}
