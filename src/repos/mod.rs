//! repos
