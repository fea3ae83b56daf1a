//! Which bytes does a reader get? Repositories, pools and composes as read-only static trees.
//!
//! Whatever the request says, only regular files and directories below the trees given are shown.
//! Symbolic links are followed (`packages` into the pool, `latest-*`), and where the opened file really
//! is decides: it is asked of the open handle (`/proc/self/fd`), so nothing can change between check and
//! use. A response comes from one handle, its length and validators too, so a file replaced meanwhile is
//! never mixed. A data file of a repository that lies nowhere is asked of the live repositories, which may
//! join it of segments.
//!
//! `tower_http::services::ServeDir` 0.7 would be shorter, but follows links anywhere, knows no
//! `If-Range`, sends no more than one range, and its entity tag (size and time) is the same for two
//! files written in the same clock tick.

mod body;
mod conditions;
mod joined;
mod listing;
mod path;
mod ranges;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::get;

use crate::repos::Repos;
use conditions::Verdict;
use path::Wanted;
use ranges::Selection;
use tree::{Found, NotShown, OpenFile};

pub use tree::Tree;

/// What browsers may do with anything we serve: save it.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      sandbox allow-downloads";

/// What changes is asked for again each time, by its entity tag.
const CHANGING: &str = "no-cache";

/// What is named by its content never changes.
const UNCHANGING: &str = "public, max-age=31536000, immutable";

/// What is served.
#[derive(Clone)]
struct Site {
    trees: Arc<[Tree]>,
    repos: Repos,
}

/// Returns the routes `/NAME/…` of all `trees`, `GET` and `HEAD`; what the tree `repos` has not, `repos` may
/// have.
///
/// A symbolic link in one tree may lead into another of them, and nowhere else.
pub fn routes<S: Clone + Send + Sync + 'static>(trees: Vec<Tree>, repos: Repos) -> Router<S> {
    let site = Site { trees: trees.into(), repos };
    let mut router = Router::new();
    for tree in site.trees.iter() {
        let handler = get(serve).with_state(site.clone());
        router = router
            .route(&format!("/{}", tree.name), handler.clone())
            .route(&format!("/{}/", tree.name), handler.clone())
            .route(&format!("/{}/{{*path}}", tree.name), handler);
    }
    router
}

async fn serve(State(site): State<Site>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut response = respond(&site, &request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(CHANGING));
    response
}

async fn respond(site: &Site, request: &Parts) -> Response {
    let Some(wanted) = Wanted::parse(request.uri.path()) else {
        return plain(StatusCode::NOT_FOUND, "not found\n");
    };
    match site.find(&wanted).await {
        Ok(Found::File(_)) if wanted.is_directory() => plain(StatusCode::NOT_FOUND, "not found\n"),
        Ok(Found::File(file)) => send(file, &request.method, &request.headers),
        Ok(Found::Directory(_)) if !wanted.is_directory() => redirect(&wanted),
        Ok(Found::Directory(entries)) => listing::page(&wanted, &entries),
        Err(NotShown::Absent) => plain(StatusCode::NOT_FOUND, "not found\n"),
        Err(NotShown::Failed(error)) => {
            tracing::error!(path = %wanted.url(), %error, "cannot read a published file");
            plain(StatusCode::SERVICE_UNAVAILABLE, "cannot be read at the moment\n")
        }
    }
}

impl Site {
    /// Looks on disk, then among what is joined.
    async fn find(&self, wanted: &Wanted) -> Result<Found, NotShown> {
        let (trees, at) = (self.trees.clone(), wanted.clone());
        let opened = tokio::task::spawn_blocking(move || tree::open(&trees, &at)).await;
        match opened.map_err(|error| NotShown::Failed(error.into()))? {
            Err(NotShown::Absent) => joined::open(&self.repos, wanted).await.map(Found::File),
            Ok(Found::Directory(mut entries)) if wanted.is_directory() => {
                let listed = joined::list(&self.repos, wanted, &mut entries).await;
                listed.map_err(|error| NotShown::Failed(std::io::Error::other(error)))?;
                Ok(Found::Directory(entries))
            }
            found => found,
        }
    }
}

fn send(file: OpenFile, method: &Method, request: &HeaderMap) -> Response {
    let verdict = conditions::judge(&file, request);
    if verdict == Verdict::PreconditionFailed {
        return plain(StatusCode::PRECONDITION_FAILED, "precondition failed\n");
    }
    let mut headers = headers_of(&file);
    if verdict == Verdict::NotModified {
        return build(StatusCode::NOT_MODIFIED, headers, Body::empty());
    }
    // A range is defined for GET only.
    let ranged = *method == Method::GET && conditions::range_applies(&file, request);
    let selection = match request.get(header::RANGE).filter(|_| ranged) {
        Some(range) => ranges::select(range.as_bytes(), file.size),
        None => Selection::Whole,
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type()));
    match selection {
        Selection::Whole if *method == Method::HEAD => {
            headers.insert(header::CONTENT_LENGTH, file.size.into());
            build(StatusCode::OK, headers, Body::empty())
        }
        Selection::Whole => body::whole(file, headers),
        Selection::One(range) => body::one(file, range, headers),
        Selection::Several(ranges) => body::several(file, &ranges, headers),
        Selection::None => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, "range not satisfiable\n");
            response.headers_mut().insert(header::CONTENT_RANGE, text(format!("bytes */{}", file.size)));
            response
        }
    }
}

/// Returns what a file's response says besides its content.
fn headers_of(file: &OpenFile) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, text(file.etag.clone()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let cache = if file.is_named_by_content { UNCHANGING } else { CHANGING };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(modified) = file.modified {
        headers.insert(header::LAST_MODIFIED, text(httpdate::fmt_http_date(modified)));
    }
    headers
}

fn redirect(to: &Wanted) -> Response {
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    response.headers_mut().insert(header::LOCATION, text(format!("{}/", to.url())));
    response
}

fn plain(status: StatusCode, body: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    build(status, headers, Body::from(body))
}

fn build(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Returns a header of our own making: numbers, dates and percent-encoded paths.
fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("made of printable ASCII")
}
