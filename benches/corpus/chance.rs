//! Which number comes next? Seeded numbers without pattern, the same on every machine and in every run.
//!
//! Whole numbers only: the functions of floating point differ between machines.

/// 2^(i/8), in 1/1024.
const OCTAVE: [u64; 8] = [1024, 1117, 1218, 1328, 1448, 1579, 1722, 1878];

/// A sequence of numbers that its seed decides (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Starts the sequence that belongs to these numbers.
    pub fn new(seeds: &[u64]) -> Self {
        let mut chance = Self(0x7A44_E4B7);
        for seed in seeds {
            chance.0 ^= seed.wrapping_mul(0xD6E8_FEB8_6659_FD93);
            chance.next();
        }
        chance
    }

    /// Returns the next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from 0 up to, not including, `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Returns a number of a range, both ends included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Returns true in `percent` of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Returns a number below `limit`, small ones far more often: as words in texts, as libraries in use.
    pub fn skewed(&mut self, limit: usize) -> usize {
        let bound = self.below(limit) + 1;
        self.below(bound)
    }

    /// Returns one of the list, each as often as any other.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    /// Returns a number around `median` with a long tail (log-normal): two thirds of all lie between
    /// `median` divided and multiplied by 2^(`spread`/2).
    pub fn tailed(&mut self, median: usize, spread: i64) -> usize {
        let quarters = i64::from(self.next().count_ones()) - 32;
        let eighths = quarters * spread;
        let scaled = median as u64 * OCTAVE[eighths.rem_euclid(8) as usize];
        let octaves = eighths.div_euclid(8);
        let value = if octaves < 0 { scaled >> (-octaves).min(60) } else { scaled << octaves.min(30) };
        ((value * (768 + self.next() % 512)) >> 20) as usize
    }

    /// Appends `digits` hex digits.
    pub fn hex(&mut self, digits: usize, text: &mut String) {
        let mut number = 0;
        for digit in 0..digits {
            if digit % 16 == 0 {
                number = self.next();
            }
            text.push(char::from(b"0123456789abcdef"[(number & 15) as usize]));
            number >>= 4;
        }
    }

    /// Returns so many bytes that no compressor makes smaller.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}
