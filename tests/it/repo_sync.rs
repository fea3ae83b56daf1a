//! Does a mirror cost what changed, and is it always whole? Against servers that give parts, and that do not.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tannery::model::ChecksumType;
use tannery::repodata::{Compression, Repomd};

use crate::made::{self, Set};
use crate::world::{Ended, Service, World, peer, run};

const ZSTD: Compression = Compression::Zstd { level: 3 };

/// A world with a repository of many segments in `server`, and its server.
struct Bench {
    world: World,
    set: Set,
    server: Service,
    url: String,
}

impl Bench {
    fn new(compression: Compression) -> Self {
        Self::with(compression, 2_000)
    }

    fn with(compression: Compression, packages: usize) -> Self {
        let world = World::new();
        world.write("tannery.toml", "");
        let set = made::set(packages);
        made::write(&world.path("server"), &set, compression, 1);
        let (server, address) = world.partial_server("server");
        Self { world, set, server, url: format!("http://{address}/") }
    }

    /// Replaces one package on the server.
    fn replace(&mut self, version: &str, compression: Compression) {
        made::take(&mut self.set, "p0150");
        made::put(&mut self.set, made::described("p0150", "x86_64", version, 30));
        made::write(&self.world.path("server"), &self.set, compression, version.parse().unwrap());
    }

    fn sync(&self, url: &str, way: &[&str]) -> Value {
        let arguments = [&["repo", "sync", url, "mirror", "--json"], way].concat();
        serde_json::from_str(&run(&mut self.world.tannery(&arguments)).ok()).unwrap()
    }

    /// Runs with a kill at call number `at` of each of these in each thread; the status is -1 where there was one.
    fn killed_at(&self, calls: &str, at: usize) -> Ended {
        let ours = self.world.tannery(&["repo", "sync", "--delta", &self.url, "mirror"]);
        let mut strace = Command::new(peer("STRACE"));
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
        strace.args(["-e", &format!("inject={calls}:signal=SIGKILL:when={at}")]);
        strace.arg(ours.get_program()).args(ours.get_args()).current_dir(self.world.path(""));
        // Neither the configuration nor the peers of the tests reach it, as with all commands of a world.
        for (name, _) in ours.get_envs() {
            strace.env_remove(name);
        }
        run(&mut strace)
    }

    /// Returns how many bytes the server has sent in answers, from a byte of its log on.
    fn sent(&self, from: usize) -> u64 {
        let log = self.server.log();
        let bodies = log[from..].lines().filter(|line| !line.contains(" 404 "));
        bodies.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Checks that the mirror is what the server has, byte for byte.
    fn is_current(&self) {
        let (mirror, server) = (self.world.path("mirror/repodata"), self.world.path("server/repodata"));
        let repomd = whole(&self.world.path("mirror")).unwrap();
        assert_eq!(repomd, fs::read(server.join("repomd.xml")).unwrap());
        for record in Repomd::parse(&repomd).unwrap().records {
            let name = record.href.strip_prefix("repodata/").unwrap();
            assert_eq!(fs::read(mirror.join(name)).unwrap(), fs::read(server.join(name)).unwrap());
        }
    }
}

/// Returns the `repomd.xml` of a repository of which every metadata file is as it says; `None` where there is none.
fn whole(repository: &Path) -> Option<Vec<u8>> {
    let repomd = fs::read(repository.join("repodata/repomd.xml")).ok()?;
    for record in Repomd::parse(&repomd).unwrap().records {
        let bytes = fs::read(repository.join(&record.href)).unwrap_or_else(|error| panic!("{}: {error}", record.href));
        let algorithm: ChecksumType = record.checksum.algorithm.parse().unwrap();
        assert_eq!(algorithm.hex_of(&bytes), record.checksum.hex, "{}", record.href);
    }
    Some(repomd)
}

#[test]
fn one_package_replaced_among_many_fetches_a_small_part() {
    for compression in [ZSTD, Compression::Gzip { level: 6 }] {
        let mut bench = Bench::new(compression);
        let shown: Value =
            serde_json::from_str(&run(&mut bench.world.tannery(&["repo", "show", "server", "--json"])).ok()).unwrap();
        assert!(shown["records"][1]["segments"].as_u64().unwrap() > 50, "{shown}");
        let first = bench.sync(&bench.url, &["--delta"]);
        assert_eq!((&first["changed"], &first["reused"]), (&true.into(), &0.into()));
        assert_eq!(first["records"][0]["why"], "there is no older file");
        bench.is_current();
        bench.replace("2", compression);
        let before = bench.server.log().len();
        let second = bench.sync(&bench.url, &["--delta"]);
        bench.is_current();
        let (fetched, reused) = (second["fetched"].as_u64().unwrap(), second["reused"].as_u64().unwrap());
        assert!(fetched * 6 < reused, "{second}");
        assert_eq!(bench.sent(before), fetched, "{second}");
        assert!(second["records"].as_array().unwrap().iter().all(|record| record["why"] == Value::Null), "{second}");

        let before = bench.server.log().len();
        let third = bench.sync(&bench.url, &["--delta"]);
        assert_eq!((&third["changed"], third["fetched"].as_u64().unwrap()), (&false.into(), bench.sent(before)));
        assert!(bench.sent(before) < 3_000);
    }
}

#[test]
fn a_damaged_copy_costs_what_is_damaged() {
    let mut bench = Bench::new(ZSTD);
    bench.sync(&bench.url, &[]);
    let repomd = Repomd::parse(&whole(&bench.world.path("mirror")).unwrap()).unwrap();
    let filelists = bench.world.path("mirror").join(&repomd.record("filelists").unwrap().href);
    let mut bytes = fs::read(&filelists).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&filelists, bytes).unwrap();
    bench.replace("2", ZSTD);
    let synced = bench.sync(&bench.url, &["--delta"]);
    bench.is_current();
    assert_eq!(synced["records"][1]["why"], Value::Null, "{synced}");
    assert!(synced["fetched"].as_u64().unwrap() * 4 < synced["reused"].as_u64().unwrap(), "{synced}");
}

#[test]
fn without_range_requests_or_an_index_files_are_fetched_whole() {
    let mut bench = Bench::new(ZSTD);
    bench.sync(&bench.url, &[]);
    bench.replace("2", ZSTD);
    let (_plain, address) = bench.world.static_server("server");
    let synced = bench.sync(&format!("http://{address}/"), &["--delta"]);
    bench.is_current();
    let why = synced["records"][0]["why"].as_str().unwrap();
    assert!(why.ends_with("the server does not give parts of files"), "{why}");

    // Somebody else's, first in place of ours and then in place of itself.
    bench.world.distribution();
    for options in [&[][..], &["--update", "--revision=5"]] {
        let mut createrepo = Command::new(peer("CREATEREPO"));
        run(createrepo.arg("--quiet").args(options).arg(bench.world.path("distribution/first"))).ok();
        fs::remove_dir_all(bench.world.path("server/repodata")).unwrap();
        fs::create_dir(bench.world.path("server/repodata")).unwrap();
        for entry in fs::read_dir(bench.world.path("distribution/first/repodata")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, bench.world.path("server/repodata").join(path.file_name().unwrap())).unwrap();
        }
        let synced = bench.sync(&bench.url, &["--delta"]);
        let why = synced["records"][0]["why"].as_str().unwrap_or_default();
        assert!(["the file has no index", ""].contains(&why), "{synced}");
        bench.is_current();
    }
}

#[test]
fn a_signature_comes_and_goes_with_its_repomd() {
    let mut bench = Bench::new(ZSTD);
    let place = bench.world.path("mirror/repodata/repomd.xml.asc");
    bench.world.write("server/repodata/repomd.xml.asc", "one");
    bench.sync(&bench.url, &[]);
    assert_eq!(fs::read(&place).unwrap(), b"one");
    fs::remove_file(bench.world.path("server/repodata/repomd.xml.asc")).unwrap();
    bench.replace("2", ZSTD);
    bench.sync(&bench.url, &[]);
    assert!(!place.exists());
}

#[test]
fn what_lies_elsewhere_is_not_mirrored_and_said() {
    let bench = Bench::with(ZSTD, 10);
    let repomd = bench.world.path("server/repodata/repomd.xml");
    let record = format!(
        "<data type=\"far\"><checksum type=\"sha256\">{}</checksum>\
         <location xml:base=\"http://far.example/\" href=\"repodata/far\"/></data></repomd>",
        "0".repeat(64)
    );
    fs::write(&repomd, fs::read_to_string(&repomd).unwrap().replace("</repomd>", &record)).unwrap();
    let synced = bench.sync(&bench.url, &["--delta"]);
    assert_eq!(synced["records"][3]["why"], "it lies elsewhere, below http://far.example/", "{synced}");
    assert_eq!(fs::read(bench.world.path("mirror/repodata/repomd.xml")).unwrap(), fs::read(&repomd).unwrap());
}

/// Calls by which a run changes what is in the directory.
const CALLS: [&str; 3] = ["?rename,?renameat,?renameat2", "?fsync,?fdatasync", "?unlink,?unlinkat"];

#[test]
fn a_run_that_is_killed_leaves_the_old_or_the_new_metadata_whole() {
    let mut bench = Bench::with(ZSTD, 300);
    bench.sync(&bench.url, &[]);
    let (mut round, mut old, mut new) = (1, 0, 0);
    for calls in CALLS {
        for at in 1..100 {
            let before = whole(&bench.world.path("mirror")).unwrap();
            round += 1;
            bench.replace(&round.to_string(), ZSTD);
            let ended = bench.killed_at(calls, at);
            let after = whole(&bench.world.path("mirror")).unwrap();
            let current = fs::read(bench.world.path("server/repodata/repomd.xml")).unwrap();
            assert!(after == before || after == current, "killed at {calls}, number {at}");
            if ended.status == 0 {
                break;
            }
            assert_eq!(ended.status, -1, "{}", ended.stderr);
            old += u32::from(after == before);
            new += u32::from(after == current);
        }
    }
    assert!(old > 5 && new > 2, "{old} times the old, {new} times the new");
    bench.is_current();
    let left = fs::read_dir(bench.world.path("mirror/repodata")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    // The three of now, the three of before, repomd.xml.
    assert_eq!(left.len(), 7, "{left:?}");
}

#[test]
fn a_server_that_lies_is_found_out_and_the_copy_stays() {
    let mut bench = Bench::new(ZSTD);
    bench.sync(&bench.url, &[]);
    let before = whole(&bench.world.path("mirror")).unwrap();
    bench.replace("2", ZSTD);
    let new = Repomd::parse(&fs::read(bench.world.path("server/repodata/repomd.xml")).unwrap()).unwrap();
    let primary = bench.world.path("server").join(&new.record("primary").unwrap().href);
    let mut bytes = fs::read(&primary).unwrap();
    bytes[10] ^= 1;
    fs::write(&primary, &bytes).unwrap();
    let ended = run(&mut bench.world.tannery(&["repo", "sync", "--delta", &bench.url, "mirror"]));
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    assert!(ended.stderr.contains("its sha256 is "), "{}", ended.stderr);
    assert_eq!(whole(&bench.world.path("mirror")).unwrap(), before);
}
