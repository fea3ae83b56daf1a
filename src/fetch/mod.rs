//! How are bytes had from a path or a URL? From the first mirror that has the right ones.
//!
//! Files, `file://`, `http://` and `https://`; retries with growing pauses, conditional and partial
//! requests, limits, and a checksum over all that comes. What the bytes mean is for others.

mod client;
mod error;
mod fetcher;
mod local;
mod mirrors;
mod place;
#[cfg(test)]
mod server;
mod sink;
#[cfg(test)]
mod tests;

pub use error::{Attempt, Error, Failure};
pub use fetcher::{Fetcher, Settings};
pub use mirrors::{BadMetalink, Metalink, metalink, mirrorlist};
pub use place::{BadPlace, Place};
pub use sink::{Answer, Fetched, Validators, Wanted};
