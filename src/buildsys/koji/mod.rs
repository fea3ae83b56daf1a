//! What does a Koji hub say? Its calls, asked over HTTP.
//!
//! The hub's rows as they are; what a tag means is not decided here.

pub mod xmlrpc;
