//! How does repository metadata compare with createrepo_c's, at the size of a distribution? Measures every
//! goal of `docs/benchmarks.md`, ours and the peers' in the same run and in turn.
//!
//! `cargo bench --bench repodata -- [--packages N] [--work NAME,...] [--rounds R]`. A work that cannot be
//! measured is shown as failed, and the command fails; none is left out in silence.

#[path = "repodata/commands.rs"]
mod commands;
#[path = "corpus/mod.rs"]
mod corpus;
#[path = "repodata/disk.rs"]
mod disk;
#[path = "repodata/live.rs"]
mod live;
#[path = "repodata/measure.rs"]
mod measure;
#[path = "repodata/reader.rs"]
mod reader;
#[path = "repodata/report.rs"]
mod report;
#[path = "repodata/service.rs"]
mod service;
#[path = "repodata/setup.rs"]
mod setup;
#[path = "repodata/side_tags.rs"]
mod side_tags;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};

use live::Live;
use report::Outcome;
use setup::Setup;

/// Measures repository metadata against createrepo_c.
#[derive(Parser)]
struct Arguments {
    /// How many packages the corpus has.
    #[arg(long, default_value_t = 1000)]
    packages: usize,
    /// What to measure; without it everything.
    #[arg(long, value_enum, value_delimiter = ',')]
    work: Vec<Work>,
    /// How often each program runs.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many side tags there are.
    #[arg(long, default_value_t = 500)]
    side_tags: usize,
    /// The corpus; written if it is not there.
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Emptied and filled again: on the disk to be measured, that of the corpus.
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-scratch"))]
    scratch: PathBuf,
    /// The newest createrepo_c: the program itself, not the Python wrapper of its wheel.
    #[arg(long, value_name = "FILE")]
    createrepo_c: Option<PathBuf>,
    /// Also writes the table here, as Markdown.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Given by `cargo bench`; changes nothing.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A row of the table of goals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Work {
    ColdZstd,
    ColdGzip,
    Update,
    LiveOne,
    LiveMany,
    LiveAssembled,
    SideTags,
    SideTagsBase,
    Clients,
}

impl Work {
    /// Returns what is done, and the goal.
    fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::ColdZstd => ("cold, zstd", "4 times faster, 400 MB; size at most 1.03 times"),
            Self::ColdGzip => ("cold, gzip", "4 times faster, 400 MB"),
            Self::Update => ("one replaced, --update", "20 times faster, 250 MB"),
            Self::LiveOne => ("one replaced, live", "150 ms and the disk's time; 150 MB above idle; idle 300 MB"),
            Self::LiveMany => ("200 replaced, live", "1.5 s"),
            Self::LiveAssembled => ("one replaced, live, assembled", "100 ms"),
            Self::SideTags => ("side tags, one build each", "each: 2 % of a cold run's time and bytes"),
            Self::SideTagsBase => ("one build into the base of the side tags", "60 s; idle 600 MB"),
            Self::Clients => ("clients read it", "not slower"),
        }
    }
}

/// The services, each started by the first work that needs it.
#[derive(Default)]
struct Services {
    files: Option<Live>,
    assembled: Option<Live>,
}

impl Services {
    fn of<'a>(place: &'a mut Option<Live>, setup: &Setup, form: &str) -> anyhow::Result<&'a mut Live> {
        if place.is_none() {
            *place = Some(Live::start(setup, form)?);
        }
        place.as_mut().ok_or_else(|| anyhow::anyhow!("there is no service"))
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut setup = Setup::new(arguments.packages, arguments.corpus, arguments.scratch, arguments.createrepo_c)?;
    setup.rounds = arguments.rounds;
    setup.side_tags = arguments.side_tags;
    let wanted = if arguments.work.is_empty() { Work::value_variants().to_vec() } else { arguments.work };
    let (mut outcomes, mut services) = (Vec::new(), Services::default());
    for work in wanted {
        let (name, goal) = work.about();
        eprintln!("{name} ...");
        let mut outcome = Outcome { work: name, goal, contenders: Vec::new(), notes: Vec::new(), failure: None };
        let before = measure::stolen();
        if let Err(error) = measure_work(work, &setup, &mut services, &mut outcome) {
            outcome.failure = Some(format!("{error:#}"));
        }
        if let Some(((old, all_old), (new, all_new))) = before.zip(measure::stolen()) {
            let share = (new - old) as f64 * 100.0 / (all_new - all_old).max(1) as f64;
            outcome
                .notes
                .push(format!("{share:.1} % of the processors' time went to other guests of the machine's host"));
        }
        outcomes.push(outcome);
    }
    let text = report::markdown(&heading(&setup), &outcomes);
    println!("{text}");
    if let Some(place) = arguments.markdown {
        fs::write(place, text)?;
    }
    let failed = outcomes.iter().any(|outcome| outcome.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn measure_work(work: Work, setup: &Setup, services: &mut Services, outcome: &mut Outcome) -> anyhow::Result<()> {
    match work {
        Work::ColdZstd => commands::cold(setup, outcome, "zstd"),
        Work::ColdGzip => commands::cold(setup, outcome, "gz"),
        Work::Update => commands::update(setup, outcome),
        Work::Clients => commands::clients(setup, outcome),
        Work::LiveOne => live::live(setup, Services::of(&mut services.files, setup, "files")?, outcome, 1),
        Work::LiveMany => live::live(setup, Services::of(&mut services.files, setup, "files")?, outcome, 200),
        Work::LiveAssembled => {
            live::live(setup, Services::of(&mut services.assembled, setup, "assembled")?, outcome, 1)
        }
        Work::SideTags => {
            side_tags::side_tags(setup, Services::of(&mut services.assembled, setup, "assembled")?, outcome)
        }
        Work::SideTagsBase => match &mut services.assembled {
            Some(live) => side_tags::base(setup, live, outcome),
            None => anyhow::bail!("there are no side tags: measure side-tags in the same run"),
        },
    }
}

/// Returns what was measured, where and when.
fn heading(setup: &Setup) -> String {
    let output = |program: &str, argument: &str| {
        let said = Command::new(program).arg(argument).output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    format!(
        "{} packages, {} rounds, {} · {cores} cores ({}) · {} · {}",
        setup.corpus.packages.len(),
        setup.rounds,
        jiff::Zoned::now().date(),
        processor.trim_start_matches([' ', '\t', ':']),
        output("uname", "-sr"),
        output(env!("CARGO_BIN_EXE_tannery"), "--version"),
    )
}
