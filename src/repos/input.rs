//! Is a file fit to be a record? Read whole, uncompressed, and checked as far as its type tells how.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::repodata::read::{self, Decompressed, Limits};

/// Most bytes of a file, uncompressed: ten times what the largest distributions have.
const MOST: u64 = 256 << 20;

/// Deepest nesting of elements; comps have five levels, updateinfo six.
const DEEPEST: usize = 64;

/// Why a file is not fit to be a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// It is not there, or cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is damaged where it is compressed.
    #[error("it cannot be uncompressed")]
    Packed(#[source] read::Problem),
    /// It is no regular file.
    #[error("it is no regular file")]
    NoFile,
    /// It is larger than any real one.
    #[error("it is larger than {} MiB uncompressed", MOST >> 20)]
    TooLarge,
    /// It holds nothing.
    #[error("it is empty")]
    Empty,
    /// It was written to meanwhile.
    #[error("it changed while it was read")]
    Changed,
    /// It is not UTF-8, or has characters that no text has.
    #[error("it is not UTF-8 text")]
    NotText,
    /// It is not well-formed.
    #[error("it is not well-formed XML")]
    Xml(#[source] quick_xml::Error),
    /// It is well-formed and not what it has to be.
    #[error("it {0}")]
    Document(String),
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([i64; 7]);

impl Stamp {
    /// Returns how a file is now; `None` where it cannot be seen.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|facts| Self::from(&facts))
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(facts: &fs::Metadata) -> Self {
        let (device, inode, size) = (facts.dev() as i64, facts.ino() as i64, facts.size() as i64);
        Self([device, inode, size, facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec()])
    }
}

/// Returns what a file says, uncompressed, if it can be a record of this type.
pub(super) fn read(path: &Path, kind: &str) -> Result<Vec<u8>, Problem> {
    // Not to wait for whoever writes, should it be a pipe.
    if !fs::metadata(path).map_err(Problem::Read)?.is_file() {
        return Err(Problem::NoFile);
    }
    let file = File::open(path).map_err(Problem::Read)?;
    let before = Stamp::from(&file.metadata().map_err(Problem::Read)?);
    let limits = Limits { open_bytes: MOST, ..Limits::default() };
    let mut bytes = Vec::new();
    let open = Decompressed::new(&file, limits).map_err(Problem::Packed)?;
    open.take(MOST + 1).read_to_end(&mut bytes).map_err(Problem::Read)?;
    if bytes.len() as u64 > MOST {
        return Err(Problem::TooLarge);
    }
    if Stamp::from(&file.metadata().map_err(Problem::Read)?) != before {
        return Err(Problem::Changed);
    }
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    check(&bytes, kind)?;
    Ok(bytes)
}

fn check(bytes: &[u8], kind: &str) -> Result<(), Problem> {
    let root = match kind {
        "group" => Some("comps"),
        "updateinfo" => Some("updates"),
        _ => None,
    };
    if root.is_some() || bytes.trim_ascii_start().starts_with(b"<?xml") {
        return check_xml(text(bytes)?, root);
    }
    if kind == "modules" && !text(bytes)?.contains("document:") {
        return Err(Problem::Document("has no module documents".to_owned()));
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(Problem::NotText)
}

/// Reads a document to its end: one root, closed, without entities of its own.
fn check_xml(text: &str, wanted: Option<&str>) -> Result<(), Problem> {
    let document = |why: &str| Problem::Document(why.to_owned());
    let mut reader = Reader::from_str(text);
    let (mut depth, mut roots) = (0, 0);
    loop {
        let event = reader.read_event().map_err(Problem::Xml)?;
        let is_root = depth == 0;
        let name = match &event {
            Event::Start(start) => {
                depth += 1;
                start.local_name()
            }
            Event::Empty(start) => start.local_name(),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::DocType(doctype) if doctype.contains('[') => {
                return Err(document("declares entities of its own"));
            }
            Event::Eof if depth > 0 || roots == 0 => return Err(document("ends before its root does")),
            Event::Eof => return Ok(()),
            _ => continue,
        };
        if depth > DEEPEST {
            return Err(document("nests elements deeper than any real one"));
        }
        if !is_root {
            continue;
        }
        roots += 1;
        if roots > 1 {
            return Err(document("has more than one root"));
        }
        let found: &str = name.as_ref();
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            let found: String = found.chars().take(60).collect();
            return Err(Problem::Document(format!("has the root {found:?} instead of {wanted:?}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chain;

    fn read_as(kind: &str, content: &[u8]) -> Result<Vec<u8>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        read(file.path(), kind).map_err(|problem| chain(&problem))
    }

    const COMPS: &str =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE comps PUBLIC \"-//x//EN\" \"comps.dtd\">\n<comps><group/></comps>\n";

    #[test]
    fn a_good_file_is_read_whatever_its_compression() {
        let gzip = |text: &str| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
            io::Write::write_all(&mut out, text.as_bytes()).unwrap();
            out.finish().unwrap()
        };
        assert_eq!(read_as("group", COMPS.as_bytes()).unwrap(), COMPS.as_bytes());
        assert_eq!(read_as("group", &gzip(COMPS)).unwrap(), COMPS.as_bytes());
        assert_eq!(read_as("updateinfo", &zstd::bulk::compress(b"<updates/>", 1).unwrap()).unwrap(), b"<updates/>");
        assert!(read_as("modules", b"---\ndocument: modulemd\nversion: 2\n").is_ok());
        assert!(read_as("productid", b"-----BEGIN CERTIFICATE-----\n\xff").is_ok(), "what nobody knows is not judged");
        assert!(read_as("vendor", b"<?xml version='1.0'?><x><y>&lt;</y></x>").is_ok());
    }

    #[test]
    fn a_bad_file_is_told_with_its_reason() {
        let deep = format!("<comps>{}", "<a>".repeat(100));
        for (kind, content, reason) in [
            ("group", "", "it is empty"),
            ("group", "<comps><group></comps>", "it is not well-formed XML"),
            ("group", "<comps><group>", "it ends before its root does"),
            ("group", "<updates/>", "it has the root \"updates\" instead of \"comps\""),
            ("group", "<comps/><comps/>", "it has more than one root"),
            ("group", "<!DOCTYPE comps [<!ENTITY a 'b'>]><comps>&a;</comps>", "it declares entities of its own"),
            ("group", &deep, "it nests elements deeper"),
            ("group", "just text", "it ends before its root does"),
            ("updateinfo", "<updates>\0</updates>", "it is not UTF-8 text"),
            ("modules", "[]", "it has no module documents"),
            ("vendor", "<?xml version='1.0'?><x>", "it ends before its root does"),
        ] {
            let refused = read_as(kind, content.as_bytes());
            assert!(refused.as_ref().is_err_and(|why| why.starts_with(reason)), "{kind} {content}: {refused:?}");
        }
        assert!(read_as("group", b"\x1f\x8b\x08").unwrap_err().starts_with("it cannot be"));
        assert!(read(Path::new("/nonexistent/comps.xml"), "group").is_err());
        assert!(matches!(read(Path::new("/tmp"), "group"), Err(Problem::NoFile)));
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let bomb = zstd::bulk::compress(&vec![b' '; 257 << 20], 1).unwrap();
        let refused = read_as("group", &bomb).unwrap_err();
        assert!(refused.contains("uncompressed"), "{refused}");
    }

    #[test]
    fn a_file_that_is_replaced_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        assert_eq!(Stamp::of(&path), None);
        std::fs::write(&path, "1").unwrap();
        std::fs::write(&other, "2").unwrap();
        let before = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path), Some(before));
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::of(&path), Some(before));
    }
}
