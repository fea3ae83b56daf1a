//! From which tags does a tag inherit, in what order, and which packages does it list?
//!
//! Koji's rules exactly (`readFullInheritance`, `readPackageList`, `readTaggedBuilds` of Koji 1.35),
//! quirks included; pure.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use crate::buildsys::{Facts, TagFacts};
use crate::model::{Arch, PackageName, TagName};
use crate::store::tags::{LinkRow, PackageState};

/// One visit of a tag in the order of inheritance. A tag may be visited more than once.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The tag.
    pub tag: TagName,
    /// Filters that package names must all match at their start, to be listed through this visit.
    filters: Vec<Filter>,
    /// Whether settings are not inherited through the last link.
    noconfig: bool,
}

/// The order of inheritance of a tag, the tag itself first.
#[derive(Debug, Clone)]
pub struct Order {
    visits: Vec<Visit>,
    left: Vec<Left>,
}

/// A link that the walk did not follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// Whose link it is.
    pub tag: TagName,
    /// What it leads to.
    pub parent: TagName,
    /// Why it was not followed.
    pub why: LeftFor,
}

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftFor {
    /// It counts from its own tag only.
    Intransitive,
    /// A link before it lets so many follow and no more.
    Depth,
}

#[derive(Debug, Clone)]
struct Filter {
    text: String,
    // A filter that is no regular expression lets nothing through, as Koji would fail on it.
    regex: Option<Regex>,
}

impl Filter {
    fn new(text: &str) -> Self {
        // Python's `re.match`: anchored at the start, not at the end.
        Self { text: text.to_owned(), regex: Regex::new(&format!("^(?:{text})")).ok() }
    }

    fn lets_in(&self, package: &PackageName) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(package.as_str()))
    }
}

/// What later visits of a tag are measured by.
struct Earlier {
    budget: Option<i64>,
    noconfig: bool,
    filtered: bool,
}

/// State that is carried down a path of the walk.
#[derive(Clone)]
struct Path {
    tags: BTreeSet<TagName>,
    budget: Option<i64>,
    noconfig: bool,
    filters: Vec<Filter>,
}

struct Walk<'a> {
    facts: &'a Facts,
    earlier: BTreeMap<TagName, Vec<Earlier>>,
    visits: Vec<Visit>,
    left: Vec<Left>,
}

impl Order {
    /// Walks the links of the facts from their root.
    pub fn of(facts: &Facts) -> Self {
        Self::from(facts, &facts.root)
    }

    /// Walks the links of the facts from another tag among them: what that tag's own order is.
    pub fn from(facts: &Facts, root: &TagName) -> Self {
        let visit = Visit { tag: root.clone(), filters: Vec::new(), noconfig: false };
        let mut walk = Walk { facts, earlier: BTreeMap::new(), visits: vec![visit], left: Vec::new() };
        let path = Path { tags: BTreeSet::from([root.clone()]), budget: None, noconfig: false, filters: Vec::new() };
        walk.descend(root, path, true);
        Self { visits: walk.visits, left: walk.left }
    }

    /// Returns the tags that this order visits besides what `inner` visits; `None` where the visits of
    /// `inner` are not all among its own, in their order and with their filters.
    ///
    /// A package of which none of these tags has a row has the same builds, in the same order, and the
    /// same word in both.
    pub fn beyond(&self, inner: &Self) -> Option<Vec<TagName>> {
        let mut expected = inner.visits.iter().peekable();
        let mut beyond = Vec::new();
        for visit in &self.visits {
            if expected.next_if(|inner| inner.lists_as(visit)).is_none() && !beyond.contains(&visit.tag) {
                beyond.push(visit.tag.clone());
            }
        }
        expected.peek().is_none().then_some(beyond)
    }

    /// Returns the visits, the root first.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// Returns the links that were not followed, though no way led back along them.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    /// Returns each tag once, where it stands first.
    pub fn tags(&self) -> Vec<&TagName> {
        let mut seen = BTreeSet::new();
        self.visits.iter().map(|visit| &visit.tag).filter(|tag| seen.insert(*tag)).collect()
    }

    /// Returns the packages that are listed and not blocked.
    pub fn packages(&self, facts: &Facts) -> BTreeSet<PackageName> {
        let listed = self.words(facts).into_iter().filter(|(_, state)| *state == PackageState::Listed);
        listed.map(|(package, _)| package).collect()
    }

    /// Returns the word that counts on each package of which there is one.
    ///
    /// The first row met wins, blocked or not; the root's own rows are never filtered.
    pub fn words(&self, facts: &Facts) -> BTreeMap<PackageName, PackageState> {
        let mut seen: BTreeMap<PackageName, PackageState> = BTreeMap::new();
        for visit in &self.visits {
            let rows = facts.tags.get(&visit.tag).map_or(&[][..], |tag| &tag.packages);
            for row in rows {
                if visit.filtered(&row.package).is_none() {
                    seen.entry(row.package.clone()).or_insert(row.state);
                }
            }
        }
        seen
    }

    /// Returns the base arches: of the nearest tag that has any, links without config being passed by.
    pub fn arches(&self, facts: &Facts) -> Vec<Arch> {
        let with_config = self.visits.iter().filter(|visit| !visit.noconfig);
        let mut arches = with_config.filter_map(|visit| facts.tags.get(&visit.tag)).map(|tag| &tag.arches);
        arches.find(|arches| !arches.is_empty()).cloned().unwrap_or_default()
    }
}

impl Visit {
    /// Returns the first filter on the way that keeps a package from being listed through this visit.
    pub fn filtered(&self, package: &PackageName) -> Option<&str> {
        let filter = self.filters.iter().find(|filter| !filter.lets_in(package));
        filter.map(|filter| filter.text.as_str())
    }

    /// Returns the filters on the way here.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.filters.iter().map(|filter| filter.text.as_str())
    }

    /// Returns whether settings are not inherited through the last link.
    pub fn is_noconfig(&self) -> bool {
        self.noconfig
    }

    fn lists_as(&self, other: &Self) -> bool {
        let texts = |visit: &Self| visit.filters.iter().map(|filter| filter.text.clone()).collect::<Vec<_>>();
        self.tag == other.tag && texts(self) == texts(other)
    }
}

impl Walk<'_> {
    fn descend(&mut self, tag: &TagName, path: Path, at_root: bool) {
        let facts = self.facts;
        let links: &[LinkRow] = facts.tags.get(tag).map_or(&[], |tag: &TagFacts| &tag.links);
        if path.budget.is_some_and(|budget| budget < 1) {
            self.leave(tag, links.iter().filter(|link| !path.tags.contains(&link.parent)), LeftFor::Depth);
            return;
        }
        if !at_root {
            let of_others = links.iter().filter(|link| link.intransitive && !path.tags.contains(&link.parent));
            self.leave(tag, of_others, LeftFor::Intransitive);
        }
        let mut noconfig = path.noconfig;
        for link in links {
            if path.tags.contains(&link.parent) || (link.intransitive && !at_root) {
                continue;
            }
            let budget = next_budget(path.budget, link.maxdepth);
            // Koji's own quirk: once set, the flag stays on for the later siblings of this loop.
            noconfig |= link.noconfig;
            let mut filters = path.filters.clone();
            if !link.pkg_filter.is_empty() {
                filters.push(Filter::new(&link.pkg_filter));
            }
            let earlier = self.earlier.entry(link.parent.clone()).or_default();
            if earlier.iter().any(|visit| visit.suffices(budget, noconfig)) {
                continue;
            }
            earlier.push(Earlier { budget, noconfig: link.noconfig, filtered: !filters.is_empty() });
            let visit = Visit { tag: link.parent.clone(), filters: filters.clone(), noconfig: link.noconfig };
            self.visits.push(visit);
            let mut tags = path.tags.clone();
            tags.insert(link.parent.clone());
            self.descend(&link.parent, Path { tags, budget, noconfig, filters }, false);
        }
    }

    fn leave<'a>(&mut self, tag: &TagName, links: impl Iterator<Item = &'a LinkRow>, why: LeftFor) {
        self.left.extend(links.map(|link| Left { tag: tag.clone(), parent: link.parent.clone(), why }));
    }
}

/// A link's own limit loses one when a limit is in force already.
fn next_budget(budget: Option<i64>, maxdepth: Option<i64>) -> Option<i64> {
    match (budget, maxdepth) {
        (None, own) => own,
        (Some(budget), None) => Some(budget - 1),
        (Some(budget), Some(own)) => Some(own.min(budget) - 1),
    }
}

impl Earlier {
    fn suffices(&self, budget: Option<i64>, noconfig: bool) -> bool {
        let reaches = match (self.budget, budget) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(theirs), Some(ours)) => theirs >= ours,
        };
        reaches && (noconfig || !self.noconfig) && !self.filtered
    }
}

impl std::fmt::Display for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.tag)?;
        self.filters.iter().try_for_each(|filter| write!(f, " /{}/", filter.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tags::PackageRow;

    /// `a>b` links a to b; `a>b:2` with maxdepth 2; `a>b!` intransitive; `a>b~` noconfig; `a>b/f` filtered.
    fn facts(links: &[&str]) -> Facts {
        let mut tags: BTreeMap<TagName, TagFacts> = BTreeMap::new();
        for (priority, text) in links.iter().enumerate() {
            let (child, rest) = text.split_once('>').unwrap();
            let end = rest.find([':', '!', '~', '/']).unwrap_or(rest.len());
            let (parent, attributes) = rest.split_at(end);
            let link = LinkRow {
                parent: parent.parse().unwrap(),
                priority: priority as i64,
                maxdepth: attributes.strip_prefix(':').map(|depth| depth.parse().unwrap()),
                intransitive: attributes == "!",
                noconfig: attributes == "~",
                pkg_filter: attributes.strip_prefix('/').unwrap_or_default().to_owned(),
            };
            tags.entry(parent.parse().unwrap()).or_default();
            tags.entry(child.parse().unwrap()).or_default().links.push(link);
        }
        tags.entry("t".parse().unwrap()).or_default();
        Facts { root: "t".parse().unwrap(), event: 1, tags }
    }

    fn order(links: &[&str]) -> String {
        let order = Order::of(&facts(links));
        order.visits().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_walk_is_depth_first_by_priority() {
        assert_eq!(order(&["t>a", "t>b", "a>c", "b>d"]), "t a c b d");
    }

    #[test]
    fn a_loop_ends_where_it_closes() {
        assert_eq!(order(&["t>a", "a>b", "b>t", "b>a"]), "t a b");
    }

    #[test]
    fn an_intransitive_link_counts_from_the_root_only() {
        assert_eq!(order(&["t>a!", "a>b!"]), "t a");
    }

    #[test]
    fn depth_is_handed_down_and_a_nested_limit_loses_one() {
        assert_eq!(order(&["t>a:0", "a>b"]), "t a");
        assert_eq!(order(&["t>a:1", "a>b", "b>c"]), "t a b");
        assert_eq!(order(&["t>a:2", "a>b:1", "b>c"]), "t a b");
        assert_eq!(order(&["t>a:2", "a>b", "b>c", "c>d"]), "t a b c");
    }

    #[test]
    fn links_that_are_not_followed_are_told_with_the_reason() {
        let left = |links: &[&str]| {
            let order = Order::of(&facts(links));
            order.left().iter().map(|left| format!("{}>{} {:?}", left.tag, left.parent, left.why)).collect::<Vec<_>>()
        };
        assert_eq!(left(&["t>a!", "a>b!"]), ["a>b Intransitive"]);
        assert_eq!(left(&["t>a:0", "a>b", "b>c"]), ["a>b Depth"]);
        assert!(left(&["t>a", "a>t", "a>b"]).is_empty());
    }

    #[test]
    fn a_tag_is_visited_again_where_the_first_visit_was_narrower() {
        assert_eq!(order(&["t>a", "t>b", "a>c", "b>c"]), "t a c b");
        assert_eq!(order(&["t>a:0", "t>b", "b>a", "a>c"]), "t a b a c");
        assert_eq!(order(&["t>a/x", "t>b", "b>a"]), "t a /x/ b a");
    }

    #[test]
    fn what_lies_beyond_a_parents_order_is_named_or_it_is_another_order() {
        let beyond = |links: &[&str], inner: &str| {
            let facts = facts(links);
            let inner = Order::from(&facts, &inner.parse().unwrap());
            let tags = Order::of(&facts).beyond(&inner)?;
            Some(tags.iter().map(TagName::as_str).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(beyond(&["t>a", "a>b"], "a").unwrap(), "t");
        assert_eq!(beyond(&["t>a", "a>b"], "b").unwrap(), "t a");
        assert_eq!(beyond(&["t>a", "t>c", "a>b", "c>d"], "a").unwrap(), "t c d");
        assert_eq!(beyond(&["t>a", "t>c", "a>b", "c>d"], "c").unwrap(), "t a b");
        assert_eq!(beyond(&["t>a~", "a>b"], "a").unwrap(), "t");
        assert_eq!(beyond(&["t>a:0", "a>b"], "a"), None, "b is out of reach");
        assert_eq!(beyond(&["t>a", "a>b!"], "a"), None, "b counts for a only");
        assert_eq!(beyond(&["t>a/x", "a>b"], "a"), None, "the link lets not all through");
        assert_eq!(beyond(&["t>b", "t>a", "a>c", "a>b"], "a"), None, "b stands before a and c");
    }

    fn listing(facts: &mut Facts, tag: &str, package: &str, state: PackageState) {
        let row = PackageRow { package: package.parse().unwrap(), state, from_event: 1 };
        facts.tags.get_mut(&tag.parse().unwrap()).unwrap().packages.push(row);
    }

    fn listed(facts: &Facts) -> String {
        let packages = Order::of(facts).packages(facts);
        packages.iter().map(PackageName::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_nearest_word_on_a_package_wins() {
        let mut facts = facts(&["t>a", "a>b"]);
        listing(&mut facts, "b", "alpha", PackageState::Listed);
        listing(&mut facts, "b", "beta", PackageState::Blocked);
        assert_eq!(listed(&facts), "alpha");
        listing(&mut facts, "a", "alpha", PackageState::Blocked);
        listing(&mut facts, "a", "beta", PackageState::Listed);
        assert_eq!(listed(&facts), "beta");
        listing(&mut facts, "t", "alpha", PackageState::Listed);
        assert_eq!(listed(&facts), "alpha beta");
    }

    #[test]
    fn filters_match_at_the_start_and_spare_the_root() {
        let mut facts = facts(&["t>a/^al"]);
        for package in ["alpha", "beta", "gal"] {
            listing(&mut facts, "a", package, PackageState::Listed);
        }
        listing(&mut facts, "t", "zeta", PackageState::Listed);
        assert_eq!(listed(&facts), "alpha zeta");
    }

    #[test]
    fn arches_come_from_the_nearest_tag_that_has_any_but_not_past_noconfig() {
        let mut facts = facts(&["t>a~", "t>b"]);
        facts.tags.get_mut(&"a".parse().unwrap()).unwrap().arches = vec!["s390x".parse().unwrap()];
        facts.tags.get_mut(&"b".parse().unwrap()).unwrap().arches = vec!["x86_64".parse().unwrap()];
        assert_eq!(Order::of(&facts).arches(&facts), vec!["x86_64".parse::<Arch>().unwrap()]);
    }
}
