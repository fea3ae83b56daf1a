//! What did the hub answer to one request? One exchange over HTTP, the body read as it comes.
//!
//! The body is read by a thread that may block, through a channel of few pieces: an answer of any length takes no
//! more memory than what is made of it.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use hyper::body::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::sync::mpsc;
use url::Url;

use super::error::Error;
use super::xmlrpc::Call;

/// How many pieces of a body may wait to be read; each has some 10 to 100 KiB.
const AHEAD: usize = 8;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(30);

const USER_AGENT: &str = concat!("tannery/", env!("CARGO_PKG_VERSION"));

/// Returns a client; `silence` is how long it waits for each piece of an answer.
pub(super) fn client(silence: Duration) -> Result<Client, Error> {
    // Fails where the program has one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A call that is redirected would become a GET, which no hub answers.
    let builder = Client::builder().user_agent(USER_AGENT).referer(false).redirect(Policy::none());
    builder.connect_timeout(CONNECT.min(silence)).read_timeout(silence).build().map_err(Error::Client)
}

/// Sends a call and has its answer read: `read` is given the body, uncompressed, and a state that it fills.
pub(super) async fn exchange<S: Send + 'static>(
    client: &Client,
    url: &Url,
    call: &Call,
    state: S,
    read: impl FnOnce(&mut S, &mut dyn BufRead) -> Result<(), Error> + Send + 'static,
) -> (S, Result<(), Error>) {
    let method = call.method();
    let answer = match send(client, url, call).await {
        Ok(answer) => answer,
        Err(error) => return (state, Err(error)),
    };
    let is_gzip = match coding(method, answer.headers()) {
        Ok(is_gzip) => is_gzip,
        Err(error) => return (state, Err(error)),
    };
    let (pieces, taken) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        let (mut state, body) = (state, Pieces { taken, piece: Bytes::new() });
        let read = match is_gzip {
            true => read(&mut state, &mut BufReader::new(MultiGzDecoder::new(body))),
            false => read(&mut state, &mut BufReader::new(body)),
        };
        (state, read)
    });
    let sent = pass_on(answer, pieces).await;
    let (state, read) = reading.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    match (read, sent) {
        // A body that broke off looks like an end to whoever reads it.
        (Err(Error::Broken { .. }) | Ok(()), Err(source)) => (state, Err(Error::Network { method, source })),
        (read, _) => (state, read),
    }
}

async fn send(client: &Client, url: &Url, call: &Call) -> Result<Response, Error> {
    let method = call.method();
    let request = client.post(url.clone()).header(CONTENT_TYPE, "text/xml").header(ACCEPT_ENCODING, "gzip");
    let answer = request.body(call.body()).send().await.map_err(|source| Error::Network { method, source })?;
    match answer.status().as_u16() {
        200 => Ok(answer),
        status => Err(Error::Status { method, status, retry_after: retry_after(answer.headers()) }),
    }
}

/// Returns the seconds that are asked for. A date is not read: it would have to be held against the server's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns whether a body is compressed by gzip; otherwise it is as it is.
fn coding(method: &'static str, headers: &HeaderMap) -> Result<bool, Error> {
    let Some(coding) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    match String::from_utf8_lossy(coding.as_bytes()).to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Ok(true),
        "identity" | "" => Ok(false),
        other => Err(Error::Coding { method, coding: other.to_owned() }),
    }
}

/// Passes a body on until its end, or until nobody reads it any more.
async fn pass_on(mut answer: Response, pieces: mpsc::Sender<Bytes>) -> Result<(), reqwest::Error> {
    while let Some(piece) = answer.chunk().await? {
        if pieces.send(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A body as its pieces come, for a thread that may block.
struct Pieces {
    taken: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.taken.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let size = into.len().min(self.piece.len());
        into[..size].copy_from_slice(&self.piece.split_to(size));
        Ok(size)
    }
}
