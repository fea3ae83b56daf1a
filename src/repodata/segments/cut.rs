//! Where does a segment begin? Where the package's own hash and size say so.
//!
//! A package whose element in a file has `w` bytes begins a segment of that file with the chance `w / T`, so
//! that segments hold about `T` bytes whatever the packages' sizes. The chance is drawn from NEVRA and digest,
//! once for all files. Nothing else is looked at, above all no other package: hence no change moves a cut
//! anywhere but at the changed package itself.

use super::super::Kind;
use super::{KINDS, Key};
use crate::model::Blake3;

/// How many bytes of a file's text go between two of its cuts on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts {
    /// Of filelists and filelists-ext.
    pub filelists: u64,
    /// Of primary.
    pub primary: u64,
    /// Of other.
    pub other: u64,
}

impl Default for Cuts {
    /// By measurement (`docs/benchmarks.md`): size, time to write all, time to write one again.
    fn default() -> Self {
        Self { filelists: 1 << 20, primary: 1 << 20, other: 1152 << 10 }
    }
}

/// In which files a package begins a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Begins(
    /// One bit for each file, by `Kind as usize`.
    pub u8,
);

impl Begins {
    pub const NONE: Self = Self(0);

    /// What begins a segment in every file.
    pub const ALL: Self = Self(u8::MAX);

    /// Returns whether a segment of a file begins.
    pub fn of(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Adds a file.
    pub fn add(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }
}

impl Cuts {
    /// Returns how many bytes of a file's text go between two of its cuts on average.
    pub(super) fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Filelists | Kind::FilelistsExt => self.filelists,
            Kind::Primary => self.primary,
            Kind::Other => self.other,
        }
    }

    /// Returns in which of some files a package begins a segment, by what it is and by the sizes of its elements.
    pub(super) fn begins(&self, key: &Key, kinds: &[Kind], sizes: [usize; KINDS]) -> Begins {
        let draw = draw(key);
        let mut begins = Begins::NONE;
        for kind in kinds {
            let size = sizes[*kind as usize] as u64;
            if u128::from(draw) * u128::from(self.of(*kind)) < u128::from(size) << 64 {
                begins.add(*kind);
            }
        }
        begins
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
            // The sizes of a file decide on its own segments alone.
            let sizes = [size, 2 * size, size, 0];
            let begins: Vec<Begins> =
                (0..count).map(|i| cuts.begins(&key(&format!("p{i}")), &Kind::ALL, sizes)).collect();
            for (kind, expected) in [(Kind::Primary, 50), (Kind::Filelists, 400), (Kind::Other, 25)] {
                let found = begins.iter().filter(|begins| begins.of(kind)).count();
                assert!((expected / 2..expected * 2).contains(&found), "{size}: {found} of {kind:?}");
            }
        }
    }

    #[test]
    fn an_element_larger_than_a_segment_always_begins_one() {
        let cuts = Cuts { filelists: 10, primary: 20, other: 30 };
        let begins = cuts.begins(&key("p"), &Kind::ALL, [21, 0, 31, 11]);
        assert!(begins.of(Kind::Primary) && begins.of(Kind::Other));
        assert!(!begins.of(Kind::Filelists), "what is empty begins none");
        assert!(!begins.of(Kind::FilelistsExt), "what is not written begins none");
        assert_eq!(cuts.begins(&key("p"), &[], [99; KINDS]), Begins::NONE);
    }
}
