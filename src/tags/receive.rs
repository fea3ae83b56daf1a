//! What does a message change? One transaction: kept, applied, and the tags it touches woken.
//!
//! The same for all doors. Which bytes are a message is decided by the doors; what it means, by
//! `events`; here it takes effect, once, in its place.

use serde_json::{Map, Value};

use super::hub::{Marked, Marks};
use super::{Error, Tags};
use crate::buildsys::local;
use crate::events::{self, BuildState, BuildStateChange, Decoded, Event, Limits, Tagging};
use crate::model::{Blake3, Nvr, chain};
use crate::store::builds::{self, BuildRow};
use crate::store::db::to_json;
use crate::store::inbox::{self, Door, InboxState, Message, NewMessage};
use crate::store::tags::{self as rows, Act, TagRow};
use crate::store::{self, Write};

/// How much of a body that is too large, or of a header, is kept.
const KEPT: usize = 64 << 10;

/// A message as a door hands it in.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// By which door it came.
    pub door: Door,
    /// Its topic.
    pub topic: &'a str,
    /// Its own id, if it has one.
    pub message_id: Option<&'a str>,
    /// Its headers.
    pub headers: &'a Map<String, Value>,
    /// Its body; only the beginning where `cut` says so.
    pub body: &'a [u8],
    /// Size and digest of the whole body, where it was too large to be handed in.
    pub cut: Option<(u64, Blake3)>,
    /// Overrides a block in the tag itself; a message from outside never does.
    pub force: bool,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, or there was nothing to effect.
    Applied,
    /// It waits for its build to be imported.
    Waiting {
        /// The build.
        nvr: Nvr,
    },
    /// The rules of the build system forbid what it says.
    Refused {
        /// Why.
        reason: String,
    },
    /// It can never be understood, and is kept apart.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// It was here before.
    Duplicate {
        /// What became of the first one.
        first: InboxState,
    },
    /// It names a tag that nobody follows: counted, not kept.
    Unfollowed {
        /// The tag.
        tag: String,
    },
    /// It is of a kind that changes nothing here: not kept.
    Ignored {
        /// Its topic.
        topic: String,
    },
}

impl Outcome {
    /// Returns one word for it, as answered over HTTP and counted.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting { .. } => "waiting",
            Self::Refused { .. } => "refused",
            Self::Quarantined { .. } => "quarantined",
            Self::Duplicate { .. } => "duplicate",
            Self::Unfollowed { .. } => "unfollowed",
            Self::Ignored { .. } => "ignored",
        }
    }
}

/// A message on its way through one transaction.
struct Passage<'a> {
    incoming: &'a Incoming<'a>,
    id: String,
    digest: Blake3,
    arrived_at: i64,
}

impl Tags {
    /// Takes a message in, whole, in one transaction; once this returns, it may be acknowledged.
    ///
    /// # Errors
    /// The state cannot be written now; the message is to be handed in again later.
    pub async fn receive(&self, incoming: &Incoming<'_>) -> Result<Outcome, Error> {
        let mut tx = self.db.write().await?;
        let outcome = self.receive_in(&mut tx, incoming).await?;
        tx.commit().await?;
        self.ring();
        Ok(outcome)
    }

    /// As [`Tags::receive`] for several messages, in their order, all in one transaction or none.
    ///
    /// # Errors
    /// As of [`Tags::receive`], of any of them.
    pub async fn receive_together(&self, messages: &[Incoming<'_>]) -> Result<Vec<Outcome>, Error> {
        let mut tx = self.db.write().await?;
        let (mut outcomes, mut marks) = (Vec::with_capacity(messages.len()), Marks::default());
        for incoming in messages {
            outcomes.push(self.receive_one(&mut tx, incoming, &mut marks).await?);
        }
        self.put_marks(&mut tx, marks).await?;
        tx.commit().await?;
        self.ring();
        Ok(outcomes)
    }

    fn ring(&self) {
        match self.hub() {
            Some(_) => {
                self.bells.hub.ring();
                self.bells.files.ring();
            }
            None => self.bells.tags.ring(),
        }
    }

    /// As [`Tags::receive`], inside a transaction of the caller.
    pub(crate) async fn receive_in(&self, tx: &mut Write, incoming: &Incoming<'_>) -> Result<Outcome, Error> {
        let mut marks = Marks::default();
        let outcome = self.receive_one(tx, incoming, &mut marks).await?;
        self.put_marks(tx, marks).await?;
        Ok(outcome)
    }

    async fn receive_one(&self, tx: &mut Write, incoming: &Incoming<'_>, marks: &mut Marks) -> Result<Outcome, Error> {
        let digest = incoming.cut.map_or_else(|| Blake3::of(incoming.body), |(_, digest)| digest);
        let id = events::identity(incoming.message_id, incoming.topic, incoming.headers, &digest);
        if let Some(first) = inbox::repeat(tx, &id).await? {
            return Ok(Outcome::Duplicate { first });
        }
        let passage = Passage { incoming, id, digest, arrived_at: self.clock.micros() };
        match self.decode(incoming) {
            Ok(decoded) => self.pass(tx, &passage, decoded, marks).await,
            Err(reason) => {
                passage.keep(tx, None, InboxState::Quarantined, Some(reason.clone()), None).await?;
                tracing::warn!(message.id = passage.id, reason, "a message was quarantined: {reason}");
                Ok(Outcome::Quarantined { reason })
            }
        }
    }

    /// Returns what a message means under the configured limits, or why that can never be said.
    pub fn decode(&self, incoming: &Incoming<'_>) -> Result<Decoded, String> {
        let limits = self.limits();
        if let Some((size, _)) = incoming.cut {
            return Err(events::Undecodable::too_large(size, &limits).to_string());
        }
        events::decode(incoming.topic, incoming.headers, incoming.body, &limits).map_err(|error| chain(&error))
    }

    /// Returns the configured limits of messages.
    pub fn limits(&self) -> Limits {
        let inbox = &self.config.inbox;
        Limits { body: usize::try_from(inbox.max_body).unwrap_or(usize::MAX), depth: inbox.max_depth.get() as usize }
    }

    async fn pass(
        &self,
        tx: &mut Write,
        passage: &Passage<'_>,
        decoded: Decoded,
        marks: &mut Marks,
    ) -> Result<Outcome, Error> {
        match self.hub() {
            Some(_) => self.pass_hint(tx, passage, decoded, marks).await,
            None => self.pass_act(tx, passage, decoded).await,
        }
    }

    /// Takes in a message about a hub.
    async fn pass_hint(
        &self,
        tx: &mut Write,
        passage: &Passage<'_>,
        decoded: Decoded,
        marks: &mut Marks,
    ) -> Result<Outcome, Error> {
        match self.mark(tx, &decoded.event, marks).await? {
            Marked::Done => {
                passage.keep(tx, None, InboxState::Applied, None, None).await?;
                Ok(Outcome::Applied)
            }
            Marked::Unfollowed(tag) => {
                inbox::count_unfollowed(tx, tag.as_str(), passage.arrived_at).await?;
                Ok(Outcome::Unfollowed { tag: tag.to_string() })
            }
            Marked::Nothing => Ok(Outcome::Ignored { topic: events::printable(passage.incoming.topic) }),
        }
    }

    /// Takes in a message to the local build system.
    async fn pass_act(&self, tx: &mut Write, passage: &Passage<'_>, decoded: Decoded) -> Result<Outcome, Error> {
        let nvr = match &decoded.event {
            Event::Tagged(Tagging { tag, nvr, .. }) | Event::Untagged(Tagging { tag, nvr, .. }) => {
                if rows::by_name(tx, self.buildsys.id(), tag.as_str()).await?.is_none() {
                    inbox::count_unfollowed(tx, tag.as_str(), passage.arrived_at).await?;
                    return Ok(Outcome::Unfollowed { tag: tag.to_string() });
                }
                nvr.clone()
            }
            Event::BuildState(change) => change.nvr.clone(),
            // The local build system has no signatures, package lists or tasks but its own.
            _ => return Ok(Outcome::Ignored { topic: events::printable(passage.incoming.topic) }),
        };
        let event_id = self.place(tx, decoded.envelope.sent_at, passage.arrived_at).await?;
        let Some(build) = builds::by_nvr(tx, self.buildsys.id(), &nvr).await? else {
            let reason = Some(format!("{nvr} is not imported yet"));
            passage.keep(tx, Some(event_id), InboxState::Waiting, reason, Some(&nvr)).await?;
            return Ok(Outcome::Waiting { nvr });
        };
        let refused = self.apply(tx, &decoded.event, &build, event_id, passage.incoming.force).await?;
        let state = if refused.is_some() { InboxState::Refused } else { InboxState::Applied };
        passage.keep(tx, Some(event_id), state, refused.clone(), None).await?;
        Ok(refused.map_or(Outcome::Applied, |reason| Outcome::Refused { reason }))
    }

    /// Gives an event its place: in the second it was sent, or, where that is not told or lies in the
    /// future, of its arrival.
    pub(super) async fn place(
        &self,
        tx: &mut Write,
        sent_at: Option<i64>,
        arrived_at: i64,
    ) -> Result<i64, store::Error> {
        let arrival = rows::arrival(tx, arrived_at.div_euclid(1_000_000)).await?;
        let latest = arrival.saturating_add_unsigned(self.config.inbox.future_skew.as_secs());
        let second = sent_at.filter(|sent_at| *sent_at <= latest).unwrap_or(arrival);
        rows::draw_event(tx, second).await
    }

    /// Applies an event to the local tables; gives the reason where their rules forbid it.
    async fn apply(
        &self,
        tx: &mut Write,
        event: &Event,
        build: &BuildRow,
        event_id: i64,
        force: bool,
    ) -> Result<Option<String>, store::Error> {
        match event {
            Event::Tagged(tagging) => {
                let Some(tag) = self.tag_of(tx, tagging).await? else { return Ok(Some(gone(tagging))) };
                if let Err(refusal) = local::tag_build(tx, &tag, build, event_id, force).await? {
                    return Ok(Some(refusal.to_string()));
                }
                self.wake_dependents(tx, &tag, build.nvr.name().as_str(), event_id).await?;
            }
            Event::Untagged(tagging) => {
                let Some(tag) = self.tag_of(tx, tagging).await? else { return Ok(Some(gone(tagging))) };
                local::untag_build(tx, &tag, build, event_id).await?;
                self.wake_dependents(tx, &tag, build.nvr.name().as_str(), event_id).await?;
            }
            Event::BuildState(BuildStateChange { new: BuildState::Deleted, .. }) => {
                for tag in local::change_build(tx, build.id, Act::Delete, event_id).await? {
                    self.wake_dependents(tx, &tag, build.nvr.name().as_str(), event_id).await?;
                }
            }
            // A build is complete here once it is imported, whatever its other states were.
            _ => {}
        }
        Ok(None)
    }

    async fn tag_of(&self, tx: &mut Write, tagging: &Tagging) -> Result<Option<TagRow>, store::Error> {
        rows::by_name(tx, self.buildsys.id(), tagging.tag.as_str()).await
    }

    /// Applies what waited for a build that is there now, in the order of the places.
    pub(super) async fn release(&self, tx: &mut Write, build: &BuildRow) -> Result<(), Error> {
        for message in inbox::waiting_for(tx, &build.nvr.to_string()).await? {
            let refused = self.apply_kept(tx, &message, build).await?;
            let state = if refused.is_some() { InboxState::Refused } else { InboxState::Applied };
            inbox::settle(tx, message.sequence, state, refused.as_deref()).await?;
        }
        Ok(())
    }

    async fn apply_kept(&self, tx: &mut Write, message: &Message, build: &BuildRow) -> Result<Option<String>, Error> {
        let headers: Map<String, Value> = store::db::from_json("inbox.headers", &message.headers)?;
        let decoded = match events::decode(&message.topic, &headers, &message.body, &self.limits()) {
            Ok(decoded) => decoded,
            // It was understood when it came, so the limits were changed since.
            Err(error) => return Ok(Some(chain(&error))),
        };
        let event_id = message.event_id.ok_or(store::Error::Corrupt {
            column: "inbox.event_id",
            why: format!("message {} waits without a place", message.message_id),
        })?;
        Ok(self.apply(tx, &decoded.event, build, event_id, false).await?)
    }
}

fn gone(tagging: &Tagging) -> String {
    format!("there is no tag {}", tagging.tag)
}

impl Passage<'_> {
    async fn keep(
        &self,
        tx: &mut Write,
        event_id: Option<i64>,
        state: InboxState,
        reason: Option<String>,
        waits_for: Option<&Nvr>,
    ) -> Result<(), store::Error> {
        let incoming = self.incoming;
        let size = incoming.cut.map_or(incoming.body.len() as u64, |(size, _)| size);
        let too_large = incoming.cut.is_some();
        let body = if too_large { &incoming.body[..incoming.body.len().min(KEPT)] } else { incoming.body };
        let headers = to_json(incoming.headers);
        let new = NewMessage {
            message_id: &self.id,
            door: incoming.door,
            topic: &events::printable(incoming.topic),
            headers: if headers.len() > KEPT { "{}" } else { &headers },
            body,
            body_size: i64::try_from(size).unwrap_or(i64::MAX),
            body_digest: self.digest.to_string(),
            arrived_at: self.arrived_at,
            event_id,
            state,
            reason,
            waits_for: waits_for.map(ToString::to_string),
        };
        inbox::insert(tx, new).await.map(drop)
    }
}
