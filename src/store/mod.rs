//! Where is state kept? In SQL, all of it here, one file per table family, and in files written so
//! that a crash leaves the old one or the new one.
//!
//! The same text serves SQLite and PostgreSQL; [`db`] is the one door that knows which it is.
//! No meaning of events, tags or repositories here: rows in, rows out.

pub mod builds;
pub mod composes;
pub mod db;
pub mod durable;
mod error;
pub mod externals;
pub mod generations;
pub mod hub_rpms;
pub mod inbox;
pub mod merged;
pub mod mirror;
pub mod outbox;
pub mod pkgsets;
pub mod segments;
pub mod service;
pub mod tag_links;
pub mod tag_settings;
pub mod tags;
pub mod unwanted;
pub mod verdicts;
pub mod wakeups;
pub mod webhooks;

pub use db::{Db, Tx, Write};
pub use error::Error;
