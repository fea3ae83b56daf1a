//! What does `repomd.xml` hold? The records of a repository's metadata files, and its bytes.

use super::error::Error;
use super::repomd_parse;
use super::xml::{push_attribute, push_element};
use crate::model::Sha256;

/// A `repomd.xml`, as far as it names metadata files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repomd {
    /// What its writer calls this state: usually seconds after 1970; readers of EL7's age refuse one
    /// that falls.
    pub revision: String,
    /// The records. Written as createrepo_c orders them, whatever their order here.
    pub records: Vec<Record>,
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
    /// Where it lies below the repository.
    pub href: String,
    /// When it was written, seconds after 1970.
    pub timestamp: i64,
    /// Size of the file in bytes.
    pub size: Option<u64>,
    /// Size of the uncompressed bytes.
    pub open_size: Option<u64>,
    /// Version of the format of SQLite files, types that end in `_db`.
    pub database_version: Option<u64>,
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

    /// Reads a `repomd.xml`, from whomever it comes. What it holds besides revision and records
    /// (tags, content hash) is passed over.
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

fn push_record(out: &mut String, record: &Record) {
    out.push_str("  <data");
    push_attribute(out, "type", &record.kind);
    out.push_str(">\n");
    push_checksum(out, "checksum", &record.checksum);
    if let Some(open) = &record.open_checksum {
        push_checksum(out, "open-checksum", open);
    }
    out.push_str("    <location");
    push_attribute(out, "href", &record.href);
    out.push_str("/>\n");
    push_element(out, "    ", "timestamp", &record.timestamp.to_string());
    for (name, number) in
        [("size", record.size), ("open-size", record.open_size), ("database_version", record.database_version)]
    {
        if let Some(number) = number {
            push_element(out, "    ", name, &number.to_string());
        }
    }
    out.push_str("  </data>\n");
}

fn push_checksum(out: &mut String, element: &str, checksum: &Checksum) {
    out.push_str("    <");
    out.push_str(element);
    push_attribute(out, "type", &checksum.algorithm);
    out.push('>');
    out.push_str(&checksum.hex);
    out.push_str("</");
    out.push_str(element);
    out.push_str(">\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, href: &str) -> Record {
        Record {
            kind: kind.to_owned(),
            checksum: Checksum::sha256(&Sha256::from_bytes([1; 32])),
            open_checksum: None,
            href: href.to_owned(),
            timestamp: 7,
            size: Some(8),
            open_size: None,
            database_version: None,
        }
    }

    #[test]
    fn the_bytes_are_createrepos() {
        let digest = "01".repeat(32);
        let full = Record {
            open_checksum: Some(Checksum { algorithm: "sha512".to_owned(), hex: "ab".repeat(64) }),
            open_size: Some(9),
            database_version: Some(10),
            ..record("primary", "repodata/p&.xml")
        };
        let open = "ab".repeat(64);
        let repomd = Repomd { revision: "5".to_owned(), records: vec![full] };
        let expected = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>5</revision>
  <data type="primary">
    <checksum type="sha256">{digest}</checksum>
    <open-checksum type="sha512">{open}</open-checksum>
    <location href="repodata/p&amp;.xml"/>
    <timestamp>7</timestamp>
    <size>8</size>
    <open-size>9</open-size>
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
        let written = Repomd { revision: String::new(), records }.to_bytes();
        let hrefs: Vec<String> =
            Repomd::parse(&written).unwrap().records.into_iter().map(|record| record.href).collect();
        assert_eq!(hrefs, ["p", "o", "d", "a", "b", "u"]);
    }
}
