//! How does a build that was read come into the volume and into the tables?
//!
//! In batches: what is checked, placed and recorded together is made durable together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Volume;
use super::import::{ImportError, NewBuild, NewRpm, Problem};
use super::local::change_build;
use super::spool::Spool;
use crate::config::Transfer;
use crate::store::builds::{self, BuildRow, BuildState, RpmRow};
use crate::store::tags::Act;
use crate::store::{self, Tx, Write, durable};

/// Most RPMs of the builds that are taken in together, where there is more than one build.
const MOST_RPMS: usize = 1000;

/// Divides builds, in their order, into batches: with a bounded number of RPMs, and none of the same name,
/// so that each is checked against all that came before.
pub fn batches(builds: Vec<NewBuild>) -> Vec<Vec<NewBuild>> {
    let mut batches: Vec<Vec<NewBuild>> = Vec::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for build in builds {
        let own: BTreeSet<String> = build.rpms.iter().map(|rpm| rpm.row.nevra.file_name()).collect();
        if batches.is_empty() || names.len() + own.len() > MOST_RPMS || !names.is_disjoint(&own) {
            batches.push(Vec::new());
            names.clear();
        }
        names.extend(own);
        if let Some(batch) = batches.last_mut() {
            batch.push(build);
        }
    }
    batches
}

/// The files that are stored of the RPMs of a batch, with their locations, by file name.
pub type Stored = BTreeMap<String, Vec<(String, RpmRow)>>;

/// Reads what is stored of the RPMs of these builds, of whatever build.
pub async fn stored(tx: &mut Tx, batch: &[NewBuild]) -> Result<Stored, store::Error> {
    let nevras: Vec<_> = batch.iter().flat_map(|build| &build.rpms).map(|rpm| &rpm.row.nevra).collect();
    let mut stored = Stored::new();
    for (location, row) in builds::same_nvra(tx, &nevras).await? {
        stored.entry(row.nevra.file_name()).or_default().push((location, row));
    }
    Ok(stored)
}

impl NewBuild {
    fn problem(&self, rpm: &NewRpm, error: ImportError) -> Problem {
        Problem { path: rpm.path.clone(), build: Some(self.nvr.clone()), error: Box::new(error) }
    }

    /// Checks the build against itself and against what is stored.
    ///
    /// The same RPM under another signature is a signed copy; other bytes under the same name are
    /// refused.
    pub fn check(&self, stored: &Stored) -> Result<(), Problem> {
        let mut earlier: BTreeMap<String, Vec<&NewRpm>> = BTreeMap::new();
        for rpm in &self.rpms {
            let name = rpm.row.nevra.file_name();
            for (there, other) in stored.get(&name).into_iter().flatten() {
                rpm.agrees(there, there, other).map_err(|error| self.problem(rpm, error))?;
            }
            let earlier = earlier.entry(name).or_default();
            for other in earlier.iter() {
                let shown = other.path.display().to_string();
                rpm.agrees(&other.location, &shown, &other.row).map_err(|error| self.problem(rpm, error))?;
            }
            earlier.push(rpm);
        }
        Ok(())
    }

    /// Puts the files into the volume; they are durable once the volume's file system is synced. A file
    /// that stands there without being known is what a killed import left, and makes way. Blocks.
    fn place(&self, volume: &Volume, ways: &[Transfer], known: &BTreeSet<String>) -> Result<(), Problem> {
        let mut swept: BTreeSet<PathBuf> = BTreeSet::new();
        for rpm in &self.rpms {
            let place = volume.file(&rpm.location);
            let put = |swept: &mut BTreeSet<PathBuf>| {
                let dir = place.parent().map(Path::to_owned).unwrap_or_default();
                // Only one import is under way at a time, so what is unfinished here is of a killed one.
                if swept.insert(dir.clone()) {
                    durable::sweep(&dir)?;
                }
                if !known.contains(&rpm.location) {
                    durable::remove(&place)?;
                }
                durable::place_file_unsynced(&rpm.path, &place, ways)
            };
            put(&mut swept).map_err(|error| self.problem(rpm, ImportError::Store(error)))?;
        }
        Ok(())
    }

    /// Records the build and its files; gives its row, and whether anything is new.
    pub async fn record(
        &self,
        tx: &mut Write,
        buildsys: &str,
        spool: &Spool,
        event: i64,
        now: i64,
    ) -> Result<(BuildRow, bool), store::Error> {
        let known = builds::by_nvr(tx, buildsys, &self.nvr).await?;
        let mut new = known.as_ref().is_none_or(|build| build.state == BuildState::Deleted);
        let id = match known {
            Some(build) => build.id,
            None => builds::create(tx, buildsys, &self.nvr, self.epoch, now).await?,
        };
        if new {
            change_build(tx, id, Act::Import, event).await?;
        }
        if let Some((exclusive, exclude)) = &self.arches {
            builds::set_arches(tx, id, exclusive, exclude).await?;
        }
        for rpm in &self.rpms {
            builds::put_rpm(tx, &rpm.row, &spool.get(rpm.fragments)?).await?;
            new |= builds::put_copy(tx, id, &rpm.location, &rpm.row.sha256).await?;
        }
        let build = builds::by_nvr(tx, buildsys, &self.nvr).await?;
        let lost = store::Error::Corrupt { column: "builds.name", why: format!("{} is not found again", self.nvr) };
        build.map(|build| (build, new)).ok_or(lost)
    }
}

impl NewRpm {
    fn agrees(&self, there: &str, shown: &str, other: &RpmRow) -> Result<(), ImportError> {
        let nevra = Box::new(self.row.nevra.clone());
        // What was never read disagrees with nothing.
        if let (Some(one), Some(two)) = (self.row.content, other.content)
            && one != two
        {
            return Err(ImportError::Different { nevra, there: shown.to_owned() });
        }
        if there == self.location && self.row.sha256 != other.sha256 {
            return Err(ImportError::SignedDifferently { nevra, there: shown.to_owned() });
        }
        Ok(())
    }
}

/// Puts the files of builds into the volume, durably; gives the builds of which all files are there, and
/// what kept the others. `known` are the locations that builds have already. Blocks.
pub fn place(
    batch: Vec<NewBuild>,
    volume: &Volume,
    ways: &[Transfer],
    known: &BTreeSet<String>,
) -> Result<(Vec<NewBuild>, Vec<Problem>), store::Error> {
    let (mut placed, mut problems) = (Vec::new(), Vec::new());
    durable::make_dir(&volume.file(""))?;
    for build in batch {
        match build.place(volume, ways, known) {
            Ok(()) => placed.push(build),
            Err(problem) => problems.push(problem),
        }
    }
    durable::sync_file_system(&volume.file(""))?;
    Ok((placed, problems))
}
