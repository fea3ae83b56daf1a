//! How is text written into XML? As libxml2 writes it for createrepo_c.

use std::fmt::Write;

/// Appends `text` as the content of an element: UTF-8 as it is.
pub(super) fn push_text(out: &mut String, text: &str) {
    // Without branches this runs over many bytes at a time; nearly no text has any of these.
    if !text.bytes().fold(false, |any, byte| any | matches!(byte, b'&' | b'<' | b'>' | b'\r')) {
        return out.push_str(text);
    }
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'\r' => "&#13;",
            _ => continue,
        };
        out.push_str(&text[done..at]);
        out.push_str(escaped);
        done = at + 1;
    }
    out.push_str(&text[done..]);
}

/// Appends ` name="value"`: what is not ASCII, and blanks other than the space, as references.
pub(super) fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_value(out, value);
    out.push('"');
}

fn push_value(out: &mut String, value: &str) {
    let special = |byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\t' | b'\n' | b'\r' | 0x80..);
    if !value.bytes().fold(false, |any, byte| any | special(byte)) {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if c.is_ascii() => out.push(c),
            // Writing into a String does not fail.
            c => _ = write!(out, "&#x{:X};", u32::from(c)),
        }
    }
}

/// Appends `<name>text</name>` on a line of its own.
pub(super) fn push_element(out: &mut String, indent: &str, name: &str, text: &str) {
    out.push_str(indent);
    out.push('<');
    out.push_str(name);
    out.push('>');
    push_text(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped_as_libxml2_does() {
        for plain in ["", "plain", "blank 'quoted' \u{7f}"] {
            let (mut text, mut attribute) = (String::new(), String::new());
            push_text(&mut text, plain);
            push_attribute(&mut attribute, "a", plain);
            assert_eq!((text.as_str(), attribute), (plain, format!(" a=\"{plain}\"")));
        }
        let text = "a<b>&\"'\t\n\r\u{7f}\u{85}é😀]]>";
        let mut out = String::new();
        push_text(&mut out, text);
        assert_eq!(out, "a&lt;b&gt;&amp;\"'\t\n&#13;\u{7f}\u{85}é😀]]&gt;");
        out.clear();
        push_attribute(&mut out, "name", text);
        assert_eq!(out, " name=\"a&lt;b&gt;&amp;&quot;'&#9;&#10;&#13;\u{7f}&#x85;&#xE9;&#x1F600;]]&gt;\"");
    }
}
