//! How does the corpus become what a Koji hub has? Files in a volume laid out as Koji's, and the hub's rows.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Context;

use super::corpus::Corpus;
use super::hub::files::Made;
use super::hub::{Hub, NewBuild};
use super::setup::Setup;

/// A build whose files are in the volume.
pub struct Build {
    pub package: String,
    pub nvr: String,
    epoch: Option<i64>,
    made: Vec<Made>,
}

/// All builds of the corpus, and the newer ones of some packages.
pub struct Builds {
    pub first: Vec<Build>,
    /// A build of the round of replacements for each of the first packages that have one build only.
    pub newer: Vec<Build>,
}

/// Puts the corpus into a volume, as links to its files, and `newer` builds that are made anew.
pub fn fill(setup: &Setup, volume: &Path, newer: usize) -> anyhow::Result<Builds> {
    let corpus = &setup.corpus;
    let mut of_source: Vec<Vec<usize>> = corpus.sources.iter().map(|_| Vec::new()).collect();
    for (number, package) in corpus.packages.iter().enumerate() {
        of_source[package.source].push(number);
    }
    let link = |number: usize, to: &Path| {
        let from = setup.packages.join(corpus.path(number, 0));
        fs::hard_link(&from, to).with_context(|| format!("{} cannot be linked", from.display()))?;
        Ok(fs::read(&from)?)
    };
    let first = each(&of_source, |numbers| build(corpus, volume, numbers, 0, link))?;
    let name = |source: usize| &corpus.sources[source].name;
    // Of few packages the corpus has two versions, which stand side by side there.
    let is_single = |source: &usize| {
        let (before, after) = (source.checked_sub(1), source + 1);
        before.is_none_or(|before| name(before) != name(*source))
            && (after >= of_source.len() || name(after) != name(*source))
    };
    let chosen: Vec<Vec<usize>> =
        (0..of_source.len()).filter(is_single).take(newer).map(|source| of_source[source].clone()).collect();
    anyhow::ensure!(chosen.len() == newer, "the corpus has only {} packages that can be rebuilt", chosen.len());
    let make = |number: usize, to: &Path| {
        let rpm = corpus.rpm(number, 1);
        fs::write(to, &rpm.bytes)?;
        Ok(rpm.bytes)
    };
    let newer = each(&chosen, |numbers| build(corpus, volume, numbers, 1, make))?;
    Ok(Builds { first, newer })
}

/// Puts the files of one build into the volume.
fn build(
    corpus: &Corpus,
    volume: &Path,
    numbers: &[usize],
    round: u32,
    put: impl Fn(usize, &Path) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Build> {
    let first = *numbers.first().context("a build has packages")?;
    let source = &corpus.sources[corpus.packages[first].source];
    let dir: PathBuf = ["packages", &source.name, &source.version, &source.release(round)].iter().collect();
    let mut made = Vec::new();
    for number in numbers {
        let package = &corpus.packages[*number];
        let (place, file) = (volume.join(&dir).join(package.arch), corpus.file_name(package, round));
        fs::create_dir_all(&place)?;
        made.push(Made::of(&package.name, package.arch, &file, &put(*number, &place.join(&file))?));
    }
    let (package, nvr) = (source.name.clone(), corpus.build(first, round));
    Ok(Build { package, nvr, epoch: source.epoch.map(i64::from), made })
}

/// Does something for each on all cores; gives the results in order.
fn each<T: Send>(items: &[Vec<usize>], work: impl Fn(&[usize]) -> anyhow::Result<T> + Sync) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(done) };
            done.push((at, work(item)?));
        }
    };
    let cores = thread::available_parallelism()?.get();
    let mut all: Vec<(usize, T)> = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let done: anyhow::Result<Vec<(usize, T)>> =
                worker.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
            all.extend(done?);
        }
        anyhow::Ok(())
    })?;
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, done)| done).collect())
}

/// Makes builds known to the hub.
pub fn import(hub: &Hub, builds: &mut [Build]) {
    for build in builds {
        let mut new = NewBuild::new(&build.nvr, &[]);
        if let Some(epoch) = build.epoch {
            new = new.epoch(epoch);
        }
        hub.import_made(&new, std::mem::take(&mut build.made));
    }
}
