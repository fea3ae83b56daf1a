//! `tannery repo merge`: which repositories become one, and by which rules?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::shown;
use crate::cli::output::Form;
use crate::clock::Clock;
use crate::config::Compression;
use crate::fetch::Fetcher;
use crate::model::Arch;
use crate::repotools::{self, Groups, Merging, Repository};

/// Merge the metadata of several repositories into one, by the rules that Koji uses for external ones
///
/// Packages stay where they are: each says so by its xml:base, but for those of the first repository, which
/// are taken to lie where the merged one does.
#[derive(Debug, Args)]
pub(in crate::cli) struct Merge {
    /// Directories, URLs (http, https, file), metalink:URL or mirrorlist:URL; the first is the one preferred
    #[arg(required = true)]
    repositories: Vec<String>,
    /// Where `repodata/` is or will be
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Which packages are taken
    #[arg(short, long, value_enum, default_value_t)]
    method: Method,
    /// A file with names of source packages, one a line, that are left out with all that was built from them
    #[arg(short, long, value_name = "FILE")]
    blocked: Option<PathBuf>,
    /// Take packages of this arch and noarch only; may be repeated, or list arches with commas
    #[arg(short, long = "arch", value_name = "ARCH", value_delimiter = ',')]
    arches: Vec<Arch>,
    /// Take no compatible arches and no multilib for --arch
    #[arg(long)]
    exact_arches: bool,
    /// The groups (comps) of the merged repository; without it those of the first repository that has any
    #[arg(short, long, value_name = "FILE", conflicts_with = "no_groups")]
    groupfile: Option<PathBuf>,
    /// No groups
    #[arg(long)]
    no_groups: bool,
    /// Packages of the first repository get an xml:base too
    #[arg(long)]
    first_elsewhere: bool,
    /// How the metadata is compressed: zstd or gzip, with a level if another is wanted, as in zstd:10
    #[arg(long, value_name = "KIND", default_value_t)]
    compression: Compression,
    #[command(flatten)]
    form: Form,
}

/// Which packages are taken.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Method {
    /// Of each source name those built from one source RPM: the highest of the first repository that has any
    #[default]
    Koji,
    /// All, also several of one name and version
    Simple,
    /// All, but each name, version and arch once
    All,
}

impl Merge {
    pub(super) async fn run(self, fetcher: &Fetcher, clock: &Clock) -> anyhow::Result<ExitCode> {
        let mut repositories = Vec::new();
        for name in &self.repositories {
            repositories.push(Repository::open(fetcher, name).await?);
        }
        let groups = match self.groupfile {
            _ if self.no_groups => Groups::None,
            Some(path) => Groups::File(path),
            None => Groups::First,
        };
        let merging = Merging {
            method: match self.method {
                Method::Koji => repotools::Method::Koji,
                Method::Simple => repotools::Method::Simple,
                Method::All => repotools::Method::All,
            },
            blocked: self.blocked.as_deref().map(repotools::blocked).transpose()?.unwrap_or_default(),
            arches: self.arches,
            expand: !self.exact_arches,
            groups,
            first_elsewhere: self.first_elsewhere,
            compression: self.compression.into(),
            time: clock.seconds(),
        };
        let merged = repotools::merge(fetcher, &repositories, merging, &self.output).await?;
        self.form.print(&merged, shown::merged)?;
        Ok(ExitCode::SUCCESS)
    }
}
