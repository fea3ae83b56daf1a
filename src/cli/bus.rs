//! `tannery bus`: does the broker let us do what the service does with it, and what of it shall be done again?

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use serde::Serialize;
use serde_json::{Map, Value};

use super::output::{Form, age, count, harmless};
use super::status::is_running;
use crate::app::App;
use crate::bus::{self, CheckVerdict as Verdict, Finding, Snapshot};
use crate::events;
use crate::store::inbox::{self, Door};
use crate::store::outbox::{self, OutState};
use crate::store::{self, Tx, service};

#[derive(Debug, Subcommand)]
pub(super) enum Bus {
    /// Try what the service does with the configured broker, a line each
    ///
    /// Nothing is left behind, and no message is taken or sent.
    #[command(after_help = "Exit status: 0 nothing is wrong, 1 something is.")]
    Check {
        #[command(flatten)]
        form: Form,
    },
    /// Have the messages sent that the broker forbade, with their ids
    ///
    /// For when rights were widened. The running service begins within a second, oldest first.
    Resend {
        #[command(flatten)]
        form: Form,
    },
}

#[derive(Debug, Serialize)]
struct Resent {
    messages: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    /// The address, without its password.
    broker: String,
    is_fine: bool,
    findings: Vec<Finding>,
}

impl Bus {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check { form } => check(app, form).await,
            Self::Resend { form } => {
                let mut tx = app.db.write().await?;
                let messages = outbox::resend_parked(&mut tx).await?;
                tx.commit().await?;
                let number = i64::try_from(messages).unwrap_or(i64::MAX);
                let verb = if number == 1 { "is" } else { "are" };
                form.print(&Resent { messages }, |_| format!("{} {verb} sent again\n", count(number, "message")))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn check(app: &App, form: Form) -> anyhow::Result<ExitCode> {
    let (Some(config), Some(settings)) = (&app.config.bus, app.bus_settings()) else {
        bail!("no broker is configured: there is no section [bus]");
    };
    let mut findings = bus::check(&settings, &app.clock).await?;
    let mut tx = app.db.read().await?;
    findings.push(messages_in(app, &mut tx).await?);
    findings.push(messages_out(&mut tx).await?);
    let is_fine = findings.iter().all(|finding| finding.verdict != Verdict::Wrong);
    let report = Report { broker: config.url.to_string(), is_fine, findings };
    form.print(&report, |report| report.findings.iter().map(line).collect())?;
    Ok(ExitCode::from(u8::from(!report.is_fine)))
}

fn line(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Fine => "fine",
        Verdict::Notice => "notice",
        Verdict::Wrong => "WRONG",
    };
    harmless(&format!("{word:<7} {:<12} {}", finding.name, finding.text)) + "\n"
}

/// Says when the last message came from the broker, and how long the last one that is kept was under way.
async fn messages_in(app: &App, tx: &mut Tx) -> Result<Finding, store::Error> {
    let now = app.clock.micros();
    let noted = match is_running(app)? {
        true => service::read(tx, service::BUS).await?,
        false => None,
    };
    let snapshot: Option<Snapshot> = match noted {
        Some((json, _)) => store::db::from_json("service.value", &json)?,
        None => None,
    };
    let kept = inbox::last_by(tx, Door::Amqp).await?;
    let heard = snapshot.and_then(|snapshot| snapshot.last_message_at).map(|seconds| seconds.saturating_mul(1_000_000));
    let last = heard.max(kept.as_ref().map(|message| message.arrived_at));
    let Some(last) = last else {
        let text = "none has come from a broker yet".to_owned();
        return Ok(Finding { name: "messages in", verdict: Verdict::Notice, text });
    };
    let mut text = format!("the last came {} ago", age(last, now));
    if let Some(sent_at) = kept.as_ref().and_then(|message| sent_at(&message.headers)) {
        let arrived = kept.map_or(0, |message| message.arrived_at);
        text.push_str(&format!("; the last that was kept came {} after it was sent", age(sent_at, arrived)));
    }
    Ok(Finding { name: "messages in", verdict: Verdict::Fine, text })
}

/// Returns when a message was sent, in microseconds.
fn sent_at(headers: &str) -> Option<i64> {
    let headers: Map<String, Value> = serde_json::from_str(headers).ok()?;
    Some(events::sent_at(&headers)?.saturating_mul(1_000_000))
}

/// Says which messages have not gone out. A right to a topic shows only when a message is sent.
async fn messages_out(tx: &mut Tx) -> Result<Finding, store::Error> {
    let counts = outbox::counts(tx).await?;
    let number = |wanted: OutState| counts.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count);
    let (pending, parked) = (number(OutState::Pending), number(OutState::Parked));
    let mut text = format!("{} to be sent", count(pending, "message"));
    let Some(last) = outbox::last_parked(tx).await? else {
        return Ok(Finding { name: "messages out", verdict: Verdict::Fine, text });
    };
    text.push_str(&format!(", {parked} parked, the last of {}: {}", last.topic, last.reason));
    let verdict = if last.is_newest { Verdict::Wrong } else { Verdict::Notice };
    Ok(Finding { name: "messages out", verdict, text })
}
