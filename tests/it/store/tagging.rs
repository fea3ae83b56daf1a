//! Tags, links, package lists and taggings.

use tannery::model::{Arch, Nvr, PackageName, TagName};
use tannery::store::builds::{self, BuildState};
use tannery::store::tags::{self, Act, LinkRow, NOW, PackageRow, PackageState, TagRow};
use tannery::store::{Db, Error, Tx, Write, tag_links, tag_settings};

use super::on_both;

on_both![
    event_ids_follow_the_second_and_then_the_arrival,
    tags_are_found_by_name_and_id_and_change_their_arches,
    links_and_package_rows_are_intervals,
    taggings_are_intervals_of_complete_builds_newest_first,
    acts_are_read_in_the_order_of_their_events,
];

async fn tag(tx: &mut Write, name: &str) -> i64 {
    let name: TagName = name.parse().unwrap();
    tags::create(tx, "local", &name, &["x86_64".parse().unwrap()], 1).await.unwrap()
}

async fn build(tx: &mut Write, nvr: &str) -> i64 {
    let nvr: Nvr = nvr.parse().unwrap();
    builds::create(tx, "local", &nvr, 0, 1).await.unwrap()
}

async fn event_ids_follow_the_second_and_then_the_arrival(db: Db) {
    let mut tx = db.write().await.unwrap();
    assert_eq!(tags::last_event(&mut tx).await.unwrap(), 0);
    let mut drawn = Vec::new();
    for second in [10, 5, 10, -3, i64::MAX] {
        drawn.push(tags::draw_event(&mut tx, second).await.unwrap());
    }
    let last = (1_i64 << 40) - 1;
    assert_eq!(drawn, [(10 << 20) | 1, (5 << 20) | 1, (10 << 20) | 2, 1, (last << 20) | 1]);
    assert_eq!(drawn.iter().map(|event| event >> 20).collect::<Vec<_>>(), [10, 5, 10, 0, last]);
    assert_eq!(tags::last_event(&mut tx).await.unwrap(), (last << 20) | 1);
    assert_eq!(tags::arrival(&mut tx, 100).await.unwrap(), 100);
    assert_eq!(tags::arrival(&mut tx, 90).await.unwrap(), 100, "a clock that was set back");
    assert_eq!(tags::arrival(&mut tx, 101).await.unwrap(), 101);
}

async fn tags_are_found_by_name_and_id_and_change_their_arches(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (b, a) = (tag(&mut tx, "b").await, tag(&mut tx, "a").await);
    let row = |id, name: &str, arches: &[&str]| TagRow {
        id,
        name: name.parse().unwrap(),
        arches: arches.iter().map(|arch| arch.parse().unwrap()).collect(),
    };
    assert_eq!(tags::by_name(&mut tx, "local", "a").await.unwrap(), Some(row(a, "a", &["x86_64"])));
    assert_eq!(tags::by_name(&mut tx, "hub", "a").await.unwrap(), None);
    assert_eq!(tags::by_name(&mut tx, "local", "A").await.unwrap(), None);
    let others = ["s390x".parse().unwrap(), "aarch64".parse().unwrap()];
    tag_settings::set_arches(&mut tx, a, &others, 5).await.unwrap();
    tag_settings::set_arches(&mut tx, b, &[], 1).await.unwrap();
    for (event, expected) in [(0, None), (1, Some("x86_64")), (4, Some("x86_64")), (5, Some("s390x aarch64"))] {
        let config = tag_settings::config(&mut tx, a, event).await.unwrap();
        let arches = config.map(|config| config.arches.iter().map(Arch::as_str).collect::<Vec<_>>().join(" "));
        assert_eq!(arches.as_deref(), expected);
    }
    assert_eq!(tag_settings::include_all(&mut tx, a, NOW).await.unwrap(), None);
    assert_eq!(tag_settings::external_repos(&mut tx, a, NOW).await.unwrap(), []);
    assert_eq!(tags::by_id(&mut tx, a).await.unwrap(), Some(row(a, "a", &["s390x", "aarch64"])));
    assert_eq!(tags::by_id(&mut tx, 999).await.unwrap(), None);
    assert_eq!(tags::all(&mut tx, "local").await.unwrap().len(), 2);
    assert_eq!(tags::all(&mut tx, "local").await.unwrap()[1], row(b, "b", &[]));
    assert!(tags::all(&mut tx, "hub").await.unwrap().is_empty());
}

fn link(parent: &str, priority: i64) -> LinkRow {
    LinkRow {
        parent: parent.parse().unwrap(),
        priority,
        maxdepth: None,
        intransitive: false,
        noconfig: false,
        pkg_filter: String::new(),
    }
}

async fn links_and_package_rows_are_intervals(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (child, a, b) = (tag(&mut tx, "child").await, tag(&mut tx, "a").await, tag(&mut tx, "b").await);
    let odd =
        LinkRow { maxdepth: Some(0), intransitive: true, noconfig: true, pkg_filter: "^ü".into(), ..link("b", -5) };
    tags::open_link(&mut tx, child, a, &link("a", i64::MAX), 10).await.unwrap();
    tags::open_link(&mut tx, child, b, &odd, 20).await.unwrap();
    assert_eq!(tags::links(&mut tx, child, 9).await.unwrap(), []);
    assert_eq!(tags::links(&mut tx, child, 10).await.unwrap(), [link("a", i64::MAX)]);
    assert_eq!(tags::links(&mut tx, child, NOW).await.unwrap(), [odd.clone(), link("a", i64::MAX)]);
    assert_eq!(tag_links::open_links(&mut tx).await.unwrap().len(), 2);
    assert!(tags::close_link(&mut tx, child, a, 30).await.unwrap());
    assert!(!tags::close_link(&mut tx, child, a, 31).await.unwrap());
    assert_eq!(tags::links(&mut tx, child, 29).await.unwrap().len(), 2);
    assert_eq!(tags::links(&mut tx, child, 30).await.unwrap(), [odd]);
    let open = ("child".parse::<TagName>().unwrap(), "b".parse::<TagName>().unwrap());
    assert_eq!(tag_links::open_links(&mut tx).await.unwrap(), [open]);
    let (bash, zsh): (PackageName, PackageName) = ("bash".parse().unwrap(), "zsh".parse().unwrap());
    let row = |package: &PackageName, state, from_event| PackageRow { package: package.clone(), state, from_event };
    tags::open_package(&mut tx, a, &zsh, PackageState::Listed, 5, None).await.unwrap();
    tags::open_package(&mut tx, a, &bash, PackageState::Listed, 10, Some(20)).await.unwrap();
    tags::open_package(&mut tx, a, &bash, PackageState::Blocked, 20, None).await.unwrap();
    let all = tags::packages(&mut tx, a, None, NOW).await.unwrap();
    assert_eq!(all, [row(&bash, PackageState::Blocked, 20), row(&zsh, PackageState::Listed, 5)]);
    let then = tags::packages(&mut tx, a, Some(std::slice::from_ref(&bash)), 19).await.unwrap();
    assert_eq!(then, [row(&bash, PackageState::Listed, 10)]);
    let next = tags::next_package_row(&mut tx, a, &bash, 9).await.unwrap();
    assert_eq!(next, Some(row(&bash, PackageState::Listed, 10)));
    assert_eq!(tags::next_package_row(&mut tx, a, &bash, 20).await.unwrap(), None);
    tags::close_package(&mut tx, a, &bash, 30).await.unwrap();
    assert!(tags::packages(&mut tx, a, Some(std::slice::from_ref(&bash)), NOW).await.unwrap().is_empty());
    assert_eq!([PackageState::Listed.name(), PackageState::Blocked.name()], ["listed", "blocked"]);
}

async fn standing(tx: &mut Tx, tag: i64, package: Option<&PackageName>, event: i64) -> Vec<(i64, i64)> {
    let rows = tags::taggings(tx, tag, package.map(std::slice::from_ref), event).await.unwrap();
    rows.into_iter().map(|row| (row.build_id, row.from_event)).collect()
}

async fn taggings_are_intervals_of_complete_builds_newest_first(db: Db) {
    let mut tx = db.write().await.unwrap();
    let tag = tag(&mut tx, "t").await;
    let (one, two) = (build(&mut tx, "bash-1-1").await, build(&mut tx, "bash-2-1").await);
    let zsh = build(&mut tx, "zsh-1-1").await;
    tags::replace_taggings(&mut tx, tag, one, &[(1, Some(3)), (5, None)]).await.unwrap();
    tags::replace_taggings(&mut tx, tag, two, &[(2, None)]).await.unwrap();
    tags::replace_taggings(&mut tx, tag, zsh, &[(2, None)]).await.unwrap();
    assert_eq!(standing(&mut tx, tag, None, NOW).await, [(one, 5), (zsh, 2), (two, 2)]);
    assert_eq!(standing(&mut tx, tag, Some(&"bash".parse().unwrap()), NOW).await, [(one, 5), (two, 2)]);
    assert_eq!(standing(&mut tx, tag, None, 2).await, [(zsh, 2), (two, 2), (one, 1)]);
    assert_eq!(standing(&mut tx, tag, None, 3).await, [(zsh, 2), (two, 2)]);
    builds::set_state(&mut tx, zsh, BuildState::Deleted).await.unwrap();
    assert_eq!(standing(&mut tx, tag, None, 3).await, [(two, 2)]);
    tags::replace_taggings(&mut tx, tag, one, &[]).await.unwrap();
    assert_eq!(standing(&mut tx, tag, None, NOW).await, [(two, 2)]);
}

async fn acts_are_read_in_the_order_of_their_events(db: Db) {
    let mut tx = db.write().await.unwrap();
    let (t, u) = (tag(&mut tx, "t").await, tag(&mut tx, "u").await);
    let (one, two) = (build(&mut tx, "bash-1-1").await, build(&mut tx, "bash-2-1").await);
    let record = [(9, one, Some(t), Act::Untag), (3, one, None, Act::Import), (5, one, Some(t), Act::Tag)];
    for (event, build, tag, act) in record {
        tags::record_act(&mut tx, event, build, tag, act).await.unwrap();
    }
    tags::record_act(&mut tx, 6, one, Some(u), Act::Tag).await.unwrap();
    tags::record_act(&mut tx, i64::MAX, one, None, Act::Delete).await.unwrap();
    tags::record_act(&mut tx, 7, two, Some(t), Act::Tag).await.unwrap();
    let acts = tags::acts(&mut tx, one, t).await.unwrap();
    assert_eq!(acts, [(3, Act::Import), (5, Act::Tag), (9, Act::Untag), (i64::MAX, Act::Delete)]);
    assert_eq!(tags::acts(&mut tx, one, 0).await.unwrap(), [(3, Act::Import), (i64::MAX, Act::Delete)]);
    assert_eq!(tags::tags_of_build(&mut tx, one).await.unwrap(), [t, u]);
    assert_eq!(tags::tags_of_build(&mut tx, two).await.unwrap(), [t]);
    let twice = tags::record_act(&mut tx, 7, one, Some(t), Act::Tag).await;
    assert!(matches!(twice, Err(Error::Refused(_))), "{twice:?}");
}
