//! How is a metadata file compressed, and which of its checksums are taken?

use crate::config;

/// How a metadata file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// zstd; createrepo_c has level 10.
    Zstd {
        /// 1 to 22.
        level: i32,
    },
    /// gzip, for readers of EL7's age; createrepo_c had level 6.
    Gzip {
        /// 1 to 9.
        level: u32,
    },
    /// Not at all.
    None,
}

impl From<config::Compression> for Compression {
    fn from(chosen: config::Compression) -> Self {
        match chosen {
            config::Compression::Zstd { level } => Self::Zstd { level },
            config::Compression::Gzip { level } => Self::Gzip { level },
        }
    }
}

impl Compression {
    /// Returns the end of the file's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Zstd { .. } => ".zst",
            Self::Gzip { .. } => ".gz",
            Self::None => "",
        }
    }
}

/// How a metadata file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// How it is compressed.
    pub compression: Compression,
    /// Whether digest and size of the uncompressed bytes are taken too; no reader in use needs
    /// them. An uncompressed file has none.
    pub open_checksum: bool,
}
