//! How does the fake hub read and write XML-RPC? Plainly, in memory, by code of its own.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// Reads `<methodCall>`: the method, the arguments by place, and those by name.
pub fn read_call(text: &str) -> Option<(String, Vec<Value>, Map<String, Value>)> {
    let mut rest = Text(text);
    rest.skip_to("<methodName>")?;
    let method = rest.up_to("</methodName>")?.trim().to_owned();
    let mut arguments = Vec::new();
    while rest.skip_to("<param>").is_some() {
        arguments.push(rest.value()?);
    }
    let named = split_named(&mut arguments);
    Some((method, arguments, named))
}

/// Takes the named arguments off those by place: a last struct that says so.
pub fn split_named(arguments: &mut Vec<Value>) -> Map<String, Value> {
    match arguments.last() {
        Some(Value::Object(last)) if last.get("__starstar") == Some(&Value::Bool(true)) => {
            let Some(Value::Object(mut named)) = arguments.pop() else { unreachable!() };
            named.remove("__starstar");
            named
        }
        _ => Map::new(),
    }
}

/// Reads the value of a `<methodResponse>`: that of a fault too.
pub fn read_answer(text: &str) -> Option<Value> {
    let mut rest = Text(text);
    rest.skip_to("<value>")?;
    rest.0 = &text[text.find("<value>")?..];
    rest.value()
}

/// Returns the answer that has a value.
pub fn answer(value: &Value) -> String {
    let mut text = String::from("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n");
    write(value, &mut text);
    text.push_str("</param>\n</params>\n</methodResponse>\n");
    text
}

/// Returns the answer that is a fault.
pub fn fault(code: i64, says: &str) -> String {
    let value = serde_json::json!({ "faultCode": code, "faultString": says });
    let mut text = String::from("<?xml version='1.0'?>\n<methodResponse>\n<fault>\n");
    write(&value, &mut text);
    text.push_str("</fault>\n</methodResponse>\n");
    text
}

fn write(value: &Value, text: &mut String) {
    let written = match value {
        Value::Null => write!(text, "<value><nil/></value>"),
        Value::Bool(bit) => writeln!(text, "<value><boolean>{}</boolean></value>", u8::from(*bit)),
        Value::Number(number) => match number.as_i64() {
            Some(int) if int.abs() < 1 << 31 => writeln!(text, "<value><int>{int}</int></value>"),
            Some(int) => writeln!(text, "<value><i8>{int}</i8></value>"),
            None => writeln!(text, "<value><double>{}</double></value>", number.as_f64().unwrap()),
        },
        Value::String(string) => writeln!(text, "<value><string>{}</string></value>", escaped(string)),
        Value::Array(values) => {
            text.push_str("<value><array><data>\n");
            values.iter().for_each(|value| write(value, text));
            writeln!(text, "</data></array></value>")
        }
        Value::Object(members) => {
            text.push_str("<value><struct>\n");
            for (name, value) in members {
                text.push_str("<member>\n<name>");
                text.push_str(&escaped(name));
                text.push_str("</name>\n");
                write(value, text);
                text.push_str("</member>\n");
            }
            writeln!(text, "</struct></value>")
        }
    };
    written.unwrap();
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").into()
}

fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&amp;", "&")
}

/// What is still to be read.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn skip_to(&mut self, what: &str) -> Option<()> {
        self.up_to(what).map(|_| ())
    }

    fn up_to(&mut self, what: &str) -> Option<&'a str> {
        let (before, behind) = self.0.split_once(what)?;
        self.0 = behind;
        Some(before)
    }

    /// Takes a tag if it is next, blanks before it left out.
    fn takes(&mut self, tag: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(tag);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Value> {
        self.skip_to("<value>")?;
        if self.takes("</value>") {
            return Some("".into());
        }
        if !self.0.trim_start().starts_with('<') {
            return Some(unescaped(self.up_to("</value>")?).into());
        }
        let value = self.typed()?;
        self.skip_to("</value>")?;
        Some(value)
    }

    fn typed(&mut self) -> Option<Value> {
        self.skip_to("<")?;
        let kind = self.up_to(">")?;
        let value = match kind {
            "nil/" => return Some(Value::Null),
            "string/" => return Some("".into()),
            "array" => {
                let mut values = Vec::new();
                if !self.takes("<data/>") {
                    self.skip_to("<data>")?;
                    while !self.takes("</data>") {
                        values.push(self.value()?);
                    }
                }
                values.into()
            }
            "struct" => {
                let mut members = Map::new();
                while !self.takes("</struct>") {
                    self.skip_to("<name>")?;
                    let name = unescaped(self.up_to("</name>")?);
                    members.insert(name, self.value()?);
                    self.skip_to("</member>")?;
                }
                return Some(members.into());
            }
            _ => {
                let text = self.up_to("</")?;
                self.0 = &self.0[self.0.find('>')? + 1..];
                return scalar(kind, text);
            }
        };
        Some(value)
    }
}

fn scalar(kind: &str, text: &str) -> Option<Value> {
    match kind {
        "string" | "base64" => Some(unescaped(text).into()),
        "boolean" => Some((text == "1").into()),
        "double" => Some(Value::Number(Number::from_f64(text.parse().ok()?)?)),
        _ => Some(text.parse::<i64>().ok()?.into()),
    }
}
