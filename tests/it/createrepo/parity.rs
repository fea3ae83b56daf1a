//! Does our repository say what createrepo_c's says, of many packages: field by field over its bindings, and byte
//! by byte in every element? Of a made-up distribution, and of packages shaped by hand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::corpus::{Corpus, replace, write};
use super::{House, hrefs, names, read};
use crate::parity::elements;
use crate::world::{python, run};

/// How many packages the made-up distribution has, and how many of them are replaced.
const PACKAGES: usize = 1_000;
const REPLACED: usize = 40;

/// What createrepo_c refuses too, of the packages shaped by hand; and one more where whole changelogs are written.
const REFUSED: [&str; 4] = [
    "handmade-archivesize-inside-1-1.noarch.rpm",
    "handmade-control-1-1.noarch.rpm",
    "handmade-control-in-file-1-1.noarch.rpm",
    "shape-reserved-0.rpm",
];

/// What only we refuse: createrepo_c lists it, and readers break on it; or rpmbuild would not make it.
const REFUSED_BY_US: [&str; 5] = [
    "other-brackets-in-name.rpm",
    "other-colon-in-version.rpm",
    "other-dot-before-release.rpm",
    "other-dots-in-version.rpm",
    "other-noncharacter.rpm",
];

const EVERYTHING: [&str; 3] = ["--filelists-ext", "--changelog-limit", "-1"];

/// Runs both, and compares the repositories by the bindings, and each element of the files by its text.
fn compare(house: &House, arguments: &[&str], kinds: &[&str]) -> usize {
    let said = house.compare(arguments);
    compare_texts(house, arguments, kinds);
    hrefs(&said).len()
}

fn compare_texts(house: &House, arguments: &[&str], kinds: &[&str]) {
    for kind in kinds {
        let [ours, theirs] = ["ours", "theirs"].map(|side| elements(&house.world.path(side), kind));
        assert_eq!(ours.len(), theirs.len(), "{arguments:?} {kind}");
        for (our, their) in ours.iter().zip(&theirs) {
            assert_eq!(our, their, "{arguments:?} {kind}");
        }
    }
}

/// Writes the packages shaped by hand: of which both say the same, or of which they do not.
fn shapes(house: &House, side: &str) {
    let out = house.world.path("shapes");
    run(python("shapes.py").arg(&out)).ok();
    fs::remove_dir(house.dir()).unwrap();
    fs::rename(out.join(side), house.dir()).unwrap();
}

#[test]
fn a_made_up_distribution_says_the_same() {
    let house = House::new();
    let corpus = Corpus::plan(PACKAGES);
    let written = write(&corpus, &house.dir()).unwrap();
    assert!(written.files == PACKAGES && written.bytes > 1 << 20, "{written:?}");
    let kinds = ["primary", "filelists", "other", "filelists-ext"];
    assert_eq!(compare(&house, &EVERYTHING, &kinds), PACKAGES);
    // Taken over from an older repository, each program from its own.
    replace(&corpus, &house.dir(), REPLACED, 1).unwrap();
    let update = ["--update", "--filelists-ext", "--changelog-limit", "-1"];
    assert_eq!(compare(&house, &update, &kinds[..3]), PACKAGES);
    // createrepo_c loses the digests of files that it takes over: better than it, an update is what a cold run is.
    let theirs = house.world.path("theirs");
    fs::remove_dir_all(theirs.join("repodata")).unwrap();
    let (theirs, dir) = (theirs.display().to_string(), house.dir().display().to_string());
    house.theirs(&[&EVERYTHING[..], &["-q", "-o", &theirs, &dir]].concat()).ok();
    compare_texts(&house, &update, &kinds);
    let builds: BTreeSet<String> = corpus.replaced(REPLACED, 1).into_iter().map(|n| corpus.build(n, 1)).collect();
    assert_eq!(builds.len(), REPLACED);
}

#[test]
fn packages_shaped_by_hand_say_the_same() {
    let house = House::new();
    shapes(&house, "same");
    let all = names(&house.dir()).len();
    assert!(all - REFUSED.len() >= 200, "{all}");
    let listed = compare(&house, &EVERYTHING, &["primary", "filelists", "other", "filelists-ext"]);
    assert_eq!(listed, all - REFUSED.len() - 1);
    for arguments in [&["--changelog-limit", "0"][..], &["--changelog-limit", "1"], &["-s", "sha512"]] {
        compare(&house, arguments, &["primary", "filelists", "other"]);
    }
    let both = house.both(&[]);
    assert_eq!((both.ours.status, both.theirs.status), (2, 2));
    assert_eq!(left_out(&both.ours.stderr), REFUSED);
    // What createrepo_c wrote of them is taken over as it is.
    let (ours, theirs) = (house.world.path("ours"), house.world.path("theirs").display().to_string());
    let list = house.world.path("read").display().to_string();
    fs::remove_dir_all(ours.join("repodata")).unwrap();
    let mut update = vec!["--update", "--update-md-path", &theirs, "--read-pkgs-list", &list];
    let (out, dir) = (ours.display().to_string(), house.dir().display().to_string());
    update.extend(["-o", &out, &dir]);
    assert_eq!(house.ours(&update).status, 2);
    assert_eq!(fs::read_to_string(&list).unwrap(), "");
    for kind in ["primary", "filelists", "other"] {
        assert_eq!(elements(&ours, kind), elements(Path::new(&theirs), kind), "{kind}");
    }
}

#[test]
fn what_no_reader_could_read_is_written_so_that_it_can_or_left_out() {
    let house = House::new();
    shapes(&house, "other");
    let ended = house.ours(&[house.dir().to_str().unwrap()]);
    assert_eq!((ended.status, left_out(&ended.stderr)), (2, REFUSED_BY_US.map(str::to_owned).to_vec()));
    // Bytes that are no UTF-8 are Latin-1.
    let [said] = read([&house.dir()]);
    let summary = |name: &str| {
        let packages = said["packages"].as_array().unwrap();
        packages.iter().find(|package| package["location_href"] == name).unwrap()["summary"].clone()
    };
    assert_eq!(summary("other-surrogate.rpm"), "í");
    assert_eq!(summary("other-overlong.rpm"), "À à");
    assert_eq!(summary("other-beyond.rpm"), "ô");
}

#[test]
fn the_language_of_whoever_runs_it_is_of_no_effect() {
    let house = House::new();
    shapes(&house, "same");
    let dir = house.dir().display().to_string();
    let primary = |language: &str| {
        let mut command = house.world.tannery(&["createrepo", "-q", "--simple-md-filenames", &dir]);
        let locale = [("LANGUAGE", language), ("LC_ALL", "de_DE.UTF-8"), ("LANG", "de_DE.UTF-8")];
        assert_eq!(run(command.envs(locale)).status, 2);
        fs::read(house.path("repodata/primary.xml.zst")).unwrap()
    };
    assert_eq!(primary("de"), primary("C"));
    let texts = elements(&house.dir(), "primary").concat();
    assert!(texts.contains("<summary>in C</summary>") && !texts.contains("auf Deutsch"));
}

/// Returns the names of the files that were left out, sorted.
fn left_out(stderr: &str) -> Vec<String> {
    let told = stderr.lines().filter_map(|line| Some(line.split_once(" is left out: ")?.0));
    let mut names: Vec<String> = told.filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect();
    names.sort();
    names
}
