//! Is all that a hub announces right within a moment, by the message alone? It comes twice, late, in another order, or
//! tells of what never happened.

use super::{BEST, By, OTHER, Rig};
use crate::world::hub::Hub;
use crate::world::{SOON, eventually};

/// Does something that the hub announces, and waits until all is right.
fn announced(act: impl FnOnce(&Hub) -> Vec<crate::world::hub::Message>) -> Rig {
    let rig = Rig::new(By::Messages);
    let messages = act(&rig.koji);
    rig.say(messages);
    rig.is_right();
    rig
}

#[test]
fn a_build_that_is_tagged() {
    let rig = announced(|koji| koji.tag_build("base", "beta-2-1"));
    let metrics = rig.site.get("/metrics").text();
    // The build's files had to be read before it could be shown.
    for tag in ["base", "side"] {
        let name = format!("tannery_repository_lag_seconds{{tag=\"{tag}\",repo=\"x86_64\"}} ");
        let lag = metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("a lag");
        assert!(lag.parse::<f64>().unwrap() > 0.0, "{lag}");
    }
}

#[test]
fn a_build_that_is_untagged() {
    announced(|koji| koji.untag_build("base", "alpha-2-1"));
}

#[test]
fn a_build_that_is_tagged_again_is_the_latest() {
    announced(|koji| koji.tag_build("base", "alpha-1-1"));
}

#[test]
fn a_build_that_is_moved() {
    announced(|koji| koji.move_build("base", "side", "beta-1-1"));
}

#[test]
fn a_build_in_a_tag_that_nobody_follows_changes_nothing() {
    let rig = announced(|koji| koji.tag_build("aside", "beta-2-1"));
    eventually(SOON, "a message that is counted", || rig.metric("tannery_unfollowed_messages_total") == 1);
}

#[test]
fn what_no_list_has_stays_unseen_until_one_does() {
    let rig = announced(|koji| koji.mass_tag("base", &["gamma-1-1".to_owned()]));
    rig.say(rig.koji.add_package("base", "gamma"));
    rig.is_right();
    assert!(rig.shown("side").contains_key("gamma-0:1-1.x86_64"));
}

#[test]
fn a_package_that_is_blocked_and_unblocked() {
    let rig = announced(|koji| koji.block_package("side", "alpha"));
    assert!(!rig.shown("side").contains_key("alpha-0:1-1.x86_64"));
    rig.say(rig.koji.unblock_package("side", "alpha"));
    rig.is_right();
}

#[test]
fn a_package_that_is_removed_takes_its_builds_with_it() {
    announced(|koji| koji.remove_package("base", "beta"));
}

#[test]
fn a_build_that_is_deleted_leaves_its_tags_without_an_untag() {
    announced(|koji| koji.delete_build("alpha-2-1"));
}

#[test]
fn a_build_that_is_reset_leaves_no_trace() {
    announced(|koji| koji.reset_build("alpha-2-1"));
}

#[test]
fn a_draft_that_is_promoted() {
    let rig = announced(|koji| koji.promote("delta-1-1,draft_6"));
    // Its packages are called as before.
    eventually(SOON, "its new name", || rig.site.get("/api/v1/tags/base/builds").text().contains("\"delta-1-1\""));
}

#[test]
fn a_build_waits_for_its_signature_and_its_predecessor_stays() {
    let rig = announced(|koji| koji.tag_build("base", "beta-2-1"));
    let held = rig.site.get("/api/v1/tags/signed").text();
    assert!(held.contains("beta-2-1") && held.contains("signature: "), "{held}");
    assert!(rig.shown("signed").contains_key("beta-0:1-1.x86_64"));
    // Nobody has written the signed copies: they are made of the file and the signature header.
    rig.say(rig.koji.sign("beta-2-1", OTHER));
    rig.is_right();
    assert!(rig.shown("signed").contains_key("beta-0:2-1.x86_64"));
    rig.say(rig.koji.sign("beta-2-1", BEST));
    rig.is_right();
}

#[test]
fn a_build_that_is_signed_again_has_other_bytes() {
    let rig = Rig::new(By::Messages);
    let before = rig.shown("signed");
    let messages = rig.koji.sign_with("beta-1-1", BEST, |header| {
        let mut packet = crate::world::hub::unverifiable(BEST);
        // Another signature by the same key.
        let last = packet.len() - 1;
        packet[last] ^= header[0] | 1;
        packet
    });
    rig.koji.write_signed("beta-1-1", BEST);
    rig.say(messages);
    rig.is_right();
    assert_ne!(before, rig.shown("signed"));
}

#[test]
fn what_was_rolled_back_is_announced_and_changes_nothing() {
    let rig = announced(|koji| koji.rolled_back(|koji| koji.untag_build("base", "beta-1-1")));
    eventually(SOON, "the hub to be asked", || rig.metric("tannery_wakeups{room=\"hub\"}") == 0);
    rig.is_right();
}

#[test]
fn repositories_that_the_hub_makes_change_nothing() {
    announced(|koji| [koji.new_repo("base", false), koji.new_repo("side", true)].concat());
}

#[test]
fn messages_that_come_twice() {
    let rig = Rig::new(By::Messages);
    let said = rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.say_again(&said);
    rig.is_right();
    let later = rig.say(rig.koji.untag_build("base", "beta-2-1"));
    rig.say_again(&said);
    rig.say_again(&later);
    rig.is_right();
    assert!(rig.metric("tannery_inbox_duplicates") >= 2);
}

#[test]
fn messages_in_another_order() {
    let rig = Rig::new(By::Messages);
    let mut messages = rig.koji.untag_build("base", "alpha-1-1");
    messages.extend(rig.koji.tag_build("base", "alpha-1-1"));
    messages.extend(rig.koji.tag_build("side", "beta-2-1"));
    messages.extend(rig.koji.untag_build("side", "alpha-1-1"));
    messages.reverse();
    rig.say(messages);
    rig.is_right();
}

#[test]
fn an_event_with_a_lower_number_that_becomes_visible_later() {
    let rig = Rig::new(By::Messages);
    let event = rig.koji.draw_event();
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_right();
    let late = rig.koji.late(event, |koji| koji.tag_build("base", "alpha-1-1"));
    rig.say(late);
    rig.is_right();
}

#[test]
fn a_build_that_came_and_went_before_its_first_message() {
    let rig = Rig::new(By::Messages);
    let mut messages = rig.koji.tag_build("base", "beta-2-1");
    messages.extend(rig.koji.sign("beta-2-1", BEST));
    messages.extend(rig.koji.untag_build("base", "beta-2-1"));
    messages.extend(rig.koji.delete_build("beta-2-1"));
    rig.say(messages);
    rig.is_right();
}

#[test]
fn a_tag_that_is_followed_by_its_first_message() {
    let rig = Rig::prepared(By::Messages, "");
    rig.koji.delete_tag("side");
    rig.koji.rename_tag("side", "was-side");
    rig.serve();
    eventually(SOON, "the first sets", || !rig.shown("base").is_empty());
    rig.koji.create_tag("side", Some("x86_64"));
    rig.koji.set_inheritance("side", &[crate::world::hub::Link::to(1, 0)]);
    rig.say(rig.koji.tag_build("side", "beta-2-1"));
    rig.is_right();
}
