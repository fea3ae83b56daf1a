//! Does a run end as createrepo_c's does, and say the same on the way?

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{House, hrefs, names, read, stamp};
use crate::world::{eventually, run};

#[test]
fn the_steps_are_told_in_createrepos_words() {
    // 78.
    let house = House::with(3);
    let out = house.world.path("ours").display().to_string();
    let steps = |both: &super::Both| {
        let plain = |text: &str, out: &str| {
            let lines = text.lines().map(|line| line.replace(out, "OUT").replace("with 5 workers", "with N workers"));
            lines.map(|line| line.replace("with 2 workers", "with N workers")).collect::<Vec<_>>()
        };
        let theirs = house.world.path("theirs").display().to_string();
        (plain(&both.ours.stdout, &out), plain(&both.theirs.stdout, &theirs))
    };
    for arguments in [&["--workers", "2"][..], &["--update", "--workers", "2"], &["-n", "x.rpm", "-q"]] {
        let (ours, theirs) = steps(&house.both(arguments));
        assert_eq!(ours, theirs, "{arguments:?}");
    }
    house.write("bad.rpm", "bad");
    let (ours, theirs) = steps(&house.both(&["--workers", "2"]));
    assert_eq!(ours, theirs[..theirs.len() - 1], "but for what only createrepo_c has to do again");
}

#[test]
fn wrong_calls_end_with_one_and_write_nothing() {
    let house = House::with(1);
    let dir = house.dir().display().to_string();
    for arguments in [
        &[][..],
        &["/nowhere"],
        &["--nosuch", &dir],
        &["-s", "md5", &dir],
        &["-s", "foo", &dir],
        &["--repomd-checksum", "foo", &dir],
        &["--general-compress-type", "zck", &dir],
        &["-o", "/nowhere", &dir],
        &["--cut-dirs=-1", &dir],
        &["--duplicated-nevra", "foo", &dir],
        &["--workers=0x", &dir],
        &["--zck", &dir],
        &["--deltas", &dir],
        &["--read-pkgs-list", "/nowhere/x", &dir],
        &[&dir, &dir],
    ] {
        assert_eq!((house.ours(arguments).status, house.theirs(arguments).status), (1, 1), "{arguments:?}");
        assert!(!house.path("repodata/repomd.xml").exists(), "{arguments:?}");
    }
    for arguments in [&["--split", &dir, &dir][..], &["--zck-dict-dir", "x", &dir], &["--num-deltas", "3", &dir]] {
        let ended = house.ours(arguments);
        assert_eq!(ended.status, 1);
        assert!(ended.stderr.contains("tannery does not carry --"), "{}", ended.stderr);
    }
}

#[test]
fn every_option_of_createrepo_c_is_known_and_in_the_table() {
    let house = House::new();
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/createrepo.md")).unwrap();
    let help = house.theirs(&["--help-all"]).ok();
    let begins_option = |word: &&str| word.starts_with("--") && word.len() > 2;
    let words = help.lines().filter_map(|line| line.split([' ', ',', '=']).find(begins_option));
    let options: BTreeSet<&str> = words.filter(|word| !word.starts_with("--help-")).collect();
    assert!(options.len() >= 40, "{options:?}");
    for option in options {
        assert!(table.contains(&format!("`{option}")), "{option} is not in the table");
        let ended = house.ours(&[option]);
        assert!(!ended.stderr.contains("unexpected argument"), "{option}: {}", ended.stderr);
    }
}

#[test]
fn odd_numbers_and_habits_are_taken_with_a_warning() {
    let house = House::with(2);
    for (arguments, warning) in [
        (&["--workers", "0"][..], "taking 5"),
        (&["--changelog-limit", "-5"], "10 are written"),
        (&["--update-md-path", "x"], "--update-md-path has no effect without --update"),
    ] {
        house.compare(arguments);
        let both = house.both(arguments);
        assert!(both.ours.stderr.contains(warning), "{}", both.ours.stderr);
    }
    // As COPR and Koji call it.
    let dir = house.dir().display().to_string();
    let copr = ["--database", "--ignore-lock", "--local-sqlite", "--cachedir", "/tmp/", "--workers", "8", &dir];
    let ended = house.ours(&copr);
    assert_eq!((ended.status, ended.stderr.matches("warning").count()), (0, 2), "{}", ended.stderr);
    let classic = house.ours(&["--compatibility", &dir]);
    assert_eq!((classic.status, classic.stderr.contains("SQLite databases are not made")), (0, true), "{classic:?}");
    let koji = house.ours(&["--error-exit-val", "-vd", "-o", &dir, &dir]);
    assert_eq!((koji.status, koji.stdout.contains("looking into")), (0, true), "{}", koji.stdout);
    let mock = house.ours(&["-d", "-q", "-x", "*.src.rpm", &dir]);
    assert_eq!((mock.status, mock.stdout.as_str(), mock.stderr.as_str()), (0, "", ""));
    let configured = run(&mut house.world.tannery(&["--data-dir", "x", "createrepo", &dir]));
    assert!(configured.stderr.contains("createrepo reads no configuration"), "{}", configured.stderr);
}

#[test]
fn a_lock_holds_off_and_a_killed_run_does_not() {
    // 74.
    let house = House::with(1);
    fs::create_dir(house.path(".repodata")).unwrap();
    let dir = house.dir().display().to_string();
    assert_eq!((house.ours(&[&dir]).status, house.theirs(&[&dir]).status), (1, 1));
    fs::write(house.path(".repodata/tannery.lock"), "").unwrap();
    fs::write(house.path(".repodata/segments"), "half").unwrap();
    let ended = house.ours(&[&dir]);
    assert_eq!((ended.status, names(&house.dir()).len()), (0, 2), "{}", ended.stderr);
    fs::create_dir(house.path(".repodata")).unwrap();
    house.ours(&["--ignore-lock", &dir]).ok();
    assert_eq!(names(&house.dir()), [house.file_name(0), "repodata".to_owned()]);
}

#[test]
fn two_runs_at_once_are_one() {
    let house = House::with(3);
    house.make(&[]);
    let fifo = house.path("slow.rpm");
    // A run that waits for its list holds the lock meanwhile.
    run(Command::new("mkfifo").arg(house.world.path("list"))).ok();
    let list = house.world.path("list").display().to_string();
    let dir = house.dir().display().to_string();
    let mut command = house.world.tannery(&["createrepo", "-i", &list, &dir]);
    let mut first = command.stdout(Stdio::null()).spawn().unwrap();
    eventually(Duration::from_secs(60), "the lock", || house.path(".repodata").exists());
    let before = stamp(&house.path("repodata/repomd.xml"));
    let ended = house.ours(&[&dir]);
    assert_eq!((ended.status, ended.stderr.contains("another run is at work")), (1, true), "{}", ended.stderr);
    assert_eq!(house.theirs(&[&dir]).status, 1);
    assert_eq!(stamp(&house.path("repodata/repomd.xml")), before);
    fs::write(house.world.path("list"), format!("{}\n", house.file_name(0))).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(hrefs(&read([&house.dir()])[0]), [house.file_name(0)]);
    assert!(!fifo.exists());
}

#[test]
fn repodata_that_is_no_directory_gives_way() {
    // 81.
    let house = House::with(1);
    house.write("repodata", "a file");
    house.make(&[]);
    fs::remove_dir_all(house.path("repodata")).unwrap();
    symlink("nowhere", house.path("repodata")).unwrap();
    house.make(&[]);
    fs::remove_dir_all(house.path("repodata")).unwrap();
    let real = house.world.path("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, house.path("repodata")).unwrap();
    house.make(&[]);
    assert!(real.join("repomd.xml").exists());
    assert!(house.path("repodata").symlink_metadata().unwrap().is_symlink());
}
