//! `tannery events send`: messages from a file, handed in by the command line's door.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::output::{Form, harmless};
use crate::app::App;
use crate::events::{self, Limits, Undecodable};
use crate::model::chain;
use crate::store::inbox::{Door, InboxState};
use crate::tags::{Incoming, Outcome};

/// Largest input, in bytes: it is read whole.
const LARGEST: u64 = 128 << 20;

/// Hand in messages as if a broker had brought them
///
/// The input is in the form that fedora-messaging prints and reads (topic, body, and if known id and
/// headers): one message, several one after another, or arrays of them. Each is answered in a line.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 all were understood, 1 some can never be understood.")]
pub(super) struct Send {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct Answer {
    id: Option<String>,
    topic: Option<String>,
    /// As [`Outcome::word`], or `malformed`: it is no message, and was not kept.
    outcome: &'static str,
    reason: Option<String>,
    #[serde(skip)]
    understood: bool,
}

impl Send {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let text = self.read()?;
        let mut answers = Vec::new();
        for message in messages(&text, &app.tags.limits()) {
            answers.push(match message {
                Ok(message) => receive(app, &message).await?,
                Err(error) => malformed(&error),
            });
        }
        if answers.is_empty() {
            bail!("there is no message in the input");
        }
        self.form.print(&answers, |answers| answers.iter().map(line).collect())?;
        let all = answers.iter().all(|answer| answer.understood);
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let mut input: Box<dyn Read> = match self.file.to_str() {
            Some("-") => Box::new(std::io::stdin()),
            _ => Box::new(std::fs::File::open(&self.file).with_context(|| self.failed())?),
        };
        let mut text = Vec::new();
        input.by_ref().take(LARGEST + 1).read_to_end(&mut text).with_context(|| self.failed())?;
        if text.len() as u64 > LARGEST {
            bail!("{} is larger than {LARGEST} bytes: hand it in in parts", self.file.display());
        }
        Ok(text)
    }

    fn failed(&self) -> String {
        format!("cannot read {}", self.file.display())
    }
}

/// Returns all messages of a text that holds messages, or arrays of them, one after another.
fn messages(text: &[u8], limits: &Limits) -> Vec<Result<events::Message, Undecodable>> {
    let mut messages = Vec::new();
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    loop {
        let at = values.byte_offset();
        let parsed = match values.next() {
            None => break,
            Some(Ok(value)) => events::parse(value.get().as_bytes(), limits),
            // What follows cannot be told apart any more; why, is said of all of it.
            Some(Err(error)) => {
                let rest = events::parse(&text[at..], limits).err();
                messages.push(Err(rest.unwrap_or_else(|| error.into())));
                break;
            }
        };
        match parsed {
            Ok((_, many)) => messages.extend(many),
            Err(error) => messages.push(Err(error)),
        }
    }
    messages
}

async fn receive(app: &App, message: &events::Message) -> anyhow::Result<Answer> {
    let incoming = Incoming {
        door: Door::Cli,
        topic: &message.topic,
        message_id: message.id.as_deref(),
        headers: &message.headers,
        body: &message.body,
        cut: None,
        force: false,
    };
    let outcome = app.tags.receive(&incoming).await?;
    Ok(Answer {
        id: message.id.clone(),
        topic: Some(message.topic.clone()),
        outcome: outcome.word(),
        understood: match &outcome {
            Outcome::Quarantined { .. } => false,
            Outcome::Duplicate { first } => *first != InboxState::Quarantined,
            _ => true,
        },
        reason: reason(outcome),
    })
}

fn reason(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Applied | Outcome::Ignored { .. } => None,
        Outcome::Waiting { nvr } => Some(format!("{nvr} is not imported yet")),
        Outcome::Refused { reason } | Outcome::Quarantined { reason } => Some(reason),
        Outcome::Duplicate { first } => Some(format!("the first one is {}", first.name())),
        Outcome::Unfollowed { tag } => Some(format!("nobody follows tag {tag}")),
    }
}

fn malformed(error: &Undecodable) -> Answer {
    Answer { id: None, topic: None, outcome: "malformed", reason: Some(chain(error)), understood: false }
}

fn line(answer: &Answer) -> String {
    let parts = [Some(answer.outcome), answer.id.as_deref(), answer.topic.as_deref()];
    let line = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let reason = answer.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    harmless(&(line + &reason)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(text: &str) -> Vec<String> {
        let told = |message: Result<events::Message, Undecodable>| match message {
            Ok(message) => message.topic,
            Err(error) => error.code().to_owned(),
        };
        messages(text.as_bytes(), &Limits::default()).into_iter().map(told).collect()
    }

    #[test]
    fn messages_follow_one_another_alone_or_in_arrays() {
        let one = |topic: &str| format!(r#"{{"topic": "{topic}", "body": {{}}}}"#);
        let text = format!("{}\n[{}, 5]\n\n{}", one("a"), one("b"), one("c"));
        assert_eq!(topics(&text), ["a", "b", "not_an_object", "c"]);
        assert_eq!(topics(" \n"), [""; 0]);
        assert_eq!(topics("[]"), [""; 0]);
    }

    #[test]
    fn what_stands_before_a_broken_one_is_handed_in() {
        assert_eq!(topics("{\"topic\": \"a\", \"body\": {}}\n{\"topic\": "), ["a", "not_json"]);
        let deep = format!("{{\"topic\": \"a\", \"body\": {{\"x\": {}{}}}}}", "[".repeat(9999), "]".repeat(9999));
        assert_eq!(topics(&deep), ["too_deep"]);
        assert_eq!(topics("nonsense"), ["not_json"]);
    }
}
