//! `tannery webhook`: which webhooks are there, how far has each come, and what shall come again?

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::output::{Form, age, count, harmless, time};
use super::suggest::unknown;
use crate::app::App;
use crate::store::webhooks::{self, Parked};
use crate::store::{Tx, outbox};

#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// List webhooks, where each stands, and what it did not take
    List {
        #[command(flatten)]
        form: Form,
    },
    Replay(Replay),
}

/// Have messages come again
///
/// They keep their ids. The service begins with them at once, also where it was waiting after a failure.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["from", "parked"]))]
pub(super) struct Replay {
    /// The webhook
    #[arg(value_name = "NAME")]
    name: String,
    /// The message with this cursor and all after it
    #[arg(long, value_name = "CURSOR", value_parser = clap::value_parser!(i64).range(1..))]
    from: Option<i64>,
    /// The messages that were parked, before all others
    #[arg(long)]
    parked: bool,
    #[command(flatten)]
    form: Form,
}

/// A webhook, as listed.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    /// Scheme, host and port: the rest of a URL may be secret.
    origin: String,
    topics: Vec<String>,
    /// `None`: it begins when the service next starts.
    #[serde(flatten)]
    place: Option<Place>,
    parked: Vec<Held>,
}

#[derive(Debug, Serialize)]
struct Place {
    cursor: i64,
    /// Messages after the cursor, of whatever topic.
    behind: i64,
    delivered: i64,
    delivered_at: Option<String>,
    failing_since: Option<String>,
    attempts: i64,
    problem: Option<String>,
    #[serde(skip)]
    since: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Held {
    sequence: i64,
    id: String,
    topic: String,
    parked_at: String,
    reason: String,
    /// Whether it is about to be offered again.
    is_due: bool,
}

#[derive(Debug, Serialize)]
struct Replayed {
    name: String,
    from: Option<i64>,
    /// How many messages that were parked come again.
    parked: u64,
}

impl Webhook {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::List { form } => {
                let now = app.clock.micros();
                form.print(&list(app, &mut app.db.read().await?).await?, |list| text(list, now))?;
            }
            Self::Replay(replay) => replay.run(app).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(app: &App, tx: &mut Tx) -> anyhow::Result<Vec<Listed>> {
    let parked = webhooks::parked(tx).await?;
    let known = webhooks::all(tx).await?;
    let listed = app.config.webhooks.iter().map(|hook| Listed {
        name: hook.name.clone(),
        origin: hook.url.origin(),
        topics: hook.topics.iter().map(ToString::to_string).collect(),
        place: known.iter().find(|known| known.name == hook.name).map(place),
        parked: parked.iter().filter(|parked| parked.webhook == hook.name).map(held).collect(),
    });
    Ok(listed.collect())
}

fn place(known: &webhooks::Webhook) -> Place {
    Place {
        cursor: known.cursor,
        behind: known.behind,
        delivered: known.delivered,
        delivered_at: known.delivered_at.map(time),
        failing_since: known.failing_since.map(time),
        attempts: known.attempts,
        problem: known.problem.clone(),
        since: known.failing_since,
    }
}

fn held(parked: &Parked) -> Held {
    Held {
        sequence: parked.sequence,
        id: parked.message_id.clone(),
        topic: parked.topic.clone(),
        parked_at: time(parked.parked_at),
        reason: parked.reason.clone(),
        is_due: parked.is_due,
    }
}

fn text(list: &[Listed], now: i64) -> String {
    if list.is_empty() {
        return "no webhooks are configured\n".to_owned();
    }
    list.iter().map(|hook| one(hook, now)).collect()
}

fn one(hook: &Listed, now: i64) -> String {
    let mut lines = vec![format!("{}  {}  {}", hook.name, hook.origin, hook.topics.join(" "))];
    match &hook.place {
        None => lines.push("  begins behind the newest message when the service next starts".to_owned()),
        Some(place) => {
            let last = place.delivered_at.as_deref().unwrap_or("never");
            let (cursor, behind, delivered) = (place.cursor, place.behind, place.delivered);
            lines.push(format!("  at {cursor}, {behind} behind; {delivered} delivered, last {last}"));
        }
    }
    if let Some(Place { since: Some(since), attempts, problem, .. }) = &hook.place {
        let problem = problem.as_deref().unwrap_or("no reason known");
        lines.push(format!("  took nothing for {}, {}: {problem}", age(*since, now), count(*attempts, "attempt")));
    }
    for parked in &hook.parked {
        let word = if parked.is_due { "comes again" } else { "parked" };
        lines.push(format!("  {word} {} {}: {}", parked.sequence, parked.topic, parked.reason));
    }
    lines.iter().map(|line| harmless(line) + "\n").collect()
}

impl Replay {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let mut tx = app.db.write().await?;
        let Some(hook) = webhooks::by_name(&mut tx, &self.name).await? else {
            let known = app.config.webhooks.iter().map(|hook| hook.name.as_str());
            return Err(unknown(&format!("there is no webhook {} that has begun", self.name), &self.name, known));
        };
        let mut replayed = Replayed { name: self.name.clone(), from: self.from, parked: 0 };
        if self.parked {
            replayed.parked = webhooks::replay_parked(&mut tx, &self.name).await?;
        }
        if let Some(from) = self.from {
            if from > hook.cursor {
                bail!("{} has not come to {from} yet: it is at {}", self.name, hook.cursor);
            }
            if let Some(first) = outbox::first(&mut tx).await?.filter(|first| *first > from) {
                bail!("messages are kept from {first} on: begin there, or later");
            }
            webhooks::replay_from(&mut tx, &self.name, from).await?;
        }
        tx.commit().await?;
        self.form.print(&replayed, |replayed| {
            let parked = self.parked.then(|| count(replayed.parked as i64, "parked message"));
            let from = replayed.from.map(|from| format!("all from {from} on"));
            let what: Vec<String> = parked.into_iter().chain(from).collect();
            harmless(&format!("{} gets again: {}", replayed.name, what.join(", "))) + "\n"
        })
    }
}
