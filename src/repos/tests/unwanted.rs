//! Does a repository that nobody wants stay for as long as it should, and go then?

use super::*;
use crate::store::unwanted::{self, Unwanted};

const DAY: i64 = 86_400;

impl House {
    async fn set_arch(&self, arch: &str) {
        let edit = TagEdit { arches: Some(vec![arch.parse().unwrap()]), ..TagEdit::default() };
        self.tags.edit_tag(&self.tag(), &edit).await.unwrap();
        self.settle().await;
    }

    /// Returns the names of what lies below the tag's directory.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join("data/repos").join(TAG)) else { return Vec::new() };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn unwanted(&self) -> Vec<Unwanted> {
        unwanted::all(&mut self.db.read().await.unwrap()).await.unwrap()
    }

    async fn shown_generation(&self, repo: &str) -> Option<i64> {
        let mut tx = self.db.read().await.unwrap();
        let shown = generations::current(&mut tx, &self.tag(), &repo.parse().unwrap()).await.unwrap();
        shown.map(|shown| shown.number)
    }

    async fn removed(&self) -> usize {
        self.topics().await.iter().filter(|topic| *topic == "tannery.repo.removed").count()
    }

    /// Returns the room as another configuration has it.
    fn configured(&self, config: &str) -> Repos {
        let file = self.dir.path().join("other.toml");
        std::fs::write(&file, format!("data_dir = \"data\"\n{config}")).unwrap();
        let config = Arc::new(Config::load(Some(&file), &Overrides::none(), []).unwrap());
        let local = Local::new(self.db.clone(), "local", Volume::new(&config.buildsys.volume));
        let tags = Tags::new(self.db.clone(), local, config.clone(), self.clock.clone(), Bells::default());
        Repos::new(self.db.clone(), tags, config, self.clock.clone())
    }

    fn pooled(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(&self.dir.path().join("data/pools"))
    }
}

#[tokio::test]
async fn the_repositories_of_an_arch_that_is_dropped_stay_for_a_while_and_go() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let all = house.names();
    let last = house.shown_generation("x86_64").await.unwrap();
    house.set_arch("aarch64").await;
    house.repos.tidy_once().await.unwrap();
    let unwanted = house.unwanted().await;
    let whys: Vec<&str> = unwanted.iter().map(|one| one.why.as_str()).collect();
    assert_eq!(whys, ["oak has no repository x86_64 any more", "oak has no repository x86_64-debug any more"]);
    house.clock.advance(30 * DAY - 1);
    house.repos.tidy_once().await.unwrap();
    assert_eq!((house.unwanted().await, house.removed().await), (unwanted, 0));
    assert!(all.iter().all(|name| house.names().contains(name)));
    house.clock.advance(1);
    house.repos.tidy_once().await.unwrap();
    assert_eq!(house.names(), ["aarch64", "aarch64-debug", "aarch64-debug.repo", "aarch64.repo", "src", "src.repo"]);
    assert_eq!((house.removed().await, house.shown_generation("x86_64").await), (2, None));
    house.repos.tidy_once().await.unwrap();
    assert_eq!(house.removed().await, 2);
    assert!(house.unwanted().await.iter().all(|one| one.removed_at.is_some()));
    // Where it comes back, its numbers go on.
    house.set_arch("x86_64").await;
    assert_eq!(house.shown_generation("x86_64").await, Some(last + 1));
    house.repos.tidy_once().await.unwrap();
    let left: Vec<String> = house.unwanted().await.into_iter().map(|one| one.repo.to_string()).collect();
    assert_eq!(left, ["aarch64", "aarch64-debug"]);
}

#[tokio::test]
async fn one_that_is_wanted_again_in_time_stays() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let before = house.bytes();
    for _ in 0..2 {
        house.set_arch("aarch64").await;
        house.repos.tidy_once().await.unwrap();
        house.clock.advance(20 * DAY);
        house.repos.tidy_once().await.unwrap();
        house.set_arch("x86_64").await;
        house.repos.tidy_once().await.unwrap();
    }
    assert_eq!((house.bytes(), house.removed().await), (before, 0));
}

#[tokio::test]
async fn a_tag_that_nobody_follows_leaves_nothing_behind() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let repos = house.configured("[repos]\nkeep_unwanted_for = \"1d\"\n[[follow]]\ntags = [\"elm\"]\n");
    repos.tidy_once().await.unwrap();
    assert_eq!(house.unwanted().await[0].why, "no follow rule matches oak");
    assert!(house.pooled() > 0);
    house.clock.advance(DAY);
    repos.tidy_once().await.unwrap();
    assert_eq!((house.names(), house.pooled(), house.removed().await), (vec![], 0, 3));
    assert!(!house.dir.path().join("data/repos").join(TAG).exists());
    let never = house.configured("[[follow]]\ntags = [\"oak\"]\nlive = \"never\"\n");
    never.tidy_once().await.unwrap();
    // Followed again, all of it comes back.
    house.tags.wake_all().await.unwrap();
    house.tags.reconcile_woken().await.unwrap();
    house.configured("").reconcile_woken().await.unwrap();
    assert_eq!(house.names().len(), 6);
    assert!(house.pooled() > 0);
}

#[tokio::test]
async fn one_that_is_found_without_its_directory_is_removed_or_written_anew() {
    let house = House::new().await;
    house.import_and_tag().await;
    house.settle().await;
    let before = house.bytes();
    let killed = || std::fs::rename(house.repo_dir(), house.repo_dir().with_file_name(".unfinished-1-1")).unwrap();
    killed();
    house.repos.recover().await.unwrap();
    assert!(!house.names().iter().any(|name| name.starts_with('.')), "what was taken away is swept away");
    house.tags.wake_all().await.unwrap();
    house.settle().await;
    assert_eq!(house.bytes(), before);
    killed();
    let repos = house.configured("[repos]\nkeep_unwanted_for = \"0s\"\n[[follow]]\ntags = [\"elm\"]\n");
    repos.recover().await.unwrap();
    repos.tidy_once().await.unwrap();
    assert_eq!((house.names(), house.shown_generation("x86_64").await), (vec![], None));
}

#[tokio::test]
async fn what_is_merged_with_a_repository_stays_and_goes_with_it() {
    let house = House::with("[repos]\nexternal_repos = \"merge\"\n").await;
    house.import_and_tag().await;
    house.settle().await;
    house.repos.merge_woken().await.unwrap();
    let merged = "x86_64-merged".to_owned();
    assert!(house.names().contains(&merged), "{:?}", house.names());
    house.set_arch("aarch64").await;
    for seconds in [0, 30 * DAY - 1] {
        house.clock.advance(seconds);
        house.repos.tidy_once().await.unwrap();
        house.repos.wake_known().await.unwrap();
        house.repos.merge_woken().await.unwrap();
        assert!(house.names().contains(&merged));
    }
    house.clock.advance(1);
    house.repos.tidy_once().await.unwrap();
    house.repos.merge_woken().await.unwrap();
    assert!(house.names().iter().all(|name| name.starts_with("aarch64") || name.starts_with("src")));
}
