//! Does anything a file can hold make the reader panic, or accept what is damaged? Thousands of
//! mutations of packages that the `rpm` crate builds, the same in every run.

use std::path::Path;

use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileOptions, PackageBuilder};

use super::header::INTRO;
use super::testing::saved;
use super::{read, read_verified};

/// Returns a package of a format, with something in every list.
fn built(config: BuildConfig) -> Vec<u8> {
    let config = config.compression(CompressionWithLevel::None).source_date(1_600_000_000).reserved_space(None);
    let mut builder = PackageBuilder::new("victim", "1.0", "MIT", "x86_64", "a package to be damaged");
    builder.using_config(config).release("1").description("ünï").epoch(3).url("https://example.org");
    builder.requires(Dependency::greater_eq("libc", "2")).recommends(Dependency::any("more"));
    builder.conflicts(Dependency::less("old", "1:1-1")).obsoletes(Dependency::eq("older", "1"));
    builder.add_changelog_entry("me <me@example.org> - 1.0-1", "- first", 1_500_000_000_u32);
    builder.with_file_contents("hello", FileOptions::new("/etc/hello")).unwrap();
    builder.with_dir_entry(FileOptions::dir("/usr/share/x")).unwrap();
    let mut bytes = Vec::new();
    builder.build().unwrap().write(&mut bytes).unwrap();
    bytes
}

fn victims() -> Vec<Vec<u8>> {
    vec![built(BuildConfig::v4()), built(BuildConfig::v6())]
}

fn write_and_read(path: &Path, bytes: &[u8]) -> (bool, bool) {
    std::fs::write(path, bytes).unwrap();
    (read(path).is_ok(), read_verified(path).is_ok())
}

/// A sequence of numbers without pattern, the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn what_the_rpm_crate_builds_is_read_and_keeps_its_promises() {
    for bytes in victims() {
        let (package, file) = read_verified(&saved(&bytes)).unwrap();
        assert_eq!(package.nevra.to_string(), "victim-3:1.0-1.x86_64");
        assert_eq!(package.description, "ünï");
        let paths: Vec<&str> = package.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["/etc/hello", "/usr/share/x"]);
        assert_eq!(package.changelog.len(), 1);
        assert_eq!(file.size, bytes.len() as u64);
    }
}

#[test]
fn no_prefix_of_a_package_is_taken_for_the_whole() {
    for bytes in victims() {
        let path = saved(&[]);
        for length in (0..bytes.len()).step_by(3) {
            assert!(!write_and_read(&path, &bytes[..length]).1, "{length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn every_flipped_bit_of_header_and_payload_is_found() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for bytes in victims() {
        let path = saved(&bytes);
        let start = read(&path).unwrap().0.header_range.start as usize;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << numbers.below(8);
            let (_, verified) = write_and_read(&path, &damaged);
            assert!(!verified || at < start, "byte {at}");
        }
    }
}

#[test]
fn forged_numbers_of_an_index_neither_panic_nor_reserve_memory() {
    const FORGED: [u32; 9] = [0, 1, 15, 16, 65_536, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF0, 0xFFFF_FFFF];
    for bytes in victims() {
        let path = saved(&bytes);
        let start = read(&path).unwrap().0.header_range.start as usize;
        for header in [96, start] {
            let entries = u32::from_be_bytes(bytes[header + 8..header + 12].try_into().unwrap()) as usize;
            for at in (header..header + INTRO + entries * 16).step_by(4) {
                for forged in FORGED {
                    let mut damaged = bytes.clone();
                    damaged[at..at + 4].copy_from_slice(&forged.to_be_bytes());
                    write_and_read(&path, &damaged);
                }
            }
        }
    }
}

#[test]
fn many_damages_at_once_do_not_panic() {
    let mut numbers = Numbers(42);
    for bytes in victims() {
        let path = saved(&[]);
        for _ in 0..4_000 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + numbers.below(12) {
                let at = numbers.below(damaged.len());
                match numbers.below(4) {
                    0 => damaged[at] = 0,
                    1 => damaged[at] = 0xFF,
                    2 => damaged.truncate(at.max(1)),
                    _ => damaged[at] = numbers.below(256) as u8,
                }
            }
            write_and_read(&path, &damaged);
        }
    }
}
