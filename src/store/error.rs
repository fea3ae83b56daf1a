//! What can go wrong with kept state, and may waiting help?
//!
//! Errors of the databases' drivers end here: other rooms see only these.

use std::path::Path;

use sqlx::error::ErrorKind;
use sqlx::migrate::MigrateError;

/// What can go wrong with kept state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, busy or full.
    #[error("the database did not carry out a statement")]
    Sql(#[source] sqlx::Error),
    /// The database will never take the statement: a value that the column cannot hold, a row that is
    /// there already.
    #[error("the database refuses a statement")]
    Refused(#[source] sqlx::Error),
    /// The database cannot be opened: it is away, is none, or its schema cannot be brought up to date.
    #[error("cannot open the database {place}")]
    Open {
        /// The file, or the name and the server; never a password.
        place: String,
        /// The cause, of sqlx.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A newer version has changed the schema.
    #[error("the database has schema {version}, which this version does not know: a newer one has used it")]
    Newer {
        /// The first migration that is not known.
        version: i64,
    },
    /// A row holds what no version of ours writes.
    #[error("column {column} holds what it cannot hold: {why}")]
    Corrupt {
        /// Table and column.
        column: &'static str,
        /// What is wrong with the value.
        why: String,
    },
    /// A file could not be written or read.
    #[error("{doing} {path}")]
    File {
        /// What was tried, as a verb: "cannot write".
        doing: &'static str,
        /// The file or directory.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process holds the data directory.
    #[error("{path} is in use by another serve")]
    Locked {
        /// The lock file.
        path: String,
    },
}

impl Error {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::File { doing, path, source }
    }

    pub(super) fn open(place: &str) -> impl FnOnce(sqlx::Error) -> Self {
        let place = place.to_owned();
        move |source| Self::Open { place, source: source.into() }
    }

    pub(super) fn schema(place: String) -> impl FnOnce(MigrateError) -> Self {
        move |error| match error {
            MigrateError::VersionMissing(version) => Self::Newer { version },
            source => Self::Open { place, source: source.into() },
        }
    }

    /// Returns whether waiting may help: the disk is full, or the database is away.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Sql(_) | Self::Open { .. } | Self::File { .. })
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let refused = match &error {
            sqlx::Error::Database(database) => {
                // Class 22 of SQLSTATE: data exceptions, a NUL in a text among them.
                let is_data = database.code().is_some_and(|code| code.len() == 5 && code.starts_with("22"));
                is_data || !matches!(database.kind(), ErrorKind::Other)
            }
            sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => true,
            _ => false,
        };
        if refused { Self::Refused(error) } else { Self::Sql(error) }
    }
}
