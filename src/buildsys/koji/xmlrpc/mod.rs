//! How do calls and answers cross the wire to a hub? Koji's dialect of XML-RPC, answers read as they come.
//!
//! Values are those of JSON: what a call means by them is not known here. Beyond the standard the hub has
//! `<nil/>` without namespace, `<i8>` for numbers beyond 32 bits, and named arguments as a last struct with the
//! member `__starstar` (Koji's `koji/xmlrpcplus.py` and `koji/util.py`).

mod decode;
mod encode;
mod tokens;

use std::io;

pub use decode::{Limits, read, read_members};
pub use encode::{Call, multi_call};

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub says so itself.
    #[error("the hub says: {text} (fault {code})")]
    Fault {
        /// Koji's number of it (`koji/__init__.py`: 1000 and up, 1 for anything unforeseen).
        code: i64,
        /// What it says.
        text: String,
    },
    /// It cannot be read to its end.
    #[error("the answer breaks off")]
    Read(#[source] io::Error),
    /// It is no XML.
    #[error("the answer is no XML at byte {at}")]
    Xml {
        /// Where.
        at: u64,
        /// Why.
        #[source]
        source: Box<quick_xml::Error>,
    },
    /// It is XML and no answer.
    #[error("the answer is wrong at byte {at}: {what}")]
    Form {
        /// Where.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// It goes beyond a limit.
    #[error("the answer has more than {limit} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}
