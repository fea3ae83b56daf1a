//! Do stock clients read what we write, and install from it? dnf 4, libsolv, zypper and createrepo_c, each with
//! repositories of many segments, in every form they come in.
//!
//! dnf 5 is not to be had for Debian 12.

use std::path::Path;
use std::process::Command;

use tannery::repodata::Compression;

use crate::made::{self, Set};
use crate::world::{Site, Store, World, peer, python, run, tool};

/// A compression, and whether there are checksums of what is uncompressed.
const FORMS: [(Compression, bool); 4] = [
    (Compression::Zstd { level: 8 }, false),
    (Compression::Zstd { level: 8 }, true),
    (Compression::Gzip { level: 6 }, false),
    (Compression::Gzip { level: 6 }, true),
];

/// The last package of all, in the last segment of every file.
const LAST: &str = "p0599";

/// Returns a set of many segments.
fn set() -> Set {
    made::set(600)
}

/// Returns what a client says, a line each.
fn said(arguments: &[&str], url: &str, work: &Path, package: &[&str]) -> Vec<String> {
    let mut command = Command::new(tool("clients"));
    let told = run(command.args(arguments).arg(url).arg(work).args(package)).ok();
    told.lines().map(str::to_owned).collect()
}

/// Returns NAME-VERSION-RELEASE.ARCH of all packages, and the files of the last one, sorted.
fn expected(set: &Set) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<String> =
        set.keys().map(|key| key.nevra.file_name().strip_suffix(".rpm").unwrap().to_owned()).collect();
    names.sort();
    let last = set.iter().find(|(key, _)| key.nevra.name.as_str() == LAST).unwrap().1;
    let files = last.texts[1].lines().filter_map(|line| line.trim().strip_prefix("<file>")?.strip_suffix("</file>"));
    let mut files: Vec<String> = files.map(str::to_owned).collect();
    files.sort();
    assert!(files.len() > 5);
    (names, files)
}

#[test]
fn dnf_libsolv_zypper_and_createrepo_see_all_packages_and_files() {
    let (world, set) = (World::new(), set());
    let (names, files) = expected(&set);
    for (at, (compression, open)) in FORMS.into_iter().enumerate() {
        let name = format!("repository-{at}");
        made::write_with(&world.path(&name), &set, compression, open, 1);
        let (_server, address) = world.static_server(&name);
        let (url, dir) = (format!("http://{address}/"), world.path(&name).display().to_string());
        let work = |client: &str| world.path(format!("{client}-{at}"));
        for (client, place) in [("dnf", &url), ("zypper", &url), ("solv", &dir)] {
            assert_eq!(said(&["list", client], place, &work(client), &[]), names, "{client} {compression:?} {open}");
        }
        for (client, place) in [("dnf", &url), ("solv", &dir)] {
            assert_eq!(
                said(&["files", client], place, &work(client), &[LAST]),
                files,
                "{client} {compression:?} {open}"
            );
        }
    }
}

#[test]
fn createrepo_updates_from_ours_without_reading_a_package() {
    let (world, set) = (World::new(), set());
    for (at, (compression, open)) in FORMS.into_iter().enumerate() {
        let (ours, theirs) = (world.path(format!("ours-{at}")), world.path(format!("theirs-{at}")));
        for repository in [&ours, &theirs] {
            made::write_with(repository, &set, compression, open, 1);
        }
        for key in set.keys() {
            world.write(&format!("theirs-{at}/{}", key.href), "no package at all");
        }
        let mut newest = Command::new(peer("CREATEREPO"));
        let mut update = vec![newest.args(["-q", "--update", "--skip-stat", "--no-database"])];
        // Debian's reads no zstd.
        let mut debians = Command::new("/usr/bin/createrepo_c");
        if matches!(compression, Compression::Gzip { .. }) {
            update.push(debians.args(["-q", "--update", "--skip-stat", "--no-database"]));
        }
        for update in update {
            run(update.arg(&theirs)).ok();
            run(python("parity.py").arg(&ours).arg(&theirs)).ok();
            made::write_with(&theirs, &set, compression, open, 1);
        }
    }
}

#[test]
fn dnf_and_zypper_install_from_live_repositories() {
    let rules = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n\
                 [[follow]]\ntags = [\"oak-old\"]\ncompression = \"gzip\"\nopen_checksums = true\n\
                 [[follow]]\ntags = [\"*\"]\n";
    let site = Site::new(Store::Sqlite, rules);
    let distribution = site.world.distribution();
    site.import(&distribution.first);
    let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
    let _service = site.serve();
    for (tag, suffix) in [("oak-old", ".gz"), ("oak-1", ".zst")] {
        site.run(&["tag", "create", tag, "--arch", "x86_64"]).ok();
        let builds: Vec<&str> = builds.iter().map(String::as_str).collect();
        site.run(&[&["tag", "add", tag], builds.as_slice()].concat()).ok();
        assert_eq!(site.wait_repo(tag, builds[0], 60).status, 0);
        let repomd = site.get(&format!("/repos/{tag}/x86_64/repodata/repomd.xml")).text();
        assert_eq!((repomd.contains(suffix), repomd.contains("<open-checksum")), (true, suffix == ".gz"), "{repomd}");

        let with_dnf = site.dnf_install(&format!("/repos/{tag}/x86_64.repo"), &format!("dnf-{tag}"), "oak-hello");
        assert!(with_dnf.contains("oak-hello-1.0-1.oak1.x86_64\n"), "{with_dnf}");
        let url = site.url(&format!("/repos/{tag}/x86_64/"));
        let root = site.world.path(format!("zypper-{tag}"));
        let with_zypper = said(&["install", "zypper"], &url, &root, &["oak-hello"]);
        assert_eq!(with_zypper, with_dnf.lines().collect::<Vec<_>>());
        assert!(root.join("usr/bin/oak-hello").is_file());
    }
}
