//! What is merged, and in which way?

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{MERGE, Rig};
use crate::world::{SOON, Store, eventually, peer, run};

/// What `mergerepo_c` merges as Koji calls it.
fn theirs(rig: &Rig, options: &[&str], repositories: &[&Path]) -> Vec<String> {
    let blocked = rig.site.world.write("blocked", "bad\n");
    let out = rig.site.world.path("theirs");
    let mergerepo = Path::new(&peer("CREATEREPO")).with_file_name("mergerepo_c");
    let mut command = Command::new(mergerepo);
    command.args(["--no-database", "-a", "x86_64"]).args(options).arg("-b").arg(blocked).arg("-o").arg(&out);
    for dir in repositories {
        command.arg("-r").arg(dir);
    }
    run(&mut command).ok();
    let listed = rig.listed(&out);
    fs::remove_dir_all(out).unwrap();
    listed
}

#[test]
fn own_packages_come_first_then_external_ones_in_their_order_and_blocked_ones_not() {
    let mut rig = Rig::new(Store::Postgres, MERGE);
    // Of an own source nothing else is taken; what is not there before comes from the first that has it.
    rig.repository(
        "one/x86_64",
        &["alpha-9-1.x86_64", "gamma-1-1.x86_64", "bad-1-1.x86_64", "gamma:gamma-doc-1-1.noarch"],
    );
    rig.repository("two", &["gamma-2-1.x86_64", "delta-1-1.x86_64", "foreign-1-1.aarch64", "lib-1-1.i686"]);
    rig.repository("three", &["delta-3-1.x86_64", "epsilon-1-1.x86_64"]);
    rig.repository("other-arch", &["zeta-1-1.x86_64"]);
    rig.koji.block_package("build", "bad");
    rig.koji.join("build", "one", &rig.outside.url("one/$arch/"), 5, "koji", Some("x86_64 s390x"));
    rig.koji.join("build", "other-arch", &rig.outside.url("other-arch"), 1, "koji", Some("aarch64"));
    rig.koji.join("build", "two", &rig.outside.url("two/"), 10, "koji", None);
    rig.koji.join("base", "three", &rig.outside.url("three"), 1, "koji", None);
    rig.koji.join("base", "one", &rig.outside.url("one/$arch/"), 0, "koji", Some("x86_64 s390x"));
    rig.serve();
    let expected = ["alpha-1", "beta-1", "delta-1", "epsilon-1", "gamma-1", "gamma-doc-1", "lib-1"];
    rig.shows(&expected);
    let outside = rig.site.world.path("outside");
    let all = [
        rig.site.repository("build", "x86_64"),
        outside.join("one/x86_64"),
        outside.join("two"),
        outside.join("three"),
    ];
    let all: Vec<&Path> = all.iter().map(|dir| dir.as_path()).collect();
    assert_eq!(theirs(&rig, &["--koji", "--arch-expand"], &all), expected);
    rig.is_whole();
    // The own repository is as it was.
    assert_eq!(rig.listed(&rig.site.repository("build", "x86_64")), ["alpha-1", "beta-1"]);
    let told = rig.stands("current");
    let parts = &told["generations"][0]["parts"];
    let names: Vec<&str> =
        parts["external"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names, &parts["blocked"]), (vec!["one", "two", "three"], &serde_json::json!(["bad"])));
    assert_eq!(parts["external"][2]["tag"], "base");
    assert!(!rig.outside.asked().iter().any(|asked| asked.contains("other-arch")));
    let shown = rig.site.json(&["tag", "show", "build"]);
    assert_eq!(shown["external"].as_array().unwrap().len(), 4, "{shown}");
}

#[test]
fn dnf_installs_what_only_an_external_repository_has() {
    let rig = Rig::merged();
    let installed = rig.site.dnf_install("/repos/build/x86_64-merged.repo", "root", "gamma");
    assert_eq!(installed.trim(), "gamma-1-1.x86_64");
    let installed = rig.site.dnf_install("/repos/build/x86_64-merged.repo", "root", "alpha");
    assert_eq!(installed.lines().collect::<Vec<_>>(), ["alpha-1-1.x86_64", "gamma-1-1.x86_64"]);
    let message = rig.messages().pop().unwrap();
    assert_eq!((&message["repo"], &message["packages"]), (&"x86_64-merged".into(), &3.into()));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages/tannery.repo.merged.json");
    let body = rig.site.world.write("message.json", message.to_string());
    let script = "import json, jsonschema, sys\njsonschema.validate(*(json.load(open(path)) for path in sys.argv[1:]))";
    run(Command::new(peer("PYTHON")).args(["-c", script]).arg(body).arg(schema)).ok();
    let tag: serde_json::Value = serde_json::from_slice(&rig.site.get("/api/v1/tags/build").body).unwrap();
    assert_eq!((&tag["merged"][0]["state"], &tag["merged"][0]["packages"]), (&"current".into(), &3.into()));
    let metrics = rig.site.get("/metrics").text();
    assert!(metrics.contains("tannery_merged_stale{tag=\"build\",repo=\"x86_64-merged\"} 0\n"), "{metrics}");
}

#[test]
fn all_of_several_versions_are_there_where_the_mode_says_so_and_modes_are_not_mixed() {
    let mut rig = Rig::new(Store::Sqlite, &format!("{MERGE}compression = \"xz\"\n"));
    rig.repository("one", &["alpha-9-1.x86_64", "gamma-1-1.x86_64"]);
    rig.repository("two", &["gamma-1-1.x86_64", "gamma-2-1.x86_64"]);
    rig.koji.join("build", "one", &rig.outside.url("one"), 1, "bare", None);
    rig.koji.join("build", "two", &rig.outside.url("two"), 2, "bare", None);
    rig.serve();
    rig.shows(&["alpha-1", "alpha-9", "beta-1", "gamma-1", "gamma-2"]);
    rig.koji.join("base", "three", &rig.outside.url("two"), 0, "simple", None);
    rig.troubled("different merge modes, which cannot be mixed: one has bare, three has simple");
    assert_eq!(rig.stands("stale")["generations"][0]["number"], 1);
    assert!(rig.site.run(&["status"]).ok().contains("build/x86_64-merged is stale"));
    rig.koji.remove_external_repo("base", "three");
    rig.stands("current");
    rig.koji.remove_external_repo("build", "one");
    rig.koji.remove_external_repo("build", "two");
    rig.shows(&["alpha-1", "beta-1"]);
    rig.koji.join("build", "simple", &rig.outside.url("two"), 2, "simple", None);
    rig.shows(&["alpha-1", "beta-1", "gamma-1", "gamma-2"]);
}

#[test]
fn off_by_default_nothing_is_fetched_and_switched_off_nothing_is_left() {
    let mut rig = Rig::new(Store::Sqlite, "");
    rig.repository("one", &["gamma-1-1.x86_64"]);
    rig.koji.add_external_repo("build", "one", &rig.outside.url("one"), 5);
    rig.serve();
    eventually(SOON, "the own repository", || rig.listed(&rig.site.repository("build", "x86_64")).len() == 2);
    rig.koji.import(&crate::world::hub::NewBuild::new("alpha-2-1", &["x86_64"]));
    rig.koji.tag_build("base", "alpha-2-1");
    eventually(SOON, "a change", || rig.listed(&rig.site.repository("build", "x86_64"))[0] == "alpha-2");
    assert_eq!(rig.outside.asked(), Vec::<String>::new());
    assert!(!rig.dir().exists());
    assert_eq!(rig.site.json(&["repo", "merged", "build"]), serde_json::json!([]));
    assert_eq!(rig.site.json(&["tag", "show", "build"])["external"][0]["name"], "one");

    rig.serve_as(MERGE);
    rig.shows(&["alpha-2", "beta-1", "gamma-1"]);
    let asked = rig.outside.asked().len();
    assert!(asked > 0);
    rig.serve_as("");
    eventually(SOON, "nothing to be left", || !rig.dir().exists());
    assert_eq!(rig.site.get("/repos/build/x86_64-merged.repo").status, 404);
    assert_eq!(rig.site.json(&["repo", "merged", "build"]), serde_json::json!([]));
    assert_eq!(rig.listed(&rig.site.repository("build", "x86_64")), ["alpha-2", "beta-1"]);
}

#[test]
fn segments_are_merged_as_files_are_and_what_is_merged_is_signed() {
    let mut rig = Rig::new(Store::Sqlite, "");
    let script = "#!/bin/sh\ncat >/dev/null\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\nabc=\\n-----END PGP SIGNATURE-----\\n'\n";
    let signer = rig.site.world.write("signer", script);
    fs::set_permissions(&signer, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    rig.repository("one", &["gamma-1-1.x86_64"]);
    rig.koji.add_external_repo("build", "one", &rig.outside.url("one"), 5);
    let more = format!("{MERGE}form = \"assembled\"\nsign_command = [\"{}\"]\nsign_every = \"1s\"\n", signer.display());
    rig.serve();
    rig.serve_as(&more);
    rig.shows(&["alpha-1", "beta-1", "gamma-1"]);
    rig.is_whole();
    let signature = rig.dir().join("repodata/repomd.xml.asc");
    eventually(SOON, "a signature", || fs::read_to_string(&signature).is_ok_and(|text| text.contains("abc=")));
    rig.repository("one", &["gamma-2-1.x86_64"]);
    rig.shows(&["alpha-1", "beta-1", "gamma-2"]);
    assert!(signature.exists());
}
