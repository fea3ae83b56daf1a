//! `tannery events`: what came in, and what became of it?

use std::process::ExitCode;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;
use serde_json::value::Value;

use super::output::{Form, harmless, time};
use super::suggest::unknown;
use super::{send, tail};
use crate::app::App;
use crate::store::inbox::{self, InboxState, Message};

/// How many messages a mistyped id is compared with.
const COMPARED: i64 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// List the messages that can never be understood, with the reason, the newest first
    Quarantine {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// List messages, the newest first
    List {
        /// Only those in this state
        #[arg(long, value_parser = state_parser())]
        state: Option<InboxState>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Show one message with headers and body
    Show {
        /// Its id
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        form: Form,
    },
    Send(send::Send),
    Tail(tail::Tail),
}

fn state_parser() -> impl TypedValueParser<Value = InboxState> {
    PossibleValuesParser::new(InboxState::ALL.map(InboxState::name)).try_map(|name| name.parse::<InboxState>())
}

/// A message, as listed.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    sequence: i64,
    id: String,
    door: String,
    topic: String,
    arrived_at: String,
    state: &'static str,
    reason: Option<String>,
    duplicates: i64,
    /// Of the whole body, as the digest.
    body_size: i64,
    /// BLAKE3.
    body_digest: String,
}

/// A message, whole.
#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    head: Head,
    headers: Value,
    /// As JSON where it is JSON, else as text; only its beginning where it was too large to keep.
    body: Value,
}

impl Events {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Quarantine { limit, form } => list(app, Some(InboxState::Quarantined), limit, form).await,
            Self::List { state, limit, form } => list(app, state, limit, form).await,
            Self::Show { id, form } => show(app, &id, form).await,
            Self::Send(command) => command.run(app).await,
            Self::Tail(command) => command.run(app).await,
        }
    }
}

async fn list(app: &App, state: Option<InboxState>, limit: u32, form: Form) -> anyhow::Result<ExitCode> {
    let messages = inbox::heads(&mut app.db.read().await?, state, i64::from(limit)).await?;
    let heads: Vec<Head> = messages.into_iter().map(head).collect();
    form.print(&heads, |heads| heads.iter().map(lines).collect())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn head(message: Message) -> Head {
    Head {
        sequence: message.sequence,
        id: message.message_id,
        door: message.door,
        topic: message.topic,
        arrived_at: time(message.arrived_at),
        state: message.state.name(),
        reason: message.reason,
        duplicates: message.duplicates,
        body_size: message.body_size,
        body_digest: message.body_digest,
    }
}

pub(super) fn lines(head: &Head) -> String {
    let line = format!("{}  {}  {:<11}  {}  {}", head.arrived_at, head.door, head.state, head.id, head.topic);
    let reason = head.reason.as_ref().map(|reason| format!("    {}\n", harmless(reason)));
    harmless(&line) + "\n" + &reason.unwrap_or_default()
}

async fn show(app: &App, id: &str, form: Form) -> anyhow::Result<ExitCode> {
    let mut tx = app.db.read().await?;
    let Some(message) = inbox::by_id(&mut tx, id).await? else {
        let newest = inbox::heads(&mut tx, None, COMPARED).await?;
        let known = newest.iter().map(|message| message.message_id.as_str());
        return Err(unknown(&format!("there is no message {id}"), id, known));
    };
    let whole = Whole {
        headers: json_or_text(message.headers.as_bytes()),
        body: json_or_text(&message.body),
        head: head(message),
    };
    form.print(&whole, text)?;
    Ok(ExitCode::SUCCESS)
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

fn text(whole: &Whole) -> String {
    let head = &whole.head;
    let fields = [
        ("id", head.id.clone()),
        ("topic", head.topic.clone()),
        ("door", head.door.clone()),
        ("arrived", head.arrived_at.clone()),
        ("state", head.state.to_owned()),
        ("reason", head.reason.clone().unwrap_or_else(|| "-".to_owned())),
        ("duplicates", head.duplicates.to_string()),
        ("headers", whole.headers.to_string()),
        ("body", format!("{} bytes, BLAKE3 {}", head.body_size, head.body_digest)),
    ];
    let mut text: String = fields.iter().map(|(name, value)| format!("{name:<11}{}\n", harmless(value))).collect();
    // Alternate form: indented.
    text.push_str(&super::output::harmless_json(&format!("{:#}\n", whole.body)));
    text
}
