//! `tannery import`: RPM files become builds.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::output::{Form, complain};
use crate::app::App;
use crate::buildsys::Problem;
use crate::model::{Nvr, chain};
use crate::tags::ImportReport;

/// Import RPM files as builds of the local build system
///
/// Files are grouped into builds by their source RPM. A build is taken whole or not at all; importing it
/// again is harmless. The same RPM with another signature is kept as a signed copy.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 all is imported, 1 something was refused.")]
pub(super) struct Import {
    /// RPM files, or directories that are searched for files ending in .rpm
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    imported: &'a [Nvr],
    already_there: &'a [Nvr],
    without_source: &'a [Nvr],
    problems: Vec<Refused<'a>>,
}

#[derive(Debug, Serialize)]
struct Refused<'a> {
    path: String,
    /// The build that is not imported because of it; nothing is, where it is not known.
    build: Option<&'a Nvr>,
    error: String,
}

impl Import {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let report = app.tags.import(self.paths).await?;
        let ImportReport { imported, known, without_source, problems } = &report;
        if imported.is_empty() && known.is_empty() && problems.is_empty() {
            bail!("there are no RPM files there");
        }
        for nvr in without_source {
            complain("warning", &format!("{nvr} comes without its source RPM"));
        }
        let problems: Vec<Refused<'_>> = problems.iter().map(refused).collect();
        for problem in &problems {
            let effect = problem.build.map_or("nothing is imported".to_owned(), |nvr| format!("{nvr} is not imported"));
            complain("error", &format!("{}: {}; {effect}", problem.path, problem.error));
        }
        let ended = if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        self.form.print(&Report { imported, already_there: known, without_source, problems }, text)?;
        Ok(ended)
    }
}

fn refused(problem: &Problem) -> Refused<'_> {
    let Problem { path, build, error } = problem;
    Refused { path: path.display().to_string(), build: build.as_ref(), error: chain(error.as_ref()) }
}

fn text(report: &Report<'_>) -> String {
    let imported = report.imported.iter().map(|nvr| format!("imported {nvr}\n"));
    let known = report.already_there.iter().map(|nvr| format!("already there {nvr}\n"));
    imported.chain(known).collect()
}
