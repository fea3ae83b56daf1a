//! Which builds of each package are in the set, and which copies of their RPMs?
//!
//! Koji's "latest": by time of tagging, in the nearest tag that has any build of the package; never by
//! version. Where several are wanted, those behind it in this order. Then the follow rule's keys: a build of which an
//! RPM is not signed yet is held, and the one before it stays; so is a build of a hub of which a file was not read yet,
//! and one of which a signature does not verify where that counts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::forms::rpms_of;
use super::inheritance::Order;
use super::trust::Policy;
use crate::buildsys::{BuildFiles, Facts};
use crate::config::Latest;
use crate::model::{BuildEntry, PackageName, TagName};
use crate::store::pkgsets::Held;

/// A build that may be the one of its package, and the tag it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The build.
    pub build_id: i64,
    /// The tag whose tagging it is.
    pub from: TagName,
}

/// Returns, per package, the builds that may be in the set, the one Koji calls latest first; each once, from the first
/// tag in which it is found.
pub fn candidates(facts: &Facts) -> BTreeMap<PackageName, Vec<Candidate>> {
    let order = Order::of(facts);
    let listed: BTreeSet<PackageName> = order.packages(facts);
    let mut candidates: BTreeMap<PackageName, Vec<Candidate>> = BTreeMap::new();
    for visit in order.visits() {
        let taggings = facts.tags.get(&visit.tag).map_or(&[][..], |tag| &tag.taggings);
        for tagging in taggings {
            if !listed.contains(&tagging.package) {
                continue;
            }
            let of_package = candidates.entry(tagging.package.clone()).or_default();
            if of_package.iter().all(|known| known.build_id != tagging.build_id) {
                of_package.push(Candidate { build_id: tagging.build_id, from: visit.tag.clone() });
            }
        }
    }
    candidates
}

/// What a reason begins with where a build waits for its files, and not for a signature.
pub(super) const FILES: &str = "files: ";

/// What a package's candidates amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The builds that are in the set, the one Koji calls latest first.
    pub entries: Vec<BuildEntry>,
    /// Builds before the last of them, or before as many as are wanted, that are not signed as the rule asks, or of which a file was not read.
    pub held: Vec<Held>,
    /// What is to be learned of builds.
    pub wanted: BTreeSet<Want>,
}

impl Choice {
    /// Returns whether there are as many builds as `latest` says.
    pub fn is_full(&self, latest: Latest) -> bool {
        latest.limit().is_some_and(|limit| self.entries.len() >= limit)
    }

    /// Returns whether a build that may come into the set waits for what was never tried to be learned.
    pub fn is_pending(&self) -> bool {
        !self.held.is_empty() && self.wanted.iter().any(|want| !want.was_tried)
    }
}

/// What is to be learned for the packages of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub all: BTreeSet<Want>,
    /// For how many packages builds wait for what was never tried to be learned.
    pub pending: usize,
}

impl Wanted {
    pub fn add(&mut self, choice: &Choice) {
        self.pending += usize::from(choice.is_pending());
        self.all.extend(choice.wanted.iter().cloned());
    }
}

/// Something that is to be learned of a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// The build.
    pub build_id: i64,
    /// Its RPMs where this is empty; else its files signed with this key, or `unsigned` for those as they were imported.
    pub part: String,
    /// Whether it was tried before, and something went wrong.
    pub was_tried: bool,
}

/// Chooses among the candidates of one package: the first that are signed as the policy asks and whose files are known,
/// as many as it says.
///
/// A build counts once, in however many tags it is found: Koji's hub counts it as often as it meets it where it is asked
/// for several latest ones, and then gives fewer builds than it was asked for.
pub fn choose(candidates: &[Candidate], builds: &BTreeMap<i64, BuildFiles>, policy: &Policy<'_>) -> Choice {
    let mut choice = Choice::default();
    for candidate in candidates {
        if choice.is_full(policy.latest) {
            break;
        }
        let Some(files) = builds.get(&candidate.build_id) else { continue };
        match rpms_of(files, policy, &mut choice.wanted) {
            Ok(rpms) => choice.entries.push(BuildEntry {
                nvr: files.build.nvr.clone(),
                from: candidate.from.clone(),
                exclusive_arch: files.build.exclusive_arch.clone(),
                exclude_arch: files.build.exclude_arch.clone(),
                rpms,
            }),
            Err(reason) => choice.held.push(Held {
                package: files.build.nvr.name().clone(),
                nvr: files.build.nvr.to_string(),
                reason,
            }),
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::{BuildRow, Copy, RpmRow, Rpms, TagFacts, Unread, Volume};
    use crate::model::{Nevra, Sha256, Sigkey};
    use crate::store::builds::BuildState;
    use crate::store::tags::{LinkRow, PackageRow, PackageState, TaggingRow};

    const ONE: Latest = Latest::Builds(std::num::NonZeroU32::MIN);

    fn key(text: &str) -> Sigkey {
        text.parse().unwrap()
    }

    fn by(signatures: &[Option<Sigkey>]) -> Policy<'_> {
        Policy { signatures, latest: ONE, trust: None }
    }

    fn files(id: i64, version: &str, keys: &[Option<Sigkey>]) -> (i64, BuildFiles) {
        let nvr = crate::model::Nvr::new("bash", version, "1").unwrap();
        let copy = |sigkey: &Option<Sigkey>| Copy {
            build_id: id,
            path: format!("{nvr}/{sigkey:?}"),
            rpm: RpmRow {
                sha256: Sha256::from_bytes([id as u8; 32]),
                nevra: Nevra::new("bash", 0, version, "1", "x86_64").unwrap(),
                size: 1,
                content: None,
                sigkey: sigkey.clone(),
                source_rpm: String::new(),
                build_time: 0,
            },
        };
        let build = BuildRow {
            id,
            nvr: nvr.clone(),
            epoch: 0,
            state: BuildState::Complete,
            exclusive_arch: vec![],
            exclude_arch: vec![],
        };
        let copies = keys.iter().map(copy).collect();
        (id, BuildFiles { build, rpms: Rpms::Known, copies, unread: vec![] })
    }

    /// A build of a hub, of which these forms were read and those not.
    fn of_hub(read: &[Option<Sigkey>], not: &[Option<Sigkey>], problem: Option<&str>) -> (i64, BuildFiles) {
        let (id, mut files) = files(3, "3", read);
        let nevra = Nevra::new("bash", 0, "3", "1", "x86_64").unwrap();
        let path = |key: &Option<Sigkey>| Volume::location(&files.build.nvr, &nevra, key.as_ref());
        let unread = not.iter().map(|key| Unread {
            nevra: nevra.clone(),
            sigkey: key.clone(),
            path: path(key),
            problem: problem.map(str::to_owned),
        });
        let unread = unread.collect();
        files.copies.iter_mut().for_each(|copy| copy.path = path(&copy.rpm.sigkey));
        files.unread = unread;
        (id, files)
    }

    fn choice(files: (i64, BuildFiles), signatures: &[Option<Sigkey>]) -> Choice {
        let candidate = Candidate { build_id: files.0, from: "t".parse().unwrap() };
        choose(&[candidate], &BTreeMap::from([files]), &by(signatures))
    }

    fn wants(choice: &Choice) -> Vec<(&str, bool)> {
        choice.wanted.iter().map(|want| (want.part.as_str(), want.was_tried)).collect()
    }

    #[test]
    fn a_file_that_is_not_read_is_wanted_and_holds_its_build() {
        let a = key("aaaaaaaa");
        let held = choice(of_hub(&[], &[None, Some(a.clone())], None), &[Some(a.clone()), None]);
        assert_eq!((held.entries.is_empty(), wants(&held), held.is_pending()), (true, vec![("aaaaaaaa", false)], true));
        assert_eq!(held.held[0].reason, "files: bash-0:3-1.x86_64 is not read yet");
        let held = choice(of_hub(&[], &[None], Some("it is broken")), &[None]);
        assert_eq!((wants(&held), held.is_pending()), (vec![("unsigned", true)], false));
        assert_eq!(held.held[0].reason, "files: it is broken");
        let unsigned = choice(of_hub(&[], &[None], None), &[Some(a)]);
        assert!(unsigned.held[0].reason.starts_with("signature: ") && unsigned.wanted.is_empty());
    }

    #[test]
    fn what_is_read_stands_in_until_the_better_form_is() {
        let a = key("aaaaaaaa");
        let both = choice(of_hub(&[None], &[Some(a.clone())], None), &[Some(a.clone()), None]);
        assert_eq!((wants(&both), both.is_pending()), (vec![("aaaaaaaa", false)], false));
        assert_eq!(both.entries[0].rpms[0].sigkey, None);
        let done = choice(of_hub(&[None, Some(a.clone())], &[], None), &[Some(a.clone()), None]);
        assert_eq!((done.entries[0].rpms[0].sigkey.clone(), done.wanted.len()), (Some(a), 0));
    }

    #[test]
    fn where_unsigned_is_allowed_a_signed_copy_does_not_stand_in_for_the_imported_one() {
        let held = choice(of_hub(&[Some(key("aaaaaaaa"))], &[None], None), &[None]);
        assert_eq!((held.entries.is_empty(), wants(&held)), (true, vec![("unsigned", false)]));
    }

    #[test]
    fn a_build_whose_rpms_are_not_known_is_to_be_asked_for() {
        let (id, mut files) = of_hub(&[], &[], None);
        files.rpms = Rpms::Unknown(None);
        let unknown = choice((id, files.clone()), &[None]);
        assert_eq!(
            (unknown.held[0].reason.as_str(), wants(&unknown)),
            ("files: its RPMs are not known yet", vec![("", false)])
        );
        files.rpms = Rpms::Refused("a name is bad".to_owned());
        let refused = choice((id, files), &[None]);
        assert_eq!((refused.held[0].reason.as_str(), refused.is_pending()), ("files: a name is bad", false));
    }

    fn chosen(builds: &[(i64, BuildFiles)], signatures: &[Option<Sigkey>]) -> (Option<String>, usize) {
        let candidates: Vec<Candidate> =
            builds.iter().map(|(id, _)| Candidate { build_id: *id, from: "t".parse().unwrap() }).collect();
        let choice = choose(&candidates, &builds.iter().cloned().collect(), &by(signatures));
        let entry = choice.entries.first();
        (entry.map(|entry| format!("{} {:?}", entry.nvr, entry.rpms[0].sigkey)), choice.held.len())
    }

    #[test]
    fn a_build_that_is_not_signed_is_held_and_its_predecessor_stays() {
        let (a, b) = (key("aaaaaaaa"), key("bbbbbbbb"));
        let builds = [files(2, "2", &[None]), files(1, "1", &[None, Some(a.clone()), Some(b.clone())])];
        assert_eq!(chosen(&builds, &[None]), (Some("bash-2-1 None".into()), 0));
        let (newest, held) = chosen(&builds, &[Some(b), Some(a.clone())]);
        assert_eq!((newest.unwrap().as_str(), held), (r#"bash-1-1 Some(Sigkey("bbbbbbbb"))"#, 1));
        assert_eq!(chosen(&builds[..1], &[Some(a)]), (None, 1));
    }

    #[test]
    fn where_unsigned_is_allowed_a_signed_import_is_taken_as_it_is() {
        let builds = [files(1, "1", &[Some(key("aaaaaaaa"))])];
        assert_eq!(chosen(&builds, &[None]).0.unwrap(), r#"bash-1-1 Some(Sigkey("aaaaaaaa"))"#);
    }

    #[test]
    fn as_many_builds_are_chosen_as_are_wanted_and_held_ones_do_not_count() {
        let (a, signatures) = (key("aaaaaaaa"), [Some(key("aaaaaaaa"))]);
        let signed = [Some(a.clone())];
        let builds = [files(5, "5", &signed), files(4, "4", &[None]), files(3, "3", &signed), files(2, "2", &signed)];
        let candidates: Vec<Candidate> =
            builds.iter().map(|(id, _)| Candidate { build_id: *id, from: "t".parse().unwrap() }).collect();
        let known = builds.into_iter().collect();
        let chosen = |latest| {
            let choice = choose(&candidates, &known, &Policy { latest, ..by(&signatures) });
            let nvrs: Vec<String> = choice.entries.iter().map(|entry| entry.nvr.to_string()).collect();
            (nvrs.join(" "), choice.held.len())
        };
        let builds = |count| Latest::Builds(std::num::NonZeroU32::new(count).unwrap());
        assert_eq!(chosen(builds(1)), ("bash-5-1".to_owned(), 0));
        assert_eq!(chosen(builds(2)), ("bash-5-1 bash-3-1".to_owned(), 1));
        assert_eq!(chosen(Latest::All), ("bash-5-1 bash-3-1 bash-2-1".to_owned(), 1));
    }

    #[test]
    fn latest_is_by_tagging_in_the_nearest_tag_that_has_any() {
        let name: PackageName = "bash".parse().unwrap();
        let tagging = |build_id, from_event| TaggingRow { build_id, package: name.clone(), from_event };
        let link = LinkRow {
            parent: "base".parse().unwrap(),
            priority: 0,
            maxdepth: None,
            intransitive: false,
            noconfig: false,
            pkg_filter: String::new(),
        };
        let listed = PackageRow { package: name.clone(), state: PackageState::Listed, from_event: 1 };
        let base = TagFacts { packages: vec![listed], taggings: vec![tagging(9, 99)], ..TagFacts::default() };
        let side = TagFacts { links: vec![link], taggings: vec![tagging(1, 7), tagging(2, 5)], ..TagFacts::default() };
        let tags = BTreeMap::from([("base".parse().unwrap(), base), ("side".parse().unwrap(), side)]);
        let facts = Facts { root: "side".parse().unwrap(), event: 100, tags };
        let ids: Vec<i64> = candidates(&facts)[&name].iter().map(|candidate| candidate.build_id).collect();
        assert_eq!(ids, [1, 2, 9]);
    }
}
