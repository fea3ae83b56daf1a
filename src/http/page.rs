//! Where do people begin? `GET /`: the tags and composes, with links. Static, without script.

use std::fmt::Write;

use axum::extract::State as Shared;
use axum::response::Html;

use super::Service;
use super::composes::{self, Compose};
use super::failure::Failure;
use super::html::escape;
use super::tags::{self, Tag};

/// Most tags that are shown; there is the API for more.
const MOST_TAGS: usize = 1000;

/// Most composes that are shown.
const MOST_COMPOSES: i64 = 50;

/// Answers `GET /`.
pub(super) async fn page(Shared(service): Shared<Service>) -> Result<Html<String>, Failure> {
    let mut tx = service.db.read().await?;
    let tags = tags::all(&service, &mut tx).await?;
    let composes = composes::newest(&service, &mut tx, MOST_COMPOSES).await?;
    Ok(Html(html(&tags, &composes)))
}

fn html(tags: &[Tag], composes: &[Compose]) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Tannery</title></head>\n<body>\n\
         <h1>Tannery</h1>\n<h2>Tags</h2>\n<table>\n\
         <tr><th>tag</th><th>revision</th><th>changed</th><th>builds</th><th>repositories</th></tr>\n",
    );
    for tag in tags.iter().take(MOST_TAGS) {
        page.push_str(&tag_row(tag));
    }
    page.push_str("</table>\n");
    if tags.len() > MOST_TAGS {
        page.push_str("<p>There is more than is shown here: <a href=\"/api/v1/tags\">all tags</a>.</p>\n");
    }
    page.push_str("<h2>Composes</h2>\n<table>\n<tr><th>compose</th><th>status</th><th>started</th></tr>\n");
    for compose in composes {
        page.push_str(&compose_row(compose));
    }
    page.push_str(
        "</table>\n<p><a href=\"/api/v1/status\">Status</a>, <a href=\"/metrics\">metrics</a>, \
         <a href=\"/repos/\">repositories</a>, <a href=\"/composes/\">composes</a></p>\n</body>\n</html>\n",
    );
    page
}

fn tag_row(tag: &Tag) -> String {
    let name = escape(tag.name.as_str());
    let revision = tag.revision.map_or_else(String::new, |revision| revision.to_string());
    let changed = escape(tag.changed_at.as_deref().unwrap_or_default());
    let mut row = format!(
        "<tr><td><a href=\"/api/v1/tags/{name}\">{name}</a></td><td>{revision}</td><td>{changed}</td><td>{}</td><td>",
        tag.builds
    );
    for repository in &tag.repositories {
        let (repo, state) = (escape(&repository.name), repository.state);
        let link = write!(row, "<a href=\"/repos/{name}/{repo}/\">{repo}</a> ({state}) ");
        link.expect("a string takes all that is written");
    }
    row.push_str("</td></tr>\n");
    row
}

fn compose_row(compose: &Compose) -> String {
    let (id, status, started) = (compose.id.to_string(), compose.status, &compose.started_at);
    let id = escape(&id);
    // Only what is whole is there to be read.
    let shown = match compose.url {
        Some(_) => format!("<a href=\"/composes/{id}/\">{id}</a>"),
        None => id,
    };
    format!("<tr><td>{shown}</td><td>{status}</td><td>{started}</td></tr>\n")
}

#[cfg(test)]
mod tests {
    use crate::http::testing::World;

    #[tokio::test]
    async fn the_page_leads_to_repositories_and_composes_and_runs_nothing() {
        let world = World::new().await;
        world.tag("f43").await;
        world.set("f43").await;
        world.compose("Oak-1-20261121.n.0", 5).await;
        let answer = world.get("/").await;
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(text.contains("<a href=\"/repos/f43/x86_64/\">x86_64</a> (missing)"), "{text}");
        assert!(text.contains("<td>Oak-1-20261121.n.0</td><td>STARTED</td><td>1970-01-01T00:00:05Z</td>"), "{text}");
        assert!(!text.contains("<script"));
    }
}
