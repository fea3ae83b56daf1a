//! What do environment and command line change, and who set which value?

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::document::{Document, nearest, reason, shown_key, unknown_field};
use super::error::{Error, Place};

/// What the variables of this room begin with.
const PREFIX: &str = "TANNERY_";

/// Variables with our prefix that are no options: `TANNERY_CONFIG` names the file itself.
const NO_OPTIONS: [&str; 1] = ["TANNERY_CONFIG"];

/// What the command line sets, in its order: a later one wins, all win over environment and file.
#[derive(Debug, Clone, Default)]
pub struct Overrides(Vec<Override>);

#[derive(Debug, Clone)]
struct Override {
    place: Place,
    /// Dotted, `http.bind`.
    key: String,
    value: Value,
}

impl Overrides {
    /// Returns overrides that set nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the string option `key` (`http.bind`) to `value` as it stands, because of `flag` (`--bind`).
    pub fn text(&mut self, flag: &str, key: &str, value: &str) {
        let value = Value::String(value.to_owned());
        self.0.push(Override { place: Place::Flag(flag.to_owned()), key: key.to_owned(), value });
    }

    /// Sets any option: `value` is a TOML value if it reads as one, else a string.
    pub fn value(&mut self, flag: &str, key: &str, value: &str) {
        let place = Place::Flag(flag.to_owned());
        self.0.push(Override { place, key: key.to_owned(), value: read_value(value) });
    }

    /// Returns the environment's overrides, sorted by name, with these after them.
    fn after_environment(&self, env: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<Override>, Error> {
        let mut all = Vec::new();
        for (name, value) in env {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
            if NO_OPTIONS.contains(&name) {
                continue;
            }
            let place = Place::Variable(name.to_owned());
            let value = value.to_str().ok_or_else(|| Error::NotUtf8 { at: place.clone() })?;
            let key = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
            all.push(Override { place, key, value: read_value(value) });
        }
        all.sort_by(|a, b| a.key.cmp(&b.key));
        all.extend(self.0.iter().cloned());
        Ok(all)
    }
}

fn read_value(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Which source set which key: for errors, and for what relative paths begin at.
#[derive(Debug, Default)]
pub(super) struct Sources {
    document: Option<Document>,
    overrides: Vec<(String, Place)>,
}

impl Sources {
    /// Returns the place that set `key`, or the section around it.
    pub(super) fn place(&self, key: &str) -> Place {
        let sets = |set: &str| key.strip_prefix(set).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if let Some((_, place)) = self.overrides.iter().rev().find(|(set, _)| sets(set)) {
            return place.clone();
        }
        if let Some(place) = self.document.as_ref().and_then(|document| document.place_of(key)) {
            return place;
        }
        // A section may come from the environment alone; then the variable that opened it is the place.
        let section = key.split('.').next().unwrap_or(key);
        let inside = |set: &str| set.split('.').next() == Some(section);
        self.overrides.iter().find(|(set, _)| inside(set)).map_or(Place::Default, |(_, place)| place.clone())
    }

    /// Returns the error about a value.
    pub(super) fn refuse(&self, key: &str, why: impl Into<String>) -> Error {
        let path: Vec<_> = key.split('.').map(str::to_owned).collect();
        Error::BadValue { at: self.place(key), key: shown_key(&path), why: why.into() }
    }

    /// Returns the absolute path of what `key` names: relative to the file if the file says so, else
    /// to the working directory.
    pub(super) fn path(&self, key: &str, path: &Path) -> Result<PathBuf, Error> {
        let dir = match (self.place(key), &self.document) {
            (Place::File { .. }, Some(document)) => document.dir(),
            _ => Path::new(""),
        };
        std::path::absolute(dir.join(path)).map_err(|error| self.refuse(key, error.to_string()))
    }
}

/// Reads file, environment and flags, in this order, into a type of which every field has a default.
pub(super) fn read<T: DeserializeOwned>(
    document: Option<Document>,
    flags: &Overrides,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(T, Sources), Error> {
    let (mut value, mut table) = match &document {
        Some(document) => (document.parse()?, document.parse()?),
        None => (from_table(Table::new(), None)?, Table::new()),
    };
    let mut sources = Sources { document, overrides: vec![] };
    // One after another: what was right before and is wrong after is this one's fault.
    for change in flags.after_environment(env)? {
        insert(&mut table, &change)?;
        value = from_table(table.clone(), Some(&change))?;
        sources.overrides.push((change.key, change.place));
    }
    Ok((value, sources))
}

fn insert(table: &mut Table, change: &Override) -> Result<(), Error> {
    let mut table = table;
    let mut segments: Vec<&str> = change.key.split('.').collect();
    let last = segments.pop().unwrap_or_default();
    for segment in segments {
        let inner = table.entry(segment).or_insert_with(|| Value::Table(Table::new()));
        table = inner.as_table_mut().ok_or_else(|| Error::BadValue {
            at: change.place.clone(),
            key: change.key.clone(),
            why: format!("{segment} is not a section"),
        })?;
    }
    table.insert(last.to_owned(), change.value.clone());
    Ok(())
}

fn from_table<T: DeserializeOwned>(table: Table, change: Option<&Override>) -> Result<T, Error> {
    table.try_into().map_err(|error: toml::de::Error| {
        let (at, key) = change.map_or((Place::Default, ""), |change| (change.place.clone(), change.key.as_str()));
        let Some(valid) = unknown_field(error.message()) else {
            return Error::BadValue { at, key: key.to_owned(), why: reason(key, error.message()) };
        };
        let wrong = wrong_segment(key, error.message());
        let nearest = nearest(wrong, &valid).map(|right| {
            let meant = key.split('.').map(|part| if part == wrong { &right } else { part }).collect::<Vec<_>>();
            match at {
                Place::Variable(_) => format!("{PREFIX}{}", meant.join("__").to_ascii_uppercase()),
                _ => format!("{:?}", meant.join(".")),
            }
        });
        Error::UnknownKey { at, what: format!("key {key:?}"), nearest }
    })
}

/// Returns the part of the key that serde's message complains about.
fn wrong_segment<'a>(key: &'a str, message: &str) -> &'a str {
    let named = message.split('`').nth(1).unwrap_or_default();
    key.split('.').find(|part| *part == named).unwrap_or(key)
}
