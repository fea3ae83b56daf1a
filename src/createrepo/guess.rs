//! Which package is in a file, by its name alone? Good enough to read files in the order they are listed in.
//!
//! Never believed: what a package is called says its header.

use std::cmp::Ordering;

use crate::model::Nevra;

/// Returns the NEVRA that the name of a file promises; the epoch is never in it.
fn nevra(path: &str) -> Option<Nevra> {
    let name = path.rsplit('/').next()?.strip_suffix(".rpm")?;
    let (nvr, arch) = name.rsplit_once('.')?;
    let mut parts = nvr.rsplitn(3, '-');
    let (release, version, name) = (parts.next()?, parts.next()?, parts.next()?);
    let arch = if arch == "nosrc" { "src" } else { arch };
    Nevra::new(name, 0, version, release, arch).ok()
}

/// Sorts paths as the packages in them will be listed, as far as the names tell.
pub(super) fn sort<T>(items: &mut [T], path: impl Fn(&T) -> &str) {
    items.sort_by_cached_key(|item| Place(nevra(path(item)), path(item).to_owned()));
}

/// A place in the list: what cannot be guessed comes last.
#[derive(PartialEq, Eq)]
struct Place(Option<Nevra>, String);

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let guessed = match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        guessed.then_with(|| self.1.cmp(&other.1))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_by_the_packages_that_their_names_promise() {
        let mut paths = vec![
            "zz",
            "x/b-1-1.noarch.rpm",
            "a-1.10-1.x86_64.rpm",
            "y/a-1.9-1.x86_64.rpm",
            "a-b-1-1.src.rpm",
            "junk.rpm",
            "a-1.9-1.x86_64.rpm",
            "a-1-1.nosrc.rpm",
            "a-1-1.noarch.rpm",
        ];
        sort(&mut paths, |path| path);
        assert_eq!(
            paths,
            [
                "a-1-1.noarch.rpm",
                "a-1-1.nosrc.rpm",
                "a-1.9-1.x86_64.rpm",
                "y/a-1.9-1.x86_64.rpm",
                "a-1.10-1.x86_64.rpm",
                "a-b-1-1.src.rpm",
                "x/b-1-1.noarch.rpm",
                "junk.rpm",
                "zz",
            ]
        );
    }
}
