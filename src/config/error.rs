//! Where in which source is what wrong? The errors of this room, each with its place.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file; line and column count from 1, columns in characters.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// In the environment variable of this name.
    Variable(String),
    /// In the command line's flag of this name, dashes included.
    Flag(String),
    /// Nowhere: the value is the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
            Self::Default => f.write_str("configuration"),
        }
    }
}

/// Why a configuration or a compose definition is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not there, or may not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is larger than any sensible one; it was not read further.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The text is not UTF-8.
    #[error("{at}: not UTF-8 text")]
    NotUtf8 {
        /// The first byte that is not, or the variable.
        at: Place,
    },
    /// The text is not TOML, or has a key twice.
    #[error("{at}: {why}")]
    Syntax {
        /// Where.
        at: Place,
        /// What the parser said.
        why: String,
    },
    /// A key or a section that does not exist.
    #[error("{at}: unknown {what}{}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// Where.
        at: Place,
        /// The key and its section, or the section, as shown to the reader.
        what: String,
        /// The valid name that is nearest, if one is near.
        nearest: Option<String>,
    },
    /// A value that its key does not take, or values that do not go together.
    #[error("{at}: {key}: {why}")]
    BadValue {
        /// Where.
        at: Place,
        /// The key with its section, `http.bind`.
        key: String,
        /// What is wrong and what would be right.
        why: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}
