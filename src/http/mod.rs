//! What does a program ask over HTTP, and what may it change? One file per resource.
//!
//! The reference is `docs/http.md`; a route, a status or a key that is not there does not exist. This
//! room decides nothing about events, tags or repositories: it reads the state, and hands messages to
//! `tags`. Answers are JSON, but for the metrics, the page at `/` and the static trees of `files`.
//!
//! What may surprise: reading needs no token, so nothing is shown that others must not know (no
//! causes of errors, no addresses of other servers). Memory is bounded per request: what may be long
//! is read in portions, and few bodies of events are taken at a time.

mod composes;
mod events;
mod failure;
pub mod files;
mod guard;
mod health;
mod html;
mod inbox;
mod items;
mod messages;
mod metrics;
mod moment;
mod newest;
mod page;
mod query;
mod received;
mod serve;
mod status;
mod stream;
mod tags;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::bus;
use crate::config::Config;
use crate::store::Db;
use crate::tags::Tags;
use failure::Failure;
use newest::Newest;

pub use received::Received;
pub use serve::serve;

/// How many bodies of events are read and applied at a time; others wait their turn.
const BODIES_AT_A_TIME: usize = 4;

/// Whether every repository was reconciled once since the start. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Notes that every repository was reconciled once.
    pub fn reconciled(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns whether every repository was reconciled once.
    pub fn is_reconciled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What the routes stand on. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Set by whoever reconciles the repositories.
    pub ready: Readiness,
    /// Counted by every door of this process.
    pub received: Received,
    tags: Tags,
    bus: Option<bus::Status>,
    url: Arc<str>,
    started_at: i64,
    stop: CancellationToken,
    newest: Newest,
    bodies: Arc<Semaphore>,
}

impl State {
    /// Returns the state over the room of tags, whose database, configuration and clock it shares.
    ///
    /// `url` is where others see this server, see [`crate::config::Http::url`]; `stop` ends streams
    /// and [`serve`].
    pub fn new(tags: Tags, bus: Option<bus::Status>, url: &str, stop: CancellationToken) -> Self {
        Self {
            ready: Readiness::default(),
            received: Received::default(),
            started_at: tags.clock.micros(),
            tags,
            bus,
            url: url.trim_end_matches('/').into(),
            stop,
            newest: Newest::default(),
            bodies: Arc::new(Semaphore::new(BODIES_AT_A_TIME)),
        }
    }

    fn db(&self) -> &Db {
        &self.tags.db
    }

    fn config(&self) -> &Config {
        &self.tags.config
    }
}

/// Returns all routes.
///
/// `/api/v1/stream` tells of new messages only while [`serve`] runs on the same state.
pub fn router(state: State) -> Router {
    let config = state.config();
    let tree = |name, dir| files::Tree { name, dir };
    let trees = vec![
        tree("repos", config.data_dir.join("repos")),
        tree("pools", config.data_dir.join("pools")),
        tree("composes", config.compose.dir.clone()),
    ];
    answered_at_once(&state)
        .route("/api/v1/stream", get(stream::stream))
        .merge(files::routes(trees))
        .fallback(|| async { Failure::NoSuchPath })
        .method_not_allowed_fallback(|| async { Failure::MethodNotAllowed })
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(middleware::map_response(guard::secure))
        .with_state(state)
}

/// Returns the routes that the request timeout holds for.
fn answered_at_once(state: &State) -> Router<State> {
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(health::health))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/events", post(events::post))
        .route("/api/v1/messages", get(messages::list))
        .route("/api/v1/inbox", get(inbox::list))
        .route("/api/v1/tags", get(tags::list))
        .route("/api/v1/tags/{tag}", get(tags::one))
        .route("/api/v1/tags/{tag}/builds", get(tags::builds))
        .route("/api/v1/composes", get(composes::list))
        .route("/api/v1/composes/{id}", get(composes::one))
        .route_layer(middleware::from_fn_with_state(state.clone(), guard::admit))
        .route_layer(middleware::from_fn_with_state(state.clone(), guard::in_time))
}
