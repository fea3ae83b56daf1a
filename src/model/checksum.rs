//! Which checksums do repositories name files by? The algorithms, their names, and hashing with each.
//!
//! Opens nothing: bytes are given. Digests that we keep ourselves are [`Sha256`](super::Sha256) and
//! [`Blake3`](super::Blake3); this is for what metadata says.

use std::fmt;
use std::str::FromStr;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::name::BadName;

/// An algorithm that metadata names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumType {
    /// MD5, of the oldest repositories; only read.
    Md5,
    /// SHA-1, which old repositories also call `sha`; only read.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, what everybody writes.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ChecksumType {
    /// All of them, weakest first.
    pub const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the name that metadata has for it, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns whether new metadata may use it; MD5 and SHA-1 are broken, and createrepo_c 1.2.5
    /// refuses both too.
    pub fn is_writable(self) -> bool {
        !matches!(self, Self::Md5 | Self::Sha1)
    }

    /// Returns how many hex digits its digests have.
    pub fn hex_digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }

    /// Returns a hasher that was given nothing yet.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Md5 => State::Md5(Md5::new()),
            Self::Sha1 => State::Sha1(Sha1::new()),
            Self::Sha224 => State::Sha224(Sha224::new()),
            Self::Sha256 => State::Sha256(Sha256::new()),
            Self::Sha384 => State::Sha384(Sha384::new()),
            Self::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Returns the digest of `bytes`, as [`Hasher::finish`] writes it.
    pub fn hex_of(self, bytes: &[u8]) -> String {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl fmt::Display for ChecksumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChecksumType {
    type Err = BadName;

    /// Reads a name in any case; `sha` is SHA-1.
    fn from_str(text: &str) -> Result<Self, BadName> {
        if text.eq_ignore_ascii_case("sha") {
            return Ok(Self::Sha1);
        }
        let found = Self::ALL.into_iter().find(|known| text.eq_ignore_ascii_case(known.as_str()));
        found.ok_or_else(|| {
            BadName::new("checksum type", text, "is not one of md5, sha1, sha224, sha256, sha384, sha512")
        })
    }
}

/// A digest in the making, of bytes that come piece by piece.
#[derive(Debug, Clone)]
pub struct Hasher(State);

#[derive(Debug, Clone)]
enum State {
    Md5(Md5),
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Md5(state) => state.update(bytes),
            State::Sha1(state) => state.update(bytes),
            State::Sha224(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
            State::Sha384(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// Returns the digest as hex digits in lower case.
    pub fn finish(self) -> String {
        match self.0 {
            State::Md5(state) => hex(&state.finalize()),
            State::Sha1(state) => hex(&state.finalize()),
            State::Sha224(state) => hex(&state.finalize()),
            State::Sha256(state) => hex(&state.finalize()),
            State::Sha384(state) => hex(&state.finalize()),
            State::Sha512(state) => hex(&state.finalize()),
        }
    }
}

fn hex(digest: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_gives_its_published_digest_of_abc() {
        for (kind, digest) in [
            (ChecksumType::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (ChecksumType::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (ChecksumType::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (ChecksumType::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                ChecksumType::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                ChecksumType::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert_eq!(kind.hex_of(b"abc"), digest);
            assert_eq!(kind.hex_digits(), digest.len());
            let mut pieces = kind.hasher();
            pieces.update(b"a");
            pieces.update(b"bc");
            assert_eq!(pieces.finish(), digest);
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_unknown_ones_refused() {
        for kind in ChecksumType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(kind.as_str().to_uppercase().parse(), Ok(kind));
        }
        assert_eq!("sha".parse(), Ok(ChecksumType::Sha1));
        for bad in ["", "sha3", "sha-256", " sha256", "crc32"] {
            assert!(bad.parse::<ChecksumType>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn broken_types_are_not_written() {
        let writable: Vec<_> = ChecksumType::ALL.into_iter().filter(|kind| kind.is_writable()).collect();
        assert_eq!(
            writable.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" "),
            "sha224 sha256 sha384 sha512"
        );
    }
}
