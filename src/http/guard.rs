//! May this request change something, and how long may it take? What every request passes.

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

use super::Service;
use super::failure::Failure;
use crate::config::Secret;
use crate::model::Blake3;

/// What browsers may do with an answer: show it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Lets requests pass that only read, and those that may change something.
///
/// With tokens, whoever has one may. Without, we listen on loopback only and everyone on this machine
/// may, but not the pages that a browser on it shows: they could reach us under a name of their own
/// that leads to 127.0.0.1 (DNS rebinding), or post without reading the answer.
pub(super) async fn admit(Shared(service): Shared<Service>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let tokens = &service.config.http.tokens;
    let verdict = match tokens.is_empty() {
        true => is_from_here(request.headers()),
        false => has_token(request.headers(), tokens),
    };
    match verdict.and_then(|()| is_json(request.headers())) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// Ends requests that take longer than configured.
pub(super) async fn in_time(Shared(service): Shared<Service>, request: Request, next: Next) -> Response {
    let limit = service.config.http.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::Timeout(limit).into_response(),
    }
}

/// Adds to every answer what keeps browsers from misreading it.
pub(super) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn has_token(headers: &HeaderMap, tokens: &[Secret]) -> Result<(), Failure> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, given) = value.and_then(|value| value.split_once(' ')).ok_or(Failure::Unauthorized)?;
    let given = Blake3::of(given.trim().as_bytes());
    let mut is_known = false;
    // All are compared, whole: how long it takes says nothing. Digests, so that lengths are equal.
    for token in tokens {
        let token = Blake3::of(token.expose().as_bytes());
        let pairs = token.as_bytes().iter().zip(given.as_bytes());
        is_known |= pairs.fold(0, |difference, (a, b)| difference | (a ^ b)) == 0;
    }
    if is_known && scheme.eq_ignore_ascii_case("bearer") { Ok(()) } else { Err(Failure::Unauthorized) }
}

fn is_from_here(headers: &HeaderMap) -> Result<(), Failure> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = text(header::HOST);
    if !host.is_none_or(is_loopback) {
        return Err(Failure::Forbidden("without a token, changes are asked for under a loopback address only"));
    }
    let own = format!("http://{}", host.unwrap_or_default());
    if text(header::ORIGIN).is_some_and(|origin| origin != own) {
        return Err(Failure::Forbidden("a page of another origin may change nothing"));
    }
    Ok(())
}

/// Returns whether `host`, a name or address with or without a port, always means this machine.
fn is_loopback(host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Failure> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Failure::NotJson) }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use crate::http::testing::{World, message};

    const EVENT: &str = "/api/v1/events";

    #[tokio::test]
    async fn a_token_is_needed_for_changes_and_not_for_reading() {
        let world = World::with_token("0123456789abcdef").await;
        let body = message("m1", "f43", "bash-1-1");
        for wrong in [None, Some("Bearer 0123456789abcdeF"), Some("Basic 0123456789abcdef"), Some("0123456789abcdef")] {
            let headers: Vec<_> = wrong.map(|value| ("authorization", value)).into_iter().collect();
            let answer = world.post(EVENT, &headers, &body).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"tannery\"");
            assert_eq!(answer.json()["error"]["code"], "unauthorized");
        }
        let right = [("authorization", "bearer 0123456789abcdef"), ("host", "repos.example.org")];
        assert_eq!(world.post(EVENT, &right, &body).await.status, StatusCode::ACCEPTED);
        assert_eq!(world.get("/api/v1/tags").await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn without_a_token_no_page_of_a_browser_changes_anything() {
        let world = World::new().await;
        let body = message("m1", "f43", "bash-1-1");
        for refused in [
            &[("host", "evil.example:8180"), ("origin", "http://evil.example:8180")][..],
            &[("host", "evil.example:8180")],
            &[("host", "127.0.0.1:8180"), ("origin", "http://evil.example")],
            &[("host", "127.0.0.1:8180"), ("origin", "http://127.0.0.1:3000")],
            &[("host", "127.0.0.1:8180"), ("origin", "null")],
            &[("host", "[::2]")],
        ] {
            assert_eq!(world.post(EVENT, refused, &body).await.status, StatusCode::FORBIDDEN, "{refused:?}");
        }
        for taken in [
            &[][..],
            &[("host", "localhost:8180")],
            &[("host", "[::1]:8180")],
            &[("host", "127.0.0.1:8180"), ("origin", "http://127.0.0.1:8180")],
        ] {
            assert_eq!(world.post(EVENT, taken, &body).await.status, StatusCode::ACCEPTED, "{taken:?}");
        }
        let plain = [("content-type", "text/plain")];
        assert_eq!(world.post(EVENT, &plain, &body).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }

    #[tokio::test]
    async fn every_answer_keeps_browsers_from_guessing() {
        let world = World::new().await;
        for path in ["/", "/healthz", "/api/v1/tags", "/nowhere", "/repos/nowhere", "/metrics"] {
            let answer = world.get(path).await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_in_json() {
        let world = World::new().await;
        let answer = world.get("/api/v1/nowhere").await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (StatusCode::NOT_FOUND, &"not_found".into()));
        let answer = world.post("/api/v1/tags", &[], "{}").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_ended() {
        let world =
            World::configured(|config| config.http.request_timeout = std::time::Duration::from_millis(50)).await;
        // A writer that does not end holds up the next one.
        let writer = world.tags().db.write().await.unwrap();
        let answer = world.post(EVENT, &[], &message("m1", "f43", "bash-1-1")).await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(answer.json()["error"]["code"], "timeout");
        drop(writer);
    }
}
