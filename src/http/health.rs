//! Does it live, and is it ready? `GET /healthz` and `GET /readyz`.

use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::Serialize;

use super::Service;
use super::failure::Failure;
use crate::bus::Link;
use crate::store::service as notes;

/// How long the state may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the service is ready, part by part.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    pub ready: bool,
    /// `open` or `away`.
    pub state: &'static str,
    /// `reconciled` or `reconciling`.
    pub repositories: &'static str,
    /// The broker; null where none is configured.
    pub bus: Option<BusLinks>,
}

/// How the two connections to the broker stand: `up`, `down` or `stopped`.
#[derive(Debug, Serialize)]
pub(super) struct BusLinks {
    pub consumer: &'static str,
    pub publisher: &'static str,
}

/// Answers `GET /healthz`: that it answers is the answer.
pub(super) async fn health() -> &'static str {
    "ok"
}

/// Answers `GET /readyz`. A broker that is away is named and does not make it unready.
pub(super) async fn ready(Shared(service): Shared<Service>) -> (StatusCode, Json<Ready>) {
    let ready = readiness(&service).await;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ready))
}

/// Returns whether the service is ready, part by part.
pub(super) async fn readiness(service: &Service) -> Ready {
    let is_open = matches!(tokio::time::timeout(PATIENCE, look(service)).await, Ok(Ok(())));
    let is_reconciled = service.ready.is_ready();
    Ready {
        ready: is_open && is_reconciled,
        state: if is_open { "open" } else { "away" },
        repositories: if is_reconciled { "reconciled" } else { "reconciling" },
        bus: service.bus.as_ref().map(|bus| {
            let now = bus.read();
            BusLinks { consumer: word(&now.consumer), publisher: word(&now.publisher) }
        }),
    }
}

async fn look(service: &Service) -> Result<(), Failure> {
    notes::read(&mut service.db.read().await?, notes::URL).await?;
    Ok(())
}

/// Returns one word for a connection.
pub(super) fn word(link: &Link) -> &'static str {
    match link {
        Link::Up { .. } => "up",
        Link::Down { .. } => "down",
        Link::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::testing::World;

    #[tokio::test]
    async fn it_is_ready_once_the_repositories_are_reconciled_and_while_the_state_is_open() {
        let world = World::new().await;
        assert_eq!(world.get("/healthz").await.body, b"ok");
        let answer = world.get("/readyz").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let expected = json!({"ready": false, "state": "open", "repositories": "reconciling", "bus": null});
        assert_eq!(answer.json(), expected);
        world.state.ready.set();
        assert_eq!(world.get("/readyz").await.status, StatusCode::OK);
        world.tags().db.close().await;
        let answer = world.get("/readyz").await;
        assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("away")));
        assert_eq!(world.get("/healthz").await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_broker_that_is_away_is_named_and_does_not_matter() {
        let world = World::with_bus().await;
        world.state.ready.set();
        let answer = world.get("/readyz").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["bus"], json!({"consumer": "down", "publisher": "down"}));
    }
}
