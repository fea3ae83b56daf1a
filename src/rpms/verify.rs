//! Did one of the keys that one trusts sign an RPM? gpgv judges; nothing is imported anywhere.
//!
//! What is judged is the signature of the main header, which holds the digest of the payload; that both are as the
//! header says is checked in the same reading. A signature of header and payload together alone, as RPMs had it before
//! 2003, counts as none. What came out depends on the file and the keys and nothing else: it can be kept by the digests
//! of both.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::file::Parts;
use super::{Error, openpgp};
use crate::model::{Blake3, FileFacts, chain};
use crate::process::{self, Limits};

/// Most bytes of a file of keys.
const LARGEST: u64 = 1 << 20;

/// How long gpgv may take.
const ALLOWED: Limits = Limits { time: Duration::from_secs(60), output: 64 << 10 };

/// Why nothing can be said of a file.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The keys cannot be read.
    #[error("the keys in {} cannot be read", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no keys.
    #[error("{} holds no OpenPGP keys: {why}", path.display())]
    NoKeys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The RPM is refused, whoever signed it.
    #[error(transparent)]
    Rpm(#[from] Error),
    /// A place for gpgv cannot be made.
    #[error("a directory for gpgv cannot be made")]
    Place(#[source] std::io::Error),
    /// gpgv cannot be asked, or does not answer.
    #[error("gpgv cannot be asked")]
    Gpgv(#[source] process::Error),
}

/// What an RPM's signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// One of the keys made it.
    Good {
        /// The fingerprint of that key, or of the one it belongs to, in capital hex digits.
        key: String,
    },
    /// It is not there, or none of the keys made it for this header.
    NotGood {
        /// Why, in words.
        why: String,
    },
}

/// Public keys, ready for gpgv in a directory of their own.
#[derive(Debug)]
pub struct Keys {
    home: TempDir,
    digest: Blake3,
}

impl Keys {
    /// Reads a file of public keys, binary or of one or more armoured blocks.
    pub fn read(path: &Path) -> Result<Self, VerifyError> {
        let cannot = |source| VerifyError::Keys { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(cannot)?;
        if bytes.len() as u64 > LARGEST {
            return Err(cannot(std::io::ErrorKind::FileTooLarge.into()));
        }
        let ring = ring(&bytes).map_err(|why| VerifyError::NoKeys { path: path.to_owned(), why })?;
        let home = tempfile::tempdir().map_err(VerifyError::Place)?;
        fs::write(home.path().join("keys.gpg"), &ring).map_err(VerifyError::Place)?;
        Ok(Self { home, digest: Blake3::of(&ring) })
    }

    /// Returns what tells these keys from others.
    pub fn digest(&self) -> Blake3 {
        self.digest
    }

    /// Returns what the signature of the RPM at `path` is worth, and the digests of the file that was looked at.
    ///
    /// A key that has expired since still counts, as it does for rpm: what it signed was signed before. One that was
    /// revoked does not.
    ///
    /// # Errors
    /// The file is refused, as by [`super::read_verified`]; or gpgv cannot be asked.
    pub async fn judge(&self, path: &Path) -> Result<(FileFacts, Judgement), VerifyError> {
        let file = path.to_owned();
        let read = tokio::task::spawn_blocking(move || signed(&file)).await;
        let (facts, signature, header) = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let Some(signature) = signature else {
            let why = "its header is not signed".to_owned();
            return Ok((facts, Judgement::NotGood { why }));
        };
        Ok((facts, self.ask(&signature, &header).await?))
    }

    async fn ask(&self, signature: &[u8], signed: &[u8]) -> Result<Judgement, VerifyError> {
        let mut detached = tempfile::NamedTempFile::new_in(self.home.path()).map_err(VerifyError::Place)?;
        std::io::Write::write_all(&mut detached, signature).map_err(VerifyError::Place)?;
        let place = |path: &Path| path.display().to_string();
        let home = place(self.home.path());
        let (ring, detached) = (place(&self.home.path().join("keys.gpg")), place(detached.path()));
        let command = ["gpgv", "--homedir", &home, "--status-fd", "1", "--keyring", &ring, &detached, "-"];
        match process::ask(&command.map(str::to_owned), signed, ALLOWED).await {
            Ok(said) => Ok(judgement(&String::from_utf8_lossy(&said))),
            Err(error @ process::Error::Failed { .. }) => Ok(Judgement::NotGood { why: chain(&error) }),
            Err(error) => Err(VerifyError::Gpgv(error)),
        }
    }
}

/// What is signed, and with what: the digests of the file, the signature packet, the main header.
type Signed = (FileFacts, Option<Vec<u8>>, Vec<u8>);

fn signed(path: &Path) -> Result<Signed, Error> {
    let mut header = Vec::new();
    let (parts, facts) = super::scan_verified(path, |bytes| header.extend_from_slice(bytes))?;
    Ok((facts, signature(&parts)?, header))
}

fn signature(parts: &Parts) -> Result<Option<Vec<u8>>, Error> {
    Ok(openpgp::of_header(&parts.signature, &parts.header)?.map(|(_, packet)| packet.into_owned()))
}

/// Reads gpgv's status lines (GnuPG's `doc/DETAILS`).
fn judgement(said: &str) -> Judgement {
    let lines = || said.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let has = |word: &str| lines().any(|line| line.split(' ').next() == Some(word));
    // The last word is the fingerprint of the primary key.
    let key = lines().find_map(|line| line.strip_prefix("VALIDSIG ")?.split(' ').next_back());
    match key {
        Some(key) if has("GOODSIG") || has("EXPKEYSIG") => Judgement::Good { key: key.to_owned() },
        _ if has("REVKEYSIG") => Judgement::NotGood { why: "its key was revoked".to_owned() },
        _ if has("EXPSIG") => Judgement::NotGood { why: "the signature has expired".to_owned() },
        _ => Judgement::NotGood { why: "gpgv does not call it good".to_owned() },
    }
}

/// Returns keys as gpgv reads them: without armour.
fn ring(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let is_binary = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let ring = if is_binary { bytes.to_vec() } else { without_armour(bytes)? };
    // A public key packet begins with tag 6, in the old form of packets or the new.
    let begins_with_key = |first: &u8| *first & 0xFC == 0x98 || *first == 0xC6;
    if ring.first().is_some_and(begins_with_key) { Ok(ring) } else { Err("it does not begin with a public key") }
}

/// Joins what armoured blocks hold; between them may stand anything.
fn without_armour(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
    let text = std::str::from_utf8(bytes).map_err(|_| "it is neither armoured nor binary")?;
    let mut keys = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while lines.any(|line| line == BEGIN) {
        // Headers such as "Comment:" end with an empty line.
        let mut body = lines.by_ref().skip_while(|line| !line.is_empty());
        let mut block = String::new();
        loop {
            match body.next() {
                None => return Err("a block does not end"),
                Some(END) => break,
                // The checksum, which need not be there.
                Some(line) if line.starts_with('=') => {}
                Some(line) => block.push_str(line),
            }
        }
        keys.extend(openpgp::base64(block.as_bytes()).ok_or("a block is not base64")?);
    }
    if keys.is_empty() { Err("there is no armoured block") } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: a key\n\nmAEC\nAw==\n=abcd\n\
                         -----END PGP PUBLIC KEY BLOCK-----\n";

    #[test]
    fn armoured_blocks_are_joined_and_what_stands_around_them_passed_over() {
        let one = vec![0x98, 1, 2, 3];
        assert_eq!(ring(&one), Ok(one.clone()));
        assert_eq!(ring(BLOCK.as_bytes()), Ok(one.clone()));
        let two = format!("Our keys\n\n{BLOCK}and\n{}", BLOCK.replace('\n', "\r\n"));
        assert_eq!(ring(two.as_bytes()), Ok([one.clone(), one].concat()));
    }

    #[test]
    fn what_holds_no_keys_is_refused_with_the_reason() {
        let whole = |change: fn(&str) -> String| ring(change(BLOCK).as_bytes());
        assert_eq!(ring(b""), Err("there is no armoured block"));
        assert_eq!(ring(&[0x88, 1, 2]), Err("it does not begin with a public key"), "a signature");
        assert_eq!(whole(|text| text.replace("END", "FIN")), Err("a block does not end"));
        assert_eq!(whole(|text| text.replace("mAEC", "m?EC")), Err("a block is not base64"));
        assert_eq!(whole(|text| text.replace("PUBLIC", "PRIVATE")), Err("there is no armoured block"));
    }

    #[test]
    fn gpgvs_word_counts_and_a_revoked_key_does_not() {
        let said = |word: &str| format!("[GNUPG:] NEWSIG\n[GNUPG:] {word} 12AB Oak\n[GNUPG:] VALIDSIG AB12 x 0 CD34\n");
        let good = Judgement::Good { key: "CD34".to_owned() };
        assert_eq!([judgement(&said("GOODSIG")), judgement(&said("EXPKEYSIG"))], [good.clone(), good]);
        for (word, why) in [("REVKEYSIG", "revoked"), ("EXPSIG", "expired"), ("OTHER", "not call it good")] {
            let Judgement::NotGood { why: found } = judgement(&said(word)) else { panic!("{word}") };
            assert!(found.contains(why), "{found}");
        }
        assert!(matches!(judgement("[GNUPG:] GOODSIG 12AB Oak\n"), Judgement::NotGood { .. }));
    }
}
