//! Which RPMs of a package set go into which variant and arch?
//!
//! By name only: no dependency is followed. All of a variant's arches are decided at once, since its
//! source tree is one for all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::layout;
use crate::model::{
    Arch, BuildEntry, Evr, Nevra, PackagePattern, Packages, RepoName, ReposOf, RpmEntry, Variant, VariantId, words,
};

words! {
    /// What an RPM is in a tree, by productmd's `SUPPORTED_CATEGORIES`.
    Category, "category" {
        /// For installing.
        Binary = "binary",
        /// For debugging what is installed.
        Debug = "debug",
        /// What the others were built from.
        Source = "source",
    }
}

/// An RPM that was selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The file.
    pub rpm: RpmEntry,
    /// The source package it was built from; its own NEVRA for a source package.
    pub source: Nevra,
    /// What it is in the tree.
    pub category: Category,
    /// Where it lies, below [`layout::CONTENT`].
    pub path: String,
}

/// What the variant has on one base arch. The sources are named under each arch that needs them,
/// though they lie in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The base arch.
    pub arch: Arch,
    /// The RPMs, in the order of the builds, then of their NEVRA.
    pub entries: Vec<TreeEntry>,
}

impl Tree {
    /// Returns the RPMs of one category.
    pub fn of(&self, category: Category) -> impl Iterator<Item = &TreeEntry> {
        self.entries.iter().filter(move |entry| entry.category == category)
    }
}

/// Two RPMs that would be one file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The file, below [`layout::CONTENT`].
    pub path: String,
    /// The RPM that came first, which is in the tree.
    pub kept: RpmEntry,
    /// The one from a later build, which is not.
    pub left_out: RpmEntry,
}

/// What was selected for a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The variant.
    pub variant: Variant,
    /// One tree per arch, in the order of the arches.
    pub trees: Vec<Tree>,
    /// The patterns of the list that mean no RPM of the set on any arch of the variant: worth a
    /// warning, since a package is missing or a name misspelt.
    pub unmatched: Vec<PackagePattern>,
    /// RPMs of one name and different bytes, of which the tree can hold only one.
    pub clashing: Vec<Clash>,
}

/// A repository to write: a directory and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeRepo<'a> {
    /// Which of the variant's repositories.
    pub name: RepoName,
    /// Its root, below [`layout::CONTENT`].
    pub directory: String,
    /// Its RPMs, each once, in order of their path.
    pub entries: Vec<&'a TreeEntry>,
}

impl Selection {
    /// Returns the repositories of the variant: the binary one of every arch, be it empty, and those
    /// of debug packages and of sources that are not.
    pub fn repositories(&self) -> Vec<TreeRepo<'_>> {
        let mut repositories = Vec::new();
        for tree in &self.trees {
            repositories.push(repository(
                self.variant.id(),
                RepoName::Binary(tree.arch.clone()),
                tree.of(Category::Binary),
            ));
            repositories.push(repository(
                self.variant.id(),
                RepoName::Debug(tree.arch.clone()),
                tree.of(Category::Debug),
            ));
        }
        let sources = self.trees.iter().flat_map(|tree| tree.of(Category::Source));
        repositories.push(repository(self.variant.id(), RepoName::Source, sources));
        repositories.retain(|repo| matches!(repo.name, RepoName::Binary(_)) || !repo.entries.is_empty());
        repositories
    }
}

fn repository<'a>(variant: &VariantId, name: RepoName, entries: impl Iterator<Item = &'a TreeEntry>) -> TreeRepo<'a> {
    let mut entries: Vec<&TreeEntry> = entries.collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries.dedup_by(|a, b| a.path == b.path);
    TreeRepo { directory: layout::tree(variant, &name), name, entries }
}

/// Selects the RPMs of a variant from the builds of a package set.
///
/// What belongs on an arch at all is `rules`' to say (its multilib lists; its own arches are not
/// asked). A list selects the RPMs it means and with them the debug packages of the same build and
/// RPM arch; the source package comes with whatever of its build is selected.
pub fn select(builds: &[BuildEntry], variant: &Variant, rules: &ReposOf) -> Selection {
    let mut selecting =
        Selecting { variant, rules, matched: BTreeSet::new(), taken: BTreeMap::new(), clashing: Vec::new() };
    let trees = variant.arches().iter().map(|arch| selecting.tree(builds, arch)).collect();
    let unmatched = match variant.packages() {
        Packages::All => Vec::new(),
        Packages::Listed(list) => list.entries().difference(&selecting.matched).map(|&entry| entry.clone()).collect(),
    };
    Selection { variant: variant.clone(), trees, unmatched, clashing: selecting.clashing }
}

/// What is known while the trees of a variant are filled.
struct Selecting<'a> {
    variant: &'a Variant,
    rules: &'a ReposOf,
    matched: BTreeSet<&'a PackagePattern>,
    taken: BTreeMap<String, RpmEntry>,
    clashing: Vec<Clash>,
}

impl<'a> Selecting<'a> {
    fn tree(&mut self, builds: &[BuildEntry], arch: &Arch) -> Tree {
        let mut entries = Vec::new();
        for build in builds {
            for entry in self.of_build(build, arch) {
                let kept = self.taken.entry(entry.path.clone()).or_insert_with(|| entry.rpm.clone());
                if kept.sha256 == entry.rpm.sha256 {
                    entries.push(entry);
                    continue;
                }
                let clash = Clash { path: entry.path, kept: kept.clone(), left_out: entry.rpm };
                if !self.clashing.contains(&clash) {
                    self.clashing.push(clash);
                }
            }
        }
        Tree { arch: arch.clone(), entries }
    }

    fn of_build(&mut self, build: &BuildEntry, arch: &Arch) -> Vec<TreeEntry> {
        let (binary, debug) = (RepoName::Binary(arch.clone()), RepoName::Debug(arch.clone()));
        let on = |name: &RepoName| -> Vec<&RpmEntry> {
            let (exclusive, exclude) = (&build.exclusive_arch, &build.exclude_arch);
            build.rpms.iter().filter(|rpm| self.rules.takes(name, &rpm.nevra, exclusive, exclude)).collect()
        };
        let (mut binaries, mut debugs) = (on(&binary), on(&debug));
        binaries.retain(|rpm| self.wants(rpm));
        let arches: BTreeSet<&Arch> = binaries.iter().map(|rpm| &rpm.nevra.arch).collect();
        debugs.retain(|rpm| self.wants(rpm) || arches.contains(&rpm.nevra.arch));
        if binaries.is_empty() && debugs.is_empty() {
            return Vec::new();
        }
        let sources = build.rpms.iter().filter(|rpm| rpm.nevra.is_source());
        let source = source_of(build);
        let entry = |rpm: &RpmEntry, category, which: &RepoName| TreeEntry {
            path: layout::package(self.variant.id(), which, &rpm.nevra),
            rpm: rpm.clone(),
            source: if category == Category::Source { rpm.nevra.clone() } else { source.clone() },
            category,
        };
        let mut entries: Vec<TreeEntry> = Vec::new();
        entries.extend(binaries.into_iter().map(|rpm| entry(rpm, Category::Binary, &binary)));
        entries.extend(debugs.into_iter().map(|rpm| entry(rpm, Category::Debug, &debug)));
        entries.extend(sources.map(|rpm| entry(rpm, Category::Source, &RepoName::Source)));
        entries
    }

    /// Returns whether the list means the RPM, and remembers every pattern that does.
    fn wants(&mut self, rpm: &RpmEntry) -> bool {
        let variant: &'a Variant = self.variant;
        let Packages::Listed(list) = variant.packages() else { return true };
        let mut wanted = false;
        for entry in list.meaning(&rpm.nevra) {
            self.matched.insert(entry);
            wanted = true;
        }
        wanted
    }
}

/// Returns the NEVRA of a build's source package.
///
/// Where the set has none (it was imported without), the name is told from the build, with the
/// epoch of its main package: sub-packages may have one of their own.
fn source_of(build: &BuildEntry) -> Nevra {
    if let Some(source) = build.rpms.iter().find(|rpm| rpm.nevra.is_source()) {
        return source.nevra.clone();
    }
    let main = build.rpms.iter().find(|rpm| rpm.nevra.name == *build.package()).or(build.rpms.first());
    Nevra {
        name: build.package().clone(),
        arch: Arch::source(),
        evr: Evr {
            epoch: main.map_or(0, |rpm| rpm.nevra.evr.epoch),
            version: build.nvr.version().to_owned(),
            release: build.nvr.release().to_owned(),
        },
    }
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
