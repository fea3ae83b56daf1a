//! What are the bytes of primary, filelists and other? Head, packages, tail, compressed on the way.
//!
//! Holds one package at a time. Equal packages, equal encoding: equal bytes.

use std::borrow::Cow;
use std::io::Write;

use super::encoding::{Compression, Encoding};
use super::error::Error;
use super::fragments::Fragments;
use super::kind::Kind;
use super::output::{Digested, Output};
use super::render::push_location;
use super::repomd::{Checksum, Record};
use crate::model::{Nevra, Sha256};

/// Where a listing says that a package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Path below the repository, as it shall stand in the file.
    pub href: String,
    /// Modification time of the file, seconds after 1970.
    pub time_file: i64,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which file it is.
    pub kind: Kind,
    /// How it is compressed.
    pub compression: Compression,
    /// The file as it went to the sink.
    pub file: Digested,
    /// The bytes before compression, if they were asked for.
    pub open: Option<Digested>,
}

impl Written {
    /// Returns the name that the file shall have: `SHA256-primary.xml.zst`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.xml{}", self.file.sha256, self.kind.as_str(), self.compression.suffix())
    }

    /// Returns the record of the file in `repomd.xml`; `timestamp` in seconds after 1970.
    pub fn record(&self, timestamp: i64) -> Record {
        Record {
            kind: self.kind.as_str().to_owned(),
            checksum: Checksum::sha256(&self.file.sha256),
            open_checksum: self.open.map(|open| Checksum::sha256(&open.sha256)),
            href: format!("repodata/{}", self.file_name()),
            timestamp,
            size: Some(self.file.size),
            open_size: self.open.map(|open| open.size),
            database_version: None,
        }
    }
}

/// Writes one metadata file of `count` packages into `sink`.
///
/// The packages come in the canonical order, which is the same in all three files: by NEVRA (name,
/// arch, EVR), then digest, then location. They may be loaded one by one as they are asked for.
///
/// # Errors
/// A package cannot be had or is out of order, there are more or fewer than `count`, or the sink
/// refuses.
pub fn write<'a, E>(
    kind: Kind,
    packages: impl IntoIterator<Item = Result<(Cow<'a, Fragments>, Location), E>>,
    count: u64,
    encoding: Encoding,
    sink: impl Write,
) -> Result<Written, Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let open = encoding.open_checksum && encoding.compression != Compression::None;
    let mut out = Output::new(encoding.compression, open, sink)?;
    out.put(&kind.head(count))?;
    let mut came = 0;
    let mut order = Order::default();
    for package in packages {
        let (fragments, location) = package.map_err(|error| Error::Package(error.into()))?;
        came += 1;
        if came > count {
            break;
        }
        put_package(&mut out, kind, &fragments, &location)?;
        order.step(&fragments, location.href)?;
    }
    if came != count {
        return Err(Error::Count { announced: count, came });
    }
    out.put(&format!("</{}>", kind.root()))?;
    let (file, open) = out.finish()?;
    Ok(Written { kind, compression: encoding.compression, file, open })
}

/// Writes what one file says of a package.
fn put_package<W: Write>(
    out: &mut Output<W>,
    kind: Kind,
    fragments: &Fragments,
    location: &Location,
) -> Result<(), Error> {
    match kind {
        Kind::Primary => {
            let [head, middle, tail] = &fragments.primary;
            let mut place = String::new();
            push_location(&mut place, &location.href, None);
            for text in [head, &location.time_file.to_string(), middle, &place, tail] {
                out.put(text)?;
            }
            Ok(())
        }
        Kind::Filelists | Kind::FilelistsExt => out.put(&fragments.filelists),
        Kind::Other => out.put(&fragments.other),
    }
}

/// The package that came last, to hold the next one against.
#[derive(Default)]
struct Order(Option<(Nevra, Sha256, String)>);

impl Order {
    fn step(&mut self, fragments: &Fragments, href: String) -> Result<(), Error> {
        let key = (fragments.nevra.clone(), fragments.sha256, href);
        match self.0.take() {
            Some(last) if last > key => Err(Error::Order { href: key.2, before: last.2 }),
            _ => {
                self.0 = Some(key);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::{self, Read};

    use sha2::Digest;

    use super::super::testing::fragments;
    use super::*;

    const PLAIN: Encoding = Encoding { compression: Compression::None, open_checksum: true };

    fn location(href: &str) -> Location {
        Location { href: href.to_owned(), time_file: -5 }
    }

    fn written(kind: Kind, names: &[&str], count: u64, encoding: Encoding) -> Result<(Written, Vec<u8>), Error> {
        let packages = names
            .iter()
            .map(|name| Ok::<_, Infallible>((Cow::Owned(fragments(name)), location(&format!("{name}&.rpm")))));
        let mut bytes = Vec::new();
        let written = write(kind, packages, count, encoding, &mut bytes)?;
        Ok((written, bytes))
    }

    #[test]
    fn an_empty_repository_has_three_files_with_a_count_of_nothing() {
        let texts = Kind::ALL.map(|kind| String::from_utf8(written(kind, &[], 0, PLAIN).unwrap().1).unwrap());
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let base = "http://linux.duke.edu/metadata";
        assert_eq!(
            texts,
            [
                format!(
                    "{head}<metadata xmlns=\"{base}/common\" xmlns:rpm=\"{base}/rpm\" packages=\"0\">\n</metadata>"
                ),
                format!("{head}<filelists xmlns=\"{base}/filelists\" packages=\"0\">\n</filelists>"),
                format!("{head}<otherdata xmlns=\"{base}/other\" packages=\"0\">\n</otherdata>"),
            ]
        );
    }

    #[test]
    fn location_and_time_stand_where_they_belong() {
        let (_, bytes) = written(Kind::Primary, &["a"], 1, PLAIN).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("  <time file=\"-5\" build=\"100\"/>\n  <size "));
        assert!(text.contains("/>\n  <location href=\"a&amp;.rpm\"/>\n  <format>\n"));
    }

    #[test]
    fn each_compression_is_deterministic_and_told_truly() {
        let open = written(Kind::Other, &["a", "b"], 2, PLAIN).unwrap().1;
        for compression in [Compression::Zstd { level: 10 }, Compression::Gzip { level: 6 }] {
            let encoding = Encoding { compression, open_checksum: true };
            let (told, bytes) = written(Kind::Other, &["a", "b"], 2, encoding).unwrap();
            assert_eq!(written(Kind::Other, &["a", "b"], 2, encoding).unwrap(), (told.clone(), bytes.clone()));
            let mut unpacked = Vec::new();
            match compression {
                Compression::Gzip { .. } => flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut unpacked).unwrap(),
                _ => zstd::Decoder::new(&*bytes).unwrap().read_to_end(&mut unpacked).unwrap(),
            };
            assert_eq!(unpacked, open);
            let digested = |bytes: &[u8]| {
                let sha256 = Sha256::from_bytes(sha2::Sha256::digest(bytes).into());
                Digested { sha256, size: bytes.len() as u64 }
            };
            assert_eq!((told.file, told.open), (digested(&bytes), Some(digested(&open))));
            assert_eq!(told.file_name(), format!("{}-other.xml{}", told.file.sha256, compression.suffix()));
        }
    }

    #[test]
    fn gzip_tells_neither_time_nor_name() {
        let encoding = Encoding { compression: Compression::Gzip { level: 6 }, open_checksum: false };
        let (told, bytes) = written(Kind::Other, &[], 0, encoding).unwrap();
        assert_eq!(bytes[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!(told.open, None);
    }

    #[test]
    fn packages_out_of_order_are_refused() {
        let error = written(Kind::Primary, &["b", "a"], 2, PLAIN).unwrap_err().to_string();
        assert_eq!(error, "a&.rpm is out of order: it belongs before b&.rpm");
    }

    #[test]
    fn a_wrong_count_is_refused() {
        assert!(matches!(written(Kind::Primary, &["a"], 2, PLAIN), Err(Error::Count { announced: 2, came: 1 })));
        assert!(matches!(written(Kind::Primary, &["a", "b", "c"], 1, PLAIN), Err(Error::Count { came: 2, .. })));
    }

    #[test]
    fn a_package_that_cannot_be_had_ends_the_writing_with_its_cause() {
        let packages = [Err(io::Error::other("gone"))];
        let error = write(Kind::Other, packages, 1, PLAIN, io::sink()).unwrap_err();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "gone");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut small = [0; 10];
        let packages: [Result<_, Infallible>; 0] = [];
        for compression in [Compression::None, Compression::Gzip { level: 6 }, Compression::Zstd { level: 1 }] {
            let encoding = Encoding { compression, open_checksum: false };
            assert!(matches!(write(Kind::Other, packages.clone(), 0, encoding, &mut small[..]), Err(Error::Write(_))));
        }
    }
}
