//! Where do benchmarks and tests get a distribution's packages from? Writes a made-up corpus of RPM files.
//!
//! `cargo bench --bench corpus -- DIR --packages N [--replace K --round R]`: without `--replace` it writes
//! the N packages of the corpus, with it it replaces K of them by those of round R and prints their builds.
//! Same N, same bytes.

#[path = "corpus/mod.rs"]
mod corpus;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;

use corpus::{Corpus, replace, write};

/// Writes a corpus of RPM files, the same bytes for the same number of packages.
#[derive(Parser)]
struct Arguments {
    /// Directory that the packages come into.
    directory: PathBuf,
    /// How many packages the corpus has.
    #[arg(long)]
    packages: usize,
    /// How many packages to replace by a newer release, instead of writing all.
    #[arg(long, requires = "round")]
    replace: Option<usize>,
    /// The round of replacements, from 1; rounds are done in order.
    #[arg(long, requires = "replace", value_parser = clap::value_parser!(u32).range(1..))]
    round: Option<u32>,
    /// Given by `cargo bench`; changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let started = Instant::now();
    let corpus = Corpus::plan(arguments.packages);
    let directory = &arguments.directory;
    let written = match (arguments.replace, arguments.round) {
        (Some(count), Some(round)) => replace(&corpus, directory, count, round),
        _ => write(&corpus, directory),
    }
    .with_context(|| format!("the corpus cannot be written to {}", directory.display()))?;
    if let (Some(count), Some(round)) = (arguments.replace, arguments.round) {
        for number in corpus.replaced(count, round) {
            println!("{}", corpus.build(number, round));
        }
    }
    let (files, bytes) = (written.files, written.bytes);
    eprintln!("{files} packages, {bytes} bytes in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
