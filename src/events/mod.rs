//! What does a message mean? Bytes and a topic in, an [`Event`] out.
//!
//! Pure: no I/O, no clock, nothing remembered. The topic chooses the dialect; the schema header is
//! advice that Koji's plugin itself does not always follow. Unknown fields are passed over, absent
//! and null ones borne where the event makes sense without. What can never be understood is a typed
//! [`Undecodable`], to be stored with its reason and acknowledged; a message is a hint about the
//! build system's state, never the state.

mod envelope;
mod event;
mod form;
mod json;
mod koji;
mod outgoing;
mod undecodable;

pub use envelope::{Envelope, Severity, identity, printable};
pub use event::{
    BuildState, BuildStateChange, Event, PackageAction, PackageListChange, Repo, RpmSigned, Tagging, TaskState,
};
pub use form::{Message, parse, parse_one, print};
pub use outgoing::{Outgoing, headers, outgoing};
pub use undecodable::Undecodable;

use serde_json::{Map, Value};

/// How much a message may ask of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest body, in bytes.
    pub body: usize,
    /// Deepest nesting of objects and arrays in a body.
    pub depth: usize,
}

impl Default for Limits {
    /// 4 MiB, 64 levels: Koji's largest messages (task trees) stay far below both.
    fn default() -> Self {
        Self { body: 4 * 1024 * 1024, depth: 64 }
    }
}

/// An understood message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What its headers say.
    pub envelope: Envelope,
    /// URL of the hub that spoke: the only sign of which one it was.
    pub base_url: Option<String>,
    /// Koji's `instance`; every hub in use says `primary`.
    pub instance: Option<String>,
    /// What happened.
    pub event: Event,
}

/// Returns when a message was sent, in seconds after 1970, where its headers say so.
pub fn sent_at(headers: &Map<String, Value>) -> Option<i64> {
    envelope::read(headers).ok()?.sent_at
}

/// Returns what a message means, or why that can never be said.
///
/// A topic that is not one of Koji's gives [`Event::Other`] without a look at the body.
pub fn decode(topic: &str, headers: &Map<String, Value>, body: &[u8], limits: &Limits) -> Result<Decoded, Undecodable> {
    let envelope = envelope::read(headers)?;
    let Some(kind) = koji::Kind::of(topic) else {
        let event = Event::Other { topic: printable(topic) };
        return Ok(Decoded { envelope, base_url: None, instance: None, event });
    };
    let body = json::body(body, limits)?;
    let fields = body.fields();
    let (base_url, instance) = (fields.some_text("base_url"), fields.some_text("instance"));
    Ok(Decoded { envelope, base_url, instance, event: koji::read(kind, &fields)? })
}

#[cfg(test)]
mod tests;
