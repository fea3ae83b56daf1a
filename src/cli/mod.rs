//! What may a person type? Commands and options, one file per command.
//!
//! A command opens the rooms, asks them, and prints: what anything means is decided there. This is the
//! only room that uses `anyhow`.

mod bus;
mod compose;
mod config;
mod createrepo;
mod demo;
mod events;
mod global;
mod import;
mod messages;
mod output;
mod reconcile;
mod repo;
mod send;
mod serve;
mod status;
mod suggest;
mod tag;
mod tail;
mod wait_repo;
mod webhook;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

use crate::app::App;
use crate::clock::Clock;
use global::Global;

/// Turns a stream of build events into always-fresh RPM repositories and composes.
#[derive(Debug, Parser)]
#[command(name = "tannery", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit status: 0 done, 1 failed, 2 wrong arguments; wait-repo has more. \
                        Every command works beside a running `tannery serve`.")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Import(import::Import),
    /// Make, change and show tags, and put builds into them
    #[command(subcommand)]
    Tag(tag::Tag),
    /// Show the messages that came in, or hand some in
    #[command(subcommand)]
    Events(events::Events),
    /// Look at the broker
    #[command(subcommand)]
    Bus(bus::Bus),
    WaitRepo(wait_repo::WaitRepo),
    Status(status::Status),
    Reconcile(reconcile::Reconcile),
    /// Make and show composes
    #[command(subcommand)]
    Compose(compose::Compose),
    Messages(messages::Messages),
    /// Show who is told of messages by HTTP, and have messages come again
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    Createrepo(Box<createrepo::Createrepo>),
    /// Look into anybody's repository: is it whole, what is in it, how do two differ
    #[command(subcommand)]
    Repo(repo::Repo),
    /// Look at the configuration
    #[command(subcommand)]
    Config(config::Config),
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli),
        Err(error) => {
            let code = match error.use_stderr() {
                false => 0,
                // Whoever calls it in place of createrepo_c takes 2 for a repository without some packages.
                true if asks_for_createrepo() => 1,
                true => 2,
            };
            told(&error);
            ExitCode::from(code)
        }
    }
}

/// Returns whether the command is createrepo, as far as wrong arguments let it be seen.
fn asks_for_createrepo() -> bool {
    let matches = Cli::command().ignore_errors(true).try_get_matches();
    matches.is_ok_and(|matches| matches.subcommand_name() == Some("createrepo"))
}

/// Prints help, the version, or what is wrong with the arguments: these it repeats, so that they are
/// shown without colours, and with what would steer a terminal escaped.
fn told(error: &clap::Error) {
    // Nobody is left to tell where the output is closed.
    let _ = if error.use_stderr() { io::stderr().write_all(complaint(error).as_bytes()) } else { error.print() };
}

fn complaint(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().map(|line| output::harmless(line) + "\n").collect()
}

/// Runs a command; errors are told on standard error in one line.
pub fn run(cli: Cli) -> ExitCode {
    let error = match execute(cli) {
        Ok(code) => return code,
        Err(error) => error,
    };
    if error.is::<output::ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    output::complain("error", &crate::model::chain(error.as_ref()));
    ExitCode::from(if error.is::<output::Usage>() { 2 } else { 1 })
}

fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Createrepo(command) = cli.command {
        createrepo::refuse_configuration(&cli.global.given())?;
        return createrepo::run(*command, cli.global.is_verbose());
    }
    let extra = match &cli.command {
        Command::Serve(serve) => serve.overrides(),
        Command::Demo(demo) => demo.overrides(cli.global.data_dir()),
        _ => Vec::new(),
    };
    let config = cli.global.load(&extra, std::env::vars_os())?;
    if let Command::Config(command) = &cli.command {
        return command.run(cli.global.file(), &config);
    }
    global::start_log(&config.log, !matches!(cli.command, Command::Serve(_)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start threads")?;
    if let Command::Demo(demo) = cli.command {
        return runtime.block_on(demo.run(config));
    }
    let command = match cli.command {
        Command::Repo(command) if !command.needs_state() => return runtime.block_on(command.run(Clock::system())),
        command => command,
    };
    runtime.block_on(async {
        let app = App::open(config, Clock::system()).await?;
        let db = app.db.clone();
        let ended = command.run(app).await;
        db.close().await;
        ended
    })
}

impl Command {
    async fn run(self, app: App) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(_) => serve::run(app).await,
            Self::Import(command) => command.run(&app).await,
            Self::Tag(command) => command.run(&app).await,
            Self::Events(command) => command.run(&app).await,
            Self::Bus(command) => command.run(&app).await,
            Self::WaitRepo(command) => command.run(&app).await,
            Self::Status(command) => command.run(&app).await,
            Self::Reconcile(command) => command.run(&app).await,
            Self::Compose(command) => command.run(&app).await,
            Self::Messages(command) => command.run(&app).await,
            Self::Webhook(command) => command.run(&app).await,
            Self::Repo(repo::Repo::Export(command)) => command.run(&app).await,
            Self::Repo(repo::Repo::Merged(command)) => command.run(&app).await,
            // These open no state beforehand, and have run already.
            Self::Demo(_) | Self::Config(_) | Self::Createrepo(_) | Self::Repo(_) => Ok(ExitCode::SUCCESS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_repeated_of_wrong_arguments_cannot_steer_a_terminal() {
        let error = parse("tannery tag show a\u{1b}[2J\u{202e}\u{9b}b").unwrap_err();
        let shown = complaint(&error);
        assert!(shown.contains("invalid value 'a\\u{202e}\\u{9b}b'"), "{shown}");
        assert!(!shown.contains(|char: char| char.is_control() && char != '\n'), "{shown}");
    }

    #[test]
    fn options_of_all_commands_stand_before_or_after_the_command() {
        for line in ["tannery --data-dir d status --json", "tannery status --json --data-dir d -vv"] {
            assert!(matches!(parse(line).unwrap().command, Command::Status(_)), "{line}");
        }
    }

    #[test]
    fn names_that_are_none_are_wrong_arguments() {
        for line in [
            "tannery tag show a/b",
            "tannery tag add f43 bash",
            "tannery tag create f43 --arch ../x",
            "tannery tag create f43 --arch noarch",
            "tannery tag create f43 --parent base:x",
            "tannery tag create f43 --maxdepth 1",
            "tannery tag edit f43",
            "tannery tag block f43 ..",
            "tannery tag block f43",
            "tannery wait-repo f43",
            "tannery wait-repo f43 --contains bash-1-1 --timeout -1",
            "tannery events list --state lost",
            "tannery import",
            "tannery serve --bind nowhere",
            "tannery webhook replay ci",
            "tannery webhook replay ci --from 0",
            "tannery status -v --log-level debug",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
