//! What do the packages of several repositories say? Read one after the other, made ready to be listed, and spooled.

use std::collections::HashSet;

use super::select::Candidate;
use super::texts::{Place, Texts};
use crate::model::{BadName, Nevra};
use crate::repodata::Described;
use crate::repodata::segments::{Key, place as at};
use crate::repotools::error::Error;
use crate::repotools::repository::Files;

/// A package that may be merged.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) place: Place,
}

/// Packages of all repositories so far: the candidate at a place in one list is the row there in the other.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidate>,
    pub(super) rows: Vec<Row>,
}

impl Gathered {
    /// Reads the packages of the next repository. Those that do not say where they are get `base`; of those with
    /// equal digests only the first is taken.
    ///
    /// # Errors
    /// A file is damaged, a package cannot be listed, or the spool is full.
    pub(super) fn read(
        &mut self,
        repository: usize,
        files: Files,
        base: Option<&str>,
        texts: &mut Texts,
    ) -> Result<(), Error> {
        let mut joined = files.joined()?;
        let mut seen = HashSet::new();
        while let Some(listed) = joined.next()? {
            if !seen.insert(listed.quick.checksum.hex.clone()) {
                continue;
            }
            let mut described = listed.described()?;
            described.base = located(described.base.take(), base);
            let named = nevra(&described).map_err(|source| Error::Name { package: listed.quick.nevra(), source })?;
            let spooled = texts.put(&described.texts());
            let place = spooled.map_err(|source| Error::Io { name: "the spool".to_owned(), source })?;
            let source_rpm = std::mem::take(&mut described.source_rpm);
            self.candidates.push(Candidate { repository, nevra: named.clone(), source_rpm });
            let key = Key { nevra: named, pkgid: described.checksum.hex, href: at(described.base, described.href) };
            self.rows.push(Row { key, place });
        }
        Ok(())
    }
}

/// Returns where a package is, as it is written: a path becomes a URL.
fn located(own: Option<String>, base: Option<&str>) -> Option<String> {
    let base = own.filter(|own| !own.is_empty()).or_else(|| base.map(str::to_owned))?;
    Some(if base.starts_with('/') { format!("file://{base}") } else { base })
}

fn nevra(described: &Described) -> Result<Nevra, BadName> {
    let Described { name, version, release, arch, epoch, .. } = described;
    let epoch = epoch.parse().map_err(|_| BadName::new("epoch", epoch, "is no number"))?;
    Nevra::new(name, epoch, version, release, arch)
}
