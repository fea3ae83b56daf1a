//! What stands in a member of a row? Its value, or an error that names the call and the member.

use serde_json::{Map, Value};

use super::super::error::Error;

/// Returns the error for an answer of another shape than it has to have.
pub(in super::super) fn shape(method: &'static str, field: &str, found: &str) -> Error {
    Error::Shape { method, field: field.to_owned(), found: found.to_owned() }
}

/// Says what a value is, for errors.
pub(super) fn kind(value: Option<&Value>) -> String {
    match value {
        None => "missing".to_owned(),
        Some(Value::Null) => "nil".to_owned(),
        Some(Value::Array(_)) => "an array".to_owned(),
        Some(Value::Object(_)) => "a struct".to_owned(),
        Some(Value::String(text)) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Some(other) => other.to_string(),
    }
}

/// Returns the elements of an array.
pub(super) fn array(method: &'static str, field: &str, value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(values) => Ok(values),
        other => Err(shape(method, field, &kind(Some(&other)))),
    }
}

/// A row, taken apart by the names of its members.
pub(super) struct Row {
    method: &'static str,
    members: Map<String, Value>,
}

impl Row {
    /// Returns the row that a value is; `what` names it.
    pub(super) fn of(method: &'static str, what: &str, value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(members) => Ok(Self { method, members }),
            other => Err(shape(method, what, &kind(Some(&other)))),
        }
    }

    pub(super) fn method(&self) -> &'static str {
        self.method
    }

    /// Returns the error for a member.
    pub(super) fn wrong(&self, name: &str, found: Option<&Value>) -> Error {
        shape(self.method, name, &kind(found))
    }

    /// Takes a member out; nil is none.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// Takes out all members that are left.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.members
    }

    fn required<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, Error> {
        let value = self.members.remove(name);
        value.as_ref().and_then(read).ok_or_else(|| self.wrong(name, value.as_ref()))
    }

    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| self.wrong(name, Some(&value)))
    }

    pub(super) fn int(&mut self, name: &str) -> Result<i64, Error> {
        self.required(name, Value::as_i64)
    }

    pub(super) fn int_or_nil(&mut self, name: &str) -> Result<Option<i64>, Error> {
        self.optional(name, Value::as_i64)
    }

    /// Returns a time that is given in seconds, in microseconds.
    pub(super) fn micros_or_nil(&mut self, name: &str) -> Result<Option<i64>, Error> {
        Ok(self.optional(name, Value::as_f64)?.map(|seconds| (seconds * 1e6).round() as i64))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Error> {
        self.required(name, Value::as_bool)
    }

    /// Returns a flag that older hubs do not have: off where it is missing.
    pub(super) fn flag_or_off(&mut self, name: &str) -> Result<bool, Error> {
        Ok(self.optional(name, Value::as_bool)?.unwrap_or_default())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, Error> {
        match self.members.remove(name) {
            Some(Value::String(text)) => Ok(text),
            other => Err(self.wrong(name, other.as_ref())),
        }
    }

    pub(super) fn text_or_nil(&mut self, name: &str) -> Result<Option<String>, Error> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            other => Err(self.wrong(name, other.as_ref())),
        }
    }

    /// Returns the words of a text, none where it is missing.
    pub(super) fn words(&mut self, name: &str) -> Result<Vec<String>, Error> {
        let text = self.text_or_nil(name)?.unwrap_or_default();
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Returns a time, given in seconds with a fraction, in microseconds after 1970.
    pub(super) fn micros(&mut self, name: &str) -> Result<i64, Error> {
        self.required(name, |value| Some((value.as_f64()? * 1e6).round() as i64))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        Row::of("getTag", "the tag", value).unwrap()
    }

    #[test]
    fn what_decides_has_to_be_there_and_says_what_is_instead() {
        for (value, said) in [
            (json!({}), "getTag: id of the answer is missing"),
            (json!({ "id": null }), "getTag: id of the answer is nil"),
            (json!({ "id": "7" }), "getTag: id of the answer is \"7\""),
            (json!({ "id": [7] }), "getTag: id of the answer is an array"),
        ] {
            assert_eq!(row(value).int("id").unwrap_err().to_string(), said);
        }
        let error = Row::of("getTag", "the tag", json!([])).err().unwrap();
        assert_eq!(error.to_string(), "getTag: the tag of the answer is an array");
    }

    #[test]
    fn what_may_be_missing_still_has_its_type() {
        let mut row = row(json!({ "epoch": null, "arches": " a  b ", "draft": 3, "ts": 1795226436.523096 }));
        assert_eq!(row.int_or_nil("epoch").unwrap(), None);
        assert_eq!(row.int_or_nil("nothing").unwrap(), None);
        assert_eq!(row.words("arches").unwrap(), ["a", "b"]);
        assert!(row.flag_or_off("draft").is_err());
        assert!(!row.flag_or_off("draft").unwrap());
        assert_eq!(row.micros("ts").unwrap(), 1_795_226_436_523_096);
    }
}
