//! `tannery tag explain`: which builds of a package win, and what hides the others?

use std::process::ExitCode;

use crate::app::App;
use crate::cli::output::{Form, count, harmless, time};
use crate::cli::suggest::no_such_tag;
use crate::model::{PackageName, TagName};
use crate::tags::{Explanation, Pending, TagStanding, Tagging, Verdict, Way};

pub(super) async fn run(app: &App, tag: &TagName, package: &PackageName, form: Form) -> anyhow::Result<ExitCode> {
    let Some(explained) = app.tags.explain(tag, package).await? else {
        return Err(no_such_tag(app, tag).await?);
    };
    form.print(&explained, text)?;
    Ok(ExitCode::SUCCESS)
}

fn text(explained: &Explanation) -> String {
    let mut lines = vec![
        ("tag", format!("{}, at event {}", explained.tag, explained.event)),
        ("package", format!("{}, {}", explained.package, word(explained))),
        ("set", set(explained)),
    ];
    let in_set = explained.set.iter().flat_map(|set| &set.builds);
    for unverified in in_set.flat_map(|build| &build.unverified) {
        lines.push(("unverified", format!("{}: {}", unverified.rpm, unverified.why)));
    }
    lines.extend(explained.pending.iter().map(|pending| ("pending", waits(pending))));
    for (at, way) in explained.order.iter().enumerate() {
        lines.push((if at == 0 { "order" } else { "" }, way_line(way)));
    }
    for left in &explained.links_left {
        lines.push(("left out", format!("the link from {} to {}: {}", left.tag, left.parent, left.why)));
    }
    for tagging in &explained.taggings {
        lines.push(("tagging", tagging_line(tagging)));
        lines.push(("", verdict(explained, tagging)));
    }
    lines.iter().map(|(name, value)| harmless(&format!("{name:<10} {value}")) + "\n").collect()
}

fn word(explained: &Explanation) -> String {
    match &explained.word {
        Some(word) => format!("{} in {} since event {}", word.word, word.by, word.event),
        None => "not listed".to_owned(),
    }
}

fn set(explained: &Explanation) -> String {
    match &explained.set {
        None if explained.followed => "none yet".to_owned(),
        None => "none: no follow rule matches the tag".to_owned(),
        Some(set) if set.builds.is_empty() => format!("revision {}: no build of the package", set.revision),
        Some(set) => {
            let builds: Vec<String> = set.builds.iter().map(standing).collect();
            format!("revision {}: {}", set.revision, builds.join("; "))
        }
    }
}

fn standing(build: &TagStanding) -> String {
    let rpms = count(i64::try_from(build.rpms).unwrap_or(i64::MAX), "RPM");
    format!("{} from {}, {rpms}", build.nvr, build.from)
}

fn waits(pending: &Pending) -> String {
    match pending {
        Pending::Set => "the set is about to be brought up to date".to_owned(),
        Pending::Hub { tag } => format!("the hub is about to be asked about {tag}"),
        Pending::Files { nvr } => format!("the files of {nvr} are about to be found out about"),
    }
}

fn way_line(way: &Way) -> String {
    let mut line = way.tag.to_string();
    if let Some(word) = way.word {
        line.push_str(&format!(", {word} there"));
    }
    match &way.filtered {
        Some(filter) => line.push_str(&format!("; that does not count: a link on the way lets only {filter} through")),
        None if !way.filters.is_empty() => line.push_str(&format!("; passes {}", way.filters.join(" and "))),
        None => {}
    }
    if way.noconfig {
        line.push_str("; noconfig");
    }
    line
}

fn tagging_line(tagging: &Tagging) -> String {
    let at = tagging.second.map(|second| format!(", {}", time(second.saturating_mul(1_000_000)))).unwrap_or_default();
    format!("{} in {}, event {}{at}", tagging.nvr, tagging.tag, tagging.event)
}

/// Returns the verdict in words; what wins by the rows may not be in the set yet, or never.
fn verdict(explained: &Explanation, tagging: &Tagging) -> String {
    if tagging.verdict != Verdict::InTheSet {
        return tagging.verdict.to_string();
    }
    let in_set = explained.set.as_ref().map_or(&[][..], |set| &set.builds);
    if in_set.iter().any(|build| build.nvr == tagging.nvr && build.from == tagging.tag) {
        return tagging.verdict.to_string();
    }
    match explained.followed {
        true => "wins; in the set with its next revision".to_owned(),
        false => "wins; no follow rule matches the tag".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nevra;
    use crate::tags::{LeftLink, SetEntry, Unverified, Word};

    fn tagging(tag: &str, nvr: &str, verdict: Verdict) -> Tagging {
        let (tag, nvr) = (tag.parse().unwrap(), nvr.parse().unwrap());
        Tagging { tag, nvr, event: 7 << 20, second: Some(7), verdict }
    }

    fn explained() -> Explanation {
        let way = |tag: &str, filtered: Option<&str>| Way {
            tag: tag.parse().unwrap(),
            word: filtered.map(|_| "listed"),
            filters: filtered.map(ToOwned::to_owned).into_iter().collect(),
            filtered: filtered.map(ToOwned::to_owned),
            noconfig: filtered.is_some(),
        };
        let newer = Verdict::Newer { than: "bash-2-1".parse().unwrap() };
        Explanation {
            tag: "f43".parse().unwrap(),
            package: "bash".parse().unwrap(),
            event: 9,
            followed: true,
            latest: Some(1),
            word: Some(Word { word: "listed", by: "f43".parse().unwrap(), event: 3 }),
            order: vec![way("f43", None), way("f42", Some("^z"))],
            links_left: vec![LeftLink { tag: "f42".parse().unwrap(), parent: "f41".parse().unwrap(), why: "depth" }],
            taggings: vec![tagging("f43", "bash-2-1", Verdict::InTheSet), tagging("f43", "bash-1-1", newer)],
            set: Some(SetEntry { revision: 4, builds: vec![] }),
            pending: vec![Pending::Set],
        }
    }

    #[test]
    fn the_screen_says_what_wins_what_hides_the_rest_and_what_waits() {
        let expected = "tag        f43, at event 9\n\
                        package    bash, listed in f43 since event 3\n\
                        set        revision 4: no build of the package\n\
                        pending    the set is about to be brought up to date\n\
                        order      f43\n           \
                        f42, listed there; that does not count: a link on the way lets only ^z through; noconfig\n\
                        left out   the link from f42 to f41: depth\n\
                        tagging    bash-2-1 in f43, event 7340032, 1970-01-01T00:00:07Z\n           \
                        wins; in the set with its next revision\n\
                        tagging    bash-1-1 in f43, event 7340032, 1970-01-01T00:00:07Z\n           \
                        hidden: a newer tagging in the same tag, of bash-2-1\n";
        assert_eq!(text(&explained()), expected);
    }

    #[test]
    fn what_wins_by_the_rows_is_told_from_what_is_in_the_set() {
        let mut explained = explained();
        let rpm = Nevra::new("bash", 0, "2", "1", "x86_64").unwrap();
        let unverified = vec![Unverified { rpm, why: "its header is not signed".to_owned() }];
        let standing =
            TagStanding { nvr: "bash-2-1".parse().unwrap(), from: "f43".parse().unwrap(), rpms: 1, unverified };
        explained.set = Some(SetEntry { revision: 5, builds: vec![standing] });
        assert_eq!(verdict(&explained, &explained.taggings[0]), "in the set");
        assert_eq!(set(&explained), "revision 5: bash-2-1 from f43, 1 RPM");
        assert!(text(&explained).contains("\nunverified bash-0:2-1.x86_64: its header is not signed\n"));
        (explained.set, explained.followed) = (None, false);
        assert_eq!(verdict(&explained, &explained.taggings[0]), "wins; no follow rule matches the tag");
        assert_eq!(set(&explained), "none: no follow rule matches the tag");
    }
}
