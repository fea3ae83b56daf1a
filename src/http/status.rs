//! How does it all stand? `GET /api/v1/status`: what a status screen shows, in one answer.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State as Shared};
use serde::Serialize;

use super::Service;
use super::composes::{self, Compose};
use super::failure::Failure;
use super::health::{self, Ready};
use super::moment::moment;
use super::query::Query;
use super::tags::{self, Tag};
use crate::bus::{Link, Snapshot};
use crate::store::wakeups::{self, Room};
use crate::store::webhooks as rows;
use crate::store::{self, Tx, inbox, outbox};
use crate::tags::Standing;

/// How many unfollowed tags and composes are shown.
const SHOWN: i64 = 10;

/// How it all stands.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    started_at: String,
    now: String,
    url: String,
    readiness: Ready,
    bus: Option<Bus>,
    hub: Option<Hub>,
    inbox: Inbox,
    /// Messages by state.
    outbox: BTreeMap<&'static str, i64>,
    webhooks: Vec<Webhook>,
    /// What waits to be reconciled, by room.
    wakeups: BTreeMap<&'static str, i64>,
    tags: Vec<Tag>,
    /// The newest ten.
    composes: Vec<Compose>,
}

/// The link to the broker.
#[derive(Debug, Serialize)]
struct Bus {
    queue: String,
    /// Messages that wait in the queue, when it was last asked.
    queue_depth: Option<u32>,
    consumer: Connection,
    publisher: Connection,
    last_message_at: Option<String>,
}

/// The Koji hub that is followed. Why it does not answer stays in the log: it may name hosts.
#[derive(Debug, Serialize)]
struct Hub {
    /// When it last gave an answer that could be used.
    answered_at: Option<String>,
    /// Since when it has given none: all sets are those of then.
    stale_since: Option<String>,
    /// Rows that were other ones than messages had told of, since the start.
    repaired: u64,
    /// Tags of which rows are missed, so that they stay as they are until two answers agree.
    doubted: Vec<String>,
}

/// A connection to the broker.
#[derive(Debug, Serialize)]
struct Connection {
    /// `up`, `down` or `stopped`.
    link: &'static str,
    since: Option<String>,
}

/// How far a webhook has come. What it answered stays in the log: it may name hosts.
#[derive(Debug, Serialize)]
struct Webhook {
    name: String,
    cursor: i64,
    /// Messages after the cursor, of whatever topic.
    behind: i64,
    delivered: i64,
    failing_since: Option<String>,
    /// Messages that it did not take for a day.
    parked: i64,
}

/// Messages in.
#[derive(Debug, Serialize)]
struct Inbox {
    last_at: Option<String>,
    /// Kept messages by state.
    messages: BTreeMap<&'static str, i64>,
    /// How often kept messages came again.
    duplicates: i64,
    /// How many messages named a tag that nobody follows, ever.
    unfollowed: i64,
    /// The ten such tags with the most messages.
    unfollowed_tags: Vec<Unfollowed>,
}

/// A tag that nobody follows.
#[derive(Debug, Serialize)]
struct Unfollowed {
    tag: String,
    messages: i64,
}

/// Answers `GET /api/v1/status`.
pub(super) async fn status(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Status>, Failure> {
    Query::read(query.as_deref(), &[])?;
    let readiness = health::readiness(&service).await;
    let mut tx = service.db.read().await?;
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: moment(service.started_at),
        now: moment(service.clock.micros()),
        url: service.url.to_string(),
        readiness,
        bus: service.bus.as_ref().map(|bus| broker(bus.read())),
        hub: service.tags.standing().map(hub),
        inbox: messages_in(&mut tx).await?,
        outbox: outbox::counts(&mut tx).await?.into_iter().map(|(state, count)| (state.name(), count)).collect(),
        webhooks: webhooks(&mut tx).await?,
        wakeups: BTreeMap::from([
            ("hub", wakeups::count(&mut tx, Room::Hub).await?),
            ("files", wakeups::count(&mut tx, Room::Files).await?),
            ("tags", wakeups::count(&mut tx, Room::Tags).await?),
            ("repos", wakeups::count(&mut tx, Room::Repos).await?),
            ("merged", wakeups::count(&mut tx, Room::Merged).await?),
        ]),
        tags: tags::all(&service, &mut tx).await?,
        composes: composes::newest(&service, &mut tx, SHOWN).await?,
    }))
}

fn broker(now: Snapshot) -> Bus {
    Bus {
        consumer: connection(&now.consumer),
        publisher: connection(&now.publisher),
        queue: now.queue,
        queue_depth: now.queue_depth,
        last_message_at: now.last_message_at.map(|seconds| moment(seconds.saturating_mul(1_000_000))),
    }
}

fn hub(now: Standing) -> Hub {
    Hub {
        answered_at: now.answered_at.map(moment),
        stale_since: now.stale_since.map(moment),
        repaired: now.repaired,
        doubted: now.doubted,
    }
}

/// What ended a link stays in the log: it may name hosts and users.
fn connection(link: &Link) -> Connection {
    let since = match link {
        Link::Up { since } | Link::Down { since, .. } => Some(moment(since.saturating_mul(1_000_000))),
        Link::Stopped => None,
    };
    Connection { link: health::word(link), since }
}

async fn webhooks(tx: &mut Tx) -> Result<Vec<Webhook>, store::Error> {
    let webhooks = rows::all(tx).await?.into_iter().map(|known| Webhook {
        name: known.name,
        cursor: known.cursor,
        behind: known.behind,
        delivered: known.delivered,
        failing_since: known.failing_since.map(moment),
        parked: known.parked,
    });
    Ok(webhooks.collect())
}

async fn messages_in(tx: &mut Tx) -> Result<Inbox, store::Error> {
    let (counts, duplicates) = inbox::counts(tx).await?;
    let unfollowed_tags = inbox::unfollowed(tx, SHOWN).await?.into_iter();
    Ok(Inbox {
        last_at: inbox::last_arrival(tx).await?.map(moment),
        messages: counts.into_iter().map(|(state, count)| (state.name(), count)).collect(),
        duplicates,
        unfollowed: inbox::unfollowed_total(tx).await?,
        unfollowed_tags: unfollowed_tags.map(|(tag, messages)| Unfollowed { tag, messages }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::http::testing::{World, message};

    #[tokio::test]
    async fn one_answer_says_how_all_stands() {
        let world = World::with_bus().await;
        world.tag("f43").await;
        world.set("f43").await;
        world.compose("Oak-1-20261121.n.0", 5).await;
        world.webhook("ci").await;
        for (id, tag) in [("m1", "f43"), ("m1", "f43"), ("m2", "nobodys")] {
            world.post("/api/v1/events", &[], &message(id, tag, "zsh-1-1")).await;
        }
        let status = world.get("/api/v1/status").await.json();
        assert_eq!(status["started_at"], "2026-11-21T00:42:24Z");
        assert_eq!(status["bus"]["consumer"], json!({"link": "down", "since": "2026-11-21T00:42:24Z"}));
        assert_eq!((&status["bus"]["queue"], &status["bus"]["last_message_at"]), (&json!("q"), &json!(null)));
        let inbox = &status["inbox"];
        assert_eq!((&inbox["messages"]["waiting"], &inbox["duplicates"]), (&json!(1), &json!(1)));
        assert_eq!(inbox["last_at"], "2026-11-21T00:42:24Z");
        assert_eq!(inbox["unfollowed_tags"], json!([{"tag": "nobodys", "messages": 1}]));
        assert_eq!(status["outbox"], json!({"pending": 1}));
        let hook = json!({"name": "ci", "cursor": 0, "behind": 1, "delivered": 0, "failing_since": null, "parked": 1});
        assert_eq!(status["webhooks"], json!([hook]));
        assert_eq!(status["wakeups"], json!({"files": 0, "hub": 0, "merged": 0, "repos": 3, "tags": 0}));
        assert_eq!((&status["tags"][0]["name"], &status["tags"][0]["revision"]), (&json!("f43"), &json!(2)));
        assert_eq!(status["composes"][0]["id"], "Oak-1-20261121.n.0");
        assert_eq!(status["readiness"]["ready"], false);
    }
}
