//! Is the fake hub right about what a tag contains? Cases made by hand for each of Koji's rules that surprises.

use super::Rig;
use crate::world::hub::Link;

#[test]
fn what_is_right_follows_the_rules_that_surprise() {
    let rig = Rig::new();
    let koji = &rig.koji;
    for tag in ["base", "side"] {
        koji.create_tag(tag, None);
    }
    koji.inherit("side", &["base"]);
    koji.build("alpha-2.0-1", &[]);
    koji.build("alpha-1.0-1", &[]);
    koji.mass_tag("base", &["alpha-2.0-1".to_owned()]);
    // What no list has is not there, though it is tagged.
    assert!(koji.right_nvrs("side", None).is_empty());
    koji.add_package("base", "alpha");
    let before = koji.last_event();
    koji.tag_build("base", "alpha-1.0-1");
    // The latest is what was tagged last, not the highest version.
    assert_eq!(koji.right_nvrs("side", Some(1)), ["alpha-1.0-1"]);
    assert_eq!(koji.right_set("side", Some(1), Some(before))[0].build, 1);
    // A block that is nearer hides a listing behind it; a listing that is nearer overrides a block.
    koji.block_package("side", "alpha");
    assert!(koji.right_nvrs("side", None).is_empty());
    koji.unblock_package("side", "alpha");
    koji.block_package("base", "alpha");
    koji.add_package("side", "alpha");
    assert_eq!(koji.right_nvrs("side", None), ["alpha-1.0-1", "alpha-2.0-1"]);
    assert!(koji.right_nvrs("base", None).is_empty());
    // What is rolled back is announced and not done; what is late becomes visible behind later events.
    let announced = koji.rolled_back(|koji| koji.untag_build("base", "alpha-1.0-1"));
    assert_eq!((announced.len(), koji.right_nvrs("side", None).len()), (1, 2));
    let drawn = koji.draw_event();
    koji.untag_build("base", "alpha-2.0-1");
    let seen = koji.last_event();
    koji.late(drawn, |koji| koji.untag_build("base", "alpha-1.0-1"));
    assert!(drawn < seen && koji.last_event() == seen);
    koji.reset_build("alpha-1.0-1");
    assert!(koji.right_nvrs("side", None).is_empty());
}

#[test]
fn what_is_right_follows_links_as_far_as_they_allow() {
    let rig = Rig::new();
    let koji = &rig.koji;
    let ids: Vec<i64> = ["root", "one", "two", "base"].into_iter().map(|tag| koji.create_tag(tag, None)).collect();
    for package in ["alpha", "beta"] {
        koji.add_package("base", package);
        koji.build(&format!("{package}-1-1"), &[]);
        koji.tag_build("base", &format!("{package}-1-1"));
    }
    let found = || koji.right_set("root", None, None).len();

    // A link's own limit loses one where a limit is in force already.
    koji.set_inheritance("root", &[Link { maxdepth: Some(2), ..Link::to(ids[1], 0) }]);
    koji.set_inheritance("one", &[Link { maxdepth: Some(1), ..Link::to(ids[2], 0) }]);
    koji.inherit("two", &["base"]);
    assert_eq!(found(), 0);
    koji.set_inheritance("one", &[Link { maxdepth: Some(2), ..Link::to(ids[2], 0) }]);
    assert_eq!(found(), 2);

    // An intransitive link counts from its own tag only.
    koji.set_inheritance("two", &[Link { intransitive: true, ..Link::to(ids[3], 0) }]);
    assert_eq!((found(), koji.right_nvrs("two", None).len()), (0, 2));

    // A filter is anchored at the start only, and acts on package lists; links of a loop are left out.
    koji.set_inheritance("one", &[Link { pkg_filter: "bet".to_owned(), ..Link::to(ids[3], 0) }]);
    koji.inherit("base", &["root"]);
    assert_eq!(koji.right_nvrs("root", None), ["beta-1-1"]);
    koji.set_inheritance("one", &[Link { pkg_filter: "ta$".to_owned(), ..Link::to(ids[3], 0) }]);
    assert_eq!(found(), 0);

    // A tag is met again where the visit before was filtered, and its builds count twice.
    koji.inherit("two", &["base"]);
    koji.inherit("root", &["one", "two"]);
    assert_eq!(koji.right_nvrs("root", None), ["alpha-1-1", "beta-1-1"]);
    assert_eq!((koji.right_set("root", Some(2), None).len(), koji.right_set("root", Some(1), None).len()), (4, 2));
}

#[test]
fn what_the_hub_knows_of_files_is_what_lies_in_its_volume() {
    let rig = Rig::new().filled();
    let (files, known) = (rig.koji.right_files("f43", &[]), rig.koji.right_digests("f43", &["x86_64", "noarch"]));
    assert_eq!((files.len(), &files), (4, &known));
}
