//! `tannery status`: how does it stand? Read from the state alone, with the service running or not.

mod files;
mod screen;
mod unwanted;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::compose::Shown;
use super::output::{Form, time};
use super::tag::{Summary, summaries};
use crate::app::App;
use crate::bus::Snapshot;
use crate::model::TagName;
use crate::repos::{BadRecord, MergedStanding, merged_name, merged_standing};
use crate::store::durable::Lock;
use crate::store::generations::GenerationState;
use crate::store::webhooks as rows;
use crate::store::{self, Tx, composes, generations, inbox, outbox, service};
use crate::tags::Standing;

/// How many tags that nobody follows are shown.
const UNFOLLOWED: i64 = 5;

/// How many composes are shown.
const COMPOSES: i64 = 3;

/// Show how everything stands, on one screen
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct Report {
    at: String,
    service: Service,
    /// `None` where no broker is configured.
    bus: Option<Bus>,
    /// What the running service last said of the hub; `None` where none is followed or no service runs.
    hub: Option<Note<Standing>>,
    /// What is learned of the hub's builds; `None` where none is followed.
    files: Option<files::Files>,
    events: Events,
    outbox: BTreeMap<&'static str, i64>,
    webhooks: Vec<Webhook>,
    /// Files of records that the running service cannot use.
    bad_records: Vec<BadRecord>,
    /// Repositories that are still shown and not kept current any more.
    unwanted: Vec<unwanted::Unwanted>,
    /// Merged repositories that are old or not there yet.
    merged: Vec<Merged>,
    tags: Vec<TagReport>,
    composes: Vec<Shown>,
    #[serde(skip)]
    now: i64,
}

#[derive(Debug, Serialize)]
struct Service {
    /// Whether a service runs on this data directory.
    running: bool,
    data_dir: String,
    database: &'static str,
    url: Option<Note<String>>,
}

/// What the service said of itself, and when.
#[derive(Debug, Serialize)]
struct Note<T> {
    value: T,
    noted_at: String,
    #[serde(skip)]
    at: i64,
}

#[derive(Debug, Serialize)]
struct Bus {
    /// What the running service last said of it; `None` where none runs, or it has said nothing yet.
    snapshot: Option<Note<Snapshot>>,
}

/// A merged repository that is not as it should be, by one reason.
#[derive(Debug, Serialize)]
struct Merged {
    tag: TagName,
    repo: String,
    /// `stale` or `missing`.
    state: &'static str,
    since: Option<String>,
    problem: String,
}

/// How far a webhook has come.
#[derive(Debug, Serialize)]
struct Webhook {
    name: String,
    cursor: i64,
    /// Messages after the cursor, of whatever topic.
    behind: i64,
    delivered: i64,
    failing_since: Option<String>,
    problem: Option<String>,
    /// Messages that it did not take for a day.
    parked: i64,
    #[serde(skip)]
    since: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Events {
    last_arrived_at: Option<String>,
    states: BTreeMap<&'static str, i64>,
    duplicates: i64,
    /// Most messages first.
    unfollowed: Vec<Unfollowed>,
    #[serde(skip)]
    last: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Unfollowed {
    tag: String,
    messages: i64,
}

#[derive(Debug, Serialize)]
struct TagReport {
    #[serde(flatten)]
    summary: Summary,
    repositories: Vec<Repository>,
}

#[derive(Debug, Serialize)]
struct Repository {
    name: String,
    generation: i64,
    revision: i64,
    packages: i64,
    made_at: String,
}

impl Status {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let report = report(app).await?;
        self.form.print(&report, screen::text)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn report(app: &App) -> anyhow::Result<Report> {
    let now = app.clock.micros();
    let mut tx = app.db.read().await?;
    let running = is_running(app)?;
    let rows = composes::newest(&mut tx, COMPOSES).await?;
    let counts = outbox::counts(&mut tx).await?;
    Ok(Report {
        at: time(now),
        bus: bus(app, &mut tx, running).await?,
        hub: hub(&mut tx, running).await?,
        files: files::files(app, &mut tx).await?,
        service: Service {
            running,
            data_dir: app.config.data_dir.display().to_string(),
            database: app.db.kind(),
            url: service::read(&mut tx, service::URL).await?.filter(|_| running).map(|(url, at)| note(url, at)),
        },
        events: events(&mut tx).await?,
        outbox: counts.into_iter().map(|(state, count)| (state.name(), count)).collect(),
        webhooks: webhooks(&mut tx).await?,
        bad_records: bad_records(&mut tx, running).await?,
        unwanted: unwanted::unwanted(&mut tx).await?,
        merged: merged(&mut tx).await?,
        tags: tags(app, &mut tx).await?,
        composes: rows.into_iter().map(|row| Shown::new(row, now)).collect(),
        now,
    })
}

/// Returns whether another process runs the service on this data directory.
pub(super) fn is_running(app: &App) -> Result<bool, store::Error> {
    match Lock::take(&app.config.data_dir.join("serve.lock")) {
        Ok(_) => Ok(false),
        Err(store::Error::Locked { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

fn note<T>(value: T, at: i64) -> Note<T> {
    Note { value, noted_at: time(at), at }
}

/// What the service says counts for more than our own configuration, which may be another.
async fn bus(app: &App, tx: &mut Tx, running: bool) -> anyhow::Result<Option<Bus>> {
    let noted = service::read(tx, service::BUS).await?.filter(|_| running);
    let Some((json, at)) = noted else {
        return Ok(app.config.bus.as_ref().map(|_| Bus { snapshot: None }));
    };
    let snapshot: Option<Snapshot> = store::db::from_json("service.value", &json)?;
    Ok(snapshot.map(|snapshot| Bus { snapshot: Some(note(snapshot, at)) }))
}

async fn hub(tx: &mut Tx, running: bool) -> Result<Option<Note<Standing>>, store::Error> {
    let Some((json, at)) = service::read(tx, service::HUB).await?.filter(|_| running) else { return Ok(None) };
    let standing: Option<Standing> = store::db::from_json("service.value", &json)?;
    Ok(standing.map(|standing| note(standing, at)))
}

async fn bad_records(tx: &mut Tx, running: bool) -> Result<Vec<BadRecord>, store::Error> {
    let noted = service::read(tx, service::RECORDS).await?.filter(|_| running);
    noted.map_or(Ok(Vec::new()), |(json, _)| store::db::from_json("service.value", &json))
}

async fn merged(tx: &mut Tx) -> Result<Vec<Merged>, store::Error> {
    let mut all = Vec::new();
    for MergedStanding { tag, arch, word, troubles, .. } in merged_standing(tx, None).await? {
        all.extend(troubles.into_iter().map(|trouble| Merged {
            tag: tag.clone(),
            repo: merged_name(&arch),
            state: word.name(),
            since: trouble.since.map(time),
            problem: trouble.problem,
        }));
    }
    Ok(all)
}

async fn webhooks(tx: &mut Tx) -> Result<Vec<Webhook>, store::Error> {
    let webhooks = rows::all(tx).await?.into_iter().map(|known| Webhook {
        name: known.name,
        cursor: known.cursor,
        behind: known.behind,
        delivered: known.delivered,
        failing_since: known.failing_since.map(time),
        problem: known.problem,
        since: known.failing_since,
        parked: known.parked,
    });
    Ok(webhooks.collect())
}

async fn events(tx: &mut Tx) -> Result<Events, store::Error> {
    let (states, duplicates) = inbox::counts(tx).await?;
    let last = inbox::last_arrival(tx).await?;
    let unfollowed = inbox::unfollowed(tx, UNFOLLOWED).await?;
    Ok(Events {
        last_arrived_at: last.map(time),
        states: states.into_iter().map(|(state, count)| (state.name(), count)).collect(),
        duplicates,
        unfollowed: unfollowed.into_iter().map(|(tag, messages)| Unfollowed { tag, messages }).collect(),
        last,
    })
}

/// Returns the tags that have a set or should have one, those that changed last first.
async fn tags(app: &App, tx: &mut Tx) -> Result<Vec<TagReport>, store::Error> {
    let mut repositories: BTreeMap<TagName, Vec<Repository>> = BTreeMap::new();
    for row in generations::all(tx).await?.into_iter().filter(|row| row.state == GenerationState::Current) {
        repositories.entry(row.tag).or_default().push(Repository {
            name: row.repo.to_string(),
            generation: row.number,
            revision: row.revision,
            packages: row.packages,
            made_at: time(row.made_at),
        });
    }
    let all = summaries(app, tx).await?.into_iter();
    let mut tags: Vec<TagReport> = all
        .filter(|summary| summary.followed || summary.revision.is_some())
        .map(|summary| TagReport { repositories: repositories.remove(&summary.tag).unwrap_or_default(), summary })
        .collect();
    tags.sort_by(|a, b| (b.summary.made, &a.summary.tag).cmp(&(a.summary.made, &b.summary.tag)));
    Ok(tags)
}
