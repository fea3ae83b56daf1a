//! Which text do the bytes of a header mean, and can metadata hold it?

use super::error::Error;

/// Returns the text that `bytes` mean, by createrepo_c's rules: UTF-8 as it is; anything else is
/// Latin-1, of which 0x80 to 0xBF are dropped.
///
/// Refused is what XML cannot hold: control characters other than tab, line feed and carriage
/// return (as createrepo_c does), U+FFFE and U+FFFF (which it lets pass, so that libsolv refuses the
/// whole repository).
pub(super) fn decode(field: &'static str, bytes: Vec<u8>) -> Result<String, Error> {
    // Nearly all text is printable ASCII: one pass without branches tells.
    let is_plain = bytes.iter().fold(true, |all, byte| all & (0x20..0x80).contains(byte));
    if !is_plain
        && let Some(control) = bytes.iter().find(|byte| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r'))
    {
        return Err(Error::Text { field, character: u32::from(*control) });
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) if is_plain => return Ok(text),
        Ok(text) => text,
        Err(other) => {
            let bytes = other.into_bytes();
            return Ok(bytes.into_iter().filter(|byte| !(0x80..=0xBF).contains(byte)).map(char::from).collect());
        }
    };
    match text.chars().find(|c| matches!(c, '\u{FFFE}' | '\u{FFFF}')) {
        Some(bad) => Err(Error::Text { field, character: u32::from(bad) }),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_are_latin1_without_its_symbols() {
        for (bytes, text) in [
            (&b"plain\tand\r\n"[..], "plain\tand\r\n"),
            ("ünï→😀\u{7f}\u{85}".as_bytes(), "ünï→😀\u{7f}\u{85}"),
            (b"M\xfcller", "Müller"),
            (b"a\x80b\xbfc\xc0\xff", "abcÀÿ"),
            (b"\xed\xa0\x80", "í"),
            (b"\xc0\xaf", "À"),
            (b"\xf4\x90\x80\x80", "ô"),
            (b"caf\xc3\xa9 \xe9", "cafÃ é"),
        ] {
            assert_eq!(decode("summary", bytes.to_vec()).unwrap(), text, "{bytes:?}");
        }
    }

    #[test]
    fn what_xml_cannot_hold_is_refused_with_its_field() {
        for (bytes, shown) in [
            (&b"a\x00"[..], "U+0000"),
            (b"\x1b[0m", "U+001B"),
            (b"\x1f\xe9", "U+001F"),
            ("\u{FFFE}".as_bytes(), "U+FFFE"),
            ("x\u{FFFF}".as_bytes(), "U+FFFF"),
        ] {
            let error = decode("summary", bytes.to_vec()).unwrap_err().to_string();
            assert_eq!(error, format!("the summary holds the character {shown}, which metadata cannot hold"));
        }
    }
}
