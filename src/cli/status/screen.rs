//! How does the status look on one screen of 80 columns?

use super::{Bus, Events, Report, Service, TagReport, Webhook, files, unwanted};
use crate::bus::Link;
use crate::cli::output::{COLUMNS, age, count, fit, harmless, wrap};
use crate::cli::tag::{HEADING, Summary};
use crate::tags::Standing;

/// How many tags are shown; `tannery tag list` shows all.
const TAGS: usize = 8;

/// The columns before a value.
const INDENT: usize = 11;

/// Returns the screen.
pub(super) fn text(report: &Report) -> String {
    let now = report.now;
    let mut lines = service(&report.service);
    lines.extend(bus(report.bus.as_ref(), report.service.running, now));
    lines.extend(report.hub.iter().flat_map(|noted| hub(&noted.value, now)));
    lines.extend(report.files.iter().flat_map(files::lines));
    lines.extend(events(&report.events, now));
    let waiting: Vec<String> = report.outbox.iter().map(|(state, count)| format!("{count} {state}")).collect();
    lines.push(("messages", if waiting.is_empty() { "none sent yet".to_owned() } else { waiting.join(", ") }));
    lines.extend(report.webhooks.iter().map(|hook| ("webhook", webhook(hook, now))));
    for bad in &report.bad_records {
        lines.push(("record", format!("{} stays as it was: {}: {}", bad.kind, bad.path, bad.problem)));
    }
    lines.extend(unwanted::lines(&report.unwanted, now));
    for one in &report.merged {
        lines.push(("merged", format!("{}/{} is {}:", one.tag, one.repo, one.state)));
        lines.extend(problem(&one.problem));
    }
    let line = |(name, value): &(&str, String)| fit(&harmless(&format!("{name:<10} {value}")), COLUMNS) + "\n";
    let mut screen: String = lines.iter().map(line).collect();
    screen.push_str(&tags(&report.tags));
    if !report.composes.is_empty() {
        screen.push_str("\nCOMPOSE                                     STATUS               AGE\n");
    }
    for compose in &report.composes {
        let id = fit(&compose.id, 42);
        screen.push_str(&harmless(&format!("{id:<42}  {:<19}  {}", compose.status, compose.age)));
        screen.push('\n');
    }
    screen
}

fn service(service: &Service) -> Vec<(&'static str, String)> {
    let running = match (&service.url, service.running) {
        (Some(url), _) => format!("running at {}", url.value),
        (None, true) => "running".to_owned(),
        (None, false) => "not running".to_owned(),
    };
    vec![("service", running), ("state", format!("{} in {}", service.database, service.data_dir))]
}

fn bus(bus: Option<&Bus>, running: bool, now: i64) -> Vec<(&'static str, String)> {
    let noted = match bus {
        None => return vec![("bus", "no broker is configured".to_owned())],
        Some(Bus { snapshot: None }) if running => return vec![("bus", "configured; nothing known yet".to_owned())],
        Some(Bus { snapshot: None }) => return vec![("bus", "configured; the service is not running".to_owned())],
        Some(Bus { snapshot: Some(noted) }) => noted,
    };
    let bus = &noted.value;
    let depth = bus.queue_depth.map_or("depth unknown".to_owned(), |depth| format!("{depth} ready"));
    let mut lines = vec![(
        "bus",
        format!("{}; queue {}, {depth}; as of {} ago", link(&bus.consumer, now), bus.queue, age(noted.at, now)),
    )];
    lines.extend(reason(&bus.consumer).into_iter().flat_map(problem));
    if !bus.publisher.is_up() {
        lines.push(("", format!("publishing: {}", link(&bus.publisher, now))));
    }
    // Mostly both are down for one reason.
    if reason(&bus.publisher) != reason(&bus.consumer) {
        lines.extend(reason(&bus.publisher).into_iter().flat_map(problem));
    }
    lines
}

fn hub(hub: &Standing, now: i64) -> Vec<(&'static str, String)> {
    let answered = hub.answered_at.map_or("no answer yet".to_owned(), |at| format!("answered {} ago", age(at, now)));
    let repaired = count(i64::try_from(hub.repaired).unwrap_or(i64::MAX), "row");
    let mut lines = vec![match hub.stale_since {
        Some(since) => ("hub", format!("all sets are those of {} ago: it does not answer", age(since, now))),
        None => ("hub", format!("{answered}; {repaired} repaired since the start")),
    }];
    lines.extend(hub.problem.as_deref().into_iter().flat_map(problem));
    if !hub.doubted.is_empty() {
        lines.push(("", format!("rows are missed, and asked for again: {}", hub.doubted.join(", "))));
    }
    lines
}

/// Returns what is wrong in as many lines as it takes: the words of the other side come last.
pub(super) fn problem(text: &str) -> Vec<(&'static str, String)> {
    wrap(&harmless(text), COLUMNS - INDENT).into_iter().map(|line| ("", line)).collect()
}

/// Returns why a link is down.
fn reason(link: &Link) -> Option<&str> {
    match link {
        Link::Down { error, .. } => error.as_deref(),
        Link::Up { .. } | Link::Stopped => None,
    }
}

fn link(link: &Link, now: i64) -> String {
    match link {
        Link::Up { since } => format!("up for {}", age(since * 1_000_000, now)),
        Link::Down { since, .. } => format!("down for {}", age(since * 1_000_000, now)),
        Link::Stopped => "stopped".to_owned(),
    }
}

fn webhook(hook: &Webhook, now: i64) -> String {
    let mut line = format!("{}: {} behind", hook.name, hook.behind);
    if hook.parked > 0 {
        line.push_str(&format!(", {} parked", hook.parked));
    }
    if let Some(since) = hook.since {
        let problem = hook.problem.as_deref().unwrap_or("no reason known");
        line.push_str(&format!("; took nothing for {}: {problem}", age(since, now)));
    }
    line
}

fn events(events: &Events, now: i64) -> Vec<(&'static str, String)> {
    let last = events.last.map_or("none yet".to_owned(), |last| format!("last {} ago", age(last, now)));
    let states: Vec<String> = events.states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let mut lines =
        vec![("events", format!("{last}; {}", count(events.duplicates, "duplicate"))), ("", states.join(", "))];
    if !events.unfollowed.is_empty() {
        let each = events.unfollowed.iter().map(|tag| format!("{} ({})", tag.tag, tag.messages));
        lines.push(("unfollowed", each.collect::<Vec<_>>().join(", ")));
    }
    lines
}

fn tags(tags: &[TagReport]) -> String {
    if tags.is_empty() {
        return "\nno tags\n".to_owned();
    }
    let mut text = format!("\n{HEADING}");
    for tag in tags.iter().take(TAGS) {
        text.push_str(&Summary::line(&tag.summary));
        if !tag.repositories.is_empty() {
            let each = tag
                .repositories
                .iter()
                .map(|repo| format!("{} #{}: {}", repo.name, repo.generation, count(repo.packages, "package")));
            text.push_str(&fit(&format!("  {}", each.collect::<Vec<_>>().join("; ")), COLUMNS));
            text.push('\n');
        }
    }
    if tags.len() > TAGS {
        text.push_str(&format!("  and {} more: tannery tag list\n", tags.len() - TAGS));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Merged, Note, Unfollowed};
    use super::*;
    use crate::bus::Snapshot;

    const NOW: i64 = 1_795_221_744_000_000;

    fn snapshot(consumer: Link) -> Snapshot {
        let json = serde_json::json!({
            "consumer": consumer, "publisher": {"link": "up", "since": 0}, "queue": "tannery", "queue_depth": 7,
            "last_message_at": null, "connects": 1, "consumer_failures": 0, "publisher_failures": 0, "deliveries": 0, "acked": 0, "tried_later": 0, "panics": 0,
            "cut": 0, "published": 0, "publish_failures": 0,
        });
        serde_json::from_value(json).unwrap()
    }

    fn note<T>(value: T) -> Note<T> {
        Note { value, noted_at: String::new(), at: NOW - 3_000_000 }
    }

    fn report(consumer: Link) -> Report {
        Report {
            at: String::new(),
            service: Service {
                running: true,
                data_dir: "/srv/".repeat(40),
                database: "SQLite",
                url: Some(note("http://127.0.0.1:8180".to_owned())),
            },
            bus: Some(Bus { snapshot: Some(note(snapshot(consumer))) }),
            files: None,
            hub: Some(note(Standing {
                answered_at: Some(NOW - 7_200_000_000),
                stale_since: Some(NOW - 7_200_000_000),
                problem: Some("getLastEvent: the request failed".to_owned()),
                repaired: 0,
                doubted: vec!["f43".to_owned()],
            })),
            events: Events {
                last_arrived_at: None,
                states: BTreeMap::from([("applied", 1_000_000), ("quarantined", 2), ("waiting", 0)]),
                duplicates: 1,
                unfollowed: vec![Unfollowed { tag: "evil\u{1b}[2J".to_owned(), messages: 3 }],
                last: Some(NOW - 12_000_000),
            },
            outbox: BTreeMap::from([("pending", 4)]),
            webhooks: vec![Webhook {
                name: "ci".to_owned(),
                cursor: 4,
                behind: 3,
                delivered: 4,
                failing_since: None,
                problem: Some("it answered 500".to_owned()),
                parked: 2,
                since: Some(NOW - 7_200_000_000),
            }],
            bad_records: vec![],
            unwanted: ["x86_64", "src", "s390x", "s390x-debug"]
                .map(|repo| unwanted::Unwanted {
                    tag: "f43".to_owned(),
                    repo: repo.to_owned(),
                    reason: "no follow rule matches f43".to_owned(),
                    unwanted_since: String::new(),
                    since: NOW - 7_200_000_000,
                })
                .into(),
            merged: vec![Merged {
                tag: "f43".parse().unwrap(),
                repo: "x86_64-merged".to_owned(),
                state: "stale",
                since: None,
                problem: "external repository \u{1b}[2J cannot be read".to_owned(),
            }],
            tags: Vec::new(),
            composes: Vec::new(),
            now: NOW,
        }
    }

    #[test]
    fn the_screen_has_80_columns_and_nothing_that_steers_it() {
        let error = "no route to host ".repeat(20);
        let screen = text(&report(Link::Down { since: NOW / 1_000_000 - 300, error: Some(error) }));
        assert!(screen.lines().all(|line| line.chars().count() <= COLUMNS), "{screen}");
        assert!(!screen.contains('\u{1b}'), "{screen}");
        for part in [
            "service    running at http://127.0.0.1:8180\n",
            "bus        down for 5 min; queue tannery, 7 ready; as of 3 s ago\n",
            "           no route to host",
            "hub        all sets are those of 2 h ago: it does not answer\n           getLastEvent: the request failed\n",
            "           rows are missed, and asked for again: f43\n",
            "events     last 12 s ago; 1 duplicate\n",
            "unfollowed evil\\u{1b}[2J (3)\n",
            "messages   4 pending\n",
            "merged     f43/x86_64-merged is stale:\n           external repository \\u{1b}[2J cannot be read\n",
            "webhook    ci: 3 behind, 2 parked; took nothing for 2 h: it answered 500\n",
            "unwanted   f43/s390x for 2 h: no follow rule matches f43\n           and 1 more\n",
        ] {
            assert!(screen.contains(part), "{part}{screen}");
        }
    }

    #[test]
    fn a_broker_without_a_service_is_told_from_none() {
        let mut report = report(Link::Stopped);
        report.service.running = false;
        report.bus = Some(Bus { snapshot: None });
        assert!(text(&report).contains("configured; the service is not running"));
        report.bus = None;
        assert!(text(&report).contains("no broker is configured"));
    }
}
