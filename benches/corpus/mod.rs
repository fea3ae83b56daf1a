//! What would a distribution's packages be? A corpus of N varied RPM files, the same bytes for the same N.
//!
//! The corpus of a smaller N is the beginning of that of a larger one. The files are whole as far as librpm
//! checks them (digests, sizes, header); their payload is noise that nothing can unpack.

mod chance;
mod changes;
mod depends;
mod files;
mod package;
mod plan;
mod rpm;
mod words;
mod write;

pub use plan::Corpus;
pub use write::{replace, write};
