//! What is a compose made of, what do its files say, and how is it made?
//!
//! Selection of packages, the layout of the tree, productmd's metadata and the messages about it are
//! functions from values to values and bytes. [`Composes`] makes composes of them: it alone reads and
//! writes. It decides nothing about tags and reads no RPM of which something is known.

mod ending;
mod error;
#[cfg(test)]
mod fixture;
mod identity;
mod json;
mod latest;
pub mod layout;
mod messages;
mod place;
mod productmd;
mod run;
mod select;
mod tree;
mod treeinfo;

pub use error::Error;
pub use identity::Identity;
pub use messages::{PUNGI_STATUS_TOPIC, Report, STATUS_TOPIC, SetUsed};
pub use productmd::{composeinfo, rpms};
pub use run::{Composes, Finished, Step};
pub use select::{Category, Clash, Selection, Tree, TreeEntry, TreeRepo, select};
pub use treeinfo::{DISCINFO, MEDIA_REPO, TREEINFO, discinfo, media_repo, treeinfo};
