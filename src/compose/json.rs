//! How does productmd write JSON? As Python does: four spaces, keys sorted, ASCII only.
//!
//! Keys are sorted by who calls: maps are `BTreeMap`, fields of structs stand in that order.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{Formatter, PrettyFormatter};

/// Returns the bytes that `json.dump(value, indent=4)` writes.
///
/// # Panics
/// Never, as long as the keys of maps are strings.
pub(super) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Python(PrettyFormatter::with_indent(b"    ")));
    value.serialize(&mut serializer).expect("writing strings and numbers to memory does not fail");
    bytes
}

struct Python(PrettyFormatter<'static>);

impl Formatter for Python {
    /// Writes text that needs no escape in JSON, but does in Python's: all that is not ASCII.
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                writer.write_all(&[c as u8])?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_python_escapes_it() {
        let text = String::from_utf8(to_bytes(&["a\"\\/\n\u{7f}ä\u{1f333}\u{1}"])).unwrap();
        assert_eq!(text, "[\n    \"a\\\"\\\\/\\n\\u007f\\u00e4\\ud83c\\udf33\\u0001\"\n]");
    }

    #[test]
    fn empty_maps_and_lists_take_one_line() {
        let value = serde_json::json!({"a": {}, "b": [], "c": null});
        assert_eq!(to_bytes(&value), b"{\n    \"a\": {},\n    \"b\": [],\n    \"c\": null\n}");
    }
}
