//! One executable for all stories, so that the crate links once.

mod bus;
