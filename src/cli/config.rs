//! `tannery config`: is the configuration right?

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::output::{harmless, print};
use crate::config;
use crate::tags::check_keys;

#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read the configuration as every command does, and say whether it is right
    Check,
}

impl Config {
    /// Says that the configuration, which was read before this, is right; what it needs of others is tried.
    pub(super) fn run(&self, file: Option<&Path>, config: &config::Config) -> anyhow::Result<ExitCode> {
        let Self::Check = self;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start threads")?;
        runtime.block_on(check_keys(&config.follow))?;
        let from = file.map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        print(&format!("ok ({})\n", harmless(&from)))?;
        Ok(ExitCode::SUCCESS)
    }
}
