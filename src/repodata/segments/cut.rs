//! Where does a segment begin? Where the package's own hash and size say so.
//!
//! A package of `w` bytes begins a segment with the chance `w / T`, so that segments hold about `T`
//! bytes whatever the packages' sizes. The chance is drawn from the name for the first package of a name,
//! so that a new version cuts where the old one did, and from name, version and digest for those behind
//! it, so that a name with very many packages is cut too. Nothing else is looked at: hence no change
//! moves a cut anywhere but at the changed package and the one behind it.
//!
//! Files that compress fast and small take longer segments: a package that begins one of theirs begins
//! one of all files whose segments are shorter.

use super::super::Kind;
use super::Key;
use crate::model::Blake3;

/// How many bytes of text, of all files together, go between two cuts on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    /// Of filelists and filelists-ext: the shortest.
    pub filelists: u64,
    /// Of primary.
    pub primary: u64,
    /// Of other: the longest.
    pub other: u64,
}

impl Default for Cuts {
    /// By measurement (`docs/benchmarks.md`): size, time to write all, time to write one again.
    fn default() -> Self {
        Self { filelists: 1 << 20, primary: 10 << 20, other: 20 << 20 }
    }
}

/// In how many of the three series of cuts a package begins a segment: 0 none, 1 filelists, 2 primary too,
/// 3 other too.
pub(super) type Level = u8;

/// The level of what begins a segment in every file.
pub(super) const ALL: Level = 3;

/// Returns the lowest level that begins a segment in a file.
pub(super) fn least_level(kind: Kind) -> Level {
    match kind {
        Kind::Filelists | Kind::FilelistsExt => 1,
        Kind::Primary => 2,
        Kind::Other => 3,
    }
}

impl Cuts {
    /// Returns where a package begins a segment, by its place and size, and by whether the package before
    /// it has the same name.
    pub(super) fn level(&self, key: &Key, size: u64, same_name: bool) -> Level {
        let draw = if same_name { draw_behind(key) } else { draw(key.nevra.name.as_str().as_bytes()) };
        let begins = |target: u64| u128::from(draw) * u128::from(target) < u128::from(size) << 64;
        if !begins(self.filelists) {
            0
        } else if !begins(self.primary) {
            1
        } else if !begins(self.other) {
            2
        } else {
            ALL
        }
    }
}

fn draw_behind(key: &Key) -> u64 {
    draw(format!("{} {}", key.nevra, key.pkgid).as_bytes())
}

/// Returns a number that is spread evenly over all of 64 bits.
fn draw(of: &[u8]) -> u64 {
    let digest = Blake3::of(of);
    let mut head = [0; 8];
    head.copy_from_slice(&digest.as_bytes()[..8]);
    u64::from_le_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nevra;

    fn key(name: &str) -> Key {
        let nevra = Nevra::new(name, 0, "1", "1", "noarch").unwrap();
        Key { nevra, pkgid: "00".to_owned(), href: format!("{name}.rpm") }
    }

    #[test]
    fn segments_hold_about_as_many_bytes_as_wanted_whatever_the_packages_sizes() {
        let cuts = Cuts { filelists: 10_000, primary: 40_000, other: 80_000 };
        for size in [10, 100, 1000] {
            let count = 2_000_000 / size;
            let levels: Vec<Level> = (0..count).map(|i| cuts.level(&key(&format!("p{i}")), size, false)).collect();
            for (least, expected) in [(1, 200), (2, 50), (3, 25)] {
                let found = levels.iter().filter(|level| **level >= least).count();
                assert!((expected / 2..expected * 2).contains(&found), "{size}: {found} of level {least}");
            }
        }
    }

    #[test]
    fn a_package_larger_than_a_segment_always_begins_one() {
        let cuts = Cuts { filelists: 10, primary: 20, other: 30 };
        assert_eq!(cuts.level(&key("p"), 31, false), ALL);
        assert_eq!(cuts.level(&key("p"), 31, true), ALL);
    }

    #[test]
    fn a_new_version_cuts_where_the_old_one_did() {
        let cuts = Cuts::default();
        for i in 0..1000 {
            let old = key(&format!("p{i}"));
            let new = Key { nevra: Nevra::new(&format!("p{i}"), 0, "2", "1", "noarch").unwrap(), ..old.clone() };
            assert_eq!(cuts.level(&old, 10_000, false), cuts.level(&new, 10_000, false));
        }
    }
}
