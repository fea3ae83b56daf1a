//! `tannery reconcile`: is a tag as the build system has it? It is made so.

use std::process::ExitCode;

use anyhow::bail;
use clap::{ArgGroup, Args};
use serde::Serialize;

use super::output::{Form, count, harmless};
use crate::app::App;
use crate::model::TagName;

/// Compare tags with the build system row by row, and repair what differs
///
/// Of a Koji hub's tag, all rows of it and of the tags it inherits from are asked for, whatever messages told. Its
/// package set is computed anew where anything changed. A running service does this by itself from time to time.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["tags", "all"]))]
pub(super) struct Reconcile {
    /// A tag that is followed; several may be named
    #[arg(value_name = "TAG")]
    tags: Vec<TagName>,
    /// All tags that are followed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    form: Form,
}

/// What became of one tag.
#[derive(Debug, Serialize)]
struct Reconciled {
    tag: TagName,
    /// The event of the hub at which it was compared; `None` for the local build system.
    event: Option<i64>,
    /// Rows that were not as the hub has them.
    repaired: Vec<Row>,
    /// The revision of the package set now; `None` where there is no such tag.
    revision: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Row {
    tag: TagName,
    row: &'static str,
    about: String,
    /// The event since which it counts; `None` where it no longer does.
    since: Option<i64>,
    /// The topic that should have told of it; `None` where Koji tells of no such change.
    missed: Option<&'static str>,
}

impl Reconcile {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let tags = if self.all { app.tags.followed(&mut app.db.read().await?).await? } else { self.tags };
        if let Some(tag) = tags.iter().find(|tag| app.config.follow.for_tag(tag).is_none()) {
            bail!("no follow rule matches tag {tag}");
        }
        let mut done = Vec::new();
        for tag in tags {
            done.push(reconcile(app, tag).await?);
        }
        self.form.print(&done, |done| done.iter().map(text).collect())?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn reconcile(app: &App, tag: TagName) -> anyhow::Result<Reconciled> {
    let checked = app.tags.check(&tag).await?;
    let revision = app.tags.refresh(&tag).await?.map(|revision| revision.number);
    let row = |row: crate::store::mirror::RowChange| Row {
        missed: row.missed(),
        row: row.kind.word(),
        tag: row.tag,
        about: row.about,
        since: row.since,
    };
    let (event, rows) = checked.map_or((None, Vec::new()), |checked| (Some(checked.event), checked.repaired));
    Ok(Reconciled { tag, event, repaired: rows.into_iter().map(row).collect(), revision })
}

fn text(done: &Reconciled) -> String {
    let set = done.revision.map_or("there is no set of it".to_owned(), |revision| format!("revision {revision}"));
    let repaired = count(i64::try_from(done.repaired.len()).unwrap_or(i64::MAX), "row");
    let mut text = match done.event {
        Some(event) => format!("{}: {repaired} repaired at event {event}; {set}\n", done.tag),
        None => format!("{}: {set}\n", done.tag),
    };
    for row in &done.repaired {
        let state = row.since.map_or("gone".to_owned(), |since| format!("since event {since}"));
        let missed = row.missed.map_or(String::new(), |topic| format!("; no {topic} told of it"));
        text.push_str(&harmless(&format!("  {}: {} {}, {state}{missed}", row.tag, row.row, row.about)));
        text.push('\n');
    }
    text
}
