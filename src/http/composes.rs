//! Which composes are there? `GET /api/v1/composes` and `GET /api/v1/composes/{id}`.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Shared};
use serde::Serialize;

use super::Service;
use super::failure::Failure;
use super::moment::moment;
use super::query::{Query, name};
use crate::model::{Blake3, ComposeId, ComposeStatus, Label, TagName};
use crate::store::composes::{self, ComposeRow};
use crate::store::{self, Tx};

/// A compose.
#[derive(Debug, Serialize)]
pub(super) struct Compose {
    pub id: ComposeId,
    pub status: ComposeStatus,
    pub reason: Option<String>,
    pub label: Option<Label>,
    /// The tag it is made from, at which revision.
    pub tag: TagName,
    pub revision: Option<i64>,
    /// The name of its definition, and the digest.
    pub definition: String,
    pub definition_digest: Blake3,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// Where it is; null unless it is whole.
    pub url: Option<String>,
}

/// Answers `GET /api/v1/composes`, the newest first.
pub(super) async fn list(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Compose>>, Failure> {
    let limit = Query::read(query.as_deref(), &["limit"])?.limit()?;
    Ok(Json(newest(&service, &mut service.db.read().await?, limit).await?))
}

/// Answers `GET /api/v1/composes/{id}`.
pub(super) async fn one(
    Shared(service): Shared<Service>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<Compose>, Failure> {
    let id: ComposeId = name(path)?;
    Query::read(query.as_deref(), &[])?;
    let row = composes::by_id(&mut service.db.read().await?, &id).await?;
    let row = row.ok_or_else(|| Failure::NoSuchThing { what: "compose", name: id.to_string() })?;
    Ok(Json(compose(&service, row)))
}

/// Returns up to `limit` composes, the newest first.
pub(super) async fn newest(service: &Service, tx: &mut Tx, limit: i64) -> Result<Vec<Compose>, store::Error> {
    let rows = composes::newest(tx, limit).await?;
    Ok(rows.into_iter().map(|row| compose(service, row)).collect())
}

fn compose(service: &Service, row: ComposeRow) -> Compose {
    Compose {
        url: row.status.is_usable().then(|| format!("{}/composes/{}/", service.url, row.id)),
        id: row.id,
        status: row.status,
        reason: row.reason,
        tag: row.tag,
        revision: row.revision,
        label: row.label,
        definition: row.definition,
        definition_digest: row.definition_digest,
        started_at: moment(row.started_at),
        ended_at: row.ended_at.map(moment),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::http::testing::World;
    use crate::model::ComposeStatus;
    use crate::store;

    #[tokio::test]
    async fn composes_come_newest_first_and_one_by_its_id() {
        let world = World::new().await;
        world.compose("Oak-1-20261121.n.0", 5).await;
        world.compose("Oak-1-20261121.n.1", 6).await;
        let all = world.get("/api/v1/composes").await.json();
        let ids: Vec<_> = all.as_array().unwrap().iter().map(|compose| compose["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["Oak-1-20261121.n.1", "Oak-1-20261121.n.0"]);
        assert_eq!(world.get("/api/v1/composes?limit=1").await.json(), json!([all[0]]));
        let one = world.get("/api/v1/composes/Oak-1-20261121.n.0").await.json();
        assert_eq!(
            one,
            json!({
                "id": "Oak-1-20261121.n.0", "status": "STARTED", "reason": null, "label": null,
                "tag": "f43", "revision": 1, "definition": "oak", "definition_digest": "0".repeat(64),
                "started_at": "1970-01-01T00:00:05Z", "ended_at": null, "url": null,
            })
        );
        let id = "Oak-1-20261121.n.1".parse().unwrap();
        let mut tx = world.state.db.write().await.unwrap();
        store::composes::end(&mut tx, &id, ComposeStatus::Finished, None, 7_000_000).await.unwrap();
        tx.commit().await.unwrap();
        let ended = world.get("/api/v1/composes/Oak-1-20261121.n.1").await.json();
        assert_eq!((&ended["status"], &ended["ended_at"]), (&json!("FINISHED"), &json!("1970-01-01T00:00:07Z")));
        assert_eq!(ended["url"], "http://tannery.test/composes/Oak-1-20261121.n.1/");
    }

    #[tokio::test]
    async fn a_compose_that_is_not_there_and_an_id_that_cannot_be_are_absent() {
        let world = World::new().await;
        for id in ["Oak-1-20261121.n.7", "Oak", "..%2fx", "Oak-1-20261121.n.0%00"] {
            assert_eq!(world.get(&format!("/api/v1/composes/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
        }
    }
}
