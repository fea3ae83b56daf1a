//! Is what a hub never announces right by itself? Found by probes, or where they cannot see it by comparing all rows.

use serde_json::json;

use super::{BEST, By, Rig};
use crate::world::hub::{Hub, Link, NewBuild};
use crate::world::{SOON, eventually};

/// Does something that nothing tells of, and waits until all is right.
fn silent(by: By, act: impl FnOnce(&Hub)) -> Rig {
    let rig = Rig::new(by);
    act(&rig.koji);
    rig.is_right();
    rig
}

#[test]
fn an_inheritance_that_is_filtered() {
    silent(By::Probes, |koji| koji.set_inheritance("side", &[Link { pkg_filter: "al".to_owned(), ..Link::to(1, 0) }]));
}

#[test]
fn an_inheritance_that_ends_and_begins() {
    let rig = silent(By::Probes, |koji| koji.inherit("side", &[]));
    assert_eq!(rig.shown("side").len(), 0, "nothing of its own is in a list");
    rig.koji.inherit("side", &["base"]);
    rig.is_right();
}

#[test]
fn a_parent_whose_name_was_not_known() {
    silent(By::Probes, |koji| {
        let id = koji.create_tag("between", None);
        koji.add_package("between", "gamma");
        koji.tag_build("between", "gamma-1-1");
        koji.set_inheritance("side", &[Link::to(id, 0), Link::to(1, 5)]);
    });
}

#[test]
fn a_parent_that_is_deleted() {
    let rig = Rig::new(By::Probes);
    let before = rig.shown("base");
    rig.koji.delete_tag("base");
    rig.are_right(&["side", "signed"]);
    assert_eq!(rig.shown("base"), before, "the last state of a tag that is gone is served on");
}

#[test]
fn arches_that_are_edited() {
    let rig = silent(By::Probes, |koji| koji.edit_tag("base", Some("x86_64 aarch64"), false));
    eventually(SOON, "a repository of another arch", || rig.site.repository("base", "aarch64").exists());
}

#[test]
fn settings_and_locks_change_no_set() {
    silent(By::Probes, |koji| {
        koji.edit_tag("base", Some("x86_64"), true);
        koji.set_extra("base", "mock.new_chroot", Some(json!(1)));
        koji.add_external_repo("base", "outside", "https://example.org/$arch/", 5);
    });
}

#[test]
fn a_tag_whose_repositories_have_all_builds() {
    let rig = Rig::new(By::Probes);
    let latest = rig.shown("base");
    rig.koji.set_extra("base", "repo_include_all", Some(json!(true)));
    rig.is_right();
    let all = rig.shown("base");
    assert!(all.contains_key("alpha-0:1-1.x86_64") && all.contains_key("alpha-0:2-1.x86_64"), "{all:?}");
    rig.say(rig.koji.untag_build("base", "alpha-1-1"));
    rig.is_right();
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_right();
    rig.koji.set_extra("base", "repo_include_all", None);
    rig.koji.untag_build("base", "beta-2-1");
    rig.is_right();
    assert_eq!(rig.shown("base"), latest);
}

#[test]
fn a_tag_that_is_made() {
    let rig = Rig::prepared(By::Probes, "");
    rig.koji.rename_tag("side", "later");
    rig.serve();
    eventually(SOON, "the first sets", || !rig.shown("base").is_empty());
    rig.koji.rename_tag("later", "side");
    rig.is_right();
}

#[test]
fn a_volume_that_is_another() {
    silent(By::Probes, |koji| koji.change_volume("alpha-2-1", "archive"));
}

#[test]
fn an_rpm_that_is_imported_into_a_finished_build() {
    let rig = silent(By::Probes, |koji| koji.add_rpm("alpha-2-1", "alpha-extra", "x86_64"));
    assert!(rig.shown("base").contains_key("alpha-extra-0:2-1.x86_64"));
}

#[test]
fn signed_copies_that_are_written_and_pruned() {
    let rig = silent(By::Probes, |koji| {
        koji.write_signed("alpha-1-1", super::OTHER);
        koji.prune_signed("beta-1-1", BEST);
    });
    rig.kill();
    rig.serve();
    rig.is_right();
}

#[test]
fn a_signature_of_which_no_message_came() {
    let rig = Rig::new(By::Probes);
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_right();
    rig.koji.sign("beta-2-1", BEST);
    rig.is_right();
}

#[test]
fn a_build_that_was_reset() {
    silent(By::Checks, |koji| drop(koji.reset_build("alpha-2-1")));
}

#[test]
fn a_tag_that_is_renamed_has_its_repositories_under_its_new_name() {
    let rig = Rig::new(By::Probes);
    let before = rig.koji.right_files("side", &[]);
    rig.koji.rename_tag("side", "gone");
    rig.koji.rename_tag("aside", "side");
    rig.koji.set_inheritance("side", &[Link::to(1, 0)]);
    rig.koji.import(&NewBuild::new("beta-3-1", &["x86_64"]));
    rig.koji.tag_build("side", "beta-3-1");
    assert_ne!(before, rig.koji.right_files("side", &[]));
    rig.is_right();
}
