//! What does a person see of somebody's repository? Stories with repositories that createrepo_c made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::{Ended, World, peer, run};

/// A world with createrepo_c's repository `repo` of the demonstration's packages.
struct Bench {
    world: World,
}

impl Bench {
    fn new(options: &[&str]) -> Self {
        let bench = Self { world: World::new() };
        bench.world.write("tannery.toml", "");
        bench.world.distribution();
        fs::rename(bench.world.path("distribution/first"), bench.world.path("repo")).unwrap();
        bench.createrepo("repo", options);
        bench
    }

    fn createrepo(&self, directory: &str, options: &[&str]) {
        run(Command::new(peer("CREATEREPO")).arg("--quiet").args(options).arg(self.world.path(directory))).ok();
    }

    fn repo(&self, arguments: &[&str]) -> Ended {
        run(&mut self.world.tannery(&[&["repo"], arguments].concat()))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.repo(&[arguments, &["--json"]].concat()).ok()).unwrap()
    }

    /// Checks that a full check says nothing but this, with exit status 1.
    fn finds(&self, problem: &str) {
        let ended = self.repo(&["check", "repo", "--packages"]);
        assert_eq!(ended.status, 1, "{problem}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(problem), "{problem}: {}", ended.stdout);
    }

    /// Returns the one file of the repository whose name ends so.
    fn file(&self, end: &str) -> PathBuf {
        let in_dir = |dir: PathBuf| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let all = in_dir(self.world.path("repo")).chain(in_dir(self.world.path("repo/repodata")));
        let mut found = all.filter(|path| path.to_string_lossy().ends_with(end));
        let file = found.next().unwrap_or_else(|| panic!("no *{end}"));
        assert_eq!(found.next(), None, "more than one *{end}");
        file
    }

    /// Changes a file for as long as `work` takes.
    fn with(&self, path: &Path, content: &[u8], work: impl FnOnce()) {
        let before = fs::read(path).unwrap();
        fs::write(path, content).unwrap();
        work();
        fs::write(path, before).unwrap();
    }
}

#[test]
fn every_way_that_createrepo_c_writes_is_read_and_whole() {
    let packages = {
        let bench = Bench::new(&[]);
        let shown = bench.json(&["show", "repo"]);
        assert_eq!(shown["records"].as_array().unwrap().len(), 3);
        shown["packages"].as_u64().unwrap()
    };
    assert!(packages > 10);
    let tags = ["--content=binary", "--repo=a", "--repo=b", "--distro=cpe:/o:oak,Oak 1"];
    let bench = Bench::new(&tags);
    let shown = bench.json(&["show", "repo"]);
    let distro = serde_json::json!([{"name": "Oak 1", "cpeid": "cpe:/o:oak"}]);
    assert_eq!(shown["tags"], serde_json::json!({"content": ["binary"], "repo": ["a", "b"], "distro": distro}));
    assert_eq!(shown["records"][0]["segments"], Value::Null);
    assert!(bench.repo(&["show", "repo"]).ok().contains("\ndistro     Oak 1 (cpe:/o:oak)\n"));
    for (options, compression) in [
        (&["--general-compress-type=gz"][..], "gzip"),
        (&["--general-compress-type=xz", "--checksum=sha512"], "xz"),
        (&["--general-compress-type=bz2", "--simple-md-filenames"], "bzip2"),
        (&["--general-compress-type=zstd", "--no-pretty", "--filelists-ext", "--checksum=sha384"], "zstd"),
    ] {
        let bench = Bench::new(options);
        let checked = bench.repo(&["check", "repo", "--packages"]);
        assert_eq!(checked.status, 0, "{options:?}: {}{}", checked.stdout, checked.stderr);
        assert!(checked.stdout.starts_with("nothing is wrong: "), "{}", checked.stdout);
        assert!(checked.stdout.ends_with(&format!(", {packages} packages, not signed\n")), "{}", checked.stdout);
        let shown = bench.json(&["show", "repo"]);
        assert_eq!((&shown["packages"], &shown["records"][0]["compression"]), (&packages.into(), &compression.into()));
    }
}

#[test]
fn a_repository_is_read_over_http() {
    let bench = Bench::new(&[]);
    let (_server, address) = bench.world.static_server("repo");
    let url = format!("http://{address}/");
    let checked = bench.repo(&["check", &url, "--packages"]);
    assert_eq!(checked.status, 0, "{}{}", checked.stdout, checked.stderr);
    let difference = bench.json(&["diff", &url, "repo"]);
    assert_eq!((&difference["added"], &difference["changed"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    bench.world.write("repo/mirrors", format!("http://{address}/nowhere/\n{url}\n"));
    bench.repo(&["check", &format!("mirrorlist:{url}mirrors")]).ok();
    let lost = bench.repo(&["check", &format!("{url}nowhere")]);
    assert_eq!(lost.status, 2, "{}", lost.stdout);
    assert!(lost.stderr.contains("cannot get repodata/repomd.xml"), "{}", lost.stderr);
}

#[test]
fn every_damage_is_named() {
    let bench = Bench::new(&["--general-compress-type=gz", "--simple-md-filenames"]);
    let ended = bench.repo(&["check", "repo"]);
    assert_eq!(ended.status, 0, "{}", ended.stdout);
    let other = bench.file("other.xml.gz");
    let bytes = fs::read(&other).unwrap();
    bench.with(&other, &bytes[..bytes.len() - 1], || bench.finds("repodata/other.xml.gz: "));
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    bench.with(&other, &flipped, || bench.finds("its sha256 is "));

    let package = bench.file("oak-hello-1.0-1.oak1.x86_64.rpm");
    let bytes = fs::read(&package).unwrap();
    bench.with(&package, &bytes[..100], || {
        bench.finds("oak-hello-0:1.0-1.oak1.x86_64 (oak-hello-1.0-1.oak1.x86_64.rpm): ")
    });
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    bench.with(&package, &flipped, || {
        bench.repo(&["check", "repo"]).ok();
        bench.finds("its sha256 is ");
    });
    fs::remove_file(&package).unwrap();
    bench.finds("the file is not there");
    fs::write(&package, bytes).unwrap();

    bench.world.write("repo/repodata/repomd.xml.asc", "no signature");
    bench.finds("repodata/repomd.xml.asc: it is no armoured OpenPGP signature");
    // What cannot be had is not taken for absent.
    bench.world.write("repo/repodata/repomd.xml.asc", "-".repeat(2 << 20));
    bench.finds("repodata/repomd.xml.asc: ");
    let keys = ["check", "repo", "--keys", "repo/repodata/repomd.xml.asc"];
    let ended = bench.repo(&keys);
    assert_eq!(ended.status, 2, "{}", ended.stdout);
    assert!(ended.stderr.contains("repo/repodata/repomd.xml.asc cannot be read"), "{}", ended.stderr);
    bench.with(&bench.file("repomd.xml"), b"<repomd>", || assert_eq!(bench.repo(&["check", "repo"]).status, 2));
}

#[test]
fn packages_that_came_went_and_changed_are_listed() {
    let bench = Bench::new(&[]);
    fs::create_dir(bench.world.path("other")).unwrap();
    for entry in fs::read_dir(bench.world.path("repo")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, bench.world.path("other").join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::remove_file(bench.world.path("other/oak-hello-1.0-1.oak1.x86_64.rpm")).unwrap();
    bench.createrepo("other", &["--baseurl", "http://example.org/", "--general-compress-type=xz"]);
    let difference = bench.json(&["diff", "repo", "other"]);
    assert_eq!(difference["removed"], serde_json::json!(["oak-hello-0:1.0-1.oak1.x86_64"]));
    assert_eq!(difference["added"], serde_json::json!([]));
    let changed = difference["changed"].as_array().unwrap();
    let fields = |one: &Value| one["fields"].as_array().unwrap().contains(&"location".into());
    assert!(!changed.is_empty() && changed.iter().all(fields), "{difference}");
    let text = bench.repo(&["diff", "other", "repo"]).ok();
    assert!(text.contains("+ oak-hello-0:1.0-1.oak1.x86_64\n"), "{text}");
}
