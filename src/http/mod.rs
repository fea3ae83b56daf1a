//! What does a program ask over HTTP? Health, and the repositories and composes as static trees.

pub mod files;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::bus;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::Db;
use crate::tags::{Bells, Tags};

/// Whether every repository has been reconciled once since the start.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that the service is ready.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns whether the service is ready.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What requests are answered from.
#[derive(Clone)]
pub struct State {
    /// The state.
    pub db: Db,
    /// What the operator decided.
    pub config: Arc<Config>,
    /// What tags mean.
    pub tags: Tags,
    /// Time and chance.
    pub clock: Clock,
    /// Who rings for whom.
    pub bells: Bells,
    /// How the broker's link stands; `None` where there is none.
    pub bus: Option<bus::Status>,
    /// Whether the service is ready.
    pub ready: Readiness,
    /// Fires when the service stops.
    pub stop: CancellationToken,
}

/// Serves until stopped.
pub async fn serve(listener: TcpListener, state: State, stop: CancellationToken) {
    let data = &state.config.data_dir;
    let trees = vec![
        files::Tree { name: "repos", dir: data.join("repos") },
        files::Tree { name: "pools", dir: data.join("pools") },
        files::Tree { name: "composes", dir: state.config.compose.dir.clone() },
    ];
    let router = axum::Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(state)
        .merge(files::routes(trees));
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "HTTP ended");
    }
}

async fn ready(extract::State(state): extract::State<State>) -> (StatusCode, &'static str) {
    if state.ready.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "starting\n") }
}
