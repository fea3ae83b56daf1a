//! Why can a message never be understood? The reasons, as types, texts and stable codes.

use crate::model::BadName;

/// Why a message can never be understood. The texts show names and places, never whole bodies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Longer than the limit. Not read any further.
    #[error("the {what} is {size} bytes long, {limit} are allowed")]
    TooLarge {
        /// What is too long: `body`, `headers`, `topic`.
        what: &'static str,
        /// Its length in bytes.
        size: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// Not text in UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Objects and arrays in one another beyond the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The deepest allowed.
        limit: usize,
    },
    /// Not JSON (NaN and numbers that no double can hold included).
    #[error("not JSON at line {line}, column {column}: {why}")]
    NotJson {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's words.
        why: String,
    },
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field without which the message says nothing is absent or null.
    #[error("the field {field} is missing")]
    MissingField {
        /// Its name, with the names of the objects around it.
        field: String,
    },
    /// A field holds something of another kind.
    #[error("the field {field} is not {expected}")]
    WrongType {
        /// Its name, with the names of the objects around it.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A field holds a name that is not let in.
    #[error("the field {field} holds no valid name")]
    BadName {
        /// Its name, with the names of the objects around it.
        field: String,
        /// What is wrong with it.
        #[source]
        source: BadName,
    },
    /// The header `sent-at` is not a time.
    #[error("the header sent-at is not a time: {shown}")]
    BadSentAt {
        /// What it holds, shortened.
        shown: String,
    },
}

impl Undecodable {
    /// Returns a stable word for the reason, for counters and filters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::TooDeep { .. } => "too_deep",
            Self::NotJson { .. } => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField { .. } => "missing_field",
            Self::WrongType { .. } => "wrong_type",
            Self::BadName { .. } => "bad_name",
            Self::BadSentAt { .. } => "bad_sent_at",
        }
    }

    /// Returns the reason of a body of which only the beginning was kept.
    pub fn too_large(size: u64, limits: &super::Limits) -> Self {
        Self::TooLarge { what: "body", size, limit: limits.body as u64 }
    }
}

impl From<serde_json::Error> for Undecodable {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        // The place stands in fields of its own.
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        Self::NotJson { line: error.line(), column: error.column(), why: super::printable(why) }
    }
}
