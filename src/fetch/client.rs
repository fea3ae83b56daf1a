//! What does one HTTP server answer? One request, redirects followed, the body into a sink.

use std::time::Duration;

use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::error::Failure;
use super::place::Place;
use super::sink::{Answer, Fetched, Sink, Validators, Wanted};

const USER_AGENT: &str = concat!("tannery/", env!("CARGO_PKG_VERSION"));

/// Returns a client; `stall` is how long it waits for a connection, and for each piece of an answer.
pub(super) fn client(stall: Duration, redirects: usize) -> Result<Client, reqwest::Error> {
    // Fails where the program has one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let policy = Policy::custom(move |attempt| {
        let was_safe = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > redirects {
            attempt.error("there are too many redirects")
        } else if was_safe && attempt.url().scheme() != "https" {
            attempt.error("a redirect leads from https to http")
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .user_agent(USER_AGENT)
        .referer(false)
        .redirect(policy)
        .connect_timeout(stall)
        .read_timeout(stall)
        .build()
}

/// Returns how many bytes a file has, where the server says so.
pub(super) async fn stat(client: &Client, url: &Url) -> Result<Option<u64>, Failure> {
    let answer = client.request(Method::HEAD, url.clone()).send().await.map_err(Failure::Http)?;
    if !answer.status().is_success() {
        return Err(Failure::Status(answer.status().as_u16()));
    }
    // The body of a HEAD is empty: what it would be is only in the header.
    let size = answer.headers().get(reqwest::header::CONTENT_LENGTH);
    Ok(size.and_then(|value| value.to_str().ok()?.parse().ok()))
}

/// Gets a file.
pub(super) async fn get(client: &Client, url: &Url, wanted: &Wanted) -> Result<Answer, Failure> {
    let answer = conditions(client.get(url.clone()), wanted).send().await.map_err(Failure::Http)?;
    match (answer.status(), &wanted.range) {
        (StatusCode::NOT_MODIFIED, _) if wanted.unless.is_some() => return Ok(Answer::Unchanged),
        (StatusCode::OK, None) => {}
        // Its body is left where it is: the caller knows better whether all of it is worth having.
        (StatusCode::OK, Some(_)) => return Err(Failure::NoPart),
        (StatusCode::PARTIAL_CONTENT, Some(range)) if begins_at(answer.headers(), range.start) => {}
        (status, _) => return Err(Failure::Status(status.as_u16())),
    }
    let validators = validators(answer.headers());
    let (file, size) = body(answer, wanted).await?;
    Ok(Answer::Got(Fetched { file, size, from: Place::Url(url.clone()), validators }))
}

async fn body(mut answer: Response, wanted: &Wanted) -> Result<(std::fs::File, u64), Failure> {
    let mut sink = Sink::new(wanted)?;
    let announced = answer.content_length();
    sink.announced(announced)?;
    while let Some(piece) = answer.chunk().await.map_err(Failure::Http)? {
        // A piece is some 10 to 100 KiB: hashing and writing it keeps no other task waiting.
        sink.take(&piece)?;
    }
    sink.finish(announced)
}

fn conditions(mut request: RequestBuilder, wanted: &Wanted) -> RequestBuilder {
    if let Some(range) = &wanted.range {
        request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
    }
    let Some(unless) = &wanted.unless else { return request };
    match (&unless.etag, &unless.last_modified) {
        (Some(etag), _) => request.header(IF_NONE_MATCH, etag),
        (None, Some(time)) => request.header(IF_MODIFIED_SINCE, time),
        (None, None) => request,
    }
}

fn validators(headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

fn begins_at(headers: &HeaderMap, start: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}
