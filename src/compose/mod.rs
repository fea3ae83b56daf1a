//! What is a compose made of, and what do its files say?
//!
//! Selection of packages, the layout of the tree, productmd's metadata and the messages about it,
//! all as functions from values to values and bytes: nothing here reads or writes a file.

#[cfg(test)]
mod fixture;
mod identity;
mod json;
pub mod layout;
mod messages;
mod productmd;
mod select;
mod treeinfo;

pub use identity::Identity;
pub use messages::{PUNGI_STATUS_TOPIC, Report, STATUS_TOPIC, SetUsed};
pub use productmd::{composeinfo, rpms};
pub use select::{Category, Clash, Selection, Tree, TreeEntry, TreeRepo, select};
pub use treeinfo::{DISCINFO, MEDIA_REPO, TREEINFO, discinfo, media_repo, treeinfo};
