//! `tannery demo`: the whole story on embedded defaults, with a small distribution made for it.
//!
//! Nothing here is done by other means than those a user has: files are imported, builds tagged, a
//! compose run, and what is shown of the service is what it tells the world.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use super::output::print;
use crate::app::{App, Error, Running};
use crate::clock::Clock;
use crate::compose::Step;
use crate::config::{Config, Definition, machine_arch};
use crate::demo::packages::{self, Distribution};
use crate::model::{Arch, Nvr, TagName};
use crate::repos::Visibility;
use crate::store::durable::Lock;
use crate::store::outbox;
use crate::tags::TagEdit;

/// The tag of the story.
const TAG: &str = "oak-1";

/// Says that a directory is a demonstration's, so that the next one may clear it.
const MARK: &str = ".tannery-demo";

/// What is composed.
const DEFINITION: &str = r#"[release]
name = "Oak Linux"
short = "Oak"
version = "1"

[compose]
type = "nightly"
tag = "oak-1"
arches = ["ARCH"]

[[variant]]
id = "Everything"
packages = "all"

[[variant]]
id = "Minimal"
packages = ["tannery-base", "oak-*"]
"#;

/// How long a step may take before the story is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Show the whole story with a small distribution made for it, and keep serving it
///
/// Makes RPMs, imports and tags them, publishes repositories, makes a compose, then brings one new
/// build through. Needs no configuration, no service and no network.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End when the story is told, also on a terminal
    #[arg(long)]
    once: bool,
}

impl Demo {
    /// Returns what the story needs of the configuration, where the user has not said otherwise.
    pub(super) fn overrides(&self, data_dir: Option<&str>) -> Vec<(&'static str, &'static str, String)> {
        let mut overrides = vec![("demo", "log.level", "warn".to_owned())];
        if data_dir.is_none() {
            overrides.push(("demo", "data_dir", "tannery-demo".to_owned()));
        }
        overrides
    }

    /// Tells the story, and serves on until interrupted if somebody is there to look.
    pub(super) async fn run(self, config: Config) -> anyhow::Result<ExitCode> {
        let data_dir = config.data_dir.clone();
        make_room(&data_dir)?;
        let mut story = Story::begin(config).await?;
        story.tell().await?;
        if self.once || !std::io::stdout().is_terminal() {
            let (tag, arch) = (story.tag.clone(), story.arch.clone());
            story.running.stop().await;
            return ended(&data_dir, &tag, &arch);
        }
        story.epilogue()?;
        say("\nServing until you press Ctrl-C.")?;
        story.running.until_stopped().await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Clears the directory of an earlier demonstration; refuses any other that holds something.
fn make_room(dir: &Path) -> anyhow::Result<()> {
    let is_empty = std::fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty {
        if !dir.join(MARK).exists() {
            bail!("{} is not empty and was not made by a demo; name another with --data-dir", dir.display());
        }
        let _free = Lock::take(&dir.join("serve.lock")).context("another demo is still serving there")?;
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the directory {}", dir.display()))?;
    std::fs::write(dir.join(MARK), "").with_context(|| format!("cannot write into {}", dir.display()))
}

struct Story {
    running: Running,
    clock: Clock,
    began: u64,
    heard: i64,
    arch: Arch,
    tag: TagName,
}

impl Story {
    async fn begin(config: Config) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let began = clock.monotonic_millis();
        say("Tannery: from a build event to an installable repository, on this machine alone.")?;
        say(&format!("Everything is kept in {}\n", config.data_dir.display()))?;
        let running = start(config, &clock).await?;
        let story = Self { running, clock, began, heard: 0, arch: machine_arch(), tag: TAG.parse()? };
        story.line(&format!("service is up at {} (SQLite, no broker)", story.running.url))?;
        Ok(story)
    }

    async fn tell(&mut self) -> anyhow::Result<()> {
        let distribution = self.make_packages().await?;
        self.import(distribution.first.clone()).await?;
        let edit = TagEdit { arches: Some(vec![self.arch.clone()]), ..TagEdit::default() };
        self.app().tags.create_tag(&self.tag, &edit).await?;
        self.tag_builds(&distribution.first_builds).await?;
        self.compose().await?;
        self.chapter("A new build arrives")?;
        self.import(distribution.update.clone()).await?;
        self.tag_builds(std::slice::from_ref(&distribution.update_build)).await?;
        self.compose().await
    }

    fn app(&self) -> &App {
        &self.running.app
    }

    fn line(&self, text: &str) -> anyhow::Result<()> {
        let passed = self.clock.monotonic_millis() - self.began;
        say(&format!("[{:>5.1} s] {text}", passed as f64 / 1000.0))
    }

    fn chapter(&self, title: &str) -> anyhow::Result<()> {
        say(&format!("\n{title}"))
    }

    async fn make_packages(&self) -> anyhow::Result<Distribution> {
        let (dir, arch) = (self.app().config.data_dir.join("rpms"), self.arch.clone());
        let distribution = tokio::task::spawn_blocking(move || packages::make(&dir, &arch)).await??;
        let (builds, files) = (distribution.first_builds.len(), distribution.first.len());
        self.line(&format!("made a distribution: {builds} builds, {files} RPM files for {}", self.arch))?;
        Ok(distribution)
    }

    async fn import(&mut self, files: Vec<PathBuf>) -> anyhow::Result<()> {
        let count = files.len();
        let report = self.app().tags.import(files).await?;
        if let Some(problem) = report.problems.first() {
            bail!("{}: {}", problem.path.display(), crate::model::chain(&*problem.error));
        }
        let builds = match report.imported.as_slice() {
            [one] => one.to_string(),
            many => format!("{} builds", many.len()),
        };
        self.line(&format!("imported {builds} from {count} files, every digest verified"))
    }

    /// Tags builds, and shows what the service tells until a fresh client would see them.
    async fn tag_builds(&mut self, builds: &[Nvr]) -> anyhow::Result<()> {
        let began = self.clock.monotonic_millis();
        self.app().tags.tag_builds(&self.tag, builds, false).await?;
        let shown = if let [one] = builds { one.to_string() } else { format!("{} builds", builds.len()) };
        self.line(&format!("tagged {shown} into {}", self.tag))?;
        let Some(last) = builds.last() else { return Ok(()) };
        self.until(async |story| {
            let visibility = story.app().repos.visible(&story.tag, last, &[]).await?;
            Ok(visibility == Visibility::Visible)
        })
        .await?;
        let took = self.clock.monotonic_millis() - began;
        self.line(&format!("a fresh client sees {last}, {took} ms after it was tagged"))
    }

    async fn compose(&mut self) -> anyhow::Result<()> {
        let path = self.app().config.data_dir.join("oak.toml");
        std::fs::write(&path, DEFINITION.replace("ARCH", self.arch.as_str()))?;
        let definition = Definition::load(&path)?;
        let finished = self.app().composes.run(&definition, |_: Step| {}).await?;
        self.tell_news().await?;
        self.line(&format!("compose {} is whole: {}", finished.id, finished.path.display()))
    }

    /// Waits for `done`, showing meanwhile what the service tells the world.
    async fn until(&mut self, done: impl AsyncFn(&Self) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let end = self.clock.monotonic_millis() + PATIENCE.as_millis() as u64;
        loop {
            let ended = done(self).await?;
            self.tell_news().await?;
            if ended {
                return Ok(());
            }
            if self.clock.monotonic_millis() > end {
                bail!("nothing more happened for {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn tell_news(&mut self) -> anyhow::Result<()> {
        let news = outbox::after(&mut self.app().db.read().await?, self.heard, 100).await?;
        for message in news {
            self.heard = message.sequence;
            let body: Value = serde_json::from_str(&message.body)?;
            if let Some(text) = news_line(&message.topic, &body) {
                self.line(&format!("  {:<24} {text}", message.topic))?;
            }
        }
        Ok(())
    }

    fn epilogue(&self) -> anyhow::Result<()> {
        let url = &self.running.url;
        say(&format!("\nRepositories and composes: {url}/\nData directory: {}", self.app().config.data_dir.display()))?;
        try_it(&format!("{url}/repos/{}/{}/", self.tag, self.arch), &self.tag)?;
        say(&format!("  curl -s '{url}/api/v1/messages?limit=5'"))
    }
}

/// Says what can be done without the service: repositories are plain directories.
fn ended(data_dir: &Path, tag: &TagName, arch: &Arch) -> anyhow::Result<ExitCode> {
    let dir = data_dir.display();
    say(&format!(
        "\nThe service has ended; what it published is a directory and stays usable.\nData directory: {dir}"
    ))?;
    try_it(&format!("file://{dir}/repos/{tag}/{arch}/"), tag)?;
    let program = std::env::args().next().unwrap_or_else(|| "tannery".to_owned());
    say(&format!("Serve it again, at http://127.0.0.1:8180/:\n  {program} --data-dir {dir} serve"))?;
    Ok(ExitCode::SUCCESS)
}

/// Shows how to install from a repository, and to look at it.
fn try_it(repo: &str, tag: &TagName) -> anyhow::Result<()> {
    say(&format!("\nInstall from it, into a directory of its own (dnf wants root):\n  {}", dnf_line(repo, tag)))?;
    if !is_installed("dnf") {
        say("  (dnf is not installed here; on Debian: apt-get install dnf)")?;
    }
    say(&format!("Look at it:\n  curl -s {repo}repodata/repomd.xml"))
}

fn say(line: &str) -> anyhow::Result<()> {
    print(&format!("{line}\n"))
}

/// Starts the service; where the usual port is taken, on a free one.
async fn start(config: Config, clock: &Clock) -> anyhow::Result<Running> {
    match App::open(config.clone(), clock.clone()).await?.start().await {
        Err(Error::Listen { address, .. }) => {
            let mut config = config;
            config.http.bind = std::net::SocketAddr::new(address.ip(), 0);
            Ok(App::open(config, clock.clone()).await?.start().await?)
        }
        started => Ok(started?),
    }
}

fn dnf_line(repo: &str, tag: &TagName) -> String {
    format!(
        "dnf -y --installroot=/tmp/{tag}-root --releasever=1 --setopt=reposdir=/dev/null \
         --repofrompath={tag},{repo} --repo={tag} --nogpgcheck install {}",
        packages::META
    )
}

fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|dir| dir.join(program).is_file())
}

/// Returns what a message says, in a few words; `None` for those that another one says as well.
fn news_line(topic: &str, body: &Value) -> Option<String> {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let names = |list: &Value| {
        let names: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.len() > 2 { format!("{} packages", names.len()) } else { names.join(", ") }
    };
    match topic {
        "tannery.tag.changed" => Some(format!(
            "{} is at revision {}: {} builds, {} RPMs",
            text("tag"),
            body["revision"],
            body["packages"],
            body["rpms"]
        )),
        "tannery.repo.published" => {
            let (added, removed) = (names(&body["added"]), names(&body["removed"]));
            let change = match (added.is_empty(), removed.is_empty()) {
                (true, true) => String::new(),
                (false, true) => format!(", new: {added}"),
                (true, false) => format!(", gone: {removed}"),
                (false, false) => format!(", new: {added}; gone: {removed}"),
            };
            Some(format!(
                "{}/{} generation {}, {} packages{change}",
                text("tag"),
                text("repo"),
                body["generation"],
                body["packages"]
            ))
        }
        "tannery.compose.status" => Some(format!("{} {}", text("compose_id"), text("status"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_a_demonstrations_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("precious"), "x").unwrap();
        assert!(make_room(dir.path()).is_err());
        assert!(dir.path().join("precious").exists());
        let own = dir.path().join("own");
        make_room(&own).unwrap();
        std::fs::write(own.join("old"), "x").unwrap();
        make_room(&own).unwrap();
        assert!(!own.join("old").exists());
    }

    #[test]
    fn the_definition_of_the_story_is_valid() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oak.toml");
        std::fs::write(&path, DEFINITION.replace("ARCH", "x86_64")).unwrap();
        assert_eq!(Definition::load(&path).unwrap().variants.len(), 2);
    }
}
