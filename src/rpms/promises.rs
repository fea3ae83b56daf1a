//! Does an RPM file hold what it promises of itself? Compares digests and sizes, verifies no signature.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::error::{Error, Part, Promise};
use super::file::{Parts, Piece};
use super::header::Header;
use super::tags::{self, sig};

/// The number of SHA-256 among OpenPGP's digest algorithms.
const SHA256: u64 = 8;

/// Digests of what files promise digests of, in the making.
#[derive(Default)]
pub(super) struct Digests {
    header_sha256: Sha256,
    header_sha1: Sha1,
    payload_sha256: Sha256,
    /// Of main header and payload.
    md5: Md5,
    /// Bytes of main header and payload.
    size: u64,
}

impl Digests {
    /// Takes in the next piece of the file.
    pub(super) fn update(&mut self, piece: &Piece<'_>) {
        let bytes = match piece {
            Piece::Header(bytes) => {
                self.header_sha256.update(bytes);
                self.header_sha1.update(bytes);
                bytes
            }
            Piece::Payload(bytes) => {
                self.payload_sha256.update(bytes);
                bytes
            }
        };
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
    }
}

/// Checks every promise of the file; returns the first that is not kept.
///
/// The main header must be promised by SHA-256, SHA-1 or MD5, the payload by SHA-256 or MD5.
pub(super) fn check(parts: &Parts, digests: Digests) -> Result<(), Error> {
    let (signature, header) = (&parts.signature, &parts.header);
    check_size(signature, digests.size)?;
    let sha256 = check_hex(signature, sig::SHA256, Promise::HeaderSha256, &digests.header_sha256.finalize())?;
    let sha1 = check_hex(signature, sig::SHA1, Promise::HeaderSha1, &digests.header_sha1.finalize())?;
    let payload = check_payload(header, &digests.payload_sha256.finalize())?;
    let md5_found = digests.md5.finalize();
    let md5 = match signature.binary(sig::MD5)? {
        Some(promised) if promised != md5_found.as_slice() => return Err(Error::Broken(Promise::Md5)),
        promised => promised.is_some(),
    };
    if !(sha256 || sha1 || md5) {
        return Err(Error::Unpromised(Part::Header));
    }
    if !(payload || md5) {
        return Err(Error::Unpromised(Part::Payload));
    }
    Ok(())
}

fn check_size(signature: &Header, size: u64) -> Result<(), Error> {
    for tag in [sig::SIZE, sig::LONG_SIZE] {
        if signature.number(tag)?.is_some_and(|promised| promised != size) {
            return Err(Error::Broken(Promise::Size));
        }
    }
    Ok(())
}

/// Returns whether the payload is promised by its own digest.
fn check_payload(header: &Header, digest: &[u8]) -> Result<bool, Error> {
    if !header.has(tags::PAYLOAD_DIGEST) {
        return Ok(false);
    }
    if header.number(tags::PAYLOAD_DIGEST_ALGO)?.unwrap_or(SHA256) != SHA256 {
        return Err(header.bad(tags::PAYLOAD_DIGEST_ALGO, "names a digest that is not SHA-256"));
    }
    check_hex(header, tags::PAYLOAD_DIGEST, Promise::PayloadSha256, digest)
}

/// Returns whether the digest is promised at all, in hex digits.
fn check_hex(header: &Header, tag: u32, promise: Promise, digest: &[u8]) -> Result<bool, Error> {
    let Some(promised) = header.string(tag)? else { return Ok(false) };
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if !promised.eq_ignore_ascii_case(hex.as_bytes()) {
        return Err(Error::Broken(promise));
    }
    Ok(true)
}
