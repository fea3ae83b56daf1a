//! What becomes of a compose that cannot be made? It is DOOMED for the first cause, and nothing of it left.

use std::fs;
use std::path::PathBuf;

use tannery::compose::{Error, PUNGI_STATUS_TOPIC, STATUS_TOPIC};
use tannery::model::ComposeStatus;

use super::rig::{Rig, files};

/// Returns a binary package file in the volume that the compose takes.
fn a_package(rig: &Rig) -> PathBuf {
    let volume = &rig.config.buildsys.volume;
    let all = files(volume).into_keys();
    let of_it = format!("/{}-", tannery::demo::packages::META);
    volume.join(all.into_iter().find(|file| file.contains(&of_it) && !file.ends_with("src.rpm")).unwrap())
}

async fn assert_doomed(rig: &Rig, error: &Error) {
    let [row] = &rig.rows().await[..] else { panic!("one row") };
    assert_eq!((row.status, row.reason.as_deref()), (ComposeStatus::Doomed, Some(error.reason().as_str())));
    let id = &row.id;
    for topic in [STATUS_TOPIC, PUNGI_STATUS_TOPIC] {
        assert_eq!(rig.told(topic).await, [format!("STARTED {id}"), format!("DOOMED {id}")]);
    }
    let names: Vec<String> = rig.names().into_iter().filter(|name| name.contains("Oak")).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_named() {
    let rig = Rig::new().await;
    let gone = a_package(&rig);
    fs::remove_file(&gone).unwrap();
    let error = rig.run(&rig.two_variants()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{} is gone", gone.display()));
    assert_doomed(&rig, &error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_size_is_named() {
    let rig = Rig::new().await;
    let cut = a_package(&rig);
    let size = fs::metadata(&cut).unwrap().len();
    fs::write(&cut, "cut").unwrap();
    let error = rig.run(&rig.two_variants()).await.unwrap_err();
    let expected = format!("{} has 3 bytes, not the {size} it was imported with", cut.display());
    assert_eq!(error.to_string(), expected);
    assert_doomed(&rig, &error).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_named() {
    let rig = Rig::new().await;
    fs::write(rig.compose_dir(), "").unwrap();
    let error = rig.run(&rig.two_variants()).await.unwrap_err();
    assert!(error.reason().contains(&rig.compose_dir().display().to_string()), "{}", error.reason());
    assert!(rig.rows().await.is_empty(), "no id was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_without_a_set_takes_no_id() {
    let rig = Rig::new().await;
    let mut definition = rig.two_variants();
    definition.tag = "oak-2".parse().unwrap();
    assert_eq!(rig.run(&definition).await.unwrap_err().to_string(), "there is no tag oak-2");
    let mut definition = rig.two_variants();
    definition.arches = vec!["s390x".parse().unwrap()];
    let error = rig.run(&definition).await.unwrap_err().to_string();
    assert!(error.starts_with("tag oak-1 is not for s390x, only for "), "{error}");
    assert!(rig.rows().await.is_empty() && rig.names().is_empty());
}
