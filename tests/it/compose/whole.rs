//! What does a compose hold, and what does a second one change?

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

use tannery::clock::Clock;
use tannery::compose::{PUNGI_STATUS_TOPIC, STATUS_TOPIC};
use tannery::config::machine_arch;
use tannery::model::ComposeStatus;
use tannery::store::{Db, composes};

use super::rig::{BEGIN, Rig, files, word};
use crate::world::{Database, python, run};

#[tokio::test(flavor = "multi_thread")]
async fn productmd_loads_a_compose_and_finds_every_file_it_names() {
    let rig = Rig::new().await;
    let finished = rig.run(&rig.two_variants()).await.unwrap();
    let counts = run(python("productmd_check.py").arg(&finished.path)).ok();
    let counts: serde_json::Value = serde_json::from_str(counts.lines().last().unwrap()).unwrap();
    // Two variants; in each a binary tree, a debug tree where there is debug information, a source tree.
    assert_eq!((&counts["variants"], &counts["treeinfos"]), (&2.into(), &4.into()), "{counts}");
    assert!(counts["rpms"].as_u64().unwrap() > 60, "{counts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_lies_whole_in_pungis_layout() {
    let rig = Rig::new().await;
    let steps = Mutex::new(Vec::new());
    let finished = rig.composes.run(&rig.two_variants(), |step| steps.lock().unwrap().push(word(&step))).await.unwrap();
    assert_eq!(finished.id.to_string(), "Oak-1.2-20261121.n.0");
    assert_eq!(finished.url, "http://127.0.0.1:8180/composes/Oak-1.2-20261121.n.0");
    assert_eq!(finished.path, rig.compose_dir().join("Oak-1.2-20261121.n.0"));
    let mut steps = steps.into_inner().unwrap();
    steps.dedup();
    assert_eq!(steps, ["started", "wrote", "visible", "finished"]);
    let all = files(&finished.path);
    assert_eq!(all["COMPOSE_ID"], b"Oak-1.2-20261121.n.0");
    assert_eq!(all["STATUS"], b"FINISHED\n");
    let arch = machine_arch();
    for file in [
        "compose/metadata/composeinfo.json",
        "compose/metadata/rpms.json",
        &format!("compose/Minimal/{arch}/os/.treeinfo"),
        &format!("compose/Minimal/{arch}/os/.discinfo"),
        &format!("compose/Minimal/{arch}/os/media.repo"),
        &format!("compose/Everything/{arch}/os/repodata/repomd.xml"),
        "compose/Everything/source/tree/.treeinfo",
        "compose/Everything/source/tree/repodata/repomd.xml",
    ] {
        assert!(all.contains_key(file), "{file} of {:?}", all.keys());
    }
    assert_eq!(all.keys().filter(|file| file.ends_with(".rpm")).count(), finished.packages);
    let repomd = &all[&format!("compose/Everything/{arch}/os/repodata/repomd.xml")];
    let repomd = String::from_utf8_lossy(repomd);
    assert!(repomd.contains("<open-checksum") && repomd.contains(&format!("<revision>{BEGIN}</revision>")), "{repomd}");
    assert_eq!(rig.names(), [".latest.lock", "Oak-1.2-20261121.n.0", "latest-Oak-1"]);
    assert!(finished.is_latest);
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_second_names_of_the_volumes_files() {
    let rig = Rig::new().await;
    let finished = rig.run(&rig.two_variants()).await.unwrap();
    let rpm = files(&finished.path).into_keys().find(|file| file.ends_with(".rpm")).unwrap();
    assert!(fs::metadata(finished.path.join(rpm)).unwrap().nlink() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_messages_tell_of_start_and_end_on_sqlite() {
    tell_of_start_and_end(&Rig::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_messages_tell_of_start_and_end_on_postgresql() {
    let database = Database::new();
    let db = Db::open_postgres(&database.url()).await.unwrap();
    let rig = Rig::on(db.clone(), tempfile::tempdir().unwrap()).await;
    tell_of_start_and_end(&rig).await;
    db.close().await;
}

async fn tell_of_start_and_end(rig: &Rig) {
    rig.composes.recover().await.unwrap();
    let finished = rig.run(&rig.two_variants()).await.unwrap();
    let [row] = &rig.rows().await[..] else { panic!("one row") };
    assert_eq!((row.status, &row.reason, row.ended_at.is_some()), (ComposeStatus::Finished, &None, true));
    assert_eq!((&row.id, row.revision), (&finished.id, Some(finished.set.revision)));
    let mut tx = rig.db.read().await.unwrap();
    assert_eq!(composes::by_id(&mut tx, &finished.id).await.unwrap().as_ref(), Some(row));
    assert_eq!(composes::unfinished(&mut tx).await.unwrap(), []);
    drop(tx);
    for topic in [STATUS_TOPIC, PUNGI_STATUS_TOPIC] {
        let expected = ["STARTED Oak-1.2-20261121.n.0", "FINISHED Oak-1.2-20261121.n.0"];
        assert_eq!(rig.told(topic).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_compose_has_the_next_respin_and_only_ids_differ() {
    let rig = Rig::new().await;
    let definition = rig.two_variants();
    let (one, two) = (rig.run(&definition).await.unwrap(), rig.run(&definition).await.unwrap());
    assert_eq!(two.id.to_string(), "Oak-1.2-20261121.n.1");
    assert_eq!(rig.latest(), "Oak-1.2-20261121.n.1");
    let (one, two) = (files(&one.path), files(&two.path));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        let same = *bytes == two[name];
        assert_eq!(same, !(name == "COMPOSE_ID" || name.starts_with("compose/metadata/")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_build_is_in_the_next_compose() {
    let rig = Rig::new().await;
    let definition = rig.two_variants();
    let before = rig.run(&definition).await.unwrap();
    rig.add(&rig.distribution.update, std::slice::from_ref(&rig.distribution.update_build)).await;
    let after = rig.run(&definition).await.unwrap();
    assert_eq!(after.set.revision, before.set.revision + 1);
    let build = format!("/{}.src.rpm", rig.distribution.update_build);
    let has = |path| files(path).into_keys().any(|file| file.ends_with(&build));
    assert!(!has(&before.path) && has(&after.path), "{build}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_respin_begins_anew_each_day_and_passes_over_directories() {
    let rig = Rig::new().await;
    let definition = rig.two_variants();
    rig.run(&definition).await.unwrap();
    rig.clock.advance(86_400);
    fs::create_dir(rig.compose_dir().join("Oak-1.2-20261122.n.0")).unwrap();
    assert_eq!(rig.run(&definition).await.unwrap().id.to_string(), "Oak-1.2-20261122.n.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_link_never_goes_back() {
    let rig = Rig::new().await;
    let definition = rig.two_variants();
    let newer = rig.run(&definition).await.unwrap();
    // A clock that is behind: what it starts has started before.
    let (db, tags, config) = (rig.db.clone(), rig.tags.clone(), rig.config.clone());
    let late = tannery::compose::Composes::new(db, tags, config, Clock::held(BEGIN - 86_400), Default::default());
    let older = late.run(&definition, |_| {}).await.unwrap();
    assert!(!older.is_latest);
    assert_eq!(rig.latest(), newer.id.to_string());
    // Of a compose that is gone there is nothing to keep.
    fs::remove_dir_all(&newer.path).unwrap();
    let older = late.run(&definition, |_| {}).await.unwrap();
    assert_eq!(rig.latest(), older.id.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_means_nothing_is_told() {
    let rig = Rig::new().await;
    let definition =
        rig.definition("[[variant]]\nid = \"Minimal\"\npackages = [\"oak-hello\", \"oak-helo\", \"none*\"]\n");
    let finished = rig.run(&definition).await.unwrap();
    let unmatched: Vec<String> =
        finished.unmatched.iter().map(|(variant, entry)| format!("{variant} {entry}")).collect();
    assert_eq!(unmatched, ["Minimal none*", "Minimal oak-helo"]);
}
