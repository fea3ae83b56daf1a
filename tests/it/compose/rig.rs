//! On what are composes tried? The demonstration's distribution in a tag of its own, in a new directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tannery::buildsys::{Local, Volume};
use tannery::clock::Clock;
use tannery::compose::{Composes, Error, Finished, Step};
use tannery::config::{Config, Definition, machine_arch};
use tannery::demo::packages::{self, Distribution};
use tannery::model::{Nvr, TagName};
use tannery::store::composes::{self, ComposeRow};
use tannery::store::{Db, outbox};
use tannery::tags::{Bells, TagEdit, Tags};

/// When the stories begin: 2026-11-21, 00:00 UTC.
pub const BEGIN: i64 = 1_795_219_200;

pub struct Rig {
    dir: tempfile::TempDir,
    pub db: Db,
    pub clock: Clock,
    pub config: Arc<Config>,
    pub tags: Tags,
    pub composes: Composes,
    pub distribution: Distribution,
}

impl Rig {
    /// Imports the distribution and tags it into `oak-1`, on SQLite.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        Self::on(db, dir).await
    }

    /// As [`Rig::new`], on a database that is empty.
    pub async fn on(db: Db, dir: tempfile::TempDir) -> Self {
        let config = Arc::new(Config::default_for(&dir.path().join("data")));
        fs::create_dir_all(&config.data_dir).unwrap();
        let local = Local::new(db.clone(), "local", Volume::new(&config.buildsys.volume));
        let (clock, bells) = (Clock::held(BEGIN), Bells::default());
        let tags = Tags::new(db.clone(), local, config.clone(), clock.clone(), bells.clone());
        let distribution = packages::make(&dir.path().join("made"), &machine_arch()).unwrap();
        let rig = Self {
            composes: Composes::new(db.clone(), tags.clone(), config.clone(), clock.clone(), bells),
            dir,
            db,
            clock,
            config,
            tags,
            distribution,
        };
        rig.tags.create_tag(&tag(), &TagEdit::default()).await.unwrap();
        rig.add(&rig.distribution.first, &rig.distribution.first_builds).await;
        rig
    }

    /// Imports files and tags their builds.
    pub async fn add(&self, files: &[PathBuf], builds: &[Nvr]) {
        let report = self.tags.import(files.to_vec()).await.unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        self.tags.tag_builds(&tag(), builds, false).await.unwrap();
    }

    /// Reads a definition whose variants are given as TOML.
    pub fn definition(&self, variants: &str) -> Definition {
        let path = self.dir.path().join("oak.toml");
        let head = format!(
            "[release]\nname = \"Oak 🌳 100%\"\nshort = \"Oak\"\nversion = \"1.2\"\n\
             [compose]\ntype = \"nightly\"\ntag = \"oak-1\"\narches = [\"{}\"]\n",
            machine_arch()
        );
        fs::write(&path, head + variants).unwrap();
        Definition::load(&path).unwrap()
    }

    /// A variant with everything, and one with a list.
    pub fn two_variants(&self) -> Definition {
        self.definition(
            "[[variant]]\nid = \"Everything\"\npackages = \"all\"\n\
             [[variant]]\nid = \"Minimal\"\nname = \"Minimal system\"\npackages = [\"oak-hello*\", \"tannery-*\"]\n",
        )
    }

    pub async fn run(&self, definition: &Definition) -> Result<Finished, Error> {
        // Not every caller stays on one thread.
        fn moves<T: Send>(future: T) -> T {
            future
        }
        moves(self.composes.run(definition, |_| {})).await
    }

    /// Returns the rows of all composes, the newest first.
    pub async fn rows(&self) -> Vec<ComposeRow> {
        composes::newest(&mut self.db.read().await.unwrap(), 100).await.unwrap()
    }

    /// Returns `status compose_id` of all messages of a topic, in order.
    pub async fn told(&self, topic: &str) -> Vec<String> {
        let all = outbox::after(&mut self.db.read().await.unwrap(), 0, 1000).await.unwrap();
        let mut told = Vec::new();
        for message in all.into_iter().filter(|message| message.topic == topic) {
            let body: Value = serde_json::from_str(&message.body).unwrap();
            told.push(format!("{} {}", body["status"].as_str().unwrap(), body["compose_id"].as_str().unwrap()));
        }
        told
    }

    pub fn compose_dir(&self) -> &Path {
        &self.config.compose.dir
    }

    /// Returns the names in the compose directory.
    pub fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.compose_dir()) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Returns where the link to the latest compose points.
    pub fn latest(&self) -> String {
        fs::read_link(self.compose_dir().join("latest-Oak-1")).unwrap().to_str().unwrap().to_owned()
    }
}

pub fn tag() -> TagName {
    "oak-1".parse().unwrap()
}

/// Returns all files below a directory with their content.
pub fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(next) = todo.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Returns the word for a step.
pub fn word(step: &Step) -> &'static str {
    match step {
        Step::Started { .. } => "started",
        Step::Wrote { .. } => "wrote",
        Step::Visible { .. } => "visible",
        Step::Finished { .. } => "finished",
    }
}
