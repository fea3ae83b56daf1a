//! Where does a compose lie while it is made, and when it is whole? The names in the compose directory.
//!
//! `ID` is a whole compose, `.work-ID` one under way, `.lock-ID` is locked by the process that makes
//! it. The kernel frees the lock with the process: a compose that has started and whose lock can be
//! taken has lost its process. All that begins with a dot is hidden from HTTP.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use crate::model::ComposeId;
use crate::store;
use crate::store::durable::{self, Lock};

const WORK: &str = ".work-";
const LOCK: &str = ".lock-";

/// The compose directory. Every method may block.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(root: &Path) -> Self {
        Self(root.to_owned())
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    /// Returns where the compose lies once it is whole.
    pub(super) fn visible(&self, id: &ComposeId) -> PathBuf {
        self.0.join(id.to_string())
    }

    /// Returns where it lies while it is made.
    pub(super) fn work(&self, id: &ComposeId) -> PathBuf {
        self.0.join(format!("{WORK}{id}"))
    }

    fn lock_file(&self, id: &ComposeId) -> PathBuf {
        self.0.join(format!("{LOCK}{id}"))
    }

    /// Takes the lock on a compose; `None` where a living process has it.
    pub(super) fn hold(&self, id: &ComposeId) -> Result<Option<Lock>, Error> {
        match Lock::take(&self.lock_file(id)) {
            Ok(lock) => Ok(Some(lock)),
            Err(store::Error::Locked { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the first id of the series, from `id` on, that nobody has and that has no directory.
    pub(super) fn hold_first_free(&self, id: ComposeId) -> Result<(ComposeId, Lock), Error> {
        let mut id = id;
        loop {
            let is_there = |path: PathBuf| path.symlink_metadata().is_ok();
            if !is_there(self.visible(&id))
                && !is_there(self.work(&id))
                && let Some(lock) = self.hold(&id)?
            {
                return Ok((id, lock));
            }
            let next = id.respin().checked_add(1).ok_or_else(|| Error::NoRespin(id.series()))?;
            id = ComposeId::new(id.release().clone(), id.date(), id.compose_type(), next);
        }
    }

    /// Makes a whole compose visible, in one step.
    pub(super) fn show(&self, id: &ComposeId) -> Result<(), Error> {
        let path = self.visible(id);
        if path.symlink_metadata().is_ok() {
            return Err(Error::Exists { path });
        }
        fs::rename(self.work(id), &path).map_err(store::Error::file("cannot publish", &path))?;
        Ok(())
    }

    /// Removes what was made of a compose that is not whole.
    pub(super) fn remove_work(&self, id: &ComposeId) -> Result<(), store::Error> {
        let work = self.work(id);
        match fs::remove_dir_all(&work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(store::Error::file("cannot remove", &work)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the lock file of a compose that has ended: nobody asks for it any more.
    pub(super) fn remove_lock(&self, id: &ComposeId) -> Result<(), store::Error> {
        durable::remove(&self.lock_file(id))
    }

    /// Returns the composes of which there are working directories or lock files.
    pub(super) fn left_behind(&self) -> Result<Vec<ComposeId>, store::Error> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(store::Error::file("cannot read", &self.0))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(store::Error::file("cannot read", &self.0))?.file_name();
            let name = name.to_string_lossy();
            let id = name.strip_prefix(WORK).or_else(|| name.strip_prefix(LOCK));
            ids.extend(id.and_then(|id| id.parse::<ComposeId>().ok()));
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(respin: u32) -> ComposeId {
        format!("Oak-1-20261121.n.{respin}").parse().unwrap()
    }

    #[test]
    fn an_id_is_free_only_without_directory_and_holder() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path());
        fs::create_dir(place.visible(&id(0))).unwrap();
        fs::create_dir(place.work(&id(1))).unwrap();
        let _held = place.hold(&id(2)).unwrap().unwrap();
        assert_eq!(place.hold_first_free(id(0)).unwrap().0, id(3));
        let last = ComposeId::new(id(0).release().clone(), id(0).date(), id(0).compose_type(), u32::MAX);
        fs::create_dir(place.visible(&last)).unwrap();
        assert!(matches!(place.hold_first_free(last), Err(Error::NoRespin(series)) if series == "Oak-1-20261121.n"));
    }

    #[test]
    fn a_compose_never_takes_the_place_of_something() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path());
        fs::create_dir(place.work(&id(0))).unwrap();
        fs::create_dir(place.visible(&id(0))).unwrap();
        assert!(matches!(place.show(&id(0)), Err(Error::Exists { .. })));
        fs::remove_dir(place.visible(&id(0))).unwrap();
        place.show(&id(0)).unwrap();
        assert!(place.visible(&id(0)).is_dir());
    }

    #[test]
    fn only_what_is_of_a_compose_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(&dir.path().join("composes"));
        assert_eq!(place.left_behind().unwrap(), []);
        drop(place.hold(&id(4)).unwrap());
        fs::create_dir(place.work(&id(4))).unwrap();
        fs::create_dir(place.work(&id(3))).unwrap();
        fs::create_dir(place.visible(&id(2))).unwrap();
        fs::create_dir(place.root().join(".work-of-somebody")).unwrap();
        assert_eq!(place.left_behind().unwrap(), [id(3), id(4)]);
    }
}
