//! What does an RPM file say, and does it hold what it promises?
//!
//! Reads the header only; the payload is hashed and never unpacked. The key id that a copy carries is
//! a claim until its signature was verified ([`Keys::judge`]).
//!
//! The header is read by code of our own: librpm's rules for bounds, createrepo_c's for text (the
//! `rpm` crate panics on forged headers and replaces what is not UTF-8). Both entries are
//! synchronous and hash the whole file: call them where blocking is allowed.

mod content;
mod error;
mod file;
mod files;
mod front;
mod header;
#[cfg(test)]
mod hostile;
mod limited;
mod metadata;
mod openpgp;
mod promises;
mod tags;
#[cfg(test)]
mod testing;
mod text;
mod verify;

use std::path::Path;

pub use error::{Error, Part, Promise};
pub use front::{Front, Marks, read_front, read_signed, read_whole};
pub use metadata::{Library, Listed, MetadataError};
pub use verify::{Judgement, Keys, Signed, VerifyError};

use sha2::{Digest, Sha256};

use crate::model::{self, CHANGELOG_KEPT, ChecksumType, FileFacts, ListedFile, Package};
use content::Wanted;
use file::{Parts, Piece};

/// What is kept of the headers of files that are kept.
const KEPT: Wanted = Wanted { changelog: Some(CHANGELOG_KEPT), file_digests: false, sigkey: true };

/// What to find out of a file that is to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// By which checksum the file is known.
    pub checksum: ChecksumType,
    /// How many changelog entries are kept, the newest; `None` for all.
    pub changelog: Option<usize>,
    /// Whether the digests of the package's files are kept.
    pub file_digests: bool,
}

impl Default for ReadOptions {
    /// Returns what createrepo_c does where it is not told otherwise.
    fn default() -> Self {
        Self { checksum: ChecksumType::default(), changelog: Some(CHANGELOG_KEPT), file_digests: false }
    }
}

/// Returns what the RPM file at `path` says and what a listing tells of it besides; what the file
/// promises is not checked, and its signature not looked at. The file is opened once, read once and
/// hashed by one algorithm.
///
/// # Errors
/// As [`read`].
pub fn read_for_listing(path: &Path, options: &ReadOptions) -> Result<(Package, ListedFile), Error> {
    let mut hasher = options.checksum.hasher();
    let parts = file::scan(path, |piece| {
        let (Piece::Front(bytes) | Piece::Header(bytes) | Piece::Payload(bytes)) = piece;
        hasher.update(bytes);
    })?;
    let wanted = Wanted { changelog: options.changelog, file_digests: options.file_digests, sigkey: false };
    let package = content::package(&parts, wanted)?;
    let (checksum_type, checksum) = (options.checksum, hasher.finish());
    Ok((package, ListedFile { checksum_type, checksum, size: parts.size, time: parts.time }))
}

/// Returns what the RPM file at `path` says, and its digests; what it promises is not checked.
///
/// # Errors
/// The file cannot be read, changes while it is read, is no RPM, is cut off inside its headers, has
/// a header that breaks the format or a limit, a name that is not let in, or text that XML cannot
/// hold.
pub fn read(path: &Path) -> Result<(Package, FileFacts), Error> {
    let mut digests = FileDigesters::default();
    let parts = file::scan(path, |piece| digests.update(&piece))?;
    Ok((content::package(&parts, KEPT)?, digests.facts(&parts)))
}

/// Returns what the RPM file at `path` says after checking what it promises: the digests of header
/// and payload, and their sizes. A file that promises no digest of both is refused.
///
/// Damage to the lead, and to bytes of the signature header that nothing else depends on, is beyond
/// what a file can promise of itself.
///
/// # Errors
/// As [`read`]; also the first promise that is not kept.
pub fn read_verified(path: &Path) -> Result<(Package, FileFacts), Error> {
    let mut digests = FileDigesters::default();
    let mut promised = promises::Digests::default();
    let parts = file::scan(path, |piece| {
        digests.update(&piece);
        promised.update(&piece);
    })?;
    promises::check(&parts, promised)?;
    Ok((content::package(&parts, KEPT)?, digests.facts(&parts)))
}

/// The digests of [`FileFacts`], in the making.
#[derive(Default)]
struct FileDigesters {
    whole: Sha256,
    content: Sha256,
}

impl FileDigesters {
    fn update(&mut self, piece: &Piece<'_>) {
        let (Piece::Front(bytes) | Piece::Header(bytes) | Piece::Payload(bytes)) = piece;
        self.whole.update(bytes);
        if !matches!(piece, Piece::Front(_)) {
            self.content.update(bytes);
        }
    }

    fn facts(self, parts: &Parts) -> FileFacts {
        FileFacts {
            sha256: model::Sha256::from_bytes(self.whole.finalize().into()),
            size: parts.size,
            content: Some(model::Sha256::from_bytes(self.content.finalize().into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Value, rpm, saved};
    use super::*;

    #[test]
    fn a_signed_copy_has_the_same_content() {
        let packet = [&[0x88, 15, 3, 5, 0, 0, 0, 0, 0][..], &[0, 0, 0, 0, 0xDE, 0xAD, 0xBE, 0xEF]].concat();
        let (plain, plain_file) = read_verified(&saved(&rpm(&[], &[], b"payload"))).unwrap();
        let signature = [(tags::sig::RSA, Value::Bin(packet))];
        let (signed, signed_file) = read_verified(&saved(&rpm(&[], &signature, b"payload"))).unwrap();
        assert_eq!(plain_file.content, signed_file.content);
        assert_ne!(plain_file.sha256, signed_file.sha256);
        assert_eq!((plain.sigkey, signed.sigkey.unwrap().as_str()), (None, "deadbeef"));
    }

    #[test]
    fn a_listed_file_is_known_by_the_checksum_that_is_asked_for() {
        let bytes = rpm(&[], &[], b"payload");
        let path = saved(&bytes);
        for checksum in ChecksumType::ALL {
            let (package, file) = read_for_listing(&path, &ReadOptions { checksum, ..ReadOptions::default() }).unwrap();
            assert_eq!(package, read(&path).unwrap().0);
            assert_eq!((file.checksum_type, file.checksum), (checksum, checksum.hex_of(&bytes)));
            assert_eq!(file.size, bytes.len() as u64);
        }
        let before = std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(5);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
        assert_eq!(read_for_listing(&path, &ReadOptions::default()).unwrap().1.time, -5);
    }

    #[test]
    fn as_many_changes_are_kept_as_are_asked_for() {
        let path = saved(&rpm(
            &[
                (tags::CHANGELOG_TIME, Value::Int32((0..30).rev().collect())),
                (tags::CHANGELOG_NAME, Value::Texts(vec!["a"; 30])),
                (tags::CHANGELOG_TEXT, Value::Texts(vec!["t"; 30])),
            ],
            &[],
            b"",
        ));
        let dates = |changelog| {
            let (package, _) = read_for_listing(&path, &ReadOptions { changelog, ..ReadOptions::default() }).unwrap();
            package.changelog.iter().map(|entry| entry.date).collect::<Vec<u64>>()
        };
        assert_eq!(dates(None), (0..30).rev().collect::<Vec<u64>>());
        assert_eq!(dates(Some(3)), [29, 28, 27]);
        assert_eq!(dates(Some(0)), [0u64; 0]);
        assert_eq!(dates(Some(99)).len(), 30);
        assert_eq!(read(&path).unwrap().0.changelog.len(), 10);
    }
}
