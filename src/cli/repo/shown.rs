//! How are answers about a repository told to people?

use crate::cli::output::{age, count, harmless, time};
use crate::repotools::{Difference, Merged, Report, Shown, Signature, Synced};

/// Returns what is wrong, a line each, and what was looked at.
pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        text += &harmless(&format!("{}: {}", finding.about, finding.problem));
        text.push('\n');
    }
    let signature = match report.signature {
        Signature::None => "not signed",
        Signature::Unverified => "signed (not verified: give --keys)",
        Signature::Good => "signed by a key that was given",
        Signature::Bad => "not signed as it should be",
    };
    let wrong = if report.findings.is_empty() {
        "nothing is wrong".to_owned()
    } else {
        number(report.findings.len(), "problem")
    };
    let (records, packages) = (number(report.records, "record"), number(report.packages, "package"));
    text + &format!("{wrong}: {records}, {packages}, {signature}\n")
}

/// Returns what differs, a line each, and how much is equal.
pub(super) fn difference(difference: &Difference) -> String {
    let mut text = String::new();
    let mut line = |line: String| text += &(harmless(&line) + "\n");
    difference.removed.iter().for_each(|nevra| line(format!("- {nevra}")));
    difference.added.iter().for_each(|nevra| line(format!("+ {nevra}")));
    difference.changed.iter().for_each(|changed| line(format!("! {}: {}", changed.nevra, changed.fields.join(", "))));
    let (removed, added) = (difference.removed.len(), difference.added.len());
    line(format!("{removed} removed, {added} added, {} changed, {} equal", difference.changed.len(), difference.equal));
    text
}

/// Returns head and records of a repository; `now` in microseconds after 1970.
pub(super) fn repository(shown: &Shown, now: i64) -> String {
    let newest = shown.newest.saturating_mul(1_000_000);
    let packages = shown.packages.map_or("not announced".to_owned(), |packages| packages.to_string());
    let mut text = format!("revision   {}\n", harmless(&shown.revision));
    text += &format!("written    {} ({} ago)\npackages   {packages}\n", time(newest), age(newest, now));
    text += &format!("repomd.xml {}\n", shown.sha256);
    let distros = shown.tags.distro.iter().map(|distro| match &distro.cpeid {
        Some(cpeid) => format!("{} ({cpeid})", distro.name),
        None => distro.name.clone(),
    });
    let distros: Vec<String> = distros.collect();
    for (name, tags) in [("content", &shown.tags.content), ("repo", &shown.tags.repo), ("distro", &distros)] {
        if !tags.is_empty() {
            text += &format!("{name:<10} {}\n", harmless(&tags.join(", ")));
        }
    }
    text.push('\n');
    text += &format!(
        "{:<16} {:>12} {:>13} {:<6} {:>6} {:>8}\n",
        "record", "size", "open size", "packed", "frames", "segments"
    );
    for record in &shown.records {
        let or_dash = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        text += &format!(
            "{:<16} {:>12} {:>13} {:<6} {:>6} {:>8}\n",
            harmless(&record.kind),
            record.size,
            or_dash(record.open_size),
            record.compression,
            or_dash(record.frames.map(u64::from)),
            or_dash(record.segments.map(|segments| segments as u64))
        );
    }
    text
}

/// Returns what each file cost, and all together.
pub(super) fn synced(synced: &Synced) -> String {
    let mut text = String::new();
    for record in &synced.records {
        let why = record.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        let line = format!("{}: {} bytes fetched, {} reused{why}", record.kind, record.fetched, record.reused);
        text += &(harmless(&line) + "\n");
    }
    let state = if synced.changed { "up to date now" } else { "up to date already" };
    text + &format!("{state}: {} bytes fetched, {} reused\n", synced.fetched, synced.reused)
}

/// Returns how many packages came from each repository, and how many there are.
pub(super) fn merged(merged: &Merged) -> String {
    let mut text = String::new();
    for from in &merged.repositories {
        text += &(harmless(&format!("{}: {} of {}", from.name, from.taken, number(from.packages, "package"))) + "\n");
    }
    let state = if merged.changed { "merged" } else { "nothing new" };
    text + &format!("{state}: {}\n", number(merged.packages, "package"))
}

fn number(number: impl TryInto<i64>, noun: &str) -> String {
    count(number.try_into().unwrap_or(i64::MAX), noun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repotools::{Changed, ShownDistro, ShownRecord, ShownTags};

    #[test]
    fn what_came_from_outside_cannot_steer_a_terminal() {
        let esc = "\u{1b}[2J".to_owned();
        let changed = vec![Changed { nevra: esc.clone(), fields: vec!["summary"] }];
        let text = difference(&Difference { added: vec![esc.clone()], removed: vec![esc.clone()], changed, equal: 1 });
        assert!(!text.contains('\u{1b}'));
        assert!(text.ends_with("1 removed, 1 added, 1 changed, 1 equal\n"), "{text}");
        let record = ShownRecord {
            kind: esc.clone(),
            href: esc.clone(),
            checksum: String::new(),
            size: 1,
            open_size: None,
            compression: "zstd",
            frames: Some(2),
            segments: Some(1),
            timestamp: 0,
        };
        let distro = vec![ShownDistro { name: "d".to_owned(), cpeid: Some(esc.clone()) }];
        let tags = ShownTags { content: vec![esc.clone(), "c".to_owned()], repo: Vec::new(), distro };
        let shown =
            Shown { revision: esc, sha256: String::new(), newest: 0, packages: None, tags, records: vec![record] };
        let text = repository(&shown, 0);
        assert!(!text.contains('\u{1b}'));
        assert!(text.contains(", c\ndistro     d ("), "{text}");
    }
}
