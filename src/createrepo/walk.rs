//! Which packages and module documents lie below a directory? Every directory is entered, each once.
//!
//! As createrepo_c walks: hidden directories too, links to directories and to packages are followed, dangling
//! ones and what is no regular file are passed over. Better than createrepo_c: a loop of links ends, since a
//! directory that was entered is not entered again by another name (its own path comes before links to it, and
//! of links the first by name); one that cannot be read is named; a name that no location can hold is left out
//! and named.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, DirEntry, FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::exclude::Excludes;
use super::names::unfit;
use super::stop::Stop;
use super::tell::{Problems, Tell};

/// What makes a file a module document, anywhere in its name.
const MODULES: [&str; 3] = ["modules.yaml", ".modulemd.yaml", ".modulemd-defaults.yaml"];

/// What a walk found, in paths below the directory, sorted.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Packages.
    pub packages: Vec<String>,
    /// Module documents.
    pub modules: Vec<PathBuf>,
    /// The directories that were entered, for who waits for changes in them.
    pub dirs: Vec<PathBuf>,
}

/// A walk.
pub(super) struct Walk<'a> {
    /// The directory it begins at.
    pub dir: &'a Path,
    /// A directory that is not entered: where the run itself is at work.
    pub own: &'a Path,
    pub excludes: Excludes<'a>,
    pub skip_symlinks: bool,
    pub stop: &'a Stop,
    pub tell: &'a dyn Tell,
    pub problems: &'a Problems<'a>,
}

/// What is still to be entered.
#[derive(Default)]
struct Ahead {
    dirs: Vec<PathBuf>,
    links: BTreeSet<PathBuf>,
}

impl Ahead {
    fn next(&mut self) -> Option<PathBuf> {
        self.dirs.pop().or_else(|| self.links.pop_first())
    }
}

impl Walk<'_> {
    /// Walks.
    ///
    /// # Errors
    /// The first directory cannot be read, or the walk was told to stop.
    pub(super) fn walk(&self) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut entered = HashSet::new();
        let mut ahead = Ahead { dirs: vec![PathBuf::new()], links: BTreeSet::new() };
        while let Some(path) = ahead.next() {
            self.stop.check()?;
            let whole = self.dir.join(&path);
            let listed = fs::metadata(&whole).and_then(|metadata| {
                let is_new = entered.insert((metadata.dev(), metadata.ino()));
                if is_new { entries(&whole).map(Some) } else { Ok(None) }
            });
            match listed {
                Ok(None) => self.tell.detail(&format!("{} was entered by another way", whole.display())),
                Ok(Some(entries)) => {
                    self.tell.detail(&format!("looking into {}", whole.display()));
                    found.dirs.push(whole);
                    for entry in entries {
                        self.take(&path, &entry, &mut found, &mut ahead);
                    }
                }
                // Somebody else removed it while we walked.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !path.as_os_str().is_empty() => {}
                Err(error) if path.as_os_str().is_empty() => return Err(Error::file("cannot read", &whole)(error)),
                Err(error) => self.problems.left_out(&whole, &format!("the directory cannot be read: {error}")),
            }
        }
        found.packages.sort();
        found.modules.sort();
        Ok(found)
    }

    /// Takes what stands in a directory.
    fn take(&self, parent: &Path, entry: &DirEntry, found: &mut Found, ahead: &mut Ahead) {
        let path = parent.join(entry.file_name());
        let whole = entry.path();
        if whole == self.own {
            return;
        }
        if self.excludes.found(&path) {
            return self.tell.detail(&format!("{} is excluded", whole.display()));
        }
        let Some((kind, is_link)) = kind(entry) else { return };
        if kind.is_dir() {
            if is_link {
                ahead.links.insert(path);
            } else {
                ahead.dirs.push(path);
            }
        } else if kind.is_file() {
            self.take_file(path, is_link, found);
        }
    }

    fn take_file(&self, path: PathBuf, is_link: bool, found: &mut Found) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if MODULES.iter().any(|mark| name.contains(mark)) {
            found.modules.push(path);
        } else if name.ends_with(".rpm") && !(is_link && self.skip_symlinks) {
            match (unfit(&path), path.to_str()) {
                (None, Some(text)) => found.packages.push(text.to_owned()),
                (why, _) => self.problems.left_out(&self.dir.join(&path), why.unwrap_or_default()),
            }
        }
    }
}

fn entries(dir: &Path) -> io::Result<Vec<DirEntry>> {
    fs::read_dir(dir)?.collect()
}

/// Returns what an entry is, links followed, and whether it is a link; `None` for a dangling one.
fn kind(entry: &DirEntry) -> Option<(FileType, bool)> {
    let own = entry.file_type().ok()?;
    if !own.is_symlink() {
        return Some((own, false));
    }
    let target: Metadata = fs::metadata(entry.path()).ok()?;
    Some((target.file_type(), true))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::tell::Silent;
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[&str]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for file in files {
                let path = tree.0.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            tree
        }

        fn walk(&self, excludes: &[&str], skip_symlinks: bool) -> (Found, usize) {
            let problems = Problems::new(&Silent);
            let excludes: Vec<String> = excludes.iter().map(ToString::to_string).collect();
            let walk = Walk {
                dir: self.0.path(),
                own: &self.0.path().join(".repodata"),
                excludes: Excludes::new(&excludes),
                skip_symlinks,
                stop: &Stop::new().unwrap(),
                tell: &Silent,
                problems: &problems,
            };
            (walk.walk().unwrap(), problems.count())
        }

        fn packages(&self) -> Vec<String> {
            self.walk(&[], false).0.packages
        }
    }

    #[test]
    fn every_directory_is_searched_for_packages_and_modules() {
        let tree = Tree::new(&[
            "b.rpm",
            "a/x.rpm",
            "x.rpm/in.rpm",
            ".h/h.rpm",
            "repodata/r.rpm",
            ".repodata/own.rpm",
            "a/x.RPM",
            "x.txt",
            "repodata/ab-modules.yaml.zst",
            "m/a.modulemd.yaml",
            "m/b.modulemd-defaults.yaml",
            "modules.yaml.d/y.rpm",
        ]);
        let (found, problems) = tree.walk(&[], false);
        assert_eq!(
            found.packages,
            [".h/h.rpm", "a/x.rpm", "b.rpm", "modules.yaml.d/y.rpm", "repodata/r.rpm", "x.rpm/in.rpm"]
        );
        let modules: Vec<&str> = found.modules.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(modules, ["m/a.modulemd.yaml", "m/b.modulemd-defaults.yaml", "repodata/ab-modules.yaml.zst"]);
        assert_eq!((found.dirs.len(), problems), (7, 0));
    }

    #[test]
    fn what_is_excluded_is_not_even_entered() {
        let tree = Tree::new(&["a/b/x.rpm", "a/y.src.rpm", "z.rpm", "m.modulemd.yaml"]);
        let packages = |excludes: &[&str]| tree.walk(excludes, false).0.packages;
        assert_eq!(packages(&["*.src.rpm"]), ["a/b/x.rpm", "z.rpm"]);
        assert_eq!(packages(&["b"]), ["a/y.src.rpm", "z.rpm"]);
        assert_eq!(packages(&["a/*"]), ["z.rpm"]);
        assert!(tree.walk(&["*modulemd*"], false).0.modules.is_empty());
    }

    #[test]
    fn links_are_followed_and_loops_end_with_each_package_once() {
        let tree = Tree::new(&["a/x.rpm", "b/y.rpm"]);
        let outside = Tree::new(&["o.rpm"]);
        let link = |target: &Path, name: &str| symlink(target, tree.0.path().join(name)).unwrap();
        for (target, name) in [(".", "loop1"), (".", "loop2"), ("../b", "a/to-b"), ("../a", "b/to-a"), ("a", "A")] {
            link(Path::new(target), name);
        }
        link(outside.0.path(), "outside");
        link(Path::new("nowhere.rpm"), "dangling.rpm");
        link(Path::new("a/x.rpm"), "link.rpm");
        assert_eq!(tree.packages(), ["a/x.rpm", "b/y.rpm", "link.rpm", "outside/o.rpm"]);
        assert_eq!(tree.walk(&[], true).0.packages, ["a/x.rpm", "b/y.rpm", "outside/o.rpm"]);
    }

    #[test]
    fn what_cannot_be_named_or_read_is_left_out_and_counted() {
        let tree = Tree::new(&["ok.rpm", "e\u{1b}.rpm", "shut/x.rpm", "nl\n.rpm"]);
        fs::write(tree.0.path().join(OsStr::from_bytes(b"l\xff.rpm")), "").unwrap();
        let shut = tree.0.path().join("shut");
        fs::set_permissions(&shut, Permissions::from_mode(0o000)).unwrap();
        let is_root = fs::read_dir(&shut).is_ok();
        let (found, problems) = tree.walk(&[], false);
        fs::set_permissions(&shut, Permissions::from_mode(0o755)).unwrap();
        if is_root {
            assert_eq!((found.packages, problems), (vec!["nl\n.rpm".into(), "ok.rpm".into(), "shut/x.rpm".into()], 2));
        } else {
            assert_eq!((found.packages, problems), (vec!["nl\n.rpm".into(), "ok.rpm".into()], 3));
        }
    }

    #[test]
    fn a_directory_that_is_none_is_an_error() {
        let tree = Tree::new(&["x"]);
        let dir = tree.0.path().join("x");
        let problems = Problems::new(&Silent);
        let walk = |stop: &Stop| {
            let excludes = Excludes::new(&[]);
            let own = Path::new("");
            Walk { dir: &dir, own, excludes, skip_symlinks: false, stop, tell: &Silent, problems: &problems }.walk()
        };
        let stop = Stop::new().unwrap();
        assert!(matches!(walk(&stop), Err(Error::File { doing: "cannot read", .. })));
        stop.set();
        assert!(matches!(walk(&stop), Err(Error::Stopped)));
    }
}
