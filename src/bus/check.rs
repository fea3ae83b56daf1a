//! Would the service get along with this broker? Each step tried once, and what came of it in a line.
//!
//! Nothing is left behind, and nothing is taken from the queue. Bindings are tried with an argument of their own,
//! which makes them others than the service's, and taken away again. A queue that is not there is declared
//! for this connection alone, and goes with it.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::uri::AMQPScheme;
use lapin::{Channel, ErrorKind, ExchangeKind, Queue};
use serde::Serialize;
use tokio::net::TcpStream;

use super::connect::Wire;
use super::error::{LinkError, answer, chain};
use super::{BadSettings, Settings};
use crate::clock::Clock;

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Fine,
    /// It may be as it should be; a person has to know.
    Notice,
    /// With this the service does not work.
    Wrong,
}

/// One step of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried: `network`, `login`, `exchange`, `publishing`, `queue`, `bindings`.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// The same in words.
    pub text: String,
}

impl Finding {
    fn new(name: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { name, verdict, text: text.into() }
    }

    fn of(name: &'static str, outcome: Result<String, LinkError>) -> Self {
        match outcome {
            Ok(text) => Self::new(name, Verdict::Fine, text),
            Err(error) => Self::new(name, Verdict::Wrong, chain(&error)),
        }
    }
}

/// Tries what the service would do with the broker. Ends with the first step that the others need.
///
/// Every step takes no longer than the settings' timeouts.
pub async fn check(settings: &Settings, clock: &Clock) -> Result<Vec<Finding>, BadSettings> {
    settings.check()?;
    let mut findings = vec![network(settings).await?];
    if findings[0].verdict == Verdict::Wrong {
        return Ok(findings);
    }
    let wire = match Wire::open(settings, "check").await {
        Ok(wire) => wire,
        Err(error) => {
            findings.push(Finding::new("login", Verdict::Wrong, chain(&error)));
            return Ok(findings);
        }
    };
    findings.push(Finding::new("login", Verdict::Fine, login(settings)?));
    let source = exchange(&wire, settings, &settings.exchange).await;
    findings.push(Finding::of("exchange", source));
    let target = exchange(&wire, settings, &settings.publish_exchange).await;
    findings.push(Finding::of("publishing", target));
    let (finding, bindable) = queue(&wire, settings).await;
    findings.push(finding);
    if let Some((channel, name)) = bindable {
        findings.push(Finding::of("bindings", bindings(&channel, &name, settings, clock).await));
    }
    wire.close(settings).await;
    Ok(findings)
}

async fn network(settings: &Settings) -> Result<Finding, BadSettings> {
    let authority = settings.uri()?.authority;
    let place = format!("{}:{}", authority.host, authority.port);
    let connecting = TcpStream::connect((authority.host.as_str(), authority.port));
    let limit: Duration = settings.connect_timeout;
    Ok(match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(_)) => Finding::new("network", Verdict::Fine, format!("{place} answers")),
        Ok(Err(error)) => Finding::new("network", Verdict::Wrong, format!("{place} cannot be reached: {error}")),
        Err(_) => Finding::new("network", Verdict::Wrong, format!("{place} did not answer within {limit:?}")),
    })
}

fn login(settings: &Settings) -> Result<String, BadSettings> {
    let uri = settings.uri()?;
    let encryption = if uri.scheme == AMQPScheme::AMQPS { "with TLS" } else { "without TLS" };
    let (user, vhost) = (&uri.authority.userinfo.username, &uri.vhost);
    Ok(match settings.tls.certificate {
        Some(_) => format!("in {vhost}, {encryption}, by the client certificate"),
        None => format!("in {vhost}, {encryption}, as {user}"),
    })
}

/// Looks for an exchange, on a channel of its own: what fails closes it.
async fn exchange(wire: &Wire, settings: &Settings, name: &str) -> Result<String, LinkError> {
    let channel = wire.channel(settings).await?;
    let options = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let asking = channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default());
    answer("look for the exchange", settings.reply_timeout, asking).await?;
    Ok(format!("{name} is there"))
}

/// Looks for the queue, or whether it can be made; gives the channel and name that bindings can be tried with.
async fn queue(wire: &Wire, settings: &Settings) -> (Finding, Option<(Channel, ShortString)>) {
    let found = if settings.queue.name.is_empty() { None } else { Some(look(wire, settings).await) };
    match found {
        Some(Ok((channel, queue))) => {
            let (name, ready, consumers) = (queue.name(), queue.message_count(), queue.consumer_count());
            let text = format!("{name} is there: {ready} messages ready, {consumers} consumers");
            // Nobody takes from it: right before the service starts, wrong while it runs.
            let verdict = if consumers == 0 { Verdict::Notice } else { Verdict::Fine };
            (Finding::new("queue", verdict, text), Some((channel, name.clone())))
        }
        Some(Err(error)) if settings.queue.passive || !is_missing(&error) => {
            (Finding::new("queue", Verdict::Wrong, chain(&error)), None)
        }
        Some(Err(_)) | None => match try_to_make(wire, settings).await {
            Ok((channel, queue)) => {
                let text = match settings.queue.name.as_str() {
                    "" => "the broker gives us one".to_owned(),
                    name => format!("{name} is not there yet; we may make it"),
                };
                (Finding::new("queue", Verdict::Notice, text), Some((channel, queue.name().clone())))
            }
            Err(error) => (Finding::new("queue", Verdict::Wrong, chain(&error)), None),
        },
    }
}

async fn look(wire: &Wire, settings: &Settings) -> Result<(Channel, Queue), LinkError> {
    let channel = wire.channel(settings).await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asking = channel.queue_declare(settings.queue.name.as_str().into(), options, FieldTable::default());
    let queue = answer("look for the queue", settings.reply_timeout, asking).await?;
    Ok((channel, queue))
}

async fn try_to_make(wire: &Wire, settings: &Settings) -> Result<(Channel, Queue), LinkError> {
    let channel = wire.channel(settings).await?;
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let asking = channel.queue_declare(settings.queue.name.as_str().into(), options, FieldTable::default());
    let queue = answer("declare the queue", settings.reply_timeout, asking).await?;
    Ok((channel, queue))
}

fn is_missing(error: &LinkError) -> bool {
    let LinkError::Broker { source, .. } = error else { return false };
    let ErrorKind::ProtocolError(protocol) = source.kind() else { return false };
    matches!(protocol.kind(), AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}

/// Binds the queue as the service does, and takes that away again.
async fn bindings(
    channel: &Channel,
    name: &ShortString,
    settings: &Settings,
    clock: &Clock,
) -> Result<String, LinkError> {
    let mut mark = FieldTable::default();
    mark.insert("x-tannery-check".into(), AMQPValue::LongString(LongString::from(clock.uuid())));
    let limit = settings.reply_timeout;
    for key in &settings.queue.bindings {
        let exchange: ShortString = settings.exchange.as_str().into();
        let key: ShortString = key.as_str().into();
        let options = QueueBindOptions::default();
        let binding = channel.queue_bind(name.clone(), exchange.clone(), key.clone(), options, mark.clone());
        answer("bind the queue", limit, binding).await?;
        let unbinding = channel.queue_unbind(name.clone(), exchange, key, mark.clone());
        answer("take the binding away again", limit, unbinding).await?;
    }
    Ok(match settings.queue.bindings.as_slice() {
        [] => "none are configured".to_owned(),
        keys => format!("may be made: {}", keys.join(" ")),
    })
}
