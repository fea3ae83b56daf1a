//! Does following changes give, byte for byte, what another process makes of nothing, and does it rewrite no
//! more than the change needs? Histories by chance; the seed is printed, `TANNERY_TEST_SEED` sets it.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use tannery::model::{Blake3, ChecksumType, Nevra};
use tannery::repodata::segments::{self, Cuts, Key, Manifest, Piece, Settings};
use tannery::repodata::{Compression, Kind, Sums};

use crate::made::Memory;
use crate::world::{Chance, World, run};

const HISTORIES: u64 = 100;
const STEPS: u64 = 30;
const THREADS: u64 = 2;
/// Segments of each file, at least.
const SEGMENTS: usize = 50;
/// Where the other process finds the packages.
const ROWS: &str = "TANNERY_TEST_ROWS";
const COMPRESSIONS: [Compression; 5] = [
    Compression::Zstd { level: 3 },
    Compression::Gzip { level: 2 },
    Compression::Xz { level: 0 },
    Compression::Bzip2 { level: 1 },
    Compression::None,
];

/// A package: all that is said of it follows from these.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    arch: String,
    version: u64,
    /// How much is said of it.
    bulk: u64,
    /// By which key it is signed.
    sigkey: u64,
}

impl Row {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        Self {
            name: words[0].to_owned(),
            arch: words[1].to_owned(),
            version: number(2),
            bulk: number(3),
            sigkey: number(4),
        }
    }

    fn line(&self) -> String {
        format!("{} {} {} {} {}", self.name, self.arch, self.version, self.bulk, self.sigkey)
    }

    fn piece(&self) -> Piece {
        let Self { name, arch, version, bulk, .. } = self;
        let nevra = Nevra::new(name, 0, &version.to_string(), "1", arch).unwrap();
        let pkgid = Blake3::of(self.line().as_bytes()).to_string();
        let href = format!("Packages/{}", nevra.file_name());
        let primary = format!(
            "<package type=\"rpm\">\n  <name>{name}</name>\n  <arch>{arch}</arch>\n  <version epoch=\"0\" \
             ver=\"{version}\" rel=\"1\"/>\n  <checksum type=\"sha256\" pkgid=\"YES\">{pkgid}</checksum>\n  \
             <location href=\"{href}\"/>\n</package>\n"
        );
        let mut files = format!("<package pkgid=\"{pkgid}\" name=\"{name}\">\n");
        for number in 0..*bulk {
            writeln!(files, "  <file>/usr/share/{name}/{}</file>", number * number % 977).unwrap();
        }
        files.push_str("</package>\n");
        let other = format!("<package pkgid=\"{pkgid}\">\n  <changelog>{bulk}</changelog>\n</package>\n");
        Piece { key: Key { nevra, pkgid, href }, texts: [primary, files, other, String::new()] }
    }
}

fn settings(compression: Compression) -> Settings {
    let cuts = Cuts { filelists: 2_500, primary: 1_500, other: 500 };
    Settings { cuts, threads: NonZeroUsize::MIN, ..Settings::of(compression) }
}

/// Returns the digests of the metadata files.
fn digests(manifest: &Manifest, settings: &Settings, memory: &Memory) -> String {
    let sums = Sums { checksum: ChecksumType::Sha256, open: true };
    let digest = |kind| {
        let written = segments::assemble(kind, manifest, settings, sums, memory, io::sink()).unwrap();
        format!("{:?} {} {}", written.compression, written.file_name(), written.file.size)
    };
    Kind::ALL.map(digest).join("\n")
}

/// A repository that follows changes in one compression.
struct Follower {
    settings: Settings,
    memory: Memory,
    manifest: Manifest,
}

impl Follower {
    fn new(compression: Compression, set: &BTreeMap<Key, Row>) -> Self {
        let mut new =
            Self { settings: settings(compression), memory: Memory::default(), manifest: Manifest::default() };
        new.manifest = new.next(&[], set.values().map(Row::piece));
        new
    }

    fn next(&self, removed: &[Key], added: impl Iterator<Item = Piece>) -> Manifest {
        let added = added.map(Ok::<_, Infallible>);
        segments::update(&self.manifest, removed.to_vec(), added, &self.settings, &self.memory).ok().unwrap()
    }

    /// Follows a change of `k` packages.
    fn follow(&mut self, removed: &[Key], added: &[Piece], k: usize, seed: u64) {
        let next = self.next(removed, added.iter().cloned());
        for kind in Kind::ALL {
            let frames = |manifest: &Manifest| manifest.frames[kind as usize].clone();
            let old: HashSet<Blake3> = frames(&self.manifest).iter().map(|frame| frame.name).collect();
            let rewritten = frames(&next).iter().filter(|frame| !old.contains(&frame.name)).count();
            let of = frames(&next).len();
            assert!(of >= SEGMENTS, "{of} segments of {kind:?}, seed {seed}");
            assert!(rewritten <= 2 * k, "{rewritten} of {of} segments of {kind:?} for {k} packages, seed {seed}");
        }
        self.manifest = next;
    }
}

/// The first set: many names with a package or two, and one with very many.
fn first(chance: &mut Chance) -> BTreeMap<Key, Row> {
    let mut set = BTreeMap::new();
    let mut add = |name: String, arch: &str, version: u64, bulk: u64| {
        let row = Row { name, arch: arch.to_owned(), version, bulk, sigkey: 0 };
        set.insert(row.piece().key, row);
    };
    for number in 0..360 {
        let bulk = if number % 40 == 0 { 300 } else { chance.below(25) };
        add(format!("p{number:03}"), "x86_64", chance.below(5), bulk);
        if number % 3 == 0 {
            add(format!("p{number:03}"), "i686", chance.below(5), bulk);
        }
    }
    for version in 0..120 {
        add("many".to_owned(), "noarch", version * 2, chance.below(40));
    }
    set
}

/// Changes up to four packages of the set: one comes, goes, gets another version, or is signed anew. Gives what
/// goes, what comes, and how many packages that are.
fn change(set: &mut BTreeMap<Key, Row>, chance: &mut Chance) -> (Vec<Key>, Vec<Piece>, usize) {
    let (mut removed, mut added, mut k) = (Vec::new(), BTreeMap::new(), 0);
    for _ in 0..=chance.below(4) {
        let at = chance.below(set.len() as u64) as usize;
        let (key, row) = set.iter().nth(at).map(|(key, row)| (key.clone(), row.clone())).unwrap();
        let is_many = row.name == "many";
        let new = match chance.below(4) {
            0 if is_many => Some(Row { version: row.version + 1, ..row.clone() }),
            0 => Some(Row { name: format!("q{:03}", chance.below(1000)), bulk: chance.below(60), ..row.clone() }),
            1 => None,
            2 if !is_many => Some(Row { version: row.version + 1, bulk: chance.below(60), ..row.clone() }),
            _ => Some(Row { sigkey: row.sigkey + 1, ..row.clone() }),
        };
        let comes_besides =
            new.as_ref().is_some_and(|new| new.name != row.name || is_many && new.version != row.version);
        // A package is changed once in a step.
        let is_fresh = !added.contains_key(&key) && new.as_ref().is_none_or(|new| !set.contains_key(&new.piece().key));
        if !is_fresh {
            continue;
        }
        k += 1;
        if !comes_besides {
            set.remove(&key);
            removed.push(key);
        }
        if let Some(new) = new {
            let piece = new.piece();
            set.insert(piece.key.clone(), new);
            added.insert(piece.key.clone(), piece);
        }
    }
    removed.sort();
    (removed, added.into_values().collect(), k)
}

/// Returns what another process makes of the set, by compression.
fn elsewhere(set: &BTreeMap<Key, Row>, place: &Path) -> String {
    let lines: Vec<String> = set.values().map(Row::line).collect();
    fs::write(place, lines.join("\n")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["histories::from_nothing", "--exact", "--ignored", "--nocapture"]).env(ROWS, place);
    let said = run(&mut command).ok();
    let told = said.lines().filter_map(|line| line.strip_prefix("told "));
    told.collect::<Vec<_>>().join("\n")
}

/// The other process: makes all of it of nothing.
#[test]
#[ignore = "started by the test below"]
fn from_nothing() {
    let rows = fs::read_to_string(std::env::var_os(ROWS).unwrap()).unwrap();
    let set = rows.lines().map(Row::parse).map(|row| (row.piece().key, row)).collect();
    println!();
    for compression in COMPRESSIONS {
        let Follower { settings, memory, manifest } = Follower::new(compression, &set);
        for line in digests(&manifest, &settings, &memory).lines() {
            println!("told {line}");
        }
    }
}

#[test]
fn following_changes_gives_what_another_process_makes_of_nothing() {
    let world = World::new();
    let seed = Chance::seed();
    println!("TANNERY_TEST_SEED={seed}");
    std::thread::scope(|scope| {
        for part in 0..THREADS {
            let place = world.path(format!("rows-{part}"));
            scope.spawn(move || (part..HISTORIES).step_by(THREADS as usize).for_each(|at| one(seed, at, &place)));
        }
    });
}

/// Goes through one history; in the middle somewhere and at its end another process is asked.
fn one(seed: u64, history: u64, place: &Path) {
    let mut chance = Chance::new(seed.wrapping_add(history));
    let mut set = first(&mut chance);
    let mut followers = COMPRESSIONS.map(|compression| Follower::new(compression, &set));
    let midway = chance.below(STEPS);
    for step in 0..STEPS {
        let (removed, added, k) = change(&mut set, &mut chance);
        for follower in &mut followers {
            follower.follow(&removed, &added, k, seed);
        }
        if step == midway || step + 1 == STEPS {
            let ours = followers.each_ref().map(|one| digests(&one.manifest, &one.settings, &one.memory));
            assert_eq!(ours.join("\n"), elsewhere(&set, place), "history {history}, step {step}, seed {seed}");
        }
    }
}
