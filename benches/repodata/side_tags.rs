//! What do hundreds of side tags on one base cost? Time, disk and memory for each, and a build into the base.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;

use super::disk;
use super::live::{BASE, Live, shown_since_change, tag};
use super::measure::Sample;
use super::report::{Contender, Outcome, mebibytes, megabytes, time};
use super::service::Line;
use super::setup::Setup;

/// How long all side tags together may take before they count as failed.
const ALL: Duration = Duration::from_secs(3600);

fn names(setup: &Setup) -> Vec<String> {
    (0..setup.side_tags).map(|number| format!("side-{number:03}")).collect()
}

/// Measures making the side tags and putting one own build into each.
pub fn side_tags(setup: &Setup, live: &mut Live, outcome: &mut Outcome) -> anyhow::Result<()> {
    let names = names(setup);
    let builds = live.import_replaced(setup, names.len())?;
    anyhow::ensure!(builds.len() == names.len(), "the corpus has only {} builds for side tags", builds.len());
    let before = disk::used(&live.service.data)?;
    live.service.forget_peak()?;
    let command = format!("tannery tag create SIDE --parent {BASE}; tannery tag add SIDE NVR; {} times", names.len());
    outcome.contenders.push(Contender::new("tannery serve", command));
    let started = Timestamp::now();
    for (name, build) in names.iter().zip(&builds) {
        live.service.tell(&["tag", "create", name, "--parent", BASE])?;
        tag(&live.service, name, std::slice::from_ref(build))?;
    }
    let told = Timestamp::now();
    let last = all_shown(live, &names, started)?;
    let wall = Duration::try_from(last.max(told).duration_since(started))?;
    let peak = live.service.memory()?.peak;
    outcome.contenders[0].samples.push(Sample { wall, cpu: None, peak: Some(peak) });
    let (last, build) = (names.last().zip(builds.last())).context("there are no side tags")?;
    live.service.tell(&["wait-repo", last, "--contains", build])?;
    let idle = live.service.idle()?;
    let grown = disk::used(&live.service.data)?.saturating_sub(before);
    let each = names.len().max(1);
    outcome.notes.push(format!(
        "a side tag takes {} and {} of disk; all: {}; idle memory afterwards: {}",
        time(wall / each as u32),
        megabytes(grown / each as u64),
        megabytes(grown),
        mebibytes(idle)
    ));
    Ok(())
}

/// Measures one build into the base: until the base shows it, and until all side tags do.
pub fn base(setup: &Setup, live: &mut Live, outcome: &mut Outcome) -> anyhow::Result<()> {
    let names = names(setup);
    let command = format!("tannery tag add {BASE} NVR; {} tags inherit from it", names.len());
    outcome.contenders.push(Contender::new("the base", command.clone()));
    outcome.contenders.push(Contender::new("all side tags", command));
    for _ in 0..setup.rounds {
        let builds = live.import_replaced(setup, 1)?;
        live.service.forget_peak()?;
        let started = Timestamp::now();
        tag(&live.service, BASE, &builds)?;
        let known = [BASE.to_owned()];
        let base = all_shown(live, &known, started)?;
        let committed = live.service.wait("the commit", ALL, |lines| {
            shown_since_change(lines, BASE).filter(|committed| *committed >= started)
        })?;
        let last = all_shown(live, &names, started)?;
        let peak = live.service.memory()?.peak;
        for (contender, shown) in outcome.contenders.iter_mut().zip([base, last]) {
            let wall = Duration::try_from(shown.duration_since(committed))?;
            contender.samples.push(Sample { wall, cpu: None, peak: Some(peak) });
        }
    }
    outcome.notes.push(format!("idle memory afterwards: {}", mebibytes(live.service.idle()?)));
    outcome.notes.push("times hold the quiet time of each repository".to_owned());
    Ok(())
}

/// Waits until each of these tags has changed since `start` and shows it; returns when the last one did.
fn all_shown(live: &mut Live, names: &[String], start: Timestamp) -> anyhow::Result<Timestamp> {
    use std::collections::HashMap;
    let (mut read, mut changed, mut shown) = (0, HashMap::new(), HashMap::new());
    live.service.wait("that all tags show the change", ALL, |lines| {
        for line in &lines[read..] {
            match line {
                Line::Changed { tag, at } if *at >= start => changed.insert(tag.clone(), *at),
                Line::Shown { tag, at, .. } if *at >= start => shown.insert(tag.clone(), *at),
                _ => None,
            };
        }
        read = lines.len();
        let mut last = None;
        for name in names {
            let (changed, shown) = (changed.get(name)?, shown.get(name)?);
            if shown <= changed {
                return None;
            }
            last = last.max(Some(*shown));
        }
        last
    })
}
