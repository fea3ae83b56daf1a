//! What does an RPM file say, and does it hold what it promises?
//!
//! Reads the header only; the payload is hashed and never unpacked. Signatures are not verified
//! here: the key id that a copy carries is a claim until somebody does.
//!
//! The header is read by code of our own: librpm's rules for bounds, createrepo_c's for text (the
//! `rpm` crate panics on forged headers and replaces what is not UTF-8). Both entries are
//! synchronous and hash the whole file: call them where blocking is allowed.

mod content;
mod error;
mod file;
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

use std::path::Path;

pub use error::{Error, Part, Promise};
pub use metadata::{Library, Listed, MetadataError};

use crate::model::Package;

/// Returns what the RPM file at `path` says, with its digests; what it promises is not checked.
///
/// # Errors
/// The file cannot be read, is no RPM, is cut off inside its headers, has a header that breaks the
/// format or a limit, a name that is not let in, or text that XML cannot hold.
pub fn read(path: &Path) -> Result<Package, Error> {
    content::package(&file::scan(path, |_| {})?)
}

/// Returns what the RPM file at `path` says after checking what it promises: the digests of header
/// and payload, and their sizes. A file that promises no digest of both is refused.
///
/// Damage to the lead, and to bytes of the signature header that nothing else depends on, is beyond
/// what a file can promise of itself.
///
/// # Errors
/// As [`read`]; also the first promise that is not kept.
pub fn read_verified(path: &Path) -> Result<Package, Error> {
    let mut digests = promises::Digests::default();
    let parts = file::scan(path, |piece| digests.update(&piece))?;
    promises::check(&parts, digests)?;
    content::package(&parts)
}

#[cfg(test)]
mod tests {
    use super::testing::{Value, rpm, saved};
    use super::*;

    #[test]
    fn a_signed_copy_has_the_same_content() {
        let packet = [&[0x88, 15, 3, 5, 0, 0, 0, 0, 0][..], &[0, 0, 0, 0, 0xDE, 0xAD, 0xBE, 0xEF]].concat();
        let plain = read_verified(&saved(&rpm(&[], &[], b"payload"))).unwrap();
        let signed = read_verified(&saved(&rpm(&[], &[(tags::sig::RSA, Value::Bin(packet))], b"payload"))).unwrap();
        assert_eq!(plain.file.content, signed.file.content);
        assert_ne!(plain.file.sha256, signed.file.sha256);
        assert_eq!((plain.sigkey, signed.sigkey.unwrap().as_str()), (None, "deadbeef"));
    }
}
