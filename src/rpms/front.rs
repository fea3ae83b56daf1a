//! Is this the file that somebody else knows? Its headers alone, and the marks by which Koji tells forms apart.
//!
//! Enough to list a package whose digest is known from elsewhere; the payload is neither read nor judged.

use std::fs::File;
use std::path::Path;

use md5::{Digest, Md5};

use super::error::Error;
use super::file::{Parts, Piece, scan, scan_front};
use super::promises;
use super::tags::sig;
use super::verify::Signed;
use super::{FileDigesters, KEPT, content};
use crate::model::{FileFacts, Package};

/// What tells a file from all others of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// MD5 of the signature header with its padding, hex digits: one for each signature, Koji's `sighash`.
    pub sighash: String,
    /// MD5 of header and payload as the signature header promises it, hex digits: equal in all signed copies, Koji's
    /// `payloadhash`. `None` where it promises none.
    pub payloadhash: Option<String>,
}

/// What stands before the payload of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// What its headers say.
    pub package: Package,
    /// What tells it from others.
    pub marks: Marks,
    /// Bytes of the whole file, as it promises; `None` where it does not, as those of RPM 6.
    pub size: Option<u64>,
}

/// Marks in the making.
struct Marker {
    sighash: Md5,
    lead_is_over: bool,
}

impl Marker {
    fn new() -> Self {
        Self { sighash: Md5::new(), lead_is_over: false }
    }

    fn update(&mut self, piece: &Piece<'_>) {
        // The lead comes first, as one piece.
        if let Piece::Front(bytes) = piece
            && std::mem::replace(&mut self.lead_is_over, true)
        {
            self.sighash.update(bytes);
        }
    }

    fn finish(self, parts: &Parts) -> Result<Marks, Error> {
        let promised = parts.signature.binary(sig::MD5)?;
        Ok(Marks { sighash: hex(&self.sighash.finalize()), payloadhash: promised.map(hex) })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what the headers of an RPM say, after checking what is promised of the main header. `file` stands at its
/// beginning and may end anywhere behind the headers.
///
/// # Errors
/// As [`super::read`]; also where the main header is not the one that is promised, or nothing is promised of it.
pub fn read_front(file: File) -> Result<Front, Error> {
    let (mut marker, mut promised) = (Marker::new(), promises::Digests::default());
    let parts = scan_front(file, |piece| {
        marker.update(&piece);
        promised.update(&piece);
    })?;
    promises::check_front(&parts, promised)?;
    front(&parts, marker)
}

/// As [`read_front`], with what is signed of the file. Of a main header of which nothing is promised by itself, its
/// signature is the promise.
///
/// # Errors
/// As [`read_front`], but for a header that is not promised.
pub fn read_signed(file: File) -> Result<(Front, Signed), Error> {
    let (mut marker, mut promised) = (Marker::new(), promises::Digests::default());
    let mut header = Vec::new();
    let parts = scan_front(file, |piece| {
        marker.update(&piece);
        promised.update(&piece);
        if let Piece::Header(bytes) = piece {
            header.extend_from_slice(bytes);
        }
    })?;
    match promises::check_front(&parts, promised) {
        Err(Error::Unpromised(_)) => {}
        checked => checked?,
    }
    let signed = Signed::of(&parts, header)?;
    Ok((front(&parts, marker)?, signed))
}

fn front(parts: &Parts, marker: Marker) -> Result<Front, Error> {
    let size = promises::size(&parts.signature)?.map(|behind| parts.header_range.start.saturating_add(behind));
    Ok(Front { package: content::package(parts, KEPT)?, marks: marker.finish(parts)?, size })
}

/// As [`super::read_verified`], with what tells the file from others. `heard` is told how many bytes were read, each
/// time some were, and may take its time.
///
/// # Errors
/// As [`super::read_verified`].
pub fn read_whole(path: &Path, mut heard: impl FnMut(usize)) -> Result<(Package, FileFacts, Marks), Error> {
    let (mut marker, mut digests) = (Marker::new(), FileDigesters::default());
    let mut promised = promises::Digests::default();
    let parts = scan(path, |piece| {
        marker.update(&piece);
        digests.update(&piece);
        promised.update(&piece);
        let (Piece::Front(bytes) | Piece::Header(bytes) | Piece::Payload(bytes)) = piece;
        heard(bytes.len());
    })?;
    promises::check(&parts, promised)?;
    Ok((content::package(&parts, KEPT)?, digests.facts(&parts), marker.finish(&parts)?))
}

#[cfg(test)]
mod tests {
    use super::super::tags;
    use super::super::testing::{Value, rpm, saved};
    use super::*;

    fn front_of(bytes: &[u8]) -> Result<Front, Error> {
        read_front(File::open(saved(bytes)).unwrap())
    }

    #[test]
    fn the_front_says_what_the_whole_does_and_needs_no_payload() {
        let bytes = rpm(&[], &[], b"payload");
        let (package, facts, marks) = read_whole(&saved(&bytes), |_| {}).unwrap();
        let start = package.header_range.start as usize;
        assert_eq!(marks.sighash, hex(&Md5::digest(&bytes[96..start])));
        assert_eq!(marks.payloadhash, Some(hex(&Md5::digest(&bytes[start..]))));
        for end in [bytes.len(), package.header_range.end as usize] {
            let front = front_of(&bytes[..end]).unwrap();
            assert_eq!((&front.package, &front.marks, front.size), (&package, &marks, Some(facts.size)));
        }
        let cut = front_of(&bytes[..package.header_range.end as usize - 1]);
        assert!(matches!(cut, Err(Error::Truncated(super::super::Part::Header))));
    }

    #[test]
    fn a_header_that_is_not_the_promised_one_is_refused() {
        let lie = rpm(&[], &[(sig::SHA256, Value::Bytes(vec![b'0'; 64]))], b"payload");
        assert!(matches!(front_of(&lie), Err(Error::Broken(_))));
    }

    #[test]
    fn every_byte_is_told_of_once() {
        let bytes = rpm(&[(tags::SUMMARY, Value::I18n(vec!["long"]))], &[], &[7; 300_000]);
        let mut heard = 0;
        read_whole(&saved(&bytes), |some| heard += some).unwrap();
        assert_eq!(heard, bytes.len());
    }
}
