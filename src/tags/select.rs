//! Which build of each package is in the set, and which copies of its RPMs?
//!
//! Koji's "latest": by time of tagging, in the nearest tag that has any build of the package; never by
//! version. Then the follow rule's keys: a build of which an RPM is not signed yet is held, and the
//! one before it stays. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::inheritance::Order;
use crate::buildsys::{BuildFiles, Copy, Facts};
use crate::model::{BuildEntry, Nevra, PackageName, RpmEntry, Sigkey, TagName};
use crate::store::pkgsets::Held;

/// A build that may be the one of its package, and the tag it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The build.
    pub build_id: i64,
    /// The tag whose tagging it is.
    pub from: TagName,
}

/// Returns, per package, the builds that may be in the set, the one Koji calls latest first; no more than `latest`
/// where that is given.
///
/// As Koji's `listTagged` counts them: a build of a tag that is visited twice counts twice. It is returned once.
pub fn candidates(facts: &Facts, latest: Option<usize>) -> BTreeMap<PackageName, Vec<Candidate>> {
    let order = Order::of(facts);
    let listed: BTreeSet<PackageName> = order.packages(facts);
    let mut counted: BTreeMap<&PackageName, usize> = BTreeMap::new();
    let mut candidates: BTreeMap<PackageName, Vec<Candidate>> = BTreeMap::new();
    for visit in order.visits() {
        let taggings = facts.tags.get(&visit.tag).map_or(&[][..], |tag| &tag.taggings);
        for tagging in taggings {
            let count = counted.entry(&tagging.package).or_default();
            if !listed.contains(&tagging.package) || latest.is_some_and(|latest| *count >= latest) {
                continue;
            }
            *count += 1;
            let of_package = candidates.entry(tagging.package.clone()).or_default();
            if of_package.iter().all(|known| known.build_id != tagging.build_id) {
                of_package.push(Candidate { build_id: tagging.build_id, from: visit.tag.clone() });
            }
        }
    }
    candidates
}

/// What a package's candidates amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The build that is in the set.
    pub entry: Option<BuildEntry>,
    /// Builds before it that are not signed as the rule asks.
    pub held: Vec<Held>,
}

/// Chooses among the candidates of one package: the first that is signed as `signatures` ask.
pub fn choose(candidates: &[Candidate], builds: &BTreeMap<i64, BuildFiles>, signatures: &[Option<Sigkey>]) -> Choice {
    let mut choice = Choice::default();
    for candidate in candidates {
        let Some(files) = builds.get(&candidate.build_id) else { continue };
        match copies(&files.copies, signatures) {
            Ok(rpms) => {
                choice.entry = Some(BuildEntry {
                    nvr: files.build.nvr.clone(),
                    from: candidate.from.clone(),
                    exclusive_arch: files.build.exclusive_arch.clone(),
                    exclude_arch: files.build.exclude_arch.clone(),
                    rpms,
                });
                return choice;
            }
            Err(unsigned) => choice.held.push(Held {
                package: files.build.nvr.name().clone(),
                nvr: files.build.nvr.to_string(),
                reason: format!("signature: {unsigned} is not signed with {}", wanted(signatures)),
            }),
        }
    }
    choice
}

fn wanted(signatures: &[Option<Sigkey>]) -> String {
    let keys: Vec<&str> = signatures.iter().flatten().map(Sigkey::as_str).collect();
    if keys.is_empty() { "any key".to_owned() } else { keys.join(" or ") }
}

/// Picks the best copy of each RPM; the error is the first RPM that has none.
fn copies(copies: &[Copy], signatures: &[Option<Sigkey>]) -> Result<Vec<RpmEntry>, Nevra> {
    let mut of_rpm: BTreeMap<&Nevra, Vec<&Copy>> = BTreeMap::new();
    for copy in copies {
        of_rpm.entry(&copy.rpm.nevra).or_default().push(copy);
    }
    let mut chosen = Vec::new();
    for (nevra, mut copies) in of_rpm {
        copies.sort_by(|a, b| (&a.rpm.sigkey, &a.path).cmp(&(&b.rpm.sigkey, &b.path)));
        let best = signatures.iter().find_map(|wanted| match wanted {
            Some(key) => copies.iter().find(|copy| copy.rpm.sigkey.as_ref() == Some(key)),
            // "Unsigned is allowed" takes the copy as it was imported, which may carry a signature.
            None => copies.first(),
        });
        let Some(copy) = best else { return Err(nevra.clone()) };
        chosen.push(RpmEntry {
            nevra: nevra.clone(),
            sha256: copy.rpm.sha256,
            size: copy.rpm.size,
            sigkey: copy.rpm.sigkey.clone(),
            location: copy.path.clone(),
        });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::{BuildRow, RpmRow, TagFacts};
    use crate::model::Sha256;
    use crate::store::builds::BuildState;
    use crate::store::tags::{LinkRow, PackageRow, PackageState, TaggingRow};

    fn key(text: &str) -> Sigkey {
        text.parse().unwrap()
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
        (id, BuildFiles { build, copies: keys.iter().map(copy).collect() })
    }

    fn chosen(builds: &[(i64, BuildFiles)], signatures: &[Option<Sigkey>]) -> (Option<String>, usize) {
        let candidates: Vec<Candidate> =
            builds.iter().map(|(id, _)| Candidate { build_id: *id, from: "t".parse().unwrap() }).collect();
        let choice = choose(&candidates, &builds.iter().cloned().collect(), signatures);
        (choice.entry.map(|entry| format!("{} {:?}", entry.nvr, entry.rpms[0].sigkey)), choice.held.len())
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
        let ids: Vec<i64> = candidates(&facts, None)[&name].iter().map(|candidate| candidate.build_id).collect();
        assert_eq!(ids, [1, 2, 9]);
    }
}
