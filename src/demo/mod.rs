//! What does a first run show, and from what?

pub mod packages;
