//! What does somebody's metadata say? Files of any compression and any writer, read package by package.
//!
//! Pure: bytes come from whoever has them. Everything is bounded by [`Limits`], and nothing is believed:
//! no document type, no entity beyond XML's five, no count, no order. What is wrong is named with file,
//! package and byte of the uncompressed stream.
//!
//! [`Decompressed`] gives the open bytes of a file; [`Packages`] cuts them into elements; [`Quick`] reads
//! what names a package, fast; [`Joined`] reads all files in step, and [`Listed::described`] all fields.

mod decompress;
mod error;
mod fields;
mod indexed;
mod joined;
mod limits;
mod packages;
mod quick;
mod scan;
mod scope;
mod shortcut;
#[cfg(test)]
mod tests;
mod walker;
mod window;

pub use decompress::{Decompressed, Format};
pub use error::{Error, Place, Problem};
pub use indexed::{Indexed, Scratch};
pub use joined::{Joined, Listed, Side};
pub use limits::{Limits, RATIO_FREE};
pub use packages::{Document, PackageText, Packages};
pub use quick::{Heading, Quick};
