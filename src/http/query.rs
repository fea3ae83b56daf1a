//! What does a request ask for in its query and path? Strict: what is not understood is an error.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use url::form_urlencoded;

use super::failure::Failure;
use crate::events::printable;
use crate::model::BadName;

/// The parameters of a query.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the text behind the `?`, of which every parameter must be one of `known`.
    pub(super) fn read(text: Option<&str>, known: &[&str]) -> Result<Self, Failure> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(bad(&name, "is no parameter of this path"));
            }
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(bad(&name, "is there twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// Returns a parameter's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns a parameter that is a whole number within `range`.
    pub(super) fn number(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Failure> {
        self.text(name).map(|text| number(name, text, range)).transpose()
    }

    /// Returns how many items are asked for, 1 to 1000; 100 where nothing is said.
    pub(super) fn limit(&self) -> Result<i64, Failure> {
        Ok(self.number("limit", 1..=1000)?.unwrap_or(100))
    }
}

/// Reads a whole number that was given under `name`.
pub(super) fn number(name: &str, text: &str, range: RangeInclusive<i64>) -> Result<i64, Failure> {
    let parsed = text.parse().ok().filter(|number| range.contains(number));
    let why = || format!("is not a whole number from {} to {}", range.start(), range.end());
    parsed.ok_or_else(|| bad(name, &why()))
}

/// Says that the parameter or header `name` is not understood.
pub(super) fn bad(name: &str, why: &str) -> Failure {
    Failure::BadQuery { name: printable(name), why: why.to_owned() }
}

/// Reads the name in a path. One that nothing can have is as absent as one that nothing has.
pub(super) fn name<T: FromStr<Err = BadName>>(path: Result<Path<String>, PathRejection>) -> Result<T, Failure> {
    let Ok(Path(text)) = path else { return Err(Failure::NoSuchPath) };
    parsed(&text)
}

/// Reads one of several names in a path.
pub(super) fn parsed<T: FromStr<Err = BadName>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: BadName| Failure::BadName(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        let query = Query::read(Some(text), &["after", "limit"]);
        query.and_then(|query| query.limit()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert_eq!(why("limit=0"), "limit: is not a whole number from 1 to 1000");
        assert_eq!(why("limit=1001&after=3"), "limit: is not a whole number from 1 to 1000");
        assert_eq!(why("limit=99999999999999999999"), "limit: is not a whole number from 1 to 1000");
        assert_eq!(why("limit="), "limit: is not a whole number from 1 to 1000");
        assert_eq!(why("limti=5"), "limti: is no parameter of this path");
        assert_eq!(why("limit=5&limit=6"), "limit: is there twice");
        assert_eq!(why("a%0Ab=5"), "a\\nb: is no parameter of this path");
        assert_eq!(Query::read(None, &[]).unwrap().limit().unwrap(), 100);
    }
}
