//! Which mirrors has a repository? What a metalink or a list of mirrors says.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::place::Place;
use crate::model::ChecksumType;

/// Most mirrors that are kept, and most bytes that are looked at.
const MOST: usize = 200;
const MOST_BYTES: usize = 1 << 20;
const DEEPEST: usize = 16;
const METADATA: &str = "repodata/repomd.xml";

/// A metalink that says nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BadMetalink {
    /// Not well-formed.
    #[error("the metalink is not well-formed")]
    Xml(#[source] quick_xml::Error),
    /// Well-formed, and not what it has to be.
    #[error("the metalink {0}")]
    Content(&'static str),
}

/// What a metalink says of `repomd.xml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metalink {
    /// Where the repository is, best first.
    pub bases: Vec<Place>,
    /// Digests that `repomd.xml` may have: of the newest, and of older ones that mirrors may still have.
    /// Each with its size, where that is told; only the strongest algorithm of each.
    pub versions: Vec<(ChecksumType, String, Option<u64>)>,
}

/// Returns the places that a list of mirrors names, one a line; lines that are no URL, and comments, are
/// passed over. `$` variables are not known here.
pub fn mirrorlist(text: &str) -> Vec<Place> {
    let text = text.get(..MOST_BYTES).unwrap_or(text);
    let urls = text.lines().map(str::trim).filter(|line| is_web(line));
    urls.filter_map(|line| Place::parse(line).ok()).take(MOST).collect()
}

/// Reads a metalink, version 3 with MirrorManager's alternates, as Fedora and others serve it.
///
/// # Errors
/// It is not well-formed, too large or too deep, or names no mirror.
pub fn metalink(text: &str) -> Result<Metalink, BadMetalink> {
    if text.len() > MOST_BYTES {
        return Err(BadMetalink::Content("is larger than 1 MiB"));
    }
    let mut reader = Reader::from_str(text);
    let mut state = State::default();
    loop {
        match reader.read_event().map_err(BadMetalink::Xml)? {
            Event::Start(start) => state.open(&start)?,
            Event::End(_) => state.close(),
            Event::Text(text) => state.text.push_str(&text.xml10_content()),
            Event::CData(text) => state.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => match &*reference {
                "amp" => state.text.push('&'),
                _ => return Err(BadMetalink::Content("refers to an entity that no URL needs")),
            },
            Event::DocType(_) => return Err(BadMetalink::Content("has a document type declaration")),
            Event::Eof => return state.finish(),
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct State {
    /// Local names of the open elements, with the attribute that counts there.
    path: Vec<(String, String)>,
    text: String,
    /// Preference and place.
    urls: Vec<(i64, Place)>,
    version: Version,
    versions: Vec<Version>,
}

#[derive(Default, Clone)]
struct Version {
    size: Option<u64>,
    digest: Option<(ChecksumType, String)>,
}

impl State {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), BadMetalink> {
        let name = start.local_name().as_ref().to_owned();
        let counts = match &*name {
            "url" => "preference",
            "hash" => "type",
            "file" => "name",
            _ => "",
        };
        let value = start.try_get_attribute(counts).map_err(|error| BadMetalink::Xml(error.into()))?;
        let value = value.map(|found| found.value.into_owned()).unwrap_or_default();
        if self.path.len() == DEEPEST {
            return Err(BadMetalink::Content("has elements nested too deep"));
        }
        if name == "alternate" {
            self.keep_version();
        }
        self.path.push((name, value));
        self.text.clear();
        Ok(())
    }

    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        let is_metadata = self.path.iter().any(|(name, value)| name == "file" && value == "repomd.xml");
        let Some((name, value)) = self.path.pop() else { return };
        match &*name {
            _ if !is_metadata => {}
            "url" if is_web(text) && self.urls.len() < MOST => {
                let base = text.strip_suffix(METADATA).and_then(|base| Place::parse(base).ok());
                self.urls.extend(base.map(|base| (value.parse().unwrap_or(0), base)));
            }
            "size" => self.version.size = text.parse().ok(),
            "hash" => {
                let digest =
                    value.parse::<ChecksumType>().ok().filter(|algorithm| algorithm.hex_digits() == text.len());
                let digest = digest.map(|algorithm| (algorithm, text.to_ascii_lowercase()));
                self.version.digest = self.version.digest.take().max(digest);
            }
            "alternate" | "file" => self.keep_version(),
            _ => {}
        }
    }

    fn keep_version(&mut self) {
        let version = std::mem::take(&mut self.version);
        if version.digest.is_some() && self.versions.len() < MOST {
            self.versions.push(version);
        }
    }

    fn finish(mut self) -> Result<Metalink, BadMetalink> {
        if self.urls.is_empty() || !self.path.is_empty() {
            return Err(BadMetalink::Content("names no mirror of repodata/repomd.xml"));
        }
        self.urls.sort_by_key(|(preference, _)| -preference);
        let bases = self.urls.into_iter().map(|(_, base)| base).collect();
        let versions = self.versions.into_iter();
        let versions = versions.filter_map(|version| version.digest.map(|(a, hex)| (a, hex, version.size))).collect();
        Ok(Metalink { bases, versions })
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(places: &[Place]) -> Vec<String> {
        places.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn mirrors_of_a_list_are_web_addresses_only() {
        let text = "# comment\n\nhttp://a/x/\nfile:///etc\n  https://b/y  \nnonsense\nhttp://\n";
        assert_eq!(shown(&mirrorlist(text)), ["http://a/x/", "https://b/y"]);
    }

    #[test]
    fn a_metalink_tells_mirrors_by_preference_and_digests() {
        let (sha256, sha512, old) = ("a".repeat(64), "B".repeat(128), "c".repeat(64));
        let text = format!(
            r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml"><mm0:timestamp>1</mm0:timestamp><size>123</size>
  <verification><hash type="md5">{}</hash><hash type="sha512">{sha512}</hash><hash type="sha256">{sha256}</hash></verification>
  <mm0:alternates><mm0:alternate><size>99</size><verification><hash type="sha256">{old}</hash></verification></mm0:alternate></mm0:alternates>
  <resources maxconnections="1">
   <url protocol="rsync" type="rsync" preference="100">rsync://r/x/repodata/repomd.xml</url>
   <url protocol="http" type="http" location="US" preference="90">http://a/x/repodata/repomd.xml</url>
   <url protocol="https" type="https" location="DE" preference="100">https://b/y?a=1&amp;b=2/repodata/repomd.xml</url>
  </resources></file>
  <file name="other"><resources><url preference="200">http://c/repodata/repomd.xml</url></resources></file></files>
</metalink>"#,
            "d".repeat(32)
        );
        let found = metalink(&text).unwrap();
        assert_eq!(shown(&found.bases), ["https://b/y?a=1&b=2/", "http://a/x/"]);
        let versions =
            [(ChecksumType::Sha512, sha512.to_lowercase(), Some(123)), (ChecksumType::Sha256, old, Some(99))];
        assert_eq!(found.versions, versions);
    }

    #[test]
    fn what_is_no_metalink_is_refused() {
        for text in ["", "<metalink/>", "<metalink><files></metalink>", "<!DOCTYPE m [<!ENTITY a 'b'>]><metalink/>"] {
            assert!(metalink(text).is_err(), "{text}");
        }
        assert!(metalink(&"<a>".repeat(20)).is_err());
        assert!(metalink(&" ".repeat(MOST_BYTES + 1)).is_err());
    }
}
