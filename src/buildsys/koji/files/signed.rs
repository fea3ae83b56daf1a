//! What is signed of a file that was read before? Its headers are read once more, wherever it is now.
//!
//! A verdict is kept by the digest of a file, so headers of another file must not be taken for its own: they are held
//! against what the hub says of it, as when it was read.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::error::FileError;
use super::find::At;
use super::forms::{Spot, spots};
use super::known::Known;
use super::look::check;
use super::{Files, blocking};
use crate::rpms::{self, Front, Signed};
use crate::store::builds::{self, Copy};
use crate::store::hub_rpms;

impl Files {
    /// Reads what is signed of a file, and by which signatures: here, in the volume, or of the file made or fetched
    /// anew.
    ///
    /// # Errors
    /// It cannot be had, or what lies in its place is another file; the hub does not list it any more.
    pub async fn signed(&self, copy: &Copy) -> Result<Signed, FileError> {
        let (at, spot) = self.spot_of(copy).await?;
        match self.signed_where_it_lies(&at, &spot, copy).await {
            Err(error) if error.is_missing() => {}
            Ok(None) => {}
            Ok(Some(signed)) => return Ok(signed),
            Err(error) => return Err(error),
        }
        self.provide(vec![copy.entry()]).await?;
        let (path, copy) = (self.0.volumes.own(&copy.path), copy.clone());
        blocking(move || at_path(&path, &spot, &copy)).await
    }

    /// Returns which form of which RPM a file is.
    async fn spot_of(&self, copy: &Copy) -> Result<(At, Spot), FileError> {
        let missing = || FileError::Missing(copy.path.clone());
        let mut tx = self.0.db.read().await?;
        let build = builds::by_ids(&mut tx, &[copy.build_id]).await?.into_iter().next().ok_or_else(missing)?;
        let said = hub_rpms::of_build(&mut tx, copy.build_id).await?.ok_or_else(missing)?;
        drop(tx);
        self.0.volumes.learn([said.volume.clone()]);
        let spot = spots(&build.nvr, &said).into_iter().find(|spot| spot.location == copy.path).ok_or_else(missing)?;
        Ok((At { nvr: build.nvr, volume: said.volume, known: Arc::new(Known::default()) }, spot))
    }

    /// Reads a file here or in the volume; `None` where the volume gives no part of it.
    async fn signed_where_it_lies(&self, at: &At, spot: &Spot, copy: &Copy) -> Result<Option<Signed>, FileError> {
        // None where the semaphore was closed, which nobody does.
        let _place = self.0.places.acquire().await.ok();
        let mut paths = vec![self.0.volumes.own(&copy.path)];
        if spot.location == spot.source {
            paths.extend(self.0.volumes.paths(&spot.source, Some(&at.volume)));
        }
        let (own_spot, own_copy) = (spot.clone(), copy.clone());
        let read = blocking(move || {
            let path = paths.iter().find(|path| path.is_file());
            path.map(|path| at_path(path, &own_spot, &own_copy)).transpose()
        });
        if let Some(signed) = read.await? {
            return Ok(Some(signed));
        }
        if self.0.volumes.are_here() || spot.location != spot.source {
            return Ok(None);
        }
        let Some((front, signed)) = self.front(at, &spot.source, rpms::read_signed).await? else { return Ok(None) };
        // Its size is not seen from afar where it does not promise it.
        let size = front.size.unwrap_or(copy.rpm.size);
        is_it(&spot.source, &front, size, spot, copy)?;
        Ok(Some(signed))
    }
}

/// Reads a file that is to be this one. Blocks.
fn at_path(path: &Path, spot: &Spot, copy: &Copy) -> Result<Signed, FileError> {
    let shown = path.display().to_string();
    let bad = |source| FileError::Rpm { path: shown.clone(), source };
    let file = File::open(path).map_err(|error| bad(rpms::Error::Io(error)))?;
    let size = file.metadata().map_err(|error| bad(rpms::Error::Io(error)))?.len();
    let (front, signed) = rpms::read_signed(file).map_err(bad)?;
    is_it(&shown, &front, size, spot, copy)?;
    Ok(signed)
}

/// Refuses another file than the one that was read.
fn is_it(shown: &str, front: &Front, size: u64, spot: &Spot, copy: &Copy) -> Result<(), FileError> {
    check(shown, spot, &front.package, &front.marks, size)?;
    if size == copy.rpm.size {
        return Ok(());
    }
    let (found, expected) = (size.to_string(), copy.rpm.size.to_string());
    Err(FileError::Other { path: shown.to_owned(), what: "size", found, expected })
}
