//! Which names does somebody want left out? Patterns as GLib has them: `*` and `?`, nothing else.

use std::path::Path;

use crate::model::glob;

/// Patterns of what is left out.
pub(super) struct Excludes<'a>(&'a [String]);

impl<'a> Excludes<'a> {
    pub(super) fn new(patterns: &'a [String]) -> Self {
        Self(patterns)
    }

    /// Returns whether a whole text is matched by any of the patterns.
    pub(super) fn text(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| glob::matches(pattern, text))
    }

    /// Returns whether what a walk finds is left out: by its own name, or by its path below the directory.
    pub(super) fn found(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !self.0.is_empty() && (self.text(&name) || self.text(&path.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_matched_whole() {
        let excluded = |pattern: &str, path: &str| Excludes::new(&[pattern.to_owned()]).found(Path::new(path));
        for (pattern, path) in [
            ("*.src.rpm", "a/x.src.rpm"),
            ("a/*", "a/b/x.rpm"),
            ("b", "a/b"),
            ("?.rpm", "é.rpm"),
            ("x.rpm", "a/x.rpm"),
            ("*", "x"),
        ] {
            assert!(excluded(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("[ab]*", "a.rpm"), ("x", "x.rpm"), ("*.{src,nosrc}.rpm", "x.src.rpm"), ("A", "a")] {
            assert!(!excluded(pattern, path), "{pattern} {path}");
        }
        assert!(!Excludes::new(&[]).found(Path::new("x")));
    }
}
