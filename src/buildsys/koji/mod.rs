//! What does a Koji hub say? Its calls, asked over HTTP.
//!
//! The hub's rows as they are, anonymously and read only; what a tag means is not decided here. A call is made by a
//! function of [`calls`] and asked through a [`Hub`], alone or many in one. What decides a tag is read at one event
//! ([`read`]) and kept in our tables; [`Koji`] answers from there.

mod answer;
pub mod calls;
mod error;
pub mod files;
mod hub;
mod pace;
pub mod read;
mod system;
pub mod xmlrpc;

pub use calls::{Ask, Sink, TagRef};
pub use error::Error;
pub use files::{FileError, Files};
pub use hub::{Hub, Settings};
pub use read::ReadError;
pub use system::Koji;
