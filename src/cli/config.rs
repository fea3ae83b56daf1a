//! `tannery config`: is the configuration right?

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::output::{harmless, print};

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read the configuration as every command does, and say whether it is right
    Check,
}

impl Config {
    /// Says that the configuration, which was read before this, is right.
    pub(super) fn run(&self, file: Option<&Path>) -> anyhow::Result<ExitCode> {
        let Self::Check = self;
        let from = file.map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        print(&format!("ok ({})\n", harmless(&from)))?;
        Ok(ExitCode::SUCCESS)
    }
}
