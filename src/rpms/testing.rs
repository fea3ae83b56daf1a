//! What do tests read? RPM files made byte by byte, with any tag and any lie.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::TempPath;

use super::tags::{self, sig};

/// The value of a tag, under its type in the format.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Int16(Vec<u16>),
    Int32(Vec<u32>),
    Int64(Vec<u64>),
    Text(&'static str),
    /// A text that is made at run time, or is none.
    Bytes(Vec<u8>),
    Texts(Vec<&'static str>),
    I18n(Vec<&'static str>),
    Bin(Vec<u8>),
}

impl Value {
    /// Returns type, number of values, alignment and bytes.
    fn parts(&self) -> (u32, usize, usize, Vec<u8>) {
        let texts = |texts: &[&str]| texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        match self {
            Self::Int16(numbers) => (3, numbers.len(), 2, numbers.iter().flat_map(|n| n.to_be_bytes()).collect()),
            Self::Int32(numbers) => (4, numbers.len(), 4, numbers.iter().flat_map(|n| n.to_be_bytes()).collect()),
            Self::Int64(numbers) => (5, numbers.len(), 8, numbers.iter().flat_map(|n| n.to_be_bytes()).collect()),
            Self::Text(text) => (6, 1, 1, texts(&[text])),
            Self::Bytes(bytes) => (6, 1, 1, [bytes, &b"\0"[..]].concat()),
            Self::Bin(bytes) => (7, bytes.len(), 1, bytes.clone()),
            Self::Texts(list) => (8, list.len(), 1, texts(list)),
            Self::I18n(list) => (9, list.len(), 1, texts(list)),
        }
    }
}

/// One line of an index: tag, type, offset, count.
pub(super) type Line = [u32; 4];

/// Returns a header of these lines over these data, whatever they say.
pub(super) fn raw_header(lines: &[Line], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
    bytes.extend((lines.len() as u32).to_be_bytes());
    bytes.extend((data.len() as u32).to_be_bytes());
    bytes.extend(lines.iter().flatten().flat_map(|number| number.to_be_bytes()));
    bytes.extend(data);
    bytes
}

/// Returns a header of these tags, in this order, behind the region `region`.
pub(super) fn header(region: u32, all: &[(u32, Value)]) -> Vec<u8> {
    let (mut lines, mut data) = (vec![[region, 7, 0, 16]], Vec::new());
    for (tag, value) in all {
        let (kind, count, alignment, bytes) = value.parts();
        data.resize(data.len().next_multiple_of(alignment), 0);
        lines.push([*tag, kind, data.len() as u32, count as u32]);
        data.extend(bytes);
    }
    lines[0][2] = data.len() as u32;
    let back = (lines.len() as u32 * 16).wrapping_neg();
    data.extend([region, 7, back, 16].iter().flat_map(|number| number.to_be_bytes()));
    raw_header(&lines, &data)
}

/// Returns `usual` with the tags of `other` in place of or after its own.
fn overlaid(usual: Vec<(u32, Value)>, other: &[(u32, Value)]) -> Vec<(u32, Value)> {
    let kept = usual.into_iter().filter(|(tag, _)| !other.iter().any(|(own, _)| own == tag));
    kept.chain(other.iter().cloned()).collect()
}

/// Returns the lead, a signature header, a main header and a payload, joined.
pub(super) fn joined(signature: &[u8], main: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut lead = vec![0; 96];
    lead[..4].copy_from_slice(&[0xed, 0xab, 0xee, 0xdb]);
    let padding = vec![0; signature.len().next_multiple_of(8) - signature.len()];
    [&lead, signature, &padding, main, payload].concat()
}

/// Returns the main header of a package with `main` in place of or after its usual tags.
pub(super) fn main_header(main: &[(u32, Value)], payload: &[u8]) -> Vec<u8> {
    let usual = vec![
        (tags::NAME, Value::Text("name")),
        (tags::VERSION, Value::Text("1")),
        (tags::RELEASE, Value::Text("2")),
        (tags::ARCH, Value::Text("noarch")),
        (tags::SOURCE_RPM, Value::Text("name-1-2.src.rpm")),
        (tags::PAYLOAD_DIGEST, Value::Bytes(hex(&Sha256::digest(payload)))),
    ];
    header(tags::HEADER_IMMUTABLE, &overlaid(usual, main))
}

/// Returns an RPM file that keeps its promises, but for what `main` and `signature` put in place of
/// or after the usual tags.
pub(super) fn rpm(main: &[(u32, Value)], signature: &[(u32, Value)], payload: &[u8]) -> Vec<u8> {
    let main = main_header(main, payload);
    let content = [&main[..], payload].concat();
    let usual = vec![
        (sig::SHA1, Value::Bytes(hex(&Sha1::digest(&main)))),
        (sig::SHA256, Value::Bytes(hex(&Sha256::digest(&main)))),
        (sig::SIZE, Value::Int32(vec![content.len() as u32])),
        (sig::MD5, Value::Bin(Md5::digest(&content).to_vec())),
        (sig::PAYLOAD_SIZE, Value::Int32(vec![payload.len() as u32])),
    ];
    joined(&header(tags::HEADER_SIGNATURES, &overlaid(usual, signature)), &main, payload)
}

fn hex(digest: &[u8]) -> Vec<u8> {
    digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// Writes a file that is gone with the returned path.
pub(super) fn saved(bytes: &[u8]) -> TempPath {
    let file = tempfile::NamedTempFile::new().expect("the place for temporary files takes one");
    std::fs::write(file.path(), bytes).expect("a temporary file takes some bytes");
    file.into_temp_path()
}
