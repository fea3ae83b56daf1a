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
mod merged;
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

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::bus;
use crate::clock::Clock;
use crate::config::Config;
use crate::repos::Repos;
use crate::store::Db;
use crate::tags::{Bells, Tags};
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
    /// Says that every repository was reconciled once.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns whether every repository was reconciled once.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What requests are answered from. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The state.
    pub db: Db,
    /// What the operator decided; `http.bind` is the address that was really bound.
    pub config: Arc<Config>,
    /// What tags mean.
    pub tags: Tags,
    /// Live repositories: what of them does not lie on disk as files.
    pub repos: Repos,
    /// Time and chance.
    pub clock: Clock,
    /// Who rings for whom.
    pub bells: Bells,
    /// How the broker's link stands; `None` where there is none.
    pub bus: Option<bus::Status>,
    /// Whether the service is ready.
    pub ready: Readiness,
    /// What came in, counted by every door of this process.
    pub received: Received,
    /// Fires when the service stops: ends [`serve`], and streams.
    pub stop: CancellationToken,
}

/// The state, and what the requests to one service share.
#[derive(Clone)]
struct Service {
    state: State,
    /// Under which URL others see us, without a slash at the end.
    url: Arc<str>,
    /// When it started, in microseconds after 1970.
    started_at: i64,
    newest: Newest,
    bodies: Arc<Semaphore>,
}

impl Service {
    fn new(state: State) -> Self {
        Self {
            url: state.config.http.url(state.config.http.bind).into(),
            started_at: state.clock.micros(),
            newest: Newest::default(),
            bodies: Arc::new(Semaphore::new(BODIES_AT_A_TIME)),
            state,
        }
    }
}

impl Deref for Service {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

fn router(service: Service) -> Router {
    let config = &service.config;
    let tree = |name, dir| files::Tree { name, dir };
    let trees = vec![
        tree("repos", config.data_dir.join("repos")),
        tree("pools", config.data_dir.join("pools")),
        tree("composes", config.compose.dir.clone()),
    ];
    answered_at_once(&service)
        .route("/api/v1/stream", get(stream::stream))
        .merge(files::routes(trees, service.repos.clone()))
        .fallback(|| async { Failure::NoSuchPath })
        .method_not_allowed_fallback(|| async { Failure::MethodNotAllowed })
        .layer(CatchPanicLayer::custom(failure::panicked))
        .layer(middleware::map_response(guard::secure))
        .with_state(service)
}

/// Returns the routes that the request timeout holds for.
fn answered_at_once(service: &Service) -> Router<Service> {
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
        .route("/api/v1/tags/{tag}/explain/{package}", get(tags::explain))
        .route("/api/v1/composes", get(composes::list))
        .route("/api/v1/composes/{id}", get(composes::one))
        .route_layer(middleware::from_fn_with_state(service.clone(), guard::admit))
        .route_layer(middleware::from_fn_with_state(service.clone(), guard::in_time))
}
