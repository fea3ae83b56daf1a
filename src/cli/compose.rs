//! `tannery compose`: make one, and see which are there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde::Serialize;

use super::output::{Form, age, complain, harmless, time};
use super::suggest::unknown;
use crate::app::App;
use crate::compose::Step;
use crate::config::Definition;
use crate::lifecycle;
use crate::store::composes::{self, ComposeRow};

/// How many composes a mistyped id is compared with.
const COMPARED: i64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Compose {
    /// Make a compose; prints its id and where it is
    Run {
        /// The compose definition, a TOML file
        #[arg(value_name = "DEFINITION")]
        definition: PathBuf,
        #[command(flatten)]
        form: Form,
    },
    /// List composes, the newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Show one compose
    Show {
        /// Its compose id
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        form: Form,
    },
}

/// A compose, as printed.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) status: String,
    tag: String,
    revision: Option<i64>,
    definition: String,
    reason: Option<String>,
    started_at: String,
    ended_at: Option<String>,
    #[serde(skip)]
    pub(super) age: String,
}

impl Shown {
    pub(super) fn new(row: ComposeRow, now: i64) -> Self {
        Self {
            age: age(row.ended_at.unwrap_or(row.started_at), now),
            id: row.id.to_string(),
            status: row.status.to_string(),
            tag: row.tag.to_string(),
            revision: row.revision,
            definition: row.definition,
            reason: row.reason,
            started_at: time(row.started_at),
            ended_at: row.ended_at.map(time),
        }
    }
}

impl Compose {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run { definition, form } => return make(app, &definition, form).await,
            Self::List { limit, form } => list(app, limit, form).await?,
            Self::Show { id, form } => show(app, &id, form).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A compose that was made, as printed.
#[derive(Debug, Serialize)]
struct Made {
    id: String,
    path: String,
    url: String,
    packages: usize,
    is_latest: bool,
}

async fn make(app: &App, path: &Path, form: Form) -> anyhow::Result<ExitCode> {
    let definition = Definition::load(path)?;
    let run = app.composes.run(&definition, |step| complain("compose", &harmless(&step_line(&step))));
    let finished = tokio::select! {
        finished = run => finished?,
        () = lifecycle::interrupted() => {
            // What was begun is dropped with the future; its row is still to be ended.
            app.composes.recover().await?;
            anyhow::bail!("interrupted; the compose is TERMINATED");
        }
    };
    for (variant, pattern) in &finished.unmatched {
        complain("warning", &harmless(&format!("variant {variant}: {pattern} matches no package of the set")));
    }
    let made = Made {
        id: finished.id.to_string(),
        path: finished.path.display().to_string(),
        url: finished.url,
        packages: finished.packages,
        is_latest: finished.is_latest,
    };
    form.print(&made, |made| format!("{} {}\n", made.id, harmless(&made.path)))?;
    Ok(ExitCode::SUCCESS)
}

fn step_line(step: &Step) -> String {
    match step {
        Step::Started { id, tag, revision } => format!("{id} started, from revision {revision} of {tag}"),
        Step::Wrote { directory, packages } => format!("wrote {directory}, {packages} packages"),
        Step::Visible { path } => format!("whole at {}", path.display()),
        Step::Finished { id } => format!("{id} finished"),
    }
}

async fn list(app: &App, limit: u32, form: Form) -> anyhow::Result<()> {
    let now = app.clock.micros();
    let newest = composes::newest(&mut app.db.read().await?, i64::from(limit)).await?;
    let all: Vec<Shown> = newest.into_iter().map(|row| Shown::new(row, now)).collect();
    let line = |row: &Shown| format!("{:<40} {:<20} {} ago\n", harmless(&row.id), harmless(&row.status), row.age);
    form.print(&all, |all| all.iter().map(line).collect())
}

async fn show(app: &App, id: &str, form: Form) -> anyhow::Result<()> {
    let mut tx = app.db.read().await?;
    let row = match id.parse() {
        Ok(id) => composes::by_id(&mut tx, &id).await?,
        Err(_) => None,
    };
    let Some(row) = row else {
        let newest = composes::newest(&mut tx, COMPARED).await?;
        let known: Vec<String> = newest.iter().map(|row| row.id.to_string()).collect();
        return Err(unknown(&format!("there is no compose {id}"), id, known.iter().map(String::as_str)));
    };
    form.print(&Shown::new(row, app.clock.micros()), text)
}

fn text(row: &Shown) -> String {
    let fields = [
        ("compose", Some(row.id.clone())),
        ("status", Some(row.status.clone())),
        ("reason", row.reason.clone()),
        ("tag", Some(row.tag.clone())),
        ("revision", row.revision.map(|number| number.to_string())),
        ("definition", Some(row.definition.clone())),
        ("started", Some(row.started_at.clone())),
        ("ended", row.ended_at.clone()),
    ];
    let lines = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    lines.map(|(name, value)| format!("{name:<11}{}\n", harmless(&value))).collect()
}
