//! What is to be said of a metadata file that was written? Its name and its record.

use super::encoding::Compression;
use super::kind::Kind;
use super::output::Digested;
use super::repomd::Record;

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
    /// Returns the name that the file shall have: `CHECKSUM-primary.xml.zst`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.xml{}", self.file.checksum.hex, self.kind.as_str(), self.compression.suffix())
    }

    /// Returns the record of the file in `repomd.xml`; `timestamp` in seconds after 1970.
    pub fn record(&self, timestamp: i64) -> Record {
        Record::of(self.kind.as_str(), &self.file_name(), self.file.clone(), self.open.clone(), timestamp)
    }
}
