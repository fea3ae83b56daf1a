//! `tannery repo`: what may be asked of anybody's repository? Only `export` and `merged` open a state, and are of ours.

mod export;
mod merge;
mod merged;
mod shown;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use merge::Merge;

use super::output::Form;
use crate::clock::Clock;
use crate::fetch::{Fetcher, Settings};
use crate::repotools::{self, Depth, Repository, Way};

/// A repository is a directory, a URL (http, https, file), metalink:URL or mirrorlist:URL.
#[derive(Debug, Subcommand)]
pub(super) enum Repo {
    Check(Check),
    /// Show which packages two repositories do not have in common, and which they describe otherwise
    Diff {
        /// A directory, a URL (http, https, file), metalink:URL or mirrorlist:URL
        first: String,
        /// Another one
        second: String,
        #[command(flatten)]
        form: Form,
    },
    /// Show the records of a repository: sizes, compression, frames, age
    Show {
        /// A directory, a URL (http, https, file), metalink:URL or mirrorlist:URL
        repository: String,
        #[command(flatten)]
        form: Form,
    },
    Export(export::Export),
    /// Mirror the metadata of a repository, not its packages, into a directory
    Sync {
        /// A directory, a URL (http, https, file), metalink:URL or mirrorlist:URL
        repository: String,
        /// Where `repodata/` is or will be
        directory: PathBuf,
        /// Fetch only the parts of files that changed, by range requests, where the repository was written by
        /// Tannery; all else is fetched whole
        #[arg(long)]
        delta: bool,
        #[command(flatten)]
        form: Form,
    },
    Merge(Merge),
    Merged(merged::Merged),
}

/// Check whether a repository is whole: digests, sizes, XML, order, duplicates, packages
///
/// Exit status 1 if anything is wrong, 2 if the repository cannot be opened.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A directory, a URL (http, https, file), metalink:URL or mirrorlist:URL
    repository: String,
    /// Also read every package: its digest, and whether it says what the metadata says
    #[arg(long)]
    packages: bool,
    /// Verify the signature of repomd.xml by the public keys in this file, with gpgv
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
}

impl Repo {
    /// Returns whether it is about repositories of ours.
    pub(super) fn needs_state(&self) -> bool {
        matches!(self, Self::Export(_) | Self::Merged(_))
    }

    pub(super) async fn run(self, clock: Clock) -> anyhow::Result<ExitCode> {
        let fetcher = Fetcher::new(clock.clone(), Settings::default());
        match self {
            Self::Check(check) => check.run(&fetcher).await,
            Self::Diff { first, second, form } => {
                let first = Repository::open(&fetcher, &first).await?;
                let second = Repository::open(&fetcher, &second).await?;
                let difference = repotools::diff(&fetcher, &first, &second).await?;
                form.print(&difference, shown::difference)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Show { repository, form } => {
                let repository = Repository::open(&fetcher, &repository).await?;
                let found = repotools::show(&fetcher, &repository).await?;
                form.print(&found, |found| shown::repository(found, clock.micros()))?;
                Ok(ExitCode::SUCCESS)
            }
            // Runs where the state is open.
            Self::Export(_) | Self::Merged(_) => Ok(ExitCode::SUCCESS),
            Self::Merge(merge) => merge.run(&fetcher, &clock).await,
            Self::Sync { repository, directory, delta, form } => {
                let repository = Repository::open(&fetcher, &repository).await?;
                let way = if delta { Way::Delta } else { Way::Whole };
                let synced = repotools::sync(&fetcher, &repository, &directory, way).await?;
                form.print(&synced, shown::synced)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Check {
    async fn run(self, fetcher: &Fetcher) -> anyhow::Result<ExitCode> {
        let depth = if self.packages { Depth::Read } else { Depth::Present };
        let checked = async {
            let repository = Repository::open(fetcher, &self.repository).await?;
            repotools::check(fetcher, &repository, depth, self.keys.as_deref()).await
        };
        let report = match checked.await {
            Ok(report) => report,
            // Status 1 says that the repository was checked and is wrong.
            Err(error) => {
                super::output::complain("error", &crate::model::chain(&error));
                return Ok(ExitCode::from(2));
            }
        };
        self.form.print(&report, shown::report)?;
        Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
