//! What is a caller told when it does not get what it asked for? A code and a text, never the causes.

use std::any::Any;
use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::model::chain;
use crate::{store, tags};

/// What is said to come again after, in seconds, where that may help.
const RETRY_AFTER: &str = "5";

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No route.
    #[error("there is nothing at this path")]
    NoSuchPath,
    /// A route of another method.
    #[error("this method is not for this path")]
    MethodNotAllowed,
    /// A path that names something that is not there.
    #[error("there is no {what} {name}")]
    NoSuchThing { what: &'static str, name: String },
    /// A path with a name that nothing can have.
    #[error("{0}")]
    BadName(String),
    /// A query parameter or a header that is not understood.
    #[error("{name}: {why}")]
    BadQuery { name: String, why: String },
    /// A message, or a list of them, that can never be understood.
    #[error("{0}")]
    BadMessage(String),
    /// A message that the build system's rules forbid.
    #[error("{0}")]
    Refused(String),
    /// No token, or a wrong one.
    #[error("a token is needed: Authorization: Bearer TOKEN")]
    Unauthorized,
    /// A change asked for by a web page, or through another host's name.
    #[error("{0}")]
    Forbidden(&'static str),
    /// A body of another kind.
    #[error("the body must be application/json")]
    NotJson,
    /// A body beyond the limit.
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// A body that broke off.
    #[error("the body could not be read")]
    BrokenBody,
    /// Not done within the configured time.
    #[error("not done within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The state could not be read or written.
    #[error("the state cannot be read or written at the moment")]
    State(#[source] store::Error),
    /// The state holds what it cannot hold, or a tag is beyond all limits.
    #[error("internal error")]
    Internal(#[source] Option<Box<dyn Error + Send + Sync>>),
}

impl Failure {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::NoSuchPath | Self::NoSuchThing { .. } | Self::BadName(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::BadQuery { .. } => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::BadMessage(_) => (StatusCode::BAD_REQUEST, "bad_message"),
            Self::Refused(_) => (StatusCode::CONFLICT, "refused"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::BrokenBody => (StatusCode::BAD_REQUEST, "broken_body"),
            Self::Timeout(_) => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            Self::State(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Says in the log what the caller is not told.
    fn log(&self) {
        match self {
            Self::State(_) | Self::Internal(Some(_)) => {
                tracing::error!(error = chain(self), "a request failed: {}", chain(self));
            }
            Self::Timeout(limit) => tracing::warn!("a request took longer than {} s", limit.as_secs_f64()),
            _ => {}
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        if error.is_passing() { Self::State(error) } else { Self::Internal(Some(error.into())) }
    }
}

impl From<tags::Error> for Failure {
    fn from(error: tags::Error) -> Self {
        match error {
            tags::Error::Store(error) => error.into(),
            // Nobody asks a hub on behalf of a request.
            error => Self::Internal(Some(error.into())),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.log();
        let (status, code) = self.status_and_code();
        let body = json!({"error": {"code": code, "message": self.to_string()}});
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tannery\""));
        }
        response
    }
}

/// Answers for a handler that panicked; the panic itself stands on standard error.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("answering a request panicked");
    Failure::Internal(None).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::routing::get;
    use axum::{Router, http::Request};
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    #[tokio::test]
    async fn a_caller_never_sees_the_causes() {
        let away = store::Error::Corrupt { column: "inbox.state", why: "secret".to_owned() };
        let response = Failure::from(away).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert_eq!(&body[..], br#"{"error":{"code":"internal","message":"internal error"}}"#);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_too() {
        async fn panics() -> &'static str {
            panic!("secret")
        }
        let router: Router = Router::new().route("/", get(panics)).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(axum::body::Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
