//! What happened in the build system? `POST /api/v1/events`: one message, or an array of them.
//!
//! A message that can never be understood is turned away with the reason, and not kept: the caller is
//! there to be told. All others go the way of every message, `Tags::receive`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{RequestExt, extract::rejection::BytesRejection};
use serde::Serialize;

use super::Service;
use super::failure::Failure;
use super::items::Items;
use super::received::INVALID;
use crate::events::{self, Event, Message};
use crate::model::Blake3;
use crate::model::chain;
use crate::store::Write;
use crate::store::inbox::Door;
use crate::tags::{Incoming, Outcome, Tags};

/// How many messages of an array are applied in one transaction: others may write in between.
const PER_TRANSACTION: usize = 100;

/// What became of one message.
#[derive(Debug, Serialize)]
struct Verdict {
    id: Option<String>,
    verdict: &'static str,
    reason: Option<String>,
}

/// A message that is understood, with the key it is known by.
struct Understood {
    id: String,
    message: Message,
}

/// A message that can never be understood.
struct NotUnderstood {
    id: Option<String>,
    reason: String,
}

/// Answers `POST /api/v1/events`.
pub(super) async fn post(Shared(service): Shared<Service>, request: Request) -> Result<Response, Failure> {
    // Before the body is read: so many bodies and no more are in memory. Closed by nobody.
    let _turn = service.bodies.acquire().await.map_err(|_| Failure::Internal(None))?;
    let body = read(&service, request).await?;
    match Items::cut(&body).map_err(Failure::BadMessage)? {
        Items::One(text) => one(&service, text).await,
        Items::Many(texts) => many(&service, &texts).await,
    }
}

async fn read(service: &Service, mut request: Request) -> Result<Bytes, Failure> {
    let limit = service.config.http.max_body;
    DefaultBodyLimit::max(usize::try_from(limit).unwrap_or(usize::MAX)).apply(&mut request);
    let body: Result<Bytes, BytesRejection> = request.extract().await;
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge(limit),
        _ => Failure::BrokenBody,
    })
}

async fn one(service: &Service, text: &str) -> Result<Response, Failure> {
    let understood = match understand(&service.tags, text) {
        Ok(understood) => understood,
        Err(not) => {
            service.received.count_word(Door::Http, INVALID);
            return Err(Failure::BadMessage(not.reason));
        }
    };
    let outcome = service.tags.receive(&incoming(&understood.message)).await?;
    service.received.count(Door::Http, &outcome);
    match outcome {
        Outcome::Refused { reason } => Err(Failure::Refused(reason)),
        Outcome::Quarantined { reason } => Err(Failure::BadMessage(reason)),
        outcome => Ok((StatusCode::ACCEPTED, Json(verdict(understood.id, &outcome))).into_response()),
    }
}

async fn many(service: &Service, texts: &[&str]) -> Result<Response, Failure> {
    let mut verdicts = Vec::with_capacity(texts.len());
    for batch in texts.chunks(PER_TRANSACTION) {
        let begun = verdicts.len();
        let mut tx = service.db.write().await?;
        for text in batch {
            verdicts.push(judge(&service.tags, &mut tx, text).await?);
        }
        tx.commit().await?;
        service.bells.tags.ring();
        for verdict in &verdicts[begun..] {
            service.received.count_word(Door::Http, verdict.verdict);
        }
    }
    Ok(Json(verdicts).into_response())
}

async fn judge(tags: &Tags, tx: &mut Write, text: &str) -> Result<Verdict, Failure> {
    match understand(tags, text) {
        Ok(Understood { id, message }) => Ok(verdict(id, &tags.receive_in(tx, &incoming(&message)).await?)),
        Err(NotUnderstood { id, reason }) => Ok(Verdict { id, verdict: INVALID, reason: Some(reason) }),
    }
}

/// Reads a message, and what it means: one that means nothing to us is not taken in.
fn understand(tags: &Tags, text: &str) -> Result<Understood, NotUnderstood> {
    let refuse = |id, reason| NotUnderstood { id, reason };
    let message = events::parse_one(text.as_bytes(), &tags.limits()).map_err(|error| refuse(None, chain(&error)))?;
    let incoming = incoming(&message);
    let digest = Blake3::of(incoming.body);
    let id = events::identity(incoming.message_id, incoming.topic, incoming.headers, &digest);
    match tags.decode(&incoming) {
        Ok(decoded) => match decoded.event {
            Event::Other { topic } => Err(refuse(Some(id), format!("{topic:?} is no topic that this service acts on"))),
            _ => Ok(Understood { id, message }),
        },
        Err(reason) => Err(refuse(Some(id), reason)),
    }
}

fn incoming(message: &Message) -> Incoming<'_> {
    Incoming {
        door: Door::Http,
        topic: &message.topic,
        message_id: message.id.as_deref(),
        headers: &message.headers,
        body: &message.body,
        cut: None,
        force: false,
    }
}

fn verdict(id: String, outcome: &Outcome) -> Verdict {
    let reason = match outcome {
        Outcome::Applied => None,
        Outcome::Waiting { nvr } => Some(format!("{nvr} is not imported yet")),
        Outcome::Refused { reason } | Outcome::Quarantined { reason } => Some(reason.clone()),
        Outcome::Duplicate { first } => Some(format!("it was here before, and is {}", first.name())),
        Outcome::Unfollowed { tag } => Some(format!("nobody follows tag {tag}")),
        Outcome::Ignored { topic } => Some(format!("{topic} changes nothing here")),
    };
    Verdict { id: Some(id), verdict: outcome.word(), reason }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::testing::{World, message};
    use crate::store::inbox::{self, InboxState};

    const EVENTS: &str = "/api/v1/events";

    async fn kept(world: &World, state: InboxState) -> usize {
        inbox::newest(&mut world.tags().db.read().await.unwrap(), state, 1000).await.unwrap().len()
    }

    async fn all_kept(world: &World) -> usize {
        let mut all = 0;
        for state in InboxState::ALL {
            all += kept(world, state).await;
        }
        all
    }

    #[tokio::test]
    async fn one_message_is_applied_waits_or_was_there_before() {
        let world = World::new().await;
        world.tag("f43").await;
        world.build("bash-5.3-1").await;
        for (id, tag, nvr, word) in [
            ("m1", "f43", "bash-5.3-1", "applied"),
            ("m1", "f43", "bash-5.3-1", "duplicate"),
            ("m2", "f43", "zsh-1-1", "waiting"),
            ("m3", "nobodys", "bash-5.3-1", "unfollowed"),
        ] {
            let answer = world.post(EVENTS, &[], &message(id, tag, nvr)).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{word}");
            assert_eq!((&answer.json()["id"], &answer.json()["verdict"]), (&json!(id), &json!(word)));
        }
        let signed = json!({"topic": "buildsys.build.promote", "body": {}}).to_string();
        let answer = world.post(EVENTS, &[], &signed).await;
        assert_eq!((answer.status, &answer.json()["verdict"]), (StatusCode::ACCEPTED, &json!("ignored")));
        assert_eq!((kept(&world, InboxState::Applied).await, kept(&world, InboxState::Waiting).await), (1, 1));
    }

    #[tokio::test]
    async fn what_cannot_be_understood_is_turned_away_and_not_kept() {
        let world = World::configured(|config| config.inbox.max_body = 2000).await;
        world.tag("f43").await;
        let large = json!({"topic": "buildsys.tag", "body": {"x": "y".repeat(2000)}}).to_string();
        for (text, says) in [
            ("", "not JSON"),
            ("nope", "not JSON"),
            ("5", "not a JSON object"),
            ("[]", "the array is empty"),
            ("[{},", "not an array of messages"),
            (r#"{"topic": "buildsys.tag"}"#, "the field body is missing"),
            (r#"{"topic": "buildsys.tag", "body": {}}"#, "missing"),
            (r#"{"topic": "weather.rain", "body": {}}"#, "\"weather.rain\" is no topic"),
            (&message("m1", "../etc", "a-1-1"), "no valid name"),
            (&large, "2000 are allowed"),
        ] {
            let answer = world.post(EVENTS, &[], text).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{text}");
            let error = &answer.json()["error"];
            assert_eq!(error["code"], "bad_message", "{text}");
            assert!(error["message"].as_str().unwrap().contains(says), "{text}: {error}");
        }
        assert_eq!(all_kept(&world).await, 0);
    }

    #[tokio::test]
    async fn what_the_rules_forbid_is_a_conflict_and_kept() {
        let world = World::new().await;
        world.tag("f43").await;
        world.build("bash-5.3-1").await;
        world.tags().block(&"f43".parse().unwrap(), &["bash".parse().unwrap()]).await.unwrap();
        let answer = world.post(EVENTS, &[], &message("m1", "f43", "bash-5.3-1")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(
            answer.json(),
            json!({"error": {"code": "refused", "message": "package bash is blocked in tag f43"}})
        );
        assert_eq!(kept(&world, InboxState::Refused).await, 1);
    }

    #[tokio::test]
    async fn an_array_gets_a_verdict_each_in_its_order() {
        let world = World::new().await;
        world.tag("f43").await;
        world.build("bash-5.3-1").await;
        let mut list: Vec<String> = (0..250).map(|i| message(&format!("w{i}"), "f43", "zsh-1-1")).collect();
        list[0] = message("first", "f43", "bash-5.3-1");
        list[100] = "5".to_owned();
        list[249] = message("first", "f43", "bash-5.3-1");
        let answer = world.post(EVENTS, &[], &format!("[{}]", list.join(","))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let verdicts = answer.json();
        let at = |place: usize| verdicts[place]["verdict"].as_str().unwrap();
        assert_eq!(verdicts.as_array().unwrap().len(), 250);
        assert_eq!(
            [at(0), at(1), at(100), at(101), at(249)],
            ["applied", "waiting", "invalid", "waiting", "duplicate"]
        );
        assert_eq!((&verdicts[100]["id"], &verdicts[100]["reason"]), (&json!(null), &json!("not a JSON object")));
        assert_eq!((kept(&world, InboxState::Waiting).await, all_kept(&world).await), (247, 248));
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_not_read() {
        let world = World::configured(|config| config.http.max_body = 1024).await;
        let answer = world.post(EVENTS, &[], &" ".repeat(1025)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let says = "the body is longer than 1024 bytes";
        assert_eq!(answer.json(), json!({"error": {"code": "too_large", "message": says}}));
    }

    #[tokio::test]
    async fn while_the_database_is_away_the_caller_is_asked_to_come_again() {
        let world = World::new().await;
        world.tags().db.close().await;
        let answer = world.post(EVENTS, &[], &message("m1", "f43", "bash-5.3-1")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(answer.json()["error"]["code"], "unavailable");
    }
}
