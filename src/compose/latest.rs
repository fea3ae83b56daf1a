//! Which compose is the latest of a release? The `latest-` link, which only ever goes forward.
//!
//! It points to whole composes only, and to the one that started last among those that are whole: an
//! older one that takes longer does not move it back.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::layout;
use super::place::Place;
use super::run::{Composes, blocking};
use crate::model::ComposeId;
use crate::store;
use crate::store::composes::{self, ComposeRow};
use crate::store::durable::{self, Lock};

impl Composes {
    /// Points the release's link to a visible compose, unless it points to one that started later;
    /// gives whether it points to this one.
    pub(super) async fn move_latest(&self, row: &ComposeRow) -> Result<bool, Error> {
        let link = self.config.compose.dir.join(layout::latest(row.id.release()));
        loop {
            let at = link.clone();
            let seen = blocking(move || target(&at)).await?;
            if let Some(other) = &seen
                && self.is_later(other, row).await?
            {
                return Ok(false);
            }
            let (place, at, to) = (self.place(), link.clone(), PathBuf::from(row.id.to_string()));
            if blocking(move || swap(&place, &at, seen.as_deref(), &to)).await? {
                return Ok(true);
            }
        }
    }

    /// Returns whether the link's target is a compose that started after this one. One that is gone,
    /// or that the state knows nothing of, is not.
    async fn is_later(&self, target: &Path, row: &ComposeRow) -> Result<bool, Error> {
        let Some(id) = target.to_str().and_then(|target| target.parse::<ComposeId>().ok()) else { return Ok(false) };
        let dir = self.place().visible(&id);
        if !blocking(move || Ok(dir.is_dir())).await? {
            return Ok(false);
        }
        let other = composes::by_id(&mut self.db.read().await?, &id).await?;
        Ok(other.is_some_and(|other| (other.started_at, &other.id) > (row.started_at, &row.id)))
    }
}

fn lock(place: &Place) -> Result<Lock, store::Error> {
    Lock::wait(&place.root().join(".latest.lock"))
}

fn target(link: &Path) -> Result<Option<PathBuf>, Error> {
    match fs::read_link(link) {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(store::Error::file("cannot read the link", link)(error).into()),
    }
}

/// Points the link to `to`, unless it no longer points to what was `seen`.
fn swap(place: &Place, link: &Path, seen: Option<&Path>, to: &Path) -> Result<bool, Error> {
    let _lock = lock(place)?;
    if target(link)?.as_deref() != seen {
        return Ok(false);
    }
    durable::point(link, to)?;
    Ok(true)
}

/// Removes links under way that a crash left.
pub(super) fn sweep(place: &Place) -> Result<(), Error> {
    if place.root().is_dir() {
        let _lock = lock(place)?;
        durable::sweep(place.root())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_was_moved_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (place, link) = (Place::new(dir.path()), dir.path().join("latest-Oak-1"));
        assert!(swap(&place, &link, None, Path::new("a")).unwrap());
        assert!(!swap(&place, &link, None, Path::new("b")).unwrap());
        assert!(swap(&place, &link, Some(Path::new("a")), Path::new("b")).unwrap());
        assert_eq!(target(&link).unwrap(), Some(PathBuf::from("b")));
    }

    #[test]
    fn a_file_in_the_place_of_the_link_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("latest-Oak-1");
        fs::write(&link, "").unwrap();
        assert!(target(&link).is_err());
    }
}
