//! What names a package, where primary is written as nearly everybody writes it? A way around the parser.
//!
//! Gives up at anything out of the ordinary, and never judges: then the parser has the say.

use memchr::memchr;

use super::fields::digest;
use super::limits::Limits;
use super::packages::PackageText;
use super::quick::Quick;
use super::scan::{Markup, markup};

/// Returns what [`Quick::read`] would, or `None` where that is not plain to see.
pub(super) fn quick(package: PackageText<'_>) -> Option<Quick> {
    if !package.is_usual || package.has_asides {
        return None;
    }
    let mut cursor = Cursor { rest: package.text, limits: package.from.limits };
    cursor.tag()?;
    let mut found = Found::default();
    loop {
        let (name, tag) = cursor.tag()?;
        match name {
            "name" => once(&mut found.name, cursor.text()?)?,
            "arch" => once(&mut found.arch, cursor.text()?)?,
            "version" => once(&mut found.version, cursor.attributes(tag, ["epoch", "ver", "rel"])?)?,
            "checksum" => {
                let [algorithm] = cursor.attributes(tag, ["type"])?;
                once(&mut found.checksum, (algorithm?, cursor.text()?))?;
            }
            "time" => once(&mut found.time, cursor.attributes(tag, ["file", "build"])?)?,
            "size" => once(&mut found.size, cursor.attributes(tag, ["package"])?)?,
            "location" => once(&mut found.location, cursor.attributes(tag, ["href", "xml:base"])?)?,
            "summary" | "description" | "packager" | "url" => cursor.pass(tag)?,
            "format" => return found.finish(),
            _ => return None,
        }
        if !matches!(name, "summary" | "description" | "packager" | "url") {
            cursor.end(tag)?;
        }
    }
}

#[derive(Default)]
struct Found<'a> {
    name: Option<&'a str>,
    arch: Option<&'a str>,
    version: Option<[Option<&'a str>; 3]>,
    checksum: Option<(&'a str, &'a str)>,
    time: Option<[Option<&'a str>; 2]>,
    size: Option<[Option<&'a str>; 1]>,
    location: Option<[Option<&'a str>; 2]>,
}

impl Found<'_> {
    fn finish(self) -> Option<Quick> {
        let [epoch, version, release] = self.version?;
        let [time_file, time_build] = self.time?;
        let [size] = self.size?;
        let [href, base] = self.location?;
        let (algorithm, hex) = self.checksum?;
        Some(Quick {
            name: self.name?.to_owned(),
            arch: self.arch?.to_owned(),
            epoch: epoch.filter(|epoch| !epoch.is_empty())?.to_owned(),
            version: version?.to_owned(),
            release: release?.to_owned(),
            checksum: digest(algorithm, hex).ok()?,
            href: href.filter(|href| !href.is_empty())?.to_owned(),
            base: base.map(str::to_owned),
            time_file: time_file?.parse().ok()?,
            time_build: time_build?.parse().ok()?,
            size: size?.parse().ok()?,
        })
    }
}

/// What is left of the element.
struct Cursor<'a> {
    rest: &'a str,
    limits: &'a Limits,
}

impl<'a> Cursor<'a> {
    /// Returns name and all of the start tag that comes next.
    fn tag(&mut self) -> Option<(&'a str, &'a str)> {
        let start = memchr(b'<', self.rest.as_bytes())?;
        if !self.rest[..start].bytes().all(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
        let here = &self.rest[start..];
        let (Markup::Open { name, .. }, length) = markup(here.as_bytes(), self.limits).ok()?? else { return None };
        self.rest = &here[length..];
        Some((&here[1..=name.len()], &here[..length]))
    }

    /// Returns the text up to the next tag, if it means what it says.
    fn text(&mut self) -> Option<&'a str> {
        let end = memchr(b'<', self.rest.as_bytes())?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let is_plain = !text.contains(['&', '\r']);
        is_plain.then_some(text)
    }

    /// Passes the end tag of the element that `tag` began.
    fn end(&mut self, tag: &str) -> Option<()> {
        if tag.ends_with("/>") {
            return Some(());
        }
        let here = self.rest.trim_ascii_start();
        if !here.starts_with("</") {
            return None;
        }
        self.rest = &here[memchr(b'>', here.as_bytes())? + 1..];
        Some(())
    }

    /// Passes an element that holds nothing but text.
    fn pass(&mut self, tag: &str) -> Option<()> {
        if !tag.ends_with("/>") {
            self.rest = &self.rest[memchr(b'<', self.rest.as_bytes())?..];
        }
        self.end(tag)
    }

    /// Returns the values of some attributes of a tag.
    fn attributes<const N: usize>(&self, tag: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
        let mut values = [None; N];
        let inside = tag.strip_prefix('<')?.strip_suffix('>')?;
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let mut rest = inside.trim_start_matches(|c: char| !c.is_ascii_whitespace()).trim_ascii();
        for _ in 0..self.limits.attributes {
            if rest.is_empty() {
                return Some(values);
            }
            let (name, value) = rest.split_once("=\"")?;
            let (value, after) = value.split_once('"')?;
            if value.contains(['&', '<', '\t', '\n', '\r']) || name.contains(|c: char| c.is_ascii_whitespace()) {
                return None;
            }
            if !after.is_empty() && !after.starts_with(|c: char| c.is_ascii_whitespace()) {
                return None;
            }
            if let Some(at) = names.iter().position(|wanted| *wanted == name) {
                once(&mut values[at], value)?;
            }
            rest = after.trim_ascii_start();
        }
        rest.is_empty().then_some(values)
    }
}

/// Sets what is not set yet.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
