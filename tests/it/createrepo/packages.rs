//! Are the same packages listed? What is found, named and left out.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{House, hrefs, read};

#[test]
fn empty_and_full_directories_say_the_same() {
    // 1, 76, 80: the bindings refuse files of different order, and compare sums and sizes.
    let house = House::new();
    let said = house.compare(&[]);
    assert!(hrefs(&said).is_empty());
    // 2, 3, 4.
    for number in 0..house.made.first.len() {
        house.put(number, house.file_name(number));
    }
    house.put(0, "deep/er/Same_Name+~1.rpm");
    house.put(1, "DEEP/er/same_name+~1.rpm");
    house.put(2, "0/1.rpm");
    let said = house.compare(&[]);
    assert_eq!(hrefs(&said).len(), house.made.first.len() + 3);
    // 79, and a changelog limit.
    for arguments in
        [&["--changelog-limit", "0"][..], &["--changelog-limit", "-1"], &["--no-pretty"], &["--filelists-ext"]]
    {
        house.compare(arguments);
    }
}

#[test]
fn files_that_are_no_packages_are_left_out_and_named() {
    // 45, 46, 48.
    let house = House::with(3);
    let whole = fs::read(house.package(3)).unwrap();
    house.write("cut.rpm", &whole[..whole.len() / 10]);
    house.write("empty.rpm", "");
    house.write("text.rpm", "this is no package");
    house.write("other.txt", &whole);
    house.put(4, "directory.rpm/inside.rpm");
    symlink("nowhere.rpm", house.path("dangling.rpm")).unwrap();
    symlink(house.package(5), house.path("link.rpm")).unwrap();
    let said = house.compare(&[]);
    assert_eq!(hrefs(&said).len(), 5);
    let both = house.both(&[]);
    assert_eq!(both.ours.status, 2);
    for name in ["cut.rpm", "empty.rpm", "text.rpm"] {
        assert!(both.ours.stderr.contains(name), "{}", both.ours.stderr);
    }
    assert_eq!(hrefs(&house.compare(&["--skip-symlinks"])).len(), 4);
}

#[test]
fn a_directory_that_cannot_be_read_is_named() {
    // 47, better than createrepo_c. Too deep a path cannot be read by anybody, root included.
    let house = House::with(1);
    let name = "d".repeat(250);
    let mut dir = rustix_open(&house.dir());
    for _ in 0..18 {
        rustix::fs::mkdirat(&dir, name.as_str(), rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY;
        dir = rustix::fs::openat(&dir, name.as_str(), flags, rustix::fs::Mode::empty()).unwrap();
    }
    let ended = house.ours(&[house.dir().to_str().unwrap()]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("the directory cannot be read"), "{}", ended.stderr);
    assert_eq!(hrefs(&read([&house.dir()])[0]).len(), 1);
}

fn rustix_open(dir: &std::path::Path) -> std::os::fd::OwnedFd {
    fs::File::open(dir).unwrap().into()
}

#[test]
fn loops_of_links_end_with_each_package_once() {
    // 49, better than createrepo_c, which lists each 41 times or does not end.
    let house = House::with(1);
    house.put(1, "a/x.rpm");
    house.put(2, "b/y.rpm");
    for (target, link) in [(".", "loop1"), (".", "loop2"), ("../b", "a/to-b"), ("../a", "b/to-a")] {
        symlink(target, house.path(link)).unwrap();
    }
    let said = house.make(&[]);
    assert_eq!(hrefs(&said), ["a/x.rpm", "b/y.rpm", &house.file_name(0)]);
}

#[test]
fn links_to_directories_are_followed() {
    let house = House::new();
    let outside = house.world.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::copy(house.package(0), outside.join("o.rpm")).unwrap();
    symlink(&outside, house.path("in")).unwrap();
    assert_eq!(hrefs(&house.compare(&[])), ["in/o.rpm"]);
}

#[test]
fn hostile_names_become_locations_or_are_left_out() {
    // 13, 50, better than createrepo_c, which writes names that are not UTF-8 as others.
    let house = House::new();
    let fine = ["a%41 b.rpm", "cr\rx.rpm", "h#x?y.rpm", "nl\nx.rpm", "q'\"<&>.rpm", "tab\tx.rpm", "ü.rpm"];
    for name in fine {
        house.put(0, name);
    }
    assert_eq!(hrefs(&house.compare(&[])), fine);
    for name in [&b"bad\xff.rpm"[..], b"esc\x1b.rpm", b"\xef\xbf\xbf.rpm"] {
        house.put(0, OsStr::from_bytes(name));
    }
    let ended = house.ours(&[house.dir().to_str().unwrap()]);
    assert_eq!((ended.status, ended.stderr.matches(" is left out: ").count()), (2, 3), "{}", ended.stderr);
    assert!(ended.stderr.contains("esc\\u{1b}.rpm"), "{}", ended.stderr);
    assert_eq!(hrefs(&read([&house.dir()])[0]), fine);
}

#[test]
fn packages_of_one_nevra_are_told_of_and_listed_or_not() {
    // 51.
    let house = House::with(2);
    house.put(0, "again/z.rpm");
    house.put(0, "again/a.rpm");
    let said = house.compare(&[]);
    assert_eq!(hrefs(&said).len(), 4);
    let both = house.both(&[]);
    assert!(both.ours.stderr.contains("is listed 3 times, and should be once"), "{}", both.ours.stderr);
    // With other bytes too, as a signed copy has them.
    let other = [fs::read(house.package(0)).unwrap(), b"x".to_vec()].concat();
    house.write("again/other.rpm", other);
    assert_eq!(hrefs(&house.compare(&[])).len(), 5);
    let said = house.compare(&["--duplicated-nevra", "keep-last"]);
    assert_eq!(hrefs(&said).len(), 2);
    house.compare(&["--duplicated-nevra", "keep-last", "--update"]);
}

#[test]
fn lists_of_packages_are_taken_word_by_word() {
    // 52.
    let house = House::with(3);
    house.put(3, "a/x.rpm");
    house.write("comps.xml", "<comps/>");
    let list = |text: &str| house.world.write("list", text).display().to_string();
    let name = house.file_name(0);
    let path = list(&format!("{name}\r\n {name}\n\n./{name}\na/x.rpm\n/a/x.rpm\na//x.rpm\na/../a/x.rpm\ncomps.xml\n"));
    let said = house.compare(&["--pkglist", &path]);
    assert_eq!(hrefs(&said).len(), 5);
    let path = list("missing.rpm\n");
    house.compare(&["--pkglist", &path]);
    let path = list("");
    let both = house.both(&["--pkglist", &path]);
    assert_eq!((both.ours.status, both.theirs.status), (0, 0));
    assert!(hrefs(&house.compare_repositories(&[])).is_empty());
    // Accepted difference: a package that is named twice is listed once, since readers double its files else.
    let path = list(&format!("{name}\n{name}\n"));
    assert_eq!(hrefs(&house.make(&["--pkglist", &path])), [name.as_str()]);
    let both = house.both(&["--pkglist", "/nowhere/list"]);
    assert_eq!((both.ours.status, both.theirs.status), (1, 1));
}

#[test]
fn packages_are_included_and_excluded() {
    // 53.
    let house = House::with(4);
    house.put(4, "a/b/x.src.rpm");
    house.put(5, "a/y.rpm");
    let first = house.file_name(0);
    for arguments in [
        &["-x", "*.src.rpm"][..],
        &["-x", "a/*"],
        &["-x", "b"],
        &["-x", "[ab]*", "-x", "?"],
        &["-x", "y.rpm", "--excludes=*noarch*"],
        &["-n", "a/y.rpm", "--includepkg", &first],
        &["-n", "a/y.rpm", "-x", "y.rpm"],
        &["-n", "a/y.rpm", "-x", "a/*", "-n", &first],
        &["-n", "missing.rpm", "-n", &first],
    ] {
        house.compare(arguments);
    }
    let list = house.world.write("list", format!("{first}\n")).display().to_string();
    assert_eq!(hrefs(&house.compare(&["-i", &list, "-n", "a/y.rpm"])).len(), 2);
}
