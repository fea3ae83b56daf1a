//! What is right? The contents of a tag by Koji's rules, reckoned anew each time from the rows.
//!
//! Written after the hub's own `readFullInheritance`, `readPackageList` and `readTaggedBuilds`, step by step and
//! without any cleverness: what is held against it must not have been written after it.

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::rows::{COMPLETE, Linked, Rows};

/// A step of the walk over a tag's ancestors.
#[derive(Debug, Clone)]
pub struct Step {
    pub tag: i64,
    nextdepth: Option<i64>,
    noconfig: bool,
    filter: Vec<String>,
}

/// A build that is in a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The build.
    pub build: i64,
    /// The tag that holds it, itself or an ancestor.
    pub tag: i64,
    /// The event that tagged it.
    pub create_event: i64,
}

pub fn full_inheritance(rows: &Rows, tag: i64, event: Option<i64>) -> Vec<Step> {
    let mut walk = Walk { rows, event, order: Vec::new(), hist: BTreeMap::new() };
    walk.recurse(tag, &[], None, false, &[]);
    walk.order
}

/// Returns the links of a tag that count, by priority.
pub fn links(rows: &Rows, tag: i64, event: Option<i64>) -> Vec<Linked> {
    let mut links: Vec<Linked> = rows.tags[&tag].links.iter().filter(|row| row.when.counts(event)).cloned().collect();
    links.sort_by_key(|row| row.link.priority);
    links
}

/// The walk from a tag.
struct Walk<'a> {
    rows: &'a Rows,
    event: Option<i64>,
    order: Vec<Step>,
    hist: BTreeMap<i64, Vec<Step>>,
}

impl Walk<'_> {
    fn recurse(&mut self, tag: i64, top: &[i64], maxdepth: Option<i64>, mut noconfig: bool, pfilter: &[String]) {
        if maxdepth.is_some_and(|maxdepth| maxdepth < 1) {
            return;
        }
        let mut top = top.to_vec();
        top.push(tag);
        for Linked { link, .. } in links(self.rows, tag, self.event) {
            if top.contains(&link.parent) {
                continue;
            }
            if link.intransitive && top.len() > 1 {
                continue;
            }
            let mut nextdepth = link.maxdepth;
            if let Some(limit) = maxdepth {
                nextdepth = match nextdepth {
                    None => Some(limit - 1),
                    Some(own) => Some(own.min(limit) - 1),
                };
            }
            if link.noconfig {
                noconfig = true;
            }
            let mut filter = pfilter.to_vec();
            if !link.pkg_filter.is_empty() {
                filter.push(link.pkg_filter.clone());
            }
            let step = Step { tag: link.parent, nextdepth, noconfig: link.noconfig, filter: filter.clone() };
            if let Some(visits) = self.hist.get(&link.parent)
                && visits.iter().any(|previous| was_enough(previous, nextdepth, noconfig))
            {
                continue;
            }
            self.hist.entry(link.parent).or_default().push(step.clone());
            self.order.push(step);
            self.recurse(link.parent, &top, nextdepth, noconfig, &filter);
        }
    }
}

fn was_enough(previous: &Step, nextdepth: Option<i64>, noconfig: bool) -> bool {
    let deep_enough = match (nextdepth, previous.nextdepth) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(now), Some(before)) => before >= now,
    };
    deep_enough && (!previous.noconfig || noconfig) && previous.filter.is_empty()
}

/// Returns whether each package that a tag knows, itself or by its ancestors, is blocked, and which tag says so.
pub fn package_list(
    rows: &Rows,
    tag: i64,
    event: Option<i64>,
    inherit: bool,
    only: Option<i64>,
) -> BTreeMap<i64, (bool, i64)> {
    let mut list = BTreeMap::new();
    let mut add = |tag: i64, filters: &[Regex]| {
        for row in rows.tags[&tag].listed.iter().filter(|row| row.when.counts(event)) {
            if only.is_some_and(|only| only != row.package) || list.contains_key(&row.package) {
                continue;
            }
            if filters.iter().all(|filter| filter.is_match(&rows.packages[&row.package])) {
                list.insert(row.package, (row.blocked, tag));
            }
        }
    };
    add(tag, &[]);
    if inherit {
        for step in full_inheritance(rows, tag, event) {
            // Python's `match`: at the start, not to the end.
            let filters: Vec<Regex> =
                step.filter.iter().map(|filter| Regex::new(&format!(r"\A(?:{filter})")).unwrap()).collect();
            add(step.tag, &filters);
        }
    }
    list
}

/// Returns the builds of a tag: all for no `latest`, else so many of each package.
pub fn tagged_builds(
    rows: &Rows,
    tag: i64,
    event: Option<i64>,
    inherit: bool,
    latest: Option<usize>,
    package: Option<&str>,
) -> Vec<Right> {
    let only = match package.map(|name| rows.package_id(name)) {
        Some(None) => return Vec::new(),
        Some(id) => id,
        None => None,
    };
    let mut tags = vec![tag];
    if inherit {
        tags.extend(full_inheritance(rows, tag, event).iter().map(|step| step.tag));
    }
    let packages = package_list(rows, tag, event, true, only);
    let (mut builds, mut seen): (Vec<Right>, BTreeMap<i64, usize>) = (Vec::new(), BTreeMap::new());
    for tag in tags {
        let mut of_tag = Vec::new();
        for row in rows.tags[&tag].taggings.values().flatten() {
            let is_meant = only.is_none_or(|only| only == row.package) && row.when.counts(event);
            if is_meant && rows.builds[&row.build].state == COMPLETE {
                of_tag.push(row);
            }
        }
        of_tag.sort_by_key(|row| (-row.when.create, -row.build));
        for row in of_tag {
            if packages.get(&row.package).is_none_or(|(blocked, _)| *blocked) {
                continue;
            }
            let count = seen.entry(row.package).or_default();
            if latest.is_some_and(|latest| *count >= latest) {
                continue;
            }
            *count += 1;
            builds.push(Right { build: row.build, tag, create_event: row.when.create });
        }
    }
    builds
}
