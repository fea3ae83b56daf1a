//! Which key made an OpenPGP signature? The issuer that the packet names (RFC 4880, RFC 9580).
//!
//! Verifies nothing: whoever makes a packet writes any issuer into it.

use std::borrow::Cow;

use super::error::Error;
use super::header::Header;
use super::tags::{self, sig};
use crate::model::Sigkey;

/// The tag number of signature packets.
const SIGNATURE_PACKET: u8 = 2;
/// The tag number of public keys.
const PUBLIC_KEY_PACKET: u8 = 6;
/// Subpacket with the 8 bytes of a key id.
const ISSUER: u8 = 16;
/// Subpacket with the version of the key and its whole fingerprint.
const ISSUER_FINGERPRINT: u8 = 33;
/// Longest base64 text that is decoded: of a file of keys. The largest post-quantum signatures take 80 kB.
const LONGEST_BASE64: usize = 2 << 20;

/// Returns the key that signed the package, `None` for an unsigned one.
///
/// A signature of the main header reaches the payload only by the digest that the header holds of
/// it; without one it is as good as none. The older kind signs header and payload together.
pub(super) fn sigkey(signature: &Header, header: &Header) -> Result<Option<Sigkey>, Error> {
    if let Some(first) = of_header(signature, header)?.next() {
        let (tag, packet) = first?;
        return issuer(&packet).map(Some).map_err(|why| Error::BadSignature { tag, why });
    }
    for tag in [sig::PGP, sig::GPG] {
        if let Some(packet) = signature.binary(tag)? {
            return issuer(packet).map(Some).map_err(|why| Error::BadSignature { tag, why });
        }
    }
    Ok(None)
}

/// A signature packet, and the tag it stands in.
type Packet<'a> = (u32, Cow<'a, [u8]>);

/// Returns the signature packets of the main header with their tags; none where they would not reach the payload.
pub(super) fn of_header<'a>(
    signature: &'a Header,
    header: &Header,
) -> Result<impl Iterator<Item = Result<Packet<'a>, Error>>, Error> {
    let reach_payload = header.has(tags::PAYLOAD_DIGEST);
    let mut packets = Vec::new();
    for tag in [sig::RSA, sig::DSA] {
        packets.extend(signature.binary(tag)?.map(|packet| Ok((tag, packet.into()))));
    }
    let tag = sig::OPENPGP;
    let texts = signature.strings(tag)?.into_iter().flatten();
    let decoded = texts.map(move |text| match base64(text) {
        Some(packet) => Ok((tag, packet.into())),
        None => Err(Error::BadSignature { tag, why: "is not base64" }),
    });
    Ok(packets.into_iter().chain(decoded).filter(move |_| reach_payload))
}

/// Returns whether these bytes are one whole signature packet that names its key, and nothing else.
pub(super) fn is_one_signature(bytes: &[u8]) -> bool {
    issuer(bytes).is_ok()
}

/// Returns the short id of the key that the one signature packet in `bytes` names.
fn issuer(bytes: &[u8]) -> Result<Sigkey, &'static str> {
    let body = packet_body(bytes).ok_or("is not one whole signature packet")?;
    let id = match body.first() {
        Some(3) => body.get(7..15).ok_or("ends too early")?,
        Some(4) => issuer_in_areas(body, 2).ok_or("names no key")?,
        Some(6) => issuer_in_areas(body, 4).ok_or("names no key")?,
        _ => return Err("has an unknown version"),
    };
    let text: String = id[id.len().saturating_sub(4)..].iter().map(|byte| format!("{byte:02x}")).collect();
    text.parse().map_err(|_| "names no key")
}

/// Returns the body of a signature packet that fills `bytes` to the end.
fn packet_body(bytes: &[u8]) -> Option<&[u8]> {
    let (tag, body, rest) = packet(bytes)?;
    (tag == SIGNATURE_PACKET && rest.is_empty()).then_some(body)
}

/// Returns whether these are whole packets, the first of them a public key.
pub(super) fn are_keys(mut bytes: &[u8]) -> bool {
    let begins_with_key = packet(bytes).is_some_and(|(tag, ..)| tag == PUBLIC_KEY_PACKET);
    while let Some((_, _, rest)) = packet(bytes) {
        bytes = rest;
    }
    begins_with_key && bytes.is_empty()
}

/// Returns the tag and the body of the first packet, and what follows it.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    let (tag, length, body) = match head {
        0xC0.. => {
            let (length, body) = new_length(rest)?;
            (head & 0x3F, length, body)
        }
        0x80.. => {
            let width = match head & 3 {
                0 => 1,
                1 => 2,
                2 => 4,
                _ => return None,
            };
            let (raw, body) = rest.split_at_checked(width)?;
            (head >> 2 & 0x0F, number(raw), body)
        }
        _ => return None,
    };
    let (body, rest) = body.split_at_checked(length)?;
    Some((tag, body, rest))
}

/// Reads a length of one, two or five bytes, as new packets and all subpackets have it; the
/// partial lengths of streamed data do not occur in signatures.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=191 => Some((usize::from(first), rest)),
        192..=223 => {
            let (&second, rest) = rest.split_first()?;
            Some((two_bytes(first, second), rest))
        }
        255 => rest.split_at_checked(4).map(|(raw, rest)| (number(raw), rest)),
        224..=254 => None,
    }
}

/// Returns the key id named in the hashed, else in the unhashed area of a version 4 or 6 signature,
/// the areas' lengths being numbers of `width` bytes.
fn issuer_in_areas(body: &[u8], width: usize) -> Option<&[u8]> {
    let (raw, rest) = body.get(4..)?.split_at_checked(width)?;
    let (hashed, rest) = rest.split_at_checked(number(raw))?;
    let (raw, rest) = rest.split_at_checked(width)?;
    let (unhashed, _) = rest.split_at_checked(number(raw))?;
    issuer_in(hashed).or_else(|| issuer_in(unhashed))
}

fn issuer_in(mut area: &[u8]) -> Option<&[u8]> {
    while !area.is_empty() {
        let (length, rest) = subpacket_length(area)?;
        let (packet, rest) = rest.split_at_checked(length)?;
        area = rest;
        match packet.split_first() {
            Some((kind, id)) if kind & 0x7F == ISSUER && id.len() == 8 => return Some(id),
            Some((kind, [4, fingerprint @ ..])) if kind & 0x7F == ISSUER_FINGERPRINT && fingerprint.len() == 20 => {
                return fingerprint.get(12..);
            }
            Some((kind, [6, fingerprint @ ..])) if kind & 0x7F == ISSUER_FINGERPRINT && fingerprint.len() == 32 => {
                return fingerprint.get(..8);
            }
            _ => {}
        }
    }
    None
}

/// Reads the length of a subpacket: as [`new_length`], but two bytes reach up to 254.
fn subpacket_length(area: &[u8]) -> Option<(usize, &[u8])> {
    match area {
        [first @ 224..=254, second, rest @ ..] => Some((two_bytes(*first, *second), rest)),
        _ => new_length(area),
    }
}

/// Returns the length that two bytes give, the first being 192 or more.
fn two_bytes(first: u8, second: u8) -> usize {
    (usize::from(first) - 192) * 256 + usize::from(second) + 192
}

fn number(raw: &[u8]) -> usize {
    raw.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// Decodes base64 with or without padding and line ends.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST_BASE64 {
        return None;
    }
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for byte in text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_ID: [u8; 8] = [1, 2, 3, 4, 0xAB, 0xCD, 0xEF, 0x12];

    fn old_packet(body: &[u8]) -> Vec<u8> {
        [&[0x88, body.len() as u8], body].concat()
    }

    fn v4(hashed: &[u8], unhashed: &[u8]) -> Vec<u8> {
        let lengths = |area: &[u8]| (area.len() as u16).to_be_bytes();
        old_packet(&[&[4, 0, 1, 8][..], &lengths(hashed), hashed, &lengths(unhashed), unhashed, &[9; 20]].concat())
    }

    fn shown(packet: &[u8]) -> Result<String, &'static str> {
        issuer(packet).map(|key| key.to_string())
    }

    #[test]
    fn every_version_of_signature_names_its_key() {
        let v3 = old_packet(&[&[3, 5, 0, 0, 0, 0, 0][..], &KEY_ID, &[1, 8, 0, 0]].concat());
        let by_id = [&[9, ISSUER][..], &KEY_ID].concat();
        let by_fingerprint = [&[22, ISSUER_FINGERPRINT | 0x80, 4][..], &[7; 12], &KEY_ID].concat();
        let v6_area = [&[34, ISSUER_FINGERPRINT, 6][..], &KEY_ID, &[7; 24]].concat();
        let length = (v6_area.len() as u32).to_be_bytes();
        let v6_body = [&[6, 0, 27, 8][..], &length, &v6_area, &[0; 4], &[9; 70]].concat();
        let v6 = [&[0xC2, v6_body.len() as u8][..], &v6_body].concat();
        for packet in [v3, v4(&by_id, &[]), v4(&[2, 27, 1], &by_id), v4(&by_fingerprint, &[]), v6] {
            assert_eq!(shown(&packet).as_deref(), Ok("abcdef12"), "{packet:?}");
        }
    }

    #[test]
    fn what_is_not_one_whole_signature_is_refused() {
        let good = v4(&[&[9, ISSUER][..], &KEY_ID].concat(), &[]);
        assert!(shown(&good[..good.len() - 1]).is_err());
        assert!(shown(&[&good[..], &good].concat()).is_err(), "a second packet behind the first");
        assert!(shown(&[]).is_err());
        assert_eq!(shown(&v4(&[2, 27, 1], &[])), Err("names no key"));
        assert_eq!(shown(&v4(&[200, 27, 1], &[])), Err("names no key"));
        assert_eq!(shown(&old_packet(&[5; 30])), Err("has an unknown version"));
        assert_eq!(shown(&old_packet(&[3, 5])), Err("ends too early"));
    }

    #[test]
    fn base64_is_decoded_or_refused() {
        assert_eq!(base64(b"aGVs\nbG8=").unwrap(), b"hello");
        assert_eq!(base64(b"+/8").unwrap(), [0xFB, 0xFF]);
        assert!(base64(b"a*").is_none());
    }
}
