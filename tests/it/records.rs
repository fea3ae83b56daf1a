//! Do comps, modules, updateinfo and others reach clients, and does a broken file leave what was? With stock dnf.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::world::{SOON, Site, Store, eventually, run, tool};

const TAG: &str = "oak";

const CONFIG: &str = "[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n[[follow]]\ntags = [\"*\"]\n\
    records = { group = \"{tag}/comps.{arch}.xml\", updateinfo = \"updateinfo.xml\", modules = \"modules.yaml\", \
    productid = \"product.pem\", x-notes = \"notes.xml\" }\n";

const MODULES: &str = "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: oak\n  stream: \"1\"\n...\n";

const NOTICE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<updates><update from=\"o\" status=\"final\" \
    type=\"security\" version=\"1\"><id>OAK-2026:1</id><title>hello</title><issued date=\"2026-01-01 00:00:00\"/>\
    <severity>Critical</severity><description>d</description><references/><pkglist><collection short=\"o\">\
    <name>o</name><package name=\"oak-hello\" version=\"1.0\" release=\"1.oak1\" epoch=\"0\" arch=\"x86_64\" src=\"x\">\
    <filename>oak-hello-1.0-1.oak1.x86_64.rpm</filename></package></collection></pkglist></update></updates>\n";

/// Returns comps with one group.
fn comps(group: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE comps PUBLIC \"-//Red Hat, Inc.//DTD Comps info//EN\" \
         \"comps.dtd\">\n<comps><group><id>{}</id><name>{group}</name><description>d</description><default>true</default>\
         <uservisible>true</uservisible><packagelist><packagereq type=\"mandatory\">oak-hello</packagereq></packagelist>\
         </group></comps>\n",
        group.to_lowercase()
    )
}

struct Rig {
    site: Site,
    /// One of the builds in the tag.
    build: String,
}

impl Rig {
    fn new(config: &str) -> Self {
        let site = Site::new(Store::Sqlite, config);
        let distribution = site.world.distribution();
        site.import(&distribution.first);
        site.run(&["tag", "create", TAG, "--arch", "x86_64"]).ok();
        let builds: Vec<String> = distribution.first_builds.iter().map(ToString::to_string).collect();
        let names = builds.iter().map(String::as_str);
        site.run(&["tag", "add", TAG].into_iter().chain(names).collect::<Vec<_>>()).ok();
        site.world.write("oak/comps.x86_64.xml", comps("Gardeners"));
        site.world.write("updateinfo.xml", NOTICE);
        site.world.write("modules.yaml", MODULES);
        site.world.write("product.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        site.world.write("notes.xml", "<?xml version=\"1.0\"?><notes/>");
        Self { site, build: builds[0].clone() }
    }

    /// Returns the types of the records of a repository.
    fn kinds(&self, repo: &str) -> Vec<String> {
        let shown = self.site.json(&["repo", "show", &self.site.url(&format!("/repos/{TAG}/{repo}/"))]);
        let kinds = shown["records"].as_array().unwrap().iter();
        kinds.map(|record| record["kind"].as_str().unwrap().to_owned()).collect()
    }

    /// Asks dnf, which has read nothing before.
    fn dnf(&self, root: &str, arguments: &[&str]) -> String {
        let repository = self.site.url(&format!("/repos/{TAG}/x86_64.repo"));
        run(Command::new(tool("dnf-ask")).arg(repository).arg(self.site.world.path(root)).args(arguments)).ok()
    }

    fn generation(&self) -> Vec<u8> {
        fs::read(self.site.repository(TAG, "x86_64").join("repodata/repomd.xml")).unwrap()
    }

    /// Does what changes the repository, and waits until it has.
    fn changes(&self, what: &str, work: impl FnOnce()) {
        let before = self.generation();
        work();
        eventually(SOON, what, || self.generation() != before);
    }
}

#[test]
fn records_named_by_the_operator_reach_the_clients() {
    for form in ["files", "assembled"] {
        let rig = Rig::new(&format!("{CONFIG}form = \"{form}\"\n"));
        let _service = rig.site.serve();
        assert_eq!(rig.kinds("x86_64").len(), 3 + 6, "{:?}", rig.kinds("x86_64"));
        for kind in ["group", "group_zst", "modules", "productid", "updateinfo", "x-notes"] {
            assert!(rig.kinds("x86_64").iter().any(|there| there == kind), "{kind}");
        }
        assert_eq!(rig.kinds("x86_64-debug"), ["primary", "filelists", "other"]);
        let checked = rig.site.run(&["repo", "check", &rig.site.url(&format!("/repos/{TAG}/x86_64/"))]);
        assert_eq!(checked.status, 0, "{}", checked.stdout);
        assert!(rig.dnf("one", &["group", "list"]).contains("Gardeners"), "{form}");
        let installed = rig.dnf("one", &["group", "install", "gardeners"]);
        assert!(installed.contains("oak-hello"), "{installed}");
        assert!(rig.dnf("one", &["updateinfo", "list", "--all"]).contains("OAK-2026:1"), "{form}");
        rig.site.run(&["repo", "export", TAG, "x86_64", "out"]).ok();
        let shown: Value = rig.site.json(&["repo", "show", "out"]);
        assert_eq!(shown["records"].as_array().unwrap().len(), 9);
        rig.site.run(&["repo", "check", "out", "--packages"]).ok();
    }
}

#[test]
fn a_file_that_changes_is_read_again_and_a_broken_one_leaves_what_was() {
    let rig = Rig::new(CONFIG);
    let service = rig.site.serve();
    rig.changes("the changed comps", || drop(rig.site.world.write("oak/comps.x86_64.xml", comps("Foresters"))));
    assert!(rig.dnf("one", &["group", "list"]).contains("Foresters"));

    rig.site.world.write("oak/comps.x86_64.xml", "<comps><group></comps>");
    fs::remove_file(rig.site.world.path("product.pem")).unwrap();
    service.says("the record group stays as it was", SOON);
    service.says("the record productid stays as it was", SOON);
    let told = |problem: &str| {
        let status = rig.site.json(&["status"]);
        let bad = status["bad_records"].as_array().unwrap();
        bad.iter().any(|bad| bad["problem"].as_str().unwrap().contains(problem))
    };
    eventually(SOON, "the problems in the status", || told("not well-formed") && told("No such file"));
    assert!(rig.site.run(&["status"]).ok().contains("record     group stays as it was"));
    // Another change comes, and both records stay; so they do over a restart.
    let build = rig.build.as_str();
    rig.changes("the next set", || drop(rig.site.run(&["tag", "remove", TAG, build]).ok()));
    assert_eq!(rig.kinds("x86_64").len(), 9);
    service.stop(SOON);
    let _service = rig.site.serve();
    rig.changes("the set after a restart", || drop(rig.site.run(&["tag", "add", TAG, build]).ok()));
    assert_eq!(rig.kinds("x86_64").len(), 9);
    assert!(rig.dnf("two", &["group", "list"]).contains("Foresters"));

    rig.changes("the repaired comps", || drop(rig.site.world.write("oak/comps.x86_64.xml", comps("Millers"))));
    assert!(rig.dnf("three", &["group", "list"]).contains("Millers"));
    eventually(SOON, "one problem less", || !told("not well-formed"));
}
