//! Calls [`tannery::cli`]; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only where a provider is installed already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tannery::cli::main()
}
