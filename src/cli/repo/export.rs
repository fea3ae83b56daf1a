//! `tannery repo export`: how does one of our repositories come to stand alone, for a plain web server?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::app::App;
use crate::cli::output::{Form, count};
use crate::cli::suggest::no_such_tag;
use crate::model::{RepoName, TagName};
use crate::repos::{Exported, WithPackages};
use crate::store::tags;

/// Write a repository of ours as plain files, whatever its form, for a plain web server or a mirror
///
/// What is written is what readers of the live repository get, signature and all. A repository that is in the
/// directory already is replaced once the new one is whole; its files stay for as long as the follow rule's
/// keep_for says. Packages that are listed no more stay.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The tag
    tag: TagName,
    /// Which of its repositories: an arch, ARCH-debug, or src
    repo: RepoName,
    /// Where to; made if it is not there
    dir: PathBuf,
    /// How the packages come there
    #[arg(long, value_enum, default_value_t = Packages::Link, value_name = "HOW")]
    packages: Packages,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Packages {
    /// As hard links where the file system can, else as copies
    Link,
    /// As copies
    Copy,
    /// Not at all: the metadata alone
    None,
}

#[derive(Debug, Serialize)]
struct Report {
    tag: TagName,
    repo: String,
    dir: String,
    generation: i64,
    revision: i64,
    packages: i64,
}

impl Export {
    pub(in crate::cli) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let known = tags::by_name(&mut app.db.read().await?, &app.config.buildsys.id, self.tag.as_str()).await?;
        if known.is_none() {
            return Err(no_such_tag(app, &self.tag).await?);
        }
        let with = match self.packages {
            Packages::Link => WithPackages::Linked,
            Packages::Copy => WithPackages::Copied,
            Packages::None => WithPackages::No,
        };
        let exported = app.repos.export(&self.tag, &self.repo, &self.dir, with).await?;
        let Exported { generation, revision, packages } = exported;
        let (repo, dir) = (self.repo.to_string(), self.dir.display().to_string());
        let report = Report { tag: self.tag, repo, dir, generation, revision, packages };
        self.form.print(&report, |report| {
            let Report { tag, repo, dir, generation, packages, .. } = report;
            format!("{tag}/{repo}, generation {generation} with {}, is in {dir}\n", count(*packages, "package"))
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
