//! Is what has not changed taken over, and nothing else?

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{House, THEN, hrefs, names, read, stamp, touch};

/// Returns the locations of the packages that an update read, by `--read-pkgs-list`.
fn updated(house: &House, arguments: &[&str]) -> Vec<String> {
    let list = house.world.path("read").display().to_string();
    let mut all = vec!["--update", "--read-pkgs-list", &list];
    all.extend(arguments);
    house.make(&all);
    let mut read: Vec<String> = fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    read.sort();
    read
}

/// Returns a repository made anew of the same packages.
fn cold(house: &House, arguments: &[&str]) -> Value {
    let out = house.world.path("cold");
    let _ = fs::remove_dir_all(&out);
    fs::create_dir(&out).unwrap();
    let (out_text, dir) = (out.display().to_string(), house.dir().display().to_string());
    let mut all = arguments.to_vec();
    all.extend(["-o", &out_text, &dir]);
    house.ours(&all).ok();
    let [said] = read([&out]);
    said
}

/// Returns the files that list packages, by name.
fn data_files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let repodata = dir.join("repodata");
    let listed = fs::read_to_string(repodata.join("repomd.xml")).unwrap();
    let names = names(&repodata).into_iter().filter(|name| listed.contains(name.as_str()));
    names.map(|name| (name.clone(), fs::read(repodata.join(name)).unwrap())).collect()
}

#[test]
fn nothing_new_leaves_repomd_alone() {
    // 54.
    for packing in ["zstd", "gz", "xz", "bz2"] {
        let house = House::with(5);
        let arguments = ["--general-compress-type", packing];
        house.make(&arguments);
        let repomd = house.path("repodata/repomd.xml");
        let before = stamp(&repomd);
        let dir = house.dir().display().to_string();
        let ended = house.ours(&["--update", "--general-compress-type", packing, &dir]);
        assert!(ended.ok().contains("New and old repodata match, not updating.\n"));
        house.make(&arguments);
        assert_eq!(stamp(&repomd), before, "{packing}");
        assert!(updated(&house, &arguments).is_empty(), "{packing}");
    }
}

#[test]
fn a_new_revision_is_honoured() {
    // Better than createrepo_c, which ignores it.
    let house = House::with(2);
    house.make(&[]);
    let said = house.make(&["--update", "--revision", "77"]);
    assert_eq!(said["revision"], "77");
    assert_eq!(house.make(&["--update"])["revision"], "77");
}

#[test]
fn an_update_is_what_a_cold_run_is() {
    // 55: the same bytes, whatever came before.
    for packing in ["zstd", "gz", "xz"] {
        let house = House::with(12);
        let arguments = ["--general-compress-type", packing];
        house.make(&arguments);
        fs::remove_file(house.path(house.file_name(3))).unwrap();
        house.put(12, "sub/new.rpm");
        house.put(13, house.file_name(5));
        fs::rename(house.path(house.file_name(7)), house.path("moved.rpm")).unwrap();
        let read = updated(&house, &arguments);
        let mut expected = vec!["moved.rpm".to_owned(), house.file_name(5), "sub/new.rpm".to_owned()];
        expected.sort();
        assert_eq!(read, expected, "{packing}");
        cold(&house, &arguments);
        assert_eq!(data_files(&house.dir())[..3], data_files(&house.world.path("cold"))[..3], "{packing}");
    }
}

#[test]
fn what_createrepo_c_wrote_is_taken_over() {
    let house = House::with(12);
    let dir = house.dir().display().to_string();
    house.theirs(&["--quiet", &dir]).ok();
    house.put(12, "new.rpm");
    assert_eq!(updated(&house, &[]), ["new.rpm"]);
    cold(&house, &[]);
    assert_eq!(data_files(&house.dir())[..3], data_files(&house.world.path("cold"))[..3]);
    // And the other way.
    house.put(13, "newer.rpm");
    house.theirs(&["--update", &dir]).ok();
    assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 14);
}

#[test]
fn time_and_size_tell_what_has_changed() {
    // 56, 57: a change under equal time and size is not seen, by either program.
    let house = House::with(4);
    house.make(&[]);
    let names: Vec<String> = (0..4).map(|number| house.file_name(number)).collect();
    touch(&house.path(&names[0]), THEN + 1);
    let same_size = fs::read(house.path(&names[1])).unwrap();
    let mut changed = same_size.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(house.path(&names[1]), &changed).unwrap();
    touch(&house.path(&names[1]), THEN);
    let longer = [same_size.as_slice(), b"x"].concat();
    fs::write(house.path(&names[2]), longer).unwrap();
    touch(&house.path(&names[2]), THEN);
    assert!(updated(&house, &["--skip-stat"]).is_empty());
    let mut expected = vec![names[0].clone(), names[2].clone()];
    expected.sort();
    assert_eq!(updated(&house, &[]), expected);
    // 58.
    assert_eq!(updated(&house, &["--checksum", "sha512"]).len(), 4);
    assert!(updated(&house, &["--skip-stat", "--checksum", "sha384"]).is_empty());
}

#[test]
fn other_repositories_lend_what_they_know() {
    // 59.
    let house = House::with(4);
    let lender = house.world.path("lender");
    fs::create_dir(&lender).unwrap();
    let dir = house.dir().display().to_string();
    house.theirs(&["-q", "-o", lender.to_str().unwrap(), &dir]).ok();
    house.put(4, "new.rpm");
    assert_eq!(updated(&house, &["--update-md-path", lender.to_str().unwrap()]), ["new.rpm"]);
    assert_eq!(cold(&house, &[])["packages"], read([&house.dir()])[0]["packages"]);
    let missing = house.ours(&["--update", "--update-md-path", "/nowhere", &dir]);
    assert!(missing.stderr.contains("/nowhere"), "{missing:?}");
    assert_eq!(missing.status, 0);
}

#[test]
fn a_recycled_list_is_what_was_listed() {
    // 60.
    let house = House::with(4);
    house.compare(&[]);
    let list = house.world.write("list", format!("{}\n", house.file_name(4))).display().to_string();
    house.put(4, house.file_name(4));
    house.put(5, house.file_name(5));
    let said = house.compare(&["--update", "--recycle-pkglist", "--pkglist", &list]);
    assert_eq!(hrefs(&said).len(), 5);
    fs::remove_file(house.path(house.file_name(1))).unwrap();
    let said = house.compare(&["--update", "--recycle-pkglist", "-x", &house.file_name(2)]);
    assert_eq!(hrefs(&said).len(), 3);
    let said = house.compare(&["--update", "--recycle-pkglist", "--skip-stat"]);
    assert_eq!(hrefs(&said).len(), 3);
}

#[test]
fn a_missing_file_that_was_named_is_told() {
    let house = House::with(2);
    let list = house.world.write("list", format!("{}\nmissing.rpm\n", house.file_name(0))).display().to_string();
    for arguments in [&["-i", &list][..], &["-i", &list, "--update"], &["-i", &list, "--update", "--skip-stat"]] {
        house.compare(arguments);
    }
}
