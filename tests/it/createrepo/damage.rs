//! Is old metadata that is damaged made whole? Better than createrepo_c, which leaves it as it is.

use std::fs;

use super::{House, hrefs, names, stamp};

/// Returns the file of a record of the directory's repository.
fn file_of(house: &House, kind: &str) -> std::path::PathBuf {
    let repodata = house.path("repodata");
    let name = names(&repodata).into_iter().find(|name| name.contains(kind)).unwrap();
    repodata.join(name)
}

#[test]
fn files_that_are_damaged_or_gone_are_made_again() {
    // 61.
    for writer in ["ours", "theirs"] {
        for kind in ["primary", "filelists", "other"] {
            for damage in ["gone", "cut", "flipped", "junk"] {
                let house = House::with(4);
                let dir = house.dir().display().to_string();
                if writer == "ours" {
                    house.make(&[]);
                } else {
                    house.theirs(&["-q", &dir]).ok();
                }
                let path = file_of(&house, kind);
                let whole = fs::read(&path).unwrap();
                match damage {
                    "gone" => fs::remove_file(&path).unwrap(),
                    "cut" => fs::write(&path, &whole[..whole.len() / 2]).unwrap(),
                    "flipped" => {
                        let mut flipped = whole.clone();
                        flipped[whole.len() / 2] ^= 1;
                        fs::write(&path, flipped).unwrap();
                    }
                    _ => fs::write(&path, "junk").unwrap(),
                }
                let repomd = stamp(&house.path("repodata/repomd.xml"));
                let said = house.make(&["--update"]);
                assert_eq!(hrefs(&said).len(), 4, "{writer} {kind} {damage}");
                if writer == "ours" {
                    assert_eq!(fs::read(&path).unwrap(), whole, "{kind} {damage}");
                    assert_eq!(stamp(&house.path("repodata/repomd.xml")), repomd, "{kind} {damage}");
                }
            }
        }
    }
}

#[test]
fn a_repomd_that_is_broken_is_made_anew() {
    for content in ["", "junk", "<repomd>", "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"/>"] {
        let house = House::with(2);
        house.make(&[]);
        fs::write(house.path("repodata/repomd.xml"), content).unwrap();
        assert_eq!(hrefs(&house.make(&["--update"])).len(), 2, "{content}");
    }
}

#[test]
fn old_metadata_without_open_checksums_is_taken_over() {
    // 62.
    let house = House::with(3);
    house.make(&[]);
    let path = house.path("repodata/repomd.xml");
    let text = fs::read_to_string(&path).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("<open-")).collect();
    fs::write(&path, without.join("\n")).unwrap();
    let list = house.world.path("read").display().to_string();
    assert_eq!(hrefs(&house.make(&["--update", "--read-pkgs-list", &list])).len(), 3);
    assert_eq!(fs::read_to_string(&list).unwrap(), "");
    assert_eq!(fs::read_to_string(&path).unwrap().matches("<open-checksum").count(), 3);
}
