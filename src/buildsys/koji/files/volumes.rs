//! Where can a file of the hub be opened? Our own directory, or one of the volumes below a path or URL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::buildsys::Volume;
use crate::fetch::{BadPlace, Place};

/// The volume whose files lie at the root; what lies on others is linked to from there.
pub(super) const DEFAULT: &str = "DEFAULT";

/// The volumes of a hub, and the directory of files that were made or fetched here.
#[derive(Debug)]
pub(super) struct Volumes {
    root: Place,
    own: Volume,
    /// Names of volumes that builds were said to lie on, other than DEFAULT.
    known: RwLock<BTreeSet<String>>,
}

/// Returns whether a text may be the name of a volume: it becomes a step of a path.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    !text.is_empty() && text.len() <= 200 && !text.starts_with(['.', '-']) && text.bytes().all(allowed)
}

impl Volumes {
    pub fn new(root: Place, own: &Path) -> Self {
        Self { root, own: Volume::new(own), known: RwLock::default() }
    }

    /// Remembers volumes by their names; what can be no name is passed over.
    pub fn learn(&self, names: impl IntoIterator<Item = String>) {
        let names = names.into_iter().filter(|name| name != DEFAULT && is_name(name));
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(names);
    }

    /// Returns where a file of ours is, or is to be.
    pub fn own(&self, location: &str) -> PathBuf {
        self.own.file(location)
    }

    /// Returns whether the volumes are had by path.
    pub fn are_here(&self) -> bool {
        matches!(self.root, Place::Path(_))
    }

    /// Returns where `packages/` of each volume is: of `first`, of DEFAULT, of all others that are known.
    pub fn packages(&self, first: Option<&str>) -> Result<Vec<Place>, BadPlace> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut names: Vec<&str> = Vec::new();
        let all = first.into_iter().chain([DEFAULT]).chain(known.iter().map(String::as_str));
        for name in all.filter(|name| is_name(name)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let place = |name: &&str| match *name {
            DEFAULT => self.root.join("packages"),
            other => self.root.join(&format!("vol/{other}/packages")),
        };
        names.iter().map(place).collect()
    }

    /// Returns where a file may lie in the volumes, in the order of [`Volumes::packages`]; nothing where they are not
    /// had by path.
    pub fn paths(&self, location: &str, first: Option<&str>) -> Vec<PathBuf> {
        let packages = self.packages(first).unwrap_or_default();
        let path = |place: Place| match place {
            Place::Path(path) => Some(path.join(location)),
            Place::Url(_) => None,
        };
        packages.into_iter().filter_map(path).collect()
    }

    /// Returns where a file can be opened; where it should be, if it is nowhere. Looks at the file system.
    pub fn file(&self, location: &str) -> PathBuf {
        let own = self.own(location);
        if own.is_file() {
            return own;
        }
        let paths = self.paths(location, None);
        paths.iter().find(|path| path.is_file()).or(paths.first()).cloned().unwrap_or(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_for_here_then_on_its_volume_then_on_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let volumes = Volumes::new(Place::Path(dir.path().join("koji")), &dir.path().join("own"));
        volumes.learn(["DEFAULT", "b", "a", "../x", "", ".y"].map(str::to_owned));
        let shown: Vec<String> = volumes.packages(Some("b")).unwrap().iter().map(|place| place.to_string()).collect();
        let root = dir.path().join("koji").display().to_string();
        assert_eq!(shown, ["vol/b/packages", "packages", "vol/a/packages"].map(|end| format!("{root}/{end}")));
        assert_eq!(volumes.file("n/f"), dir.path().join("koji/packages/n/f"));
        for place in ["koji/vol/a", "koji", "own"] {
            let file = dir.path().join(place).join("packages/n/f");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "x").unwrap();
            assert_eq!(volumes.file("n/f"), file);
        }
    }

    #[test]
    fn nothing_of_a_volume_that_is_had_by_url_is_a_path() {
        let volumes = Volumes::new(Place::parse("http://h/koji").unwrap(), Path::new("/own"));
        assert!(volumes.paths("n/f", Some("a")).is_empty());
        assert_eq!(volumes.file("n/f"), Path::new("/own/packages/n/f"));
        assert_eq!(volumes.packages(Some("a")).unwrap()[0].to_string(), "http://h/koji/vol/a/packages");
    }
}
