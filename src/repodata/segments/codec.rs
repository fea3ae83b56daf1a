//! How is one segment compressed and opened? By itself, so that segments can be joined in any order.

use std::io::{self, Read, Write};

use flate2::GzBuilder;
use zstd::zstd_safe::CParameter;

use super::super::Compression;

/// Returns the binary logarithm of the size of zstd's table of places to look at, where it is not the
/// level's own. From level 6 on these outgrow the cache that a core has for itself: with a smaller one,
/// metadata is compressed a fourth to a half quicker, and by about 1 % less (`docs/benchmarks.md`).
pub(super) fn table(level: i32) -> Option<u32> {
    (6..=12).contains(&level).then_some(17)
}

/// Compresses segments one after another.
pub(super) struct Compressor {
    compression: Compression,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let zstd = match compression {
            Compression::Zstd { level } => {
                let mut zstd = zstd::bulk::Compressor::new(level)?;
                if let Some(table) = table(level) {
                    zstd.set_parameter(CParameter::HashLog(table))?;
                }
                Some(zstd)
            }
            _ => None,
        };
        Ok(Self { compression, zstd })
    }

    /// Returns the frame of a text: equal texts, equal frames.
    pub(super) fn compress(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        match (&mut self.zstd, self.compression) {
            (Some(zstd), _) => zstd.compress(text),
            (None, Compression::Gzip { level }) => {
                // No name and no time, so that equal texts give equal bytes.
                let mut out = GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::new(level));
                out.write_all(text)?;
                out.finish()
            }
            (None, Compression::None) => Ok(text.to_vec()),
            // Segments are never made so.
            (None, _) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Returns the text of a frame, which is `size` bytes long.
///
/// # Errors
/// It is damaged or of another length, or nothing is compressed so by segments.
pub fn open(compression: Compression, frame: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let text = match compression {
        Compression::Zstd { .. } => zstd::bulk::decompress(frame, size)?,
        Compression::Gzip { .. } => {
            let mut text = Vec::with_capacity(size);
            flate2::read::GzDecoder::new(frame).take(size as u64 + 1).read_to_end(&mut text)?;
            text
        }
        Compression::None => frame.to_vec(),
        Compression::Xz { .. } | Compression::Bzip2 { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    if text.len() == size { Ok(text) } else { Err(io::Error::other("its text has another length")) }
}
