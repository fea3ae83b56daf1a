//! What does metadata say of the package in a file? Read, described and rendered, ready to be listed.

use std::path::Path;

use super::compact::compact;
use super::options::Content;
use crate::model::{BadName, Nevra};
use crate::repodata::segments::{Key, Piece, place};
use crate::repodata::{Described, describe};
use crate::rpms::{self, ReadOptions, read_for_listing};

/// A package that is ready to be listed.
#[derive(Debug)]
pub(super) struct Ready {
    pub piece: Piece,
    /// When it was built, seconds after 1970.
    pub built: i64,
}

impl Ready {
    /// Returns about how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.piece.texts.iter().map(String::len).sum::<usize>() + self.piece.key.href.len()
    }
}

/// Reads a package.
///
/// # Errors
/// It is none, or cannot be listed.
pub(super) fn read(path: &Path, href: &str, base: Option<&str>, content: &Content) -> Result<Ready, rpms::Error> {
    let wanted =
        ReadOptions { checksum: content.checksum, changelog: content.changelog, file_digests: content.filelists_ext };
    let (package, file) = read_for_listing(path, &wanted)?;
    let mut described = describe(package, file);
    href.clone_into(&mut described.href);
    described.base = base.map(str::to_owned);
    Ok(ready(described, content)?)
}

/// Returns a described package as it is listed.
///
/// # Errors
/// Its name is none that is let in.
pub(super) fn ready(described: Described, content: &Content) -> Result<Ready, BadName> {
    let epoch = described.epoch.parse().map_err(|_| BadName::new("epoch", &described.epoch, "is no number"))?;
    let Described { name, version, release, arch, .. } = &described;
    let nevra = Nevra::new(name, epoch, version, release, arch)?;
    let mut texts = described.texts();
    if !content.pretty {
        texts = texts.map(|text| compact(&text));
    }
    let key = Key { nevra, pkgid: described.checksum.hex, href: place(described.base, described.href) };
    Ok(Ready { piece: Piece { key, texts }, built: described.time_build })
}
