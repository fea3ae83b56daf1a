//! How is the queue made, bound and looked after?

use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Queue};

use super::connect::Context;
use super::error::{LinkError, answer};
use super::headers;

/// Declares the queue (or looks whether it is there) and binds it; returns its name.
///
/// Without the right to configure, a declaration closes the channel with 403; such queues are for
/// `passive`.
pub(super) async fn declare(context: &Context<'_>, channel: &Channel) -> Result<ShortString, LinkError> {
    let settings = context.settings;
    let queue = &settings.queue;
    let options = QueueDeclareOptions {
        passive: queue.passive,
        durable: queue.durable,
        exclusive: queue.exclusive,
        auto_delete: queue.auto_delete,
        nowait: false,
    };
    // Settings::check has refused names that are too long.
    let arguments = headers::from_json(&queue.arguments).unwrap_or_default();
    let doing = if queue.passive { "look for the queue" } else { "declare the queue" };
    let declaring = channel.queue_declare(queue.name.as_str().into(), options, arguments);
    let declared = answer(doing, settings.reply_timeout, declaring).await?;
    let name = declared.name().clone();
    for key in &queue.bindings {
        let (exchange, key) = (settings.exchange.as_str().into(), key.as_str().into());
        let binding =
            channel.queue_bind(name.clone(), exchange, key, QueueBindOptions::default(), FieldTable::default());
        answer("bind the queue", settings.reply_timeout, binding).await?;
    }
    note_depth(context, &declared);
    Ok(name)
}

/// Asks after the queue again and again; returns when the broker does not answer, has lost the
/// queue, or knows no consumer of it. A consumer that believed itself connected and took nothing for
/// ten days is on record (fedora-messaging#208).
pub(super) async fn probe(context: &Context<'_>, channel: &Channel, name: &ShortString) -> LinkError {
    loop {
        tokio::time::sleep(context.settings.probe_every).await;
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let asking = channel.queue_declare(name.clone(), options, FieldTable::default());
        match answer("tell the state of the queue", context.settings.reply_timeout, asking).await {
            Ok(queue) if queue.consumer_count() == 0 => return LinkError::ConsumerForgotten,
            Ok(queue) => note_depth(context, &queue),
            Err(error) => return error,
        }
    }
}

fn note_depth(context: &Context<'_>, queue: &Queue) {
    context.status.note(|snapshot| {
        queue.name().as_str().clone_into(&mut snapshot.queue);
        snapshot.queue_depth = Some(queue.message_count());
    });
}
