//! Where in a TOML text does a value stand? Reading text into types, each error with line and column.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::error::{Error, Place};
use crate::model::Blake3;

/// A TOML text and the file it came from.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    text: String,
}

/// What stands at a place of the text.
#[derive(Debug, Default)]
struct Found {
    /// Keys from the root, array indexes as numbers.
    path: Vec<String>,
    /// Whether the value is a table.
    is_table: bool,
}

impl Document {
    /// Reads a file of at most `limit` bytes.
    pub(super) fn read(path: &Path, limit: u64) -> Result<Self, Error> {
        let bytes = read_limited(path, limit)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
            let document = Self { path: path.to_owned(), text: before };
            Error::NotUtf8 { at: document.at(valid) }
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Returns the directory that relative paths of this file begin at.
    pub(super) fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Returns what the text is known by.
    pub(super) fn digest(&self) -> Blake3 {
        Blake3::of(self.text.as_bytes())
    }

    /// Reads the text into a type.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let table = DeTable::parse(&self.text)
            .map_err(|error| Error::Syntax { at: self.at(start(&error)), why: one_line(error.message()) })?;
        T::deserialize(toml::de::Deserializer::from(table)).map_err(|error| self.describe(&error))
    }

    /// Returns where the dotted `key` stands, or the nearest key around it; `None` if nothing does.
    pub(super) fn place_of(&self, key: &str) -> Option<Place> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut table = table.get_ref();
        let mut found = None;
        let mut segments = key.split('.').peekable();
        while let Some(segment) = segments.next() {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == segment) else { break };
            found = Some(name.span().start);
            let mut value = value;
            while let Some(element) = segments.peek().and_then(|next| element(value.get_ref(), next)) {
                segments.next();
                found = Some(element.span().start);
                value = element;
            }
            let Some(inner) = value.get_ref().as_table() else { break };
            table = inner;
        }
        found.map(|offset| self.at(offset))
    }

    /// Returns the error about the value of the dotted `key`.
    pub(super) fn refuse(&self, key: &str, why: impl Into<String>) -> Error {
        let at = self.place_of(key).unwrap_or_else(|| self.at(0));
        Error::BadValue { at, key: shown_key(&key.split('.').map(str::to_owned).collect::<Vec<_>>()), why: why.into() }
    }

    /// Returns the error about the part of a value that stands at `span`.
    pub(super) fn refuse_at(&self, span: Range<usize>, key: &str, why: impl Into<String>) -> Error {
        Error::BadValue { at: self.at(span.start), key: key.to_owned(), why: why.into() }
    }

    fn describe(&self, error: &toml::de::Error) -> Error {
        let found = self.what_stands_at(error.span());
        let at = self.at(start(error));
        let Some(valid) = unknown_field(error.message()) else {
            let key = shown_key(&found.path);
            return Error::BadValue { at, why: reason(&key, error.message()), key };
        };
        let name = found.path.last().map_or("", String::as_str);
        let parent = &found.path[..found.path.len().saturating_sub(1)];
        let (what, nearest) = if parent.is_empty() && found.is_table {
            (format!("section [{}]", short(name)), nearest(name, &valid).map(|name| format!("[{name}]")))
        } else {
            (format!("key {:?}{}", short(name), section(parent)), nearest(name, &valid).map(|name| format!("{name:?}")))
        };
        Error::UnknownKey { at, what, nearest }
    }

    fn what_stands_at(&self, span: Option<Range<usize>>) -> Found {
        let (Some(span), Ok(table)) = (span, DeTable::parse(&self.text)) else { return Found::default() };
        find_in_table(table.get_ref(), &span, &mut vec![]).unwrap_or_default()
    }

    /// Returns the place of a byte offset.
    fn at(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        Place::File { path: self.path.clone(), line, column }
    }
}

/// Reads a file of at most `limit` bytes; never more than one byte beyond.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn element<'a, 'i>(value: &'a DeValue<'i>, index: &str) -> Option<&'a toml::Spanned<DeValue<'i>>> {
    value.as_array()?.get(index.parse::<usize>().ok()?)
}

fn find_in_table(table: &DeTable<'_>, span: &Range<usize>, path: &mut Vec<String>) -> Option<Found> {
    for (key, value) in table.iter() {
        path.push(key.get_ref().to_string());
        if key.span() == *span {
            return Some(Found { path: path.clone(), is_table: value.get_ref().is_table() });
        }
        if let Some(found) = find_in_value(value, span, path) {
            return Some(found);
        }
        path.pop();
    }
    None
}

fn find_in_value(value: &toml::Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Vec<String>) -> Option<Found> {
    if let Some(table) = value.get_ref().as_table()
        && let Some(found) = find_in_table(table, span, path)
    {
        return Some(found);
    }
    for (index, element) in value.get_ref().as_array().into_iter().flatten().enumerate() {
        path.push(index.to_string());
        if let Some(found) = find_in_value(element, span, path) {
            return Some(found);
        }
        path.pop();
    }
    let inside = value.span() == *span || (value.span().contains(&span.start) && !value.span().is_empty());
    inside.then(|| Found { path: path.clone(), is_table: value.get_ref().is_table() })
}

/// Returns the valid names, if this is serde's message about an unknown field.
///
/// The wording is that of `serde::de::Error::unknown_field`; the tests of this room hold it.
pub(super) fn unknown_field(message: &str) -> Option<Vec<String>> {
    let message = message.strip_prefix("unknown field `")?;
    let valid = message.rsplit_once("expected ").map_or("", |(_, valid)| valid);
    Some(valid.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Returns the valid name that `name` was probably meant to be.
pub(super) fn nearest(name: &str, valid: &[String]) -> Option<String> {
    if name.len() > 100 {
        return None;
    }
    let distance = |other: &String| strsim::damerau_levenshtein(&name.to_lowercase(), other);
    let best = valid.iter().min_by_key(|other| distance(other))?;
    (distance(best) <= 1 + name.chars().count() / 4).then(|| best.clone())
}

/// Returns the reason to show: never with the value of a key that may hold a secret.
pub(super) fn reason(key: &str, message: &str) -> String {
    const SECRET: [&str; 3] = ["http.tokens", "state.url", "bus.url"];
    if SECRET.contains(&key) && message.starts_with("invalid ") {
        let expected = message.rsplit_once("expected ").map_or("another type", |(_, expected)| expected);
        return format!("expected {}", short(expected));
    }
    one_line(message)
}

/// Returns a message on one line and of bounded length.
pub(super) fn one_line(message: &str) -> String {
    let line: String = message.chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim_end().to_owned()
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}

/// Returns the key as shown to the reader: without the indexes of arrays.
pub(super) fn shown_key(path: &[String]) -> String {
    let names: Vec<_> = path.iter().filter(|name| name.parse::<usize>().is_err()).map(|name| short(name)).collect();
    if names.is_empty() { "top level".to_owned() } else { names.join(".") }
}

/// Returns ` in [repos]`, ` in [[follow]]`, or nothing at the top.
fn section(parent: &[String]) -> String {
    match parent {
        [] => String::new(),
        [name, index] if index.parse::<usize>().is_ok() => format!(" in [[{}]]", short(name)),
        _ => format!(" in [{}]", shown_key(parent)),
    }
}
