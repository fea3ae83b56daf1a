//! What becomes of each build of a package that stands in some tag, and by what rule? Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::buildsys::{BuildFiles, Facts};
use crate::model::{Nvr, PackageName, TagName};
use crate::store::tags::{PackageState, TaggingRow};
use crate::tags::Order;
use crate::tags::select::{Candidate, Choice};

/// What becomes of a build that stands in a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It counts.
    InTheSet,
    /// It would count, but waits for something.
    Held {
        /// What for.
        reason: String,
    },
    /// Another build was tagged later into the same tag, and there are enough.
    Newer {
        /// The other one; of several that count, the one before this.
        than: Nvr,
    },
    /// A tag that comes before in the inheritance has a build of the package, and there are enough.
    Nearer {
        /// That tag.
        by: TagName,
    },
    /// The package is blocked.
    Blocked {
        /// The tag that says so.
        by: TagName,
    },
    /// No tag lists the package.
    NotListed,
    /// Only tags list the package to which a link leads that does not let it through.
    Filtered {
        /// The tag whose list does not count.
        tag: TagName,
        /// The filter of the link.
        filter: String,
    },
    /// Its tag is inherited from by no way that is open: see the links that were not followed.
    OutOfReach,
    /// The build was deleted in the build system, or is not complete.
    Deleted,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InTheSet => f.write_str("in the set"),
            Self::Held { reason } => write!(f, "held: {reason}"),
            Self::Newer { than } => write!(f, "hidden: a newer tagging in the same tag, of {than}"),
            Self::Nearer { by } => write!(f, "hidden: {by} comes before in the inheritance"),
            Self::Blocked { by } => write!(f, "hidden: blocked in {by}"),
            Self::NotListed => f.write_str("not listed: no tag lists the package"),
            Self::Filtered { tag, filter } => {
                write!(f, "not listed: filtered by the link to {tag}, which lets only {filter} through")
            }
            Self::OutOfReach => f.write_str("not inherited: no link leads there"),
            Self::Deleted => f.write_str("build deleted"),
        }
    }
}

/// Who judges: all that there is to know about one package.
pub(super) struct Judge<'a> {
    pub facts: &'a Facts,
    pub order: &'a Order,
    pub package: &'a PackageName,
    pub known: &'a BTreeMap<i64, BuildFiles>,
    /// The builds that may be in the set, the one that counts first.
    pub candidates: &'a [Candidate],
    /// What they amount to.
    pub choice: &'a Choice,
}

/// A build, the event that tagged it, and what becomes of it.
type Judged = (Nvr, i64, Verdict);

impl<'a> Judge<'a> {
    /// Returns the word that counts on the package: whose, what it is, and since which event.
    pub fn word(&self) -> Option<(&'a TagName, PackageState, i64)> {
        let mut words = self.listings().filter(|listing| listing.filtered.is_none());
        words.next().map(|listing| (listing.tag, listing.state, listing.event))
    }

    /// Returns all tags, those in the order of inheritance first, each with what stands in it.
    pub fn tags(&self) -> Vec<(&'a TagName, Vec<Judged>)> {
        let visited = self.order.tags();
        let beyond = self.facts.tags.keys().filter(|tag| !visited.contains(tag));
        let judged = |tag: &'a TagName| {
            let rows = self.facts.tags.get(tag).map_or(&[][..], |tag| &tag.taggings);
            let rows = rows.iter().filter_map(|row| {
                let nvr = self.known.get(&row.build_id)?.build.nvr.clone();
                Some((nvr, row.from_event, self.verdict(tag, row)))
            });
            (tag, rows.collect())
        };
        visited.iter().copied().chain(beyond).map(judged).collect()
    }

    fn verdict(&self, tag: &TagName, row: &TaggingRow) -> Verdict {
        if !self.order.visits().iter().any(|visit| visit.tag == *tag) {
            return Verdict::OutOfReach;
        }
        match self.word() {
            None => self.unlisted(),
            Some((by, PackageState::Blocked, _)) => Verdict::Blocked { by: by.clone() },
            Some((_, PackageState::Listed, _)) => self.among_candidates(tag, row),
        }
    }

    fn unlisted(&self) -> Verdict {
        let mut listings = self.listings().filter(|listing| listing.state == PackageState::Listed);
        match listings.next().and_then(|listing| Some((listing.tag, listing.filtered?))) {
            Some((tag, filter)) => Verdict::Filtered { tag: tag.clone(), filter: filter.to_owned() },
            None => Verdict::NotListed,
        }
    }

    fn among_candidates(&self, tag: &TagName, row: &TaggingRow) -> Verdict {
        let nvr = |id: i64| self.known.get(&id).map(|files| &files.build.nvr);
        let candidate = self.candidates.iter().find(|candidate| candidate.build_id == row.build_id);
        // The same build stands in a tag before this one: there it counts.
        if let Some(candidate) = candidate.filter(|candidate| candidate.from != *tag) {
            return Verdict::Nearer { by: candidate.from.clone() };
        }
        let own = nvr(row.build_id);
        if let Some(held) = self.choice.held.iter().find(|held| own.is_some_and(|own| own.to_string() == held.nvr)) {
            return Verdict::Held { reason: held.reason.clone() };
        }
        if self.choice.entries.iter().any(|entry| own == Some(&entry.nvr)) {
            return Verdict::InTheSet;
        }
        match self.choice.entries.last() {
            Some(entry) if entry.from == *tag => Verdict::Newer { than: entry.nvr.clone() },
            Some(entry) => Verdict::Nearer { by: entry.from.clone() },
            None => Verdict::Held { reason: "nothing is known of the build's files yet".to_owned() },
        }
    }

    /// Returns all words on the package by all ways, in the order of inheritance.
    fn listings(&self) -> impl Iterator<Item = Listing<'a>> {
        let (facts, package) = (self.facts, self.package);
        self.order.visits().iter().flat_map(move |visit| {
            let rows = facts.tags.get(&visit.tag).map_or(&[][..], |tag| &tag.packages);
            let rows = rows.iter().filter(move |row| row.package == *package);
            rows.map(move |row| Listing {
                tag: &visit.tag,
                state: row.state,
                event: row.from_event,
                filtered: visit.filtered(package),
            })
        })
    }
}

/// A word on the package by one way.
struct Listing<'a> {
    tag: &'a TagName,
    state: PackageState,
    event: i64,
    /// The filter on that way which the package does not pass.
    filtered: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    use crate::buildsys::{BuildRow, Copy, RpmRow, Rpms, TagFacts};
    use crate::config::Latest;
    use crate::model::{Nevra, Sha256, Sigkey};
    use crate::store::builds::BuildState;
    use crate::store::tags::{LinkRow, PackageRow};
    use crate::tags::select;
    use crate::tags::trust::Policy;

    /// Rows about the package bash.
    struct Rows {
        facts: Facts,
        known: BTreeMap<i64, BuildFiles>,
        signatures: Vec<Option<Sigkey>>,
        latest: u32,
    }

    fn package() -> PackageName {
        "bash".parse().unwrap()
    }

    impl Rows {
        /// `t` inherits from `a`, `a` from `b`.
        fn new() -> Self {
            let tags = ["t", "a", "b"].map(|tag| (tag.parse().unwrap(), TagFacts::default()));
            let facts = Facts { root: "t".parse().unwrap(), event: 9, tags: BTreeMap::from(tags) };
            let mut rows = Self { facts, known: BTreeMap::new(), signatures: vec![None], latest: 1 };
            rows.link("t", "a", |_| {});
            rows.link("a", "b", |_| {});
            rows
        }

        fn tag(&mut self, tag: &str) -> &mut TagFacts {
            self.facts.tags.get_mut(&tag.parse::<TagName>().unwrap()).unwrap()
        }

        fn link(&mut self, tag: &str, parent: &str, change: impl FnOnce(&mut LinkRow)) {
            let parent = parent.parse().unwrap();
            let (intransitive, noconfig, pkg_filter) = (false, false, String::new());
            let mut link = LinkRow { parent, priority: 0, maxdepth: None, intransitive, noconfig, pkg_filter };
            change(&mut link);
            self.tag(tag).links = vec![link];
        }

        fn word(&mut self, tag: &str, state: PackageState) {
            self.tag(tag).packages.push(PackageRow { package: package(), state, from_event: 3 });
        }

        /// Puts build `bash-ID-1` into a tag, before those that stand there.
        fn build(&mut self, tag: &str, id: i64, sigkey: Option<&str>) {
            let tagging = TaggingRow { build_id: id, package: package(), from_event: id };
            self.tag(tag).taggings.insert(0, tagging);
            let version = id.to_string();
            let nvr = Nvr::new("bash", &version, "1").unwrap();
            let rpm = RpmRow {
                sha256: Sha256::from_bytes([1; 32]),
                nevra: Nevra::new("bash", 0, &version, "1", "x86_64").unwrap(),
                size: 1,
                content: Some(Sha256::from_bytes([1; 32])),
                sigkey: sigkey.map(|key| key.parse().unwrap()),
                source_rpm: String::new(),
                build_time: 0,
            };
            let (exclusive_arch, exclude_arch) = (vec![], vec![]);
            let build = BuildRow { id, nvr, epoch: 0, state: BuildState::Complete, exclusive_arch, exclude_arch };
            let copies = vec![Copy { build_id: id, path: version, rpm }];
            self.known.insert(id, BuildFiles { build, rpms: Rpms::Known, copies, unread: Vec::new() });
        }

        fn verdicts(&self) -> String {
            let (order, package) = (Order::of(&self.facts), package());
            let candidates = select::candidates(&self.facts).remove(&package).unwrap_or_default();
            let latest = NonZeroU32::new(self.latest).map_or(Latest::All, Latest::Builds);
            let policy = Policy { signatures: &self.signatures, latest, trust: None };
            let choice = select::choose(&candidates, &self.known, &policy);
            let (facts, known) = (&self.facts, &self.known);
            let judge =
                Judge { facts, order: &order, package: &package, known, candidates: &candidates, choice: &choice };
            let judged = judge.tags().into_iter().flat_map(|(tag, judged)| {
                judged.into_iter().map(move |(nvr, _, verdict)| format!("{tag} {nvr} {verdict}"))
            });
            judged.collect::<Vec<_>>().join("\n")
        }
    }

    #[test]
    fn the_latest_of_the_nearest_tag_counts_and_hides_the_others() {
        let mut rows = Rows::new();
        rows.word("b", PackageState::Listed);
        for (tag, id) in [("a", 1), ("a", 2), ("b", 3), ("b", 2)] {
            rows.build(tag, id, None);
        }
        let expected = "a bash-2-1 in the set\n\
                        a bash-1-1 hidden: a newer tagging in the same tag, of bash-2-1\n\
                        b bash-2-1 hidden: a comes before in the inheritance\n\
                        b bash-3-1 hidden: a comes before in the inheritance";
        assert_eq!(rows.verdicts(), expected);
    }

    #[test]
    fn where_several_builds_count_those_behind_them_are_hidden() {
        let mut rows = Rows::new();
        rows.word("b", PackageState::Listed);
        for (tag, id) in [("a", 1), ("a", 2), ("b", 4), ("b", 3), ("b", 2)] {
            rows.build(tag, id, None);
        }
        let hidden = "b bash-4-1 hidden: a newer tagging in the same tag, of bash-3-1";
        let builds = "a bash-2-1 in the set\n\
                      a bash-1-1 in the set\n\
                      b bash-2-1 hidden: a comes before in the inheritance\n\
                      b bash-3-1 in the set";
        rows.latest = 3;
        assert_eq!(rows.verdicts(), format!("{builds}\n{hidden}"));
        rows.latest = 0;
        assert_eq!(rows.verdicts(), format!("{builds}\nb bash-4-1 in the set"));
    }

    #[test]
    fn a_build_that_waits_is_held_and_the_one_before_it_counts() {
        let mut rows = Rows::new();
        rows.word("t", PackageState::Listed);
        rows.signatures = vec![Some("aaaaaaaa".parse().unwrap())];
        rows.build("a", 1, Some("aaaaaaaa"));
        rows.build("t", 2, None);
        let expected = "t bash-2-1 held: signature: bash-2-1.x86_64 is not signed with aaaaaaaa\n\
                        a bash-1-1 in the set";
        assert_eq!(rows.verdicts().replace("bash-0:2", "bash-2"), expected);
    }

    #[test]
    fn a_blocked_package_is_hidden_by_the_tag_that_blocks_it() {
        let mut rows = Rows::new();
        rows.word("b", PackageState::Listed);
        rows.word("a", PackageState::Blocked);
        rows.build("b", 1, None);
        assert_eq!(rows.verdicts(), "b bash-1-1 hidden: blocked in a");
    }

    #[test]
    fn what_no_tag_lists_is_told_from_what_a_link_does_not_let_through() {
        let mut rows = Rows::new();
        rows.build("a", 1, None);
        assert_eq!(rows.verdicts(), "a bash-1-1 not listed: no tag lists the package");
        rows.word("b", PackageState::Listed);
        rows.link("t", "a", |link| link.pkg_filter = "^z".to_owned());
        let expected = "a bash-1-1 not listed: filtered by the link to b, which lets only ^z through";
        assert_eq!(rows.verdicts(), expected);
    }

    #[test]
    fn a_filter_hides_a_list_and_not_the_builds() {
        let mut rows = Rows::new();
        rows.build("a", 1, None);
        rows.word("t", PackageState::Listed);
        rows.link("t", "a", |link| link.pkg_filter = "^z".to_owned());
        assert_eq!(rows.verdicts(), "a bash-1-1 in the set");
    }

    #[test]
    fn a_tag_to_which_no_open_way_leads_is_out_of_reach() {
        for change in [|link: &mut LinkRow| link.intransitive = true, |link: &mut LinkRow| link.maxdepth = Some(0)] {
            let mut rows = Rows::new();
            rows.word("t", PackageState::Listed);
            rows.build("b", 1, None);
            rows.link("a", "b", change);
            let (from, to) = if rows.tag("a").links[0].intransitive { ("", "") } else { ("t", "a") };
            if !from.is_empty() {
                rows.link(from, to, change);
            }
            assert_eq!(rows.verdicts(), "b bash-1-1 not inherited: no link leads there");
        }
    }
}
