//! How do messages reach webhooks? Each has its own place in the outbox and goes on from there, one message
//! after the other: one that does not answer holds up no other webhook, and not the broker.
//!
//! A message is posted until it is taken, with growing pauses, so it may come twice, with one id. A webhook
//! that takes nothing for a day loses its turn with the message that is due: that is parked, and the next
//! goes on. Where each stands is a row (`store::webhooks`), so a restart resumes.

mod post;
#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Webhook;
use crate::model::chain;
use crate::store::outbox::{self, OutMessage};
use crate::store::webhooks::{self, Turn};
use crate::store::{self, Db};
use post::{Post, Refusal};

/// How long a message is offered before it is parked.
pub const PARK_AFTER: Duration = Duration::from_secs(86_400);

/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The pause after the first failure, doubled with each, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often a message is offered at least, also behind others that were not taken for a day.
const LEAST_ATTEMPTS: i64 = 5;

/// A failure so long ago says nothing of the time since: the service was not running.
const GAP: Duration = Duration::from_secs(3600);

/// How many messages are looked through at a time for one of a webhook's topics.
const BATCH: i64 = 500;

/// Brings messages to webhooks.
#[derive(Debug)]
pub struct Webhooks {
    /// Where the messages are.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// Who is to be told.
    pub hooks: Vec<Webhook>,
}

impl Webhooks {
    /// Gives each new webhook its place, behind the newest message, and forgets those that are
    /// configured no more.
    pub async fn begin(&self) -> Result<(), store::Error> {
        let mut tx = self.db.write().await?;
        let last = outbox::last(&mut tx).await?;
        for known in webhooks::all(&mut tx).await? {
            if !self.hooks.iter().any(|hook| hook.name == known.name) {
                webhooks::remove(&mut tx, &known.name).await?;
                tracing::info!(webhook = known.name, "the webhook {} is configured no more", known.name);
            }
        }
        for hook in &self.hooks {
            if webhooks::begin(&mut tx, &hook.name, last).await? {
                tracing::info!(webhook = hook.name, cursor = last, "the webhook {} begins after {last}", hook.name);
            }
        }
        tx.commit().await
    }

    /// Delivers until cancelled; what is under way is finished.
    pub async fn run(self, cancel: CancellationToken) {
        let one = |hook| Sender::new(self.db.clone(), self.clock.clone(), hook).run(&cancel);
        join_all(self.hooks.into_iter().map(one)).await;
    }
}

/// Brings messages to one webhook.
#[derive(Debug)]
struct Sender {
    db: Db,
    clock: Clock,
    post: Post,
}

/// What there is to do for a webhook.
#[derive(Debug)]
enum Task {
    /// Nothing now.
    Wait(Duration),
    /// To step over messages of other topics.
    Pass { from: i64, to: i64 },
    /// To offer a message.
    Offer(Box<Offer>),
}

/// A message that is due.
#[derive(Debug)]
struct Offer {
    /// Where the webhook stands.
    to: webhooks::Webhook,
    row: OutMessage,
    turn: Turn,
}

impl Sender {
    fn new(db: Db, clock: Clock, hook: Webhook) -> Self {
        Self { db, clock, post: Post::new(hook) }
    }

    async fn run(mut self, cancel: &CancellationToken) {
        while !cancel.is_cancelled() {
            let pause = match self.turn().await {
                Ok(pause) => pause,
                Err(error) => {
                    let webhook = &self.post.hook().name;
                    tracing::warn!(webhook, error = %chain(&error), "a webhook waits: the state cannot be used");
                    SHORTEST_PAUSE
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does what is due; returns how long to wait before the next look.
    async fn turn(&mut self) -> Result<Duration, store::Error> {
        match self.task().await? {
            Task::Wait(pause) => Ok(pause),
            Task::Pass { from, to } => {
                let mut tx = self.db.write().await?;
                webhooks::pass(&mut tx, &self.post.hook().name, from, to).await?;
                tx.commit().await?;
                Ok(Duration::ZERO)
            }
            Task::Offer(offer) => {
                let outcome = self.post.send(&offer.row, self.clock.seconds()).await;
                self.write_down(&offer, outcome).await?;
                Ok(Duration::ZERO)
            }
        }
    }

    async fn task(&self) -> Result<Task, store::Error> {
        let hook = self.post.hook();
        let mut tx = self.db.read().await?;
        let Some(to) = webhooks::by_name(&mut tx, &hook.name).await? else { return Ok(Task::Wait(LOOK)) };
        let left = pause_left(&to, self.clock.micros());
        if !left.is_zero() {
            // A replay ends the pause.
            return Ok(Task::Wait(left.min(LOOK)));
        }
        if let Some(row) = webhooks::due_again(&mut tx, &hook.name).await? {
            return Ok(Task::Offer(Box::new(Offer { to, row, turn: Turn::Again })));
        }
        let from = to.cursor;
        let mut seen = from;
        loop {
            let topics = outbox::topics_after(&mut tx, seen, BATCH).await?;
            let Some((last, _)) = topics.last() else { break };
            seen = *last;
            let Some((sequence, _)) = topics.iter().find(|(_, topic)| hook.takes(topic)) else { continue };
            let Some(row) = outbox::by_sequence(&mut tx, *sequence).await? else { continue };
            return Ok(Task::Offer(Box::new(Offer { to, row, turn: Turn::After(from) })));
        }
        Ok(if seen > from { Task::Pass { from, to: seen } } else { Task::Wait(LOOK) })
    }

    async fn write_down(&self, offer: &Offer, outcome: Result<(), Refusal>) -> Result<(), store::Error> {
        let Offer { to, row, turn } = offer;
        let (name, sequence, now) = (&to.name, row.sequence, self.clock.micros());
        let mut tx = self.db.write().await?;
        let Err(refusal) = outcome else {
            webhooks::delivered(&mut tx, name, sequence, *turn, now).await?;
            return tx.commit().await;
        };
        let problem = chain(&refusal);
        let since = failing_since(to, now);
        webhooks::failed(&mut tx, name, since, &problem, now).await?;
        let is_parked = is_over(now, since.max(row.made_at), to.attempts + 1)
            && webhooks::park(&mut tx, name, sequence, *turn, &problem, now).await?;
        tx.commit().await?;
        if is_parked {
            tracing::error!(
                webhook = name,
                message.id = row.message_id,
                cursor = sequence,
                problem,
                "the webhook {name} took nothing for a day: message {sequence} is parked"
            );
        } else {
            let next_ms = pause(to.attempts + 1).as_millis() as u64;
            tracing::warn!(
                webhook = name,
                message.id = row.message_id,
                cursor = sequence,
                problem,
                next_ms,
                "the webhook {name} did not take message {sequence}: {problem}"
            );
        }
        Ok(())
    }
}

/// Returns since when a webhook that fails at `now` has failed.
fn failing_since(to: &webhooks::Webhook, now: i64) -> i64 {
    let is_recent = to.tried_at.is_some_and(|tried| now.saturating_sub(tried) <= micros(GAP));
    to.failing_since.filter(|_| is_recent).unwrap_or(now)
}

/// Returns whether a message was offered long and often enough.
fn is_over(now: i64, since: i64, attempts: i64) -> bool {
    attempts >= LEAST_ATTEMPTS && now.saturating_sub(since) >= micros(PARK_AFTER)
}

/// Returns how long to wait after so many failures.
fn pause(attempts: i64) -> Duration {
    match u32::try_from(attempts) {
        Ok(0) | Err(_) => Duration::ZERO,
        Ok(failures) => SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(failures - 1)).min(LONGEST_PAUSE),
    }
}

fn pause_left(to: &webhooks::Webhook, now: i64) -> Duration {
    let Some(tried_at) = to.tried_at else { return Duration::ZERO };
    let waited = u64::try_from(now.saturating_sub(tried_at)).unwrap_or(0);
    pause(to.attempts).saturating_sub(Duration::from_micros(waited))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
