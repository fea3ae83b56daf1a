//! What is in one RPM file of the corpus? Every tag that metadata is made of, and a payload of noise.

use super::chance::Chance;
use super::changes::changes;
use super::depends::{Dependencies, Dependency, dependencies};
use super::files::{Entry, files};
use super::plan::{Corpus, Package, Role, Source};
use super::rpm::{self, Header};
use super::words;

const LICENSES: [&str; 12] = [
    "MIT",
    "GPL-2.0-or-later",
    "GPL-3.0-or-later",
    "LGPL-2.1-or-later",
    "Apache-2.0",
    "BSD-3-Clause",
    "MIT OR Apache-2.0",
    "(GPL-1.0-or-later OR Artistic-1.0-Perl)",
    "MPL-2.0",
    "ISC",
    "LPPL-1.3c",
    "GPL-2.0-only AND BSD-2-Clause AND CC-BY-SA-4.0",
];

/// One file of the corpus.
pub struct Rpm {
    pub bytes: Vec<u8>,
    /// When the package was built, in seconds since 1970; the file's time too.
    pub built: u64,
}

impl Corpus {
    /// Makes the package as it is in a round of replacements.
    pub fn rpm(&self, number: usize, round: u32) -> Rpm {
        let package = &self.packages[number];
        let source = &self.sources[package.source];
        let mut chance = Chance::new(&[9, number as u64]);
        let mut builds = Chance::new(&[10, number as u64, u64::from(round)]);
        let files = files(source, package, &mut chance, &mut builds);
        let needs = dependencies(self, package, &files, &mut chance, round);
        let built = source.built + u64::from(round) * 86_400;
        let size = chance.tailed(1_000, 6).min(40 << 20) + 64;
        let payload = builds.bytes(size);

        let mut header = Header::new();
        header.texts(100, ["C"].into_iter());
        about(&mut header, source, package, &mut chance, round, built, &files);
        owners(&mut header, &files, &mut builds, built);
        lists(&mut header, source, &needs, round);
        rest(&mut header, &files, &needs, &payload);
        let file_name = self.file_name(package, round);
        let unpacked = files.iter().map(|file| u64::from(file.size) + 120).sum::<u64>() as u32;
        let lead = file_name.trim_end_matches(".rpm");
        let bytes = rpm::file(lead, false, header, &payload, unpacked);
        Rpm { bytes, built }
    }
}

/// Adds the tags 1000 to 1022: what the package is.
fn about(
    header: &mut Header,
    source: &Source,
    package: &Package,
    chance: &mut Chance,
    round: u32,
    built: u64,
    files: &[Entry],
) {
    let mut shared = Chance::new(&[11, source.seed]);
    let words = 3 + shared.skewed(9);
    let mut summary = words::text(&mut shared, words).replace('\n', " ");
    let words = shared.tailed(28, 4).clamp(4, 900);
    let mut description = words::text(&mut shared, words) + ".";
    if !package.part.is_empty() {
        summary = format!("{} of {}: {summary}", package.part, source.name);
        let own = match package.role {
            Role::Devel => "contains libraries and header files for\ndeveloping applications that use",
            Role::Doc => "contains the documentation of",
            Role::Langpack | Role::Data => "contains data of",
            _ => "is a part of",
        };
        description = format!("The {} package {own} {}.\n\n{description}", package.name, source.name);
        if matches!(package.role, Role::Langpack | Role::Devel) || chance.percent(30) {
            description.truncate(description.find("\n\n").unwrap_or(description.len()));
        }
    }
    header.text(1000, &package.name);
    header.text(1001, &source.version);
    header.text(1002, &source.release(round));
    if let Some(epoch) = source.epoch {
        header.numbers32(1003, [epoch].into_iter());
    }
    header.translated(1004, &summary);
    header.translated(1005, &description);
    header.numbers32(1006, [built as u32].into_iter());
    header.text(1007, &format!("buildhw-x86-{:02}.example.org", Chance::new(&[12, built]).below(20)));
    header.numbers32(1009, [files.iter().map(|file| u64::from(file.size)).sum::<u64>() as u32].into_iter());
    header.text(1011, "Example Project");
    header.text(1014, LICENSES[shared.skewed(LICENSES.len())]);
    header.text(1015, "Example Project");
    header.translated(1016, "Unspecified");
    header.text(1020, &format!("https://{}.example.org/{}", shared.pick(&["www", "git", "code"]), source.name));
    header.text(1021, "linux");
    header.text(1022, package.arch);
}

/// Adds the tags 1028 to 1040: what each file is.
fn owners(header: &mut Header, files: &[Entry], builds: &mut Chance, built: u64) {
    header.numbers32(1028, files.iter().map(|file| file.size));
    header.numbers16(1030, files.iter().map(|file| file.mode));
    header.numbers16(1033, files.iter().map(|_| 0));
    header.numbers32(1034, files.iter().map(|_| built as u32));
    header.texts(1035, files.iter().map(|file| digest(file, builds)));
    header.texts(1036, files.iter().map(|file| &file.link));
    header.numbers32(1037, files.iter().map(|file| file.flags));
    header.texts(1039, files.iter().map(|_| "root"));
    header.texts(1040, files.iter().map(|_| "root"));
}

/// Returns the SHA-256 that a regular file would have.
fn digest(file: &Entry, builds: &mut Chance) -> String {
    let mut hex = String::with_capacity(64);
    if file.mode & 0o170_000 == 0o100_000 {
        builds.hex(64, &mut hex);
    }
    hex
}

/// Adds the tags 1044 to 1118, less the ones of files: source, changes and the old kinds of dependencies.
fn lists(header: &mut Header, source: &Source, needs: &Dependencies, round: u32) {
    header.text(1044, &format!("{}-{}-{}.src.rpm", source.name, source.version, source.release(round)));
    header.texts(1047, names(&needs.provides));
    header.numbers32(1048, flags(&needs.requires));
    header.texts(1049, names(&needs.requires));
    header.texts(1050, versions(&needs.requires));
    header.numbers32(1053, flags(&needs.conflicts));
    header.texts(1054, names(&needs.conflicts));
    header.texts(1055, versions(&needs.conflicts));
    header.text(1064, "4.20.1");
    let changes = changes(source, round);
    header.numbers32(1080, changes.iter().map(|change| change.time as u32));
    header.texts(1081, changes.iter().map(|change| &change.author));
    header.texts(1082, changes.iter().map(|change| &change.text));
    header.texts(1090, names(&needs.obsoletes));
    header.numbers32(1112, flags(&needs.provides));
    header.texts(1113, versions(&needs.provides));
    header.numbers32(1114, flags(&needs.obsoletes));
    header.texts(1115, versions(&needs.obsoletes));
}

/// Adds the tags from 1116: where the files are, the new kinds of dependencies, the payload.
fn rest(header: &mut Header, files: &[Entry], needs: &Dependencies, payload: &[u8]) {
    let mut directories: Vec<&str> = files.iter().map(|file| split(file).0).collect();
    directories.sort_unstable();
    directories.dedup();
    let index = |file: &Entry| directories.binary_search(&split(file).0).unwrap_or_default() as u32;
    header.numbers32(1116, files.iter().map(index));
    header.texts(1117, files.iter().map(|file| split(file).1));
    header.texts(1118, directories.iter());
    header.text(1124, "cpio");
    header.text(1125, "zstd");
    header.text(1126, "19");
    header.numbers32(5011, [8].into_iter());
    for (tag, kind) in
        [(5046, &needs.recommends), (5049, &needs.suggests), (5052, &needs.supplements), (5055, &needs.enhances)]
    {
        header.texts(tag, names(kind));
        header.texts(tag + 1, versions(kind));
        header.numbers32(tag + 2, flags(kind));
    }
    header.text(5062, "utf-8");
    header.texts(5092, [rpm::hex_digest(payload)].into_iter());
    header.numbers32(5093, [8].into_iter());
}

/// Returns the directory of a file, with its last slash, and its name in there.
fn split(file: &Entry) -> (&str, &str) {
    file.path.split_at(file.path.rfind('/').map_or(0, |at| at + 1))
}

fn names(list: &[Dependency]) -> impl ExactSizeIterator<Item = &String> {
    list.iter().map(|dependency| &dependency.0)
}

fn flags(list: &[Dependency]) -> impl ExactSizeIterator<Item = u32> {
    list.iter().map(|dependency| dependency.1)
}

fn versions(list: &[Dependency]) -> impl ExactSizeIterator<Item = &String> {
    list.iter().map(|dependency| &dependency.2)
}
