//! What is measured with what? The corpus, the programs, and the directory that results go to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

use super::corpus::{Corpus, write};

/// Where `scripts/peers install` puts the wheel whose program stands in for the newest createrepo_c.
const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.peers/venv/lib");
const IN_WHEEL: &str = "site-packages/createrepo_c/data/bin/createrepo_c";
const DISTRIBUTION: &str = "/usr/bin/createrepo_c";

/// Everything that the works share.
pub struct Setup {
    pub corpus: Corpus,
    /// The corpus as it was written; never changed.
    pub packages: PathBuf,
    /// Emptied at the start; on the disk that is measured.
    pub scratch: PathBuf,
    pub rounds: u32,
    pub side_tags: usize,
    /// The newest createrepo_c.
    newest: Option<PathBuf>,
}

impl Setup {
    /// Finds the programs, writes the corpus where it is missing, and reads it once to warm the cache.
    pub fn new(
        count: usize,
        packages: Option<PathBuf>,
        scratch: PathBuf,
        newest: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let corpus = Corpus::plan(count);
        let packages = packages.unwrap_or_else(|| scratch.with_file_name(format!("bench-corpus-{count}")));
        // The last package is written among the last: what lies there is then taken for whole.
        if !packages.join("complete").is_file() {
            let started = Instant::now();
            let written = write(&corpus, &packages).context("the corpus cannot be written")?;
            fs::write(packages.join("complete"), "")?;
            eprintln!(
                "corpus: {} files, {} bytes in {:.1} s",
                written.files,
                written.bytes,
                started.elapsed().as_secs_f64()
            );
        }
        let found = read_all(&packages)?;
        if found != count {
            bail!("{} holds {found} packages, not {count}", packages.display());
        }
        if scratch.exists() {
            fs::remove_dir_all(&scratch)?;
        }
        fs::create_dir_all(&scratch)?;
        let (scratch, packages) = (scratch.canonicalize()?, packages.canonicalize()?);
        let newest = newest.or_else(in_wheel);
        Ok(Self { corpus, packages, scratch, rounds: 3, side_tags: 500, newest })
    }

    /// Returns the newest createrepo_c, the program itself: its Python wrapper costs time of its own.
    pub fn newest(&self) -> anyhow::Result<Peer> {
        let place = self.newest.as_ref().context("createrepo_c of PyPI is not there: run scripts/peers install")?;
        Peer::at(place)
    }

    /// Returns the createrepo_c of the distribution.
    pub fn distribution() -> anyhow::Result<Peer> {
        Peer::at(Path::new(DISTRIBUTION)).context("createrepo_c of the distribution is not there: install createrepo-c")
    }

    /// Returns a fresh directory below the scratch.
    pub fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let place = self.scratch.join(name);
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(&place)?;
        Ok(place)
    }

    /// Returns where the output of all programs goes.
    pub fn log(&self) -> PathBuf {
        self.scratch.join("log")
    }

    /// Returns a copy of the corpus in which files can be replaced; its files are links to the corpus.
    pub fn copy(&self, name: &str) -> anyhow::Result<PathBuf> {
        let copy = self.fresh(name)?;
        for number in 0..self.corpus.packages.len() {
            let path = self.corpus.path(number, 0);
            let to = copy.join(&path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::hard_link(self.packages.join(&path), &to)?;
        }
        Ok(copy)
    }
}

/// Tannery itself, as `cargo bench` built it, without what the environment says to it or to the tests.
pub fn tannery() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tannery"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TANNERY_") {
            command.env_remove(name);
        }
    }
    command
}

/// A createrepo_c and what it calls itself.
pub struct Peer {
    pub place: PathBuf,
    pub name: String,
}

impl Peer {
    fn at(place: &Path) -> anyhow::Result<Self> {
        let said = Command::new(place).arg("--version").output().with_context(|| place.display().to_string())?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = said.split_whitespace().nth(1).context("createrepo_c does not tell its version")?;
        Ok(Self { place: place.to_owned(), name: format!("createrepo_c {version}") })
    }
}

fn in_wheel() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(VENV).ok()?.flatten().map(|entry| entry.path().join(IN_WHEEL)).collect();
    found.retain(|place| place.is_file());
    found.into_iter().max()
}

/// Reads every package below the directory; returns how many there are.
fn read_all(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            count += read_all(&entry.path())?;
        } else if entry.path().extension().is_some_and(|ending| ending == "rpm") {
            fs::read(entry.path())?;
            count += 1;
        }
    }
    Ok(count)
}
