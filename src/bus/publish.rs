//! How does a message get to the broker, and how do we know that it did?

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, ErrorKind};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::connect::{Context, Wire};
use super::error::{LinkError, answer, chain};
use super::{Link, headers};

/// How many messages may wait for the connection before [`Publisher::publish`] itself waits.
const WAITING: usize = 64;

/// A message to send.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The routing key: the whole topic, prefix included.
    pub routing_key: String,
    /// Stable id, the same each time the message is sent, by which consumers drop repeats.
    pub message_id: String,
    /// The headers; integers stay integers, as fedora-messaging's schema wants the severity.
    pub headers: Map<String, Value>,
    /// The body, JSON in UTF-8.
    pub body: Vec<u8>,
    /// Priority for queues that have any, 0 to 9; absent is 0.
    pub priority: Option<u8>,
}

/// Why a message is not known to have arrived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no link, or it broke before the confirm: the message may have arrived. Send it again
    /// with the same id.
    #[error("not connected to the broker")]
    Unconnected,
    /// The broker does not take this message and will not the next time: no right to the topic (403),
    /// or something in it that AMQP or the broker's limits forbid. Others are not affected.
    #[error("the broker refuses the message: {reason}")]
    Forbidden {
        /// The broker's own words.
        reason: String,
    },
    /// No confirm within the reply timeout: the message may have arrived.
    #[error("the broker did not confirm the message in time")]
    Timeout,
    /// The broker could not keep the message (a queue that rejects when full, for one).
    #[error("the broker could not keep the message")]
    Nacked,
    /// Anything else, such as an exchange that does not exist, or that we may not write to at all.
    #[error("the message was not published: {reason}")]
    Other {
        /// What the broker or the client library says.
        reason: String,
    },
}

/// What to publish through. Cheap to clone; messages go out one after the other.
#[derive(Debug, Clone)]
pub struct Publisher(mpsc::Sender<Request>);

/// A message and where to send the outcome.
#[derive(Debug)]
pub(super) struct Request {
    message: Outgoing,
    reply: oneshot::Sender<Result<(), PublishError>>,
}

/// The other end of all publishers.
pub(super) type Requests = mpsc::Receiver<Request>;

pub(super) fn channel() -> (Publisher, Requests) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Publisher(sender), receiver)
}

impl Publisher {
    /// Sends a message and waits for the broker's confirm. A topic that nobody listens to is fine.
    ///
    /// Without a link it fails at once: who must deliver keeps the message and comes again.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let (reply, outcome) = oneshot::channel();
        self.0.send(Request { message, reply }).await.map_err(|_| PublishError::Unconnected)?;
        outcome.await.unwrap_or(Err(PublishError::Unconnected))
    }
}

/// Keeps a connection for publishing until cancelled.
pub(super) async fn supervise(context: &Context<'_>, requests: &mut Requests) {
    let mut backoff = context.backoff();
    loop {
        let began = context.clock.monotonic_millis();
        let Err(error) = session(context, requests).await else { break };
        let waiting = context.wait_after(&error, began, &mut backoff, |snapshot| {
            (&mut snapshot.publisher, &mut snapshot.publisher_failures)
        });
        if !refusing(requests, waiting).await {
            break;
        }
    }
    context.status.note(|snapshot| snapshot.publisher = Link::Stopped);
}

/// Refuses what comes while `busy` lasts, so that nobody waits for a link that may never come.
async fn refusing<T>(requests: &mut Requests, busy: impl Future<Output = T>) -> T {
    let mut busy = pin!(busy);
    loop {
        tokio::select! {
            biased;
            done = &mut busy => return done,
            Some(request) = requests.recv() => {
                // Whoever asked may be gone; nothing is lost by that.
                let _ = request.reply.send(Err(PublishError::Unconnected));
            }
        }
    }
}

/// One life of the link. Returns `Ok` only when cancelled.
async fn session(context: &Context<'_>, requests: &mut Requests) -> Result<(), LinkError> {
    let settings = context.settings;
    let set_up = async {
        let wire = Wire::open(settings, "publisher").await?;
        let channel = confirming(&wire, context).await?;
        Ok::<_, LinkError>((wire, channel))
    };
    let set_up = refusing(requests, async {
        tokio::select! {
            () = context.cancel.cancelled() => None,
            ready = set_up => Some(ready),
        }
    });
    let Some(ready) = set_up.await else { return Ok(()) };
    let (wire, channel) = ready?;
    let since = context.clock.seconds();
    context.status.note(|snapshot| snapshot.publisher = Link::Up { since });
    tokio::select! {
        done = serve(context, &wire, channel, requests) => done?,
        error = wire.ended() => return Err(error),
    }
    wire.close(settings).await;
    Ok(())
}

async fn confirming(wire: &Wire, context: &Context<'_>) -> Result<Channel, LinkError> {
    let channel = wire.channel(context.settings).await?;
    let asked = channel.confirm_select(ConfirmSelectOptions::default());
    answer("confirm what we publish", context.settings.reply_timeout, asked).await?;
    Ok(channel)
}

/// Publishes one message after the other. A message that is refused costs its channel, no more.
async fn serve(
    context: &Context<'_>,
    wire: &Wire,
    mut channel: Channel,
    requests: &mut Requests,
) -> Result<(), LinkError> {
    loop {
        let request = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Ok(()),
            Some(request) = requests.recv() => request,
            else => {
                context.cancel.cancelled().await;
                return Ok(());
            }
        };
        let outcome =
            send(&channel, &context.settings.publish_exchange, context.settings.reply_timeout, request.message).await;
        context.status.note(|snapshot| match outcome {
            Ok(()) => snapshot.published += 1,
            Err(_) => snapshot.publish_failures += 1,
        });
        let silent = outcome == Err(PublishError::Timeout);
        let _ = request.reply.send(outcome);
        if silent {
            return Err(LinkError::Silent { doing: "confirm a message", limit: context.settings.reply_timeout });
        }
        if !channel.status().connected() {
            channel = confirming(wire, context).await?;
        }
    }
}

async fn send(channel: &Channel, exchange: &str, limit: Duration, message: Outgoing) -> Result<(), PublishError> {
    let key = short("routing key", &message.routing_key)?;
    let properties = properties(&message)?;
    let publishing = async {
        let options = BasicPublishOptions::default();
        channel.basic_publish(exchange.into(), key, options, &message.body, properties).await?.await
    };
    match tokio::time::timeout(limit, publishing).await {
        Err(_) => Err(PublishError::Timeout),
        Ok(Ok(Confirmation::Ack(None))) => Ok(()),
        Ok(Ok(Confirmation::Ack(Some(_)))) => Err(PublishError::Other { reason: "the message came back".to_owned() }),
        Ok(Ok(Confirmation::Nack(_))) => Err(PublishError::Nacked),
        Ok(Ok(Confirmation::NotRequested)) => {
            Err(PublishError::Other { reason: "no confirm was asked for".to_owned() })
        }
        Ok(Err(error)) => Err(refusal(&error)),
    }
}

/// Tells a refusal of this message from a failure of the link.
fn refusal(error: &lapin::Error) -> PublishError {
    let reason = chain(error);
    let ErrorKind::ProtocolError(protocol) = error.kind() else {
        return if error.is_io_error() { PublishError::Unconnected } else { PublishError::Other { reason } };
    };
    match protocol.kind() {
        // The rights to the whole exchange are gone: no message gets through, so this one is not to blame.
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            if protocol.get_message().as_str().contains("access to exchange") =>
        {
            PublishError::Other { reason }
        }
        AMQPErrorKind::Soft(
            AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE,
        ) => PublishError::Forbidden { reason },
        AMQPErrorKind::Soft(_) => PublishError::Other { reason },
        AMQPErrorKind::Hard(_) => PublishError::Unconnected,
    }
}

/// Returns the properties that fedora-messaging's format asks for.
fn properties(message: &Outgoing) -> Result<BasicProperties, PublishError> {
    let headers = headers::from_json(&message.headers).map_err(|name| PublishError::Forbidden {
        reason: format!("the header name {name:?} is longer than 255 bytes"),
    })?;
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_message_id(short("message id", &message.message_id)?)
        .with_headers(headers);
    Ok(match message.priority {
        Some(priority) => properties.with_priority(priority),
        None => properties,
    })
}

fn short(what: &str, text: &str) -> Result<ShortString, PublishError> {
    ShortString::try_new(text)
        .map_err(|_| PublishError::Forbidden { reason: format!("the {what} is longer than 255 bytes") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message() -> Outgoing {
        let Value::Object(headers) = json!({"fedora_messaging_severity": 20}) else { unreachable!() };
        let (routing_key, message_id) = ("a.b".to_owned(), "id-1".to_owned());
        Outgoing { routing_key, message_id, headers, body: b"{}".to_vec(), priority: None }
    }

    #[test]
    fn properties_are_those_of_fedora_messaging() {
        let properties = properties(&message()).unwrap();
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
        assert_eq!(properties.content_encoding().as_ref().unwrap().as_str(), "utf-8");
        assert_eq!((properties.delivery_mode(), properties.priority()), (&Some(2), &None));
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "id-1");
    }

    #[test]
    fn what_amqp_cannot_carry_is_forbidden_not_a_panic() {
        let long = Outgoing { message_id: "x".repeat(300), ..message() };
        let reason = "the message id is longer than 255 bytes".to_owned();
        assert_eq!(properties(&long), Err(PublishError::Forbidden { reason }));
        let Value::Object(headers) = json!({"y".repeat(300): 1}) else { unreachable!() };
        assert!(matches!(properties(&Outgoing { headers, ..message() }), Err(PublishError::Forbidden { .. })));
    }

    #[tokio::test]
    async fn without_a_link_a_message_is_refused_at_once() {
        let (publisher, mut requests) = channel();
        let (end, ended) = oneshot::channel::<()>();
        let caller = async {
            let outcome = publisher.publish(message()).await;
            end.send(()).unwrap();
            outcome
        };
        let (_, outcome) = tokio::join!(refusing(&mut requests, ended), caller);
        assert_eq!(outcome, Err(PublishError::Unconnected));
        drop(requests);
        assert_eq!(publisher.publish(message()).await, Err(PublishError::Unconnected), "the bus is gone");
    }
}
