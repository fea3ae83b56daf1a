//! Are a repository's packages there, and are they what the metadata says?

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use futures_util::StreamExt;

use super::check::{Depth, Finding};
use super::diff::{Fields, fields};
use super::repository::Repository;
use crate::fetch::{Fetched, Fetcher, Place, Wanted};
use crate::model::{ChecksumType, chain};
use crate::repodata::describe;
use crate::repodata::read::Quick;
use crate::rpms::{self, ReadOptions};

/// A package as the metadata has it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// What names it.
    pub(super) quick: Quick,
    /// All that it says, as digests, and the number of its changelog entries; only for [`Depth::Read`].
    pub(super) all: Option<(Fields, usize)>,
}

/// How many packages are asked for at a time.
const AT_A_TIME: usize = 8;
/// Most bytes of one package.
const LARGEST: u64 = 64 << 30;

/// Looks at every package; returns what is wrong, in the order of the packages.
pub(super) async fn check(fetcher: &Fetcher, repository: &Repository, packages: &[Told], depth: Depth) -> Vec<Finding> {
    let each = packages.iter().map(|package| async move {
        let wrong = match depth {
            Depth::Present => present(fetcher, repository, &package.quick).await,
            Depth::Read => read(fetcher, repository, package).await,
        };
        let about = || format!("{} ({})", package.quick.nevra(), package.quick.href);
        wrong.err().map(|problem| Finding::new(about(), problem))
    });
    let mut findings = Vec::new();
    let mut answers = futures_util::stream::iter(each).buffered(AT_A_TIME);
    while let Some(finding) = answers.next().await {
        findings.extend(finding);
    }
    findings
}

/// Returns where a package may be: below the repository, or below a place of its own.
fn bases(repository: &Repository, package: &Quick) -> Result<Vec<Place>, String> {
    match &package.base {
        None => Ok(repository.bases.clone()),
        Some(base) => Place::parse(base).map(|place| vec![place]).map_err(|error| chain(&error)),
    }
}

async fn present(fetcher: &Fetcher, repository: &Repository, package: &Quick) -> Result<(), String> {
    let bases = bases(repository, package)?;
    match fetcher.stat(&bases, &package.href).await {
        Ok(Some(size)) if size != package.size => {
            Err(format!("the file has {size} bytes, and the metadata says {}", package.size))
        }
        Ok(_) => Ok(()),
        Err(error) if error.is_missing() => Err("the file is not there".to_owned()),
        Err(error) => Err(chain(&error)),
    }
}

async fn read(fetcher: &Fetcher, repository: &Repository, package: &Told) -> Result<(), String> {
    let quick = &package.quick;
    let bases = bases(repository, quick)?;
    let algorithm: ChecksumType = quick.checksum.algorithm.parse().map_err(|error| chain(&error))?;
    let checksum = Some((algorithm, quick.checksum.hex.clone()));
    let wanted = Wanted { size: Some(quick.size), checksum, ..Wanted::at_most(LARGEST) };
    let fetched = match fetcher.fetch(&bases, &quick.href, &wanted).await {
        Ok(fetched) => fetched,
        Err(error) if error.is_missing() => return Err("the file is not there".to_owned()),
        Err(error) => return Err(chain(&error)),
    };
    let package = package.clone();
    let compared = tokio::task::spawn_blocking(move || same(&fetched, &package)).await;
    compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Compares what an RPM file says with what the metadata told of it.
fn same(fetched: &Fetched, told: &Told) -> Result<(), String> {
    let Some((theirs, changes)) = &told.all else { return Ok(()) };
    // The file may have no name: what was fetched is in an unnamed one.
    let path = PathBuf::from(format!("/proc/self/fd/{}", fetched.file.as_raw_fd()));
    // How many changes are listed is for the writer to say.
    let options = ReadOptions { changelog: Some(*changes), ..ReadOptions::default() };
    let (package, file) = rpms::read_for_listing(&path, &options).map_err(|error| chain(&error))?;
    let mut ours = describe(package, file);
    let quick = &told.quick;
    (ours.href, ours.base, ours.time_file) = (quick.href.clone(), quick.base.clone(), quick.time_file);
    // The digest was verified, by the algorithm that the metadata names.
    ours.checksum = quick.checksum.clone();
    let pairs = fields(&ours).into_iter().zip(theirs);
    let differing = pairs.filter(|(ours, theirs)| ours != *theirs).map(|(ours, _)| ours.0);
    let differing: Vec<&str> = differing.collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!("the file says otherwise than the metadata: {}", differing.join(", ")))
}
