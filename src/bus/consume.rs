//! How does a message get from the broker to the handler, and its verdict back?

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery as Received;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use tokio::sync::mpsc;

use super::backoff::Backoff;
use super::connect::{Context, Wire};
use super::error::{LinkError, answer};
use super::{Delivery, Handler, Link, Verdict, topology};

/// Most messages that are handled together.
const TOGETHER: usize = 100;

/// Keeps a consumer on the queue until cancelled.
pub(super) async fn supervise(context: &Context<'_>, handler: &impl Handler) {
    let mut backoff = context.backoff();
    loop {
        let began = context.clock.monotonic_millis();
        let Err(error) = session(context, handler).await else { break };
        let waiting = context.wait_after(&error, began, &mut backoff, |snapshot| {
            (&mut snapshot.consumer, &mut snapshot.consumer_failures)
        });
        if !waiting.await {
            break;
        }
    }
    context.status.note(|snapshot| snapshot.consumer = Link::Stopped);
}

/// One life of the link, from connecting to its end. Returns `Ok` only when cancelled.
async fn session(context: &Context<'_>, handler: &impl Handler) -> Result<(), LinkError> {
    let settings = context.settings;
    let set_up = async {
        let wire = Wire::open(settings, "consumer").await?;
        let channel = wire.channel(settings).await?;
        // A channel of its own: a probe that fails closes it, and says why.
        let probe_channel = wire.channel(settings).await?;
        let name = topology::declare(context, &channel).await?;
        let qos = channel.basic_qos(settings.prefetch, BasicQosOptions::default());
        answer("set the prefetch", settings.reply_timeout, qos).await?;
        let consuming =
            channel.basic_consume(name.clone(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let consumer = answer("consume the queue", settings.reply_timeout, consuming).await?;
        Ok::<_, LinkError>((wire, channel, probe_channel, name, consumer))
    };
    let (wire, channel, probe_channel, name, consumer) = tokio::select! {
        () = context.cancel.cancelled() => return Ok(()),
        ready = set_up => ready?,
    };
    let since = context.clock.seconds();
    context.status.note(|snapshot| {
        snapshot.consumer = Link::Up { since };
        snapshot.connects += 1;
    });
    tracing::info!(queue = %name, "consuming");

    let tag = consumer.tag();
    // As many as the broker sends ahead, so that the pump never waits for the worker.
    let (sender, mut receiver) = mpsc::channel(usize::from(settings.prefetch));
    let mut in_hand = VecDeque::new();
    let ended = tokio::select! {
        done = work(context, handler, &mut in_hand, &mut receiver) => done,
        error = pump(context, consumer, sender) => Err(error),
        error = topology::probe(context, &probe_channel, &name) => Err(error),
        error = wire.ended() => Err(error),
    };
    if let Err(error) = ended {
        let left = in_hand.into_iter().chain(std::iter::from_fn(|| receiver.try_recv().ok()));
        finish(context, handler, left).await;
        return Err(error);
    }
    stop_consuming(context, &channel, tag).await;
    wire.close(settings).await;
    Ok(())
}

/// A message and the handle to acknowledge it.
type Held = (Delivery, Acker);

/// Takes messages from lapin as they come, so that long bodies are cut before the next arrives.
/// The end of the stream is an error: so looks a deleted queue.
async fn pump(context: &Context<'_>, mut consumer: Consumer, sender: mpsc::Sender<Held>) -> LinkError {
    loop {
        let received: Received = match consumer.next().await {
            None => return LinkError::ConsumerEnded,
            Some(Err(error)) => return LinkError::Broken(error),
            Some(Ok(received)) => received,
        };
        let acker = received.acker.clone();
        let delivery = Delivery::from_lapin(received, context.settings.body_limit);
        let now = context.clock.seconds();
        context.status.note(|snapshot| {
            snapshot.deliveries += 1;
            snapshot.last_message_at = Some(now);
            snapshot.cut += u64::from(delivery.cut.is_some());
        });
        if sender.send((delivery, acker)).await.is_err() {
            return LinkError::Ended;
        }
    }
}

/// Handles one message after the other, or several together where they have come faster than that. Returns `Ok` when
/// cancelled, the message in hand finished.
async fn work(
    context: &Context<'_>,
    handler: &impl Handler,
    in_hand: &mut VecDeque<Held>,
    receiver: &mut mpsc::Receiver<Held>,
) -> Result<(), LinkError> {
    loop {
        let held = tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Ok(()),
            held = receiver.recv() => held,
        };
        let Some(held) = held else { return Err(LinkError::Ended) };
        in_hand.push_back(held);
        while in_hand.len() < TOGETHER
            && let Ok(held) = receiver.try_recv()
        {
            in_hand.push_back(held);
        }
        if in_hand.len() > 1 && settle_together(context, handler, in_hand).await? {
            in_hand.clear();
        }
        while let Some((delivery, acker)) = in_hand.front() {
            if !settle(context, handler, delivery, acker).await? {
                return Ok(());
            }
            in_hand.pop_front();
        }
    }
}

/// Handles several messages as one; returns whether that was done.
async fn settle_together(
    context: &Context<'_>,
    handler: &impl Handler,
    in_hand: &VecDeque<Held>,
) -> Result<bool, LinkError> {
    let deliveries: Vec<&Delivery> = in_hand.iter().map(|(delivery, _)| delivery).collect();
    // Which message it was that panics is seen when each is handled alone.
    let caught = AssertUnwindSafe(handler.handle_together(&deliveries)).catch_unwind().await;
    if !matches!(caught, Ok(true)) {
        return Ok(false);
    }
    for (_, acker) in in_hand {
        acknowledge(context, acker).await?;
    }
    Ok(true)
}

/// Handles what was received by a link that has ended. A broker that has lost the queue has no other copy; one that
/// has it sends it again, and nothing comes of that.
async fn finish(context: &Context<'_>, handler: &impl Handler, left: impl Iterator<Item = Held>) {
    let finishing = async {
        for (delivery, _) in left {
            let caught = AssertUnwindSafe(handler.handle(&delivery)).catch_unwind().await;
            if context.cancel.is_cancelled() || !matches!(caught, Ok(Verdict::Ack)) {
                return;
            }
        }
    };
    // The link is not kept waiting by a database that hangs.
    let _ = tokio::time::timeout(context.settings.reply_timeout, finishing).await;
}

/// Handles a message until it is settled. Returns `false` when cancelled before that; the broker
/// hands it out again.
async fn settle(
    context: &Context<'_>,
    handler: &impl Handler,
    delivery: &Delivery,
    acker: &Acker,
) -> Result<bool, LinkError> {
    let mut backoff = context.backoff();
    loop {
        let caught = AssertUnwindSafe(handler.handle(delivery)).catch_unwind().await;
        match caught {
            Ok(Verdict::Ack) => {
                acknowledge(context, acker).await?;
                return Ok(true);
            }
            Ok(Verdict::TryLater) => {
                context.status.note(|snapshot| snapshot.tried_later += 1);
                if !pause(context, &mut backoff).await {
                    return Ok(false);
                }
            }
            Err(_) => {
                context.status.note(|snapshot| snapshot.panics += 1);
                tracing::error!(topic = delivery.routing_key, message.id = delivery.message_id, "the handler panicked");
                let go_on = pause(context, &mut backoff).await;
                put_back(context, acker).await?;
                return Ok(go_on);
            }
        }
    }
}

/// Waits a growing pause; returns whether to go on.
async fn pause(context: &Context<'_>, backoff: &mut Backoff) -> bool {
    tokio::select! {
        () = context.cancel.cancelled() => false,
        () = tokio::time::sleep(backoff.pause(context.clock)) => true,
    }
}

async fn acknowledge(context: &Context<'_>, acker: &Acker) -> Result<(), LinkError> {
    let asked = acker.ack(BasicAckOptions::default());
    if !answer("acknowledge a message", context.settings.reply_timeout, asked).await? {
        return Err(LinkError::ChannelClosed);
    }
    context.status.note(|snapshot| snapshot.acked += 1);
    Ok(())
}

async fn put_back(context: &Context<'_>, acker: &Acker) -> Result<(), LinkError> {
    let asked = acker.nack(BasicNackOptions { requeue: true, multiple: false });
    match answer("put a message back", context.settings.reply_timeout, asked).await? {
        true => Ok(()),
        false => Err(LinkError::ChannelClosed),
    }
}

/// Ends the consumer before the connection, so that no further message is on its way meanwhile.
async fn stop_consuming(context: &Context<'_>, channel: &Channel, tag: lapin::types::ShortString) {
    let cancelling = channel.basic_cancel(tag, BasicCancelOptions::default());
    if let Err(error) = answer("end the consumer", context.settings.reply_timeout, cancelling).await {
        tracing::debug!(error = %error, "the consumer was not ended in order");
    }
}
