//! What happens from now on? `GET /api/v1/stream`: the outbox as server-sent events.
//!
//! A client's place is its cursor and nothing else: what it has not read yet stands in the database,
//! so a slow one costs a portion of rows. The stream ends when the service stops, or the state cannot
//! be read; browsers and good clients come again with `Last-Event-ID`, and miss nothing.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::{RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::Service;
use super::failure::Failure;
use super::messages::portion;
use super::newest;
use super::query::{Query, bad, number};
use crate::events::printable;
use crate::model::chain;
use crate::outbox::document;
use crate::store;
use crate::store::outbox::OutMessage;

/// One client's place in the outbox.
struct Reader {
    service: Service,
    news: watch::Receiver<i64>,
    cursor: i64,
    rows: VecDeque<OutMessage>,
}

/// Answers `GET /api/v1/stream`: what comes after `Last-Event-ID`, else after `after`, else from now on.
pub(super) async fn stream(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Query::read(query.as_deref(), &["after"])?;
    // Subscribed before the outbox is read: what comes in between wakes.
    let news = service.newest.subscribe();
    let cursor = match (last_event_id(&headers)?, query.number("after", 0..=i64::MAX)?) {
        // A client that comes again repeats the URL it began with; where it stands now says the header.
        (Some(cursor), _) | (None, Some(cursor)) => cursor,
        (None, None) => newest::last(&service).await?,
    };
    let reader = Reader { service, news, cursor, rows: VecDeque::new() };
    let events =
        unfold(reader, |mut reader| async { reader.next().await.map(|event| (Ok::<_, Infallible>(event), reader)) });
    // Proxies that hold back small answers (nginx) are asked not to.
    let unbuffered = [("x-accel-buffering", "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(KeepAlive::default())).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Failure> {
    const NAME: &str = "last-event-id";
    let Some(value) = headers.get(NAME) else { return Ok(None) };
    let text = value.to_str().map_err(|_| bad(NAME, "is not a whole number"))?;
    number(NAME, text, 0..=i64::MAX).map(Some)
}

impl Reader {
    /// Returns the next event, once there is one; `None`: the stream is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.service.stop.is_cancelled() {
                return None;
            }
            if let Some(row) = self.rows.pop_front() {
                self.cursor = row.sequence;
                return self.survive(document(row)).map(event);
            }
            self.news.borrow_and_update();
            let rows = self.read().await;
            self.rows = self.survive(rows)?.into();
            if self.rows.is_empty() {
                tokio::select! {
                    () = self.service.stop.cancelled() => return None,
                    changed = self.news.changed() => changed.ok()?,
                }
            }
        }
    }

    async fn read(&self) -> Result<Vec<OutMessage>, store::Error> {
        portion(&mut self.service.db.read().await?, self.cursor, i64::MAX).await
    }

    fn survive<T>(&self, result: Result<T, store::Error>) -> Option<T> {
        let cursor = self.cursor;
        result
            .inspect_err(|error| tracing::warn!(cursor, error = chain(error), "a stream ended: {}", chain(error)))
            .ok()
    }
}

fn event(message: Map<String, Value>) -> Event {
    let text = |key: &str| message.get(key).map(ToString::to_string).unwrap_or_default();
    let topic = message.get("topic").and_then(Value::as_str).unwrap_or_default();
    // A line break in either would be another field; JSON has none.
    Event::default().id(text("sequence")).event(printable(topic)).data(Value::Object(message.clone()).to_string())
}

#[cfg(test)]
mod tests {
    use crate::http::testing::{Served, World};

    #[tokio::test]
    async fn a_stream_begins_at_the_newest_and_tells_what_comes() {
        let served = Served::start(World::new().await).await;
        served.world.tell(1).await;
        let mut client = served.connect("GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("text/event-stream"), "{head}");
        served.world.tell(2).await;
        let event = client.until("\n\n").await;
        assert!(event.contains("id: 2\n") && event.contains("event: tannery.tag.changed\n"), "{event}");
        assert!(event.contains(r#""body":{"n":2}"#) && event.contains(r#""sequence":2"#), "{event}");
        served.stop().await;
        assert!(client.ended().await);
    }

    #[tokio::test]
    async fn a_client_that_comes_again_misses_nothing() {
        let served = Served::start(World::new().await).await;
        for n in 1..=50 {
            served.world.tell(n).await;
        }
        let request = "GET /api/v1/stream?after=0 HTTP/1.1\r\nhost: localhost\r\nlast-event-id: 3\r\n\r\n";
        let mut client = served.connect(request).await;
        client.until("\r\n\r\n").await;
        for n in 4..=50 {
            let event = client.until("\n\n").await;
            assert!(event.contains(&format!("id: {n}\n")), "{n}: {event}");
        }
        served.stop().await;
    }

    #[tokio::test]
    async fn a_bad_place_is_named() {
        let world = World::new().await;
        let answer = world.ask("GET", "/api/v1/stream", &[("last-event-id", "x")], "").await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("last-event-id"));
        assert_eq!(world.get("/api/v1/stream?after=x").await.status, 400);
    }
}
