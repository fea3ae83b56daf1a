//! A hub's rows, kept in line with readings.

use std::collections::{BTreeMap, BTreeSet};

use tannery::model::TagName;
use tannery::store::builds::{self, BuildState};
use tannery::store::hub_rpms::{self, HubRpms};
use tannery::store::mirror::{
    self, Changes, Config, ExternalRepo, HubBuild, Link, Outcome, Part, Reading, Row, Standing, TagReading, TagRows,
};
use tannery::store::tag_settings::{self, INCLUDE_ALL};
use tannery::store::tags::{self, NOW, PackageState};
use tannery::store::{Db, Write};

use super::on_both;

on_both![
    a_hubs_rows_are_kept_by_its_ids_and_events,
    builds_that_change_are_told_wherever_they_stand,
    builds_are_sorted_by_their_tags_and_whether_they_were_listed,
];

fn row<C>(content: C) -> Row<C> {
    Row { content, to_event: None }
}

/// All that a tag can have, made at event 5.
fn rows(builds: &[i64]) -> TagRows {
    let config = Config { arches: vec!["x86_64".parse().unwrap()], locked: true };
    let link =
        Link { priority: 3, maxdepth: Some(1), intransitive: true, noconfig: true, pkg_filter: "^ü".to_owned() };
    let repo = ExternalRepo {
        name: "out".to_owned(),
        url: Some("https://example.org/".to_owned()),
        priority: 1,
        merge_mode: None,
        arches: vec!["s390x".to_owned()],
    };
    let package = "bash".parse::<tannery::model::PackageName>().unwrap();
    TagRows {
        configs: BTreeMap::from([(((), 5), row(config))]),
        extras: BTreeMap::from([((INCLUDE_ALL.to_owned(), 5), row("true".to_owned()))]),
        links: BTreeMap::from([((77, 5), row(link))]),
        repos: BTreeMap::from([((9, 5), row(repo))]),
        packages: BTreeMap::from([((package.clone(), 5), row(PackageState::Blocked))]),
        taggings: builds.iter().map(|build| (((package.clone(), *build), 5), row(()))).collect(),
    }
}

fn build(version: &str, state: BuildState) -> HubBuild {
    HubBuild { nvr: format!("bash-{version}-1").parse().unwrap(), epoch: 2, state }
}

fn tag(hub_id: i64, rows: TagRows) -> TagReading {
    TagReading { hub_id, part: Part::Whole { since: 1 }, rows }
}

fn reading(event: i64, tags: Vec<TagReading>, names: &[(i64, &str)]) -> Reading {
    let builds = [1000, 2000].map(|id| (id, build(&id.to_string(), BuildState::Complete)));
    let names = names.iter().map(|(id, name)| (*id, name.parse::<TagName>().unwrap())).collect();
    let (left_out, times) = (BTreeSet::new(), BTreeMap::new());
    Reading { event, tags, names, builds: BTreeMap::from(builds), left_out, times }
}

async fn apply(tx: &mut Write, reading: &Reading) -> Changes {
    match mirror::apply(tx, "hub", reading, None, 1).await.unwrap() {
        Outcome::Applied(changes) => changes,
        other => panic!("{other:?}"),
    }
}

async fn a_hubs_rows_are_kept_by_its_ids_and_events(db: Db) {
    let mut tx = db.write().await.unwrap();
    let all = reading(8, vec![tag(66, rows(&[2000, 1000])), tag(77, TagRows::default())], &[(66, "f43"), (77, "base")]);
    assert_eq!(apply(&mut tx, &all).await.tags.len(), 2);
    assert!(apply(&mut tx, &all).await.is_empty());
    let known = mirror::known(&mut tx, "hub").await.unwrap();
    let f43 = known[&66].clone();
    assert_eq!((f43.since_event, f43.whole_event, f43.read_event), (1, 8, 8));
    let link = tags::links(&mut tx, f43.id, NOW).await.unwrap().remove(0);
    assert_eq!((link.parent.as_str(), link.maxdepth, link.pkg_filter.as_str()), ("base", Some(1), "^ü"));
    assert!(link.intransitive && link.noconfig);
    let config = tag_settings::config(&mut tx, f43.id, 5).await.unwrap().unwrap();
    assert_eq!((config.arches.len(), config.locked), (1, true));
    assert_eq!(tag_settings::config(&mut tx, f43.id, 4).await.unwrap(), None);
    assert_eq!(tag_settings::include_all(&mut tx, f43.id, NOW).await.unwrap(), Some(true));
    assert_eq!(tag_settings::external_repos(&mut tx, f43.id, NOW).await.unwrap()[0].arches, ["s390x"]);
    assert_eq!(tags::packages(&mut tx, f43.id, None, NOW).await.unwrap()[0].state, PackageState::Blocked);
    let standing = tags::taggings(&mut tx, f43.id, None, NOW).await.unwrap();
    assert_eq!(standing.len(), 2);
    // All of it is revoked; the parent, which is no tag at any event, has taken the name.
    let mut gone = rows(&[1000, 2000]);
    gone.configs.values_mut().for_each(|row| row.to_event = Some(9));
    gone.extras.values_mut().for_each(|row| row.to_event = Some(9));
    gone.links.values_mut().for_each(|row| row.to_event = Some(9));
    gone.repos.values_mut().for_each(|row| row.to_event = Some(9));
    gone.packages.values_mut().for_each(|row| row.to_event = Some(9));
    gone.taggings.values_mut().for_each(|row| row.to_event = Some(9));
    let all = reading(9, vec![tag(66, gone)], &[(66, "base"), (77, "f43")]);
    let changes = apply(&mut tx, &all).await;
    assert_eq!((changes.tags.len(), changes.renamed.len(), changes.packages.len()), (1, 2, 0));
    assert!(tags::by_name(&mut tx, "hub", "base").await.unwrap().is_none());
    assert!(tags::taggings(&mut tx, f43.id, None, NOW).await.unwrap().is_empty());
    assert_eq!(tags::taggings(&mut tx, f43.id, None, 8).await.unwrap(), standing);
    assert_eq!(
        mirror::apply(&mut tx, "hub", &reading(8, vec![tag(66, rows(&[]))], &[(66, "f43")]), None, 1).await.unwrap(),
        Outcome::Overtaken
    );
}

async fn builds_that_change_are_told_wherever_they_stand(db: Db) {
    let mut tx = db.write().await.unwrap();
    let mut of = rows(&[1000]);
    of.links.clear();
    apply(&mut tx, &reading(8, vec![tag(1, of.clone()), tag(2, of)], &[(1, "one"), (2, "two")])).await;
    let package = "bash".parse::<tannery::model::PackageName>().unwrap();
    let rows = TagRows { packages: rows(&[]).packages, taggings: rows(&[1000]).taggings, ..TagRows::default() };
    let part = Part::Packages(BTreeSet::from([package.clone()]));
    let mut next = reading(9, vec![TagReading { hub_id: 1, part, rows }], &[(1, "one")]);
    assert!(apply(&mut tx, &next).await.is_empty());
    next.builds.insert(1000, build("1000", BuildState::Deleted));
    let changes = apply(&mut tx, &next).await;
    let told: Vec<(&str, &str)> =
        changes.packages.iter().map(|(tag, package)| (tag.as_str(), package.as_str())).collect();
    assert_eq!(told, [("one", "bash"), ("two", "bash")]);
    let known = mirror::known(&mut tx, "hub").await.unwrap();
    assert_eq!((known[&1].whole_event, known[&1].read_event), (8, 9));
    assert!(tags::taggings(&mut tx, known[&2].id, None, NOW).await.unwrap().is_empty());
}

async fn builds_are_sorted_by_their_tags_and_whether_they_were_listed(db: Db) {
    let mut tx = db.write().await.unwrap();
    let [one, mut two] = [rows(&[1000, 2000]), rows(&[2000])];
    let mut links = one.clone();
    links.links.clear();
    two.links.clear();
    apply(&mut tx, &reading(8, vec![tag(1, links), tag(2, two)], &[(1, "one"), (2, "two")])).await;
    let mut ids = Vec::new();
    for hub_id in [1000, 2000] {
        ids.push(mirror::build_of(&mut tx, "hub", hub_id).await.unwrap().unwrap());
    }
    let shown = |builds: &[Standing]| builds.iter().map(|build| (build.id, build.hub_id)).collect::<Vec<_>>();
    let (first, second) = ((ids[0], 1000), (ids[1], 2000));
    let (one, two): (TagName, TagName) = ("one".parse().unwrap(), "two".parse().unwrap());
    let mut unlisted = mirror::unlisted(&mut tx, &ids).await.unwrap();
    unlisted.values_mut().for_each(|builds| builds.sort_by_key(|build| build.id));
    assert_eq!((shown(&unlisted[&one]), shown(&unlisted[&two])), (vec![first, second], vec![second]));
    assert_eq!(unlisted[&two][0].package.as_str(), "bash");
    assert!(mirror::listed_in(&mut tx, "hub", &one).await.unwrap().is_empty());
    let said = HubRpms { volume: "DEFAULT".to_owned(), rpms: vec![], left_out: vec![], refusal: None };
    hub_rpms::put(&mut tx, ids[1], &said, 1).await.unwrap();
    let unlisted = mirror::unlisted(&mut tx, &ids).await.unwrap();
    assert_eq!((shown(&unlisted[&one]), unlisted.len()), (vec![first], 1));
    for (tag, buildsys, right) in [(&one, "hub", vec![second]), (&two, "hub", vec![second]), (&one, "other", vec![])] {
        assert_eq!(shown(&mirror::listed_in(&mut tx, buildsys, tag).await.unwrap()), right, "{tag} {buildsys}");
    }
    builds::set_state(&mut tx, ids[1], BuildState::Deleted).await.unwrap();
    assert!(mirror::listed_in(&mut tx, "hub", &two).await.unwrap().is_empty());
}
