//! What happens in a mass rebuild? Which builds are tagged and untagged, and in which order.

use super::chance::Chance;
use super::hub::{Hub, Message};
use super::volume::Builds;

/// The order is by chance, the same each time.
const SEED: u64 = 20_261_122;

/// How many acts there are for each package.
pub const EACH: usize = 5;

/// What is done with a build of a package.
#[derive(Debug, Clone, Copy)]
enum Act {
    TagNew,
    UntagNew,
    TagOld,
    UntagOld,
}

/// Most packages: the rebuild comes, the old build goes and is put back, the rebuild is put on top of it, the old
/// one goes for good.
const REPLACED: [Act; EACH] = [Act::TagNew, Act::UntagOld, Act::TagOld, Act::TagNew, Act::UntagOld];

/// One of eight: the rebuild is withdrawn, and the old build stands again.
const WITHDRAWN: [Act; EACH] = [Act::TagNew, Act::UntagOld, Act::UntagNew, Act::TagOld, Act::TagOld];

/// All acts of a rebuild, in their order.
pub struct Rebuild<'a> {
    builds: &'a Builds,
    /// The builds of the corpus that the newer ones are of, by their numbers.
    old: Vec<&'a str>,
    /// A package comes as often as it has acts.
    order: Vec<usize>,
}

impl<'a> Rebuild<'a> {
    /// Plans the rebuild of all packages that have a newer build: the acts of one in their order, among those of
    /// all others.
    pub fn plan(builds: &'a Builds) -> Self {
        let mut chance = Chance::new(SEED);
        let mut order: Vec<usize> = (0..builds.newer.len() * EACH).map(|at| at / EACH).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, chance.below(at as u64 + 1) as usize);
        }
        let mut first = builds.first.iter();
        let old = builds.newer.iter().filter_map(|new| first.find(|old| old.package == new.package));
        Self { builds, old: old.map(|old| old.nvr.as_str()).collect(), order }
    }

    /// Returns how many acts there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Does one act after the other in the tag; gives the messages that the hub announces each with.
    pub fn acts<'b>(&'b self, hub: &'b Hub, tag: &'b str) -> impl Iterator<Item = Vec<Message>> + use<'a, 'b> {
        let mut done = vec![0; self.builds.newer.len()];
        self.order.iter().map(move |package| {
            let acts = if package % 8 == 7 { WITHDRAWN } else { REPLACED };
            let act = acts[done[*package]];
            done[*package] += 1;
            let (old, new) = (self.old[*package], &self.builds.newer[*package].nvr);
            match act {
                Act::TagNew => hub.tag_build(tag, new),
                Act::UntagNew => hub.untag_build(tag, new),
                Act::TagOld => hub.tag_build(tag, old),
                Act::UntagOld => hub.untag_build(tag, old),
            }
        })
    }
}
