//! Where is one form of an RPM? Here, in the hub's volume as it is written there, or in the RPM as it was imported and
//! a signature header that make it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::FileError;
use super::forms::{Spot, imported};
use super::known::Known;
use super::look::{FileRead, KnownDigests, look, look_from_afar};
use super::own::{copy, splice};
use super::{Files, blocking, list};
use crate::buildsys::koji::calls;
use crate::fetch::{self, Failure, Fetched, Wanted};
use crate::model::{ChecksumType, Nvr, Package, Sha256};
use crate::rpms;
use crate::store;

/// How much of a file is asked for to begin with: most headers are in it.
const FRONT: u64 = 64 << 10;
/// Most bytes of headers that are asked for.
const MOST_FRONT: u64 = 320 << 20;
/// Most bytes of a signature header.
const MOST_SIGNATURE: u64 = 64 << 20;
/// Most bytes of an RPM.
const MOST: u64 = 1 << 40;

/// What is known of where to look.
#[derive(Clone)]
pub(super) struct At {
    pub nvr: Nvr,
    pub volume: String,
    pub known: Arc<Known>,
}

/// No digest is known.
struct Nothing;

impl KnownDigests for Nothing {
    fn reckoned(&self, _: &Spot) -> Option<Sha256> {
        None
    }

    fn digest(&self, _: &Spot, _: &Package, _: u64) -> Option<Sha256> {
        None
    }
}

impl Files {
    /// Reads one form of an RPM, wherever it is.
    pub(super) async fn read_form(self, at: At, spot: Spot) -> Result<FileRead, FileError> {
        // None where the semaphore was closed, which nobody does.
        let _place = self.0.places.acquire().await.ok();
        let (None, Some(name)) = (&spot.sighash, &spot.signature) else { return self.read_this(&at, &spot).await };
        // What is written may be older than the signature that counts.
        let sighash = match self.fetch(&at, name, &Wanted::at_most(MOST_SIGNATURE)).await {
            Ok(header) => Some(blocking(move || md5(header.file)).await.map_err(FileError::of_reading(name))?),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        match self.read_this(&at, &Spot { sighash: sighash.clone(), ..spot.clone() }).await {
            Err(error) if sighash.is_some() && !error.is_missing() && !error.is_outage() => {
                // The two do not agree; or the file is none at all.
                let found = self.0.hub.ask(calls::rpm_signatures(spot.rpm.id)).await?;
                let said = list::forms(found).into_iter().find(|form| form.sigkey == spot.sigkey);
                match said.and_then(|form| form.sighash).filter(|said| Some(said) != sighash.as_ref()) {
                    Some(said) => self.read_this(&at, &Spot { sighash: Some(said), ..spot.clone() }).await,
                    None => Err(error),
                }
            }
            read => read,
        }
    }

    /// Reads one form of an RPM: of any signature by its key, where it is not known which.
    async fn read_this(&self, at: &At, spot: &Spot) -> Result<FileRead, FileError> {
        let mut forms = vec![spot.clone()];
        if spot.sigkey.is_some() && spot.rpm.was_signed() {
            // It was imported with a signature, which may be this one.
            let Spot { location, source, .. } = imported(&at.nvr, &spot.rpm);
            forms.push(Spot { location, source, ..spot.clone() });
        }
        let mut why: Option<FileError> = None;
        for form in forms {
            match self.read_written(at, Arc::new(form)).await {
                Ok(read) => return Ok(read),
                Err(error) if error.is_missing() => {}
                Err(error) if error.is_outage() => return Err(error),
                Err(error) => why = why.or(Some(error)),
            }
        }
        if spot.signature.is_some() {
            match self.assemble(at, Arc::new(spot.clone())).await {
                Ok(read) => return Ok(read),
                Err(error) if error.is_missing() => {}
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| FileError::Missing(spot.location.clone())))
    }

    /// Reads a form as it is written here or in the volume.
    async fn read_written(&self, at: &At, spot: Arc<Spot>) -> Result<FileRead, FileError> {
        let own = self.0.volumes.own(&spot.location);
        match self.look(at, &spot, vec![own.clone()]).await {
            // What is kept here of an older form makes way.
            Err(error) if !error.is_missing() => {
                tracing::warn!(path = %own.display(), error = %crate::model::chain(&error), "a file of ours is outdated");
                blocking(move || store::durable::remove(&own)).await?;
            }
            Err(_) => {}
            read => return read,
        }
        if !self.0.volumes.are_here() {
            return self.read_afar(at, spot).await;
        }
        let paths = self.0.volumes.paths(&spot.source, Some(&at.volume));
        let read = self.look(at, &spot, paths.clone()).await?;
        if spot.location != spot.source {
            let (files, location) = (self.clone(), spot.location.clone());
            let bring = move || files.take_over(&paths, &location, &read.row.sha256).map(|()| read);
            return blocking(bring).await;
        }
        Ok(read)
    }

    /// Reads the first of several files that is there.
    async fn look(&self, at: &At, spot: &Arc<Spot>, paths: Vec<PathBuf>) -> Result<FileRead, FileError> {
        let (files, spot, known) = (self.clone(), spot.clone(), at.known.clone());
        blocking(move || {
            let mut missing = FileError::Missing(spot.source.clone());
            for path in &paths {
                match look(path, &spot, &*known, &files.0.rate) {
                    Err(error) if error.is_missing() => missing = error,
                    result => return result,
                }
            }
            Err(missing)
        })
        .await
    }

    /// Reads a form in a volume that is had by URL: its front only, where its digest is known.
    async fn read_afar(&self, at: &At, spot: Arc<Spot>) -> Result<FileRead, FileError> {
        if let Some(front) = self.front(at, &spot.source, rpms::read_front).await?
            && let Some(read) = look_from_afar(&spot.source, &spot, front, &*at.known)?
            && spot.location == spot.source
        {
            return Ok(read);
        }
        let fetched = self.fetch(at, &spot.source, &Wanted::at_most(MOST)).await?;
        let (files, spot, known) = (self.clone(), spot, at.known.clone());
        blocking(move || files.keep(fetched, &spot, &*known)).await
    }

    /// Fetches the front of a file, to be read by `read`; `None` where it is not to be had alone, or is not promised by
    /// itself.
    pub(super) async fn front<T: Send + 'static>(
        &self,
        at: &At,
        source: &str,
        read: fn(File) -> Result<T, rpms::Error>,
    ) -> Result<Option<T>, FileError> {
        let mut length = FRONT;
        loop {
            let wanted = Wanted { range: Some(0..length), ..Wanted::at_most(length) };
            let fetched = match self.fetch(at, source, &wanted).await {
                Err(FileError::Fetch { source, .. }) if gives_no_parts(&source) => return Ok(None),
                fetched => fetched?,
            };
            let is_all = fetched.size < length;
            match blocking(move || read(fetched.file)).await {
                Err(rpms::Error::Truncated(_)) if !is_all && length < MOST_FRONT => length = MOST_FRONT.min(length * 8),
                Err(rpms::Error::Unpromised(_)) => return Ok(None),
                Err(error) => return Err(FileError::Rpm { path: source.to_owned(), source: error }),
                Ok(front) => return Ok(Some(front)),
            }
        }
    }

    async fn fetch(&self, at: &At, name: &str, wanted: &Wanted) -> Result<Fetched, FileError> {
        let bases = self.0.volumes.packages(Some(&at.volume))?;
        let fetched = self.0.fetcher.fetch(&bases, name, wanted).await;
        fetched.map_err(|source| FileError::Fetch { path: name.to_owned(), source })
    }

    /// Keeps a file that was fetched whole, once it is the form that it should be. Blocks.
    fn keep(&self, mut fetched: Fetched, spot: &Spot, known: &impl KnownDigests) -> Result<FileRead, FileError> {
        let place = self.0.volumes.own(&spot.location);
        let fill = |staged: &mut _| copy(&mut fetched.file, staged);
        self.0.own.put(&place, fill, |path| {
            let read = look(path, spot, &Nothing, &self.0.rate)?;
            as_known(&read, spot, known)?;
            Ok(read)
        })
    }

    /// Makes a signed copy of the RPM as it was imported and a signature header.
    async fn assemble(&self, at: &At, spot: Arc<Spot>) -> Result<FileRead, FileError> {
        let Some(name) = &spot.signature else { return Err(FileError::Missing(spot.source.clone())) };
        let mut signature = self.fetch(at, name, &Wanted::at_most(MOST_SIGNATURE)).await?;
        let plain = imported(&at.nvr, &spot.rpm);
        let plain = match self.0.volumes.are_here() {
            true => self.0.volumes.paths(&plain.source, Some(&at.volume)),
            false => {
                // It is fetched whole, and may be wanted itself.
                let nothing = At { known: Arc::new(Known::default()), ..at.clone() };
                let location = plain.location.clone();
                self.read_written(&nothing, Arc::new(plain)).await?;
                vec![self.0.volumes.own(&location)]
            }
        };
        let (files, known) = (self.clone(), at.known.clone());
        blocking(move || {
            let mut header = Vec::new();
            signature.file.read_to_end(&mut header).map_err(FileError::of_reading(&spot.source))?;
            let plain = plain.iter().find(|path| path.is_file());
            let plain = plain.ok_or_else(|| FileError::Missing(spot.source.clone()))?;
            let place = files.0.volumes.own(&spot.location);
            files.0.own.put(
                &place,
                |staged| splice(plain, &header, staged),
                |path| {
                    let read = look(path, &spot, &Nothing, &files.0.rate)?;
                    as_known(&read, &spot, &*known)?;
                    Ok(read)
                },
            )
        })
        .await
    }
}

/// Refuses a file of which all was read and whose digest is another than the one that is known.
fn as_known(read: &FileRead, spot: &Spot, known: &impl KnownDigests) -> Result<(), FileError> {
    let expected = known.reckoned(spot).filter(|expected| *expected != read.row.sha256);
    match expected {
        None => Ok(()),
        Some(expected) => Err(FileError::Other {
            path: spot.location.clone(),
            what: "SHA-256",
            found: read.row.sha256.to_string(),
            expected: expected.to_string(),
        }),
    }
}

/// Returns the MD5 of a file's bytes, hex digits. Blocks.
fn md5(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(ChecksumType::Md5.hex_of(&bytes))
}

/// Returns whether a server gives files, but no parts of them.
fn gives_no_parts(error: &fetch::Error) -> bool {
    match error {
        fetch::Error::One(attempt) => matches!(attempt.failure, Failure::NoPart),
        fetch::Error::All(attempts) => attempts.iter().any(|attempt| matches!(attempt.failure, Failure::NoPart)),
        _ => false,
    }
}
