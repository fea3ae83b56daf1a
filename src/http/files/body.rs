//! How do a file's bytes get onto the wire? In pieces, from one handle, never the whole file in memory.
//!
//! A file that turns out shorter than it was when opened ends the response early: the connection
//! breaks, and the reader knows.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::ranges::ByteRange;
use super::tree::OpenFile;
use super::{build, text};

/// Bytes read at a time.
const PIECE: usize = 64 << 10;

/// Sends all of the file.
pub(super) fn whole(file: OpenFile, mut headers: HeaderMap) -> Response {
    headers.insert(header::CONTENT_LENGTH, file.size.into());
    // Not beyond the size told, should the file have grown.
    let reader = tokio::fs::File::from_std(file.handle).take(file.size);
    build(StatusCode::OK, headers, Body::from_stream(ReaderStream::with_capacity(reader, PIECE)))
}

/// Sends one range.
pub(super) fn one(file: OpenFile, range: ByteRange, mut headers: HeaderMap) -> Response {
    headers.insert(header::CONTENT_LENGTH, range.len().into());
    headers.insert(header::CONTENT_RANGE, text(content_range(range, file.size)));
    build(StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(part(Arc::new(file.handle), range)))
}

/// Sends several ranges as `multipart/byteranges`.
pub(super) fn several(file: OpenFile, ranges: &[ByteRange], mut headers: HeaderMap) -> Response {
    // Readers go by the lengths; the boundary need not be secret, and so the same answer is the same bytes.
    let boundary = blake3::hash(file.etag.as_bytes()).to_hex();
    let end = format!("\r\n--{boundary}--\r\n");
    let mut length = end.len() as u64;
    let mut pieces = Vec::new();
    for range in ranges {
        let (kind, place) = (file.content_type(), content_range(*range, file.size));
        let head = format!("\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {place}\r\n\r\n");
        length += head.len() as u64 + range.len();
        pieces.push((head, *range));
    }
    let handle = Arc::new(file.handle);
    let parts = stream::iter(pieces).flat_map(move |(head, range)| said(head).chain(part(handle.clone(), range)));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::CONTENT_TYPE, text(format!("multipart/byteranges; boundary={boundary}")));
    build(StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(parts.chain(said(end))))
}

fn content_range(range: ByteRange, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.first, range.last)
}

fn said(text: String) -> impl Stream<Item = io::Result<Bytes>> {
    stream::once(std::future::ready(Ok(Bytes::from(text))))
}

/// Reads a range. Copies of a handle share its position: parts are read one after another, each
/// beginning with a seek.
fn part(handle: Arc<std::fs::File>, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> {
    let open = async move {
        let mut file = tokio::fs::File::from_std(handle.try_clone()?);
        file.seek(SeekFrom::Start(range.first)).await?;
        Ok::<_, io::Error>(ReaderStream::with_capacity(file.take(range.len()), PIECE))
    };
    stream::once(open).try_flatten()
}
