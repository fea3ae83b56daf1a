//! What if a run is killed, or the disk is full? The old repository or the new one, whole, and nothing stays that
//! the next run does not clear.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tannery::model::Sha256;
use tannery::repodata::Repomd;

use super::{House, names, read, touch};
use crate::world::Chance;
use crate::world::{Ended, eventually, peer, run};

const KILLS: u64 = 60;

/// Longest time until a kill, in milliseconds.
const MOMENT: u64 = 250;

/// What fails, one after the other: all calls by which a run makes or changes files.
const CALLS: [&str; 6] = [
    "write,pwrite64",
    "?fsync,?fdatasync",
    "?rename,?renameat,?renameat2",
    "?mkdir,?mkdirat",
    "?unlink,?unlinkat",
    OPEN,
];

/// Opens files to read them, too: without a package, or before the program has begun.
const OPEN: &str = "openat";

/// Most calls of a kind that a thread of a small run makes.
const MOST_CALLS: usize = 60;

/// Checks that every file is what `repomd.xml` says; returns the names of all.
fn whole(dir: &Path) -> Vec<String> {
    let repomd = Repomd::parse(&fs::read(dir.join("repodata/repomd.xml")).unwrap()).unwrap();
    for record in &repomd.records {
        let bytes = fs::read(dir.join(&record.href)).unwrap();
        assert_eq!(record.checksum.hex, Sha256::of(&bytes).to_string(), "{}", record.href);
    }
    repomd.records.into_iter().map(|record| record.href).collect()
}

/// Checks that nothing lies about that a run left unfinished.
fn clean(house: &House) {
    let hidden = |dir: &Path| names(dir).into_iter().filter(|name| name.starts_with('.')).collect::<Vec<_>>();
    assert!(hidden(&house.dir()).is_empty(), "{:?}", hidden(&house.dir()));
    let left = hidden(&house.path("repodata"));
    assert!(left.iter().all(|name| name.starts_with(".replaced-")), "{left:?}");
}

/// Makes every state of the directory another one.
fn change(house: &House, round: u64) {
    touch(&house.path(house.file_name(0)), 1_500_000_000 + round);
    let moving = house.path("moving.rpm");
    if fs::remove_file(&moving).is_err() {
        house.put(4, "moving.rpm");
    }
}

#[test]
fn a_killed_run_leaves_the_old_repository_or_the_new() {
    let seed = Chance::seed();
    println!("TANNERY_TEST_SEED={seed}");
    let mut chance = Chance::new(seed);
    let house = House::with(20);
    house.make(&[]);
    let dir = house.dir().display().to_string();
    for round in 0..KILLS {
        let old = whole(&house.dir());
        change(&house, round);
        let update: &[&str] = if round % 2 == 0 { &["--update"] } else { &[] };
        let mut command = house.world.tannery(&["createrepo", "-q", &dir]);
        let mut killed = command.args(update).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(chance.below(MOMENT)));
        killed.kill().unwrap();
        killed.wait().unwrap();
        let now = whole(&house.dir());
        if round % 8 == 7 {
            read([&house.dir()]);
        }
        house.ours(&["--update", &dir]).ok();
        assert!(now == old || now == whole(&house.dir()), "neither the old nor the new, round {round}, seed {seed}");
        clean(&house);
    }
    house.ours(&["--update", "--keep-for", "0s", &dir]).ok();
    clean(&house);
    assert_eq!(names(&house.path("repodata")).len(), 4);
    let out = house.world.path("cold");
    fs::create_dir(&out).unwrap();
    house.ours(&["-o", out.to_str().unwrap(), &dir]).ok();
    assert_eq!(whole(&house.dir()), whole(&out));
}

/// Runs with call number `at` of each thread failing as on a full disk; returns how it ended, and the calls that
/// failed.
fn with_failure(house: &House, arguments: &[&str], calls: &str, at: usize) -> (Ended, Vec<String>) {
    let log = house.world.path("strace.log");
    let mut ours = house.world.tannery(&["createrepo", "-q", house.dir().to_str().unwrap()]);
    ours.args(arguments);
    let mut command = Command::new(peer("STRACE"));
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(&log);
    command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error=ENOSPC:when={at}")]);
    command.arg(ours.get_program()).args(ours.get_args()).current_dir(house.world.path(""));
    let ended = run(&mut command);
    let traced = fs::read(log).unwrap();
    let failed = String::from_utf8_lossy(&traced)
        .lines()
        .filter(|line| line.contains("(INJECTED)"))
        .map(str::to_owned)
        .collect();
    (ended, failed)
}

#[test]
fn a_full_disk_leaves_the_old_repository_or_the_new() {
    let house = House::with(6);
    house.make(&[]);
    let mut round = 1_000;
    for calls in CALLS {
        for arguments in [&[][..], &["--update"]] {
            let mut failures = 0;
            for at in 1..MOST_CALLS {
                change(&house, round);
                round += 1;
                if !fails(&house, arguments, calls, at) {
                    break;
                }
                failures += 1;
            }
            assert!(failures > 0, "{calls}: a run makes no such call");
        }
    }
}

/// Runs with a failure; checks that the old repository or the new one is there, whole, and that the next run
/// clears up. Returns whether there was a failure.
fn fails(house: &House, arguments: &[&str], calls: &str, at: usize) -> bool {
    let old = whole(&house.dir());
    let (ended, failed) = with_failure(house, arguments, calls, at);
    let now = whole(&house.dir());
    let what = format!("{calls} {at} {arguments:?}");
    match ended.status {
        0 => assert_ne!(now, old, "{what}"),
        2 | 127 if calls == OPEN => {}
        // Unless the complaint itself is what could not be written.
        1 if failed.iter().any(|call| call.contains("write(2, ")) => {}
        1 => assert!(ended.stderr.contains("No space left"), "{what}: {}", ended.stderr),
        _ => panic!("{what}: {ended:?}"),
    }
    if !failed.is_empty() {
        house.ours(&["--update", "-q", &house.dir().display().to_string()]).ok();
        clean(house);
    }
    !failed.is_empty()
}

#[test]
fn a_signal_ends_a_run_and_clears_up() {
    for signal in ["TERM", "INT", "HUP"] {
        let house = House::with(2);
        house.make(&[]);
        let before = whole(&house.dir());
        for number in 0..4_000 {
            fs::hard_link(house.package(3), house.path(format!("many-{number}.rpm"))).unwrap();
        }
        let dir = house.dir().display().to_string();
        let mut command = house.world.tannery(&["createrepo", "-q", &dir]);
        let mut running = command.stderr(Stdio::null()).spawn().unwrap();
        eventually(Duration::from_secs(60), "the lock", || house.path(".repodata/segments").exists());
        run(Command::new("kill").args([&format!("-{signal}"), &running.id().to_string()])).ok();
        assert_eq!(running.wait().unwrap().code(), Some(1), "{signal}");
        assert_eq!(whole(&house.dir()), before);
        clean(&house);
    }
}
