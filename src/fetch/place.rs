//! Where are bytes? A path or a URL, and what lies below it.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Url;

/// A place that bytes can be had from: a file, a directory, or a URL.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Path(PathBuf),
    /// Over HTTP or HTTPS.
    Url(Url),
}

/// A text that is no place, or leads to none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} {why}")]
pub struct BadPlace {
    shown: String,
    why: &'static str,
}

impl BadPlace {
    fn new(text: &str, why: &'static str) -> Self {
        Self { shown: text.chars().take(200).collect(), why }
    }
}

impl Place {
    /// Returns the place that a person or a repository names: an `http`, `https` or `file` URL, else a path.
    ///
    /// # Errors
    /// It has another scheme, or its URL is bad.
    pub fn parse(text: &str) -> Result<Self, BadPlace> {
        let Some((scheme, _)) = text.split_once("://") else {
            let has_nothing = text.is_empty() || text.contains('\0');
            return if has_nothing { Err(BadPlace::new(text, "is no path")) } else { Ok(Self::Path(text.into())) };
        };
        let url = Url::parse(text).map_err(|_| BadPlace::new(text, "is no URL"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                url.to_file_path().map(Self::Path).map_err(|()| BadPlace::new(text, "names no file of this machine"))
            }
            "http" | "https" if url.has_host() => Ok(Self::Url(url)),
            _ => Err(BadPlace::new(text, "has a scheme other than http, https and file")),
        }
    }

    /// Returns what lies below this place under a relative name, which is taken literally, percent signs
    /// too. `..` leads upwards, as some repositories have it.
    ///
    /// # Errors
    /// The name is absolute, empty, or holds what no name can.
    pub fn join(&self, name: &str) -> Result<Self, BadPlace> {
        if name.is_empty() || name.contains('\0') {
            return Err(BadPlace::new(name, "is no name of a file"));
        }
        if name.starts_with('/') || name.contains("://") {
            return Err(BadPlace::new(name, "is no name below another place"));
        }
        match self {
            Self::Path(path) => Ok(Self::Path(joined(path, name))),
            Self::Url(url) => {
                let mut url = url.clone();
                url.set_fragment(None);
                let mut steps = url.path_segments_mut().map_err(|()| BadPlace::new(name, "is below no directory"))?;
                steps.pop_if_empty();
                for step in name.split('/') {
                    match step {
                        "" | "." => {}
                        ".." => drop(steps.pop()),
                        step => drop(steps.push(step)),
                    }
                }
                drop(steps);
                Ok(Self::Url(url))
            }
        }
    }
}

fn joined(path: &Path, name: &str) -> PathBuf {
    let mut path = path.to_owned();
    for step in Path::new(name).components() {
        match step {
            Component::Normal(step) => path.push(step),
            Component::ParentDir => path.push(".."),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path
}

impl fmt::Display for Place {
    /// Writes the place without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Url(url) if url.password().is_none() && url.username().is_empty() => write!(f, "{url}"),
            Self::Url(url) => {
                let mut shown = url.clone();
                // Neither fails on a URL with a host.
                let _ = shown.set_password(None);
                let _ = shown.set_username("");
                write!(f, "{shown}")
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_literally_and_stay_on_their_host() {
        let join = |base: &str, name: &str| Place::parse(base).unwrap().join(name).map(|place| place.to_string());
        assert_eq!(join("http://h/a", "b c/%d?.rpm").unwrap(), "http://h/a/b%20c/%25d%3F.rpm");
        assert_eq!(join("http://h/a/?token=x", "b").unwrap(), "http://h/a/b?token=x");
        assert_eq!(join("https://h/a/b/", "../c/./d").unwrap(), "https://h/a/c/d");
        assert_eq!(join("http://h/a", "../../../c").unwrap(), "http://h/c");
        assert_eq!(join("/srv/a", "../c//d").unwrap(), "/srv/a/../c/d");
        assert_eq!(join("file:///srv/a%20b", "c").unwrap(), "/srv/a b/c");
        assert_eq!(join("relative", "c").unwrap(), "relative/c");
        for name in ["", "/etc/passwd", "http://other/x", "a\0b"] {
            assert!(join("http://h/", name).is_err() && join("/srv", name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn other_schemes_are_refused_and_passwords_are_not_shown() {
        for text in ["ftp://h/", "http://", "file://host/x", "", "a\0"] {
            assert!(Place::parse(text).is_err(), "{text:?}");
        }
        let place = Place::parse("https://user:secret@h/x").unwrap();
        assert_eq!((place.to_string(), format!("{place:?}")), ("https://h/x".to_owned(), "https://h/x".to_owned()));
        assert_eq!(place.join("y").unwrap().to_string(), "https://h/x/y");
    }
}
