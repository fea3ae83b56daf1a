//! One executable for all stories, so that the crate links once.

mod bus;
// A test ends at what it did not expect; the helpers of tests do too.
#![allow(clippy::unwrap_used)]

mod checkers;
mod peers;
mod rooms;
mod services;
mod world;
