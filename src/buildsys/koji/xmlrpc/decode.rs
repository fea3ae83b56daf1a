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
/// Returns how many elements the outermost array has, so that empty ones in it are known of too.
///
/// # Errors
/// It is a fault, cannot be read, is no answer, goes beyond a limit, or `each` refuses a value.
pub fn read<E: From<Error>>(
    input: impl BufRead,
    within: usize,
    limits: Limits,
    mut each: impl FnMut(&[usize], Value) -> Result<(), E>,
) -> Result<usize, E> {
    answer(input, limits, |parser| parser.each(within, &mut Vec::new(), &mut each))
}

/// Reads an answer that is a struct of arrays. `each` is given their elements, with the name of the member.
/// Returns the names of the members, those of empty arrays too.
///
/// # Errors
/// As [`read`].
pub fn read_members<E: From<Error>>(
    input: impl BufRead,
    limits: Limits,
    mut each: impl FnMut(&str, Value) -> Result<(), E>,
) -> Result<Vec<String>, E> {
    answer(input, limits, |parser| parser.each_of_members(&mut each))
}

fn answer<R: BufRead, T, E: From<Error>>(
    input: R,
    limits: Limits,
    value: impl FnOnce(&mut Parser<R>) -> Result<T, E>,
) -> Result<T, E> {
    let mut parser = Parser(Tokens::new(input, limits));
    parser.open("methodResponse")?;
    if !parser.either("params", "fault")? {
        parser.open("value")?;
        return Err(fault(&parser.value(0)?).into());
    }
    parser.open("param")?;
    parser.open("value")?;
    let found = value(&mut parser)?;
    parser.close("param")?;
    parser.close("params")?;
    parser.close("methodResponse")?;
    parser.end()?;
    Ok(found)
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
    ) -> Result<usize, E> {
        if within == 0 {
            self.0.begin_value();
            let value = self.value(places.len())?;
            each(places, value)?;
            return Ok(0);
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
        self.close("value")?;
        Ok(at)
    }

    /// As [`Parser::each`], of the arrays that are the members of the struct that comes now.
    fn each_of_members<E: From<Error>>(
        &mut self,
        each: &mut impl FnMut(&str, Value) -> Result<(), E>,
    ) -> Result<Vec<String>, E> {
        let mut names = Vec::new();
        self.open("struct")?;
        while self.another("member", "struct")? {
            self.open("name")?;
            let name = self.text("name")?;
            self.open("value")?;
            self.each(1, &mut Vec::new(), &mut |_: &[usize], value| each(&name, value))?;
            self.close("member")?;
            names.push(name);
        }
        self.close("value")?;
        Ok(names)
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
mod tests;
