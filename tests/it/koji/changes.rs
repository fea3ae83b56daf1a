//! Does everything that changes a tag in a hub reach our rows? Read whole, and by package where that suffices.

use serde_json::json;
use tannery::store::mirror::Changes;
use tannery::store::tag_settings;
use tannery::store::tags::NOW;

use super::mirror::{Mirror, name};
use crate::world::hub::{Hub, Link, NewBuild};

/// What a release engineer does, in which packages of base and side it shows, and what a whole reading says of it.
struct Case {
    what: &'static str,
    act: fn(&Hub),
    packages: &'static [&'static str],
    changes: &'static str,
}

const fn case(what: &'static str, act: fn(&Hub), packages: &'static [&'static str], changes: &'static str) -> Case {
    Case { what, act, packages, changes }
}

const ALPHA: &[&str] = &["alpha"];
const BETA: &[&str] = &["beta"];
const WHOLE: &[&str] = &[];

const CASES: [Case; 25] = [
    case("tag", |koji| drop(koji.tag_build("base", "beta-2-1")), BETA, "base/beta"),
    case("untag", |koji| drop(koji.untag_build("base", "alpha-2-1")), ALPHA, "base/alpha"),
    case("tag again", |koji| drop(koji.tag_build("base", "alpha-1-1")), ALPHA, "base/alpha"),
    case("move", |koji| drop(koji.move_build("base", "side", "beta-1-1")), BETA, "base/beta side/beta"),
    case(
        "mass tag what no list has",
        |koji| drop(koji.mass_tag("base", &["gamma-1-1".to_owned()])),
        &["gamma"],
        "base/gamma",
    ),
    case("list what stands there", list_late, &["gamma"], "base/gamma"),
    case("list", |koji| drop(koji.add_package("side", "gamma")), &["gamma"], "side/gamma"),
    case("block", |koji| drop(koji.block_package("side", "alpha")), ALPHA, "side/alpha"),
    case("unblock", |koji| drop(koji.unblock_package("base", "delta")), &["delta"], "base/delta"),
    case("remove", |koji| drop(koji.remove_package("base", "beta")), BETA, "base/beta"),
    case("edit arches", |koji| koji.edit_tag("base", Some("s390x"), false), WHOLE, "base"),
    case("lock", |koji| koji.edit_tag("base", Some("x86_64"), true), WHOLE, "base"),
    case("set extra", |koji| koji.set_extra("base", "repo_include_all", Some(json!(true))), WHOLE, "base"),
    case("set other extra", |koji| koji.set_extra("base", "mock.new_chroot", Some(json!(1))), WHOLE, ""),
    case("make a tag", make, WHOLE, ""),
    case("inherit otherwise", filtered, WHOLE, "side"),
    case("inherit no more", |koji| koji.inherit("side", &[]), WHOLE, "side"),
    case("join with a repository", |koji| koji.add_external_repo("base", "out", "https://example.org/", 5), WHOLE, ""),
    case("delete a tag", |koji| koji.delete_tag("side"), WHOLE, "side"),
    case("delete a parent", |koji| koji.delete_tag("base"), WHOLE, "base side"),
    case("delete a build", |koji| drop(koji.delete_build("alpha-2-1")), ALPHA, "base/alpha side/alpha"),
    case("reset a build", |koji| drop(koji.reset_build("alpha-2-1")), ALPHA, "base/alpha side/alpha gone 2"),
    case("promote a draft", |koji| drop(koji.promote("delta-1-1,draft_6")), &["delta"], "base/delta"),
    case("rename", |koji| koji.rename_tag("side", "aside"), WHOLE, "side>aside"),
    case("roll back", |koji| drop(koji.rolled_back(|koji| koji.untag_build("base", "beta-1-1"))), BETA, ""),
];

fn make(koji: &Hub) {
    koji.create_tag("new", None);
}

fn list_late(koji: &Hub) {
    koji.mass_tag("base", &["gamma-1-1".to_owned()]);
    koji.add_package("base", "gamma");
}

fn filtered(koji: &Hub) {
    koji.set_inheritance("side", &[Link { pkg_filter: "al".to_owned(), ..Link::to(1, 0) }]);
}

/// Two builds of alpha in base, the second in side too, which inherits from it; beta in base; delta, a draft, is
/// blocked there; gamma is nowhere.
async fn house() -> Mirror {
    let mirror = Mirror::new().await;
    let koji = &mirror.rig.koji;
    koji.create_tag("base", Some("x86_64"));
    koji.create_tag("side", None);
    koji.inherit("side", &["base"]);
    for package in ["alpha", "beta", "delta"] {
        koji.add_package("base", package);
    }
    for nvr in ["alpha-1-1", "alpha-2-1", "beta-1-1", "beta-2-1", "gamma-1-1"] {
        koji.import(&NewBuild::new(nvr, &[]));
    }
    koji.import(&NewBuild::new("delta-1-1", &[]).draft());
    for nvr in ["alpha-1-1", "alpha-2-1", "beta-1-1", "delta-1-1,draft_6"] {
        koji.tag_build("base", nvr);
    }
    koji.tag_build("side", "alpha-2-1");
    koji.block_package("base", "delta");
    mirror.read("side").await;
    mirror
}

/// Says what changed, the renamed and the gone last.
fn told(all: &[Changes]) -> String {
    let mut words: Vec<String> = all.iter().flat_map(|one| &one.tags).map(ToString::to_string).collect();
    words.extend(all.iter().flat_map(|one| &one.packages).map(|(tag, package)| format!("{tag}/{package}")));
    words.sort();
    words.dedup();
    words.extend(all.iter().flat_map(|one| &one.renamed).map(|(old, new)| format!("{old}>{new}")));
    let gone = all.iter().map(|one| one.gone.len()).sum::<usize>();
    words.extend((gone > 0).then(|| format!("gone {gone}")));
    words.join(" ")
}

/// Returns the tags as they are called, and all events since the first reading that the hub still tells rightly of.
fn seen<'a>(case: &Case, before: i64, after: i64) -> (Vec<&'a str>, Vec<i64>) {
    let side = if case.what == "rename" { "aside" } else { "side" };
    let begin = if case.what == "reset a build" { after } else { before };
    (vec!["base", side], (begin..=after).collect())
}

#[tokio::test]
async fn whatever_changes_a_tag_is_in_our_rows_after_a_whole_reading() {
    for case in &CASES {
        let mirror = house().await;
        let before = mirror.rig.koji.last_event();
        (case.act)(&mirror.rig.koji);
        let (tags, past) = seen(case, before, mirror.rig.koji.last_event());
        let mut changes = Vec::new();
        for tag in tags.iter().rev() {
            changes.push(mirror.read(tag).await);
        }
        assert_eq!(told(&changes), case.changes, "{}", case.what);
        mirror.is_right(&tags, mirror.rig.koji.last_event(), &past, case.what).await;
    }
}

#[tokio::test]
async fn whatever_changes_packages_is_in_our_rows_after_a_reading_of_those() {
    for case in CASES.iter().filter(|case| !case.packages.is_empty()) {
        let mirror = house().await;
        let before = mirror.rig.koji.last_event();
        (case.act)(&mirror.rig.koji);
        let after = mirror.rig.koji.last_event();
        let (tags, past) = seen(case, before, after);
        let calls = mirror.rig.hub.calls();
        let mut changes = Vec::new();
        for tag in tags.iter().rev() {
            changes.push(mirror.packages_at(tag, case.packages, after).await);
        }
        assert_eq!(told(&changes), case.changes, "{}", case.what);
        assert_eq!(mirror.rig.hub.calls().get("queryHistory"), calls.get("queryHistory"), "many in one");
        mirror.is_right(&tags, after, &past, case.what).await;
    }
}

#[tokio::test]
async fn settings_and_repositories_outside_are_kept_with_their_events() {
    let mirror = house().await;
    let koji = &mirror.rig.koji;
    let before = koji.last_event();
    koji.edit_tag("base", Some("x86_64 s390x"), true);
    koji.set_extra("base", "repo_include_all", Some(json!(true)));
    koji.add_external_repo("base", "outside", "https://example.org/$arch/", 5);
    mirror.read("side").await;
    let mut tx = mirror.db.read().await.unwrap();
    let id = tag_settings::known(&mut tx, "koji", &name("base")).await.unwrap().unwrap().id;
    for (event, arches, locked, all, repos) in [(before, 1, false, None, 0), (NOW, 2, true, Some(true), 1)] {
        let config = tag_settings::config(&mut tx, id, event).await.unwrap().unwrap();
        assert_eq!((config.arches.len(), config.locked), (arches, locked));
        assert_eq!(tag_settings::include_all(&mut tx, id, event).await.unwrap(), all);
        assert_eq!(tag_settings::external_repos(&mut tx, id, event).await.unwrap().len(), repos);
    }
    let repo = tag_settings::external_repos(&mut tx, id, NOW).await.unwrap().remove(0);
    assert_eq!((repo.name.as_str(), repo.url.as_deref()), ("outside", Some("https://example.org/$arch/")));
    drop(tx);
    koji.remove_external_repo("base", "outside");
    koji.set_extra("base", "repo_include_all", None);
    mirror.read("side").await;
    let mut tx = mirror.db.read().await.unwrap();
    assert_eq!(tag_settings::external_repos(&mut tx, id, NOW).await.unwrap(), []);
    assert_eq!(tag_settings::include_all(&mut tx, id, NOW).await.unwrap(), None);
}
