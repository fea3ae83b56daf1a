//! Parses arguments and calls [`tannery::cli`]; nothing else.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Fails only where a provider is installed already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tannery::cli::run(tannery::cli::Cli::parse())
}
