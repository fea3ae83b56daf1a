//! Which namespace is a prefix? Metadata is known by its URIs; prefixes are the writer's choice.

use quick_xml::events::BytesStart;

use super::error::Problem;

/// A namespace of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Common,
    Rpm,
    Filelists,
    FilelistsExt,
    Other,
    /// Any other, and none.
    Foreign,
}

impl Space {
    fn of(uri: &str) -> Self {
        match uri.strip_prefix("http://linux.duke.edu/metadata/") {
            Some("common") => Self::Common,
            Some("rpm") => Self::Rpm,
            Some("filelists") => Self::Filelists,
            Some("filelists-ext") => Self::FilelistsExt,
            Some("other") => Self::Other,
            _ => Self::Foreign,
        }
    }
}

/// The prefixes that are declared at a place of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The last one of a prefix counts.
    bindings: Vec<(String, Space)>,
}

/// Most declarations that count at one place; metadata has two.
const MOST: usize = 64;

impl Scope {
    /// Takes in what an element declares; returns how much there was before, for [`Scope::leave`].
    pub(super) fn enter(&mut self, start: &BytesStart<'_>) -> Result<usize, Problem> {
        let before = self.bindings.len();
        if !start.attributes_raw().contains("xmlns") {
            return Ok(before);
        }
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| Problem::Xml(error.into()))?;
            let prefix = match attribute.key.as_ref() {
                "xmlns" => "",
                name => match name.strip_prefix("xmlns:") {
                    Some(prefix) => prefix,
                    None => continue,
                },
            };
            if self.bindings.len() == MOST {
                return Err(Problem::TooLarge { what: "namespaces", limit: MOST as u64 });
            }
            let uri = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(Problem::Xml)?;
            self.bindings.push((prefix.to_owned(), Space::of(&uri)));
        }
        Ok(before)
    }

    /// Forgets what an element declared that has ended.
    pub(super) fn leave(&mut self, before: usize) {
        self.bindings.truncate(before);
    }

    /// Returns namespace and local part of an element's name.
    pub(super) fn resolve<'n>(&self, name: &'n str) -> (Space, &'n str) {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        let bound = self.bindings.iter().rev().find(|(declared, _)| declared == prefix);
        (bound.map_or(Space::Foreign, |(_, space)| *space), local)
    }

    /// Returns whether elements are called as createrepo_c calls them: the document's own without a
    /// prefix, those of RPM with `rpm:`.
    pub(super) fn is_usual(&self, own: Space) -> bool {
        self.resolve("x").0 == own && (own != Space::Common || self.resolve("rpm:x").0 == Space::Rpm)
    }
}
