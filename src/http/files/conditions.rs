//! Has the reader the right copy already? The conditions of RFC 9110, section 13, in its order.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderName, header};

use super::tree::OpenFile;

/// What the conditions of a request say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it.
    Send,
    /// The reader has it: 304.
    NotModified,
    /// The reader wants another one than this: 412.
    PreconditionFailed,
}

/// Weighs `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since`.
pub(super) fn judge(file: &OpenFile, request: &HeaderMap) -> Verdict {
    if request.contains_key(header::IF_MATCH) {
        if !names(request, header::IF_MATCH, |tag| tag == file.etag) {
            return Verdict::PreconditionFailed;
        }
    } else if let (Some(since), Some(modified)) = (date(request, header::IF_UNMODIFIED_SINCE), file.modified)
        && modified > since
    {
        return Verdict::PreconditionFailed;
    }
    if request.contains_key(header::IF_NONE_MATCH) {
        let weakly = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag) == file.etag;
        return if names(request, header::IF_NONE_MATCH, weakly) { Verdict::NotModified } else { Verdict::Send };
    }
    match (date(request, header::IF_MODIFIED_SINCE), file.modified) {
        (Some(since), Some(modified)) if modified <= since => Verdict::NotModified,
        _ => Verdict::Send,
    }
}

/// Returns whether `If-Range` lets a range be sent: there is none, or it holds our entity tag.
///
/// A date never does: files change more often than once a second, so it is no strong validator
/// (RFC 9110, 8.8.2.2), and the whole file is the right answer.
pub(super) fn range_applies(file: &OpenFile, request: &HeaderMap) -> bool {
    request.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == file.etag.as_bytes())
}

/// Returns whether any entity tag of the header is `wanted`, or the header is `*`.
///
/// Tags are split at commas: ours have none inside, so a foreign tag that has cannot become ours.
fn names(request: &HeaderMap, header: HeaderName, wanted: impl Fn(&str) -> bool) -> bool {
    let values = request.get_all(header).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| tag == "*" || wanted(tag))
}

fn date(request: &HeaderMap, header: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(request.get(header)?.to_str().ok()?).ok()
}
