//! Which packages does a repository have that is merged from several? Koji's rules for external ones.
//!
//! The rules of `mergerepo_c --koji`: source packages decide. The first repository that has a package of a
//! source name provides all packages of that name; within it the highest version of the source counts.
//! Pure: decides, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Arch, Evr};

/// What is known of a package that may be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Which repository it is from: its place in the order of preference.
    pub repository: usize,
    /// Name, epoch, version, release and arch, in one text.
    pub nevra: String,
    /// Name of the package itself.
    pub name: String,
    /// Its epoch, version and release.
    pub evr: Evr,
    /// Its arch.
    pub arch: Arch,
    /// File name of its source RPM; empty for source packages.
    pub source_rpm: String,
}

/// What is merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Names of source packages that are left out.
    pub blocked: BTreeSet<String>,
    /// Arches that are taken, `noarch` not being among them if it is not wanted; all where it is empty.
    pub arches: BTreeSet<Arch>,
}

/// Returns the places, in `candidates`, of the packages that are merged, in their order.
///
/// Candidates are ordered by repository. Packages whose source cannot be told stand for themselves.
pub fn select(candidates: &[Candidate], rules: &Rules) -> Vec<usize> {
    let is_wanted = |candidate: &Candidate| rules.arches.is_empty() || rules.arches.contains(&candidate.arch);
    // Source name to the repository that provides it, and the version that counts there.
    let mut chosen: BTreeMap<&str, (usize, Evr)> = BTreeMap::new();
    for candidate in candidates.iter().filter(|candidate| is_wanted(candidate)) {
        let (name, evr) = source(candidate);
        if rules.blocked.contains(name) {
            continue;
        }
        match chosen.get_mut(name) {
            None => drop(chosen.insert(name, (candidate.repository, evr))),
            Some((repository, highest)) if *repository == candidate.repository && evr > *highest => *highest = evr,
            Some(_) => {}
        }
    }
    let mut seen = BTreeSet::new();
    let mut selected = Vec::new();
    for (at, candidate) in candidates.iter().enumerate().filter(|(_, candidate)| is_wanted(candidate)) {
        let (name, evr) = source(candidate);
        let is_chosen = chosen.get(name).is_some_and(|chosen| *chosen == (candidate.repository, evr));
        if is_chosen && seen.insert(&candidate.nevra) {
            selected.push(at);
        }
    }
    selected
}

/// Returns name and version of the source that a package is built from. File names have no epoch.
fn source(candidate: &Candidate) -> (&str, Evr) {
    let own = || (candidate.name.as_str(), Evr { epoch: 0, ..candidate.evr.clone() });
    if candidate.arch.is_source() {
        return own();
    }
    let Some(stem) = candidate.source_rpm.strip_suffix(".rpm").and_then(|stem| stem.rsplit_once('.')) else {
        return own();
    };
    let mut parts = stem.0.rsplitn(3, '-');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(release), Some(version), Some(name)) => {
            (name, Evr { epoch: 0, version: version.to_owned(), release: release.to_owned() })
        }
        _ => own(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a candidate out of `REPOSITORY NAME VERSION ARCH SOURCE`.
    fn candidate(text: &str) -> Candidate {
        let words: Vec<&str> = text.split(' ').collect();
        let [repository, name, version, arch, source_rpm] = words[..] else { panic!("{text}") };
        Candidate {
            repository: repository.parse().unwrap(),
            nevra: format!("{name}-0:{version}-1.{arch}"),
            name: name.to_owned(),
            evr: Evr { epoch: 0, version: version.to_owned(), release: "1".to_owned() },
            arch: arch.parse().unwrap(),
            source_rpm: source_rpm.to_owned(),
        }
    }

    fn selected(candidates: &[&str], rules: &Rules) -> Vec<usize> {
        let candidates: Vec<Candidate> = candidates.iter().map(|text| candidate(text)).collect();
        select(&candidates, rules)
    }

    #[test]
    fn the_first_repository_provides_all_of_a_source() {
        let candidates = [
            "0 bash 1 x86_64 bash-1-1.src.rpm",
            "1 bash 2 x86_64 bash-2-1.src.rpm",
            "1 bash-doc 2 noarch bash-2-1.src.rpm",
            "1 vim 1 x86_64 vim-1-1.src.rpm",
        ];
        assert_eq!(selected(&candidates, &Rules::default()), [0, 3]);
    }

    #[test]
    fn the_highest_source_of_a_repository_counts() {
        let candidates = [
            "0 bash 1.9 x86_64 bash-1.9-1.src.rpm",
            "0 bash 1.10 x86_64 bash-1.10-1.src.rpm",
            "0 bash-doc 1.9 noarch bash-1.9-1.src.rpm",
            "0 bash 1.10 src -",
        ];
        assert_eq!(selected(&candidates, &Rules::default()), [1, 3]);
    }

    #[test]
    fn blocked_sources_and_other_arches_are_left_out() {
        let candidates = [
            "0 bash 1 x86_64 bash-1-1.src.rpm",
            "0 libbash 1 x86_64 bash-1-1.src.rpm",
            "0 vim 1 i686 vim-1-1.src.rpm",
            "0 vim 1 x86_64 vim-1-1.src.rpm",
            "1 vim 1 x86_64 vim-1-1.src.rpm",
        ];
        let arches = ["x86_64", "noarch"].map(|arch| arch.parse().unwrap()).into();
        let rules = Rules { blocked: ["bash".to_owned()].into(), arches };
        assert_eq!(selected(&candidates, &rules), [3]);
    }

    #[test]
    fn a_package_listed_twice_is_taken_once() {
        let candidates = ["0 a 1 noarch a-1-1.src.rpm", "0 a 1 noarch a-1-1.src.rpm", "0 b 1 noarch (none)"];
        assert_eq!(selected(&candidates, &Rules::default()), [0, 2]);
    }
}
