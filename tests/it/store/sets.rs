//! Builds and package sets.

use tannery::config::{Compression, Form};
use tannery::model::{Blake3, BuildEntry, Chunk, ComposeStatus, Nevra, Nvr, RpmEntry, Sha256, TagName};
use tannery::store::builds::{self, BuildRow, BuildState, Copy, RpmRow};
use tannery::store::composes::{self, ComposeRow};
use tannery::store::generations::{self, Generation, GenerationState};
use tannery::store::pkgsets::{self, Held, Revision};
use tannery::store::{Db, Tx};

use super::on_both;

on_both![
    a_build_has_its_files_and_is_found_by_name_and_id,
    metadata_is_found_by_digest_however_many_are_asked_for,
    revisions_and_chunks_are_kept_as_long_as_somebody_names_them,
    what_is_held_is_said_anew_package_by_package,
];

fn rpm(name: &str, epoch: u32, digest: u8, sigkey: Option<&str>) -> RpmRow {
    RpmRow {
        sha256: Sha256::from_bytes([digest; 32]),
        nevra: Nevra::new(name, epoch, "1", "1", "x86_64").unwrap(),
        size: u64::from(u32::MAX) + 1,
        content: Some(Sha256::from_bytes([9; 32])),
        sigkey: sigkey.map(|key| key.parse().unwrap()),
        source_rpm: "bash-1-1.src.rpm".to_owned(),
        build_time: i64::MAX,
    }
}

async fn a_build_has_its_files_and_is_found_by_name_and_id(db: Db) {
    let nvr: Nvr = "bash-1-1".parse().unwrap();
    let mut tx = db.write().await.unwrap();
    assert_eq!(builds::by_nvr(&mut tx, "local", &nvr).await.unwrap(), None);
    let id = builds::create(&mut tx, "local", &nvr, u32::MAX, 5).await.unwrap();
    let other = builds::create(&mut tx, "hub", &nvr, 0, 5).await.unwrap();
    assert_ne!(id, other);
    builds::set_arches(&mut tx, id, &["s390x".to_owned()], &["ä".to_owned(), "i686".to_owned()]).await.unwrap();
    builds::set_state(&mut tx, id, BuildState::Deleted).await.unwrap();
    let row = BuildRow {
        id,
        nvr: nvr.clone(),
        epoch: u32::MAX,
        state: BuildState::Deleted,
        exclusive_arch: vec!["s390x".to_owned()],
        exclude_arch: vec!["ä".to_owned(), "i686".to_owned()],
    };
    assert_eq!(builds::by_nvr(&mut tx, "local", &nvr).await.unwrap(), Some(row.clone()));
    builds::set_state(&mut tx, id, BuildState::Complete).await.unwrap();
    let row = BuildRow { state: BuildState::Complete, ..row };
    assert_eq!(builds::by_ids(&mut tx, &[other, id, 999]).await.unwrap()[0], row);
    assert!(builds::by_ids(&mut tx, &[]).await.unwrap().is_empty());
    let (plain, signed) = (rpm("bash", u32::MAX, 1, None), rpm("bash", u32::MAX, 2, Some("aaaaaaaa")));
    for (rpm, path) in [(&plain, "z/plain"), (&signed, "A/signed")] {
        builds::put_rpm(&mut tx, rpm, b"fragments\0\xff").await.unwrap();
        assert!(builds::put_copy(&mut tx, id, path, &rpm.sha256).await.unwrap());
        assert!(!builds::put_copy(&mut tx, id, path, &rpm.sha256).await.unwrap(), "the second time is no news");
    }
    tx.commit().await.unwrap();
    let mut tx = db.read().await.unwrap();
    let copies = builds::copies(&mut tx, &[id, other]).await.unwrap();
    let copy = |path: &str, rpm: &RpmRow| Copy { build_id: id, path: path.to_owned(), rpm: rpm.clone() };
    assert_eq!(copies, [copy("A/signed", &signed), copy("z/plain", &plain)]);
    let same = builds::same_nvra(&mut tx, &[&Nevra::new("bash", 0, "1", "1", "x86_64").unwrap()]).await.unwrap();
    assert_eq!(same, [("A/signed".to_owned(), signed), ("z/plain".to_owned(), plain.clone())]);
    let stranger = Nevra::new("bash", 0, "1", "1", "noarch").unwrap();
    assert!(builds::same_nvra(&mut tx, &[&stranger]).await.unwrap().is_empty());
    assert_eq!(builds::counts(&mut tx).await.unwrap(), (2, 2));
    drop(tx);
    let mut tx = db.write().await.unwrap();
    let twice = builds::create(&mut tx, "local", &nvr, 0, 5).await.unwrap_err();
    assert!(!twice.is_passing(), "{twice:?}");
}

async fn metadata_is_found_by_digest_however_many_are_asked_for(db: Db) {
    let mut tx = db.write().await.unwrap();
    for digest in 0..=255 {
        builds::put_rpm(&mut tx, &rpm("bash", 0, digest, None), &[digest; 3]).await.unwrap();
    }
    builds::put_rpm(&mut tx, &rpm("bash", 0, 7, None), b"anew").await.unwrap();
    let mut asked: Vec<Sha256> = (0..=255).map(|digest| Sha256::from_bytes([digest; 32])).collect();
    asked.extend((0u32..4_000).map(|n| Sha256::of(&n.to_le_bytes())));
    let mut found = builds::fragments(&mut tx, &asked).await.unwrap();
    found.sort();
    assert_eq!(found.len(), 256);
    assert_eq!(found[7], (Sha256::from_bytes([7; 32]), b"anew".to_vec()));
    assert_eq!(found[255].1, [255; 3]);
    assert!(builds::fragments(&mut tx, &[]).await.unwrap().is_empty());
}

fn entry(package: &str, version: &str) -> BuildEntry {
    let nvr = Nvr::new(package, version, "1").unwrap();
    let rpm = RpmEntry {
        nevra: Nevra::new(package, u32::MAX, version, "1", "noarch").unwrap(),
        sha256: Sha256::of(nvr.to_string().as_bytes()),
        size: u64::MAX,
        sigkey: None,
        location: format!("{package}/{version}/1/noarch/x.rpm"),
    };
    BuildEntry {
        nvr,
        from: "f43".parse().unwrap(),
        exclusive_arch: vec!["ü".to_owned()],
        exclude_arch: vec![],
        rpms: vec![rpm],
    }
}

async fn revision(db: &Db, tag: &TagName, number: i64, builds: &[(&str, &str)]) -> Revision {
    let mut tx = db.write().await.unwrap();
    let mut chunks = Vec::new();
    for (package, version) in builds {
        let chunk = Chunk { builds: vec![entry(package, version)] };
        chunks.extend(pkgsets::put_chunk(&mut tx, &chunk).await.unwrap());
    }
    let revision = Revision {
        number,
        digest: Blake3::of(&number.to_le_bytes()),
        event_id: i64::MAX,
        arches: vec!["x86_64".parse().unwrap(), "aarch64".parse().unwrap()],
        chunks,
        builds: builds.len() as i64,
        rpms: 5_000_000_000,
        made_at: number,
        caused_at: (number != 2).then_some(100 - number),
    };
    pkgsets::put(&mut tx, tag, &revision).await.unwrap();
    tx.commit().await.unwrap();
    revision
}

async fn numbers(tx: &mut Tx, tag: &TagName) -> Vec<i64> {
    let mut numbers = Vec::new();
    for number in 1..=9 {
        numbers.extend(pkgsets::numbered(tx, tag, number).await.unwrap().map(|revision| revision.number));
    }
    numbers
}

async fn revisions_and_chunks_are_kept_as_long_as_somebody_names_them(db: Db) {
    let (tag, other): (TagName, TagName) = ("f43".parse().unwrap(), "f42".parse().unwrap());
    assert_eq!(pkgsets::newest(&mut db.read().await.unwrap(), &tag).await.unwrap(), None);
    let first = revision(&db, &tag, 1, &[("a", "1"), ("b", "1")]).await;
    let second = revision(&db, &tag, 2, &[("a", "2"), ("b", "1")]).await;
    let third = revision(&db, &tag, 3, &[("a", "3"), ("b", "1")]).await;
    let fourth = revision(&db, &tag, 4, &[("a", "4"), ("b", "1")]).await;
    revision(&db, &other, 1, &[("b", "1"), ("c", "1")]).await;
    let mut tx = db.write().await.unwrap();
    assert_eq!(pkgsets::put_chunk(&mut tx, &Chunk::default()).await.unwrap(), None);
    assert_eq!(pkgsets::newest(&mut tx, &tag).await.unwrap(), Some(fourth.clone()));
    assert_eq!(pkgsets::numbered(&mut tx, &tag, 1).await.unwrap(), Some(first.clone()));
    for (from, to, expected) in [(0, 4, Some(96)), (0, 3, Some(97)), (0, 1, Some(99)), (1, 2, None), (4, 4, None)] {
        assert_eq!(pkgsets::caused_at(&mut tx, &tag, from, to).await.unwrap(), expected, "{from} to {to}");
    }
    assert_eq!(pkgsets::tags(&mut tx).await.unwrap(), [other.clone(), tag.clone()]);
    let asked = [first.chunks[1].digest, first.chunks[0].digest];
    let chunks = pkgsets::chunks(&mut tx, &asked).await.unwrap();
    assert_eq!(chunks, [entry("b", "1"), entry("a", "1")].map(|build| Chunk { builds: vec![build] }));
    assert!(pkgsets::chunks(&mut tx, &[Blake3::of(b"stranger")]).await.is_err());
    generations::put_manifest(&mut tx, &Blake3::of(b"manifest"), b"manifest").await.unwrap();
    generations::put(&mut tx, &named_by_a_generation(&tag, 2)).await.unwrap();
    composes::start(&mut tx, &named_by_a_compose(&tag, 3)).await.unwrap();
    pkgsets::forget(&mut tx, 1).await.unwrap();
    assert_eq!(numbers(&mut tx, &tag).await, [1, 2, 3, 4], "none is old enough");
    pkgsets::forget(&mut tx, i64::MAX).await.unwrap();
    assert_eq!(numbers(&mut tx, &tag).await, [2, 3, 4]);
    assert_eq!(numbers(&mut tx, &other).await, [1]);
    assert!(pkgsets::chunks(&mut tx, &asked[1..]).await.is_err(), "nobody names it any more");
    for kept in [&second, &third, &fourth] {
        let digests: Vec<Blake3> = kept.chunks.iter().map(|chunk| chunk.digest).collect();
        assert_eq!(pkgsets::chunks(&mut tx, &digests).await.unwrap().len(), 2);
    }
}

fn named_by_a_generation(tag: &TagName, revision: i64) -> Generation {
    Generation {
        tag: tag.clone(),
        repo: "src".parse().unwrap(),
        number: 1,
        revision,
        style: "style".to_owned(),
        form: Form::Files,
        compression: Compression::default(),
        manifest: Blake3::of(b"manifest"),
        repomd: Sha256::of(b""),
        files: vec![],
        records: vec![],
        signature: None,
        pool: "any".to_owned(),
        packages: 0,
        state: GenerationState::Kept,
        made_at: 0,
        replaced_at: None,
        lag: None,
    }
}

fn named_by_a_compose(tag: &TagName, revision: i64) -> ComposeRow {
    ComposeRow {
        id: "F-43-20261121.0".parse().unwrap(),
        definition: String::new(),
        definition_digest: Blake3::of(b"f"),
        release_name: "F".parse().unwrap(),
        label: None,
        tag: tag.clone(),
        revision: Some(revision),
        status: ComposeStatus::Started,
        reason: None,
        started_at: 0,
        ended_at: None,
    }
}

async fn what_is_held_is_said_anew_package_by_package(db: Db) {
    let (tag, other): (TagName, TagName) = ("f43".parse().unwrap(), "f42".parse().unwrap());
    let held = |package: &str, version: &str| Held {
        package: package.parse().unwrap(),
        nvr: format!("{package}-{version}-1"),
        reason: "signature: ü".to_owned(),
    };
    let (bash, zsh) = ("bash".parse().unwrap(), "zsh".parse().unwrap());
    let mut tx = db.write().await.unwrap();
    pkgsets::put_held(&mut tx, &tag, &[held("bash", "2"), held("bash", "1")]).await.unwrap();
    pkgsets::put_held(&mut tx, &tag, &[held("zsh", "1")]).await.unwrap();
    pkgsets::put_held(&mut tx, &other, &[held("zsh", "1")]).await.unwrap();
    assert_eq!(pkgsets::held(&mut tx, &tag).await.unwrap(), [held("bash", "1"), held("bash", "2"), held("zsh", "1")]);
    pkgsets::forget_held(&mut tx, &tag, &[&bash, &zsh]).await.unwrap();
    pkgsets::put_held(&mut tx, &tag, &[held("bash", "3")]).await.unwrap();
    pkgsets::put_held(&mut tx, &tag, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.write().await.unwrap();
    assert_eq!(pkgsets::held(&mut tx, &tag).await.unwrap(), [held("bash", "3")]);
    pkgsets::clear_held(&mut tx, &tag).await.unwrap();
    assert!(pkgsets::held(&mut tx, &tag).await.unwrap().is_empty());
    assert_eq!(pkgsets::held(&mut tx, &other).await.unwrap().len(), 1);
}
