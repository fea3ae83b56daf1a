//! Whatever happens to tags in a hub: do our rows amount to what the hub says, then and now?

use super::mirror::Mirror;
use crate::world::Chance;
use crate::world::hub::Link;

const PACKAGES: [&str; 4] = ["alpha", "alpine", "beta", "gamma"];
const FILTERS: [&str; 5] = ["", "^al", "al", "ta$", "(beta|gamma)"];
const HISTORIES: u64 = 5;
const ROUNDS: u64 = 10;

struct Tag {
    id: i64,
    name: String,
    is_there: bool,
}

/// What happened, and what has to be read again.
struct Story {
    mirror: Mirror,
    chance: Chance,
    tags: Vec<Tag>,
    /// By package; those that are not complete any more are left out.
    builds: Vec<String>,
    next: usize,
    dirty: Vec<(usize, String)>,
    links_changed: bool,
    told: Vec<String>,
}

impl Story {
    async fn new(seed: u64) -> Self {
        let (mirror, chance) = (Mirror::new().await, Chance::new(seed));
        let mut tags = Vec::new();
        for at in 0..5 {
            let name = format!("t-{at}");
            let id = mirror.rig.koji.create_tag(&name, Some("x86_64"));
            tags.push(Tag { id, name, is_there: true });
        }
        let (builds, dirty, told) = (Vec::new(), Vec::new(), Vec::new());
        let mut story = Self { mirror, chance, tags, builds, next: 0, dirty, links_changed: true, told };
        for _ in 0..40 {
            story.step(true);
        }
        story
    }

    fn any_tag(&mut self) -> Option<usize> {
        let there: Vec<usize> = (0..self.tags.len()).filter(|at| self.tags[*at].is_there).collect();
        (!there.is_empty()).then(|| self.chance.of(&there))
    }

    fn tell(&mut self, what: String) {
        self.told.push(format!("{}: {what}", self.mirror.rig.koji.last_event()));
    }

    /// Does something; gives whether the hub may now say something else of the past. What is harmless leaves builds and
    /// names alone.
    fn step(&mut self, is_harmless: bool) -> bool {
        let Some(at) = self.any_tag() else { return false };
        let kind = self.chance.below(if is_harmless { 90 } else { 100 });
        match kind {
            0..45 => self.tag_or_untag(at),
            45..70 => self.list(at),
            70..90 => self.link(at),
            90..94 => return self.end_build(),
            94..96 => {
                let new = format!("r-{}", self.next);
                self.next += 1;
                self.mirror.rig.koji.rename_tag(&self.tags[at].name, &new);
                self.tell(format!("rename {} {new}", self.tags[at].name));
                self.tags[at].name = new;
                self.links_changed = true;
            }
            _ => self.end_or_begin_tag(at),
        }
        false
    }

    fn tag_or_untag(&mut self, at: usize) {
        let tag = self.tags[at].name.clone();
        let stands = self.mirror.rig.koji.standing(&tag);
        if !stands.is_empty() && self.chance.below(3) == 0 {
            let nvr = stands[self.chance.below(stands.len() as u64) as usize].clone();
            let is_late = self.chance.below(4) == 0;
            self.act(is_late, |koji| koji.untag_build(&tag, &nvr).len());
            self.tell(format!("untag {tag} {nvr}, late: {is_late}"));
            self.mark(at, &nvr);
            return;
        }
        if self.builds.is_empty() || self.chance.below(3) == 0 {
            let nvr = format!("{}-{}-1", self.chance.of(&PACKAGES), self.next);
            self.next += 1;
            self.mirror.rig.koji.import(&crate::world::hub::NewBuild::new(&nvr, &[]).rows_only());
            self.builds.push(nvr);
        }
        let nvr = self.builds[self.chance.below(self.builds.len() as u64) as usize].clone();
        let is_late = self.chance.below(4) == 0;
        self.act(is_late, |koji| koji.tag_build(&tag, &nvr).len());
        self.tell(format!("tag {tag} {nvr}, late: {is_late}"));
        self.mark(at, &nvr);
    }

    /// Acts by a new event, or by one that was drawn before another act.
    fn act<T>(&mut self, is_late: bool, act: impl FnOnce(&crate::world::hub::Hub) -> T) -> T {
        let koji = &self.mirror.rig.koji;
        if !is_late {
            return act(koji);
        }
        let drawn = koji.draw_event();
        koji.set_extra(&self.tags[0].name, "noise", Some(drawn.into()));
        koji.late(drawn, act)
    }

    fn mark(&mut self, at: usize, nvr: &str) {
        let package = nvr.rsplitn(3, '-').last().unwrap().to_owned();
        self.dirty.push((at, package));
    }

    fn list(&mut self, at: usize) {
        let (tag, package) = (self.tags[at].name.clone(), self.chance.of(&PACKAGES));
        let koji = &self.mirror.rig.koji;
        let what = match self.chance.below(5) {
            0 => {
                koji.block_package(&tag, package);
                "block"
            }
            1 => {
                koji.remove_package(&tag, package);
                "remove"
            }
            _ => {
                koji.add_package(&tag, package);
                "add"
            }
        };
        self.tell(format!("{what} {tag} {package}"));
        self.dirty.push((at, package.to_owned()));
    }

    fn link(&mut self, at: usize) {
        let mut links = Vec::new();
        for parent in 0..self.tags.len() {
            if parent == at || !self.tags[parent].is_there || self.chance.below(2) == 0 {
                continue;
            }
            let maxdepth = (self.chance.below(3) == 0).then(|| self.chance.below(3) as i64);
            let intransitive = self.chance.below(6) == 0;
            let noconfig = self.chance.below(4) == 0;
            let pkg_filter = self.chance.of(&FILTERS).to_owned();
            let priority = self.chance.below(100) as i64 * 10 + parent as i64;
            links.push(Link {
                maxdepth,
                intransitive,
                noconfig,
                pkg_filter,
                ..Link::to(self.tags[parent].id, priority)
            });
        }
        self.mirror.rig.koji.set_inheritance(&self.tags[at].name, &links);
        self.tell(format!("links of {}: {links:?}", self.tags[at].name));
        self.links_changed = true;
    }

    fn end_build(&mut self) -> bool {
        if self.builds.is_empty() {
            return false;
        }
        let nvr = self.builds.remove(self.chance.below(self.builds.len() as u64) as usize);
        let is_reset = self.chance.below(2) == 0;
        let koji = &self.mirror.rig.koji;
        if is_reset {
            koji.reset_build(&nvr)
        } else {
            koji.delete_build(&nvr)
        };
        self.tell(format!("end {nvr}, reset: {is_reset}"));
        for at in 0..self.tags.len() {
            self.mark(at, &nvr);
        }
        true
    }

    fn end_or_begin_tag(&mut self, at: usize) {
        self.links_changed = true;
        let gone = self.tags.iter().position(|tag| !tag.is_there);
        let koji = &self.mirror.rig.koji;
        let told = match gone {
            Some(gone) => {
                koji.create_tag(&self.tags[gone].name, None);
                self.tags[gone].is_there = true;
                format!("make {} again", self.tags[gone].name)
            }
            None => {
                koji.delete_tag(&self.tags[at].name);
                self.tags[at].is_there = false;
                format!("delete {}", self.tags[at].name)
            }
        };
        self.tell(told);
    }

    /// Reads what has changed at an event: whole tags, or packages where that suffices.
    async fn read(&mut self, event: i64) {
        let dirty = std::mem::take(&mut self.dirty);
        if !std::mem::take(&mut self.links_changed) && self.chance.below(3) > 0 {
            self.told.push(format!("-- packages at {event}"));
            for at in 0..self.tags.len() {
                let of_tag: Vec<&str> =
                    dirty.iter().filter(|(tag, _)| *tag == at).map(|(_, package)| package.as_str()).collect();
                if !of_tag.is_empty() {
                    self.mirror.packages_at(&self.tags[at].name, &of_tag, event).await;
                }
            }
            return;
        }
        self.told.push(format!("-- whole at {event}"));
        for tag in &self.tags {
            // One that was renamed and deleted has no name that we could ask for.
            match tag.is_there {
                true => self.mirror.read_at(&tag.name, event).await,
                false => self.mirror.read_id_at(tag.id, event).await,
            };
        }
    }
}

async fn one(seed: u64) {
    let mut story = Story::new(seed).await;
    let mut floor = story.mirror.rig.koji.last_event();
    for _ in 0..ROUNDS {
        let mut past_changed = false;
        for _ in 0..=story.chance.below(6) {
            past_changed |= story.step(false);
        }
        let event = story.mirror.koji.last_event().await.unwrap();
        // The hub goes on while it is read.
        let dirty = std::mem::take(&mut story.dirty);
        let links_changed = std::mem::take(&mut story.links_changed);
        for _ in 0..story.chance.below(3) {
            story.step(true);
        }
        let next = (std::mem::replace(&mut story.dirty, dirty), story.links_changed);
        story.links_changed = links_changed;
        story.read(event).await;
        (story.dirty, story.links_changed) = next;
        floor = if past_changed { event } else { floor };
        let past: Vec<i64> = (0..3).map(|_| floor + story.chance.below((event - floor + 1) as u64) as i64).collect();
        let names: Vec<&str> = story.tags.iter().map(|tag| tag.name.as_str()).collect();
        let told = format!("seed {seed}\n{}", story.told.join("\n"));
        story.mirror.is_right(&names, event, &past, &told).await;
    }
}

#[tokio::test]
async fn after_a_reading_our_sets_are_the_hubs_own_whatever_happened() {
    let seed = Chance::seed();
    println!("TANNERY_TEST_SEED={seed}");
    for history in 0..HISTORIES {
        one(seed.wrapping_add(history)).await;
    }
}
