//! Which file does a URL's path mean? Text in, harmless names out; touches no file.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Names that begin with a dot and are meant to be read: they belong to compose trees.
const SHOWN_DOT_FILES: [&str; 3] = [".treeinfo", ".discinfo", ".composeinfo"];

/// What is escaped in a path of our own making: all but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path that may be looked for: a tree's name and harmless names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    names: Vec<String>,
    is_directory: bool,
}

impl Wanted {
    /// Reads the path of a URL, decoding it once. `None`: it names nothing that we would ever show.
    ///
    /// Empty components (`//`) are dropped. Dots are not resolved, as clients do that themselves.
    pub(super) fn parse(url_path: &str) -> Option<Self> {
        let mut names = Vec::new();
        for part in url_path.split('/').filter(|part| !part.is_empty()) {
            let name = percent_decode_str(part).decode_utf8().ok()?;
            if !is_shown(&name) {
                return None;
            }
            names.push(name.into_owned());
        }
        (!names.is_empty()).then(|| Self { names, is_directory: url_path.ends_with('/') })
    }

    /// Returns the name of the tree.
    pub(super) fn tree(&self) -> &str {
        &self.names[0]
    }

    /// Returns the names below the tree.
    pub(super) fn below(&self) -> &[String] {
        &self.names[1..]
    }

    /// Returns whether the path ends in a slash.
    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// Returns the path as a URL has it, without a final slash.
    pub(super) fn url(&self) -> String {
        self.names.iter().map(|name| format!("/{}", escape(name))).collect()
    }

    /// Returns the path for people, with a final slash.
    pub(super) fn title(&self) -> String {
        format!("/{}/", self.names.join("/"))
    }
}

/// Returns whether a name may be asked for, and is listed.
pub(super) fn is_shown(name: &str) -> bool {
    let is_harmless =
        !name.is_empty() && name.len() <= 255 && !name.contains(|c: char| c.is_control() || "/\\".contains(c));
    is_harmless && (!name.starts_with('.') || SHOWN_DOT_FILES.contains(&name))
}

/// Returns a name as a URL has it.
pub(super) fn escape(name: &str) -> String {
    utf8_percent_encode(name, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_names_nothing() {
        for bad in [
            "",
            "/",
            "//",
            "/repos/..",
            "/repos/../state.sqlite",
            "/repos/./x",
            "/repos/%2e%2e/x",
            "/repos/%2E%2e/x",
            "/repos/.%2e/x",
            "/repos/a%2fb",
            "/repos/a%2F..%2Fb",
            "/repos/a\\b",
            "/repos/..%5cx",
            "/repos/a%00b",
            "/repos/a%0ab",
            "/repos/%c2%85",
            "/repos/%ff",
            "/repos/.git/config",
            "/repos/...",
            "/repos/.hidden",
            "/%2e%2e/x",
        ] {
            assert_eq!(Wanted::parse(bad), None, "{bad:?}");
        }
        assert_eq!(Wanted::parse(&format!("/repos/{}", "x".repeat(256))), None);
    }

    #[test]
    fn a_path_is_decoded_once_and_written_back_escaped() {
        let wanted = Wanted::parse("//repos//f43/%2567%20a+b%c3%a4").unwrap();
        assert_eq!((wanted.tree(), wanted.below()), ("repos", &["f43".to_owned(), "%67 a+bä".to_owned()][..]));
        assert_eq!(wanted.url(), "/repos/f43/%2567%20a%2Bb%C3%A4");
        assert!(!wanted.is_directory() && Wanted::parse("/repos/").unwrap().is_directory());
        assert!(Wanted::parse("/composes/x/.treeinfo").is_some());
    }
}
