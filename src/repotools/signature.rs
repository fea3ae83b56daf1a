//! Is `repomd.xml` signed, and by one of the keys that one trusts? gpgv judges; nothing is imported anywhere.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::repository::Repository;
use crate::fetch::{Fetcher, Wanted};
use crate::model::chain;
use crate::process::{self, Limits};

/// What there is of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// There is no `repomd.xml.asc`.
    None,
    /// There is one, which looks like a signature; without keys it was not verified.
    Unverified,
    /// One of the keys made it.
    Good,
    /// There is a file of that name which cannot be had or is no signature, or none of the keys made it for this
    /// `repomd.xml`.
    Bad,
}

/// Most bytes of a signature, and of a file of keys.
const LARGEST: u64 = 1 << 20;

/// How long gpg may take.
const ALLOWED: Limits = Limits { time: Duration::from_secs(60), output: LARGEST };

/// Looks at the signature of a repository; with a file of public keys, armoured or not, it is verified. Also
/// returns what is wrong.
///
/// # Errors
/// The keys cannot be read, or are more than a file of keys can be.
pub(super) async fn look(
    fetcher: &Fetcher,
    repository: &Repository,
    keys: Option<&Path>,
) -> Result<(Signature, Option<String>), Error> {
    let keys = keys.map(read).transpose()?;
    let wanted = Wanted::at_most(LARGEST);
    let fetched = match fetcher.fetch(&repository.bases, "repodata/repomd.xml.asc", &wanted).await {
        Ok(fetched) => fetched,
        Err(error) if error.is_missing() => {
            return Ok((Signature::None, keys.map(|_| "it is not there, and keys were given".to_owned())));
        }
        Err(error) => return Ok((Signature::Bad, Some(chain(&error)))),
    };
    let mut text = String::new();
    let read = fetched.file.take(LARGEST).read_to_string(&mut text);
    let is_armoured = text.contains("-----BEGIN PGP SIGNATURE-----") && text.contains("-----END PGP SIGNATURE-----");
    if read.is_err() || !is_armoured {
        return Ok((Signature::Bad, Some("it is no armoured OpenPGP signature".to_owned())));
    }
    let Some(keys) = keys else { return Ok((Signature::Unverified, None)) };
    Ok(match verify(&keys, &text, &repository.bytes).await {
        Ok(()) => (Signature::Good, None),
        Err(problem) => (Signature::Bad, Some(problem)),
    })
}

fn read(keys: &Path) -> Result<Vec<u8>, Error> {
    let cannot = |source| Error::Io { name: keys.display().to_string(), source };
    let mut bytes = Vec::new();
    fs::File::open(keys).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(cannot(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

/// Asks gpgv, in a directory that is gone afterwards.
async fn verify(keys: &[u8], signature: &str, signed: &[u8]) -> Result<(), String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (ring, detached) = (home.path().join("keys.gpg"), home.path().join("signature.asc"));
    let place = home.path().display().to_string();
    let gpg = |program: &str, more: &[&str]| -> Vec<String> {
        [&[program, "--homedir", &place], more].concat().into_iter().map(str::to_owned).collect()
    };
    // gpgv reads no armoured keys.
    let keys = match keys.starts_with(b"-----BEGIN PGP") {
        true => {
            let opened = process::ask(&gpg("gpg", &["--batch", "--dearmor"]), keys, ALLOWED).await;
            opened.map_err(|error| format!("the keys cannot be read: {}", chain(&error)))?
        }
        false => keys.to_vec(),
    };
    let written = fs::write(&ring, keys).and_then(|()| fs::write(&detached, signature));
    written.map_err(|error| error.to_string())?;
    let (ring, detached) = (ring.display().to_string(), detached.display().to_string());
    let command = gpg("gpgv", &["--keyring", &ring, &detached, "-"]);
    let judged = process::ask(&command, signed, ALLOWED).await;
    judged.map(drop).map_err(|error| format!("it was not verified: {}", chain(&error)))
}
