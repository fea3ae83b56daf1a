//! `tannery tag list`: which tags are there, and how fresh are their sets?

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde::Serialize;

use crate::app::App;
use crate::cli::output::{Form, age, fit, time};
use crate::model::TagName;
use crate::store::{self, Tx, pkgsets, tags, wakeups};

/// What is said of a tag in one line.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Summary {
    pub(in crate::cli) tag: TagName,
    /// Whether a follow rule matches it.
    pub(in crate::cli) followed: bool,
    /// Its set's newest revision.
    pub(in crate::cli) revision: Option<i64>,
    /// When that was made.
    made_at: Option<String>,
    builds: i64,
    held: usize,
    /// Whether something changed that the set does not show yet.
    pending: bool,
    #[serde(skip)]
    pub(in crate::cli) made: i64,
    #[serde(skip)]
    age: Option<String>,
}

/// The heading above [`Summary::line`].
pub(in crate::cli) const HEADING: &str = "TAG                                 REVISION  AGE       BUILDS  HELD\n";

impl Summary {
    /// Returns the tag in one line of a table.
    pub(in crate::cli) fn line(&self) -> String {
        let revision = match (self.revision, self.followed) {
            (Some(number), _) => number.to_string(),
            (None, true) => "none yet".to_owned(),
            (None, false) => "-".to_owned(),
        };
        let age = self.age.as_deref().unwrap_or("-");
        let note = match (self.followed, self.pending) {
            (false, _) => "  not followed",
            (true, true) => "  pending",
            (true, false) => "",
        };
        let name = fit(self.tag.as_str(), 34);
        let line = format!("{name:<34}  {revision:<8}  {age:<8}  {:<6}  {:<4}{note}", self.builds, self.held);
        line.trim_end().to_owned() + "\n"
    }
}

/// Returns all tags, by name.
pub(in crate::cli) async fn summaries(app: &App, tx: &mut Tx) -> Result<Vec<Summary>, store::Error> {
    let now = app.clock.micros();
    let woken = wakeups::pending(tx, wakeups::Room::Tags).await?;
    let woken: BTreeSet<String> = woken.into_iter().map(|wake_up| wake_up.key).collect();
    let mut all = Vec::new();
    for tag in tags::all(tx, &app.config.buildsys.id).await? {
        let revision = pkgsets::newest(tx, &tag.name).await?;
        let revision = revision.as_ref();
        all.push(Summary {
            followed: app.config.follow.for_tag(&tag.name).is_some(),
            revision: revision.map(|revision| revision.number),
            made_at: revision.map(|revision| time(revision.made_at)),
            builds: revision.map_or(0, |revision| revision.builds),
            held: pkgsets::held(tx, &tag.name).await?.len(),
            pending: woken.contains(tag.name.as_str()),
            made: revision.map_or(0, |revision| revision.made_at),
            age: revision.map(|revision| age(revision.made_at, now)),
            tag: tag.name,
        });
    }
    Ok(all)
}

pub(super) async fn run(app: &App, form: Form) -> anyhow::Result<ExitCode> {
    let all = summaries(app, &mut app.db.read().await?).await?;
    form.print(&all, |all| match all.is_empty() {
        true => String::new(),
        false => HEADING.to_owned() + &all.iter().map(Summary::line).collect::<String>(),
    })?;
    Ok(ExitCode::SUCCESS)
}
