//! Where does a segment begin? Where the package's own hash and size say so.
//!
//! A package of `w` bytes begins a segment with the chance `w / T`, so that segments hold about `T`
//! bytes whatever the packages' sizes. The chance is drawn from NEVRA and digest. Nothing else is looked at,
//! above all no other package: hence no change moves a cut anywhere but at the changed package itself.
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
        Self { filelists: 1 << 20, primary: 8 << 20, other: 15 << 20 }
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
    /// Returns how many bytes of text go between two cuts of a file on average.
    pub(super) fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Filelists | Kind::FilelistsExt => self.filelists,
            Kind::Primary => self.primary,
            Kind::Other => self.other,
        }
    }

    /// Returns in which files a package begins a segment, by what it is and by its size.
    pub(super) fn level(&self, key: &Key, size: u64) -> Level {
        let draw = draw(key);
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

/// Returns a number that is spread evenly over all of 64 bits.
fn draw(key: &Key) -> u64 {
    let digest = Blake3::of(format!("{} {}", key.nevra, key.pkgid).as_bytes());
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
            let levels: Vec<Level> = (0..count).map(|i| cuts.level(&key(&format!("p{i}")), size)).collect();
            for (least, expected) in [(1, 200), (2, 50), (3, 25)] {
                let found = levels.iter().filter(|level| **level >= least).count();
                assert!((expected / 2..expected * 2).contains(&found), "{size}: {found} of level {least}");
            }
        }
    }

    #[test]
    fn a_package_larger_than_a_segment_always_begins_one() {
        let cuts = Cuts { filelists: 10, primary: 20, other: 30 };
        assert_eq!(cuts.level(&key("p"), 31), ALL);
    }
}
