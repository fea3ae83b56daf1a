//! Where Koji's rules surprise: do our rows of a hub amount to what the hub says? Cases made by hand.

use super::mirror::Mirror;
use crate::world::hub::{Hub, Link};

/// Tags with the ids 1, 2, ... and three packages with one build each in the last of them.
async fn chain(tags: &[&str]) -> Mirror {
    let mirror = Mirror::new().await;
    let koji = &mirror.rig.koji;
    for tag in tags {
        koji.create_tag(tag, None);
    }
    for pair in tags.windows(2) {
        koji.inherit(pair[0], &[pair[1]]);
    }
    let last = tags[tags.len() - 1];
    for package in ["alpha", "beta", "gal"] {
        koji.add_package(last, package);
        koji.build(&format!("{package}-1-1"), &[]);
        koji.tag_build(last, &format!("{package}-1-1"));
    }
    mirror
}

/// Acts between two readings, and expects these builds of a tag; all events are compared with the hub.
async fn becomes(mirror: &Mirror, tag: &str, act: impl FnOnce(&Hub), expected: &str) {
    mirror.read(tag).await;
    let before = mirror.rig.koji.last_event();
    act(&mirror.rig.koji);
    mirror.read(tag).await;
    let after = mirror.rig.koji.last_event();
    mirror.is_right(&[tag], after, &(before..=after).collect::<Vec<_>>(), expected).await;
    let ours = mirror.ours(tag, after).await;
    let nvrs: Vec<&str> = ours.values().flatten().map(|(nvr, _)| nvr.as_str()).collect();
    assert_eq!(nvrs.join(" "), expected);
}

const ALL: &str = "alpha-1-1 beta-1-1 gal-1-1";

#[tokio::test]
async fn a_links_limit_loses_one_where_one_is_in_force() {
    let mirror = chain(&["root", "one", "two", "base"]).await;
    let depth = |to, maxdepth| Link { maxdepth: Some(maxdepth), ..Link::to(to, 0) };
    becomes(&mirror, "root", |koji| koji.set_inheritance("root", &[depth(2, 2)]), ALL).await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("one", &[depth(3, 1)]), "").await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("one", &[depth(3, 2)]), ALL).await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("root", &[depth(4, 0)]), ALL).await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("root", &[depth(3, 0)]), "").await;
}

#[tokio::test]
async fn an_intransitive_link_counts_from_its_own_tag_only() {
    let mirror = chain(&["root", "one", "base"]).await;
    let link = |to| Link { intransitive: true, ..Link::to(to, 0) };
    becomes(&mirror, "root", |koji| koji.set_inheritance("one", &[link(3)]), "").await;
    mirror.is_right(&["one"], mirror.rig.koji.last_event(), &[], "its own").await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("root", &[link(3)]), ALL).await;
}

#[tokio::test]
async fn filters_are_anchored_at_the_start_and_act_on_lists_only() {
    let mirror = chain(&["root", "one", "base"]).await;
    let filter = |to, text: &str| Link { pkg_filter: text.to_owned(), ..Link::to(to, 0) };
    becomes(&mirror, "root", |koji| koji.set_inheritance("one", &[filter(3, "al")]), "alpha-1-1").await;
    becomes(&mirror, "root", |koji| koji.set_inheritance("one", &[filter(3, "ta$")]), "").await;
    // The tag's own list is never filtered, and builds are not.
    becomes(&mirror, "root", |koji| drop(koji.add_package("root", "gal")), "gal-1-1").await;
    // All filters of a path have to match.
    let both = |koji: &Hub| {
        koji.set_inheritance("one", &[filter(3, "^[ab]")]);
        koji.set_inheritance("root", &[filter(2, "^[bg]")]);
    };
    becomes(&mirror, "root", both, "beta-1-1 gal-1-1").await;
}

#[tokio::test]
async fn a_tag_is_met_again_where_the_visit_before_was_narrower() {
    let mirror = chain(&["root", "base"]).await;
    mirror.rig.koji.create_tag("other", None);
    mirror.rig.koji.create_tag("behind", None);
    mirror.rig.koji.inherit("other", &["base"]);
    mirror.rig.koji.build("alpha-2-1", &[]);
    mirror.rig.koji.tag_build("behind", "alpha-2-1");
    let narrow = |link: Link| move |koji: &Hub| koji.set_inheritance("root", &[link, Link::to(3, 10), Link::to(4, 20)]);
    let all = "alpha-1-1 alpha-2-1 beta-1-1 gal-1-1";
    becomes(&mirror, "root", narrow(Link { pkg_filter: "bet".to_owned(), ..Link::to(2, 0) }), all).await;
    becomes(&mirror, "root", narrow(Link { maxdepth: Some(0), ..Link::to(2, 0) }), all).await;
    becomes(&mirror, "root", narrow(Link { noconfig: true, ..Link::to(2, 0) }), all).await;
}

#[tokio::test]
async fn a_circle_ends_where_it_closes_and_a_parent_that_is_gone_has_nothing() {
    let mirror = chain(&["root", "one", "base"]).await;
    becomes(&mirror, "root", |koji| koji.inherit("base", &["root", "one"]), ALL).await;
    becomes(&mirror, "root", |koji| koji.delete_tag("one"), "").await;
    becomes(&mirror, "root", |koji| koji.inherit("root", &["base"]), ALL).await;
    // Made again, it is the same tag without what it had.
    let again = |koji: &Hub| {
        koji.create_tag("one", None);
        koji.inherit("root", &["one"]);
    };
    becomes(&mirror, "root", again, "").await;
}

#[tokio::test]
async fn the_nearest_word_on_a_package_wins() {
    let mirror = chain(&["root", "one", "base"]).await;
    becomes(&mirror, "root", |koji| drop(koji.block_package("one", "alpha")), "beta-1-1 gal-1-1").await;
    becomes(&mirror, "root", |koji| drop(koji.add_package("root", "alpha")), ALL).await;
    becomes(&mirror, "root", |koji| drop(koji.block_package("base", "beta")), "alpha-1-1 gal-1-1").await;
    becomes(&mirror, "root", |koji| drop(koji.add_package("one", "beta")), ALL).await;
    // What base itself shuts out is shown where base is inherited: its rows are bare.
    mirror.is_right(&["base"], mirror.rig.koji.last_event(), &[], "its own").await;
}

#[tokio::test]
async fn the_latest_is_what_was_tagged_last_in_the_nearest_tag() {
    let mirror = chain(&["root", "base"]).await;
    mirror.rig.koji.build("alpha-0-1", &[]);
    mirror.rig.koji.build("alpha-9-1", &[]);
    becomes(&mirror, "root", |koji| drop(koji.tag_build("base", "alpha-0-1")), "alpha-0-1 alpha-1-1 beta-1-1 gal-1-1")
        .await;
    let nearer = "alpha-1-1 alpha-0-1 beta-1-1 gal-1-1";
    becomes(&mirror, "root", |koji| drop(koji.move_build("base", "root", "alpha-1-1")), nearer).await;
    let last = "alpha-1-1 alpha-9-1 alpha-0-1 beta-1-1 gal-1-1";
    becomes(&mirror, "root", |koji| drop(koji.tag_build("base", "alpha-9-1")), last).await;
}

#[tokio::test]
async fn of_builds_tagged_by_one_event_the_one_with_the_highest_id_in_the_hub_is_the_latest() {
    let mirror = chain(&["root", "base"]).await;
    let nvrs = ["alpha-8-1", "alpha-7-1"];
    for nvr in nvrs {
        mirror.rig.koji.build(nvr, &[]);
    }
    // The later one is known to us before the other.
    mirror.rig.koji.create_tag("first", None);
    mirror.rig.koji.tag_build("first", "alpha-7-1");
    mirror.read("first").await;
    let both = nvrs.map(str::to_owned);
    let expected = "alpha-7-1 alpha-8-1 alpha-1-1 beta-1-1 gal-1-1";
    becomes(&mirror, "root", |koji| drop(koji.mass_tag("base", &both)), expected).await;
}
