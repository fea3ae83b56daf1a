//! `tannery tag show`: what does one tag mean?

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use serde::Serialize;

use crate::app::App;
use crate::buildsys::Facts;
use crate::cli::output::{Form, age, count, harmless, time};
use crate::cli::suggest::no_such_tag;
use crate::model::{Arch, Nvr, PackageName, TagName};
use crate::store::pkgsets::{self, Revision};
use crate::store::tag_settings::ExternalRepo;
use crate::store::tags::{LinkRow, NOW, PackageState};
use crate::store::{self, Tx};
use crate::tags::{External, Order};

/// How many chunks of a set are read at a time.
const CHUNKS: usize = 64;

#[derive(Debug, Serialize)]
struct Shown {
    tag: TagName,
    followed: bool,
    arches: Vec<Arch>,
    parents: Vec<Parent>,
    revision: Option<ShownRevision>,
    builds: Vec<Build>,
    held: Vec<Held>,
    blocked: Vec<Blocked>,
    /// External repositories, those that are inherited too, in the order in which they are preferred.
    external: Vec<ShownExternal>,
}

#[derive(Debug, Serialize)]
struct Parent {
    tag: TagName,
    priority: i64,
    maxdepth: Option<i64>,
    intransitive: bool,
    noconfig: bool,
    pkg_filter: String,
}

#[derive(Debug, Serialize)]
struct ShownRevision {
    number: i64,
    digest: String,
    made_at: String,
    arches: Vec<Arch>,
    builds: i64,
    rpms: i64,
    #[serde(skip)]
    age: String,
}

#[derive(Debug, Serialize)]
struct Build {
    nvr: Nvr,
    from: TagName,
}

#[derive(Debug, Serialize)]
struct Held {
    nvr: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct ShownExternal {
    name: String,
    /// The tag that is joined with it.
    tag: TagName,
    url: Option<String>,
    priority: i64,
    merge_mode: Option<String>,
    /// For which arches; empty for all.
    arches: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Blocked {
    package: PackageName,
    by: TagName,
}

pub(super) async fn run(app: &App, tag: &TagName, form: Form) -> anyhow::Result<ExitCode> {
    let Some(facts) = app.tags.buildsys.facts(tag, None, NOW).await? else {
        return Err(no_such_tag(app, tag).await?);
    };
    let revision = app.tags.refresh(tag).await?;
    let external = app.tags.externals(tag).await?.unwrap_or_default();
    let external = external.repos.into_iter().map(shown_external).collect();
    let mut tx = app.db.read().await?;
    let own = facts.tags.get(tag);
    let held = pkgsets::held(&mut tx, tag).await?;
    let shown = Shown {
        tag: tag.clone(),
        followed: app.config.follow.for_tag(tag).is_some(),
        arches: own.map(|own| own.arches.clone()).unwrap_or_default(),
        parents: own.iter().flat_map(|own| &own.links).map(parent).collect(),
        builds: match &revision {
            Some(revision) => builds(&mut tx, revision).await?,
            None => Vec::new(),
        },
        revision: revision.map(|revision| shown_revision(revision, app.clock.micros())),
        held: held.into_iter().map(|held| Held { nvr: held.nvr, reason: held.reason }).collect(),
        blocked: blocked(&facts),
        external,
    };
    form.print(&shown, text)?;
    Ok(ExitCode::SUCCESS)
}

fn parent(link: &LinkRow) -> Parent {
    let LinkRow { parent, priority, maxdepth, intransitive, noconfig, pkg_filter } = link.clone();
    Parent { tag: parent, priority, maxdepth, intransitive, noconfig, pkg_filter }
}

fn shown_external(external: External) -> ShownExternal {
    let ExternalRepo { name, url, priority, merge_mode, arches } = external.repo;
    ShownExternal { name, tag: external.via, url, priority, merge_mode, arches }
}

fn shown_revision(revision: Revision, now: i64) -> ShownRevision {
    ShownRevision {
        number: revision.number,
        digest: revision.digest.to_string(),
        made_at: time(revision.made_at),
        arches: revision.arches,
        builds: revision.builds,
        rpms: revision.rpms,
        age: age(revision.made_at, now),
    }
}

async fn builds(tx: &mut Tx, revision: &Revision) -> Result<Vec<Build>, store::Error> {
    let mut builds = Vec::new();
    for some in revision.chunks.chunks(CHUNKS) {
        let digests: Vec<_> = some.iter().map(|chunk| chunk.digest).collect();
        for chunk in pkgsets::chunks(tx, &digests).await? {
            builds.extend(chunk.builds.into_iter().map(|build| Build { nvr: build.nvr, from: build.from }));
        }
    }
    Ok(builds)
}

/// Returns the packages that are shut out, each with the tag nearest by that says so.
fn blocked(facts: &Facts) -> Vec<Blocked> {
    let order = Order::of(facts);
    let listed: BTreeSet<PackageName> = order.packages(facts);
    let mut blocked: BTreeMap<PackageName, TagName> = BTreeMap::new();
    for tag in order.tags() {
        let rows = facts.tags.get(tag).map_or(&[][..], |tag| &tag.packages);
        for row in rows.iter().filter(|row| row.state == PackageState::Blocked && !listed.contains(&row.package)) {
            blocked.entry(row.package.clone()).or_insert_with(|| tag.clone());
        }
    }
    blocked.into_iter().map(|(package, by)| Blocked { package, by }).collect()
}

fn text(shown: &Shown) -> String {
    let arches = match shown.arches.is_empty() {
        true => "none of its own".to_owned(),
        false => join(&shown.arches),
    };
    let mut text = format!("tag        {}\narches     {arches}\n", shown.tag);
    for parent in &shown.parents {
        text.push_str(&format!("parent     {}\n", parent_line(parent)));
    }
    match &shown.revision {
        Some(revision) => {
            let (builds, rpms) = (count(revision.builds, "build"), count(revision.rpms, "RPM"));
            let (number, arches) = (revision.number, join(&revision.arches));
            text.push_str(&format!("revision   {number}, {} old, for {arches}: {builds}, {rpms}\n", revision.age));
        }
        None if shown.followed => text.push_str("revision   none yet\n"),
        None => text.push_str("revision   none: no follow rule matches the tag\n"),
    }
    for one in &shown.external {
        text.push_str(&harmless(&format!("external   {}", external_line(one))));
        text.push('\n');
    }
    for blocked in &shown.blocked {
        text.push_str(&format!("blocked    {}  by {}\n", blocked.package, blocked.by));
    }
    for held in &shown.held {
        text.push_str(&harmless(&format!("held       {}: {}", held.nvr, held.reason)));
        text.push('\n');
    }
    for build in &shown.builds {
        text.push_str(&format!("build      {}  from {}\n", build.nvr, build.from));
    }
    text
}

fn external_line(one: &ShownExternal) -> String {
    let url = one.url.as_deref().unwrap_or("nobody knows where");
    let mode = one.merge_mode.as_deref().unwrap_or("koji");
    let arches = if one.arches.is_empty() { String::new() } else { format!(", for {}", one.arches.join(" ")) };
    format!("{}  of {}, priority {}, {mode}{arches}: {url}", one.name, one.tag, one.priority)
}

fn parent_line(parent: &Parent) -> String {
    let mut line = format!("{}  priority {}", parent.tag, parent.priority);
    if let Some(maxdepth) = parent.maxdepth {
        line.push_str(&format!(", maxdepth {maxdepth}"));
    }
    for (set, word) in [(parent.intransitive, "intransitive"), (parent.noconfig, "noconfig")] {
        if set {
            line.push_str(&format!(", {word}"));
        }
    }
    if !parent.pkg_filter.is_empty() {
        line.push_str(&format!(", packages {}", harmless(&parent.pkg_filter)));
    }
    line
}

fn join(arches: &[Arch]) -> String {
    arches.iter().map(Arch::as_str).collect::<Vec<_>>().join(" ")
}
