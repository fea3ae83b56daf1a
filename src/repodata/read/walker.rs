//! What stands in one element? Its children, their attributes and texts, in order.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::error::{Error, Place, Problem};
use super::packages::PackageText;
use super::scan;
use super::scope::{Scope, Space};

/// Walks through an element that was cut out of its document.
pub(super) struct Walker<'a> {
    reader: Reader<&'a [u8]>,
    package: PackageText<'a>,
    scope: Scope,
    /// What [`Scope::leave`] wants for each open element.
    open: Vec<usize>,
}

/// The start tag of an element.
pub(super) struct Element<'a> {
    pub(super) space: Space,
    tag: BytesStart<'a>,
    local: usize,
}

impl Element<'_> {
    /// Returns the name without its prefix.
    pub(super) fn local(&self) -> &str {
        &self.tag.name().into_inner()[self.local..]
    }
}

impl<'a> Walker<'a> {
    pub(super) fn new(package: PackageText<'a>) -> Self {
        let mut reader = Reader::from_str(package.text);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, package, scope: package.from.scope.clone(), open: Vec::new() }
    }

    /// Returns the error of a problem at the place that was read last.
    pub(super) fn error(&self, package: Option<String>, problem: Problem) -> Error {
        let offset = self.package.offset + self.reader.buffer_position().min(self.package.text.len() as u64);
        Error { place: Place { file: self.package.from.file.to_owned(), package, offset }, problem }
    }

    /// Returns the next child of the open element; `None` at its end.
    pub(super) fn child(&mut self) -> Result<Option<Element<'a>>, Problem> {
        loop {
            match self.event()? {
                Event::Start(tag) => return self.opened(tag).map(Some),
                Event::End(_) => {
                    self.closed();
                    return Ok(None);
                }
                Event::Eof => return Ok(None),
                Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
                Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                    return Err(Problem::Form("there is text between elements"));
                }
                _ => {}
            }
        }
    }

    /// Returns the text of the open element, and closes it.
    pub(super) fn text(&mut self) -> Result<String, Problem> {
        let mut whole = String::new();
        loop {
            match self.event()? {
                Event::Text(text) if whole.is_empty() => whole = text.xml10_content().into_owned(),
                Event::Text(text) => whole.push_str(&text.xml10_content()),
                Event::CData(text) => whole.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => whole.push(scan::resolve(&reference)?),
                Event::Start(_) => return Err(Problem::Form("there is an element inside of a text")),
                Event::End(_) | Event::Eof => {
                    self.closed();
                    return Ok(whole);
                }
                _ => {}
            }
        }
    }

    /// Passes over what is left of the open element, and closes it.
    pub(super) fn skip(&mut self) -> Result<(), Problem> {
        let depth = self.open.len();
        while self.open.len() >= depth {
            match self.event()? {
                Event::Start(tag) => drop(self.opened(tag)?),
                Event::End(_) => self.closed(),
                Event::GeneralRef(reference) => drop(scan::resolve(&reference)?),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the values of some attributes of an element; `None` for those it does not have.
    pub(super) fn attributes<'e, const N: usize>(
        &self,
        element: &'e Element<'a>,
        names: [&str; N],
    ) -> Result<[Option<Cow<'e, str>>; N], Problem> {
        let mut values = [const { None }; N];
        let most = self.package.from.limits.attributes;
        for (count, attribute) in element.tag.attributes().enumerate() {
            if count == most {
                return Err(Problem::TooLarge { what: "attributes of one element", limit: most as u64 });
            }
            let attribute = attribute.map_err(|error| Problem::Xml(error.into()))?;
            if let Some(at) = names.iter().position(|name| *name == attribute.key.as_ref()) {
                values[at] = Some(value(attribute)?);
            }
        }
        Ok(values)
    }

    fn event(&mut self) -> Result<Event<'a>, Problem> {
        match self.reader.read_event().map_err(Problem::Xml)? {
            Event::DocType(_) => Err(Problem::Doctype),
            event => Ok(event),
        }
    }

    fn opened(&mut self, tag: BytesStart<'a>) -> Result<Element<'a>, Problem> {
        let before = self.scope.enter(&tag)?;
        self.open.push(before);
        let name = tag.name().into_inner();
        let (space, local) = self.scope.resolve(name);
        let local = name.len() - local.len();
        Ok(Element { space, tag, local })
    }

    fn closed(&mut self) {
        if let Some(before) = self.open.pop() {
            self.scope.leave(before);
        }
    }
}

fn value(attribute: quick_xml::events::attributes::Attribute<'_>) -> Result<Cow<'_, str>, Problem> {
    let has_references = attribute.value.contains('&');
    if attribute.value.contains('<') {
        return Err(Problem::Form("there is a < in an attribute"));
    }
    let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Problem::Xml)?;
    match value.chars().find(|c| has_references && !scan::is_character(*c)) {
        Some(bad) => Err(Problem::Character(u32::from(bad))),
        None => Ok(value),
    }
}
