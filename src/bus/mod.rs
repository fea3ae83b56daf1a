//! How do bytes come in from the broker and go out to it? AMQP 0.9.1 over lapin, the only room that
//! knows it.
//!
//! No meaning here: a body is bytes and a verdict is all that comes back. Two connections, one that
//! consumes and one that publishes, since a broker that runs out of disk blocks the connections that
//! publish, acknowledgements and all. Each is owned by one supervisor that rebuilds everything after
//! any doubt: an error, the end of the stream (a deleted queue looks like that), silence. lapin's own
//! recovery stays off; it hides a dead link (`a pending confirm hung for 30 s`).
//!
//! What may surprise: every loss of the link may have lost messages too, so
//! [`Snapshot::may_have_missed`] is the sign to reconcile. Memory: the broker sends up to `prefetch` messages ahead, and
//! a body beyond `body_limit` is cut to its first 64 KiB as soon as it is whole, so that what waits
//! is bounded by `prefetch * body_limit` and one message on its way in. lapin reads nested headers by
//! recursion and takes a bad byte in a name for the end of the connection, so that one message could
//! end the process, or the link again and again: `filter` stands in front of it. Nothing is spawned here:
//! dropping the future of [`Bus::run`] drops everything, lapin's socket included.

mod backoff;
mod check;
mod connect;
mod consume;
mod delivery;
mod error;
mod filter;
mod guard;
mod headers;
mod publish;
mod settings;
mod status;
mod topology;

pub use check::{Finding, Verdict as CheckVerdict, check};
pub use delivery::{Cut, Delivery, Handler, Verdict};
pub use publish::{Outgoing, PublishError, Publisher};
pub use settings::{BadSettings, Queue, Settings, Tls};
pub use status::{Link, Snapshot, Status};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// The broker's side of the service, ready to run.
#[derive(Debug)]
pub struct Bus {
    settings: Settings,
    clock: Clock,
    requests: publish::Requests,
    status: Status,
}

impl Bus {
    /// Checks `settings` and returns the bus with the two handles that others hold: what to publish
    /// through, and where to read how it stands. No connection is made yet.
    pub fn new(settings: Settings, clock: Clock) -> Result<(Self, Publisher, Status), BadSettings> {
        settings.check()?;
        let status = Status::new(&settings.queue.name, clock.seconds());
        let (publisher, requests) = publish::channel();
        Ok((Self { settings, clock, requests, status: status.clone() }, publisher, status))
    }

    /// Consumes and publishes until `cancel` fires; then finishes the message in hand, closes both
    /// connections and returns.
    ///
    /// Never fails: whatever goes wrong is shown in [`Status`] and tried again after a growing pause.
    /// Needs tokio's I/O and time drivers. The process must have rustls' ring provider installed when
    /// the URL is `amqps`.
    pub async fn run(self, handler: impl Handler, cancel: CancellationToken) {
        let Self { settings, clock, mut requests, status } = self;
        let context = connect::Context { settings: &settings, clock: &clock, status: &status, cancel: &cancel };
        tokio::join!(consume::supervise(&context, &handler), publish::supervise(&context, &mut requests));
    }
}
