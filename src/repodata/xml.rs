//! How is text written into XML? As libxml2 writes it for createrepo_c.

use std::fmt::Write;

/// Appends `text` as the content of an element: UTF-8 as it is.
pub(super) fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

/// Appends ` name="value"`: what is not ASCII, and blanks other than the space, as references.
pub(super) fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
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
            c => push_reference(out, c),
        }
    }
    out.push('"');
}

fn push_reference(out: &mut String, c: char) {
    // Writing into a String does not fail.
    let _ = write!(out, "&#x{:X};", u32::from(c));
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
        let text = "a<b>&\"'\t\n\r\u{7f}\u{85}é😀]]>";
        let mut out = String::new();
        push_text(&mut out, text);
        assert_eq!(out, "a&lt;b&gt;&amp;\"'\t\n&#13;\u{7f}\u{85}é😀]]&gt;");
        out.clear();
        push_attribute(&mut out, "name", text);
        assert_eq!(out, " name=\"a&lt;b&gt;&amp;&quot;'&#9;&#10;&#13;\u{7f}&#x85;&#xE9;&#x1F600;]]&gt;\"");
    }
}
