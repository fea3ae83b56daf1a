//! How do RPM files become builds of the local build system? Read and verified, then taken in by batches.
//!
//! Each build is whole or not there. What waited for a build takes effect with it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Error, Tags};
use crate::buildsys::{self, NewBuild, Problem, Spool, read_import};
use crate::model::Nvr;
use crate::store::durable::{self, Lock};
use crate::store::tags as rows;
use crate::store::{self, Write, builds};

/// What became of an import.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// Builds that are new, or got new files.
    pub imported: Vec<Nvr>,
    /// Builds that were there whole.
    pub known: Vec<Nvr>,
    /// Builds taken without their source RPM.
    pub without_source: Vec<Nvr>,
    /// What was refused.
    pub problems: Vec<Problem>,
}

impl Tags {
    /// Imports the RPM files that `paths` name or contain; each build is whole or not there. What waited
    /// for a build takes effect with it.
    ///
    /// # Errors
    /// The state cannot be read or written; builds are a hub's.
    pub async fn import(&self, paths: Vec<PathBuf>) -> Result<ImportReport, Error> {
        if self.local().is_none() {
            return Err(Error::NotOurs(self.buildsys.id().to_owned()));
        }
        let dir = self.config.data_dir.clone();
        let read = move || {
            let lock = Lock::wait(&dir.join("import.lock"))?;
            let spool = dir.join("import");
            durable::make_dir(&spool)?;
            // What a killed import left.
            durable::sweep(&spool)?;
            Ok((lock, read_import(&paths, &spool)?))
        };
        let (lock, import) = blocking(read).await?;
        let mut report = ImportReport { problems: import.problems, ..ImportReport::default() };
        for build in &import.builds {
            report.without_source.extend(build.arches.is_none().then(|| build.nvr.clone()));
        }
        for batch in buildsys::batches(import.builds) {
            self.take_in(batch, &import.spool, &mut report).await?;
        }
        drop(lock);
        self.bells.tags.ring();
        Ok(report)
    }

    /// Checks, places and records the builds of a batch.
    async fn take_in(&self, batch: Vec<NewBuild>, spool: &Spool, report: &mut ImportReport) -> Result<(), Error> {
        let mut tx = self.db.read().await?;
        let stored = buildsys::stored(&mut tx, &batch).await?;
        let mut agreed = Vec::new();
        for build in batch {
            match build.check(&stored) {
                Ok(()) => agreed.push(build),
                Err(problem) => report.problems.push(problem),
            }
        }
        let nvrs: Vec<&Nvr> = agreed.iter().map(|build| &build.nvr).collect();
        let known = builds::by_nvrs(&mut tx, self.buildsys.id(), &nvrs).await?;
        let known: Vec<i64> = known.into_iter().map(|build| build.id).collect();
        let copies = builds::copies(&mut tx, &known).await?;
        drop(tx);
        let known: BTreeSet<String> = copies.into_iter().map(|copy| copy.path).collect();
        let Some(local) = self.local() else { return Err(Error::NotOurs(self.buildsys.id().to_owned())) };
        let (volume, ways) = (local.volume().clone(), self.config.buildsys.import.clone());
        let (placed, problems) = blocking(move || buildsys::place(agreed, &volume, &ways, &known)).await?;
        report.problems.extend(problems);
        let mut tx = self.db.write().await?;
        let mut done = Vec::new();
        for build in placed {
            done.push((self.record(&mut tx, &build, spool).await?, build.nvr));
        }
        tx.commit().await?;
        for (new, nvr) in done {
            if new { report.imported.push(nvr) } else { report.known.push(nvr) }
        }
        Ok(())
    }

    async fn record(&self, tx: &mut Write, build: &NewBuild, spool: &Spool) -> Result<bool, Error> {
        let event = self.now(tx).await?;
        let (row, new) = build.record(tx, self.buildsys.id(), spool, event, self.clock.micros()).await?;
        for tag in rows::tags_of_build(tx, row.id).await?.into_iter().filter(|_| new) {
            if let Some(tag) = rows::by_id(tx, tag).await? {
                self.wake_dependents(tx, &tag, row.nvr.name().as_str(), event).await?;
            }
        }
        self.release(tx, &row).await?;
        Ok(new)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, store::Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
