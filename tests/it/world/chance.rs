//! What happens by chance? The same for the same seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that sets the seed.
const VARIABLE: &str = "TANNERY_TEST_SEED";

/// Numbers by chance (SplitMix64).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// Returns the seed to use: that of `TANNERY_TEST_SEED`, else a new one.
    pub fn seed() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        std::env::var(VARIABLE).map_or(now, |seed| seed.parse().unwrap_or_else(|_| panic!("{VARIABLE} is no number")))
    }

    /// Returns the numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Returns one of these.
    pub fn of<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len() as u64) as usize]
    }
}
