//! What is in somebody's repository, is it whole, and how do two differ?
//!
//! Repositories are opened from a path, a URL, a metalink or a list of mirrors, and only read; [`sync()`] keeps
//! a copy of one's metadata, [`merge()`] makes one of several.

mod check;
mod diff;
mod error;
mod indexed;
mod merge;
mod output;
mod packages;
mod repository;
mod show;
mod signature;
mod sync;

pub use check::{Depth, Finding, Report, check};
pub use diff::{Changed, Difference, diff};
pub use error::Error;
pub use merge::{Groups, Merged, MergedFrom, Merging, Method, Prepared, blocked, merge, prepare};
pub use repository::Repository;
pub use show::{Shown, ShownDistro, ShownRecord, ShownTags, show};
pub use signature::Signature;
pub use sync::{Synced, SyncedRecord, Way, copy, is_copied, sync};

/// Does work that blocks where that is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}
