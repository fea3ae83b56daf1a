//! What does a package provide and need? Dependencies of its role, on packages that the corpus has.

use super::chance::Chance;
use super::files::Entry;
use super::plan::{Corpus, Package, Role, Source};
use super::words;

const LESS: u32 = 1 << 1;
const EQUAL: u32 = 1 << 3;
const AT_LEAST: u32 = (1 << 2) | EQUAL;
const SCRIPT_PRE: u32 = 1 << 9;
const SCRIPT_POST: u32 = 1 << 10;
const RPMLIB: u32 = (1 << 24) | LESS | EQUAL;
const CONFIG: u32 = 1 << 28;

/// One dependency: name, flags, version.
pub type Dependency = (String, u32, String);

/// All kinds of dependencies of one package, in the order of the metadata's schema.
#[derive(Debug, Default)]
pub struct Dependencies {
    pub provides: Vec<Dependency>,
    pub requires: Vec<Dependency>,
    pub conflicts: Vec<Dependency>,
    pub obsoletes: Vec<Dependency>,
    pub recommends: Vec<Dependency>,
    pub suggests: Vec<Dependency>,
    pub supplements: Vec<Dependency>,
    pub enhances: Vec<Dependency>,
}

/// Returns what the package provides and needs in a round of replacements.
pub fn dependencies(
    corpus: &Corpus,
    package: &Package,
    files: &[Entry],
    chance: &mut Chance,
    round: u32,
) -> Dependencies {
    let source = &corpus.sources[package.source];
    let version = full_version(source, round);
    let mut found = Dependencies::default();
    found.provides.push((package.name.clone(), EQUAL, version.clone()));
    if package.arch != "noarch" {
        found.provides.push((format!("{}{}", package.name, isa(package)), EQUAL, version.clone()));
    }
    match package.role {
        Role::Program => program(corpus, package, files, chance, &mut found),
        Role::Libs => libraries(corpus, package, chance, &mut found),
        Role::Devel => devel(corpus, package, chance, &mut found),
        Role::Doc => {}
        Role::Data => fonts_and_more(chance, &mut found),
        Role::Langpack => {
            let language = package.part.trim_start_matches("langpack-");
            found.supplements.push(any(&format!("({} = {version} and langpacks-{language})", source.name)));
        }
        Role::Python => python(source, chance, &mut found),
        Role::Perl => perl(source, files, chance, &mut found),
        Role::Crate | Role::Feature => crates(source, package, chance, &mut found),
        Role::Golang => golang(source, chance, &mut found),
    }
    if !package.part.is_empty() && !matches!(package.role, Role::Doc | Role::Crate | Role::Feature) {
        found.requires.push((source.name.clone() + own_isa(package), EQUAL, version.clone()));
    }
    weak(source, &version, chance, &mut found);
    for (feature, since) in [
        ("CompressedFileNames", "3.0.4-1"),
        ("FileDigests", "4.6.0-1"),
        ("PayloadFilesHavePrefix", "4.0-1"),
        ("PayloadIsZstd", "5.4.18-1"),
    ] {
        found.requires.push((format!("rpmlib({feature})"), RPMLIB, since.to_owned()));
    }
    found
}

fn full_version(source: &Source, round: u32) -> String {
    let epoch = source.epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    format!("{epoch}{}-{}", source.version, source.release(round))
}

fn any(name: &str) -> Dependency {
    (name.to_owned(), 0, String::new())
}

fn isa(package: &Package) -> &'static str {
    if package.arch == "i686" { "(x86-32)" } else { "(x86-64)" }
}

/// Returns the mark of a dependency on a package of the same source, which is of one arch where this one is.
fn own_isa(package: &Package) -> &'static str {
    if package.role == Role::Libs || package.role == Role::Devel { isa(package) } else { "" }
}

fn bits(package: &Package) -> &'static str {
    if package.arch == "i686" { "" } else { "(64bit)" }
}

/// Adds what every compiled program needs, and libraries of the corpus.
fn compiled(corpus: &Corpus, package: &Package, chance: &mut Chance, found: &mut Dependencies) {
    let (bits, empty) = (bits(package), if package.arch == "i686" { "" } else { "()" });
    found.requires.push(any(&format!("libc.so.6{empty}{bits}")));
    for _ in 0..1 + chance.skewed(6) {
        found.requires.push(any(&format!("libc.so.6(GLIBC_2.{}){bits}", chance.between(2, 41))));
    }
    found.requires.push(any("rtld(GNU_HASH)"));
    if chance.percent(30) {
        found.requires.push(any(&format!("libstdc++.so.6{empty}{bits}")));
        found.requires.push(any(&format!("libstdc++.so.6(GLIBCXX_3.4.{}){bits}", chance.below(33))));
    }
    let known = corpus.sources[package.source].libraries;
    if known == 0 {
        return;
    }
    for _ in 0..chance.tailed(3, 4).min(120) {
        let library = &corpus.sources[corpus.libraries[chance.skewed(known)]];
        let so = soname(library);
        found.requires.push(any(&format!("{so}{empty}{bits}")));
        if chance.percent(40) {
            found.requires.push(any(&format!("{so}({}_1.{}){bits}", label(library), chance.skewed(6))));
        }
    }
}

/// Returns the name under which a library of this source is loaded.
fn soname(source: &Source) -> String {
    let mut chance = Chance::new(&[6, source.seed]);
    format!("lib{}.so.{}", source.name.trim_start_matches("lib"), chance.skewed(8))
}

fn label(source: &Source) -> String {
    source.name.trim_start_matches("lib").to_uppercase().replace('-', "_")
}

fn program(corpus: &Corpus, package: &Package, files: &[Entry], chance: &mut Chance, found: &mut Dependencies) {
    let source = &corpus.sources[package.source];
    for file in files.iter().filter(|file| file.path.starts_with("/etc/") && file.path.ends_with(".conf")) {
        found.provides.push((format!("config({})", package.name), CONFIG | EQUAL, source.version.clone()));
        found.requires.push((format!("config({})", package.name), CONFIG | EQUAL, source.version.clone()));
        if chance.percent(30) {
            found.requires.push((file.path.clone(), 0, String::new()));
        }
    }
    if files.iter().any(|file| file.path.ends_with(".service")) {
        found.requires.push(("/bin/sh".to_owned(), SCRIPT_POST, String::new()));
        found.requires.push(("/bin/sh".to_owned(), SCRIPT_PRE, String::new()));
        found.requires.push(("systemd".to_owned(), SCRIPT_POST, String::new()));
    }
    if files.iter().any(|file| file.path.ends_with(".desktop")) {
        found.provides.push(any("application()"));
        found.provides.push(any(&format!("application({}.desktop)", package.name)));
    }
    if package.arch == "noarch" {
        found.requires.push(any(chance.pick(&["/usr/bin/sh", "/usr/bin/bash", "/usr/bin/python3", "/usr/bin/perl"])));
    } else {
        compiled(corpus, package, chance, found);
    }
    if chance.percent(12) {
        for _ in 0..1 + chance.skewed(30) {
            let (name, version) = (words::word(60 + chance.skewed(2000)), chance.skewed(30));
            found.provides.push((format!("bundled(npm({name}))"), EQUAL, format!("{version}.{}.0", chance.skewed(20))));
        }
    }
}

fn libraries(corpus: &Corpus, package: &Package, chance: &mut Chance, found: &mut Dependencies) {
    let source = &corpus.sources[package.source];
    let (so, bits) = (soname(source), bits(package));
    found.provides.push(any(&format!("{so}{}{bits}", if package.arch == "i686" { "" } else { "()" })));
    for minor in 0..chance.skewed(6) + chance.tailed(1, 6).min(60) {
        found.provides.push(any(&format!("{so}({}_1.{minor}){bits}", label(source))));
    }
    compiled(corpus, package, chance, found);
}

fn devel(corpus: &Corpus, package: &Package, chance: &mut Chance, found: &mut Dependencies) {
    let source = &corpus.sources[package.source];
    let (stem, known) = (source.name.trim_start_matches("lib"), source.libraries);
    found.provides.push((format!("pkgconfig({stem})"), EQUAL, source.version.clone()));
    found.requires.push(any("/usr/bin/pkg-config"));
    if known > 0 {
        for _ in 0..chance.skewed(8) {
            let other = &corpus.sources[corpus.libraries[chance.skewed(known)]];
            let name = format!("pkgconfig({})", other.name.trim_start_matches("lib"));
            found.requires.push((name, AT_LEAST, format!("{}.{}", chance.skewed(4), chance.skewed(20))));
        }
    }
}

fn fonts_and_more(chance: &mut Chance, found: &mut Dependencies) {
    if chance.percent(20) {
        for _ in 0..chance.tailed(15, 4).min(300) {
            let (one, other) = (chance.below(26) as u8, chance.below(26) as u8);
            let language = [char::from(b'a' + one), char::from(b'a' + other)].iter().collect::<String>();
            found.provides.push(any(&format!("font(:lang={language})")));
        }
    }
    if chance.percent(30) {
        for _ in 0..chance.tailed(8, 4).min(600) {
            found.provides.push(any(&format!("tex({}.sty)", words::word(60 + chance.below(5000)))));
            found.requires.push(any(&format!("tex({}.sty)", words::word(60 + chance.skewed(5000)))));
        }
    }
}

fn python(source: &Source, chance: &mut Chance, found: &mut Dependencies) {
    let name = source.name.trim_start_matches("python-");
    found.provides.push((format!("python-{name}"), EQUAL, full_version(source, 0)));
    for dist in ["python3dist", "python3.13dist"] {
        found.provides.push((format!("{dist}({name})"), EQUAL, source.version.clone()));
    }
    found.requires.push(("python(abi)".to_owned(), EQUAL, "3.13".to_owned()));
    for _ in 0..chance.tailed(3, 4).min(60) {
        let other = format!("python3.13dist({})", words::word(60 + chance.skewed(1500)));
        let (low, high) = (chance.skewed(10), 1 + chance.below(12));
        match chance.below(4) {
            0 => found.requires.push(any(&format!("(({other} < {high} or {other} > {high}) with {other} >= {low})"))),
            1 => found.requires.push((other, AT_LEAST, format!("{low}.{}", chance.skewed(20)))),
            _ => found.requires.push(any(&other)),
        }
    }
}

fn perl(source: &Source, files: &[Entry], chance: &mut Chance, found: &mut Dependencies) {
    let top = "/usr/share/perl5/vendor_perl/";
    for file in files {
        if let Some(module) = file.path.strip_prefix(top).and_then(|path| path.strip_suffix(".pm")) {
            found.provides.push((format!("perl({})", module.replace('/', "::")), EQUAL, source.version.clone()));
        }
    }
    found.requires.push(any("perl(:MODULE_COMPAT_5.42.0)"));
    found.requires.push(("perl-libs".to_owned(), 0, String::new()));
    for _ in 0..chance.tailed(6, 4).min(100) {
        let mut module = Chance::new(&[7, chance.skewed(3000) as u64]);
        let name = format!("perl({}::{})", words::capital(&mut module), words::capital(&mut module));
        if chance.percent(20) {
            found.requires.push((name, AT_LEAST, format!("{}.{:02}", chance.skewed(4), chance.below(100))));
        } else {
            found.requires.push(any(&name));
        }
    }
}

fn crates(source: &Source, package: &Package, chance: &mut Chance, found: &mut Dependencies) {
    let name = source.name.trim_start_matches("rust-").trim_start_matches("python-");
    let own = if package.role == Role::Feature { format!("{name}/{}", package.part) } else { name.to_owned() };
    found.provides.push((format!("crate({own})"), EQUAL, source.version.clone()));
    found.requires.push(any("cargo"));
    if package.role == Role::Feature {
        found.requires.push((format!("crate({name})"), EQUAL, source.version.clone()));
    }
    for _ in 0..chance.tailed(2, 5).min(80) {
        let (other, major) = (words::word(60 + chance.skewed(1500)), chance.skewed(9));
        let minor = chance.skewed(30);
        let rich = format!("(crate({other}) >= {major}.{minor}.0 with crate({other}) < {}.0.0~)", major + 1);
        found.requires.push(any(&rich));
    }
}

fn golang(source: &Source, chance: &mut Chance, found: &mut Dependencies) {
    let path = format!("github.com/{}", source.name.trim_start_matches("golang-github-").replace('-', "/"));
    for number in 0..1 + chance.tailed(5, 5).min(400) {
        let part = if number == 0 { String::new() } else { format!("/{}", words::word(60 + chance.skewed(2000))) };
        found.provides.push((format!("golang({path}{part})"), EQUAL, full_version(source, 0)));
    }
    for _ in 0..chance.tailed(8, 4).min(100) {
        let (owner, part) = (words::word(60 + chance.skewed(900)), words::word(60 + chance.skewed(400)));
        found.requires.push(any(&format!("golang(github.com/{owner}/{part})")));
    }
}

/// Adds a few of the kinds that not every package has.
fn weak(source: &Source, version: &str, chance: &mut Chance, found: &mut Dependencies) {
    let other = |chance: &mut Chance| words::stem(&mut Chance::new(&[8, chance.skewed(2000) as u64]));
    if chance.percent(10) {
        found.recommends.push(any(&other(chance)));
    }
    if chance.percent(5) {
        found.suggests.push(any(&format!("({} if {})", other(chance), other(chance))));
    }
    if chance.percent(2) {
        found.enhances.push(any(&other(chance)));
    }
    if chance.percent(8) {
        found.obsoletes.push((format!("{}-compat", source.name), LESS, version.to_owned()));
    }
    if chance.percent(4) {
        found.conflicts.push((other(chance), LESS, format!("{}.{}", chance.skewed(9), chance.skewed(9))));
    }
}
