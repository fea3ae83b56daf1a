//! Is a merged repository the one that `mergerepo_c` makes? Field by field, by its own bindings, and where it differs
//! on purpose.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{Ended, World, peer, python, run};

/// The packages of two repositories whose sources meet in every way.
const FIRST: &[&str] = &[
    "bash,0,1,x86_64,bash-1-1.src.rpm",
    "bash,0,1,i686,bash-1-1.src.rpm",
    "lib,0,1,i686,lib-1-1.src.rpm",
    "arm,0,1,aarch64,arm-1-1.src.rpm",
    "armored,0,1,aarch64,armored-1-1.src.rpm",
    "two,0,1.9,x86_64,two-1.9-1.src.rpm",
    "two,0,1.10,x86_64,two-1.10-1.src.rpm",
    "two-doc,3,1.9,noarch,two-1.9-1.src.rpm",
    "unknown,0,1,x86_64,",
    "odd,0,1,x86_64,(none)",
    "based,0,1,x86_64,based-1-1.src.rpm,http://example.org/x",
];
const SECOND: &[&str] = &[
    "bash,0,2,x86_64,bash-2-1.src.rpm",
    "bash-doc,0,1,noarch,bash-1-1.src.rpm",
    "lib,0,1,x86_64,lib-1-1.src.rpm",
    "lib,0,1,i686,lib-1-1.src.rpm",
    "armored,0,2,x86_64,armored-2-1.src.rpm",
    "unknown,0,1,x86_64,",
    "unknown,0,2,x86_64,",
    "new,0,1,x86_64,new-1-1.src.rpm",
    "blocked,0,1,x86_64,blocked-1-1.src.rpm",
    "blocked-libs,0,1,ia32e,blocked-1-1.src.rpm",
    "based-too,1,1,x86_64,based-too-1-1.src.rpm,file:///srv/y",
];
const THIRD: &[&str] = &["new,0,2,x86_64,new-2-1.src.rpm", "third,0,1,amd64,third-1-1.src.rpm"];

/// A world with the repositories `first`, `second` and `third`.
struct Bench {
    world: World,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { world: World::new() };
        bench.world.write("tannery.toml", "");
        for (name, packages) in [("first", FIRST), ("second", SECOND), ("third", THIRD)] {
            bench.listed(name, packages);
        }
        bench.world.write("blocked", "blocked\n\nnobody\n");
        bench
    }

    fn listed(&self, name: &str, packages: &[&str]) {
        run(python("listed.py").arg(self.world.path(name)).args(packages)).ok();
    }

    fn path(&self, name: &str) -> String {
        fs::canonicalize(self.world.path("")).unwrap().join(name).display().to_string()
    }

    fn ours(&self, options: &[&str], repositories: &[&str]) -> Ended {
        let repositories: Vec<String> = repositories.iter().map(|name| self.path(name)).collect();
        let mut command = self.world.tannery(&["repo", "merge", "-o", "ours", "--json"]);
        run(command.args(options).args(repositories))
    }

    fn merged(&self, options: &[&str], repositories: &[&str]) -> Value {
        serde_json::from_str(&self.ours(options, repositories).ok()).unwrap()
    }

    fn theirs(&self, options: &[&str], repositories: &[&str]) {
        let _ = fs::remove_dir_all(self.world.path("theirs"));
        let mergerepo = Path::new(&peer("CREATEREPO")).with_file_name("mergerepo_c");
        let mut command = Command::new(mergerepo);
        command.args(["--no-database", "-o", "theirs"]).args(options).current_dir(self.world.path(""));
        for name in repositories {
            command.args(["-r", &self.path(name)]);
        }
        run(&mut command).ok();
    }

    /// Checks that both make the same; returns how many packages.
    fn same(&self, ours: &[&str], theirs: &[&str], repositories: &[&str]) -> u64 {
        self.theirs(theirs, repositories);
        let merged = self.merged(ours, repositories);
        let parity = run(python("merge_parity.py").arg(self.world.path("theirs")).arg(self.world.path("ours")));
        assert_eq!(parity.status, 0, "{ours:?}: {}{}", parity.stdout, parity.stderr);
        merged["packages"].as_u64().unwrap()
    }

    /// Returns name, version and arch of the packages of our result.
    fn packages(&self) -> Vec<String> {
        let script = "import createrepo_c, sys\nfor package in createrepo_c.RepositoryReader.from_path(sys.argv[1])\
                      .iter_packages(): print(package.name, package.version, package.arch, package.location_base)";
        let mut command = Command::new(peer("PYTHON"));
        let told = run(command.args(["-c", script]).arg(self.world.path("ours"))).ok();
        told.lines().map(str::to_owned).collect()
    }
}

#[test]
fn every_method_takes_what_mergerepo_takes() {
    let bench = Bench::new();
    let all = ["first", "second", "third"];
    let koji = ["--koji", "--arch-expand", "-a", "x86_64", "-b", "blocked"];
    let simple = ["--koji", "--simple", "-a", "x86_64", "-b", "blocked"];
    assert_eq!(bench.same(&["-a", "x86_64", "-b", "blocked"], &koji, &all), 13);
    assert_eq!(bench.same(&["-m", "simple", "-a", "x86_64", "-b", "blocked"], &simple, &all), 20);
    assert_eq!(bench.same(&["-a", "aarch64"], &["--koji", "-a", "aarch64"], &all), 3);
    let bare = ["--pkgorigins", "--all", "-a", "x86_64,i686"];
    assert_eq!(bench.same(&["-m", "all", "--exact-arches", "-a", "x86_64,i686"], &bare, &all), 18);
    assert_eq!(bench.same(&["-m", "all"], &["--pkgorigins", "--all"], &all), 22);
    assert_eq!(
        bench.same(&["--compression", "gzip", "-a", "x86_64"], &["--koji", "-a", "x86_64"], &["third", "first"]),
        9
    );
}

#[test]
fn real_packages_come_out_as_mergerepo_writes_them() {
    let bench = Bench::new();
    bench.world.distribution();
    bench.world.write("comps.xml", "<comps><group><id>g</id><name>G</name></group></comps>\n");
    let comps = bench.path("comps.xml");
    for (directory, options) in [("distribution/first", &[][..]), ("distribution/update", &["-g", &comps])] {
        run(Command::new(peer("CREATEREPO"))
            .args(["-q", "--no-database"])
            .args(options)
            .arg(bench.world.path(directory)))
        .ok();
    }
    let both = ["distribution/first", "distribution/update"];
    let packages = bench.same(&["-a", "x86_64"], &["--koji", "-a", "x86_64"], &both);
    assert!(packages > 10, "{packages}");
    let given = bench.world.write("given.xml", "<comps/>\n").display().to_string();
    bench.same(&["-g", &given, "-a", "x86_64"], &["--koji", "-g", &given, "-a", "x86_64"], &both);
    // `mergerepo_c --nogroups` writes groups all the same.
    bench.merged(&["--no-groups"], &both);
    assert!(!fs::read_to_string(bench.world.path("ours/repodata/repomd.xml")).unwrap().contains("\"group\""));
}

#[test]
fn what_differs_on_purpose() {
    let bench = Bench::new();
    bench.listed("sources", &["blocked,0,1,src,", "bash,0,1,src,", "bash,0,2,src,"]);
    // Sources are blocked with what was built from them, and only the one that counts is taken.
    bench.merged(&["-b", "blocked"], &["sources"]);
    assert_eq!(bench.packages(), ["bash 2 src None"]);
    // Without arches all are taken, not noarch alone.
    bench.merged(&[], &["third"]);
    assert_eq!(bench.packages(), ["new 2 x86_64 None", "third 1 amd64 None"]);
    // The first repository's packages may lie elsewhere.
    bench.merged(&["--first-elsewhere"], &["third"]);
    let base = bench.path("third");
    assert_eq!(bench.packages()[0], format!("new 2 x86_64 file://{base}"));
    // No updateinfo without updates.
    let repomd = fs::read_to_string(bench.world.path("ours/repodata/repomd.xml")).unwrap();
    assert!(!repomd.contains("updateinfo"), "{repomd}");
}

#[test]
fn the_same_again_touches_nothing_and_anything_else_is_later() {
    let bench = Bench::new();
    let repomd = || fs::read_to_string(bench.world.path("ours/repodata/repomd.xml")).unwrap();
    let revision = || -> i64 {
        let text = repomd();
        text.split_once("<revision>").unwrap().1.split_once('<').unwrap().0.parse().unwrap()
    };
    assert_eq!(bench.merged(&[], &["first", "second"])["changed"], true);
    bench.world.write("ours/repodata/repomd.xml.asc", "of the first");
    let (first, before) = (repomd(), revision());
    assert_eq!(bench.merged(&[], &["first", "second"])["changed"], false);
    assert_eq!(repomd(), first);
    assert_eq!(bench.merged(&[], &["second", "first"])["changed"], true);
    assert!(revision() > before);
    assert!(!bench.world.path("ours/repodata/repomd.xml.asc").exists());
    run(&mut bench.world.tannery(&["repo", "check", "ours"]));
}

#[test]
fn a_repository_that_cannot_be_read_leaves_the_output_as_it_was() {
    let bench = Bench::new();
    bench.merged(&[], &["first"]);
    let before = fs::read(bench.world.path("ours/repodata/repomd.xml")).unwrap();
    let other = bench.world.path("second/repodata/other.xml.gz");
    let mut bytes = fs::read(&other).unwrap();
    bytes.truncate(60);
    fs::write(&other, bytes).unwrap();
    let ended = bench.ours(&[], &["first", "second"]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    assert!(ended.stderr.contains("repodata/other.xml.gz"), "{}", ended.stderr);
    assert_eq!(fs::read(bench.world.path("ours/repodata/repomd.xml")).unwrap(), before);
    assert_eq!(bench.ours(&["-b", "nowhere"], &["first"]).status, 1);
}
