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
            Piece::Front(_) => return,
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

/// Checks what the file promises of its main header; returns the first promise that is not kept. The payload was not
/// read.
///
/// The header must be promised by SHA-256 or SHA-1.
pub(super) fn check_front(parts: &Parts, digests: Digests) -> Result<(), Error> {
    let signature = &parts.signature;
    let sha256 = check_hex(signature, sig::SHA256, Promise::HeaderSha256, &digests.header_sha256.finalize())?;
    let sha1 = check_hex(signature, sig::SHA1, Promise::HeaderSha1, &digests.header_sha1.finalize())?;
    if sha256 || sha1 { Ok(()) } else { Err(Error::Unpromised(Part::Header)) }
}

/// Returns how many bytes main header and payload have, as the signature header promises.
pub(super) fn size(signature: &Header) -> Result<Option<u64>, Error> {
    for tag in [sig::LONG_SIZE, sig::SIZE] {
        if let Some(size) = signature.number(tag)? {
            return Ok(Some(size));
        }
    }
    Ok(None)
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

#[cfg(test)]
mod tests {
    use super::super::read_verified;
    use super::super::testing::{Value, header, joined, main_header, rpm, saved};
    use super::*;

    const PAYLOAD: &[u8] = b"payload";

    fn refusal(bytes: &[u8]) -> String {
        read_verified(&saved(bytes)).unwrap_err().to_string()
    }

    #[test]
    fn each_promise_is_held_against_the_file() {
        let hex = || Value::Bytes(vec![b'0'; 64]);
        for (main, signature, broken) in [
            (None, Some((sig::SHA256, hex())), "SHA-256 of the header"),
            (None, Some((sig::SHA1, Value::Text("00"))), "SHA-1 of the header"),
            (None, Some((sig::MD5, Value::Bin(vec![0; 16]))), "MD5 of header and payload"),
            (None, Some((sig::SIZE, Value::Int32(vec![1]))), "size of header and payload"),
            (None, Some((sig::LONG_SIZE, Value::Int64(vec![1]))), "size of header and payload"),
            (Some((tags::PAYLOAD_DIGEST, hex())), None, "SHA-256 of the payload"),
        ] {
            let (main, signature): (Vec<_>, Vec<_>) = (main.into_iter().collect(), signature.into_iter().collect());
            let error = refusal(&rpm(&main, &signature, PAYLOAD));
            assert_eq!(error, format!("the file does not keep its promise: {broken} differs"));
        }
    }

    #[test]
    fn a_payload_cut_short_or_changed_is_found() {
        let whole = rpm(&[], &[], PAYLOAD);
        assert!(read_verified(&saved(&whole)).is_ok());
        assert!(refusal(&whole[..whole.len() - 1]).contains("size of header and payload"));
        assert!(refusal(&[&whole[..], b"x"].concat()).contains("size of header and payload"));
        let last = whole.len() - 1;
        assert!(refusal(&[&whole[..last], b"x"].concat()).contains("SHA-256 of the payload"));
    }

    #[test]
    fn a_file_that_promises_nothing_is_refused() {
        let main = main_header(&[], PAYLOAD);
        let size = |tag| (tag, Value::Int32(vec![(main.len() + PAYLOAD.len()) as u32]));
        let bare = joined(&header(tags::HEADER_SIGNATURES, &[size(sig::SIZE)]), &main, PAYLOAD);
        assert_eq!(refusal(&bare), "the file promises no digest of its main header");

        let main = header(tags::HEADER_IMMUTABLE, &[(tags::NAME, Value::Text("name"))]);
        let digest: String = Sha256::digest(&main).iter().map(|byte| format!("{byte:02x}")).collect();
        let signature = header(tags::HEADER_SIGNATURES, &[(sig::SHA256, Value::Bytes(digest.into_bytes()))]);
        assert_eq!(refusal(&joined(&signature, &main, PAYLOAD)), "the file promises no digest of its payload");
    }

    #[test]
    fn a_payload_digest_of_another_kind_is_refused() {
        let error = refusal(&rpm(&[(tags::PAYLOAD_DIGEST_ALGO, Value::Int32(vec![10]))], &[], PAYLOAD));
        assert_eq!(error, "tag 5093 of the main header names a digest that is not SHA-256");
    }
}
