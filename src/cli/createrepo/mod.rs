//! `tannery createrepo`: a directory of packages becomes a repository, as createrepo_c makes it.

mod args;
mod screen;

use std::process::{self, ExitCode};

use anyhow::Context;

pub(super) use args::Createrepo;
use screen::Screen;

use super::output::{Usage, complain};
use crate::clock::Clock;
use crate::createrepo::{self, Error, Stop};
use crate::lifecycle;
use crate::model::chain;

/// Fine.
const DONE: u8 = 0;
/// Nothing was written.
const FAILED: u8 = 1;
/// Metadata was written without some packages or files.
const LEFT_OUT: u8 = 2;

/// Runs the command; `verbose` is how often it is to say more. Exit codes are createrepo_c's.
pub(super) fn run(command: Createrepo, verbose: bool) -> anyhow::Result<ExitCode> {
    let watch = command.watch();
    let quiet = command.quiet();
    let screen = Screen::new(quiet, verbose);
    let options = match command.options(&screen) {
        Ok(options) => options,
        Err(error) => return Ok(failed(&error)),
    };
    let stop = Stop::new().context("cannot start")?;
    let told = stop.clone();
    let when_told = move || {
        if told.is_set() {
            // Told twice: what is left is the next run's to clear.
            process::exit(i32::from(FAILED));
        }
        told.set();
    };
    lifecycle::when_told_to_end(when_told).context("cannot listen for signals")?;
    let clock = Clock::system();
    let ended = match watch {
        Some(watch) => createrepo::watch(&options, watch, &clock, &screen, &stop).map(|()| DONE),
        None => createrepo::run(&options, &clock, &screen, &stop)
            .map(|outcome| if outcome.problems == 0 { DONE } else { LEFT_OUT }),
    };
    screen.clear();
    Ok(match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => failed(&error),
    })
}

fn failed(error: &Error) -> ExitCode {
    complain("error", &chain(error));
    ExitCode::from(FAILED)
}

/// Says that options which only other commands heed are out of place.
pub(super) fn refuse_configuration(given: &[&str]) -> anyhow::Result<()> {
    match given {
        [] => Ok(()),
        [first, ..] => Err(Usage(format!("createrepo reads no configuration: {first} has no place here")).into()),
    }
}
