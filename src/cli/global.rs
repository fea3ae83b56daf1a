//! With which configuration does a command run, and where does its log go? The options of all commands.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgAction, Args};
use tracing_subscriber::EnvFilter;

use super::output::Usage;
use crate::config::{Config, Log, LogFormat, Overrides};

/// Where the configuration is looked for when none is named, in this order.
const FILES: [&str; 2] = ["tannery.toml", "/etc/tannery/tannery.toml"];

/// Options that every command has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(super) struct Global {
    /// Configuration file [default: tannery.toml here, else /etc/tannery/tannery.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "TANNERY_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Where everything is kept that has no option of its own (option data_dir)
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Set any option, as in --set http.bind=127.0.0.1:9000; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", action = ArgAction::Append)]
    set: Vec<String>,
    /// How log lines look (option log.format)
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["auto", "human", "json"])]
    log_format: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or by part, "info,tannery::bus=debug" (option log.level)
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Log more: -v what Tannery does, -vv also what the libraries it uses do
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "log_level")]
    verbose: u8,
}

impl Global {
    /// Returns whether more is to be said than usually.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose > 0
    }

    /// Returns the names of the options that were given to say with which configuration to run.
    pub(super) fn given(&self) -> Vec<&'static str> {
        let all = [
            (self.data_dir.is_some(), "--data-dir"),
            (!self.set.is_empty(), "--set"),
            (self.log_format.is_some(), "--log-format"),
            (self.log_level.is_some(), "--log-level"),
        ];
        all.into_iter().filter(|(is_given, _)| *is_given).map(|(_, name)| name).collect()
    }

    /// Returns the data directory, where the user named one.
    pub(super) fn data_dir(&self) -> Option<&str> {
        self.data_dir.as_deref()
    }

    /// Returns the configuration file that counts, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        let found = || FILES.map(Path::new).into_iter().find(|file| file.exists());
        self.config.as_deref().or_else(found)
    }

    /// Reads the configuration; `extra` are options that the command itself has: flag, key and value.
    pub(super) fn load(
        &self,
        extra: &[(&str, &str, String)],
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> anyhow::Result<Config> {
        let mut overrides = Overrides::none();
        for (at, set) in self.set.iter().enumerate() {
            let usage = || Usage(format!("--set takes KEY=VALUE, and number {} has no =", at + 1));
            let (key, value) = set.split_once('=').ok_or_else(usage)?;
            overrides.value(&format!("--set {key}"), key, value);
        }
        let level = match self.verbose {
            0 => self.log_level.as_deref(),
            1 => Some("info,tannery=debug"),
            _ => Some("debug"),
        };
        let (flag, format) = ("--log-level", self.log_format.as_deref());
        let own = [
            ("--data-dir", "data_dir", self.data_dir.as_deref()),
            ("--log-format", "log.format", format),
            (flag, "log.level", level),
        ];
        for (flag, key, value) in own {
            if let Some(value) = value {
                overrides.text(flag, key, value);
            }
        }
        for (flag, key, value) in extra {
            overrides.text(flag, key, value);
        }
        Ok(Config::load(self.file(), &overrides, env)?)
    }
}

/// Sends the log to standard error. What ends by itself is `brief`: where the configuration asks for
/// nothing else, it logs warnings and errors only, since its answer says the rest.
pub(super) fn start_log(log: &Log, brief: bool) -> anyhow::Result<()> {
    // The AMQP library complains of every lost link by itself; the bus says the same once, and why.
    let level = match (log.level == Log::default().level, brief) {
        (true, true) => "warn,lapin=off",
        (true, false) => "info,lapin=off",
        (false, _) => &log.level,
    };
    let filter = EnvFilter::try_new(level).context("log.level is no filter")?;
    let terminal = io::stderr().is_terminal();
    let human = match log.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(terminal)
        .log_internal_errors(false);
    let started = if human { builder.try_init() } else { builder.json().flatten_event(true).try_init() };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(global: Global) -> anyhow::Result<Config> {
        let bind = ("--bind", "http.bind", "127.0.0.1:1".to_owned());
        Global { config: Some("config/tannery.toml".into()), ..global }.load(&[bind], [])
    }

    #[test]
    fn flags_win_over_the_file() {
        let set = vec!["inbox.max_depth=7".to_owned(), "buildsys.id=other".to_owned()];
        let config = load(Global { set, data_dir: Some("/d".to_owned()), verbose: 1, ..Global::default() }).unwrap();
        assert_eq!((config.http.bind.port(), config.inbox.max_depth.get()), (1, 7));
        assert_eq!((config.buildsys.id.as_str(), config.data_dir.to_str()), ("other", Some("/d")));
        assert_eq!(config.log.level, "info,tannery=debug");
    }

    #[test]
    fn an_option_without_a_value_is_refused_and_a_bad_one_named() {
        let error = load(Global { set: vec!["http.tokens".to_owned()], ..Global::default() }).unwrap_err();
        assert!(error.is::<Usage>() && error.to_string() == "--set takes KEY=VALUE, and number 1 has no =");
        let error = load(Global { set: vec!["http.bnid=x".to_owned()], ..Global::default() }).unwrap_err();
        assert!(error.to_string().starts_with("--set http.bnid: "), "{error}");
        assert!(error.to_string().ends_with("did you mean \"http.bind\"?"), "{error}");
    }
}
