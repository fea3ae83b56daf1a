//! Do the records beside the packages, the names, sums and times of files come out the same?

use std::fs;

use serde_json::Value;

use super::{House, names, read, records, stamp};
use crate::world::{peer, run};

const COMPS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<comps><group><id>a</id></group></comps>\n";
const DEFAULTS: &str = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: foo\n  stream: \"1\"\n...\n";
const STREAM: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: foo\n  stream: \"1\"\n  version: 1\n  context: aaa\n  \
                      summary: s\n  description: >-\n    d\n  license:\n    module:\n    - MIT\n...\n";

/// Returns the types of the records.
fn kinds(repository: &Value) -> Vec<String> {
    records(repository).into_keys().collect()
}

/// Adds a record to a repository by createrepo_c's own tool.
fn modify(house: &House, side: &str, file: &str) {
    let tool = peer("CREATEREPO").replace("createrepo_c", "modifyrepo_c");
    let path = house.world.path(side).join("repodata");
    run(std::process::Command::new(tool).arg(house.world.path(file)).arg(path)).ok();
}

#[test]
fn group_files_are_added_kept_replaced_and_discarded() {
    // 64.
    let house = House::with(2);
    house.write("comps.xml", COMPS);
    house.write("b.xml", COMPS.replace("<id>a", "<id>b"));
    let outside = house.world.write("outside.xml", COMPS).display().to_string();
    for arguments in [
        &["-g", "comps.xml"][..],
        &["--groupfile", "comps.xml", "--update"],
        &["--update"],
        &["--update", "-g", "b.xml"],
        &["--update", "-g", "b.xml", "--discard-additional-metadata"],
        &["--update", "--discard-additional-metadata"],
        &["-g", &outside, "--compress-type", "gz"],
        &["-g", &outside, "--xz"],
        &["--update", "--keep-all-metadata"],
        &[],
        &["-g", &outside, "--simple-md-filenames"],
    ] {
        house.compare(arguments);
    }
    let both = house.both(&["-g", "missing.xml"]);
    assert_eq!((both.ours.status, both.theirs.status), (1, 1));
}

#[test]
fn module_documents_are_found_and_merged_and_live_on() {
    // 65.
    let house = House::with(2);
    house.write("m/modules.yaml", STREAM);
    house.write("m/deep/x.modulemd-defaults.yaml", DEFAULTS);
    for arguments in [&[][..], &["--update"]] {
        assert!(kinds(&house.make(arguments)).contains(&"modules".to_owned()));
    }
    let dir = house.dir().display().to_string();
    let modules = |house: &House| {
        let repodata = house.path("repodata");
        let name = names(&repodata).into_iter().find(|name| name.ends_with("modules.yaml.zst")).unwrap();
        String::from_utf8(zstd::decode_all(fs::File::open(repodata.join(name)).unwrap()).unwrap()).unwrap()
    };
    let ours = modules(&house);
    house.theirs(&["-q", "-o", house.world.path("").to_str().unwrap(), &dir]).ok();
    let theirs = names(&house.world.path("repodata")).into_iter().find(|name| name.contains("modules")).unwrap();
    let theirs = fs::File::open(house.world.path("repodata").join(theirs)).unwrap();
    assert_eq!(ours, String::from_utf8(zstd::decode_all(theirs).unwrap()).unwrap());
    fs::remove_dir_all(house.path("m")).unwrap();
    for arguments in [&[][..], &["--update"]] {
        assert!(kinds(&house.make(arguments)).contains(&"modules".to_owned()));
        assert_eq!(modules(&house), ours);
    }
    assert!(!kinds(&house.make(&["--update", "--discard-additional-metadata"])).contains(&"modules".to_owned()));
    house.write("y.modulemd.yaml", "bad yaml: [");
    let before = stamp(&house.path("repodata/repomd.xml"));
    let ended = house.ours(&[&dir]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.contains("y.modulemd.yaml has a document that does not say what it is"), "{}", ended.stderr);
    assert_eq!(stamp(&house.path("repodata/repomd.xml")), before);
}

#[test]
fn records_that_nobody_knows_are_kept_by_update() {
    // 66, 69, 71.
    let house = House::with(2);
    house.compare(&[]);
    house.world.write("productid", "hello");
    house.world.write("updateinfo.xml", "<updates/>");
    for side in ["ours", "theirs"] {
        modify(&house, side, "productid");
        modify(&house, side, "updateinfo.xml");
    }
    house.put(2, "new.rpm");
    let said = house.compare(&["--update"]);
    assert_eq!(kinds(&said), ["filelists", "other", "primary", "productid", "updateinfo"]);
    house.put(3, "newer.rpm");
    let said = house.compare(&["--update", "--general-compress-type", "gz", "-s", "sha512"]);
    assert_eq!(kinds(&said).len(), 5);
    let said = house.compare(&[]);
    assert_eq!(kinds(&said), ["filelists", "other", "primary"]);
}

#[test]
fn a_kept_record_that_is_damaged_is_named_and_dropped() {
    let house = House::with(2);
    house.compare(&["-g", &house.world.write("comps.xml", COMPS).display().to_string()]);
    let repodata = house.world.path("ours/repodata");
    let comps = names(&repodata).into_iter().find(|name| name.contains("comps")).unwrap();
    fs::write(repodata.join(&comps), "junk").unwrap();
    let both = house.both(&["--update"]);
    assert_eq!(both.ours.status, 2);
    assert!(both.ours.stderr.contains(&comps) && both.ours.stderr.contains("its size"), "{}", both.ours.stderr);
    let [said] = read([&house.world.path("ours")]);
    assert_eq!(kinds(&said), ["filelists", "other", "primary"]);
}

#[test]
fn tags_revision_and_times_are_the_same() {
    // 67, 68.
    let house = House::with(2);
    let arguments = [
        "--distro",
        "cpe:/o:x,Name, with comma",
        "--distro=foo",
        "--content",
        "c<1",
        "--content",
        "c2",
        "--repo",
        "r1",
        "--revision",
        "123",
        "--set-timestamp-to-revision",
    ];
    let said = house.compare(&arguments);
    assert_eq!(said["revision"], "123");
    for record in records(&said).values() {
        assert_eq!((&record["timestamp"], &record["mtime"]), (&Value::from(123), &Value::from(123)));
    }
    let ours = house.world.path("ours/repodata");
    let before: Vec<_> = names(&ours).into_iter().map(|name| fs::read(ours.join(name)).unwrap()).collect();
    fs::remove_dir_all(&ours).unwrap();
    house.compare(&arguments);
    let after: Vec<_> = names(&ours).into_iter().map(|name| fs::read(ours.join(name)).unwrap()).collect();
    assert_eq!(before, after);
    // The bindings have nothing for an empty one.
    for (revision, said) in [("", Value::Null), ("a<b", Value::from("a<b"))] {
        assert_eq!(house.compare(&["--revision", revision])["revision"], said);
    }
    // Better than createrepo_c, which crashes.
    let dir = house.dir().display().to_string();
    let ended = house.ours(&["--set-timestamp-to-revision", &dir]);
    assert_eq!((ended.status, ended.stderr.contains("needs --revision")), (1, true), "{}", ended.stderr);
    let both = house.both(&["--set-timestamp-to-revision", "--revision", "abc"]);
    assert_eq!((both.ours.status, both.theirs.status), (1, 1));
}

#[test]
fn names_compressions_and_checksums_are_the_same() {
    // 69, 70, 71.
    let house = House::with(3);
    let first = house.compare(&[]);
    for arguments in [
        &["--simple-md-filenames"][..],
        &["--unique-md-filenames", "--update"],
        &["--unique-md-filenames", "--simple-md-filenames"],
        &["--general-compress-type", "gz"],
        &["--general-compress-type=xz", "--update"],
        &["--general-compress-type", "BZ2", "--update"],
        &["--general-compress-type", "zstd", "--update"],
        &["--repomd-checksum", "sha384"],
        &["--repomd-checksum", "SHA224", "--general-compress-type", "gz", "--update"],
        &["-s", "sha512", "--repomd-checksum", "sha256"],
    ] {
        house.compare(arguments);
    }
    assert_eq!(house.compare(&["--update"])["packages"], first["packages"]);
}

#[test]
fn a_signature_does_not_outlive_what_it_signs() {
    // 75, better than createrepo_c.
    let house = House::with(2);
    house.make(&[]);
    house.write("repodata/repomd.xml.asc", "signature");
    house.write("repodata/repomd.xml.key", "key");
    house.make(&["--update"]);
    assert!(house.path("repodata/repomd.xml.asc").exists(), "nothing changed");
    house.put(2, "new.rpm");
    let ended = house.ours(&["--update", house.dir().to_str().unwrap()]);
    assert!(ended.stderr.contains("repomd.xml.asc was of the old repomd.xml, and is removed"), "{}", ended.stderr);
    assert!(!house.path("repodata/repomd.xml.asc").exists() && house.path("repodata/repomd.xml.key").exists());
}

#[test]
fn compatibility_is_gzip_and_a_plain_group_file() {
    let house = House::with(2);
    let comps = house.world.write("comps.xml", COMPS).display().to_string();
    let said = house.compare(&["--compatibility", "--no-database", "-g", &comps]);
    assert_eq!(records(&said)["group"]["name"], "comps.xml");
    assert_eq!(records(&said)["primary"]["name"], "primary.xml.gz");
}
