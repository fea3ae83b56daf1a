//! How do a file's bytes get onto the wire? In pieces, from one handle, never the whole file in memory.
//!
//! A file that turns out shorter than it was when opened, or a segment that is lost or damaged, ends the
//! response early: the connection breaks, and the reader knows.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::ranges::ByteRange;
use super::tree::{Content, OpenFile};
use super::{build, text};
use crate::model::chain;
use crate::repos::DataFile;

/// Bytes read at a time.
const PIECE: usize = 64 << 10;

/// Sends all of the file.
pub(super) fn whole(file: OpenFile, mut headers: HeaderMap) -> Response {
    headers.insert(header::CONTENT_LENGTH, file.size.into());
    let body = match (file.content, file.size.checked_sub(1)) {
        (_, None) => Body::empty(),
        // Not beyond the size told, should the file have grown.
        (Content::OnDisk(handle), _) => {
            let reader = tokio::fs::File::from_std(handle).take(file.size);
            Body::from_stream(ReaderStream::with_capacity(reader, PIECE))
        }
        (Content::Joined(file), Some(last)) => Body::from_stream(joined(file, ByteRange { first: 0, last })),
    };
    build(StatusCode::OK, headers, body)
}

/// Sends one range.
pub(super) fn one(file: OpenFile, range: ByteRange, mut headers: HeaderMap) -> Response {
    headers.insert(header::CONTENT_LENGTH, range.len().into());
    headers.insert(header::CONTENT_RANGE, text(content_range(range, file.size)));
    build(StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(part(&Arc::new(file.content), range)))
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
    let content = Arc::new(file.content);
    let parts = stream::iter(pieces).flat_map(move |(head, range)| said(head).chain(part(&content, range)));
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

/// Reads a range.
fn part(content: &Arc<Content>, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    match &**content {
        Content::OnDisk(_) => on_disk(content.clone(), range).left_stream(),
        Content::Joined(file) => joined(file.clone(), range).right_stream(),
    }
}

/// Reads a range of a handle. Copies of it share its position: parts are read one after another, each
/// beginning with a seek.
fn on_disk(content: Arc<Content>, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> {
    let open = async move {
        let Content::OnDisk(handle) = &*content else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut file = tokio::fs::File::from_std(handle.try_clone()?);
        file.seek(SeekFrom::Start(range.first)).await?;
        Ok::<_, io::Error>(ReaderStream::with_capacity(file.take(range.len()), PIECE))
    };
    stream::once(open).try_flatten()
}

/// Joins a range, a segment at a time.
fn joined(file: DataFile, range: ByteRange) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(range.first, move |next| {
        let file = file.clone();
        async move {
            if next > range.last {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || file.read_at(next)).await.map_err(io::Error::other)?;
            let mut bytes = read.map_err(|error| {
                tracing::error!(error = %chain(&error), "an answer broke off: {}", chain(&error));
                io::Error::other(error)
            })?;
            bytes.truncate(usize::try_from(range.last - next + 1).unwrap_or(usize::MAX));
            match bytes.len() as u64 {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                length => Ok(Some((Bytes::from(bytes), next + length))),
            }
        }
    })
}
