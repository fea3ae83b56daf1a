//! http
pub mod files;
