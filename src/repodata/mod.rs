//! What are the metadata bytes of packages? One [`Package`](crate::model::Package) to [`Described`],
//! that to its texts or, to be kept, to [`Fragments`]; many to metadata files, records to `repomd.xml`.
//!
//! Opens no file, keeps nothing, and knows no repository: who calls says what is listed, in which
//! order and where it goes. What a package looks like is createrepo_c's (1.2.5), byte for byte.

mod dependencies;
mod describe;
mod described;
mod encoding;
mod error;
mod fragments;
mod kind;
mod output;
pub mod read;
mod render;
mod repomd;
mod repomd_parse;
pub mod segments;
#[cfg(test)]
mod testing;
mod written;
mod xml;

pub use describe::describe;
pub use described::{DEPENDENCIES, Described, Entry};
pub use encoding::{Compression, Sums};
pub use error::Error;
pub use fragments::{Fragments, render};
pub use kind::Kind;
pub use output::{Digested, Packer, pack};
pub use repomd::{Checksum, Distro, Record, Repomd, Tags, Typed};
pub use written::Written;
