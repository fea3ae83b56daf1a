//! Where do readers find a package, and can metadata say so? Paths become locations.

use std::path::Path;

use super::options::Location;

/// Returns why no location can name this path, if none can: `None` is fine.
///
/// XML has no way to write a control character other than tab, line feed and carriage return, and metadata is
/// UTF-8. createrepo_c writes a name that is not UTF-8 as another one, which names no file.
pub(super) fn unfit(path: &Path) -> Option<&'static str> {
    let Some(text) = path.to_str() else { return Some("its name is not UTF-8") };
    let is_control = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    if text.chars().any(|c| is_control(c) || matches!(c, '\u{FFFE}' | '\u{FFFF}')) {
        return Some("its name has a character that XML cannot hold");
    }
    None
}

impl Location {
    /// Returns the location of the package at `path` below the directory.
    pub(super) fn href(&self, path: &str) -> String {
        let cut = self.cut(path);
        match &self.prefix {
            None => cut.to_owned(),
            Some(prefix) if prefix.is_empty() || prefix.ends_with('/') => format!("{prefix}{cut}"),
            Some(prefix) => format!("{prefix}/{cut}"),
        }
    }

    /// Cuts directories off the front; what is left begins with no slash.
    fn cut<'a>(&self, path: &'a str) -> &'a str {
        let mut rest = path;
        for _ in 0..self.cut_dirs {
            match rest.trim_start_matches('/').split_once('/') {
                Some((_, behind)) => rest = behind.trim_start_matches('/'),
                None => break,
            }
        }
        rest
    }

    /// Returns `xml:base` of every package, if one was given.
    pub(super) fn base(&self) -> Option<String> {
        let base = self.base_url.as_deref().filter(|base| !base.is_empty())?;
        Some(if base.starts_with('/') { format!("file://{base}") } else { base.to_owned() })
    }
}

/// Returns the key that a location is found by in older metadata.
pub(super) fn known_as(href: &str) -> &str {
    href.strip_prefix("./").unwrap_or(href)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn location(prefix: Option<&str>, cut_dirs: usize) -> Location {
        Location { base_url: None, prefix: prefix.map(str::to_owned), cut_dirs }
    }

    #[test]
    fn directories_are_cut_and_the_file_name_never() {
        for (cut, path, href) in [
            (0, "a/b/x.rpm", "a/b/x.rpm"),
            (1, "a/b/x.rpm", "b/x.rpm"),
            (9, "a/b/x.rpm", "x.rpm"),
            (1, "x.rpm", "x.rpm"),
            (1, "./x.rpm", "x.rpm"),
            (0, "./x.rpm", "./x.rpm"),
            (1, "/a//x.rpm", "x.rpm"),
        ] {
            assert_eq!(location(None, cut).href(path), href, "{cut} {path}");
        }
    }

    #[test]
    fn a_prefix_stands_before_a_location_with_one_slash() {
        for (prefix, href) in
            [("pp", "pp/x.rpm"), ("../pp/", "../pp/x.rpm"), ("http://h/x", "http://h/x/x.rpm"), ("", "x.rpm")]
        {
            assert_eq!(location(Some(prefix), 1).href("a/x.rpm"), href);
        }
    }

    #[test]
    fn a_base_that_is_a_path_is_a_file_url() {
        let base = |text: &str| Location { base_url: Some(text.to_owned()), ..Location::default() }.base();
        assert_eq!(base("/abs").unwrap(), "file:///abs");
        assert_eq!(base("rel/x").unwrap(), "rel/x");
        assert_eq!(base("http://h/").unwrap(), "http://h/");
        assert_eq!((base(""), Location::default().base()), (None, None));
    }

    #[test]
    fn names_that_xml_cannot_hold_are_unfit() {
        for fit in ["x.rpm", "a%41 b.rpm", "q'\"<&>.rpm", "nl\nx", "tab\tcr\r", "ü\u{85}\u{7f}.rpm"] {
            assert_eq!(unfit(Path::new(fit)), None, "{fit:?}");
        }
        assert_eq!(unfit(Path::new("a\u{1b}")), Some("its name has a character that XML cannot hold"));
        assert_eq!(unfit(Path::new("a\u{ffff}")), Some("its name has a character that XML cannot hold"));
        assert_eq!(unfit(Path::new(OsStr::from_bytes(b"a\xff"))), Some("its name is not UTF-8"));
    }
}
