//! How are the figures shown? One table for a terminal and for `docs/benchmarks.md`, failures included.

use std::fmt::Write;
use std::time::Duration;

use super::measure::Sample;

/// What one program did for one work, in all rounds.
#[derive(Debug)]
pub struct Contender {
    pub who: String,
    pub command: String,
    pub samples: Vec<Sample>,
    /// Size of the result, in bytes.
    pub bytes: Option<u64>,
}

/// One work of the table.
#[derive(Debug)]
pub struct Outcome {
    pub work: &'static str,
    pub goal: &'static str,
    /// The first is the one that the others are compared with.
    pub contenders: Vec<Contender>,
    /// What else was measured, a sentence each.
    pub notes: Vec<String>,
    /// Why it could not be measured, or not wholly.
    pub failure: Option<String>,
}

impl Contender {
    /// Starts without samples.
    pub fn new(who: &str, command: String) -> Self {
        Self { who: who.to_owned(), command, samples: Vec::new(), bytes: None }
    }

    /// Returns the median time by the clock.
    pub fn median(&self) -> Option<Duration> {
        median(self.samples.iter().map(|sample| sample.wall).collect())
    }

    /// Returns the largest peak of memory.
    fn peak(&self) -> Option<u64> {
        self.samples.iter().filter_map(|sample| sample.peak).max()
    }
}

/// Returns the middle one; of an even number the lower of the middle two.
pub fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Returns all works as Markdown: the table, then notes, failures and commands.
pub fn markdown(heading: &str, outcomes: &[Outcome]) -> String {
    let mut text = format!("{heading}\n\n");
    text += "| work | program | median (min-max) | CPU | peak memory | size | time to the first's | goal |\n";
    text += "|---|---|---|---|---|---|---|---|\n";
    for outcome in outcomes {
        text += &rows(outcome);
    }
    for outcome in outcomes {
        text += &details(outcome);
    }
    text
}

fn rows(outcome: &Outcome) -> String {
    let mut text = String::new();
    let first = outcome.contenders.first().and_then(Contender::median);
    for (number, contender) in outcome.contenders.iter().enumerate() {
        let (work, goal) = if number == 0 { (outcome.work, "") } else { ("", "") };
        let goal = if number + 1 == outcome.contenders.len() { outcome.goal } else { goal };
        let cpu = median(contender.samples.iter().filter_map(|sample| sample.cpu).collect());
        let ratio = first.zip(contender.median()).map(|(first, own)| {
            let ratio = own.as_secs_f64() / first.as_secs_f64();
            if ratio < 1.0 { format!("{ratio:.4} ({:.1} times faster)", 1.0 / ratio) } else { format!("{ratio:.2}") }
        });
        let _ = writeln!(
            text,
            "| {work} | {} | {} | {} | {} | {} | {} | {goal} |",
            contender.who,
            span(contender),
            cpu.map(time).unwrap_or_default(),
            contender.peak().map(mebibytes).unwrap_or_default(),
            contender.bytes.map(megabytes).unwrap_or_default(),
            ratio.unwrap_or_default(),
        );
    }
    if outcome.contenders.is_empty() {
        let _ = writeln!(text, "| {} | | not measured | | | | | {} |", outcome.work, outcome.goal);
    }
    text
}

fn details(outcome: &Outcome) -> String {
    let mut text = format!("\n**{}**\n\n", outcome.work);
    if let Some(failure) = &outcome.failure {
        let _ = writeln!(text, "- FAILED: {}", failure.replace('\n', " "));
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "- {note}");
    }
    for contender in &outcome.contenders {
        let _ = writeln!(text, "- {}: `{}`", contender.who, contender.command);
    }
    text
}

fn span(contender: &Contender) -> String {
    let walls = || contender.samples.iter().map(|sample| sample.wall);
    match (contender.median(), walls().min(), walls().max()) {
        (Some(median), Some(low), Some(high)) => format!("{} ({}-{})", time(median), time(low), time(high)),
        _ => String::new(),
    }
}

/// Returns a time in milliseconds or seconds, whichever reads better.
pub fn time(time: Duration) -> String {
    if time < Duration::from_secs(2) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// Returns a size in MiB, as memory is counted.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Returns a size in MB, as the goals count files.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}
