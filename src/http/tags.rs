//! What do the tags mean now, and what is published of them? `GET /api/v1/tags` and below.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as Shared};
use serde::Serialize;

use super::Service;
use super::failure::Failure;
use super::merged::{self, Merged};
use super::moment::moment;
use super::query::{Query, name, parsed};
use crate::config::{FollowRule, Live};
use crate::model::{Arch, Blake3, Nvr, PackageName, RepoName, TagName};
use crate::store::generations::{self, Generation};
use crate::store::pkgsets::{self, Head};
use crate::store::{self, Tx, tags as rows};
use crate::tags::Explanation;

/// How many chunks of a set are in memory at a time.
const CHUNKS_AT_A_TIME: usize = 16;

/// A tag, and what is newest of it. All but the name is null or empty before its first revision.
#[derive(Debug, Serialize)]
pub(super) struct Tag {
    pub name: TagName,
    /// Whether a follow rule matches.
    pub followed: bool,
    pub revision: Option<i64>,
    pub digest: Option<Blake3>,
    pub event: Option<i64>,
    pub arches: Vec<Arch>,
    pub builds: i64,
    pub rpms: i64,
    pub held_builds: i64,
    pub changed_at: Option<String>,
    pub repositories: Vec<Repository>,
    /// The ready files for dnf, one for each arch.
    pub repo_files: Vec<String>,
    /// Repositories that are merged with external ones.
    pub merged: Vec<Merged>,
}

/// A live repository.
#[derive(Debug, Serialize)]
pub(super) struct Repository {
    pub name: String,
    /// `current` with the tag's newest revision, `behind` it, or `missing`: not published yet.
    pub state: &'static str,
    pub generation: Option<i64>,
    pub revision: Option<i64>,
    pub packages: Option<i64>,
    pub published_at: Option<String>,
    pub url: String,
}

/// A tag with what is held.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    tag: Tag,
    held: Vec<Held>,
}

/// A build that would be in the set, and is not.
#[derive(Debug, Serialize)]
struct Held {
    nvr: String,
    reason: String,
}

/// A build of a set.
#[derive(Debug, Serialize)]
pub(super) struct Build {
    nvr: Nvr,
    /// The tag it comes from.
    from: TagName,
    /// How many RPM files.
    rpms: usize,
}

/// Answers `GET /api/v1/tags`.
pub(super) async fn list(
    Shared(service): Shared<Service>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Tag>>, Failure> {
    Query::read(query.as_deref(), &[])?;
    Ok(Json(all(&service, &mut service.db.read().await?).await?))
}

/// Answers `GET /api/v1/tags/{tag}`.
pub(super) async fn one(
    Shared(service): Shared<Service>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<Whole>, Failure> {
    let tag: TagName = name(path)?;
    Query::read(query.as_deref(), &[])?;
    let mut tx = service.db.read().await?;
    let head = pkgsets::heads(&mut tx, Some(&tag)).await?.pop();
    if head.is_none() {
        is_known(&service, &mut tx, &tag).await?;
    }
    let shown = generations::shown(&mut tx, Some(&tag)).await?;
    let held = pkgsets::held(&mut tx, &tag).await?.into_iter();
    let held = held.map(|held| Held { nvr: held.nvr, reason: held.reason }).collect();
    let merged = merged::by_tag(&mut tx, Some(&tag), &service.url).await?.remove(&tag).unwrap_or_default();
    Ok(Json(Whole { tag: Tag { merged, ..summary(&service, tag, head, shown) }, held }))
}

/// Answers `GET /api/v1/tags/{tag}/builds`: the newest revision's set, by package.
pub(super) async fn builds(
    Shared(service): Shared<Service>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<Build>>, Failure> {
    let tag: TagName = name(path)?;
    Query::read(query.as_deref(), &[])?;
    let mut tx = service.db.read().await?;
    let Some(revision) = pkgsets::newest(&mut tx, &tag).await? else {
        is_known(&service, &mut tx, &tag).await?;
        return Ok(Json(vec![]));
    };
    let mut builds = Vec::new();
    for some in revision.chunks.chunks(CHUNKS_AT_A_TIME) {
        let digests: Vec<Blake3> = some.iter().map(|chunk| chunk.digest).collect();
        for build in pkgsets::chunks(&mut tx, &digests).await?.into_iter().flat_map(|chunk| chunk.builds) {
            builds.push(Build { rpms: build.rpms.len(), nvr: build.nvr, from: build.from });
        }
    }
    Ok(Json(builds))
}

/// Answers `GET /api/v1/tags/{tag}/explain/{package}`.
pub(super) async fn explain(
    Shared(service): Shared<Service>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<Explanation>, Failure> {
    let (tag, package) = path.map(|Path(names)| names).map_err(|_| Failure::NoSuchPath)?;
    let (tag, package): (TagName, PackageName) = (parsed(&tag)?, parsed(&package)?);
    Query::read(query.as_deref(), &[])?;
    let explained = service.tags.explain(&tag, &package).await?;
    explained.map(Json).ok_or(Failure::NoSuchThing { what: "tag", name: tag.to_string() })
}

async fn is_known(service: &Service, tx: &mut Tx, tag: &TagName) -> Result<(), Failure> {
    match rows::by_name(tx, &service.config.buildsys.id, tag.as_str()).await? {
        Some(_) => Ok(()),
        None => Err(Failure::NoSuchThing { what: "tag", name: tag.to_string() }),
    }
}

/// Returns all tags that the build system or our own past knows, by name.
pub(super) async fn all(service: &Service, tx: &mut Tx) -> Result<Vec<Tag>, store::Error> {
    let mut heads: BTreeMap<TagName, Head> = BTreeMap::new();
    for head in pkgsets::heads(tx, None).await? {
        heads.insert(head.tag.clone(), head);
    }
    let mut shown: BTreeMap<TagName, Vec<Generation>> = BTreeMap::new();
    for generation in generations::shown(tx, None).await? {
        shown.entry(generation.tag.clone()).or_default().push(generation);
    }
    let mut merged = merged::by_tag(tx, None, &service.url).await?;
    let known = rows::all(tx, &service.config.buildsys.id).await?.into_iter().map(|tag| tag.name);
    let names: BTreeSet<TagName> = known.chain(heads.keys().cloned()).collect();
    let mut tags = Vec::with_capacity(names.len());
    for name in names {
        let (head, shown) = (heads.remove(&name), shown.remove(&name).unwrap_or_default());
        let merged = merged.remove(&name).unwrap_or_default();
        tags.push(Tag { merged, ..summary(service, name, head, shown) });
    }
    Ok(tags)
}

fn summary(service: &Service, name: TagName, head: Option<Head>, shown: Vec<Generation>) -> Tag {
    let rule = service.config.follow.for_tag(&name);
    let Some(head) = head else {
        let followed = rule.is_some();
        let (repositories, repo_files) = (vec![], vec![]);
        return Tag { followed, repositories, repo_files, ..unread(name) };
    };
    let at = format!("{}/repos/{name}", service.url);
    let expected = rule.map_or_else(Vec::new, |rule| expected(rule, &head.arches));
    let mut generations: BTreeMap<RepoName, Option<Generation>> = BTreeMap::new();
    generations.extend(expected.iter().map(|repo| (repo.clone(), None)));
    generations.extend(shown.into_iter().map(|generation| (generation.repo.clone(), Some(generation))));
    let is_binary = |repo: &&RepoName| matches!(repo, RepoName::Binary(_));
    Tag {
        followed: rule.is_some(),
        revision: Some(head.number),
        digest: Some(head.digest),
        event: Some(head.event_id),
        arches: head.arches,
        builds: head.builds,
        rpms: head.rpms,
        held_builds: head.held,
        changed_at: Some(moment(head.made_at)),
        repo_files: expected.iter().filter(is_binary).map(|repo| format!("{at}/{repo}.repo")).collect(),
        repositories: generations
            .iter()
            .map(|(repo, shown)| repository(repo, shown.as_ref(), head.number, &at))
            .collect(),
        ..unread(name)
    }
}

fn unread(name: TagName) -> Tag {
    Tag {
        name,
        followed: false,
        revision: None,
        digest: None,
        event: None,
        arches: vec![],
        builds: 0,
        rpms: 0,
        held_builds: 0,
        changed_at: None,
        repositories: vec![],
        repo_files: vec![],
        merged: vec![],
    }
}

fn expected(rule: &FollowRule, arches: &[Arch]) -> Vec<RepoName> {
    if rule.live == Live::Never {
        return vec![];
    }
    rule.repos_of(arches).names()
}

fn repository(name: &RepoName, shown: Option<&Generation>, newest: i64, at: &str) -> Repository {
    Repository {
        name: name.to_string(),
        state: match shown {
            None => "missing",
            Some(generation) if generation.revision == newest => "current",
            Some(_) => "behind",
        },
        generation: shown.map(|generation| generation.number),
        revision: shown.map(|generation| generation.revision),
        packages: shown.map(|generation| generation.packages),
        published_at: shown.map(|generation| moment(generation.made_at)),
        url: format!("{at}/{name}/"),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::http::testing::{World, message};

    #[tokio::test]
    async fn a_tag_shows_its_revision_and_its_repositories() {
        let world = World::new().await;
        world.tag("f43").await;
        let before = world.get("/api/v1/tags/f43").await.json();
        assert_eq!((&before["revision"], &before["followed"]), (&json!(null), &json!(true)));
        assert_eq!(world.get("/api/v1/tags/f43/builds").await.json(), json!([]));
        world.set("f43").await;
        world.publish("f43", "x86_64", 3, 2).await;
        world.publish("f43", "src", 2, 1).await;
        let tag = world.get("/api/v1/tags/f43").await.json();
        assert_eq!((&tag["revision"], &tag["builds"], &tag["held"]), (&json!(2), &json!(1), &json!([])));
        assert_eq!(tag["arches"], json!(["x86_64"]));
        assert_eq!(tag["repo_files"], json!(["http://tannery.test/repos/f43/x86_64.repo"]));
        let repositories = tag["repositories"].as_array().unwrap();
        let states: Vec<_> = repositories.iter().map(|repo| (repo["name"].clone(), repo["state"].clone())).collect();
        let expected = [("x86_64", "current"), ("x86_64-debug", "missing"), ("src", "behind")];
        assert_eq!(states, expected.map(|(name, state)| (json!(name), json!(state))));
        assert_eq!(
            repositories[0],
            json!({
                "name": "x86_64", "state": "current", "generation": 3, "revision": 2, "packages": 7,
                "published_at": "2026-11-21T00:42:24Z", "url": "http://tannery.test/repos/f43/x86_64/",
            })
        );
        let builds = world.get("/api/v1/tags/f43/builds").await.json();
        assert_eq!(builds, json!([{"nvr": "bash-5.3-1", "from": "f43", "rpms": 2}]));
    }

    #[tokio::test]
    async fn all_tags_are_listed_by_name() {
        let world = World::configured(|config| {
            let text = "follow = [{ tags = [\"f*\"], live = \"never\" }]";
            config.follow = World::parse(text).follow;
        })
        .await;
        for tag in ["f44", "epel", "f43"] {
            world.tag(tag).await;
        }
        world.set("f43").await;
        let tags = world.get("/api/v1/tags").await.json();
        let names: Vec<_> = tags.as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["epel", "f43", "f44"]);
        assert_eq!((&tags[0]["followed"], &tags[1]["followed"]), (&json!(false), &json!(true)));
        assert_eq!((&tags[1]["repositories"], &tags[1]["repo_files"]), (&json!([]), &json!([])));
    }

    #[tokio::test]
    async fn what_is_held_is_told_with_its_reason() {
        let world = World::new().await;
        world.tag("f43").await;
        world.set("f43").await;
        world.hold("f43", "zsh-1-1", "no signed copy").await;
        let tag = world.get("/api/v1/tags/f43").await.json();
        assert_eq!(tag["held"], json!([{"nvr": "zsh-1-1", "reason": "no signed copy"}]));
        assert_eq!(tag["held_builds"], 1);
    }

    #[tokio::test]
    async fn a_package_is_explained_by_what_the_set_has_and_why() {
        let world = World::new().await;
        world.tag("f43").await;
        world.set("f43").await;
        let explained = world.get("/api/v1/tags/f43/explain/bash").await.json();
        let build = json!({"nvr": "bash-5.3-1", "from": "f43", "rpms": 2, "unverified": []});
        assert_eq!(explained["set"], json!({"revision": 2, "builds": [build]}));
        assert_eq!((&explained["followed"], &explained["word"]), (&json!(true), &json!(null)));
        assert_eq!(explained["latest"], json!(1));
        world.post("/api/v1/events", &[], &message("m1", "f43", "bash-5.3-1")).await;
        let explained = world.get("/api/v1/tags/f43/explain/bash").await.json();
        let tagging = &explained["taggings"][0];
        assert_eq!((&tagging["nvr"], &tagging["verdict"]), (&json!("bash-5.3-1"), &json!("in_the_set")));
        assert_eq!((&explained["word"]["word"], &explained["pending"][0]["what"]), (&json!("listed"), &json!("set")));
        assert_eq!(world.get("/api/v1/tags/f43/explain/bash?x=1").await.status, StatusCode::BAD_REQUEST);
        assert_eq!(world.get("/api/v1/tags/f43/explain/-x").await.status, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_tag_that_is_not_there_and_a_name_that_cannot_be_are_absent() {
        let world = World::new().await;
        for name in ["f99", "..%2f..%2fetc", "-rf", "a%00b", "%ff", &"x".repeat(4096)] {
            for below in ["", "/builds", "/explain/bash"] {
                let path = format!("/api/v1/tags/{name}{below}");
                let answer = world.get(&path).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
                assert_eq!(answer.json()["error"]["code"], "not_found");
            }
        }
        assert_eq!(world.get("/api/v1/tags?x=1").await.status, StatusCode::BAD_REQUEST);
        // Nothing that is asked for makes a tag.
        world.post("/api/v1/events", &[], &message("m", "f99", "a-1-1")).await;
        assert_eq!(world.get("/api/v1/tags").await.json(), json!([]));
    }
}
