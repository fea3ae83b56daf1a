//! Parses arguments and calls [`tannery::cli`]; nothing else.

fn main() {}
