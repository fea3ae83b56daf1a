//! Why can metadata not be written or read?

use std::io;

/// What goes wrong with metadata.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stored fragments are damaged, or of another version of this program: render them again.
    #[error("the stored fragments of a package are unusable: {0}")]
    Fragments(&'static str),
    /// Compressing failed, or the sink did not take the bytes.
    #[error("the metadata cannot be written")]
    Write(#[source] io::Error),
    /// `repomd.xml` is not well-formed.
    #[error("repomd.xml is not well-formed")]
    Xml(#[source] quick_xml::Error),
    /// `repomd.xml` is well-formed and not what it has to be.
    #[error("repomd.xml {0}")]
    Repomd(&'static str),
    /// A field of a record does not hold what it must.
    #[error("{field} of the {kind} record in repomd.xml is bad: {value:?}")]
    Field {
        /// Type of the record.
        kind: String,
        /// Element of the field.
        field: &'static str,
        /// What it holds, shortened.
        value: String,
    },
}
