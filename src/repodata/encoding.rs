//! How is a metadata file compressed, and which of its checksums are taken?
//!
//! Compresses nothing: `output` does.

use crate::config;
use crate::model::ChecksumType;

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
    /// xz, smallest and slowest; createrepo_c has level 5.
    Xz {
        /// 0 to 9.
        level: u32,
    },
    /// bzip2, as the oldest repositories were; createrepo_c has level 9.
    Bzip2 {
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
            config::Compression::Xz { level } => Self::Xz { level },
        }
    }
}

impl Compression {
    /// Returns how segments are kept of which files are made that are compressed like this. A stream of xz or
    /// bzip2 is not joined of parts that were compressed by themselves, since not all readers take that: it is
    /// compressed whole, of segments that are quick to open.
    pub fn of_segments(self) -> Self {
        match self {
            Self::Xz { .. } | Self::Bzip2 { .. } => Self::Zstd { level: 1 },
            Self::Zstd { .. } | Self::Gzip { .. } | Self::None => self,
        }
    }

    /// Returns the end of the file's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Zstd { .. } => ".zst",
            Self::Gzip { .. } => ".gz",
            Self::Xz { .. } => ".xz",
            Self::Bzip2 { .. } => ".bz2",
            Self::None => "",
        }
    }
}

/// Which checksums of a metadata file are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// By which algorithm.
    pub checksum: ChecksumType,
    /// Whether digest and size of the uncompressed bytes are taken too; no reader in use needs
    /// them. An uncompressed file has none.
    pub open: bool,
}
