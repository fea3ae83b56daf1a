//! What does an answer say? Its values one after another, so that one of any length needs little memory.

use std::io::{self, BufRead};

use serde_json::{Map, Number, Value};

use super::Error;
use super::tokens::{Token, Tokens, shortened};

/// What an answer may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole, uncompressed.
    pub bytes: u64,
    /// Bytes of all texts of one value that is given.
    pub value: u64,
    /// How deep values stand in values.
    pub depth: usize,
}

impl Default for Limits {
    /// The largest answers known, of 408,000 RPMs with signatures, are 956 MB.
    fn default() -> Self {
        Self { bytes: 8 << 30, value: 64 << 20, depth: 64 }
    }
}

/// Reads an answer. `each` is given the values that stand in `within` arrays, each with its places in these: the
/// whole value for 0, the elements of the array that the answer is for 1, those of the arrays in it for 2.
///
/// # Errors
/// It is a fault, cannot be read, is no answer, goes beyond a limit, or `each` refuses a value.
pub fn read<E: From<Error>>(
    input: impl BufRead,
    within: usize,
    limits: Limits,
    mut each: impl FnMut(&[usize], Value) -> Result<(), E>,
) -> Result<(), E> {
    let mut parser = Parser(Tokens::new(input, limits));
    parser.open("methodResponse")?;
    match parser.either("params", "fault")? {
        true => {
            parser.open("param")?;
            parser.open("value")?;
            parser.each(within, &mut Vec::new(), &mut each)?;
            parser.close("param")?;
            parser.close("params")?;
        }
        false => {
            parser.open("value")?;
            return Err(fault(&parser.value(0)?).into());
        }
    }
    parser.close("methodResponse")?;
    Ok(parser.end()?)
}

fn fault(value: &Value) -> Error {
    Error::Fault {
        code: value["faultCode"].as_i64().unwrap_or_default(),
        text: value["faultString"].as_str().unwrap_or_default().to_owned(),
    }
}

struct Parser<R>(Tokens<R>);

impl<R: BufRead> Parser<R> {
    /// Gives the values within the array that comes now, or the value itself; its start tag has been read.
    fn each<E: From<Error>>(
        &mut self,
        within: usize,
        places: &mut Vec<usize>,
        each: &mut impl FnMut(&[usize], Value) -> Result<(), E>,
    ) -> Result<(), E> {
        if within == 0 {
            self.0.begin_value();
            let value = self.value(places.len())?;
            return each(places, value);
        }
        self.open("array")?;
        self.open("data")?;
        let mut at = 0;
        while self.another("value", "data")? {
            places.push(at);
            self.each(within - 1, places, each)?;
            places.pop();
            at += 1;
        }
        self.close("array")?;
        Ok(self.close("value")?)
    }

    /// Returns the value whose start tag has been read, to its end tag.
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > self.0.limits.depth {
            return Err(Error::TooMuch { what: "values in each other", limit: self.0.limits.depth as u64 });
        }
        let kind = match self.0.next()? {
            Token::Open(kind) => kind,
            // Text without a type is a string.
            Token::Text(text) => {
                self.close("value")?;
                return Ok(text.into());
            }
            Token::Close(_) => return Ok(String::new().into()),
        };
        let value = match &*kind {
            "array" => self.array(depth)?,
            "struct" => self.members(depth)?,
            _ => {
                let text = self.text(&kind)?;
                self.scalar(&kind, text)?
            }
        };
        self.close("value")?;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        self.open("data")?;
        let mut values = Vec::new();
        while self.another("value", "data")? {
            values.push(self.value(depth + 1)?);
        }
        self.close("array")?;
        Ok(values.into())
    }

    fn members(&mut self, depth: usize) -> Result<Value, Error> {
        let mut members = Map::new();
        while self.another("member", "struct")? {
            self.open("name")?;
            let name = self.text("name")?;
            self.open("value")?;
            let value = self.value(depth + 1)?;
            self.close("member")?;
            members.insert(name, value);
        }
        Ok(members.into())
    }

    /// Returns what the text of an element that holds no others says. Bytes stay text in base64.
    fn scalar(&self, kind: &str, text: String) -> Result<Value, Error> {
        let number = || text.trim().parse::<i64>().ok().map(Value::from);
        let value = match kind {
            "string" | "dateTime.iso8601" => return Ok(text.into()),
            "int" | "i4" | "i8" => number(),
            "boolean" => number()
                .and_then(|number| number.as_i64())
                .filter(|bit| matches!(bit, 0 | 1))
                .map(|bit| (bit == 1).into()),
            "double" => text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number),
            "nil" => text.trim().is_empty().then_some(Value::Null),
            "base64" => Some(text.split_ascii_whitespace().collect::<String>().into()),
            _ => return Err(self.0.wrong(format!("values of the type {} are not known", shortened(kind)))),
        };
        value.ok_or_else(|| self.0.wrong(format!("{} is no {kind}", shortened(&text))))
    }

    /// Returns the text up to the end tag of the open element.
    fn text(&mut self, element: &str) -> Result<String, Error> {
        match self.0.next_text()? {
            Token::Text(text) => {
                self.close(element)?;
                Ok(text)
            }
            Token::Close(_) => Ok(String::new()),
            Token::Open(other) => Err(self.0.wrong(format!("there is <{}> in <{element}>", shortened(&other)))),
        }
    }

    fn open(&mut self, element: &str) -> Result<(), Error> {
        match self.0.next()? {
            Token::Open(found) if found == element => Ok(()),
            other => Err(self.0.unexpected(&format!("<{element}>"), &other)),
        }
    }

    fn close(&mut self, element: &str) -> Result<(), Error> {
        match self.0.next()? {
            Token::Close(found) if found == element => Ok(()),
            other => Err(self.0.unexpected(&format!("</{element}>"), &other)),
        }
    }

    /// Returns whether the one of two elements begins; otherwise the other does.
    fn either(&mut self, one: &str, other: &str) -> Result<bool, Error> {
        match self.0.next()? {
            Token::Open(found) if found == one || found == other => Ok(found == one),
            token => Err(self.0.unexpected(&format!("<{one}> or <{other}>"), &token)),
        }
    }

    /// Returns whether another element begins; otherwise the one around it has ended.
    fn another(&mut self, element: &str, around: &str) -> Result<bool, Error> {
        match self.0.next()? {
            Token::Open(found) if found == element => Ok(true),
            Token::Close(found) if found == around => Ok(false),
            token => Err(self.0.unexpected(&format!("<{element}> or </{around}>"), &token)),
        }
    }

    /// Checks that nothing comes behind the answer.
    fn end(&mut self) -> Result<(), Error> {
        match self.0.next() {
            Err(Error::Read(cause)) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error),
            Ok(token) => Err(self.0.unexpected("the end", &token)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole(answer: &str) -> Result<Value, Error> {
        let mut found = Value::Null;
        read(answer.as_bytes(), 0, Limits::default(), |_, value| {
            found = value;
            Ok::<_, Error>(())
        })?;
        Ok(found)
    }

    fn answer(value: &str) -> String {
        format!(
            "<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n{value}\n</param>\n</params>\n</methodResponse>\n"
        )
    }

    #[test]
    fn every_kind_of_value_is_read() {
        for (xml, value) in [
            ("<nil/>", Value::Null),
            ("<nil></nil>", Value::Null),
            ("<int>-7</int>", json!(-7)),
            ("<i8>5000000000</i8>", json!(5_000_000_000_u64)),
            ("<double>1795226436.523096</double>", json!(1795226436.523096)),
            ("<boolean>1</boolean>", json!(true)),
            ("<string></string>", json!("")),
            ("<string/>", json!("")),
            ("<string> a &lt;&#65;&amp;&#x42;\n </string>", json!(" a <A&B\n ")),
            ("plain &quot;text&quot;", json!("plain \"text\"")),
            ("", json!("")),
            ("<base64>\np4lk\nLKW0\n</base64>", json!("p4lkLKW0")),
            ("<array><data>\n</data></array>", json!([])),
            ("<struct>\n</struct>", json!({})),
            (
                "<struct><member>\n<name></name>\n<value><array><data>\n<value><int>1</int></value>\n\
                 <value><nil/></value></data></array></value>\n</member></struct>",
                json!({ "": [1, null] }),
            ),
        ] {
            assert_eq!(whole(&answer(&format!("<value>{xml}</value>"))).unwrap(), value, "{xml}");
        }
    }

    #[test]
    fn elements_of_arrays_are_given_one_by_one_with_their_places() {
        let array = |values: &[&str]| format!("<value><array><data>{}</data></array></value>", values.concat());
        let (one, two) = ("<value><int>1</int></value>", "<value><int>2</int></value>");
        let text = answer(&array(&[&array(&[one, two]), &array(&[]), &array(&[two])]));
        let mut found = Vec::new();
        read(text.as_bytes(), 2, Limits::default(), |places, value| {
            found.push((places.to_vec(), value));
            Ok::<_, Error>(())
        })
        .unwrap();
        assert_eq!(found, [(vec![0, 0], json!(1)), (vec![0, 1], json!(2)), (vec![2, 0], json!(2))]);
    }

    #[test]
    fn a_fault_tells_its_number_and_text() {
        let text = "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n\
                    <value><int>1004</int></value>\n</member>\n<member>\n<name>faultString</name>\n\
                    <value><string>not you</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n";
        assert_eq!(whole(text).unwrap_err().to_string(), "the hub says: not you (fault 1004)");
    }

    /// Calls and answers recorded from a real hub; two requests were made to be refused.
    #[test]
    fn what_a_hub_answered_is_read() {
        let samples = include_str!("../../../../tests/data/koji/xmlrpc.jsonl");
        let (mut answered, mut faults, mut refused) = (0, 0, 0);
        for sample in samples.lines() {
            let sample: Value = serde_json::from_str(sample).unwrap();
            match whole(sample["reply"].as_str().unwrap()) {
                Ok(value) => {
                    answered += 1;
                    if sample["method"] == "multiCall" {
                        assert_eq!((&value[0][0]["name"], &value[1]["faultCode"]), (&json!("f43"), &json!(1000)));
                    }
                }
                Err(Error::Fault { code, .. }) => {
                    faults += 1;
                    assert!([1000, 1004, 1019].contains(&code), "{sample}");
                }
                Err(_) => {
                    refused += 1;
                    assert_eq!(sample["status"], 400);
                }
            }
        }
        assert_eq!((answered, faults, refused), (27, 4, 2));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let good = answer("<value><array><data><value><int>1</int></value></data></array></value>");
        for end in 0..good.trim_end().len() {
            assert!(whole(&good[..end]).is_err(), "{end}");
        }
        for (bad, wrong) in [
            ("<html><body>Proxy Error</body></html>".to_owned(), "<methodResponse> was to come"),
            (answer("<value><int>1e3</int></value>"), "1e3 is no int"),
            (answer("<value><boolean>2</boolean></value>"), "2 is no boolean"),
            (answer("<value><money>2</money></value>"), "the type money"),
            (answer("<value><int>1</int>x</value>"), "</value> was to come"),
            (answer("<value>&bomb;</value>"), "an entity"),
            (format!("<!DOCTYPE x [<!ENTITY bomb \"x\">]>{good}"), "a document type"),
            (format!("{good}<x/>"), "the end was to come"),
        ] {
            let error = whole(&bad).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn an_answer_beyond_a_limit_is_refused() {
        let limits = Limits { bytes: 10_000, value: 1_000, depth: 8 };
        let refused = |text: &str| read(text.as_bytes(), 0, limits, |_, _| Ok::<_, Error>(())).unwrap_err().to_string();
        let text = |length: usize| answer(&format!("<value><string>{}</string></value>", "x".repeat(length)));
        assert_eq!(refused(&text(2_000)), "the answer has more than 1000 bytes in one value");
        let values = |count: usize| "<value><int>1</int></value>".repeat(count);
        let many = answer(&format!("<value><array><data>{}</data></array></value>", values(400)));
        assert_eq!(refused(&many), "the answer has more than 1000 bytes in one value");
        let error = read(many.as_bytes(), 1, limits, |_, _| Ok::<_, Error>(())).unwrap_err();
        assert_eq!(error.to_string(), "the answer has more than 10000 bytes");
        let deep =
            answer(&format!("{}<value/>{}", "<value><array><data>".repeat(9), "</data></array></value>".repeat(9)));
        assert_eq!(refused(&deep), "the answer has more than 8 values in each other");
    }
}
