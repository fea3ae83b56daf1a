//! `tannery serve`: runs the service.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::app::App;

/// Run the service until it is stopped by SIGTERM or SIGINT
///
/// Takes events from the broker and over HTTP, keeps repositories current, and serves them. One per
/// data directory.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on (option http.bind)
    #[arg(long, value_name = "ADDR")]
    bind: Option<SocketAddr>,
}

impl Serve {
    /// Returns the options of the configuration that the command sets.
    pub(super) fn overrides(&self) -> Vec<(&'static str, &'static str, String)> {
        self.bind.iter().map(|bind| ("--bind", "http.bind", bind.to_string())).collect()
    }
}

pub(super) async fn run(app: App) -> anyhow::Result<ExitCode> {
    app.serve().await?;
    Ok(ExitCode::SUCCESS)
}
