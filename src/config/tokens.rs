//! Which secrets does a file hold? One a line.

use std::path::Path;

use super::address::Secret;
use super::document::read_limited;
use super::error::Error;
use super::overrides::Sources;

/// Largest file of secrets that is read, in bytes.
const LARGEST: u64 = 64 << 10;

/// Reads the file that `key` names: one secret a line; empty lines and lines that begin with `#` do not
/// count. Never gives an empty list.
pub(super) fn read_tokens(key: &str, path: &Path, sources: &Sources) -> Result<Vec<Secret>, Error> {
    let bytes = read_limited(path, LARGEST)?;
    let mut tokens = Vec::new();
    for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refuse = |why| sources.refuse(key, format!("{}:{}: {why}", path.display(), number + 1));
        tokens.push(Secret::token(line).map_err(refuse)?);
    }
    if tokens.is_empty() {
        return Err(sources.refuse(key, format!("{} holds no token", path.display())));
    }
    Ok(tokens)
}
