//! How do the files of a corpus come to disk? Into directories by first letter, over all cores.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::plan::Corpus;

/// How many files were written, and how many bytes they have.
#[derive(Debug, Default)]
pub struct Written {
    pub files: usize,
    pub bytes: u64,
}

/// Writes all packages of the corpus, in their first state, below `directory`.
pub fn write(corpus: &Corpus, directory: &Path) -> io::Result<Written> {
    let numbers: Vec<usize> = (0..corpus.packages.len()).collect();
    write_packages(corpus, directory, &numbers, 0)
}

/// Replaces `count` packages below `directory` by those of the round, which is 1 or more.
///
/// Rounds are done in order, with one `count`; what was replaced is removed.
pub fn replace(corpus: &Corpus, directory: &Path, count: usize, round: u32) -> io::Result<Written> {
    let numbers = corpus.replaced(count, round);
    let written = write_packages(corpus, directory, &numbers, round)?;
    for number in &numbers {
        for earlier in 0..round {
            match fs::remove_file(directory.join(corpus.path(*number, earlier))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(written)
}

impl Corpus {
    /// Returns where the package stands below the directory: `Packages/LETTER/FILE`.
    pub fn path(&self, number: usize, round: u32) -> PathBuf {
        let name = self.file_name(&self.packages[number], round);
        let letter = name[..1].to_lowercase();
        ["Packages", &letter, &name].iter().collect()
    }
}

fn write_packages(corpus: &Corpus, directory: &Path, numbers: &[usize], round: u32) -> io::Result<Written> {
    let paths: Vec<PathBuf> = numbers.iter().map(|number| corpus.path(*number, round)).collect();
    let mut parents: Vec<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    parents.sort_unstable();
    parents.dedup();
    for parent in parents {
        fs::create_dir_all(directory.join(parent))?;
    }
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut bytes = 0;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(number) = numbers.get(at) else { return Ok(bytes) };
            bytes += write_package(corpus, &directory.join(&paths[at]), *number, round)?;
        }
    };
    let cores = thread::available_parallelism()?.get();
    let totals: Vec<io::Result<u64>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)))
            .collect()
    });
    let mut bytes = 0;
    for total in totals {
        bytes += total?;
    }
    Ok(Written { files: paths.len(), bytes })
}

fn write_package(corpus: &Corpus, path: &Path, number: usize, round: u32) -> io::Result<u64> {
    let rpm = corpus.rpm(number, round);
    let mut file = File::create(path)?;
    file.write_all(&rpm.bytes)?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(rpm.built))?;
    Ok(rpm.bytes.len() as u64)
}
