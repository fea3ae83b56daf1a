//! Why can somebody's metadata not be read? Where it happened, and what is wrong there.

use std::{fmt, io};

/// A place in a metadata file, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{place}")]
pub struct Error {
    /// Where.
    pub place: Place,
    /// What.
    #[source]
    pub problem: Problem,
}

/// Where in somebody's metadata something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as its reader was told to call it.
    pub file: String,
    /// The package, as far as it was read: its NEVRA, else its `pkgid`.
    pub package: Option<String>,
    /// Byte of the uncompressed stream.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(package) = &self.package {
            write!(f, ", package {package}")?;
        }
        write!(f, ", byte {}", self.offset)
    }
}

/// What is wrong with somebody's metadata.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read, or does not decompress.
    #[error("the file cannot be read or decompressed")]
    Read(#[source] io::Error),
    /// Compressed in a way that is not read here.
    #[error("{0} is not a compression that is read here")]
    Compression(&'static str),
    /// A limit of [`super::Limits`] is passed.
    #[error("the limit of {limit} {what} is exceeded")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much would have passed.
        limit: u64,
    },
    /// The stream ends inside the document.
    #[error("the document ends before its root does")]
    Cut,
    /// Bytes that are not UTF-8, or a declaration of another encoding.
    #[error("the text is not UTF-8")]
    Encoding,
    /// A character that XML does not have.
    #[error("U+{0:04X} is no character of XML")]
    Character(u32),
    /// The document breaks a rule of XML.
    #[error("the document is not well-formed: {0}")]
    Form(&'static str),
    /// The document breaks a rule of XML, as its parser says.
    #[error("the document is not well-formed")]
    Xml(#[source] quick_xml::Error),
    /// A document type declaration, which could define entities.
    #[error("the document has a document type declaration")]
    Doctype,
    /// An entity beyond the five of XML.
    #[error("the entity {0:?} is not one of XML's own")]
    Entity(String),
    /// Another document than the one looked for.
    #[error("the root is not {0:?} of its namespace")]
    Root(&'static str),
    /// An element or attribute that every package has is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An element that a package has once is there again.
    #[error("{0} is there twice")]
    Repeated(&'static str),
    /// A value that is none of its kind.
    #[error("{field} is bad: {value:?}")]
    Value {
        /// The element or attribute.
        field: &'static str,
        /// What it holds, shortened.
        value: String,
    },
    /// The file lists the packages of the first in another order.
    #[error("the package is out of order: {expected} is next in the first file")]
    Order {
        /// `pkgid` that the first file has here.
        expected: String,
    },
    /// The file lacks a package of the first.
    #[error("the package is not listed, and the first file has it")]
    Absent,
    /// The file has a package that the first lacks.
    #[error("the package is not in the first file")]
    Surplus,
    /// One `pkgid` twice in one file, with other content.
    #[error("the package is there twice, and the two differ")]
    Duplicate,
    /// The files name the same digest and another package.
    #[error("{field} is not what the first file says")]
    Differs {
        /// What differs.
        field: &'static str,
    },
}

/// A limit that was passed while bytes were produced, on its way through [`io::Error`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the limit of {limit} {what} is exceeded")]
pub(super) struct Exceeded {
    pub(super) what: &'static str,
    pub(super) limit: u64,
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Exceeded>()) {
            Some(Exceeded { what, limit }) => Self::TooLarge { what, limit: *limit },
            None => Self::Read(error),
        }
    }
}

/// Returns the first characters of a text from outside.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
