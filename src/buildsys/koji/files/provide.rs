//! Can the files of a package set be opened? Those that cannot are fetched, or made again.
//!
//! A hub prunes signed copies, a volume may be had by URL only: what a set names is then brought here, by its digest.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::forms::Origin;
use super::own::{copy, has_bytes, splice};
use super::{Files, blocking};
use crate::fetch::{Fetched, Wanted};
use crate::model::{ChecksumType, RpmEntry, Sha256};
use crate::rpms;
use crate::store::hub_rpms;

/// Most bytes of a signature header.
const MOST_SIGNATURE: u64 = 64 << 20;

impl Files {
    /// Brings files to where they can be opened.
    ///
    /// # Errors
    /// One of them cannot be had, or has other bytes.
    pub async fn provide(&self, rpms: Vec<RpmEntry>) -> Result<(), FileError> {
        let known = hub_rpms::volumes(&mut self.0.db.read().await?, &self.0.buildsys).await?;
        self.0.volumes.learn(known);
        let files = self.clone();
        let missing = blocking(move || {
            let is_there = |rpm: &RpmEntry| is_of_size(&files.0.volumes.file(&rpm.location), rpm.size);
            rpms.into_iter().filter(|rpm| !is_there(rpm)).collect::<Vec<RpmEntry>>()
        })
        .await;
        let mut under_way = Vec::new();
        for rpm in missing {
            under_way.push(self.clone().bring(rpm));
        }
        // As many as there are: the places among all files are what bounds them.
        for result in futures_util::future::join_all(under_way).await {
            result?;
        }
        Ok(())
    }

    /// Returns where a file can be opened. Looks at the file system.
    pub fn file(&self, location: &str) -> PathBuf {
        self.0.volumes.file(location)
    }

    async fn bring(self, rpm: RpmEntry) -> Result<(), FileError> {
        // None where the semaphore was closed, which nobody does.
        let _place = self.0.places.acquire().await.ok();
        let missing = FileError::Missing(rpm.location.clone());
        let Some(origin) = Origin::of(&rpm.location) else { return Err(missing) };
        let why = match self.bring_written(&origin.source, &rpm).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let Some((plain, signature)) = origin.parts else { return Err(why) };
        match self.assemble_again(plain, &signature, &rpm).await {
            Err(error) if error.is_missing() => Err(why),
            result => result,
        }
    }

    /// Brings a file that is written in the volume.
    async fn bring_written(&self, source: &str, rpm: &RpmEntry) -> Result<(), FileError> {
        let files = self.clone();
        if self.0.volumes.are_here() {
            let (paths, rpm) = (self.0.volumes.paths(source, None), rpm.clone());
            return blocking(move || files.take_over(&paths, &rpm.location, &rpm.sha256)).await;
        }
        let checksum = Some((ChecksumType::Sha256, rpm.sha256.to_string()));
        let wanted = Wanted { size: Some(rpm.size), checksum, ..Wanted::at_most(rpm.size) };
        let mut fetched = self.fetch_anywhere(source, &wanted).await?;
        let place = self.0.volumes.own(&rpm.location);
        blocking(move || files.0.own.put(&place, |staged| copy(&mut fetched.file, staged), |_| Ok(()))).await
    }

    /// Makes a signed copy whose bytes are known.
    async fn assemble_again(&self, plain: String, signature: &str, rpm: &RpmEntry) -> Result<(), FileError> {
        let mut header = self.fetch_anywhere(signature, &Wanted::at_most(MOST_SIGNATURE)).await?;
        let mut paths = vec![self.0.volumes.own(&plain)];
        paths.extend(self.0.volumes.paths(&plain, None));
        let mut whole = None;
        if !self.0.volumes.are_here() {
            whole = Some(self.fetch_anywhere(&plain, &Wanted::at_most(u64::MAX >> 1)).await?);
        }
        let (files, rpm) = (self.clone(), rpm.clone());
        blocking(move || {
            let shown = rpm.location.clone();
            let mut bytes = Vec::new();
            let read = header.file.read_to_end(&mut bytes);
            read.map_err(|error| FileError::Rpm { path: shown.clone(), source: rpms::Error::Io(error) })?;
            if let Some(mut whole) = whole {
                files.0.own.put(&paths[0], |staged| copy(&mut whole.file, staged), |_| Ok(()))?;
            }
            let plain = paths.iter().find(|path| path.is_file());
            let plain = plain.ok_or_else(|| FileError::Missing(shown.clone()))?;
            let place = files.0.volumes.own(&rpm.location);
            let fill = |staged: &mut _| splice(plain, &bytes, staged);
            files.0.own.put(&place, fill, |path| has_bytes(path, &rpm.sha256, &shown))
        })
        .await
    }

    async fn fetch_anywhere(&self, name: &str, wanted: &Wanted) -> Result<Fetched, FileError> {
        let bases = self.0.volumes.packages(None)?;
        let fetched = self.0.fetcher.fetch(&bases, name, wanted).await;
        fetched.map_err(|source| FileError::Fetch { path: name.to_owned(), source })
    }

    /// Copies the first of several files that is there into our own directory, if it has these bytes. Blocks.
    pub(super) fn take_over(&self, paths: &[PathBuf], location: &str, sha256: &Sha256) -> Result<(), FileError> {
        let path = paths.iter().find(|path| path.is_file());
        let path = path.ok_or_else(|| FileError::Missing(location.to_owned()))?;
        let mut file = fs::File::open(path).map_err(crate::store::Error::file("cannot read", path))?;
        let place = self.0.volumes.own(location);
        self.0.own.put(&place, |staged| copy(&mut file, staged), |path| has_bytes(path, sha256, location))
    }
}

fn is_of_size(path: &Path, size: u64) -> bool {
    fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() == size)
}
