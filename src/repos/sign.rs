//! Who vouches for a repository? A program of the operator's, which gets `repomd.xml` and gives its signature.
//!
//! Both files are durable before either is in its place, and are renamed one right after the other. A reader
//! between two requests can still get the one of this and the other of that generation, which no order of
//! renames cures: so signed generations follow each other at a distance.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::{Error, Repos};
use crate::config::FollowRule;
use crate::process::{self, Limits};
use crate::store::durable::{self, Staged};
use crate::store::{self};

/// What the signature of `repomd.xml` is called.
pub(super) const SIGNATURE: &str = "repomd.xml.asc";

/// Longest signature that is taken, in bytes: the longest real ones have some thousands.
const LONGEST: u64 = 64 << 10;

impl Repos {
    /// Returns the signature of a `repomd.xml`; `None` where the rule names no signer.
    ///
    /// # Errors
    /// The signer fails, or what it gives is no armoured signature.
    pub(super) async fn sign(&self, rule: &FollowRule, repomd: &[u8]) -> Result<Option<String>, Error> {
        let repos = &rule.repos;
        if repos.sign_command.is_empty() {
            return Ok(None);
        }
        let limits = Limits { time: repos.sign_timeout, output: LONGEST };
        let answer = process::ask(&repos.sign_command, repomd, limits).await.map_err(Error::Signer)?;
        armoured(answer).map(Some).ok_or_else(|| Error::NoSignature { program: repos.sign_command[0].clone() })
    }
}

/// Returns what a signer said, if it is one armoured OpenPGP signature and nothing else.
fn armoured(answer: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(answer).ok().filter(|text| text.is_ascii())?;
    let body = text.trim().strip_prefix("-----BEGIN PGP SIGNATURE-----")?;
    let body = body.strip_suffix("-----END PGP SIGNATURE-----")?;
    (!body.trim().is_empty() && !body.contains("-----")).then_some(text)
}

/// Puts `repomd.xml` and its signature in their place, durable; without one, an older one goes first.
pub(super) fn show(repodata: &Path, repomd: &[u8], signature: Option<&str>) -> Result<(), store::Error> {
    let Some(signature) = signature else {
        drop_signature(repodata)?;
        return durable::write(&repodata.join("repomd.xml"), repomd);
    };
    let staged = |name: &str, bytes: &[u8]| {
        let mut staged = Staged::new(repodata, name)?;
        staged.write_all(bytes).map_err(store::Error::file("cannot write", &repodata.join(name)))?;
        staged.sync()?;
        Ok::<_, store::Error>(staged)
    };
    let (pointer, signature) = (staged("repomd.xml", repomd)?, staged(SIGNATURE, signature.as_bytes())?);
    pointer.put("repomd.xml")?;
    signature.put(SIGNATURE)?;
    durable::sync_dir(repodata)
}

/// Makes the signature that stands there the right one, for a pair that a crash parted.
pub(super) fn repair(repodata: &Path, signature: Option<&str>) -> Result<(), store::Error> {
    if is_right(repodata, signature)? {
        return Ok(());
    }
    match signature {
        None => drop_signature(repodata),
        Some(signature) => durable::write(&repodata.join(SIGNATURE), signature.as_bytes()),
    }
}

/// Returns whether the signature that stands there is this one, or none is there and none should be.
pub(super) fn is_right(repodata: &Path, signature: Option<&str>) -> Result<bool, store::Error> {
    let place = repodata.join(SIGNATURE);
    match fs::read(&place) {
        Ok(there) => Ok(signature.is_some_and(|signature| signature.as_bytes() == there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(signature.is_none()),
        Err(error) => Err(store::Error::file("cannot read", &place)(error)),
    }
}

fn drop_signature(repodata: &Path) -> Result<(), store::Error> {
    let place = repodata.join(SIGNATURE);
    if place.symlink_metadata().is_err() {
        return Ok(());
    }
    durable::remove(&place)?;
    durable::sync_dir(repodata)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-----BEGIN PGP SIGNATURE-----\n\nabc=\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn only_one_armoured_signature_is_taken() {
        assert_eq!(armoured(GOOD.into()).unwrap(), GOOD);
        for bad in [
            "",
            "abc",
            "-----BEGIN PGP SIGNATURE----------END PGP SIGNATURE-----",
            "-----BEGIN PGP SIGNED MESSAGE-----\nx\n-----END PGP SIGNATURE-----",
            &format!("{GOOD}{GOOD}"),
            &GOOD.replace("abc", "ä"),
            &format!("hello\n{GOOD}"),
        ] {
            assert_eq!(armoured(bad.into()), None, "{bad:?}");
        }
        assert_eq!(armoured(vec![0x88, 0xff]), None);
    }

    #[test]
    fn the_signature_never_outlives_its_repomd() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).ok();
        let other = GOOD.replace("abc", "def");
        show(dir.path(), b"one", Some(GOOD)).unwrap();
        assert_eq!((read("repomd.xml"), read(SIGNATURE)), (Some("one".into()), Some(GOOD.into())));
        show(dir.path(), b"two", Some(&other)).unwrap();
        assert_eq!((read("repomd.xml"), read(SIGNATURE)), (Some("two".into()), Some(other.clone())));
        assert!(is_right(dir.path(), Some(&other)).unwrap() && !is_right(dir.path(), None).unwrap());
        repair(dir.path(), Some(GOOD)).unwrap();
        assert!(is_right(dir.path(), Some(GOOD)).unwrap());
        show(dir.path(), b"three", None).unwrap();
        assert_eq!((read("repomd.xml"), read(SIGNATURE)), (Some("three".into()), None));
        assert!(is_right(dir.path(), None).unwrap() && !is_right(dir.path(), Some(GOOD)).unwrap());
        repair(dir.path(), Some(GOOD)).unwrap();
        repair(dir.path(), None).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
