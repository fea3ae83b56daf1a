//! How soon does a running service show a changed set? From the commit to `repomd.xml` read over HTTP.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::disk;
use super::measure::Sample;
use super::reader::Watcher;
use super::report::{Contender, Outcome, mebibytes, megabytes, time};
use super::service::{Line, QUIET, Service};
use super::setup::Setup;

pub const BASE: &str = "base";
const REPO: &str = "x86_64";
/// How long importing and first publishing may take.
const FIRST: Duration = Duration::from_secs(3600);
/// How long a refresh may take before it counts as failed.
const REFRESH: Duration = Duration::from_secs(300);
/// How many builds one command names: command lines have a limit.
const AT_ONCE: usize = 2000;

/// A service whose tag `base` holds the corpus.
pub struct Live {
    pub service: Service,
    /// The last round of replacements.
    round: u32,
}

impl Live {
    /// Imports the corpus, tags all of it, and waits until the repository shows it.
    pub fn start(setup: &Setup, form: &str) -> anyhow::Result<Self> {
        let mut service = Service::start(&setup.fresh(&format!("live-{form}"))?, form)?;
        let packages = setup.packages.display().to_string();
        let builds = import(&service, &packages)?;
        service.tell(&["tag", "create", BASE, "--arch", REPO])?;
        for some in builds.chunks(AT_ONCE) {
            tag(&service, BASE, some)?;
        }
        let last = builds.last().context("the corpus has no builds")?;
        service.tell(&["wait-repo", BASE, "--contains", last, "--timeout", "3600"])?;
        service.wait("that the base is quiet", FIRST, |lines| shown_since_change(lines, BASE))?;
        Ok(Self { service, round: 0 })
    }

    /// Replaces so many builds at once; returns the time until a client saw it, less the quiet time.
    pub fn replace(&mut self, setup: &Setup, count: usize) -> anyhow::Result<Sample> {
        let builds = self.import_replaced(setup, count)?;
        let before = self.service.memory()?;
        self.service.forget_peak()?;
        let watcher = Watcher::start(&self.service.address, &format!("/repos/{BASE}/{REPO}/repodata/repomd.xml"))?;
        let known = self.service.wait("the log", REFRESH, |lines| Some(lines.len()))?;
        tag(&self.service, BASE, &builds)?;
        let committed = self
            .service
            .wait("that the base shows the change", REFRESH, |lines| shown_since_change(&lines[known..], BASE))?;
        let seen = *watcher.changes()?.last().context("the client saw no change")?;
        let wall = Duration::try_from(seen.duration_since(committed))?.saturating_sub(QUIET);
        let peak = self.service.memory()?.peak.saturating_sub(before.resident);
        Ok(Sample { wall, cpu: None, peak: Some(peak) })
    }

    /// Returns how long the disk takes to write and sync what the repository shows, and how many bytes that are;
    /// `None` where files are joined as they are served.
    fn disk(&self, setup: &Setup) -> anyhow::Result<Option<(Duration, u64)>> {
        let repodata = self.service.data.join("repos").join(BASE).join(REPO).join("repodata");
        let repomd = fs::read_to_string(repodata.join("repomd.xml")).unwrap_or_default();
        let mut sizes = Vec::new();
        for entry in fs::read_dir(&repodata)? {
            let entry = entry?;
            if repomd.contains(&*entry.file_name().to_string_lossy()) {
                sizes.push(entry.metadata()?.len());
            }
        }
        let bytes = sizes.iter().sum();
        Ok(if bytes == 0 { None } else { Some((disk::write_and_sync(&setup.scratch, &sizes)?, bytes)) })
    }

    /// Makes and imports the next round's builds; returns their names.
    pub fn import_replaced(&mut self, setup: &Setup, count: usize) -> anyhow::Result<Vec<String>> {
        self.round += 1;
        let place = setup.fresh("new")?;
        let corpus = &setup.corpus;
        let numbers = corpus.replaced(count, self.round);
        for number in &numbers {
            let to: PathBuf = place.join(corpus.file_name(&corpus.packages[*number], self.round));
            fs::write(to, corpus.rpm(*number, self.round).bytes)?;
        }
        import(&self.service, &place.display().to_string())?;
        Ok(numbers.iter().map(|number| corpus.build(*number, self.round)).collect())
    }
}

/// Imports packages; returns the names of their builds.
fn import(service: &Service, place: &str) -> anyhow::Result<Vec<String>> {
    let report: Value = serde_json::from_str(&service.tell(&["import", "--json", place])?)?;
    let builds = report["imported"].as_array().context("import tells no builds")?;
    Ok(builds.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
}

/// Puts builds into a tag.
pub fn tag(service: &Service, tag: &str, builds: &[String]) -> anyhow::Result<()> {
    let builds = builds.iter().map(String::as_str);
    let arguments: Vec<&str> = ["tag", "add", tag].into_iter().chain(builds).collect();
    service.tell(&arguments).map(drop)
}

/// Returns when the tag's last change was committed, if its repository has shown it since.
pub fn shown_since_change(lines: &[Line], wanted: &str) -> Option<jiff::Timestamp> {
    let (mut changed, mut shown) = (None, None);
    for line in lines {
        match line {
            Line::Changed { tag, at } if tag == wanted => changed = Some(*at),
            Line::Shown { tag, repo, at, .. } if tag == wanted && repo == REPO => shown = Some(*at),
            _ => {}
        }
    }
    changed.filter(|changed| shown.is_some_and(|shown| shown > *changed))
}

/// Measures one or many packages replaced in a live repository of a form.
pub fn live(setup: &Setup, live: &mut Live, outcome: &mut Outcome, count: usize) -> anyhow::Result<()> {
    let idle = live.service.idle()?;
    let command = format!("tannery tag add {BASE} NVR, {count} builds, beside tannery serve");
    outcome.contenders.push(Contender::new("tannery serve", command));
    // Latencies of single refreshes scatter more than whole runs do.
    let rounds = if count == 1 { setup.rounds * 5 } else { setup.rounds };
    let mut disk = Vec::new();
    for _ in 0..rounds {
        let sample = live.replace(setup, count)?;
        outcome.contenders[0].samples.push(sample);
        disk.extend(live.disk(setup)?);
    }
    let shown = live.service.wait("the log", REFRESH, |lines| {
        lines.iter().rev().find_map(|line| match line {
            Line::Shown { tag, packages, .. } if tag == BASE => Some(*packages),
            _ => None,
        })
    })?;
    outcome.notes.push(format!("packages shown: {shown}; idle memory: {}", mebibytes(idle)));
    outcome.notes.push("peak memory is that above what the service had before the refresh".to_owned());
    if !disk.is_empty() {
        disk.sort();
        let (bytes, taken) = (megabytes(disk[0].1), time(disk[disk.len() / 2].0));
        outcome.notes.push(format!("writing and syncing {bytes} on the same disk after each: {taken} (median)"));
    }
    Ok(())
}
