//! How far is what is learned of a hub's builds? What waits, what is known, what went wrong.

use serde::Serialize;

use super::screen::problem;
use crate::app::App;
use crate::cli::output::count;
use crate::store::hub_rpms;
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx};

/// How many problems are shown.
const PROBLEMS: i64 = 3;

/// The files of a hub's builds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Files {
    /// Listings and readings of builds, and looks at their signatures, that wait or are under way.
    pub waiting: i64,
    /// Builds whose RPMs are known.
    pub builds: i64,
    /// Of these, builds that can be in no set.
    pub refused: i64,
    /// Of these, builds with RPMs that the hub has no file of.
    pub with_left_out: i64,
    /// Builds of which something cannot be learned; it is tried again and again.
    pub problems: i64,
    /// The first of them.
    pub first_problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
pub(super) struct Problem {
    pub build: String,
    pub problem: String,
}

/// Reads how it stands; `None` without a hub.
pub(super) async fn files(app: &App, tx: &mut Tx) -> Result<Option<Files>, store::Error> {
    if app.config.buildsys.koji.is_none() {
        return Ok(None);
    }
    let known = hub_rpms::known(tx, PROBLEMS).await?;
    let first = known.problems.into_iter().map(|(build, _, problem)| Problem { build, problem });
    Ok(Some(Files {
        waiting: wakeups::count(tx, Room::Files).await?,
        builds: known.listed,
        refused: known.refused,
        with_left_out: known.with_left_out,
        problems: known.all_problems,
        first_problems: first.collect(),
    }))
}

/// Returns its lines of the screen.
pub(super) fn lines(files: &Files) -> Vec<(&'static str, String)> {
    let waiting = match files.waiting {
        0 => "all are read".to_owned(),
        waiting => format!("{} to be listed, read or verified", count(waiting, "build")),
    };
    let mut lines = vec![("files", format!("{waiting}; {} known", count(files.builds, "build")))];
    for (number, what) in [(files.refused, "can be in no set"), (files.with_left_out, "with RPMs that have no file")] {
        if number > 0 {
            lines.push(("", format!("{} {what}", count(number, "build"))));
        }
    }
    for first in &files.first_problems {
        lines.extend(problem(&format!("{}: {}", first.build, first.problem)));
    }
    let others = files.problems - files.first_problems.len() as i64;
    if others > 0 {
        lines.push(("", format!("{} more", count(others, "problem"))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_is_wrong_is_told() {
        let first_problems =
            vec![Problem { build: "bash-5-1".to_owned(), problem: "bash/5/1/x is not in the volume".to_owned() }];
        let files = Files { waiting: 2, builds: 1, refused: 1, problems: 4, first_problems, ..Files::default() };
        let shown: Vec<String> = lines(&files).into_iter().map(|(name, line)| format!("{name}|{line}")).collect();
        assert_eq!(
            shown,
            [
                "files|2 builds to be listed, read or verified; 1 build known",
                "|1 build can be in no set",
                "|bash-5-1: bash/5/1/x is not in the volume",
                "|3 problems more",
            ]
        );
        assert_eq!(lines(&Files::default()), [("files", "all are read; 0 builds known".to_owned())]);
    }
}
