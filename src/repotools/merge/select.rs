//! Which packages does a repository have that is merged from several? By the rules of `mergerepo_c`, as Koji
//! calls it for external repositories.
//!
//! Pure: decides, and writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Arch, Evr, Nevra};

/// By which rules packages are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Sources decide (`mergerepo_c --koji`): the first repository that has a package of a source name decides
    /// which source RPM of that name counts, the highest that it has; packages of it are taken from all
    /// repositories, each name, version, release and arch once, from the first.
    #[default]
    Koji,
    /// All packages, also several of one name and version (`mergerepo_c --koji --simple`).
    Simple,
    /// Each name, epoch, version, release and arch once, from the first repository that has it (`mergerepo_c
    /// --all`).
    All,
}

/// What is known of a package that may be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which repository it is from: its place in the order of preference.
    pub(super) repository: usize,
    pub(super) nevra: Nevra,
    /// File name of its source RPM; empty for source packages, and where the metadata does not tell.
    pub(super) source_rpm: String,
}

impl Candidate {
    /// Returns name, version, release and arch, by which Koji knows a package.
    pub(super) fn nvra(&self) -> String {
        let Nevra { name, arch, evr } = &self.nevra;
        format!("{name}-{}-{}.{arch}", evr.version, evr.release)
    }
}

/// What is merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) method: Method,
    /// Names of source packages that are left out, with all that was built from them.
    pub(super) blocked: BTreeSet<String>,
    /// Arches that are taken; all where it is empty.
    pub(super) arches: BTreeSet<Arch>,
}

/// Returns the places, in `candidates`, of the packages that are merged, in their order.
///
/// Candidates are ordered by repository.
pub(super) fn select(candidates: &[Candidate], rules: &Rules) -> Vec<usize> {
    let chosen = chosen(candidates);
    let mut seen = BTreeSet::new();
    let mut selected = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let is_wanted = rules.arches.is_empty() || rules.arches.contains(&candidate.nevra.arch);
        let source = Source::of(candidate);
        if !is_wanted || source.as_ref().is_some_and(|source| rules.blocked.contains(source.name)) {
            continue;
        }
        let is_taken = match rules.method {
            Method::Simple => true,
            Method::All => seen.insert(candidate.nevra.to_string()),
            Method::Koji => {
                let counts = source.is_none_or(|source| chosen.get(source.name).is_some_and(|(_, one)| *one == source));
                counts && seen.insert(candidate.nvra())
            }
        };
        if is_taken {
            selected.push(at);
        }
    }
    selected
}

/// Returns the source RPM that counts of each name, and the repository that decided it. Packages of arches that
/// are not taken have their say too.
fn chosen(candidates: &[Candidate]) -> BTreeMap<&str, (usize, Source<'_>)> {
    let mut chosen: BTreeMap<&str, (usize, Source<'_>)> = BTreeMap::new();
    for candidate in candidates {
        let Some(source) = Source::of(candidate) else { continue };
        match chosen.get_mut(source.name) {
            None => drop(chosen.insert(source.name, (candidate.repository, source))),
            Some((repository, highest)) if *repository == candidate.repository && source.evr > highest.evr => {
                *highest = source;
            }
            Some(_) => {}
        }
    }
    chosen
}

/// A source RPM. File names have no epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Source<'a> {
    name: &'a str,
    evr: Evr,
}

impl<'a> Source<'a> {
    /// Returns the source that a package is built from, or is; `None` where the metadata does not tell.
    fn of(candidate: &'a Candidate) -> Option<Self> {
        let Nevra { name, evr, .. } = &candidate.nevra;
        if candidate.nevra.is_source() {
            return Some(Self { name: name.as_str(), evr: Evr { epoch: 0, ..evr.clone() } });
        }
        let (stem, _arch) = candidate.source_rpm.strip_suffix(".rpm")?.rsplit_once('.')?;
        let mut parts = stem.rsplitn(3, '-');
        let (release, version, name) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { name, evr: Evr { epoch: 0, version: version.to_owned(), release: release.to_owned() } })
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
            nevra: Nevra::new(name, 0, version, "1", arch).unwrap(),
            source_rpm: source_rpm.to_owned(),
        }
    }

    fn selected(candidates: &[&str], rules: &Rules) -> Vec<usize> {
        let candidates: Vec<Candidate> = candidates.iter().map(|text| candidate(text)).collect();
        select(&candidates, rules)
    }

    #[test]
    fn the_first_repository_decides_which_source_counts() {
        let candidates = [
            "0 bash 1 x86_64 bash-1-1.src.rpm",
            "1 bash 2 x86_64 bash-2-1.src.rpm",
            "1 bash-doc 2 noarch bash-2-1.src.rpm",
            "1 bash-libs 1 x86_64 bash-1-1.src.rpm",
            "1 vim 1 x86_64 vim-1-1.src.rpm",
        ];
        assert_eq!(selected(&candidates, &Rules::default()), [0, 3, 4]);
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
            "0 bash 1 src -",
            "0 vim 1 i686 vim-1-1.src.rpm",
            "1 vim 1 x86_64 vim-1-1.src.rpm",
            "1 vim 2 x86_64 vim-2-1.src.rpm",
        ];
        let arches = ["x86_64", "src"].map(|arch| arch.parse().unwrap()).into();
        for (method, expected) in [(Method::Koji, vec![4]), (Method::Simple, vec![4, 5]), (Method::All, vec![4, 5])] {
            let rules = Rules { method, blocked: ["bash".to_owned()].into(), arches: BTreeSet::clone(&arches) };
            assert_eq!(selected(&candidates, &rules), expected, "{method:?}");
        }
    }

    #[test]
    fn a_package_listed_twice_is_taken_once_where_the_method_says_so() {
        let candidates = ["0 a 1 noarch a-1-1.src.rpm", "1 a 1 noarch a-1-1.src.rpm", "1 b 1 noarch (none)"];
        for (method, expected) in
            [(Method::Koji, vec![0, 2]), (Method::Simple, vec![0, 1, 2]), (Method::All, vec![0, 2])]
        {
            assert_eq!(selected(&candidates, &Rules { method, ..Rules::default() }), expected, "{method:?}");
        }
    }

    #[test]
    fn packages_whose_source_is_not_told_are_taken() {
        let candidates = ["0 a 1 noarch ", "1 a 2 noarch ", "1 a 1 noarch ", "1 b 1 noarch odd"];
        assert_eq!(selected(&candidates, &Rules::default()), [0, 1, 3]);
    }
}
