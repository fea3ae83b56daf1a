//! Whatever happens in a hub, and whatever becomes of its messages: are sets and repositories right in the end, and
//! was none broken on the way?

use super::Rig;
use super::house::House;
use crate::world::Chance;
use crate::world::hub::{Hub, Link, Message, NewBuild, unverifiable};

const KEYS: [&str; 2] = ["aaaaaaaa", "bbbbbbbb"];
const PACKAGES: [&str; 3] = ["alpha", "beta", "gamma"];
const FILTERS: [&str; 3] = ["", "al", "(beta|gamma)"];
const HISTORIES: u64 = 4;
const ROUNDS: usize = 6;
const ACTS: usize = 6;

/// Those of `k-` take signed builds only; nobody follows `n-3`.
const TAGS: [&str; 4] = ["t-0", "t-1", "k-2", "n-3"];

const RULES: &str =
    "[[follow]]\ntags = [\"t-*\"]\n[[follow]]\ntags = [\"k-*\"]\nsigkeys = [\"aaaaaaaa\", \"bbbbbbbb\"]\n";

struct Story {
    house: House,
    chance: Chance,
    ids: Vec<i64>,
    /// Builds that are there.
    builds: Vec<String>,
    next: usize,
    /// Messages on their way, with their numbers.
    on_the_way: Vec<(usize, Message)>,
    /// How often a message comes.
    times: &'static [usize],
    said: usize,
    told: Vec<String>,
}

impl Story {
    async fn new(seed: u64, times: &'static [usize]) -> Self {
        // Some houses ask about nearly all builds by their tags.
        let house = House::with(Rig::new(), RULES, 1 + (seed % 3) as u32).await;
        let koji = &house.rig.koji;
        let ids = TAGS.map(|tag| koji.create_tag(tag, Some("x86_64"))).to_vec();
        koji.set_inheritance("t-1", &[Link::to(ids[0], 0)]);
        koji.set_inheritance("k-2", &[Link::to(ids[0], 0)]);
        koji.set_inheritance("t-0", &[Link::to(ids[3], 0)]);
        let mut builds = Vec::new();
        for package in PACKAGES {
            let nvr = format!("{package}-0-1");
            koji.import(&NewBuild::new(&nvr, &["x86_64"]));
            koji.add_package("n-3", package);
            koji.tag_build("t-0", &nvr);
            koji.tag_build("k-2", &nvr);
            builds.push(nvr);
        }
        koji.sign("alpha-0-1", KEYS[0]);
        let (on_the_way, told) = (Vec::new(), Vec::new());
        Self { house, chance: Chance::new(seed), ids, builds, next: 0, on_the_way, times, said: 0, told }
    }

    fn koji(&self) -> &Hub {
        &self.house.rig.koji
    }

    /// Does something; what is announced may be lost, or come twice.
    fn act(&mut self) {
        let (tag, other) = (self.chance.of(&TAGS), self.any(TAGS.len()));
        let package = self.chance.of(&PACKAGES);
        let build = match self.builds.len() {
            0 => None,
            count => Some(self.any(count)).map(|at| self.builds[at].clone()),
        };
        let (what, messages) = match (self.chance.below(16), build) {
            (0..=2, _) | (_, None) => {
                self.next += 1;
                let nvr = format!("{package}-{}-1", self.next);
                let import = self.koji().import(&NewBuild::new(&nvr, &["x86_64"])).1;
                self.builds.push(nvr.clone());
                (format!("import {nvr}"), import)
            }
            (3..=5, Some(nvr)) => (format!("tag {nvr} into {tag}"), self.koji().tag_build(tag, &nvr)),
            (6, Some(nvr)) if self.koji().standing(tag).contains(&nvr) => {
                (format!("untag {nvr} from {tag}"), self.koji().untag_build(tag, &nvr))
            }
            (7, Some(nvr)) => {
                let key = self.chance.of(&KEYS);
                // No check finds at once that a build was signed anew by the same key: its message comes.
                let other = !self.times.contains(&0) && self.chance.below(2) == 0;
                let mut packet = unverifiable(key);
                packet.iter_mut().rev().take(1).for_each(|last| *last ^= u8::from(other));
                let messages = self.koji().sign_with(&nvr, key, |_| packet.clone());
                if self.chance.below(2) == 0 {
                    self.koji().write_signed(&nvr, key);
                }
                (format!("sign {nvr} with {key}"), messages)
            }
            (8, _) => (format!("list {package} in {tag}"), self.koji().add_package(tag, package)),
            (9, _) => (format!("block {package} in {tag}"), self.koji().block_package(tag, package)),
            (10, _) => (format!("remove {package} from {tag}"), self.koji().remove_package(tag, package)),
            (11, _) => {
                // From one behind it, so that there is no circle; or from none.
                let at = TAGS.iter().position(|one| *one == tag).unwrap();
                let (child, parent) = (at.min(other), at.max(other));
                let filter = self.chance.of(&FILTERS).to_owned();
                let link = Link { pkg_filter: filter, ..Link::to(self.ids[parent], 0) };
                let links = if child == parent { Vec::new() } else { vec![link] };
                self.koji().set_inheritance(TAGS[child], &links);
                (format!("{} inherits {links:?}", TAGS[child]), Vec::new())
            }
            (12, Some(nvr)) if self.chance.below(3) == 0 => {
                self.builds.retain(|one| *one != nvr);
                (format!("delete {nvr}"), self.koji().delete_build(&nvr))
            }
            (13, Some(nvr)) => {
                let undone = self.koji().rolled_back(|koji| koji.tag_build(tag, &nvr));
                (format!("roll back a tagging of {nvr} into {tag}"), undone)
            }
            _ => return,
        };
        self.told.push(what);
        for message in messages {
            self.said += 1;
            let times = self.chance.of(self.times);
            self.on_the_way.extend(std::iter::repeat_n((self.said, message), times));
        }
    }

    fn any(&mut self, end: usize) -> usize {
        usize::try_from(self.chance.below(end as u64)).unwrap()
    }

    /// Some of what is on its way arrives, in any order.
    async fn deliver(&mut self) {
        for _ in 0..self.on_the_way.len() / 2 {
            let at = self.any(self.on_the_way.len());
            let (id, message) = self.on_the_way.swap_remove(at);
            self.house.hear(id, &message).await;
        }
    }

    /// Reads all that is published: it is whole, whatever it shows.
    fn nothing_is_broken(&self) {
        TAGS.iter().for_each(|tag| drop(self.house.shown(tag)));
    }

    /// Returns how often the hub was asked about a tag as a whole.
    fn wholes(&self) -> usize {
        self.koji().asked().get("listTaggedRPMS").copied().unwrap_or_default()
    }

    fn is_right(&self, seed: u64) {
        for tag in &TAGS[..3] {
            let keys: &[&str] = if tag.starts_with('k') { &KEYS } else { &[] };
            let right = self.koji().right_files(tag, keys);
            assert_eq!(self.house.shown(tag), right, "{tag}, seed {seed}: {}", self.told.join("; "));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_messages_a_check_makes_all_right_and_nothing_is_broken_meanwhile() {
    let first: u64 = std::env::var("TANNERY_TEST_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut wholes = 0;
    for seed in first..first + HISTORIES {
        let mut story = Story::new(seed, &[0, 1, 1, 1, 2]).await;
        story.house.check().await;
        for _ in 0..ROUNDS {
            (0..ACTS).for_each(|_| story.act());
            story.deliver().await;
            story.house.work().await;
            story.nothing_is_broken();
        }
        story.house.check().await;
        story.is_right(seed);
        wholes += story.wholes();
    }
    assert!(wholes > 0, "no builds were listed by their tag");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_message_comes_in_whatever_order_no_check_is_needed() {
    let first: u64 = std::env::var("TANNERY_TEST_SEED").map_or(100, |seed| seed.parse().unwrap());
    let mut wholes = 0;
    for seed in first..first + HISTORIES {
        let mut story = Story::new(seed, &[1, 1, 2]).await;
        story.house.check().await;
        for _ in 0..ROUNDS {
            for _ in 0..ACTS {
                let before = story.said;
                story.act();
                // What nothing tells of is found by a probe.
                if story.said == before {
                    story.house.check().await;
                }
            }
            story.deliver().await;
            for (id, message) in std::mem::take(&mut story.on_the_way) {
                story.house.hear(id, &message).await;
            }
            story.house.work().await;
        }
        story.is_right(seed);
        wholes += story.wholes();
    }
    assert!(wholes > 0, "no builds were listed by their tag");
}
