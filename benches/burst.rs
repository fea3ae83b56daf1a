//! What does a mass rebuild cost who follows a Koji hub? 20,000 messages over 4,000 packages of a tag of 70,000 RPMs,
//! as fast as the broker takes them: until all are acknowledged, until the repository is right, in which memory, with
//! how many generations and calls to the hub.
//!
//! `scripts/peers run cargo bench --bench burst -- [--packages N] [--messages M]`. The service is `tannery serve` as it
//! is run, with its default settings but for what it has to be told; the broker is a real RabbitMQ; the hub is the
//! tests' fake one, in the process of this bench, whose processor time is told apart. The hub's plugin is played by a
//! publisher that lets 1,000 messages be unconfirmed; each act is done in the hub's rows just before it is announced.
//!
//! The tag has the corpus of `benches/corpus`, without source packages. The burst is a mass rebuild: of the first
//! packages a build of the next release is there, with real RPM files, when it begins. Each is tagged, the old build
//! is untagged, and as in life one thing goes wrong: the old one is put back and the new one tagged once more, or, for
//! one package of eight, the new one is withdrawn. So there are five messages for each package, of which no single one
//! says what is right in the end; those of all packages come mixed by a chance that is the same each time. All new
//! builds come into question, so all are listed and their files read. Untold by this: builds that are signed, source
//! packages, a hub that takes its time.
//!
//! Halfway between the messages one comes of a small tag that has nothing to do with all this, and a second one once
//! the first sets of the burst are out.

#![expect(clippy::print_stdout, clippy::print_stderr)]

#[path = "burst/acts.rs"]
mod acts;
#[path = "burst/broker.rs"]
mod broker;
#[path = "../tests/it/world/chance.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod chance;
#[path = "corpus/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with other benches")]
mod corpus;
#[path = "../tests/it/world/http.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod http;
#[path = "../tests/it/world/hub/mod.rs"]
#[allow(dead_code, unused_imports, clippy::unwrap_used, reason = "shared with the tests")]
mod hub;
#[path = "repodata/measure.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod measure;
#[path = "../tests/it/world/peer.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod peer;
#[path = "../tests/it/world/servers.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod servers;
#[path = "repodata/service.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod service;
#[path = "repodata/setup.rs"]
#[expect(dead_code, reason = "shared with other benches")]
mod setup;
#[path = "burst/shown.rs"]
mod shown;
#[path = "burst/story.rs"]
mod story;
#[path = "burst/table.rs"]
mod table;
#[path = "burst/volume.rs"]
mod volume;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use setup::Setup;
use story::Story;

/// Measures a mass rebuild of a Koji hub.
#[derive(Parser)]
struct Arguments {
    /// How many packages the corpus has.
    #[arg(long, default_value_t = 1000)]
    packages: usize,
    /// How many messages there are, five for each rebuilt package; without it, two for seven packages.
    #[arg(long)]
    messages: Option<usize>,
    /// The corpus; written if it is not there.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Emptied and filled again: on the disk to be measured, that of the corpus.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-burst"))]
    scratch: PathBuf,
    /// More lines of the section `[koji]`, separated by semicolons.
    #[arg(long, value_name = "LINES", default_value = "")]
    koji: String,
    /// Also writes the table here, as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Given by `cargo bench`; changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let setup = Setup::new(arguments.packages, arguments.corpus, arguments.scratch, None)?;
    let packages = arguments.messages.unwrap_or(arguments.packages * 2 / 7) / acts::EACH;
    let mut builds = volume::fill(&setup, &setup.fresh("koji")?, packages)?;
    let mut story = Story::begin(&setup, &mut builds, &arguments.koji)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let burst = runtime.block_on(story.burst(&builds))?;
    let text = table::markdown(&setup, &story, &burst);
    println!("{text}");
    if let Some(place) = arguments.markdown {
        fs::write(place, text)?;
    }
    Ok(if burst.wrong.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
