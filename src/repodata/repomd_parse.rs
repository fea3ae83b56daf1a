//! What does somebody's `repomd.xml` say? A reader that believes nothing.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::error::Error;
use super::repomd::{Checksum, Distro, Record, Repomd, Tags, Typed};

/// Real ones take 2 to 10 kB.
const MOST_BYTES: usize = 4 << 20;
const MOST_RECORDS: usize = 1_000;
const MOST_TAGS: usize = 10_000;
/// Deepest real element: `repomd/data/checksum`.
const DEEPEST: usize = 16;

pub(super) fn parse(bytes: &[u8]) -> Result<Repomd, Error> {
    if bytes.len() > MOST_BYTES {
        return Err(Error::Repomd("is larger than 4 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Repomd("is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut state = State::default();
    loop {
        match reader.read_event().map_err(Error::Xml)? {
            Event::Start(start) => state.open(&start)?,
            Event::Empty(start) => {
                state.open(&start)?;
                state.close()?;
            }
            Event::End(_) => state.close()?,
            Event::Text(text) => state.text.push_str(&text.xml10_content()),
            Event::CData(text) => state.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => state.text.push(resolve(&reference)?),
            Event::DocType(_) => return Err(Error::Repomd("has a document type declaration")),
            Event::Eof => return state.finish(),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// Returns the character of a reference: a number or one of XML's own five names.
fn resolve(reference: &BytesRef<'_>) -> Result<char, Error> {
    if let Some(character) = reference.resolve_char_ref().map_err(Error::Xml)? {
        return Ok(character);
    }
    match &*reference.xml10_content() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Error::Repomd("refers to an entity that XML does not have")),
    }
}

/// What has been read so far.
#[derive(Default)]
struct State {
    /// Local names of the open elements.
    path: Vec<String>,
    /// Text of the innermost element.
    text: String,
    seen_root: bool,
    revision: Option<String>,
    repoid: Option<Typed>,
    contenthash: Option<Typed>,
    tags: Tags,
    /// Attribute of the element that is open: `type` or `cpeid`.
    attribute: Option<String>,
    record: Option<Draft>,
    records: Vec<Record>,
}

/// A record in the making.
#[derive(Default)]
struct Draft {
    kind: String,
    /// Attribute `type` of the checksum that is open.
    algorithm: String,
    checksum: Option<Checksum>,
    open_checksum: Option<Checksum>,
    header_checksum: Option<Checksum>,
    href: Option<String>,
    base: Option<String>,
    timestamp: Option<i64>,
    size: Option<u64>,
    open_size: Option<u64>,
    header_size: Option<u64>,
    database_version: Option<u64>,
}

impl State {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), Error> {
        self.path.push(start.local_name().as_ref().to_owned());
        self.text.clear();
        if self.path.len() > DEEPEST {
            return Err(Error::Repomd("has elements nested too deep"));
        }
        match self.place()[..] {
            [root] if root != "repomd" || self.seen_root => return Err(Error::Repomd("has another root")),
            ["repomd"] => self.seen_root = true,
            ["repomd", "data"] => {
                let kind = attribute(start, "type")?.ok_or(Error::Repomd("has a record without a type"))?;
                self.record = Some(Draft { kind, ..Draft::default() });
            }
            ["repomd", "data", "location"] => {
                let href = attribute(start, "href")?.unwrap_or_default();
                let base = attribute(start, "xml:base")?;
                let draft = self.draft()?;
                draft.set_href(href)?;
                draft.base = base;
            }
            ["repomd", "repoid" | "contenthash"] => self.attribute = attribute(start, "type")?,
            ["repomd", "tags", "distro"] => self.attribute = attribute(start, "cpeid")?,
            ["repomd", "data", "checksum" | "open-checksum" | "header-checksum"] => {
                let algorithm = attribute(start, "type")?.unwrap_or_default();
                self.draft()?.algorithm = algorithm;
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let text = std::mem::take(&mut self.text);
        let path = std::mem::take(&mut self.path);
        let place: Vec<&str> = path.iter().map(String::as_str).collect();
        match place[..] {
            ["repomd", "revision"] => self.revision = Some(text.trim().to_owned()),
            ["repomd", "repoid"] => self.repoid = Some(self.typed(&text)),
            ["repomd", "contenthash"] => self.contenthash = Some(self.typed(&text)),
            ["repomd", "tags", tag] => self.keep_tag(tag, text.trim())?,
            ["repomd", "data", field] => self.draft()?.set(field, text.trim())?,
            ["repomd", "data"] => self.keep_record()?,
            _ => {}
        }
        self.path = path;
        self.path.pop();
        Ok(())
    }

    fn place(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    fn draft(&mut self) -> Result<&mut Draft, Error> {
        self.record.as_mut().ok_or(Error::Repomd("has a field outside of a record"))
    }

    fn typed(&mut self, text: &str) -> Typed {
        Typed { kind: self.attribute.take(), text: text.trim().to_owned() }
    }

    fn keep_tag(&mut self, tag: &str, text: &str) -> Result<(), Error> {
        let Tags { content, repo, distro } = &mut self.tags;
        if content.len() + repo.len() + distro.len() == MOST_TAGS {
            return Err(Error::Repomd("has more than 10,000 tags"));
        }
        match tag {
            "content" => content.push(text.to_owned()),
            "repo" => repo.push(text.to_owned()),
            "distro" => distro.push(Distro { cpeid: self.attribute.take(), name: text.to_owned() }),
            _ => {}
        }
        Ok(())
    }

    fn keep_record(&mut self) -> Result<(), Error> {
        if self.records.len() == MOST_RECORDS {
            return Err(Error::Repomd("has more than 1,000 records"));
        }
        let draft = self.record.take().ok_or(Error::Repomd("has a field outside of a record"))?;
        self.records.push(draft.finish()?);
        Ok(())
    }

    fn finish(self) -> Result<Repomd, Error> {
        if !self.seen_root || !self.path.is_empty() {
            return Err(Error::Repomd("ends before its root does"));
        }
        let Self { repoid, contenthash, tags, records, .. } = self;
        Ok(Repomd { revision: self.revision.unwrap_or_default(), repoid, contenthash, tags, records })
    }
}

impl Draft {
    fn bad(&self, field: &'static str, value: &str) -> Error {
        Error::Field { kind: shortened(&self.kind), field, value: shortened(value) }
    }

    fn set(&mut self, field: &str, text: &str) -> Result<(), Error> {
        match field {
            "checksum" => self.checksum = Some(self.checksum("checksum", self.checksum.is_some(), text)?),
            "open-checksum" => {
                self.open_checksum = Some(self.checksum("open-checksum", self.open_checksum.is_some(), text)?);
            }
            "header-checksum" => {
                self.header_checksum = Some(self.checksum("header-checksum", self.header_checksum.is_some(), text)?);
            }
            "timestamp" => {
                // Some writers add a fraction of the second.
                let whole = text.split('.').next().unwrap_or_default();
                self.timestamp = Some(whole.parse().map_err(|_| self.bad("timestamp", text))?);
            }
            "size" => self.size = Some(text.parse().map_err(|_| self.bad("size", text))?),
            "open-size" => self.open_size = Some(text.parse().map_err(|_| self.bad("open-size", text))?),
            "header-size" => self.header_size = Some(text.parse().map_err(|_| self.bad("header-size", text))?),
            "database_version" => {
                self.database_version = Some(text.parse().map_err(|_| self.bad("database_version", text))?);
            }
            _ => {}
        }
        Ok(())
    }

    fn checksum(&self, field: &'static str, repeated: bool, text: &str) -> Result<Checksum, Error> {
        let digits = match &*self.algorithm {
            "md5" => 32,
            "sha" | "sha1" => 40,
            "sha224" => 56,
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            other => return Err(self.bad(field, other)),
        };
        if repeated || text.len() != digits || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.bad(field, text));
        }
        Ok(Checksum { algorithm: self.algorithm.clone(), hex: text.to_ascii_lowercase() })
    }

    /// Takes the place of the file, which must lie inside the repository.
    fn set_href(&mut self, href: String) -> Result<(), Error> {
        let leads_out = href.starts_with('/')
            || href.contains([':', '\\', '%', '?', '#'])
            || href.chars().any(char::is_control)
            || href.split('/').any(|step| matches!(step, "" | "." | ".."));
        if leads_out || self.href.is_some() {
            return Err(self.bad("location", &href));
        }
        self.href = Some(href);
        Ok(())
    }

    fn finish(mut self) -> Result<Record, Error> {
        let Some(checksum) = self.checksum.take() else { return Err(self.bad("checksum", "")) };
        let Some(href) = self.href.take() else { return Err(self.bad("location", "")) };
        Ok(Record {
            kind: self.kind,
            checksum,
            open_checksum: self.open_checksum,
            header_checksum: self.header_checksum,
            href,
            base: self.base,
            timestamp: self.timestamp.unwrap_or(0),
            size: self.size,
            open_size: self.open_size,
            header_size: self.header_size,
            database_version: self.database_version,
        })
    }
}

fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, Error> {
    let Some(found) = start.try_get_attribute(name).map_err(|error| Error::Xml(error.into()))? else {
        return Ok(None);
    };
    let value = found.normalized_value(quick_xml::XmlVersion::Implicit1_0).map_err(Error::Xml)?;
    Ok(Some(value.into_owned()))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF";

    fn with_record(fields: &str) -> String {
        format!("<repomd><revision>1</revision><data type=\"primary\">{fields}</data></repomd>")
    }

    fn whole(more: &str) -> String {
        with_record(&format!("<checksum type=\"sha256\">{HEX}</checksum><location href=\"repodata/p.xml\"/>{more}"))
    }

    fn refusal(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_others_write_is_read() {
        let text = format!(
            "<?xml version='1.0'?><!-- x --><r:repomd xmlns:r='u'><r:tags><r:distro>\n d </r:distro><r:new>x</r:new>\
             <r:repo>x</r:repo></r:tags><r:revision> a&amp;b&#65; </r:revision>\
             <r:data type='g&lt;'><r:checksum type='sha256'>\n{HEX}\n</r:checksum>\
             <r:location href='repodata/a&amp;b'></r:location><r:timestamp>12.75</r:timestamp><r:size>5</r:size>\
             <r:open-size>6</r:open-size><r:database_version>10</r:database_version><r:other><r:size>x</r:size></r:other>\
             </r:data></r:repomd>"
        );
        let repomd = parse(text.as_bytes()).unwrap();
        assert_eq!(repomd.revision, "a&bA");
        assert_eq!((repomd.tags.repo[0].as_str(), repomd.tags.distro[0].name.as_str()), ("x", "d"));
        let record = repomd.record("g<").unwrap();
        assert_eq!((record.href.as_str(), record.timestamp), ("repodata/a&b", 12));
        assert_eq!((record.size, record.open_size, record.database_version), (Some(5), Some(6), Some(10)));
        assert_eq!(record.checksum.to_sha256().unwrap().to_string(), HEX.to_ascii_lowercase());
    }

    #[test]
    fn places_outside_of_the_repository_are_refused() {
        for href in
            ["/etc/x", "../x", "a/../x", "a/./x", "a//x", "", "http://h/x", "file:x", "a\\x", "a%2e%2e/x", "a&#10;x"]
        {
            let text = with_record(&format!("<checksum type='sha256'>{HEX}</checksum><location href='{href}'/>"));
            assert!(matches!(parse(text.as_bytes()), Err(Error::Field { field: "location", .. })), "{href}");
        }
    }

    #[test]
    fn what_is_no_repomd_is_refused() {
        for (text, refused) in [
            ("", "repomd.xml ends before its root does"),
            ("<repomd>", "repomd.xml ends before its root does"),
            ("<html></html>", "repomd.xml has another root"),
            ("<repomd/><repomd/>", "repomd.xml has another root"),
            ("<repomd><data/></repomd>", "repomd.xml has a record without a type"),
            ("<!DOCTYPE x [<!ENTITY a 'b'>]><repomd/>", "repomd.xml has a document type declaration"),
            ("<repomd>&lol;</repomd>", "repomd.xml refers to an entity that XML does not have"),
            ("<repomd></data>", "repomd.xml is not well-formed"),
            ("<repomd><data type='&x;'/></repomd>", "repomd.xml is not well-formed"),
        ] {
            assert_eq!(refusal(text), refused, "{text}");
        }
        assert!(refusal(&"<repomd>".repeat(100)).contains("nested too deep"));
        assert!(matches!(parse(b"\xff"), Err(Error::Repomd("is not UTF-8"))));
        assert!(matches!(parse(&vec![b' '; MOST_BYTES + 1]), Err(Error::Repomd("is larger than 4 MiB"))));
        let record = whole("").replace("<repomd><revision>1</revision>", "").replace("</repomd>", "");
        let many = format!("<repomd>{}</repomd>", record.repeat(MOST_RECORDS + 1));
        assert_eq!(refusal(&many), "repomd.xml has more than 1,000 records");
        let many = format!("<repomd><tags>{}</tags></repomd>", "<repo>x</repo>".repeat(MOST_TAGS + 1));
        assert_eq!(refusal(&many), "repomd.xml has more than 10,000 tags");
    }

    #[test]
    fn fields_that_lie_are_refused_by_name() {
        assert!(parse(whole("").as_bytes()).is_ok());
        for (text, field) in [
            (whole("<size>-1</size>"), "size"),
            (whole("<open-size>1e9</open-size>"), "open-size"),
            (whole("<timestamp>now</timestamp>"), "timestamp"),
            (whole("<database_version>x</database_version>"), "database_version"),
            (whole("<location href='again'/>"), "location"),
            (whole("<checksum type='sha256'>00</checksum>"), "checksum"),
            (whole("<open-checksum type='crc'>00</open-checksum>"), "open-checksum"),
            (with_record("<location href='x'/>"), "checksum"),
            (with_record(&format!("<checksum type='sha256'>{HEX}</checksum>")), "location"),
        ] {
            assert!(refusal(&text).starts_with(&format!("{field} of the primary record")), "{text}");
        }
    }
}
