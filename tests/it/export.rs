//! Can a repository stand alone once it is exported? Read by everybody from a plain web server and from disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tannery::demo::packages::META;

use crate::world::{Site, Store, eventually, python, run, tool};

const TAG: &str = "oak";

/// A site whose tag is joined of segments, and has all builds; nothing old is kept for long.
fn site() -> (Site, Vec<String>) {
    let settings = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\nform = \"assembled\"\nkeep_for = \"0s\"\n";
    let site = Site::new(Store::Sqlite, settings);
    let distribution = site.world.distribution();
    site.import(&distribution.first);
    let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
    site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
    let names = builds.iter().map(String::as_str);
    site.run(&["tag", "add", TAG].into_iter().chain(names).collect::<Vec<_>>()).ok();
    (site, builds)
}

/// Returns the names of the data files of a repository.
fn data_files(dir: &Path) -> Vec<String> {
    let all =
        fs::read_dir(dir.join("repodata")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = all.filter(|name| name.contains(".xml.")).collect();
    names.sort();
    names
}

#[test]
fn everybody_reads_what_was_exported() {
    let (site, builds) = site();
    let service = site.serve();
    site.wait_repo(TAG, builds.last().unwrap(), 60);
    let live = site.url(&format!("/repos/{TAG}/x86_64/"));
    for how in ["link", "copy"] {
        let dir = site.world.path(how);
        let told = site.json(&["repo", "export", TAG, "x86_64", how, "--packages", how]);
        assert_eq!((&told["tag"], &told["repo"], &told["packages"]), (&json!(TAG), &json!("x86_64"), &json!(59)));
        let package = dir.join("packages/oak-hello/1.0/1.oak1/x86_64/oak-hello-1.0-1.oak1.x86_64.rpm");
        assert_eq!(fs::metadata(&package).unwrap().nlink() == 1, how == "copy");
        let checked = site.run(&["repo", "check", how, "--packages"]).ok();
        assert!(checked.starts_with("nothing is wrong: 3 records, 59 packages"), "{checked}");
        let different = site.json(&["repo", "diff", &live, how]);
        assert_eq!((&different["changed"], &different["equal"]), (&json!([]), &json!(59)));
        // With createrepo_c's library.
        run(python("read_repo.py").arg(&dir)).ok();
        let (_server, address) = site.world.static_server(how);
        let mut dnf = Command::new(tool("dnf-install"));
        let installed =
            run(dnf.arg(format!("http://{address}/")).arg(site.world.path(format!("root-{how}"))).arg(META));
        assert!(installed.ok().contains(&format!("{META}-1-1.oak1.x86_64")));
    }
    service.stop(crate::world::SOON);
}

#[test]
fn an_older_export_is_replaced_and_its_files_go_later() {
    let (site, builds) = site();
    let _service = site.serve();
    site.wait_repo(TAG, builds.last().unwrap(), 60);
    let (dir, pointer) = (site.world.path("out"), site.repository(TAG, "x86_64").join("repodata/repomd.xml"));
    let export = || site.run(&["repo", "export", TAG, "x86_64", "out", "--packages", "none"]).ok();
    export();
    let mut states = vec![data_files(&dir)];
    for build in &builds[..2] {
        let before = fs::read(&pointer).unwrap();
        site.run(&["tag", "remove", TAG, build]).ok();
        eventually(crate::world::SOON, "a new generation", || fs::read(&pointer).unwrap() != before);
        export();
        assert_eq!(fs::read(dir.join("repodata/repomd.xml")).unwrap(), fs::read(&pointer).unwrap());
        states.push(data_files(&dir));
    }
    let [first, second, third] = &states[..] else { unreachable!() };
    assert_eq!((first.len(), second.len(), third.len()), (3, 6, 6), "{states:?}");
    assert!(first.iter().all(|name| second.contains(name) && !third.contains(name)), "{states:?}");
    assert!(!dir.join("packages").exists());
    export();
    assert_eq!(data_files(&dir).len(), 3, "what was replaced before the last export is gone");
}

#[test]
fn what_cannot_be_exported_is_refused_with_its_reason() {
    let (site, builds) = site();
    let _service = site.serve();
    site.wait_repo(TAG, builds.last().unwrap(), 60);
    fs::create_dir(site.world.path("linked")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", site.world.path("linked/packages")).unwrap();
    for (arguments, why) in [
        (["oak", "x86_64", "data/repos/oak/mine"], "it lies in the data directory"),
        (["oak", "x86_64", "linked"], "its packages are a symbolic link"),
        (["oak", "s390x", "out"], "there is no published repository oak/s390x"),
        (["aok", "x86_64", "out"], "did you mean oak?"),
    ] {
        let ended = site.run(&[&["repo", "export"][..], &arguments].concat());
        assert_eq!(ended.status, 1, "{arguments:?}: {}", ended.stdout);
        assert!(ended.stderr.contains(why), "{arguments:?}: {}", ended.stderr);
    }
    assert!(!site.world.path("out").exists() && !site.world.path("data/repos/oak/mine").exists());
}
