//! What is the world told? Messages written in the transaction of the state they tell of, sent later.
//!
//! Formats are in `docs/messages/`. What happened is decided elsewhere; here it only gets an id and
//! headers, and is brought to the broker and to webhooks.

mod about;
mod drain;
mod webhooks;

use serde_json::{Map, Value};

use crate::clock::Clock;
use crate::events::{self, Outgoing};
use crate::store::db::{from_json, to_json};
use crate::store::outbox::{self, OutMessage};
use crate::store::{self, Write};

pub use drain::Drain;
pub use webhooks::{PARK_AFTER, Webhooks};

/// Tells the world that something happened, once the transaction commits; gives the cursor.
///
/// `topic` is without the configured prefix; messages with one `subject` are sent in order.
pub async fn tell(
    tx: &mut Write,
    clock: &Clock,
    topic: &str,
    subject: &str,
    body: Map<String, Value>,
) -> Result<i64, store::Error> {
    let (severity, packages) = (about::severity(&body), about::packages(&body));
    let headers = events::headers(topic, severity, clock.seconds(), packages);
    let message = events::outgoing(clock.uuid(), topic, headers, body);
    let row = OutMessage {
        sequence: 0,
        message_id: message.id,
        topic: message.topic,
        subject: subject.to_owned(),
        headers: to_json(&message.headers),
        body: to_json(&message.body),
        made_at: clock.micros(),
    };
    outbox::put(tx, &row).await
}

/// Returns a kept message as it is sent and served.
pub fn message(row: OutMessage) -> Result<Outgoing, store::Error> {
    Ok(Outgoing {
        headers: from_json("outbox.headers", &row.headers)?,
        body: from_json("outbox.body", &row.body)?,
        id: row.message_id,
        topic: row.topic,
        priority: 0,
    })
}

/// Returns a kept message as it is shown outside: as fedora-messaging prints it, with its cursor.
pub fn document(row: OutMessage) -> Result<Map<String, Value>, store::Error> {
    let sequence = row.sequence;
    let mut printed = events::print(message(row)?);
    printed.insert("sequence".to_owned(), sequence.into());
    Ok(printed)
}
