//! `tannery repo merged`: of what is a merged repository of ours made, when and why was it made anew?

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::cli::output::{Form, age, count, harmless, time};
use crate::cli::suggest::no_such_tag;
use crate::model::{Arch, TagName};
use crate::repos::{MergedStanding, Parts, merged_name, merged_standing};
use crate::store::merged::{self, MergedGeneration};
use crate::store::{self, Tx, tags};

/// Show of what the repositories are made that are merged of a tag's own and external ones, and when and why
///
/// They are there where a follow rule says external_repos = "merge". Generations are shown as long as they are kept.
#[derive(Debug, Args)]
pub(in crate::cli) struct Merged {
    /// The tag
    tag: TagName,
    /// Only that of this arch
    arch: Option<Arch>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Serialize)]
struct Shown {
    repo: String,
    state: &'static str,
    url: Option<String>,
    troubles: Vec<Trouble>,
    /// The newest first.
    generations: Vec<Generation>,
    #[serde(skip)]
    now: i64,
}

#[derive(Debug, Serialize)]
struct Trouble {
    since: Option<String>,
    problem: String,
}

#[derive(Debug, Serialize)]
struct Generation {
    number: i64,
    state: &'static str,
    made_at: String,
    replaced_at: Option<String>,
    /// By what it differs from the one before.
    why: Vec<String>,
    packages: i64,
    repomd_sha256: String,
    key: String,
    parts: Parts,
    #[serde(skip)]
    made: i64,
}

impl Merged {
    pub(in crate::cli) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let mut tx = app.db.read().await?;
        if tags::by_name(&mut tx, &app.config.buildsys.id, self.tag.as_str()).await?.is_none() {
            drop(tx);
            return Err(no_such_tag(app, &self.tag).await?);
        }
        let mut all = Vec::new();
        for standing in merged_standing(&mut tx, Some(&self.tag)).await? {
            if self.arch.as_ref().is_none_or(|arch| *arch == standing.arch) {
                all.push(shown(app, &mut tx, standing).await?);
            }
        }
        self.form.print(&all, |all| match all.is_empty() {
            true => format!("no merged repositories of tag {}\n", self.tag),
            false => all.iter().map(text).collect::<Vec<_>>().join("\n"),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn shown(app: &App, tx: &mut Tx, standing: MergedStanding) -> Result<Shown, store::Error> {
    let name = merged_name(&standing.arch);
    let mut generations = Vec::new();
    for one in merged::of_repo(tx, &standing.tag, &standing.arch).await? {
        generations.push(generation(one)?);
    }
    let url = app.config.http.url(app.config.http.bind);
    let trouble = |one: crate::repos::Trouble| Trouble { since: one.since.map(time), problem: one.problem };
    Ok(Shown {
        repo: format!("{}/{name}", standing.tag),
        state: standing.word.name(),
        url: (!generations.is_empty()).then(|| format!("{url}/repos/{}/{name}/", standing.tag)),
        troubles: standing.troubles.into_iter().map(trouble).collect(),
        generations,
        now: app.clock.micros(),
    })
}

fn generation(one: MergedGeneration) -> Result<Generation, store::Error> {
    Ok(Generation {
        number: one.number,
        state: one.state.name(),
        made_at: time(one.made_at),
        replaced_at: one.replaced_at.map(time),
        why: one.why,
        packages: one.packages,
        repomd_sha256: one.repomd.to_string(),
        key: one.key.to_string(),
        parts: store::db::from_json("merged_generations.parts", &one.parts)?,
        made: one.made_at,
    })
}

fn text(shown: &Shown) -> String {
    let mut lines = vec![(format!("{} is {}", shown.repo, shown.state))];
    lines.extend(shown.url.iter().map(|url| format!("  url         {url}")));
    for Trouble { since, problem } in &shown.troubles {
        let since = since.as_ref().map_or_else(String::new, |since| format!(" (since {since})"));
        lines.push(format!("  trouble     {problem}{since}"));
    }
    for one in &shown.generations {
        let (age, packages) = (age(one.made, shown.now), count(one.packages, "package"));
        lines.push(format!("  generation  {}, {}, {age} old: {packages}", one.number, one.state));
        lines.push(format!("    why       {}", one.why.join(", ")));
        lines.push(format!("    key       {}", one.key));
        lines.extend(parts(&one.parts));
    }
    lines.iter().map(|line| harmless(line) + "\n").collect()
}

fn parts(parts: &Parts) -> Vec<String> {
    let own = &parts.own;
    let mut lines = vec![format!(
        "    own       generation {}, revision {}, repomd.xml {}",
        own.generation, own.revision, own.repomd
    )];
    for one in &parts.external {
        lines.push(format!("    external  {} of {}: {}, repomd.xml {}", one.name, one.tag, one.url, one.repomd));
    }
    lines.push(format!("    mode      {}, {}, for {}", parts.mode, parts.compression, parts.arches.join(" ")));
    if !parts.blocked.is_empty() {
        lines.push(format!("    blocked   {}", parts.blocked.join(" ")));
    }
    lines
}
