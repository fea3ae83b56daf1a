//! What of input that means harm, or is broken? It is named and left out, the rest is listed, memory and time are
//! bounded, and an old repository is untouched where a run fails.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;

use tannery::model::Sha256;
use tannery::repodata::{Checksum, Record, Repomd};

use super::{House, hrefs, names, read, stamp, touch};
use crate::world::Chance;
use crate::world::{Ended, eventually, peer, run};

/// Address space that a run may have, in KiB: whoever trusts a forged number wants more.
const MEMORY: u64 = 3 << 20;

/// Uncompressed size of what is compressed well.
const BOMB: usize = 320 << 20;

const FILELISTS: &str = "<filelists xmlns=\"http://linux.duke.edu/metadata/filelists\" packages=\"0\"></filelists>";
const OTHER: &str = "<otherdata xmlns=\"http://linux.duke.edu/metadata/other\" packages=\"0\"></otherdata>";

/// Runs our command on the directory with little memory.
fn confined(house: &House, arguments: &[&str]) -> Ended {
    let ours = house.world.tannery(&["createrepo", house.dir().to_str().unwrap()]);
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"")]);
    run(command.arg(ours.get_program()).args(ours.get_args()).args(arguments).current_dir(house.world.path("")))
}

/// Returns a compressed run of blanks within `around`.
fn bomb(before: &str, behind: &str) -> Vec<u8> {
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    packed.write_all(before.as_bytes()).unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..BOMB >> 20 {
        packed.write_all(&blanks).unwrap();
    }
    packed.write_all(behind.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Writes damaged copies of a package; returns their names.
fn damage(house: &House, seed: u64) -> Vec<String> {
    let whole = fs::read(house.package(3)).unwrap();
    let number = |at: usize| u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
    let signature = (104, number(104), number(108));
    let main = 96 + 16 + (signature.1 * 16 + signature.2).next_multiple_of(8);
    let end = main + 16 + number(main + 8) * 16 + number(main + 12);
    let mut copies = Vec::new();
    for cut in 0..60 {
        copies.push((format!("cut-{cut}"), whole[..end * cut / 60].to_vec()));
    }
    let mut chance = Chance::new(seed);
    for flip in 0..400 {
        let mut copy = whole.clone();
        copy[chance.below(end as u64) as usize] ^= 1 << chance.below(8);
        copies.push((format!("flip-{flip}"), copy));
    }
    // How many entries and bytes the headers have, and type, place and count of each entry.
    let entries = (0..number(main + 8)).flat_map(|entry| [4, 8, 12].map(|field| main + 16 + entry * 16 + field));
    for at in [104, 108, main + 8, main + 12].into_iter().chain(entries) {
        for forged in [u32::MAX, i32::MAX as u32, 0x0fff_ffff] {
            let mut copy = whole[..end + 100].to_vec();
            copy[at..at + 4].copy_from_slice(&forged.to_be_bytes());
            copies.push((format!("forged-{at}-{forged:x}"), copy));
        }
    }
    for (name, bytes) in &copies {
        house.write(&format!("{name}.rpm"), bytes);
    }
    copies.into_iter().map(|(name, _)| format!("{name}.rpm")).collect()
}

#[test]
fn damaged_and_forged_packages_are_named_and_the_others_listed() {
    let seed = Chance::seed();
    println!("TANNERY_TEST_SEED={seed}");
    let house = House::with(2);
    let damaged = damage(&house, seed);
    let ended = confined(&house, &[]);
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let listed = hrefs(&read([&house.dir()])[0]);
    assert!(listed.contains(&house.file_name(0)) && listed.contains(&house.file_name(1)));
    for name in damaged {
        let is_named = ended.stderr.contains(&format!("/{name} is left out: "));
        assert_ne!(is_named, listed.contains(&name), "{name}, seed {seed}");
        // What a flipped bit says nobody can know to be wrong; a file that ends too early is.
        assert!(is_named || !name.starts_with("cut-"), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let house = House::with(1);
    symlink("/proc/self/mem", house.path("endless.rpm")).unwrap();
    symlink("loop.rpm", house.path("loop.rpm")).unwrap();
    run(Command::new("mkfifo").arg(house.path("pipe.rpm"))).ok();
    let ended = confined(&house, &[]);
    assert_eq!((ended.status, ended.stderr.matches(" is left out: ").count()), (2, 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("endless.rpm is left out: "), "{}", ended.stderr);
    // Named one by one, each of them is missed.
    let list = format!("{}\nloop.rpm\npipe.rpm\n../dir\n", house.file_name(0));
    let list = house.world.write("list", list).display().to_string();
    let ended = confined(&house, &["--pkglist", &list]);
    assert_eq!((ended.status, ended.stderr.matches(" is left out: ").count()), (2, 3), "{}", ended.stderr);
    assert_eq!(hrefs(&read([&house.dir()])[0]), [house.file_name(0)]);
}

#[test]
fn a_file_that_is_shut_or_on_a_bad_disk_is_named() {
    // The kernel's own errors as far as the program can tell, since nothing is shut to root.
    for (call, error, text) in [("openat", "EACCES", "Permission denied"), ("read", "EIO", "Input/output error")] {
        let house = House::with(2);
        let bad = house.put(2, "bad.rpm");
        let ours = house.world.tannery(&["createrepo", house.dir().to_str().unwrap()]);
        let mut command = Command::new(peer("STRACE"));
        command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&bad);
        command.args(["-e", &format!("inject={call}:error={error}")]);
        let ended = run(command.arg(ours.get_program()).args(ours.get_args()).current_dir(house.world.path("")));
        let named = format!("bad.rpm is left out: the file cannot be read: {text}");
        assert_eq!((ended.status, ended.stderr.contains(&named)), (2, true), "{}", ended.stderr);
        assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 2, "{error}");
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_left_out_and_a_huge_one_is_not() {
    let house = House::with(1);
    let huge = house.put(1, "huge.rpm");
    let file = File::options().write(true).open(&huge).unwrap();
    file.set_len((4 << 30) + 5).unwrap();
    touch(&huge, 1_600_000_000);
    let mut command = house.world.tannery(&["createrepo", house.dir().to_str().unwrap()]);
    let running = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let opened = format!("/proc/{}/fd", running.id());
    eventually(Duration::from_secs(60), "the file is read", || {
        let open = fs::read_dir(&opened).into_iter().flatten().flatten();
        open.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|path| path == huge))
    });
    touch(&huge, 1_600_000_001);
    let ended = Ended::from(running.wait_with_output().unwrap());
    assert_eq!(ended.status, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("huge.rpm is left out: "), "{}", ended.stderr);
    assert_eq!(hrefs(&read([&house.dir()])[0]), [house.file_name(0)]);
    // 40: sizes have 64 bits.
    let said = house.make(&["--update"]);
    let sizes: Vec<u64> =
        said["packages"].as_array().unwrap().iter().map(|package| package["size_package"].as_u64().unwrap()).collect();
    assert!(sizes.contains(&((4 << 30) + 5)), "{sizes:?}");
}

/// Writes an old repository whose files are as `repomd.xml` says, and hold this.
fn old_repository(house: &House, primary: &[u8]) {
    let contents = [("primary", primary), ("filelists", FILELISTS.as_bytes()), ("other", OTHER.as_bytes())];
    let records = contents.map(|(kind, bytes)| {
        house.write(&format!("repodata/{kind}.xml"), bytes);
        record(kind, &format!("repodata/{kind}.xml"), bytes)
    });
    let repomd = Repomd { revision: "1".to_owned(), records: records.to_vec(), ..Repomd::default() };
    house.write("repodata/repomd.xml", repomd.to_bytes());
}

fn record(kind: &str, href: &str, bytes: &[u8]) -> Record {
    Record {
        kind: kind.to_owned(),
        checksum: Checksum::sha256(&Sha256::of(bytes)),
        open_checksum: None,
        header_checksum: None,
        href: href.to_owned(),
        base: None,
        timestamp: 1,
        size: None,
        open_size: None,
        header_size: None,
        database_version: None,
    }
}

/// Runs an update over what is there; checks that both packages are listed and what was said of the old.
fn is_replaced(house: &House, what: &str, complaint: &str) {
    let ended = confined(house, &["--update"]);
    assert_eq!(ended.status, 0, "{what}: {}", ended.stderr);
    assert!(ended.stderr.contains(complaint), "{what}: {}", ended.stderr);
    assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 2, "{what}");
}

#[test]
fn old_metadata_that_means_harm_is_of_no_use() {
    let head = "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"1\">";
    let entities = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>{head}&b;</metadata>"
    );
    let package = |inside: &str| format!("{head}<package type=\"rpm\">{inside}</package></metadata>");
    let cases = [
        ("entities", entities.into_bytes()),
        ("an unknown entity", package("<name>&x;</name>").into_bytes()),
        ("no end", head.as_bytes().to_vec()),
        ("no XML", b"\0\x01\x02".to_vec()),
        ("no UTF-8", package("<name>\u{e9}</name>").chars().map(|c| c as u8).collect()),
        ("a deep one", package(&"<a>".repeat(100_000)).into_bytes()),
        ("a long tag", package(&format!("<a b=\"{}\"/>", "x".repeat(8 << 20))).into_bytes()),
        ("a bomb", bomb(head, "</metadata>")),
        ("a bomb in a package", bomb(&package("<name>"), "")),
    ];
    for (what, primary) in cases {
        let house = House::with(2);
        old_repository(&house, &primary);
        is_replaced(&house, what, "is of no use");
    }
}

#[test]
fn a_repomd_that_means_harm_is_of_no_use() {
    let house = House::with(2);
    let entities = "<!DOCTYPE r [<!ENTITY a \"aa\">]><repomd><revision>&a;</revision></repomd>";
    let large = format!("<repomd>{}</repomd>", " ".repeat(5 << 20));
    for (what, text) in [("entities", entities), ("a large one", &large)] {
        house.write("repodata/repomd.xml", text);
        is_replaced(&house, what, "repomd.xml is of no use");
    }
    fs::remove_file(house.path("repodata/repomd.xml")).unwrap();
    run(Command::new("mkfifo").arg(house.path("repodata/repomd.xml"))).ok();
    is_replaced(&house, "a pipe", "it is no regular file");
    // Files elsewhere: nothing that has no end is read, and nothing is removed.
    let outside = house.world.write("outside", "hello");
    run(Command::new("mkfifo").arg(house.path("repodata/pipe"))).ok();
    let elsewhere = outside.display().to_string();
    let places = [("/dev/zero", 0), (&*elsewhere, 0), ("../outside", 0), ("repodata/pipe", 2), ("repodata", 2)];
    for (href, status) in places {
        let kinds = ["primary", "filelists", "other", "group"];
        let records = kinds.map(|kind| record(kind, href, b"other bytes"));
        let repomd = Repomd { revision: "1".to_owned(), records: records.to_vec(), ..Repomd::default() };
        house.write("repodata/repomd.xml", repomd.to_bytes());
        let ended = confined(&house, &["--update", "--keep-for", "0s"]);
        assert_eq!((ended.status, ended.stderr.contains("is of no use: ")), (status, true), "{href}: {}", ended.stderr);
        assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 2, "{href}");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "hello", "{href}");
    }
}

#[test]
fn a_bomb_beside_the_packages_ends_the_run_and_leaves_the_old_repository() {
    let house = House::with(2);
    house.make(&[]);
    let before = stamp(&house.path("repodata/repomd.xml"));
    let files = names(&house.path("repodata"));
    let comps = house.world.write("comps.xml.zst", bomb("<comps>", "</comps>")).display().to_string();
    let ended = confined(&house, &["-g", &comps]);
    assert_eq!((ended.status, ended.stderr.contains("comps.xml.zst")), (1, true), "{}", ended.stderr);
    let modules = house.write("m.modulemd.yaml", bomb("", ""));
    let ended = confined(&house, &["--update"]);
    assert_eq!((ended.status, ended.stderr.contains("m.modulemd.yaml")), (1, true), "{}", ended.stderr);
    fs::remove_file(modules).unwrap();
    assert_eq!(stamp(&house.path("repodata/repomd.xml")), before);
    assert_eq!(names(&house.path("repodata")), files);
    assert!(!house.path(".repodata").exists());
}
