//! What was the world told? `GET /api/v1/messages`: the outbox, oldest first.

use axum::Json;
use axum::extract::{RawQuery, State as Shared};
use serde_json::{Map, Value};

use super::Service;
use super::failure::Failure;
use super::query::Query;
use crate::outbox::document;
use crate::store::outbox::{self, OutMessage};
use crate::store::{self, Tx};

/// Bytes of headers and bodies after which an answer ends early.
const ENOUGH: usize = 4 << 20;

/// How many rows are read at a time.
const AT_A_TIME: i64 = 20;

/// Answers `GET /api/v1/messages`: up to `limit` messages after the cursor `after`; fewer where they
/// are large, none only where there are none.
pub(super) async fn list(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Map<String, Value>>>, Failure> {
    let query = Query::read(query.as_deref(), &["after", "limit"])?;
    let limit = query.limit()?;
    let mut cursor = query.number("after", 0..=i64::MAX)?.unwrap_or(0);
    let mut tx = service.db.read().await?;
    let mut shown = Vec::new();
    let mut size = 0;
    while size < ENOUGH && (shown.len() as i64) < limit {
        let rows = portion(&mut tx, cursor, limit - shown.len() as i64).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            cursor = row.sequence;
            size += row.headers.len() + row.body.len();
            shown.push(document(row)?);
        }
    }
    Ok(Json(shown))
}

/// Returns some messages after a cursor, oldest first; none only where there are none.
pub(super) async fn portion(tx: &mut Tx, after: i64, most: i64) -> Result<Vec<OutMessage>, store::Error> {
    outbox::after(tx, after, most.min(AT_A_TIME)).await
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::http::testing::World;

    #[tokio::test]
    async fn messages_come_oldest_first_in_fedora_messagings_form() {
        let world = World::new().await;
        for n in 0..45 {
            world.tell(n).await;
        }
        let answer = world.get("/api/v1/messages?limit=1").await.json();
        assert_eq!(answer.as_array().unwrap().len(), 1);
        assert_eq!((&answer[0]["sequence"], &answer[0]["topic"]), (&json!(1), &json!("tannery.tag.changed")));
        assert_eq!((&answer[0]["body"], &answer[0]["priority"]), (&json!({"n": 0}), &json!(0)));
        assert_eq!(answer[0]["headers"]["fedora_messaging_schema"], "tannery_messages.tag.ChangedV1");
        let sequences = |answer: serde_json::Value| -> Vec<i64> {
            answer.as_array().unwrap().iter().map(|message| message["sequence"].as_i64().unwrap()).collect()
        };
        let after = sequences(world.get("/api/v1/messages?after=2&limit=41").await.json());
        assert_eq!(after, (3..=43).collect::<Vec<_>>());
        assert_eq!(sequences(world.get("/api/v1/messages").await.json()).len(), 45);
        assert_eq!(sequences(world.get("/api/v1/messages?after=45").await.json()), Vec::<i64>::new());
    }

    #[tokio::test]
    async fn what_is_served_is_understood_by_whoever_reads_the_form() {
        let world = World::new().await;
        world.tell(7).await;
        let served = world.get("/api/v1/messages").await.body;
        let (many, list) = crate::events::parse(&served, &Default::default()).unwrap();
        assert!(many && list[0].as_ref().unwrap().body == br#"{"n":7}"#);
    }

    #[tokio::test]
    async fn large_messages_end_an_answer_early_and_none_is_skipped() {
        let world = World::new().await;
        for _ in 0..6 {
            world.tell_text(&"x".repeat(1 << 20)).await;
        }
        for _ in 0..40 {
            world.tell_text("").await;
        }
        let mut cursor = 0;
        let mut seen = 0;
        loop {
            let answer = world.get(&format!("/api/v1/messages?after={cursor}&limit=1000")).await.json();
            let list = answer.as_array().unwrap();
            let Some(last) = list.last() else { break };
            assert!(list.len() < 46);
            seen += list.len();
            cursor = last["sequence"].as_i64().unwrap();
        }
        assert_eq!((seen, cursor), (46, 46));
    }

    #[tokio::test]
    async fn a_bad_query_is_named() {
        let world = World::new().await;
        for (query, name) in [("after=-1", "after"), ("after=x", "after"), ("limit=0", "limit"), ("afer=1", "afer")] {
            let answer = world.get(&format!("/api/v1/messages?{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with(name), "{query}");
        }
    }
}
