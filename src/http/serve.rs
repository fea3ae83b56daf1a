//! How long may a client take, and how much of us? Connections in, [`router`] behind them.
//!
//! hyper's own builder, since `axum::serve` sets no time for headers. The tasks of connections belong
//! to the future of [`serve`] and end with it, so that nothing outlives a stop.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Service, State, newest, router};

/// What clients are allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// How long a request's headers may take, the wait for the next request included.
    pub headers: Duration,
    /// How long answers may go on after the stop.
    pub after_stop: Duration,
    /// Connections at a time; further ones wait in the kernel's queue.
    pub connections: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { headers: Duration::from_secs(30), after_stop: Duration::from_secs(10), connections: 1024 }
    }
}

/// Largest headers of a request, in bytes; longer ones are answered with 431.
const HEADERS: usize = 64 << 10;

/// Pause after a failure to accept: descriptors may be short until a connection ends.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 on `listener` until the stop that `state` was made with; then lets answers under way
/// go on for at most ten seconds. Streams end at once.
pub async fn serve(listener: TcpListener, state: State) {
    serve_with(listener, state, Patience::default()).await;
}

pub(super) async fn serve_with(listener: TcpListener, state: State, patience: Patience) {
    let service = Service::new(state);
    let (router, stop) = (router(service.clone()), service.stop.clone());
    tokio::join!(accept(listener, router, stop, patience), newest::follow(&service));
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken, patience: Patience) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < patience.connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(answer(stream, router.clone(), stop.clone(), patience));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    // Each ends by itself within its time.
    while connections.join_next().await.is_some() {}
}

async fn answer(stream: TcpStream, router: Router, stop: CancellationToken, patience: Patience) {
    // Answers are written whole; waiting for more to send would only delay their end.
    let _ = stream.set_nodelay(true);
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.headers)
        .max_header_size(HEADERS)
        .max_buf_size(2 * HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(patience.after_stop, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::info!("a client did not take its answer in time after the stop"),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::{Served, World};

    const SHORT: Patience =
        Patience { headers: Duration::from_millis(200), after_stop: Duration::from_millis(200), connections: 2 };

    #[tokio::test]
    async fn a_client_that_dribbles_its_headers_is_cut_off() {
        let served = Served::start_with(World::new().await, SHORT).await;
        let mut client = served.connect("GET /healthz HTTP/1.1\r\nhost: local").await;
        assert!(client.ended().await);
        let mut idle = served.connect("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(idle.until("ok").await.starts_with("HTTP/1.1 200"));
        assert!(idle.ended().await);
        served.stop().await;
    }

    #[tokio::test]
    async fn a_gigabyte_of_headers_is_refused_at_the_first_of_it() {
        let served = Served::start(World::new().await).await;
        let mut client = served.connect("GET /healthz HTTP/1.1\r\nx: ").await;
        let sent = client.flood(1 << 30).await;
        assert!(sent < 64 << 20, "{sent}");
        served.stop().await;
    }

    #[tokio::test]
    async fn headers_beyond_the_limit_are_answered() {
        let served = Served::start(World::new().await).await;
        let request = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(HEADERS));
        let mut client = served.connect(&request).await;
        assert!(client.until("\r\n").await.starts_with("HTTP/1.1 431"));
        served.stop().await;
    }

    #[tokio::test]
    async fn a_stop_waits_for_an_answer_under_way_but_not_for_ever() {
        let world = World::new().await;
        let file = world.dir.path().join("repos/f43/big");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::File::create(&file).unwrap().set_len(256 << 20).unwrap();
        let served = Served::start_with(world, SHORT).await;
        // Reads the head and then nothing more.
        let mut client = served.connect("GET /repos/f43/big HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        served.stop().await;
    }

    #[tokio::test]
    async fn a_connection_beyond_the_most_waits_for_one_to_end() {
        let served =
            Served::start_with(World::new().await, Patience { headers: Duration::from_secs(60), ..SHORT }).await;
        let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut first = served.connect(request).await;
        let mut second = served.connect(request).await;
        first.until("ok").await;
        second.until("ok").await;
        let mut third = served.connect(request).await;
        assert!(!third.answers_within(Duration::from_millis(100)).await);
        drop(first);
        assert!(third.until("ok").await.starts_with("HTTP/1.1 200"));
        served.stop().await;
    }
}
