//! Which messages came in and are in this state? `GET /api/v1/inbox?state=STATE`.

use axum::Json;
use axum::extract::{RawQuery, State as Shared};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Service;
use super::failure::Failure;
use super::moment::moment;
use super::query::{Query, bad};
use crate::store;
use crate::store::db::from_json;
use crate::store::inbox::{self, InboxState, Message};

/// A message of the inbox.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    /// Its place in the order of arrival.
    sequence: i64,
    id: String,
    /// By which door it came: `amqp`, `http`, `cli`.
    door: String,
    topic: String,
    headers: Map<String, Value>,
    /// The first 4 KiB of the body as text; what is no UTF-8 is shown as U+FFFD.
    body: String,
    /// Bytes of the whole body.
    body_size: i64,
    /// BLAKE3 of the whole body.
    body_digest: String,
    state: &'static str,
    reason: Option<String>,
    /// Its place among the events of the local build system.
    event: Option<i64>,
    /// How often it came again.
    duplicates: i64,
    arrived_at: String,
}

/// Answers `GET /api/v1/inbox`, the newest first.
pub(super) async fn list(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Kept>>, Failure> {
    let query = Query::read(query.as_deref(), &["state", "limit"])?;
    let wanted = query.text("state").and_then(|text| text.parse::<InboxState>().ok()).ok_or_else(|| {
        let words = InboxState::ALL.map(InboxState::name).join(", ");
        bad("state", &format!("is needed, and is one of {words}"))
    })?;
    let messages = inbox::glimpses(&mut service.db.read().await?, wanted, query.limit()?).await?;
    Ok(Json(messages.into_iter().map(kept).collect::<Result<_, _>>()?))
}

fn kept(message: Message) -> Result<Kept, store::Error> {
    Ok(Kept {
        headers: from_json("inbox.headers", &message.headers)?,
        sequence: message.sequence,
        id: message.message_id,
        door: message.door,
        topic: message.topic,
        body: String::from_utf8_lossy(&message.body).into_owned(),
        body_size: message.body_size,
        body_digest: message.body_digest,
        state: message.state.name(),
        reason: message.reason,
        event: message.event_id,
        duplicates: message.duplicates,
        arrived_at: moment(message.arrived_at),
    })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::{Map, json};

    use crate::http::testing::{World, message};
    use crate::store::inbox::Door;
    use crate::tags::Incoming;

    #[tokio::test]
    async fn what_is_quarantined_is_shown_with_its_reason_and_the_beginning_of_its_body() {
        let world = World::new().await;
        let mut body = b"\xff{".to_vec();
        body.resize(10_000, b'x');
        let incoming = Incoming {
            door: Door::Amqp,
            topic: "buildsys.tag",
            message_id: Some("bad"),
            headers: &Map::new(),
            body: &body,
            cut: None,
            force: false,
        };
        world.tags().receive(&incoming).await.unwrap();
        let list = world.get("/api/v1/inbox?state=quarantined").await.json();
        let shown = &list[0];
        assert_eq!(
            (&shown["id"], &shown["door"], &shown["body_size"]),
            (&json!("bad"), &json!("amqp"), &json!(10_000))
        );
        assert_eq!((&shown["reason"], &shown["headers"]), (&json!("not UTF-8 at byte 0"), &json!({})));
        assert!(shown["body"].as_str().unwrap().starts_with("\u{fffd}{xxx"));
        assert_eq!(shown["body"].as_str().unwrap().chars().count(), 4096);
    }

    #[tokio::test]
    async fn what_waits_is_shown_newest_first() {
        let world = World::new().await;
        world.tag("f43").await;
        for id in ["m1", "m2", "m2"] {
            world.post("/api/v1/events", &[], &message(id, "f43", "zsh-1-1")).await;
        }
        let list = world.get("/api/v1/inbox?state=waiting").await.json();
        assert_eq!((&list[0]["id"], &list[0]["duplicates"]), (&json!("m2"), &json!(1)));
        assert_eq!((&list[1]["id"], &list[1]["reason"]), (&json!("m1"), &json!("zsh-1-1 is not imported yet")));
        assert_eq!(world.get("/api/v1/inbox?state=waiting&limit=1").await.json(), json!([list[0]]));
        assert_eq!(world.get("/api/v1/inbox?state=applied").await.json(), json!([]));
    }

    #[tokio::test]
    async fn a_state_is_needed_and_is_one_of_ours() {
        let world = World::new().await;
        for query in ["", "?state=", "?state=lost", "?limit=3"] {
            let answer = world.get(&format!("/api/v1/inbox{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("state: "), "{query}");
        }
    }
}
