//! Does `tannery createrepo` do what createrepo_c does? Both run on the same directories, and createrepo_c's own
//! bindings say what came of it. The numbers in tests are those of the parity cases.

mod cases;
#[path = "../../../benches/corpus/mod.rs"]
mod corpus;
mod damage;
mod hostile;
mod interrupted;
mod locations;
mod packages;
mod parity;
mod readers;
mod records;
mod retention;
mod runs;
mod update;
mod watched;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tannery::demo::packages::Distribution;

use crate::world::{Ended, World, peer, python, run};

/// The time of every package, unless a test gives it another.
const THEN: u64 = 1_600_000_000;

/// A directory of packages, and what the two programs make of it.
struct House {
    world: World,
    made: Distribution,
}

impl House {
    /// Returns a house with an empty directory `dir`.
    fn new() -> Self {
        let world = World::new();
        fs::create_dir(world.path("dir")).unwrap();
        let made = world.distribution();
        Self { world, made }
    }

    /// Returns a house whose directory has the first `count` packages of the demonstration.
    fn with(count: usize) -> Self {
        let house = Self::new();
        for number in 0..count {
            house.put(number, house.file_name(number));
        }
        house
    }

    fn dir(&self) -> PathBuf {
        self.world.path("dir")
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir().join(below)
    }

    /// Returns the file of a package of the demonstration.
    fn package(&self, number: usize) -> &Path {
        &self.made.first[number]
    }

    fn file_name(&self, number: usize) -> String {
        self.package(number).file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// Copies a package of the demonstration to a place below the directory.
    fn put(&self, number: usize, below: impl AsRef<Path>) -> PathBuf {
        let place = self.path(below);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(self.package(number), &place).unwrap();
        touch(&place, THEN);
        place
    }

    fn write(&self, below: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.world.write(&format!("dir/{below}"), content)
    }

    /// Runs our command with these arguments.
    fn ours(&self, arguments: &[&str]) -> Ended {
        run(self.world.tannery(&["createrepo"]).args(arguments))
    }

    /// Runs createrepo_c with these arguments.
    fn theirs(&self, arguments: &[&str]) -> Ended {
        run(Command::new(peer("CREATEREPO")).args(arguments).current_dir(self.world.path("")).env("LC_ALL", "C"))
    }

    /// Runs both on the directory, each into a directory of its own that it may find from before.
    fn both(&self, arguments: &[&str]) -> Both {
        let mut ended = Vec::new();
        for side in ["ours", "theirs"] {
            let out = self.world.path(side);
            fs::create_dir_all(&out).unwrap();
            let mut all = arguments.to_vec();
            let (out, dir) = (out.display().to_string(), self.dir().display().to_string());
            all.extend(["--outputdir", &out, &dir]);
            ended.push(if side == "ours" { self.ours(&all) } else { self.theirs(&all) });
        }
        let (theirs, ours) = (ended.pop().unwrap(), ended.pop().unwrap());
        Both { ours, theirs }
    }

    /// Runs both as [`House::both`], and compares how they ended and what came of it.
    fn compare(&self, arguments: &[&str]) -> Value {
        let both = self.both(arguments);
        assert_eq!(both.ours.status, both.theirs.status, "{arguments:?}\n{both:?}");
        self.compare_repositories(arguments)
    }

    /// Compares what both made; returns what our repository says.
    fn compare_repositories(&self, arguments: &[&str]) -> Value {
        let [ours, theirs] = read([&self.world.path("ours"), &self.world.path("theirs")]);
        assert_eq!(ours["packages"], theirs["packages"], "{arguments:?}");
        assert_eq!(ours["tags"], theirs["tags"], "{arguments:?}");
        let ([our_records, their_records], names) = ([&ours, &theirs].map(records), |records: &Records| {
            records.iter().map(|(kind, record)| (kind.clone(), record["name"].clone())).collect::<Vec<_>>()
        });
        assert_eq!(names(&our_records), names(&their_records), "{arguments:?}");
        for (kind, our) in &our_records {
            let their = &their_records[kind];
            assert_eq!(our["types"], their["types"], "{arguments:?} {kind}");
            assert_eq!(our["named_by_checksum"], their["named_by_checksum"], "{arguments:?} {kind}");
            assert!(our["true"].as_object().unwrap().values().all(|is| *is == true), "{arguments:?} {kind}: {our}");
        }
        ours
    }

    /// Returns what our command makes of the directory itself, which must end well.
    fn make(&self, arguments: &[&str]) -> Value {
        let dir = self.dir().display().to_string();
        let mut all = arguments.to_vec();
        all.push(&dir);
        self.ours(&all).ok();
        let [said] = read([&self.dir()]);
        said
    }
}

/// How both ended.
#[derive(Debug)]
struct Both {
    ours: Ended,
    theirs: Ended,
}

type Records = BTreeMap<String, Value>;

fn records(repository: &Value) -> Records {
    repository["records"].as_object().unwrap().clone().into_iter().collect()
}

/// Returns what createrepo_c's bindings say of repositories.
fn read<const N: usize>(directories: [&Path; N]) -> [Value; N] {
    let said = run(python("createrepo.py").args(directories)).ok();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.try_into().unwrap()
}

/// Returns the locations of a repository's packages, sorted.
fn hrefs(repository: &Value) -> Vec<String> {
    let packages = repository["packages"].as_array().unwrap();
    packages.iter().map(|package| package["location_href"].as_str().unwrap().to_owned()).collect()
}

/// Returns the names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

/// Gives a file a modification time.
fn touch(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// Returns what tells two states of a file apart.
fn stamp(path: &Path) -> (u64, i64, i64, Vec<u8>) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec(), fs::read(path).unwrap())
}
