//! What is in a directory? A page for people: sorted, escaped, without script.

use std::fmt::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::build;
use super::path::{Wanted, escape};
use super::tree::Entries;
use crate::http::html::escape as escape_html;

/// Returns the page about a directory.
pub(super) fn page(directory: &Wanted, entries: &Entries) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    build(StatusCode::OK, headers, Body::from(html(directory, entries)))
}

fn html(directory: &Wanted, entries: &Entries) -> String {
    let title = escape_html(&directory.title());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n\
         <h1>{title}</h1>\n<table>\n"
    );
    if !directory.below().is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td></tr>\n");
    }
    for entry in &entries.list {
        let slash = if entry.is_directory { "/" } else { "" };
        let size = entry.size.map_or_else(String::new, |size| size.to_string());
        let (link, name) = (escape(&entry.name), escape_html(&entry.name));
        // A link that begins with ./ is never taken for a scheme.
        let row = writeln!(page, "<tr><td><a href=\"./{link}{slash}\">{name}{slash}</a></td><td>{size}</td></tr>");
        row.expect("a string takes all that is written");
    }
    page.push_str("</table>\n");
    if entries.is_cut {
        page.push_str("<p>There is more than is shown here.</p>\n");
    }
    page.push_str("</body>\n</html>\n");
    page
}
