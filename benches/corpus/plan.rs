//! Which packages are there? Source packages of the usual families, and what each is divided into.
//!
//! Decides names, versions and arches; what a package holds is decided when it is written.

use std::collections::HashSet;

use super::chance::Chance;
use super::words;

/// The release that a distribution's packages carry.
const DIST: &str = "fc43";
/// No package is built before this time: 2024-01-01.
const FIRST_BUILD: u64 = 1_704_067_200;
const LANGUAGES: [&str; 30] = [
    "ar", "bg", "ca", "cs", "da", "de", "el", "en_GB", "es", "et", "fi", "fr", "gl", "he", "hu", "it", "ja", "ko",
    "lt", "lv", "nb", "nl", "pl", "pt_BR", "ru", "sk", "sv", "tr", "uk", "zh_CN",
];

/// What a package is to its source package; decides what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Program,
    Libs,
    Devel,
    Doc,
    Data,
    Langpack,
    Python,
    Perl,
    Crate,
    /// A part of a crate or a Python module that only has dependencies.
    Feature,
    Golang,
}

/// What is built from one source.
#[derive(Debug)]
pub struct Source {
    pub seed: u64,
    pub name: String,
    pub epoch: Option<u32>,
    pub version: String,
    release: usize,
    pub built: u64,
    /// How many sources of libraries there are before this one: what it can depend on.
    pub libraries: usize,
    /// How many packages of the corpus are built from it.
    pub packages: usize,
}

/// A package, in its first state; a replacement has a higher release.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub arch: &'static str,
    pub source: usize,
    pub(super) role: Role,
    /// The text that tells it from the others of its source.
    pub(super) part: String,
}

/// All packages, by number.
#[derive(Debug)]
pub struct Corpus {
    pub packages: Vec<Package>,
    pub sources: Vec<Source>,
    /// The numbers of the sources that are libraries.
    pub(super) libraries: Vec<usize>,
}

impl Corpus {
    /// Plans a corpus of so many packages.
    pub fn plan(packages: usize) -> Self {
        let mut corpus = Self { packages: Vec::new(), sources: Vec::new(), libraries: Vec::new() };
        let mut names = HashSet::new();
        while corpus.packages.len() < packages {
            let mut chance = Chance::new(&[3, corpus.sources.len() as u64]);
            corpus.add_source(&mut chance, &mut names, packages);
        }
        corpus
    }

    fn add_source(&mut self, chance: &mut Chance, names: &mut HashSet<String>, most: usize) {
        let family = chance.pick(&FAMILIES);
        let name = unused_name(chance, family, names);
        let parts = parts(chance, family, &name);
        let versions = if chance.percent(1) { 2 } else { 1 };
        for _ in 0..versions {
            let room = most - self.packages.len();
            if room == 0 {
                return;
            }
            let source = self.sources.len();
            if family == Family::Library {
                self.libraries.push(source);
            }
            let packages = parts.len();
            self.sources.push(Source {
                seed: source as u64,
                name: name.clone(),
                epoch: chance.percent(4).then(|| chance.between(1, 3) as u32),
                version: version(chance),
                release: chance.skewed(12) + 1,
                built: FIRST_BUILD + chance.below(650 * 86_400) as u64,
                libraries: self.libraries.len(),
                packages,
            });
            let new = parts.iter().take(room);
            self.packages.extend(new.map(|(name, arch, role, part)| Package {
                name: name.clone(),
                arch,
                source,
                role: *role,
                part: part.clone(),
            }));
        }
    }

    /// Returns the file name that the package has in this round of replacements; 0 is before the first.
    pub fn file_name(&self, package: &Package, round: u32) -> String {
        let source = &self.sources[package.source];
        format!("{}-{}-{}.{}.rpm", package.name, source.version, source.release(round), package.arch)
    }

    /// Returns the name-version-release of the build that the package comes from in this round.
    pub fn build(&self, number: usize, round: u32) -> String {
        let source = &self.sources[self.packages[number].source];
        format!("{}-{}-{}", source.name, source.version, source.release(round))
    }

    /// Returns the numbers of the packages that this round replaces.
    ///
    /// Only those that are all of their source package, so that each replacement is a whole new build.
    pub fn replaced(&self, count: usize, round: u32) -> Vec<usize> {
        let alone = |number: &usize| self.sources[self.packages[*number].source].packages == 1;
        let mut candidates: Vec<usize> = (0..self.packages.len()).filter(alone).collect();
        let mut chance = Chance::new(&[4, u64::from(round)]);
        let count = count.min(candidates.len());
        for place in 0..count {
            let other = chance.between(place, candidates.len() - 1);
            candidates.swap(place, other);
        }
        candidates.truncate(count);
        candidates.sort_unstable();
        candidates
    }
}

impl Source {
    /// Returns the release that it has in this round.
    pub fn release(&self, round: u32) -> String {
        format!("{}.{DIST}", self.release + round as usize)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Program,
    Library,
    Translated,
    Python,
    Perl,
    Crate,
    Golang,
    Collection,
}

const FAMILIES: [Family; 20] = [
    Family::Program,
    Family::Program,
    Family::Program,
    Family::Program,
    Family::Library,
    Family::Library,
    Family::Library,
    Family::Library,
    Family::Library,
    Family::Python,
    Family::Python,
    Family::Python,
    Family::Python,
    Family::Perl,
    Family::Perl,
    Family::Perl,
    Family::Crate,
    Family::Golang,
    Family::Collection,
    Family::Translated,
];

fn unused_name(chance: &mut Chance, family: Family, names: &mut HashSet<String>) -> String {
    loop {
        let stem = words::stem(chance);
        let name = match family {
            Family::Library if chance.percent(70) => format!("lib{stem}"),
            Family::Program | Family::Library | Family::Translated if chance.percent(70) => stem,
            Family::Program | Family::Library | Family::Translated => format!("{stem}-{}", words::stem(chance)),
            Family::Python => format!("python-{stem}{}", if chance.percent(30) { "-client" } else { "" }),
            Family::Perl => format!("perl-{}-{}", words::capital(chance), words::capital(chance)),
            Family::Crate => format!("rust-{stem}"),
            Family::Golang => format!("golang-github-{stem}-{}", words::stem(chance)),
            Family::Collection => format!("{}-{stem}", chance.pick(&["texlive", "R", "octave", "gap-pkg"])),
        };
        if names.insert(name.clone()) {
            return name;
        }
    }
}

fn version(chance: &mut Chance) -> String {
    let mut version = match chance.below(10) {
        0 => format!("20{}{:02}{:02}", chance.between(15, 25), chance.between(1, 12), chance.between(1, 28)),
        1..=3 => format!("{}.{}", chance.skewed(12), chance.skewed(40)),
        _ => format!("{}.{}.{}", chance.skewed(12), chance.skewed(30), chance.skewed(20)),
    };
    match chance.below(100) {
        0 => version += "~rc1",
        1 | 2 => {
            version += "^git";
            chance.hex(7, &mut version);
        }
        _ => {}
    }
    version
}

type Part = (String, &'static str, Role, String);

/// Returns the packages that a source of this family is divided into.
fn parts(chance: &mut Chance, family: Family, name: &str) -> Vec<Part> {
    let mut parts = Parts { name, list: Vec::new() };
    let arch = if chance.percent(75) { "x86_64" } else { "noarch" };
    match family {
        Family::Program => program_parts(chance, &mut parts, arch),
        Family::Library => library_parts(chance, &mut parts),
        Family::Translated => {
            parts.add("", "x86_64", Role::Program);
            parts.add("common", "noarch", Role::Data);
            for language in &LANGUAGES[..chance.between(6, 28)] {
                parts.add(&format!("langpack-{language}"), "noarch", Role::Langpack);
            }
        }
        Family::Python => python_parts(chance, &mut parts),
        Family::Perl => {
            parts.add("", if chance.percent(15) { "x86_64" } else { "noarch" }, Role::Perl);
            if chance.percent(30) {
                parts.add("tests", "noarch", Role::Perl);
            }
        }
        Family::Crate => {
            parts.add("devel", "noarch", Role::Crate);
            let features = chance.between(1, 3) + chance.skewed(10);
            for number in 0..features {
                let feature = if number == 0 { "default".to_owned() } else { words::word(60 + number * 7) };
                parts.named(format!("{name}+{feature}-devel"), "noarch", Role::Feature, feature);
            }
        }
        Family::Golang => parts.add("devel", "noarch", Role::Golang),
        Family::Collection => parts.add("", "noarch", if chance.percent(40) { Role::Doc } else { Role::Data }),
    }
    parts.list
}

fn program_parts(chance: &mut Chance, parts: &mut Parts<'_>, arch: &'static str) {
    parts.add("", arch, Role::Program);
    for (percent, part, arch, role) in [
        (15, "libs", "x86_64", Role::Libs),
        (15, "devel", "x86_64", Role::Devel),
        (15, "doc", "noarch", Role::Doc),
        (12, "data", "noarch", Role::Data),
        (5, "common", "noarch", Role::Data),
        (4, "tests", "x86_64", Role::Program),
        (3, "gui", "x86_64", Role::Program),
    ] {
        if chance.percent(percent) {
            parts.add(part, arch, role);
        }
    }
    if chance.percent(6) {
        for _ in 0..chance.between(2, 26) {
            let plugin = words::stem(chance);
            parts.add(&format!("plugin-{plugin}"), arch, Role::Libs);
        }
    }
}

fn library_parts(chance: &mut Chance, parts: &mut Parts<'_>) {
    let both = chance.percent(25);
    let arches: &[&'static str] = if both { &["x86_64", "i686"] } else { &["x86_64"] };
    for arch in arches {
        parts.add("", arch, Role::Libs);
        if chance.percent(90) || both {
            parts.add("devel", arch, Role::Devel);
        }
    }
    for (percent, part, arch, role) in [
        (20, "doc", "noarch", Role::Doc),
        (20, "utils", "x86_64", Role::Program),
        (12, "static", "x86_64", Role::Devel),
        (5, "demos", "x86_64", Role::Data),
    ] {
        if chance.percent(percent) {
            parts.add(part, arch, role);
        }
    }
    if chance.percent(12) {
        parts.named(format!("python3-{}", parts.name), "x86_64", Role::Python, "python3".to_owned());
    }
}

fn python_parts(chance: &mut Chance, parts: &mut Parts<'_>) {
    let name = parts.name.replacen("python-", "python3-", 1);
    let arch = if chance.percent(20) { "x86_64" } else { "noarch" };
    for number in 0..if chance.percent(20) { chance.between(1, 5) } else { 0 } {
        let extra = words::word(100 + number * 11);
        parts.named(format!("{name}+{extra}"), arch, Role::Feature, extra);
    }
    parts.named(name, arch, Role::Python, String::new());
    if chance.percent(20) {
        parts.add("doc", "noarch", Role::Doc);
    }
}

/// The packages of a source that are found so far.
struct Parts<'a> {
    name: &'a str,
    list: Vec<Part>,
}

impl Parts<'_> {
    fn add(&mut self, part: &str, arch: &'static str, role: Role) {
        let name = if part.is_empty() { self.name.to_owned() } else { format!("{}-{part}", self.name) };
        self.named(name, arch, role, part.to_owned());
    }

    /// Adds a package unless its name and arch are there already.
    fn named(&mut self, name: String, arch: &'static str, role: Role, part: String) {
        if !self.list.iter().any(|other| other.0 == name && other.1 == arch) {
            self.list.push((name, arch, role, part));
        }
    }
}
