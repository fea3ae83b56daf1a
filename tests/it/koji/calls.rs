//! Does each call say what the hub knows? Asked alone, many in one, and streamed.

use std::fs;

use serde_json::json;
use tannery::buildsys::koji::calls::{self, BuildState, Filter, Span, Table, TagRef, TaggedRpms, Taken, Was};
use tannery::buildsys::koji::{Ask, Error};

use super::Rig;
use crate::world::hub::{Link, NewBuild};

#[tokio::test]
async fn tags_and_their_own_rows_are_told_at_any_event() {
    let rig = Rig::new().filled();
    let (koji, hub) = (&rig.koji, &rig.hub);
    let before = hub.ask(calls::last_event()).await.unwrap();
    assert_eq!(before.id, koji.last_event());
    let tag = hub.ask(calls::tag(TagRef::Name("f43"), None)).await.unwrap().unwrap();
    assert_eq!((tag.id, tag.arches.join(" ").as_str(), tag.repo_include_all()), (1, "x86_64 aarch64", None));

    koji.edit_tag("f43", Some("x86_64"), true);
    koji.set_extra("f43", "repo_include_all", Some(json!(true)));
    koji.block_package("f43-updates", "beta");
    koji.add_external_repo("f43", "outside", "https://example.org/$arch/", 5);
    let link = Link { maxdepth: Some(2), noconfig: true, pkg_filter: "^al".to_owned(), ..Link::to(1, 30) };
    koji.set_inheritance("f43-updates", &[link]);

    let now = koji.last_event();
    let tag = hub.ask(calls::tag(TagRef::Id(1), Some(now))).await.unwrap().unwrap();
    assert_eq!((tag.arches.join(" ").as_str(), tag.locked, tag.repo_include_all()), ("x86_64", true, Some(true)));
    let tag = hub.ask(calls::tag(TagRef::Id(1), Some(before.id))).await.unwrap().unwrap();
    assert!(!tag.locked && tag.extra.is_empty());
    let link = &hub.ask(calls::links(2, now)).await.unwrap()[0];
    assert_eq!((link.priority, link.maxdepth, link.noconfig, link.intransitive), (30, Some(2), true, false));
    assert_eq!(
        (link.child_id, link.parent_id, link.parent_name.as_str(), link.pkg_filter.as_str()),
        (2, 1, "f43", "^al")
    );
    assert_eq!(hub.ask(calls::links(2, before.id)).await.unwrap()[0].maxdepth, None);
    let listed = hub.ask(calls::packages(2, now)).await.unwrap();
    assert_eq!(listed.iter().map(|row| (row.package_name.as_str(), row.blocked)).collect::<Vec<_>>(), [("beta", true)]);
    assert_eq!(hub.ask(calls::packages(2, before.id)).await.unwrap(), []);
    let repos = hub.ask(calls::external_repos(1, now)).await.unwrap();
    assert_eq!((repos[0].name.as_str(), repos[0].url.as_str()), ("outside", "https://example.org/$arch/"));
    assert_eq!(hub.ask(calls::external_repos(1, before.id)).await.unwrap(), []);
}

#[tokio::test]
async fn tags_are_found_by_pattern_and_miss_when_deleted() {
    let rig = Rig::new().filled();
    rig.koji.create_tag("eln", None);
    let event = rig.koji.last_event();
    rig.koji.delete_tag("f43-updates");
    let found = rig.hub.ask(calls::tags("F43*")).await.unwrap();
    assert_eq!(found.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["f43"]);
    assert_eq!(rig.hub.ask(calls::tag(TagRef::Name("f43-updates"), None)).await.unwrap(), None);
    assert!(rig.hub.ask(calls::tag(TagRef::Name("f43-updates"), Some(event))).await.unwrap().is_some());
    // To ask for what stands in it is a fault, not an empty set.
    let error = rig.hub.ask(calls::tagged(2, rig.koji.last_event(), false, None)).await.unwrap_err();
    assert!(matches!(error, Error::Fault { code: 1000, .. }), "{error}");
    assert!(!rig.hub.ask(calls::tagged(2, event, false, None)).await.unwrap().is_empty());
}

#[tokio::test]
async fn probes_see_what_rows_do_not_and_miss_signatures() {
    let rig = Rig::new().filled();
    let (koji, hub) = (&rig.koji, &rig.hub);
    let last = async |inherit| hub.ask(calls::last_change(TagRef::Id(2), None, inherit)).await.unwrap();
    let before = koji.last_event();
    assert_eq!((last(false).await, last(true).await), (Some(before), Some(before)));
    koji.sign("alpha-1.1-1.fc43", "83b0d6df");
    assert_eq!(last(true).await, Some(before));
    assert!(!hub.ask(calls::changed_since(before, &[1, 2])).await.unwrap());
    koji.change_volume("beta-2.0-1.fc43", "archive");
    assert_eq!((last(false).await, last(true).await), (Some(before), Some(koji.last_event())));
    assert!(hub.ask(calls::changed_since(before, &[1, 2])).await.unwrap());
    assert!(!hub.ask(calls::changed_since(before, &[2])).await.unwrap());
    let filter = Filter { after: Some(before), ..Filter::default() };
    assert_eq!(hub.ask(calls::history(&[Table::Taggings], &filter)).await.unwrap(), []);
    let volumes = hub.ask(calls::volumes()).await.unwrap();
    assert_eq!(volumes.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["DEFAULT", "archive"]);
    assert_eq!(hub.ask(calls::build(3)).await.unwrap().unwrap().volume_name, "archive");
    koji.add_rpm("beta-2.0-1.fc43", "beta-late", "x86_64");
    assert_eq!(last(true).await, Some(koji.last_event()));
    assert!(hub.ask(calls::build_rpms(3)).await.unwrap().iter().any(|rpm| rpm.name == "beta-late"));
    koji.rename_tag("f43", "f43-old");
    assert_eq!(last(true).await, Some(koji.last_event() - 1));
    assert_eq!(hub.ask(calls::tag(TagRef::Id(1), None)).await.unwrap().unwrap().name, "f43-old");
}

#[tokio::test]
async fn history_has_the_bare_rows_whatever_the_package_lists_say() {
    let rig = Rig::new().filled();
    let (koji, hub) = (&rig.koji, &rig.hub);
    let before = koji.last_event();
    koji.untag_build("f43", "alpha-1.0-1.fc43");
    koji.remove_package("f43", "alpha");
    let filter = Filter { tag: Some(TagRef::Id(1)), package: Some("alpha"), ..Filter::default() };
    // Of a tag that does not list the package nothing is shown, though it stands there and another may list it.
    assert_eq!(hub.ask(calls::tagged(1, koji.last_event(), false, Some("alpha"))).await.unwrap(), []);
    let rows = hub.ask(calls::history(&[Table::Taggings, Table::Packages, Table::Links], &filter)).await.unwrap();
    let spans: Vec<(bool, bool)> =
        rows.iter().map(|row| (row.span.holds(before), row.span.holds(koji.last_event()))).collect();
    assert_eq!(spans, [(true, false), (true, true), (true, false)]);
    let Was::Tagged { build_id: 1, state: BuildState::Complete, .. } = rows[0].was else { panic!("{:?}", rows[0]) };
    let after = hub.ask(calls::history(&[Table::Taggings], &Filter { after: Some(before), ..filter })).await.unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].span.revoke_event, Some(before + 1));
    let active = hub.ask(calls::history(&[Table::Taggings], &Filter { active: Some(true), ..filter })).await.unwrap();
    assert_eq!(active.iter().map(|row| row.span.revoke_event).collect::<Vec<_>>(), [None]);

    let all = [Table::Links, Table::Configs, Table::ExternalRepos, Table::Packages];
    koji.add_external_repo("f43", "outside", "https://example.org/", 5);
    koji.remove_external_repo("f43", "outside");
    let rows = hub.ask(calls::history(&all, &Filter { package: None, ..filter })).await.unwrap();
    assert!(rows.iter().any(|row| matches!(&row.was, Was::Linked { parent_id: 1, .. }) && row.tag_id == 2));
    assert!(rows.iter().any(|row| matches!(&row.was, Was::Configured { arches, .. } if arches.len() == 2)));
    let joined = rows.iter().find(|row| matches!(&row.was, Was::Joined { name, .. } if name == "outside")).unwrap();
    let end = koji.last_event();
    let Span { create_event, revoke_event, created_at, revoked_at } = joined.span;
    assert_eq!((create_event, revoke_event), (end - 1, Some(end)));
    assert!(created_at.is_some() && created_at <= revoked_at, "{:?}", joined.span);
}

#[tokio::test]
async fn rpms_are_told_with_signatures_and_checksums() {
    let rig = Rig::new().filled();
    let (koji, hub, event) = (&rig.koji, &rig.hub, rig.koji.last_event());
    koji.sign("alpha-1.1-1.fc43", "83b0d6df");
    let found = hub.ask(calls::tagged_rpms(2, event, false, "alpha")).await.unwrap();
    assert_eq!((found.rpms.len(), found.builds.len()), (8, 1));
    assert_eq!(found.rpms.iter().filter(|row| row.sigkey.as_deref() == Some("83b0d6df")).count(), 4);
    let rpm = found.rpms.iter().find(|row| row.rpm.arch == "x86_64").unwrap().rpm.clone();
    for (arches, latest, expected) in
        [(vec!["src"], false, (4, 3)), (vec!["src"], true, (3, 2)), (vec!["src", "noarch"], true, (6, 2))]
    {
        let arches: Vec<String> = arches.into_iter().map(str::to_owned).collect();
        let wanted = TaggedRpms { tag_id: 1, event, inherit: false, latest, package: None, arches: &arches };
        let found = hub.tagged_rpms(&wanted, Taken::default()).await.unwrap();
        assert!(found.rpms.iter().all(|row| arches.contains(&row.rpm.arch)));
        assert_eq!((found.rpms.len(), found.builds.len()), expected, "{arches:?} {latest}");
    }
    assert_eq!((rpm.name.as_str(), rpm.epoch, rpm.build_id), ("alpha", Some(1), 2));
    assert!(hub.ask(calls::build_rpms(2)).await.unwrap().contains(&rpm));
    assert_eq!(hub.ask(calls::build_rpms(77)).await.unwrap(), []);
    assert_eq!(hub.ask(calls::build(77)).await.unwrap(), None);

    let file = koji.volume().join("packages/alpha/1.1/1.fc43/x86_64/alpha-1.1-1.fc43.x86_64.rpm");
    let bytes = fs::read(file).unwrap();
    assert_eq!(rpm.size, bytes.len() as u64);
    let digest = |sums: &[calls::Checksums]| sums.iter().map(|sums| sums.sha256.is_some()).collect::<Vec<_>>();
    let sums = hub.ask(calls::rpm_checksums(rpm.id)).await.unwrap();
    assert_eq!(digest(&sums), [true, false]);
    koji.write_signed("alpha-1.1-1.fc43", "83b0d6df");
    assert_eq!(digest(&hub.ask(calls::rpm_checksums(rpm.id)).await.unwrap()), [true, true]);
    koji.forget_checksums("alpha-1.1-1.fc43");
    assert_eq!(digest(&hub.ask(calls::rpm_checksums(rpm.id)).await.unwrap()), [false, false]);
    let old = hub.ask(calls::rpm_signatures(rpm.id)).await.unwrap();
    koji.sign_with("alpha-1.1-1.fc43", "83b0d6df", |_| crate::koji::samples::other_packet());
    let new = hub.ask(calls::rpm_signatures(rpm.id)).await.unwrap();
    assert_eq!((old.len(), new.len()), (2, 2));
    assert!(old[0] == new[0] && old[1].sighash != new[1].sighash);
}

#[tokio::test]
async fn many_calls_in_one_keep_their_faults_apart() {
    let rig = Rig::with(|settings| settings.batch = 3).filled();
    let event = rig.koji.last_event();
    let asks: Vec<Ask<Vec<calls::TaggedBuild>>> =
        [1, 99, 2, 1].into_iter().map(|tag| calls::tagged(tag, event, false, None)).collect();
    let answers = rig.hub.ask_all(asks).await.unwrap();
    let sizes: Vec<Option<usize>> = answers.iter().map(|answer| answer.as_ref().ok().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(3), None, Some(1), Some(3)]);
    let Err(Error::Fault { method: "listTagged", code: 1000, .. }) = &answers[1] else { panic!("{:?}", answers[1]) };
    assert_eq!(rig.hub.calls()["multiCall"], 2);
    assert_eq!(rig.koji.asked()["multiCall/listTagged"], 4);
    assert!(rig.hub.ask_all(Vec::<Ask<bool>>::new()).await.unwrap().is_empty());
    let asks = vec![calls::history(&[Table::Configs, Table::Taggings], &Filter::default())];
    let rows = rig.hub.ask_all(asks).await.unwrap().remove(0).unwrap();
    assert_eq!(rows.iter().filter(|row| matches!(row.was, Was::Tagged { .. })).count(), 4);
}

#[tokio::test]
async fn a_large_tag_is_streamed() {
    let rig = Rig::new();
    rig.koji.create_tag("f43", Some("x86_64"));
    rig.koji.add_package("f43", "alpha");
    let mut nvrs = Vec::new();
    for at in 0..6_000 {
        let mut build = NewBuild::new(&format!("alpha-{at}-1"), &["x86_64"]).rows_only();
        for part in 0..8 {
            build = build.rpm(&format!("alpha-{part}"), "x86_64");
        }
        rig.koji.import(&build);
        nvrs.push(format!("alpha-{at}-1"));
    }
    let event = rig.koji.last_event() + 1;
    rig.koji.mass_tag("f43", &nvrs);
    rig.koji.gzip(true);
    let wanted = TaggedRpms { tag_id: 1, event, inherit: true, latest: false, package: None, arches: &[] };
    let found = rig.hub.tagged_rpms(&wanted, Taken::default()).await.unwrap();
    assert_eq!((found.rpms.len(), found.builds.len()), (60_000, 6_000));
}
