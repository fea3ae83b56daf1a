//! Did one of the keys that one trusts sign an RPM? gpgv judges; nothing is imported anywhere.
//!
//! What is judged is the signature of the main header, which holds the digest of the payload; whether the payload has it
//! is not looked at here. A signature of header and payload together alone, as RPMs had it before 2003, counts as none.
//! What comes out depends on the headers and the keys and nothing else: it can be kept by the digests of both.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::Parts;
use super::{Error, openpgp};
use crate::model::{Blake3, chain};
use crate::process::{self, Limits};

/// Most bytes of a file of keys.
const LARGEST: u64 = 1 << 20;

/// Most signatures of one file that are judged: RPM 6 may write several.
const MOST_SIGNATURES: usize = 8;

/// How long gpgv may take.
const ALLOWED: Limits = Limits { time: Duration::from_secs(60), output: 64 << 10 };

/// Why nothing can be said of a signature.
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

/// What is signed of an RPM, and by which signatures: read by [`super::read_signed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Signature packets. What is no signature is left out.
    packets: Vec<Vec<u8>>,
    /// The main header.
    header: Vec<u8>,
}

impl Signed {
    pub(super) fn of(parts: &Parts, header: Vec<u8>) -> Result<Self, Error> {
        let mut packets: Vec<Vec<u8>> = Vec::new();
        for (_, packet) in openpgp::of_header(&parts.signature, &parts.header)?.flatten() {
            if packets.len() == MOST_SIGNATURES {
                break;
            }
            // gpgv is shown nothing else: it would take a message that brings its own text for one about ours.
            if openpgp::is_one_signature(&packet) && packets.iter().all(|known| *known != *packet) {
                packets.push(packet.into_owned());
            }
        }
        Ok(Self { packets, header })
    }
}

/// Public keys.
#[derive(Debug)]
pub struct Keys {
    /// As gpgv reads them.
    ring: Vec<u8>,
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
        Ok(Self { digest: Blake3::of(&ring), ring })
    }

    /// Finds out whether gpgv can be asked on this machine.
    ///
    /// # Errors
    /// It cannot.
    pub async fn try_gpgv() -> Result<(), VerifyError> {
        let command = ["gpgv", "--version"].map(str::to_owned);
        process::ask(&command, b"", ALLOWED).await.map(drop).map_err(VerifyError::Gpgv)
    }

    /// Returns what tells these keys from others.
    pub fn digest(&self) -> Blake3 {
        self.digest
    }

    /// Returns what the signatures of an RPM are worth: one that is good is enough.
    ///
    /// A key that has expired since still counts, as it does for rpm: what it signed was signed before. One that was
    /// revoked does not.
    ///
    /// # Errors
    /// gpgv cannot be asked.
    pub async fn judge(&self, signed: &Signed) -> Result<Judgement, VerifyError> {
        let mut first = None;
        for packet in &signed.packets {
            match self.ask(packet, &signed.header).await? {
                good @ Judgement::Good { .. } => return Ok(good),
                not_good => first = first.or(Some(not_good)),
            }
        }
        Ok(first.unwrap_or_else(|| Judgement::NotGood { why: "its header is not signed".to_owned() }))
    }

    async fn ask(&self, packet: &[u8], header: &[u8]) -> Result<Judgement, VerifyError> {
        // Made for each question: what lies in a temporary directory for weeks may be cleared away.
        let home = tempfile::tempdir().map_err(VerifyError::Place)?;
        let (ring, signature) = (home.path().join("keys.gpg"), home.path().join("signature"));
        let written = fs::write(&ring, &self.ring).and_then(|()| fs::write(&signature, packet));
        written.map_err(VerifyError::Place)?;
        let [home, ring, signature] = [home.path(), &ring, &signature].map(|path| path.display().to_string());
        let command = ["gpgv", "--homedir", &home, "--status-fd", "1", "--keyring", &ring, &signature, "-"];
        let heard = process::hear(&command.map(str::to_owned), header, ALLOWED).await;
        let (said, failure) = heard.map_err(VerifyError::Gpgv)?;
        Ok(judgement(&String::from_utf8_lossy(&said), failure.as_ref()))
    }
}

/// Reads gpgv's status lines (GnuPG's `doc/DETAILS`).
fn judgement(said: &str, failure: Option<&process::Error>) -> Judgement {
    let lines = || said.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
    let after = |word: &str| lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    // The last word is the fingerprint of the primary key.
    let key = after("VALIDSIG").and_then(|rest| rest.split(' ').next_back());
    let is_good = failure.is_none() && (after("GOODSIG").is_some() || after("EXPKEYSIG").is_some());
    if let Some(key) = key.filter(|_| is_good) {
        return Judgement::Good { key: key.to_owned() };
    }
    let not_good = |why: String| Judgement::NotGood { why };
    for (word, why) in [
        ("REVKEYSIG", "the key that made it was revoked"),
        ("EXPSIG", "it has expired"),
        ("BADSIG", "it is bad: it was made for another header"),
    ] {
        if after(word).is_some() {
            return not_good(why.to_owned());
        }
    }
    match (after("NO_PUBKEY"), failure) {
        (Some(key), _) => not_good(format!("none of the keys made it: it names {}", key.to_ascii_lowercase())),
        (None, Some(failure)) => not_good(format!("it cannot be checked: {}", chain(failure))),
        (None, None) => not_good("gpgv does not call it good".to_owned()),
    }
}

/// Returns keys as gpgv reads them: without armour.
fn ring(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let is_binary = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let ring = if is_binary { bytes.to_vec() } else { without_armour(bytes)? };
    if openpgp::are_keys(&ring) { Ok(ring) } else { Err("it is cut off, or does not begin with a public key") }
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

    const BLOCK: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nComment: a key\n\nmAIC\nAw==\n=abcd\n\
                         -----END PGP PUBLIC KEY BLOCK-----\n";

    #[test]
    fn armoured_blocks_are_joined_and_what_stands_around_them_passed_over() {
        let one = vec![0x98, 2, 2, 3];
        assert_eq!(ring(&one), Ok(one.clone()));
        assert_eq!(ring(BLOCK.as_bytes()), Ok(one.clone()));
        let two = format!("Our keys\n\n{BLOCK}and\n{}", BLOCK.replace('\n', "\r\n"));
        assert_eq!(ring(two.as_bytes()), Ok([one.clone(), one].concat()));
    }

    #[test]
    fn what_holds_no_keys_is_refused_with_the_reason() {
        let whole = |change: fn(&str) -> String| ring(change(BLOCK).as_bytes());
        assert_eq!(ring(b""), Err("there is no armoured block"));
        for bad in [&[0x88, 1, 2][..], &[0x98, 2, 2], &[0x98, 1, 2, 3]] {
            assert_eq!(ring(bad), Err("it is cut off, or does not begin with a public key"), "{bad:?}");
        }
        assert_eq!(whole(|text| text.replace("END", "FIN")), Err("a block does not end"));
        assert_eq!(whole(|text| text.replace("mAIC", "m?IC")), Err("a block is not base64"));
        assert_eq!(whole(|text| text.replace("PUBLIC", "PRIVATE")), Err("there is no armoured block"));
    }

    #[test]
    fn gpgvs_word_counts_and_a_revoked_key_does_not() {
        let said = |word: &str| format!("[GNUPG:] NEWSIG\n[GNUPG:] {word} 12AB Oak\n[GNUPG:] VALIDSIG AB12 x 0 CD34\n");
        let of = |said: &str| judgement(said, None);
        let good = Judgement::Good { key: "CD34".to_owned() };
        assert_eq!([of(&said("GOODSIG")), of(&said("EXPKEYSIG"))], [good.clone(), good]);
        for (word, expected) in [
            ("REVKEYSIG", "revoked"),
            ("EXPSIG", "expired"),
            ("BADSIG", "another header"),
            ("NO_PUBKEY", "none of the keys made it: it names 12ab"),
            ("OTHER", "not call it good"),
        ] {
            let Judgement::NotGood { why } = of(&said(word)) else { panic!("{word}") };
            assert!(why.contains(expected), "{why}");
        }
        assert!(matches!(of("[GNUPG:] GOODSIG 12AB Oak\n"), Judgement::NotGood { .. }), "without a fingerprint");
        let failure = process::Error::Nothing;
        assert!(matches!(judgement(&said("GOODSIG"), Some(&failure)), Judgement::NotGood { .. }), "with a failure");
    }
}
