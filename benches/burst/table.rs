//! How are the figures shown? A table with the goals beside, and what explains it.

use std::fmt::Write;

use super::setup::{Setup, tannery};
use super::story::{Burst, Cost, Story};

/// Seconds that the service may take to acknowledge all, and from the last message on to be right.
const SECONDS: f64 = 60.0;
/// Memory that it may have.
const MEMORY: f64 = 1024.0;
/// What a handful is.
const HANDFUL: usize = 5;

/// Returns all figures as Markdown.
pub fn markdown(setup: &Setup, story: &Story, burst: &Burst) -> String {
    let mut text = heading(setup, burst);
    text += "| | measured | goal | |\n|---|---|---|---|\n";
    let mut row = |what: &str, measured: String, goal: &str, is_reached: Option<bool>| {
        let word = is_reached.map_or("", |reached| if reached { "reached" } else { "missed" });
        let _ = writeln!(text, "| {what} | {measured} | {goal} | {word} |");
    };
    row("published and confirmed", seconds(burst.published), "", None);
    let acknowledged = burst.acknowledged;
    row("all acknowledged", seconds(acknowledged), "60 s after the first", Some(acknowledged < SECONDS));
    let last = burst.generations.last().map_or(f64::INFINITY, |(at, _)| *at) - burst.published;
    let is_right = burst.wrong.is_none();
    row("the repository right", seconds(last), "60 s after the last message", Some(is_right && last < SECONDS));
    let peak = burst.cost.peak as f64 / f64::from(1 << 20);
    row("peak memory of the service", format!("{peak:.0} MiB"), "1 GiB", Some(peak < MEMORY));
    let count = burst.generations.len();
    row("generations of the tag's repository", count.to_string(), "a handful", Some(count <= HANDFUL));
    row("requests to the hub", requests(&burst.cost).to_string(), "counted", None);
    row("processor time of the service", seconds(burst.cost.processor.as_secs_f64()), "", None);
    let others: Vec<String> = burst.others.iter().map(|wait| seconds(wait.as_secs_f64())).collect();
    row("another tag waited", others.join(", "), "not behind it", None);
    let _ = writeln!(text);
    if let Some(wrong) = &burst.wrong {
        let _ = writeln!(text, "- WRONG: {wrong}");
    }
    let sets: Vec<String> = burst.sets.iter().map(|at| format!("{at:.1}")).collect();
    let shown: Vec<String> = burst.generations.iter().map(|(at, packages)| format!("{at:.1} ({packages})")).collect();
    let _ = writeln!(text, "- sets of the tag, seconds after the first message: {}", sets.join(", "));
    let _ = writeln!(text, "- generations, with their packages: {}", shown.join(", "));
    details(&mut text, "burst", &burst.cost);
    details(&mut text, "first reading", &story.first);
    text
}

fn heading(setup: &Setup, burst: &Burst) -> String {
    let version = tannery().arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    format!(
        "{} RPMs, {} messages over {} packages · {cores} cores · {} · {}\n\n",
        setup.corpus.packages.len(),
        burst.messages,
        burst.packages,
        jiff::Zoned::now().date(),
        String::from_utf8_lossy(&version).trim(),
    )
}

fn details(text: &mut String, what: &str, cost: &Cost) {
    let _ = writeln!(
        text,
        "- {what}: {} in all, {} of processor by the service and {} by the fake hub, {} MiB at most; {:.1} % of the \
         processors' time went to other guests of the machine's host",
        seconds(cost.took.as_secs_f64()),
        seconds(cost.processor.as_secs_f64()),
        seconds(cost.hub_processor.as_secs_f64()),
        cost.peak >> 20,
        cost.stolen,
    );
    let calls: Vec<String> = cost.calls.iter().map(|(method, count)| format!("{method} {count}")).collect();
    let _ = writeln!(text, "- {what}, requests to the hub: {}: {}", requests(cost), calls.join(", "));
}

/// Returns how many requests were sent: those in a multiCall are one.
fn requests(cost: &Cost) -> usize {
    cost.calls.iter().filter(|(method, _)| !method.contains('/')).map(|(_, count)| count).sum()
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.1} s")
}
