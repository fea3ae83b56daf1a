//! Which package is this text about? Reads back the few lines of our own primary that name it.
//!
//! Only for text that this program wrote: other people's metadata is read as XML.

use memchr::memmem;
use quick_xml::escape::unescape;

use super::Key;
use crate::model::Nevra;

/// Returns the place of the package whose element in primary is `text`; `None` for what is not ours.
pub fn key_of(text: &str) -> Option<Key> {
    let name = between(text, "<name>", "</name>")?;
    let arch = between(text, "<arch>", "</arch>")?;
    let version = between(text, "<version ", "/>")?;
    let pkgid = between(text, "\" pkgid=\"YES\">", "</checksum>")?;
    let epoch = attribute(version, "epoch")?.parse().ok()?;
    let nevra = Nevra::new(name, epoch, &attribute(version, "ver")?, &attribute(version, "rel")?, arch).ok()?;
    let location = between(text, "<location ", "/>")?;
    Some(Key {
        nevra,
        pkgid: pkgid.to_owned(),
        href: place(attribute(location, "xml:base"), attribute(location, "href")?),
    })
}

/// Returns a location with its base, as keys have it.
pub fn place(base: Option<String>, href: String) -> String {
    match base {
        Some(base) => format!("{base}/{href}"),
        None => href,
    }
}

/// Returns what stands between two marks, of which `before` is the first of its kind.
pub fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let from = memmem::find(text.as_bytes(), before.as_bytes())? + before.len();
    let rest = text.get(from..)?;
    rest.get(..memmem::find(rest.as_bytes(), behind.as_bytes())?)
}

/// Returns the value of an attribute of an element, of which `element` begins with the first attribute.
pub fn attribute(element: &str, name: &str) -> Option<String> {
    let raw = between(&format!(" {element}"), &format!(" {name}=\""), "\"")?.to_owned();
    Some(unescape(&raw).ok()?.into_owned())
}
