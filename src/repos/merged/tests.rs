//! Is what is old let go of, and nothing that somebody may still read?

use crate::model::{Arch, RepoName, Sha256};
use crate::repos::tests::House;
use crate::store::externals::{self, Use};
use crate::store::{generations, merged};

const HOURS: i64 = 3600;

fn x86() -> Arch {
    "x86_64".parse().unwrap()
}

async fn house() -> House {
    let house = House::with("[repos]\nexternal_repos = \"merge\"\nkeep_generations = 1\nkeep_for = \"1h\"\n").await;
    house.import_and_tag().await;
    house.settle().await;
    house.repos.merge_woken().await.unwrap();
    house
}

/// Returns the numbers of the generations: of the own repository, of the merged one.
async fn numbers(house: &House) -> (Vec<i64>, Vec<i64>) {
    let mut tx = house.db.read().await.unwrap();
    let own = generations::of_repo(&mut tx, &house.tag(), &RepoName::Binary(x86())).await.unwrap();
    let merged = merged::of_repo(&mut tx, &house.tag(), &x86()).await.unwrap();
    (own.iter().map(|one| one.number).collect(), merged.iter().map(|one| one.number).collect())
}

async fn much_later(house: &House) {
    house.clock.advance(3 * HOURS);
    house.repos.tidy_once().await.unwrap();
}

#[tokio::test]
async fn generations_go_once_they_are_old_and_what_they_are_made_of_goes_with_them() {
    let house = house().await;
    assert_eq!(numbers(&house).await, (vec![1], vec![1]));
    assert_eq!(house.topics().await.last().unwrap(), "tannery.repo.merged");
    house.update().await;
    house.settle().await;
    much_later(&house).await;
    assert_eq!(numbers(&house).await, (vec![2, 1], vec![1]), "its packages are still shown");
    house.repos.merge_woken().await.unwrap();
    assert_eq!(numbers(&house).await, (vec![2, 1], vec![2, 1]));
    much_later(&house).await;
    much_later(&house).await;
    assert_eq!(numbers(&house).await, (vec![2], vec![2]));
    let dir = house.dir.path().join("data/repos/oak/x86_64-merged/repodata");
    let shown = merged::current(&mut house.db.read().await.unwrap(), &house.tag(), &x86()).await.unwrap().unwrap();
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), shown.files.len() + 1);
}

#[tokio::test]
async fn with_no_external_repository_the_own_one_is_merged_alone_and_the_same_again_is_nothing() {
    let house = house().await;
    let mut tx = house.db.read().await.unwrap();
    let shown = merged::current(&mut tx, &house.tag(), &x86()).await.unwrap().unwrap();
    let own = generations::current(&mut tx, &house.tag(), &RepoName::Binary(x86())).await.unwrap().unwrap();
    drop(tx);
    assert_eq!((shown.packages, &*shown.why), (own.packages, &["first".to_owned()][..]));
    let told = house.topics().await;
    house.repos.wake_known().await.unwrap();
    house.repos.merge_woken().await.unwrap();
    assert_eq!((numbers(&house).await.1, house.topics().await), (vec![1], told));
    // As a crash leaves it that came before the row: the bytes are the same, and so is everything but the key.
    let before = std::fs::read(house.dir.path().join("data/repos/oak/x86_64-merged/repodata/repomd.xml")).unwrap();
    let mut tx = house.db.write().await.unwrap();
    merged::remove(&mut tx, &shown).await.unwrap();
    tx.commit().await.unwrap();
    house.clock.advance(HOURS);
    house.repos.wake_known().await.unwrap();
    let mut tx = house.db.write().await.unwrap();
    let room = crate::store::wakeups::Room::Merged;
    crate::store::wakeups::wake(&mut tx, room, "oak", "x86_64", 1).await.unwrap();
    tx.commit().await.unwrap();
    house.repos.merge_woken().await.unwrap();
    let after = std::fs::read(house.dir.path().join("data/repos/oak/x86_64-merged/repodata/repomd.xml")).unwrap();
    assert_eq!((numbers(&house).await.1, after), (vec![1], before));
}

#[tokio::test]
async fn copies_go_that_nobody_is_made_of_and_all_states_but_the_last() {
    let house = house().await;
    let (last, old) = (Sha256::of(b"last"), Sha256::of(b"old"));
    let layout = &house.repos.layout;
    let place = |url: &str, repomd: &Sha256| layout.external(url, repomd).join("repodata");
    for dir in [place("http://h/used", &last), place("http://h/used", &old), place("http://h/unused", &last)] {
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("repomd.xml"), "").unwrap();
    }
    let mut tx = house.db.write().await.unwrap();
    let (tag, via) = (house.tag(), house.tag());
    let one = Use { tag, arch: x86(), url: "http://h/used".to_owned(), name: "used".to_owned(), via };
    externals::set_uses(&mut tx, &house.tag(), &x86(), &[one]).await.unwrap();
    let copy = externals::all(&mut tx).await.unwrap().remove(0);
    externals::put(&mut tx, &externals::Copy { repomd: Some(last), ..copy }).await.unwrap();
    tx.commit().await.unwrap();
    much_later(&house).await;
    assert!(place("http://h/used", &last).exists());
    assert!(!place("http://h/used", &old).exists());
    assert!(!layout.externals().join(layout.external_name("http://h/unused")).exists());
}
