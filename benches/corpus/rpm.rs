//! What are the bytes of an RPM file of format 4? Lead, signature header with digests, header, payload.
//!
//! Knows the form only; `package.rs` says what is in it.

use sha2::{Digest, Sha256};

const REGION_SIGNATURES: u32 = 62;
const REGION_IMMUTABLE: u32 = 63;
const SIGNATURE_SHA256: u32 = 273;
const SIGNATURE_SIZE: u32 = 1000;
const SIGNATURE_PAYLOAD_SIZE: u32 = 1007;

/// A header in the making. Tags come in ascending order, as librpm wants them.
pub struct Header {
    lines: Vec<[u32; 4]>,
    data: Vec<u8>,
}

impl Header {
    /// Starts an empty header.
    pub fn new() -> Self {
        Self { lines: vec![[0; 4]], data: Vec::new() }
    }

    /// Adds a text.
    pub fn text(&mut self, tag: u32, text: &str) {
        self.line(tag, 6, 1, 1);
        self.data.extend(text.bytes().chain([0]));
    }

    /// Adds a text that can be translated, in the C locale only.
    pub fn translated(&mut self, tag: u32, text: &str) {
        self.line(tag, 9, 1, 1);
        self.data.extend(text.bytes().chain([0]));
    }

    /// Adds a list of texts; nothing where it is empty.
    pub fn texts<T: AsRef<str>>(&mut self, tag: u32, texts: impl ExactSizeIterator<Item = T>) {
        if texts.len() == 0 {
            return;
        }
        self.line(tag, 8, texts.len(), 1);
        for text in texts {
            self.data.extend(text.as_ref().bytes().chain([0]));
        }
    }

    /// Adds 16-bit numbers; nothing where there are none.
    pub fn numbers16(&mut self, tag: u32, numbers: impl ExactSizeIterator<Item = u16>) {
        if numbers.len() == 0 {
            return;
        }
        self.line(tag, 3, numbers.len(), 2);
        self.data.extend(numbers.flat_map(u16::to_be_bytes));
    }

    /// Adds 32-bit numbers; nothing where there are none.
    pub fn numbers32(&mut self, tag: u32, numbers: impl ExactSizeIterator<Item = u32>) {
        if numbers.len() == 0 {
            return;
        }
        self.line(tag, 4, numbers.len(), 4);
        self.data.extend(numbers.flat_map(u32::to_be_bytes));
    }

    fn line(&mut self, tag: u32, kind: u32, count: usize, alignment: usize) {
        debug_assert!(self.lines.last().is_some_and(|last| last[0] < tag), "tag {tag} is out of order");
        self.data.resize(self.data.len().next_multiple_of(alignment), 0);
        self.lines.push([tag, kind, self.data.len() as u32, count as u32]);
    }

    /// Returns the header's bytes, all of it in the region `region`.
    fn finish(mut self, region: u32) -> Vec<u8> {
        self.lines[0] = [region, 7, self.data.len() as u32, 16];
        let back = (self.lines.len() as u32 * 16).wrapping_neg();
        self.data.extend([region, 7, back, 16].iter().flat_map(|number| number.to_be_bytes()));
        let mut bytes = vec![0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0];
        bytes.extend((self.lines.len() as u32).to_be_bytes());
        bytes.extend((self.data.len() as u32).to_be_bytes());
        bytes.extend(self.lines.iter().flatten().flat_map(|number| number.to_be_bytes()));
        bytes.extend(self.data);
        bytes
    }
}

/// Returns a whole file; `name` is the name-version-release of the lead.
pub fn file(name: &str, source: bool, header: Header, payload: &[u8], unpacked: u32) -> Vec<u8> {
    let header = header.finish(REGION_IMMUTABLE);
    let mut signature = Header::new();
    signature.text(SIGNATURE_SHA256, &hex_digest(&header));
    signature.numbers32(SIGNATURE_SIZE, [(header.len() + payload.len()) as u32].into_iter());
    signature.numbers32(SIGNATURE_PAYLOAD_SIZE, [unpacked].into_iter());
    let mut signature = signature.finish(REGION_SIGNATURES);
    signature.resize(signature.len().next_multiple_of(8), 0);
    [&lead(name, source)[..], &signature, &header, payload].concat()
}

/// Returns the 96 bytes that once told everything and now only mark the file.
fn lead(name: &str, source: bool) -> Vec<u8> {
    let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, u8::from(source), 0, 1];
    lead.extend(name.bytes().take(65));
    lead.resize(76, 0);
    lead.extend([0, 1, 0, 5]);
    lead.resize(96, 0);
    lead
}

/// Returns the SHA-256 in hex digits.
pub fn hex_digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
