//! How much of somebody's metadata is let in? Bounds on everything that a file could have without end.

/// What a metadata file may have at most. The defaults are about ten times what the largest
/// distributions have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the uncompressed stream.
    pub open_bytes: u64,
    /// Uncompressed bytes for each compressed one, beyond the first [`RATIO_FREE`] bytes.
    pub ratio: u64,
    /// Bytes of one package's element: all of it is in memory at once.
    pub package_bytes: usize,
    /// Bytes of one tag with its attributes.
    pub tag_bytes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Elements inside each other.
    pub depth: usize,
    /// Packages of one file. The number that a file announces is never trusted.
    pub packages: u64,
}

/// So many uncompressed bytes pass whatever their ratio: small repositories of packages that are all
/// alike compress very well.
pub const RATIO_FREE: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_bytes: 16 << 30,
            ratio: 1_000,
            package_bytes: 128 << 20,
            tag_bytes: 1 << 20,
            attributes: 32,
            depth: 16,
            packages: 5_000_000,
        }
    }
}
