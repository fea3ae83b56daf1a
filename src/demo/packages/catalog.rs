//! Which packages are there, and what is in them? The reading of `catalog.toml`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::Error;
use crate::model::{BadName, Nvr};

/// What stands behind the number in every release.
const DIST: &str = ".oak1";

/// When the first releases were built, in seconds after 1970: a day in October 2025.
const FIRST_BUILT: u32 = 1_760_000_000;

const DAY: u32 = 86_400;

/// All source packages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalog {
    source: Vec<Source>,
}

/// A source package and what is built from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) epoch: Option<u32>,
    pub(super) version: String,
    pub(super) summary: String,
    /// What each release after the first changed, as its changelog says.
    #[serde(default)]
    again: Vec<String>,
    /// The same for the release that is not there at first.
    update: Option<String>,
    /// Whether there are debuginfo and debugsource packages.
    #[serde(default)]
    debug: bool,
    #[serde(default)]
    pub(super) build_requires: Vec<String>,
    package: Vec<Package>,
}

/// A binary package. In its texts `@EVR@` stands for epoch, version and release of the build.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Package {
    /// The name; of the source package where it is left out.
    pub(super) name: String,
    /// The summary; of the source package where it is left out.
    pub(super) summary: String,
    pub(super) noarch: bool,
    pub(super) requires: Vec<String>,
    pub(super) provides: Vec<String>,
    pub(super) conflicts: Vec<String>,
    pub(super) obsoletes: Vec<String>,
    pub(super) recommends: Vec<String>,
    pub(super) suggests: Vec<String>,
    pub(super) supplements: Vec<String>,
    pub(super) enhances: Vec<String>,
    pub(super) directories: Vec<String>,
    /// Path -> content. What lies in `/usr/bin` can be run.
    pub(super) files: BTreeMap<String, String>,
    /// Path -> target of a symbolic link.
    pub(super) links: BTreeMap<String, String>,
    /// Files that the package owns and does not bring.
    pub(super) ghosts: Vec<String>,
    /// Which of the files are configuration.
    pub(super) config: Vec<String>,
}

/// One release of a source package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Release<'a> {
    pub(super) source: &'a Source,
    number: usize,
}

impl Catalog {
    /// Reads the catalogue that is compiled in.
    pub(super) fn read() -> Result<Self, Error> {
        toml::from_str(include_str!("catalog.toml")).map_err(Error::Catalog)
    }

    /// Returns all releases of all source packages, older ones first.
    pub(super) fn releases(&self) -> impl Iterator<Item = Release<'_>> {
        self.source.iter().flat_map(|source| {
            let last = 1 + source.again.len() + usize::from(source.update.is_some());
            (1..=last).map(move |number| Release { source, number })
        })
    }
}

impl<'a> Release<'a> {
    /// Returns whether the release is not there at first.
    pub(super) fn is_update(&self) -> bool {
        self.number > 1 + self.source.again.len()
    }

    /// Returns the RPM release: `2.oak1`.
    pub(super) fn release(&self) -> String {
        format!("{}{DIST}", self.number)
    }

    pub(super) fn nvr(&self) -> Result<Nvr, BadName> {
        Nvr::new(&self.source.name, &self.source.version, &self.release())
    }

    /// Returns the name of the file of an RPM of this release.
    pub(super) fn file_name(&self, name: &str, arch: &str) -> String {
        format!("{name}-{}-{}.{arch}.rpm", self.source.version, self.release())
    }

    /// Returns when this release was built, in seconds after 1970.
    pub(super) fn built(&self) -> u32 {
        FIRST_BUILT + self.number as u32 * DAY
    }

    /// Returns the changelog, newest first: seconds after 1970, EVR without epoch, text.
    pub(super) fn changelog(&self) -> Vec<(u32, String, &'a str)> {
        let changes = ["First build"].into_iter();
        let changes = changes.chain(self.source.again.iter().chain(&self.source.update).map(String::as_str));
        let entry = |(index, text): (usize, &'a str)| {
            let release = Release { source: self.source, number: index + 1 };
            (release.built(), format!("{}-{}", self.source.version, release.release()), text)
        };
        let mut entries: Vec<_> = changes.take(self.number).enumerate().map(entry).collect();
        entries.reverse();
        entries
    }

    /// Puts this release's EVR where a text of the catalogue has `@EVR@`.
    pub(super) fn fill(&self, text: &str) -> String {
        let epoch = self.source.epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        text.replace("@EVR@", &format!("{epoch}{}-{}", self.source.version, self.release()))
    }

    /// Returns the binary packages, those for debugging last.
    pub(super) fn packages(&self) -> Vec<Cow<'a, Package>> {
        let mut packages: Vec<Cow<'a, Package>> = Vec::new();
        for package in &self.source.package {
            let mut package = Cow::Borrowed(package);
            if package.name.is_empty() {
                package.to_mut().name.clone_from(&self.source.name);
            }
            if package.summary.is_empty() {
                package.to_mut().summary.clone_from(&self.source.summary);
            }
            packages.push(package);
        }
        if self.source.debug {
            packages.push(Cow::Owned(self.debug_package("debuginfo", "Debug information for package")));
            packages.push(Cow::Owned(self.debug_package("debugsource", "Debug sources for package")));
        }
        packages
    }

    fn debug_package(&self, kind: &str, about: &str) -> Package {
        let name = &self.source.name;
        let recommends = match kind {
            "debuginfo" => vec![format!("{name}-debugsource = @EVR@")],
            _ => Vec::new(),
        };
        Package {
            name: format!("{name}-{kind}"),
            summary: format!("{about} {name}"),
            recommends,
            files: BTreeMap::from([(
                format!("/usr/share/oak/debug/{name}-{}-{}.{kind}", self.source.version, self.release()),
                format!("{kind} of {name}-@EVR@\n"),
            )]),
            ..Package::default()
        }
    }
}
