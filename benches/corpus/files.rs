//! Which files does a package ship? Paths as they are usual for its role, from none to tens of thousands.

use super::chance::Chance;
use super::plan::{Package, Role, Source};
use super::words;

const DIRECTORY: u16 = 0o040_755;
const FILE: u16 = 0o100_644;
const PROGRAM: u16 = 0o100_755;
const LINK: u16 = 0o120_777;
const CONFIG: u32 = 1;
const DOC: u32 = 1 << 1;
const NOREPLACE: u32 = 1 << 4;
const GHOST: u32 = 1 << 6;
const LICENSE: u32 = 1 << 7;
/// Most files of one package, as of the largest in distributions.
const MOST: usize = 32_000;

/// One file, directory or link.
#[derive(Debug, Clone)]
pub struct Entry {
    pub path: String,
    pub mode: u16,
    pub flags: u32,
    pub size: u32,
    pub link: String,
}

/// Returns the package's files in the order of their paths, each path once.
pub fn files(source: &Source, package: &Package, chance: &mut Chance, builds: &mut Chance) -> Vec<Entry> {
    let mut list = List { entries: Vec::new(), chance };
    match package.role {
        Role::Program => program(&mut list, package, builds),
        Role::Libs => libraries(&mut list, package, builds),
        Role::Devel => headers(&mut list, source, package),
        Role::Doc => list.tree(&format!("/usr/share/doc/{}/html", package.name), 56, 6, &["html", "html", "png", "js"]),
        Role::Data => list.tree(&format!("/usr/share/{}", source.name), 38, 8, &["png", "svg", "json", "dat", "tfm"]),
        Role::Langpack => {
            let language = package.part.trim_start_matches("langpack-");
            list.file(&format!("/usr/share/locale/{language}/LC_MESSAGES/{}.mo", source.name), FILE, 0);
            list.tree(&format!("/usr/share/help/{language}/{}", source.name), 4, 5, &["page", "page", "png"]);
        }
        Role::Python => python(&mut list, source),
        Role::Perl => perl(&mut list, source),
        Role::Crate => {
            let top = format!("/usr/share/cargo/registry/{}-{}", source.name, source.version);
            list.file(&format!("{top}/Cargo.toml"), FILE, 0);
            list.tree(&top, 18, 5, &["rs"]);
        }
        Role::Feature => {
            list.file(&format!("/usr/share/cargo/registry/{}-{}/Cargo.toml", source.name, source.version), FILE, GHOST);
        }
        Role::Golang => {
            let top = format!("/usr/share/gocode/src/github.com/{}", source.name.replace('-', "/"));
            list.tree(&top, 60, 5, &["go", "go", "go", "_test.go"]);
        }
    }
    if !matches!(package.role, Role::Feature | Role::Devel | Role::Langpack) {
        list.papers(&package.name);
    }
    list.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    list.entries.dedup_by(|one, other| one.path == other.path);
    list.entries
}

fn program(list: &mut List<'_>, package: &Package, builds: &mut Chance) {
    let name = &package.name;
    for number in 0..1 + list.chance.skewed(6) {
        let program = if number == 0 { name.clone() } else { format!("{name}-{}", words::stem(list.chance)) };
        list.file(&format!("/usr/bin/{program}"), PROGRAM, 0);
        list.file(&format!("/usr/share/man/man1/{program}.1.gz"), FILE, DOC);
        if package.arch != "noarch" {
            list.build_id(&format!("/usr/bin/{program}"), builds);
        }
    }
    if list.chance.percent(30) {
        list.directory(&format!("/etc/{name}"));
        list.file(&format!("/etc/{name}/{name}.conf"), FILE, CONFIG | NOREPLACE);
    }
    if list.chance.percent(15) {
        list.file(&format!("/usr/lib/systemd/system/{name}.service"), FILE, 0);
        list.file(&format!("/var/log/{name}.log"), FILE, GHOST);
    }
    if list.chance.percent(25) {
        list.file(&format!("/usr/share/applications/{name}.desktop"), FILE, 0);
        for size in ["16x16", "32x32", "48x48", "128x128"] {
            list.file(&format!("/usr/share/icons/hicolor/{size}/apps/{name}.png"), FILE, 0);
        }
    }
    if list.chance.percent(40) {
        list.tree(&format!("/usr/share/{name}"), 30, 8, &["xml", "png", "svg", "js", "py", "ui"]);
    }
}

fn libraries(list: &mut List<'_>, package: &Package, builds: &mut Chance) {
    let directory = library_directory(package);
    let stem = package.name.trim_start_matches("lib");
    for number in 0..1 + list.chance.skewed(3) {
        let name = if number == 0 { stem.to_owned() } else { format!("{stem}-{}", words::stem(list.chance)) };
        let so = format!("{directory}/lib{name}.so.{}", list.chance.skewed(8));
        let full = format!("{so}.{}.{}", list.chance.skewed(20), list.chance.skewed(10));
        list.link(&so, full.rsplit('/').next().unwrap_or_default());
        list.file(&full, PROGRAM, 0);
        list.build_id(&full, builds);
    }
}

fn headers(list: &mut List<'_>, source: &Source, package: &Package) {
    let stem = source.name.trim_start_matches("lib");
    let directory = library_directory(package);
    if package.part == "static" {
        list.file(&format!("{directory}/lib{stem}.a"), FILE, 0);
        return;
    }
    list.link(&format!("{directory}/lib{stem}.so"), &format!("lib{stem}.so.1"));
    list.file(&format!("{directory}/pkgconfig/{stem}.pc"), FILE, 0);
    list.tree(&format!("/usr/include/{stem}"), 25, 6, &["h", "h", "h", "hpp"]);
    if list.chance.percent(20) {
        list.tree(&format!("/usr/share/man/man3/{stem}"), 30, 6, &["3.gz"]);
    }
}

fn library_directory(package: &Package) -> &'static str {
    if package.arch == "i686" { "/usr/lib" } else { "/usr/lib64" }
}

fn python(list: &mut List<'_>, source: &Source) {
    let module = source.name.trim_start_matches("python-").replace('-', "_");
    let site = "/usr/lib/python3.13/site-packages";
    let modules = list.count(12, 5);
    let mut directory = format!("{site}/{module}");
    list.directory(&directory);
    for number in 0..modules {
        if number > 0 && list.chance.percent(8) {
            directory = format!("{site}/{module}/{}", words::stem(list.chance));
            list.directory(&directory);
        }
        let name = if number == 0 { "__init__".to_owned() } else { words::word(list.chance.below(3000)) };
        list.file(&format!("{directory}/{name}.py"), FILE, 0);
        list.directory(&format!("{directory}/__pycache__"));
        list.file(&format!("{directory}/__pycache__/{name}.cpython-313.pyc"), FILE, 0);
        list.file(&format!("{directory}/__pycache__/{name}.cpython-313.opt-1.pyc"), FILE, 0);
    }
    let info = format!("{site}/{module}-{}.dist-info", source.version);
    list.directory(&info);
    for name in ["INSTALLER", "METADATA", "WHEEL", "top_level.txt"] {
        list.file(&format!("{info}/{name}"), FILE, 0);
    }
}

fn perl(list: &mut List<'_>, source: &Source) {
    let module = source.name.trim_start_matches("perl-").replace('-', "/");
    list.file(&format!("/usr/share/perl5/vendor_perl/{module}.pm"), FILE, 0);
    for _ in 0..list.count(5, 4) {
        let part = words::capital(list.chance);
        list.file(&format!("/usr/share/perl5/vendor_perl/{module}/{part}.pm"), FILE, 0);
        let page = module.replace('/', "::");
        list.file(&format!("/usr/share/man/man3/{page}::{part}.3pm.gz"), FILE, DOC);
    }
}

/// The files found so far, and the numbers that decide about the next.
struct List<'a> {
    entries: Vec<Entry>,
    chance: &'a mut Chance,
}

impl List<'_> {
    fn file(&mut self, path: &str, mode: u16, flags: u32) {
        let size = self.chance.tailed(3000, 5).min(1 << 26) as u32;
        self.entries.push(Entry { path: path.to_owned(), mode, flags, size, link: String::new() });
    }

    fn directory(&mut self, path: &str) {
        self.entries.push(Entry { path: path.to_owned(), mode: DIRECTORY, flags: 0, size: 0, link: String::new() });
    }

    fn link(&mut self, path: &str, target: &str) {
        let size = target.len() as u32;
        self.entries.push(Entry { path: path.to_owned(), mode: LINK, flags: 0, size, link: target.to_owned() });
    }

    /// Adds the link that leads from the checksum of a program to the program; each build has its own.
    fn build_id(&mut self, program: &str, builds: &mut Chance) {
        let mut id = String::new();
        builds.hex(40, &mut id);
        let (first, rest) = id.split_at(2);
        self.directory("/usr/lib/.build-id");
        self.directory(&format!("/usr/lib/.build-id/{first}"));
        self.link(&format!("/usr/lib/.build-id/{first}/{rest}"), &format!("../../../..{program}"));
    }

    /// Adds licence and documentation.
    fn papers(&mut self, name: &str) {
        self.directory(&format!("/usr/share/licenses/{name}"));
        self.file(&format!("/usr/share/licenses/{name}/LICENSE"), FILE, LICENSE);
        self.directory(&format!("/usr/share/doc/{name}"));
        self.file(&format!("/usr/share/doc/{name}/README.md"), FILE, DOC);
        if self.chance.percent(50) {
            self.file(&format!("/usr/share/doc/{name}/NEWS"), FILE, DOC);
        }
    }

    fn count(&mut self, median: usize, spread: i64) -> usize {
        self.chance.tailed(median, spread).min(MOST)
    }

    /// Adds a tree of directories with about `median` files below `top`.
    fn tree(&mut self, top: &str, median: usize, spread: i64, endings: &[&str]) {
        let files = self.count(median, spread);
        let mut directory = top.to_owned();
        self.directory(&directory);
        let (mut prefix, mut numbered) = (words::word(self.chance.below(3000)), false);
        for number in 0..files {
            if number == 0 || self.chance.percent(4) {
                directory = self.below(top);
                prefix = words::word(self.chance.below(3000));
                numbered = self.chance.percent(45);
                self.directory(&directory);
            }
            let ending = self.chance.pick(endings);
            let name = match (numbered, self.chance.below(4)) {
                (true, _) => format!("{prefix}_{number:04}"),
                (false, 0) => prefix.clone(),
                (false, 1) => words::stem(self.chance),
                (false, _) => format!("{prefix}-{}", words::word(self.chance.skewed(3000))),
            };
            let dot = if ending.starts_with('_') { "" } else { "." };
            self.file(&format!("{directory}/{name}{dot}{ending}"), FILE, 0);
        }
    }

    fn below(&mut self, top: &str) -> String {
        let mut directory = top.to_owned();
        for _ in 0..self.chance.below(4) {
            directory.push('/');
            directory += &words::word(60 + self.chance.skewed(800));
        }
        directory
    }
}
