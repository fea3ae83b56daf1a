//! How is a hub asked? Anonymously, no faster than it is allowed, and again where that may help.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use url::Url;

use super::answer::{self, exchange};
use super::calls::{Ask, Sink, Stop, TaggedRpms, pour, shape};
use super::error::Error;
use super::pace::{Pace, Tries};
use super::xmlrpc::{Call, Limits, multi_call, read};
use crate::clock::Clock;

/// Where a hub is, and how it is treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where calls are sent, `https://koji.fedoraproject.org/kojihub` for one.
    pub url: Url,
    /// How long the hub may be silent, before an answer and within it. Hubs think for minutes.
    pub silence: Duration,
    /// Most calls at once.
    pub in_flight: usize,
    /// Most calls that begin within a second, evenly spread.
    pub per_second: u32,
    /// How many calls one request may hold, where many are asked in one.
    pub batch: usize,
    /// How often a call is tried whose failure may pass ([`Error::is_transient`]).
    pub tries: u32,
    /// The pause after the first try; each next one is twice as long.
    pub pause: Duration,
    /// The longest pause, also where the server asks for a longer one.
    pub longest_pause: Duration,
    /// How long all pauses of a call may be together.
    pub patience: Duration,
    /// What an answer may be at most.
    pub limits: Limits,
}

impl Settings {
    /// Returns modest settings for a hub.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            silence: Duration::from_secs(300),
            in_flight: 4,
            per_second: 20,
            batch: 200,
            tries: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
            patience: Duration::from_secs(180),
            limits: Limits::default(),
        }
    }
}

/// A Koji hub. Connections are kept and shared.
#[derive(Debug)]
pub struct Hub {
    clock: Clock,
    settings: Settings,
    client: Client,
    pace: Pace,
}

impl Hub {
    /// Returns a hub; it connects to nobody yet.
    ///
    /// # Errors
    /// No connections can be made at all.
    pub fn new(clock: Clock, settings: Settings) -> Result<Self, Error> {
        let client = answer::client(settings.silence)?;
        Ok(Self { clock, client, pace: Pace::new(&settings), settings })
    }

    /// Returns how many requests were sent by method, tries that failed among them. Many calls in one are one
    /// `multiCall`.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.pace.calls()
    }

    /// Asks a call.
    ///
    /// # Errors
    /// The hub does not answer, or the answer cannot be used.
    pub async fn ask<T: Send + 'static>(&self, ask: Ask<T>) -> Result<T, Error> {
        let Ask { call, answer } = ask;
        let state = self.send(&call, None, move |state, body, method, limits| {
            *state = Some(answer.read(method, body, limits)?);
            Ok(())
        });
        state.await?.ok_or_else(|| shape(call.method(), "the whole", "missing"))
    }

    /// Asks several calls in few requests, and returns an answer for each, in their order. A fault of one leaves
    /// the others as they are. The hub may change between two of them: name an event where that matters.
    ///
    /// # Errors
    /// The hub does not answer at all, or an answer cannot be used.
    pub async fn ask_all<T: Send + 'static>(&self, asks: Vec<Ask<T>>) -> Result<Vec<Result<T, Error>>, Error> {
        let mut answers = Vec::with_capacity(asks.len());
        let mut asks = asks.into_iter().peekable();
        while asks.peek().is_some() {
            let batch: Vec<Ask<T>> = asks.by_ref().take(self.settings.batch.max(1)).collect();
            answers.append(&mut self.ask_batch(batch).await?);
        }
        Ok(answers)
    }

    async fn ask_batch<T: Send + 'static>(&self, asks: Vec<Ask<T>>) -> Result<Vec<Result<T, Error>>, Error> {
        let calls: Vec<Call> = asks.iter().map(|ask| ask.call.clone()).collect();
        let expected: Vec<_> = asks.into_iter().map(|ask| (ask.call.method(), ask.answer)).collect();
        let call = multi_call(&calls);
        let state = self.send(&call, Vec::new(), move |answers: &mut Vec<_>, body, method, limits| {
            answers.clear();
            let count = read(body, 1, limits, |_, value| {
                let (method, answer) = expected.get(answers.len()).ok_or_else(|| shape(method, "the end", "more"))?;
                answers.push(match element(method, value)? {
                    Ok(value) => Ok(answer.take(method, value)?),
                    Err(fault) => Err(fault),
                });
                Ok::<_, Stop>(())
            });
            match count.map_err(|stop| stop.told(method))? {
                count if count == expected.len() => Ok(()),
                count => Err(shape(method, "the number of answers", &count.to_string())),
            }
        });
        state.await
    }

    /// Asks for the RPMs that stand in a tag, and gives them to `sink` as they come, however many there are.
    ///
    /// # Errors
    /// The hub does not answer, the answer cannot be used, or the sink refuses a row. What it was given then is
    /// no whole answer.
    pub async fn tagged_rpms<S: Sink + Send + 'static>(&self, wanted: &TaggedRpms<'_>, sink: S) -> Result<S, Error> {
        let call = wanted.call();
        self.send(&call, sink, |sink, body, method, limits| pour(method, body, limits, sink)).await
    }

    /// Sends a call until it is answered, or has failed for good. `read` begins with what `state` holds of the try
    /// before.
    async fn send<S: Send + 'static>(
        &self,
        call: &Call,
        mut state: S,
        read: impl Fn(&mut S, &mut dyn BufRead, &'static str, Limits) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<S, Error> {
        let (method, limits) = (call.method(), self.settings.limits);
        let (mut tries, read) = (Tries::new(&self.settings), Arc::new(read));
        loop {
            let place = self.pace.begin(method).await;
            let read = Arc::clone(&read);
            let read = move |state: &mut S, body: &mut dyn BufRead| read(state, body, method, limits);
            let result;
            (state, result) = exchange(&self.client, &self.settings.url, call, state, read).await;
            drop(place);
            let Err(error) = result else { return Ok(state) };
            let Some(pause) = tries.next(&error, &self.clock) else { return Err(error) };
            let (error, pause_ms) = (crate::model::chain(&error), pause.as_millis() as u64);
            tracing::info!(method, error, pause_ms, "the Koji hub is asked again after a pause");
            tokio::time::sleep(pause).await;
        }
    }
}

/// Returns what one of many calls was answered: its value, or its fault.
fn element(method: &'static str, value: Value) -> Result<Result<Value, Error>, Error> {
    match value {
        Value::Array(mut values) if values.len() == 1 => Ok(Ok(values.remove(0))),
        Value::Object(fault) => match fault.get("faultCode").and_then(Value::as_i64) {
            Some(code) => {
                let text = fault.get("faultString").and_then(Value::as_str).unwrap_or_default();
                Ok(Err(Error::fault(method, code, text)))
            }
            None => Err(shape(method, "faultCode", "missing")),
        },
        _ => Err(shape(method, "one of many answers", "neither a value nor a fault")),
    }
}
