//! What does `repomd.xml` hold? The records of a repository's metadata files, and its bytes.

use super::error::Error;
use super::output::Digested;
use super::repomd_parse;
use super::xml::{push_attribute, push_element, push_text};
use crate::model::Sha256;

/// A `repomd.xml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repomd {
    /// What its writer calls this state: usually seconds after 1970; readers of EL7's age refuse one
    /// that falls.
    pub revision: String,
    /// A name of the repository, if it has one.
    pub repoid: Option<Typed>,
    /// A digest of all content, in whatever way its writer takes it.
    pub contenthash: Option<Typed>,
    /// What the repository says of itself.
    pub tags: Tags,
    /// The records. Written as createrepo_c orders them, whatever their order here.
    pub records: Vec<Record>,
}

/// A text with the kind of thing it is, as its writer calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Attribute `type`: an algorithm, mostly.
    pub kind: Option<String>,
    /// The text.
    pub text: String,
}

/// The tags of a repository, each list in the order it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// What its packages are: `binary-x86_64`, …
    pub content: Vec<String>,
    /// What it is itself.
    pub repo: Vec<String>,
    /// Which distributions it is for.
    pub distro: Vec<Distro>,
}

/// A distribution that a repository is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distro {
    /// Its name in the Common Platform Enumeration, if it is told.
    pub cpeid: Option<String>,
    /// Its name.
    pub name: String,
}

/// One metadata file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Type: `primary`, `filelists`, `other`, `group`, `updateinfo` or any other.
    pub kind: String,
    /// Digest of the file: the one value that every reader verifies.
    pub checksum: Checksum,
    /// Digest of the uncompressed bytes.
    pub open_checksum: Option<Checksum>,
    /// Digest of the header of a zchunk file.
    pub header_checksum: Option<Checksum>,
    /// Where it lies below `base`, or below the repository where there is none.
    pub href: String,
    /// `xml:base` of the location.
    pub base: Option<String>,
    /// When it was written, seconds after 1970.
    pub timestamp: i64,
    /// Size of the file in bytes.
    pub size: Option<u64>,
    /// Size of the uncompressed bytes.
    pub open_size: Option<u64>,
    /// Size of the header of a zchunk file.
    pub header_size: Option<u64>,
    /// Version of the format of SQLite files, types that end in `_db`.
    pub database_version: Option<u64>,
}

impl Record {
    /// Returns whether the file lists packages: in XML, or in the forms made of that.
    pub fn is_listing(&self) -> bool {
        FIRST.contains(&self.kind.as_str()) || self.kind == "filelists-ext"
    }

    /// Returns the record of a file in `repodata/`; `timestamp` in seconds after 1970.
    pub fn of(kind: &str, name: &str, file: Digested, open: Option<Digested>, timestamp: i64) -> Self {
        Self {
            kind: kind.to_owned(),
            checksum: file.checksum,
            open_size: open.as_ref().map(|open| open.size),
            open_checksum: open.map(|open| open.checksum),
            header_checksum: None,
            href: format!("repodata/{name}"),
            base: None,
            timestamp,
            size: Some(file.size),
            header_size: None,
            database_version: None,
        }
    }
}

/// A digest as other people's metadata writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// `sha256`, `sha512`, …
    pub algorithm: String,
    /// Hex digits, lower case.
    pub hex: String,
}

impl Checksum {
    /// Returns the checksum that a SHA-256 is.
    pub fn sha256(digest: &Sha256) -> Self {
        Self { algorithm: "sha256".to_owned(), hex: digest.to_string() }
    }

    /// Returns the SHA-256 that this is; `None` for another algorithm.
    pub fn to_sha256(&self) -> Option<Sha256> {
        if self.algorithm != "sha256" {
            return None;
        }
        self.hex.parse().ok()
    }
}

/// The types that come first, in this order; all others follow by type, then by place.
const FIRST: [&str; 9] = [
    "primary",
    "filelists",
    "other",
    "primary_db",
    "filelists_db",
    "other_db",
    "primary_zck",
    "filelists_zck",
    "other_zck",
];

impl Repomd {
    /// Returns the first record of a type.
    pub fn record(&self, kind: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.kind == kind)
    }

    /// Reads a `repomd.xml`, from whomever it comes. Elements that nobody knows are passed over.
    ///
    /// # Errors
    /// It is larger than 4 MiB, has more than 1,000 records, is not well-formed, has a document type
    /// declaration, or a record whose fields are missing, repeated, absurd or lead out of the
    /// repository.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        repomd_parse::parse(bytes)
    }

    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n",
        );
        push_element(&mut out, "  ", "revision", &self.revision);
        for (name, typed) in [("repoid", &self.repoid), ("contenthash", &self.contenthash)] {
            if let Some(typed) = typed {
                push_typed(&mut out, name, typed);
            }
        }
        push_tags(&mut out, &self.tags);
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by_key(|record| {
            let rank = FIRST.iter().position(|first| *first == record.kind).unwrap_or(FIRST.len());
            (rank, &record.kind, &record.href)
        });
        for record in records {
            push_record(&mut out, record);
        }
        out.push_str("</repomd>\n");
        out.into_bytes()
    }
}

fn push_typed(out: &mut String, name: &str, typed: &Typed) {
    let attributes: &[(&str, Option<&str>)] = &[("type", typed.kind.as_deref())];
    push_with(out, "  ", name, attributes, &typed.text);
}

fn push_tags(out: &mut String, tags: &Tags) {
    if *tags == Tags::default() {
        return;
    }
    out.push_str("  <tags>\n");
    for (name, texts) in [("content", &tags.content), ("repo", &tags.repo)] {
        for text in texts {
            push_element(out, "    ", name, text);
        }
    }
    for distro in &tags.distro {
        push_with(out, "    ", "distro", &[("cpeid", distro.cpeid.as_deref())], &distro.name);
    }
    out.push_str("  </tags>\n");
}

/// Appends an element with attributes on a line of its own; absent attributes are left out.
fn push_with(out: &mut String, indent: &str, name: &str, attributes: &[(&str, Option<&str>)], text: &str) {
    out.push_str(indent);
    out.push('<');
    out.push_str(name);
    for (name, value) in attributes {
        if let Some(value) = value {
            push_attribute(out, name, value);
        }
    }
    out.push('>');
    push_text(out, text);
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

fn push_record(out: &mut String, record: &Record) {
    out.push_str("  <data");
    push_attribute(out, "type", &record.kind);
    out.push_str(">\n");
    push_checksum(out, "checksum", &record.checksum);
    if let Some(open) = &record.open_checksum {
        push_checksum(out, "open-checksum", open);
    }
    if let Some(header) = &record.header_checksum {
        push_checksum(out, "header-checksum", header);
    }
    out.push_str("    <location");
    push_attribute(out, "href", &record.href);
    if let Some(base) = &record.base {
        push_attribute(out, "xml:base", base);
    }
    out.push_str("/>\n");
    push_element(out, "    ", "timestamp", &record.timestamp.to_string());
    let numbers = [
        ("size", record.size),
        ("open-size", record.open_size),
        ("header-size", record.header_size),
        ("database_version", record.database_version),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            push_element(out, "    ", name, &number.to_string());
        }
    }
    out.push_str("  </data>\n");
}

fn push_checksum(out: &mut String, element: &str, checksum: &Checksum) {
    push_with(out, "    ", element, &[("type", Some(&checksum.algorithm))], &checksum.hex);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, href: &str) -> Record {
        Record {
            kind: kind.to_owned(),
            checksum: Checksum::sha256(&Sha256::from_bytes([1; 32])),
            open_checksum: None,
            header_checksum: None,
            href: href.to_owned(),
            base: None,
            timestamp: 7,
            size: Some(8),
            open_size: None,
            header_size: None,
            database_version: None,
        }
    }

    #[test]
    fn the_bytes_are_createrepos() {
        let digest = "01".repeat(32);
        let full = Record {
            open_checksum: Some(Checksum { algorithm: "sha512".to_owned(), hex: "ab".repeat(64) }),
            header_checksum: Some(Checksum { algorithm: "sha1".to_owned(), hex: "cd".repeat(20) }),
            base: Some("http://b/".to_owned()),
            open_size: Some(9),
            header_size: Some(4),
            database_version: Some(10),
            ..record("primary", "repodata/p&.xml")
        };
        let open = "ab".repeat(64);
        let header = "cd".repeat(20);
        let typed = |kind: Option<&str>, text: &str| Typed { kind: kind.map(str::to_owned), text: text.to_owned() };
        let repomd = Repomd {
            revision: "5".to_owned(),
            repoid: Some(typed(Some("sha256"), "r&")),
            contenthash: Some(typed(None, "abc")),
            tags: Tags {
                content: vec!["c<".to_owned(), "a".to_owned()],
                repo: vec!["r".to_owned()],
                distro: vec![
                    Distro { cpeid: Some("cpe:/o&".to_owned()), name: "d".to_owned() },
                    Distro { cpeid: None, name: "e".to_owned() },
                ],
            },
            records: vec![full],
        };
        let expected = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>5</revision>
  <repoid type="sha256">r&amp;</repoid>
  <contenthash>abc</contenthash>
  <tags>
    <content>c&lt;</content>
    <content>a</content>
    <repo>r</repo>
    <distro cpeid="cpe:/o&amp;">d</distro>
    <distro>e</distro>
  </tags>
  <data type="primary">
    <checksum type="sha256">{digest}</checksum>
    <open-checksum type="sha512">{open}</open-checksum>
    <header-checksum type="sha1">{header}</header-checksum>
    <location href="repodata/p&amp;.xml" xml:base="http://b/"/>
    <timestamp>7</timestamp>
    <size>8</size>
    <open-size>9</open-size>
    <header-size>4</header-size>
    <database_version>10</database_version>
  </data>
</repomd>
"#
        );
        assert_eq!(String::from_utf8(repomd.to_bytes()).unwrap(), expected);
        assert_eq!(Repomd::parse(expected.as_bytes()).unwrap(), repomd);
    }

    #[test]
    fn records_are_written_in_the_usual_order() {
        let given = [
            ("updateinfo", "u"),
            ("other", "o"),
            ("group", "b"),
            ("group", "a"),
            ("primary_db", "d"),
            ("primary", "p"),
        ];
        let records = given.map(|(kind, href)| record(kind, href)).to_vec();
        let written = Repomd { records, ..Repomd::default() }.to_bytes();
        let hrefs: Vec<String> =
            Repomd::parse(&written).unwrap().records.into_iter().map(|record| record.href).collect();
        assert_eq!(hrefs, ["p", "o", "d", "a", "b", "u"]);
    }
}
