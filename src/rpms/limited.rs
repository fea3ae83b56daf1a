//! How much may one header give? Its texts and lists, within limits.
//!
//! A header of some megabytes could otherwise be blown up to gigabytes: a directory name stands
//! once in it and once in the path of each file, an empty text takes one byte there and many here.

use std::cell::Cell;

use super::error::Error;
use super::header::Header;
use super::tags::DependencyTags;
use super::text;
use crate::model::Dependency;

/// Most files of one package.
pub(super) const MOST_FILES: usize = 1_000_000;
/// Most dependencies of one kind.
pub(super) const MOST_DEPENDENCIES: usize = 200_000;
/// Most entries of a changelog.
pub(super) const MOST_CHANGES: usize = 100_000;
/// Most arches in a list of a source header.
const MOST_ARCHES: usize = 1_000;
/// Most bytes of text taken from one header: directory names are written once there and many times here.
const MOST_TEXT: usize = 64 << 20;

/// The main header, and how much text may still be taken from it.
pub(super) struct Tags<'a> {
    pub header: &'a Header,
    text_left: Cell<usize>,
}

impl<'a> Tags<'a> {
    /// Returns the tags of a header of which nothing was taken yet.
    pub(super) fn new(header: &'a Header) -> Self {
        Self { header, text_left: Cell::new(MOST_TEXT) }
    }

    /// Returns a text, empty where the tag is absent.
    pub(super) fn text(&self, tag: u32, field: &'static str) -> Result<String, Error> {
        self.decode(field, &[self.header.string(tag)?.unwrap_or_default()])
    }

    /// Returns the text that joined bytes mean.
    pub(super) fn decode(&self, field: &'static str, bytes: &[&[u8]]) -> Result<String, Error> {
        let length = bytes.iter().map(|part| part.len()).sum();
        let left = self.text_left.get().checked_sub(length);
        self.text_left.set(left.ok_or(Error::TooLarge { what: "bytes of text", limit: MOST_TEXT as u64 })?);
        let mut joined = Vec::with_capacity(length);
        bytes.iter().for_each(|part| joined.extend_from_slice(part));
        text::decode(field, joined)
    }

    /// Returns a list of arches, empty where the tag is absent.
    pub(super) fn arches(&self, tag: u32, field: &'static str) -> Result<Vec<String>, Error> {
        let arches = self.strings(tag, MOST_ARCHES, "arches")?;
        arches.into_iter().flatten().map(|arch| self.decode(field, &[arch])).collect()
    }

    /// Returns the texts of an array that may have at most `most`; `None` where the tag is absent.
    pub(super) fn strings(
        &self,
        tag: u32,
        most: usize,
        what: &'static str,
    ) -> Result<Option<impl Iterator<Item = &'a [u8]>>, Error> {
        if self.header.count(tag) > most {
            return Err(Error::TooLarge { what, limit: most as u64 });
        }
        self.header.strings(tag)
    }

    /// Returns the dependencies of one kind; none where one of the three arrays is absent.
    pub(super) fn dependencies(&self, tags: &DependencyTags, field: &'static str) -> Result<Vec<Dependency>, Error> {
        let names = self.strings(tags.name, MOST_DEPENDENCIES, "dependencies")?;
        let (Some(names), Some(flags), Some(versions)) =
            (names, self.header.numbers(tags.flags)?, self.header.strings(tags.version)?)
        else {
            return Ok(vec![]);
        };
        let mut list = Vec::with_capacity(self.header.count(tags.name));
        for (name, (flags, version)) in names.zip(flags.zip(versions)) {
            list.push(Dependency {
                name: self.decode(field, &[name])?,
                flags: (flags & u64::from(u32::MAX)) as u32,
                version: self.decode("version of a dependency", &[version])?,
            });
        }
        Ok(list)
    }
}
