//! Where does an element end? Tags, comments and sections of raw XML, found without reading what they say.
//!
//! Sees that tags nest as they must; what stands in them is for the parser.

use memchr::{memchr, memchr3, memmem};

use super::error::Problem;
use super::limits::Limits;

/// A piece of markup in some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup<'a> {
    /// `<name …>` or, `empty`, `<name …/>`.
    Open { name: &'a [u8], empty: bool },
    /// `</name>`.
    Close { name: &'a [u8] },
    /// A comment or a processing instruction.
    Aside,
    /// `<![CDATA[…]]>`.
    Raw,
}

/// Returns the markup that `bytes` begin with, and its length; `None` where its end is not there yet.
pub(super) fn markup<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Option<(Markup<'a>, usize)>, Problem> {
    let found = match bytes {
        [b'<', b'/', ..] => memchr(b'>', bytes).map(|end| (Markup::Close { name: name(&bytes[2..end]) }, end + 1)),
        [b'<', b'?', ..] => memmem::find(bytes, b"?>").map(|end| (Markup::Aside, end + 2)),
        [b'<', b'!', ..] => special(bytes)?,
        _ => tag_end(bytes).map(|end| {
            let empty = bytes[end - 1] == b'/';
            let inside = &bytes[1..if empty { end - 1 } else { end }];
            (Markup::Open { name: name(inside), empty }, end + 1)
        }),
    };
    if found.map_or(bytes.len(), |(_, length)| length) > limits.tag_bytes {
        return Err(Problem::TooLarge { what: "bytes of one tag", limit: limits.tag_bytes as u64 });
    }
    if let Some((Markup::Open { name: b"", .. } | Markup::Close { name: b"" }, _)) = found {
        return Err(Problem::Form("a tag has no name"));
    }
    Ok(found)
}

fn special(bytes: &[u8]) -> Result<Option<(Markup<'_>, usize)>, Problem> {
    const COMMENT: &[u8] = b"<!--";
    const RAW: &[u8] = b"<![CDATA[";
    if bytes.starts_with(COMMENT) {
        let end = memmem::find(&bytes[COMMENT.len()..], b"-->");
        return Ok(end.map(|end| (Markup::Aside, COMMENT.len() + end + 3)));
    }
    if bytes.starts_with(RAW) {
        let end = memmem::find(&bytes[RAW.len()..], b"]]>");
        return Ok(end.map(|end| (Markup::Raw, RAW.len() + end + 3)));
    }
    if COMMENT.starts_with(bytes) || RAW.starts_with(bytes) {
        return Ok(None);
    }
    Err(Problem::Doctype)
}

/// Returns where the tag ends that `bytes` begin with: at the first `>` outside of quotes.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    // Nearly always the first `>`: whether it is in quotes is told by their number, if all are of a kind.
    let first = memchr(b'>', bytes)?;
    let (mut inside, mut has_others) = (0u8, 0u8);
    for byte in &bytes[..first] {
        inside ^= u8::from(*byte == b'"');
        has_others |= u8::from(*byte == b'\'');
    }
    if inside == 0 && has_others == 0 {
        return Some(first);
    }
    let mut at = 1;
    loop {
        at += memchr3(b'>', b'"', b'\'', &bytes[at.min(bytes.len())..])?;
        match bytes[at] {
            b'>' => return Some(at),
            quote => at += 2 + memchr(quote, &bytes[at + 1..])?,
        }
    }
}

/// Returns the name at the start of what stands in a tag.
fn name(inside: &[u8]) -> &[u8] {
    let end = inside.iter().position(u8::is_ascii_whitespace).unwrap_or(inside.len());
    &inside[..end]
}

/// How far an element has been scanned.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// First byte that was not looked at.
    at: usize,
    /// Where the names of the open elements begin and end.
    open: Vec<(usize, usize)>,
    /// Whether there are comments, instructions or raw sections, in which `&` and `<` mean nothing.
    pub(super) has_asides: bool,
}

impl Scan {
    /// Begins again with the element at the start of other bytes.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.open.clear();
        self.has_asides = false;
    }

    /// Returns how many bytes have been looked at.
    pub(super) fn seen(&self) -> usize {
        self.at
    }

    /// Returns the length of the element that `bytes` begin with; `None` where its end is not there
    /// yet: to be called again with more.
    pub(super) fn element(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Problem> {
        loop {
            let Some(text) = memchr(b'<', &bytes[self.at..]) else {
                self.at = bytes.len();
                return Ok(None);
            };
            self.at += text;
            let Some((found, length)) = markup(&bytes[self.at..], limits)? else { return Ok(None) };
            match found {
                Markup::Open { .. } if self.open.len() >= limits.depth => {
                    return Err(Problem::TooLarge { what: "elements inside each other", limit: limits.depth as u64 });
                }
                Markup::Open { empty: true, .. } => {}
                Markup::Open { name, .. } => self.open.push((self.at + 1, self.at + 1 + name.len())),
                Markup::Close { name } => {
                    let opened = self.open.pop().map(|(start, end)| &bytes[start..end]);
                    if opened != Some(name) {
                        return Err(Problem::Form("an end tag closes another element than the one that is open"));
                    }
                }
                Markup::Aside | Markup::Raw => self.has_asides = true,
            }
            self.at += length;
            if self.open.is_empty() {
                return Ok(Some(self.at));
            }
        }
    }
}

/// Returns the text of `bytes`, all of whose characters XML has.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::Encoding)?;
    let (has_control, is_ascii) = look(bytes);
    let has_unassigned =
        !is_ascii && [b"\xEF\xBF\xBE", b"\xEF\xBF\xBF"].iter().any(|c| memmem::find(bytes, *c).is_some());
    if has_control || has_unassigned {
        let bad = text.chars().find(|c| !is_character(*c)).unwrap_or_default();
        return Err(Problem::Character(u32::from(bad)));
    }
    Ok(text)
}

/// Returns whether there is a control character that XML has no place for, and whether all is ASCII.
/// Written so that the compiler makes it look at many bytes at once.
fn look(bytes: &[u8]) -> (bool, bool) {
    let (mut control, mut high) = (0, 0);
    for &byte in bytes {
        control |= u8::from(byte < 0x20) & u8::from(byte != b'\t') & u8::from(byte != b'\n') & u8::from(byte != b'\r');
        high |= byte;
    }
    (control != 0, high < 0x80)
}

/// Returns whether XML 1.0 has the character.
pub(super) fn is_character(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Checks that every `&` begins one of XML's own entities or a number of a character.
pub(super) fn references(text: &str) -> Result<(), Problem> {
    let mut rest = text;
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        rest = &rest[at + 1..];
        let end = memchr(b';', &rest.as_bytes()[..rest.len().min(12)]).ok_or(Problem::Form("an & begins no entity"))?;
        resolve(&rest[..end])?;
        rest = &rest[end + 1..];
    }
    Ok(())
}

/// Returns the character that stands for what is between `&` and `;`.
pub(super) fn resolve(entity: &str) -> Result<char, Problem> {
    let number = match entity {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => match (entity.strip_prefix("#x"), entity.strip_prefix('#')) {
            (Some(hex), _) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
            (None, Some(decimal)) if decimal.bytes().all(|byte| byte.is_ascii_digit()) => decimal.parse(),
            _ => return Err(Problem::Entity(super::error::shortened(entity))),
        },
    };
    let number = number.map_err(|_| Problem::Entity(super::error::shortened(entity)))?;
    char::from_u32(number).filter(|c| is_character(*c)).ok_or(Problem::Character(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(text: &str) -> Result<Option<usize>, Problem> {
        Scan::default().element(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn an_element_ends_where_its_own_end_tag_does() {
        for text in [
            "<a/>",
            "<a></a>",
            "<a b='>' c=\"/>\"><b/>x</a>",
            "<a><a></a></a >",
            "<a><!-- </a> --><![CDATA[</a>]]><?x </a> ?></a>",
            "<p:a\n b='1'></p:a>",
        ] {
            assert_eq!(element(&format!("{text}<a></a>")).unwrap(), Some(text.len()), "{text}");
            for cut in 0..text.len() {
                assert_eq!(element(&text[..cut]).unwrap(), None, "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn scanning_goes_on_where_it_had_to_stop() {
        let text = "<a b='x>'>text<!-- </a> -->&amp;<c d='1'/><![CDATA[<]]></a>";
        let mut scan = Scan::default();
        for end in 0..text.len() {
            assert_eq!(scan.element(&text.as_bytes()[..end], &Limits::default()).unwrap(), None);
        }
        assert_eq!(scan.element(text.as_bytes(), &Limits::default()).unwrap(), Some(text.len()));
        assert!(scan.has_asides);
    }

    #[test]
    fn wrong_nesting_and_declarations_are_refused() {
        for text in ["<a></b>", "<a><b></a></b>", "</a>", "<></>", "<a></ a>"] {
            assert!(matches!(element(text), Err(Problem::Form(_))), "{text}");
        }
        assert!(matches!(element("<a><!DOCTYPE x></a>"), Err(Problem::Doctype)));
        assert!(matches!(element("<a><!ENTITY x></a>"), Err(Problem::Doctype)));
        let deep = "<a>".repeat(17);
        assert!(matches!(element(&deep), Err(Problem::TooLarge { limit: 16, .. })));
    }

    #[test]
    fn a_tag_without_end_is_refused_before_it_is_all_read() {
        let limits = Limits { tag_bytes: 100, ..Limits::default() };
        for start in ["<a b='", "<!--", "<![CDATA[", "<?x ", "</a"] {
            let text = format!("<a>{start}{}", "x".repeat(100));
            let error = Scan::default().element(text.as_bytes(), &limits).unwrap_err();
            assert!(matches!(error, Problem::TooLarge { what: "bytes of one tag", .. }), "{start}");
        }
    }

    #[test]
    fn only_characters_of_xml_pass() {
        assert_eq!(text("a\t\n\r é\u{7f}\u{85}😀".as_bytes()).unwrap(), "a\t\n\r é\u{7f}\u{85}😀");
        for (bytes, character) in
            [(&b"a\x00"[..], 0), (b"\x0b", 0xb), (b"\x1b[", 0x1b), ("\u{ffff}".as_bytes(), 0xffff)]
        {
            assert!(matches!(text(bytes), Err(Problem::Character(found)) if found == character));
        }
        assert!(matches!(text(b"\xed\xa0\x80"), Err(Problem::Encoding)), "a surrogate");
        assert!(matches!(text(b"\xc0\xaf"), Err(Problem::Encoding)), "an overlong form");
    }

    #[test]
    fn only_the_five_entities_and_numbers_of_characters_pass() {
        assert!(references("a&lt;b&amp;&#10;&#x1F600;&quot;&apos;&gt;").is_ok());
        for text in
            ["&lol;", "&", "&amp", "&#;", "&#x;", "&#+1;", "&#xD800;", "&#0;", "&#27;", "&#xFFFF;", "&#99999999;"]
        {
            assert!(references(text).is_err(), "{text}");
        }
    }
}
