//! Does a tag have the packages of the external repositories that a hub joins it with? As Koji's build repositories have
//! them, by stock dnf and held against `mergerepo_c`, whatever the servers outside do.

mod outside;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::hub::files::{Wanted, make};
use crate::world::hub::{Hub, NewBuild};
use crate::world::{Outside, SOON, Service, Site, Store, eventually, peer, run};

/// What makes the service merge.
pub const MERGE: &str = "external_repos = \"merge\"\nexternal_every = \"1s\"\n";

/// A hub with the tags `base` and `build`, which inherits from it, servers outside, and the service.
pub struct Rig {
    service: Option<Service>,
    pub koji: Hub,
    pub site: Site,
    pub outside: Outside,
}

impl Rig {
    /// Makes all but the service; `more` is more of `[repos]`.
    pub fn new(store: Store, more: &str) -> Self {
        let volume = tempfile::Builder::new().prefix("tannery-test.").tempdir().unwrap().keep();
        let koji = Hub::start(&volume);
        let site = Site::new(store, &config(&koji, more));
        let outside = Outside::serve(&site.world.path("outside"));
        koji.create_tag("base", Some("x86_64"));
        koji.create_tag("build", Some("x86_64"));
        koji.inherit("build", &["base"]);
        for package in ["alpha", "beta"] {
            koji.add_package("base", package);
            koji.import(&NewBuild::new(&format!("{package}-1-1"), &["x86_64"]));
            koji.tag_build("base", &format!("{package}-1-1"));
        }
        Self { service: None, koji, site, outside }
    }

    /// As [`Rig::new`], with what makes the service merge, and one external repository `one` that `build` is joined
    /// with; the service runs, and everything is merged.
    pub fn merged() -> Self {
        let mut rig = Self::new(Store::Sqlite, MERGE);
        rig.repository("one", &["gamma-1-1.x86_64"]);
        rig.koji.add_external_repo("build", "one", &rig.outside.url("one"), 5);
        rig.serve();
        rig.shows(&["alpha-1", "beta-1", "gamma-1"]);
        rig
    }

    pub fn serve(&mut self) {
        self.service = Some(self.site.serve());
    }

    pub fn serve_as(&mut self, more: &str) {
        self.service.take().unwrap().kill();
        self.service = Some(self.site.serve_as(&config(&self.koji, more)));
    }

    /// Ends the service as a crash would.
    pub fn kill(&mut self) {
        self.service.take().unwrap().kill();
    }

    /// Makes a directory outside a repository of these packages, `NAME-VERSION-RELEASE.ARCH` or
    /// `SOURCE:NAME-VERSION-RELEASE.ARCH`, as createrepo_c does.
    pub fn repository(&self, name: &str, packages: &[&str]) {
        let dir = self.site.world.path("outside").join(name);
        let _ = fs::remove_dir_all(dir.join("p"));
        for package in packages {
            let (source, nvra) = package.split_once(':').unwrap_or(("", package));
            let (nvr, arch) = nvra.rsplit_once('.').unwrap();
            let words: Vec<&str> = nvr.rsplitn(3, '-').collect();
            let [release, version, name] = words[..] else { panic!("{package}") };
            let wanted = Wanted { name, version, release, epoch: None, arch };
            let made = make(&wanted, if source.is_empty() { name } else { source });
            self.site.world.write(&dir.join("p").join(&made.file).display().to_string(), made.bytes.unwrap());
        }
        fs::create_dir_all(&dir).unwrap();
        run(Command::new(peer("CREATEREPO")).args(["-q", "--no-database"]).arg(&dir)).ok();
    }

    /// Returns the directory of the merged repository of `build`.
    pub fn dir(&self) -> PathBuf {
        self.site.repository("build", "x86_64-merged")
    }

    /// Returns `NAME-VERSION` of the packages of a directory's repository, sorted.
    pub fn listed(&self, dir: &Path) -> Vec<String> {
        if !dir.join("repodata/repomd.xml").exists() {
            return Vec::new();
        }
        let script = "import createrepo_c, sys\nfor package in createrepo_c.RepositoryReader.from_path(sys.argv[1])\
                      .iter_packages(): print(f'{package.name}-{package.version}')";
        let told = run(Command::new(peer("PYTHON")).args(["-c", script]).arg(dir)).ok();
        let mut listed: Vec<String> = told.lines().map(str::to_owned).collect();
        listed.sort();
        listed
    }

    /// Waits until the merged repository of `build` has these packages, `NAME-VERSION`.
    pub fn shows(&self, expected: &[&str]) {
        let mut seen = Vec::new();
        eventually(SOON, &format!("{expected:?} to be merged"), || {
            let now = self.listed(&self.dir());
            if now != seen {
                eprintln!("merged: {now:?}");
                seen = now;
            }
            seen == expected
        });
    }

    /// Returns what is said of the merged repository of `build`.
    pub fn told(&self) -> Value {
        self.site.json(&["repo", "merged", "build", "x86_64"])[0].clone()
    }

    /// Returns the number of the generation that is shown.
    pub fn generation(&self) -> i64 {
        self.told()["generations"][0]["number"].as_i64().unwrap()
    }

    /// Waits until the merged repository stands so; returns what is told then.
    pub fn stands(&self, state: &str) -> Value {
        let mut told = Value::Null;
        eventually(SOON, state, || {
            told = self.told();
            told["state"] == state
        });
        told
    }

    /// Waits until what is wrong with it has these words in it.
    pub fn troubled(&self, words: &str) {
        let mut troubles = String::new();
        eventually(SOON, &format!("trouble with {words:?}"), || {
            let now = self.told()["troubles"].to_string();
            if now != troubles {
                eprintln!("{now}");
                troubles = now;
            }
            troubles.contains(words)
        });
    }

    /// Returns the bodies of all messages about merged repositories.
    pub fn messages(&self) -> Vec<Value> {
        let printed = self.site.run(&["messages"]).ok();
        let all = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|message| message["topic"] == "tannery.repo.merged").map(|message| message["body"].clone()).collect()
    }

    /// Checks that all of the merged repository is whole, packages too.
    pub fn is_whole(&self) {
        let url = self.site.url("/repos/build/x86_64-merged");
        let ended = run(&mut self.site.world.tannery(&["repo", "check", "--packages", &url]));
        assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.service.take();
        let _ = fs::remove_dir_all(self.koji.volume());
    }
}

fn config(koji: &Hub, more: &str) -> String {
    format!(
        "[buildsys]\nkind = \"koji\"\nvolume = \"{}\"\n[koji]\nhub = \"{}\"\ncalls_per_second = 1000\nquiet = \"50ms\"\n\
         at_latest = \"1s\"\nprobe_every = \"1s\"\ncheck_every = \"1h\"\n[repos]\nquiet = \"50ms\"\nat_latest = \"500ms\"\n\
         {more}[[follow]]\ntags = [\"build\"]\n",
        koji.volume().display(),
        koji.url()
    )
}
