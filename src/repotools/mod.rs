//! What is in somebody's repository, is it whole, and how do two differ?
//!
//! Repositories are opened from a path, a URL, a metalink or a list of mirrors, and only read. What a
//! merged one would hold is decided in [`merge`]; writing it is for others.

mod check;
mod diff;
mod error;
pub mod merge;
mod packages;
mod repository;
mod show;

pub use check::{Depth, Finding, Report, Signature, check};
pub use diff::{Changed, Difference, diff};
pub use error::Error;
pub use repository::Repository;
pub use show::{Shown, ShownRecord, show};
