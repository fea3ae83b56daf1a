//! How is one segment compressed and opened? By itself, so that segments can be joined in any order.

use std::io;

use libdeflater::{CompressionLvl, Decompressor};
use zstd::zstd_safe::CParameter;

use super::super::Compression;

/// What zstd is told beside its level: the binary logarithm of the size of its table of places to look at, and
/// the shortest match it looks for.
pub(super) struct Tuning {
    pub table: u32,
    pub shortest: u32,
}

/// Returns what differs from the level's own. From level 6 on tables outgrow the cache that a core has for
/// itself: with a smaller one, metadata is compressed a fourth to a half quicker, and by about 1 % less. Repeated
/// words of metadata are long: not looking for short ones is a tenth quicker and no larger
/// (`docs/benchmarks.md`).
pub(super) fn tuning(level: i32) -> Option<Tuning> {
    (6..=12).contains(&level).then_some(Tuning { table: 17, shortest: 6 })
}

/// Compresses segments one after another.
pub(super) struct Compressor {
    way: Way,
}

enum Way {
    Zstd(zstd::bulk::Compressor<'static>),
    /// Twice as fast as zlib and smaller, since it has all of the text at once.
    Gzip(libdeflater::Compressor),
    Plain,
}

/// The library that gzip members are made with, which decides their bytes.
pub(super) const GZIP_LIBRARY: &str = "libdeflate-1.26";

impl Compressor {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
        let way = match compression {
            Compression::Zstd { level } => {
                let mut zstd = zstd::bulk::Compressor::new(level)?;
                if let Some(Tuning { table, shortest }) = tuning(level) {
                    zstd.set_parameter(CParameter::HashLog(table))?;
                    zstd.set_parameter(CParameter::MinMatch(shortest))?;
                }
                Way::Zstd(zstd)
            }
            Compression::Gzip { level } => {
                let level = i32::try_from(level).ok().and_then(|level| CompressionLvl::new(level).ok());
                Way::Gzip(libdeflater::Compressor::new(level.ok_or_else(unsupported)?))
            }
            Compression::None => Way::Plain,
            // Segments are never made so.
            Compression::Xz { .. } | Compression::Bzip2 { .. } => return Err(unsupported()),
        };
        Ok(Self { way })
    }

    /// Returns the frame of a text: equal texts, equal frames.
    pub(super) fn compress(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.way {
            Way::Zstd(zstd) => zstd.compress(text),
            // It tells neither a name nor a time.
            Way::Gzip(gzip) => {
                let mut out = vec![0; gzip.gzip_compress_bound(text.len())];
                let size = gzip.gzip_compress(text, &mut out).map_err(io::Error::other)?;
                out.truncate(size);
                Ok(out)
            }
            Way::Plain => Ok(text.to_vec()),
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
            let mut text = vec![0; size];
            let length = Decompressor::new().gzip_decompress(frame, &mut text).map_err(io::Error::other)?;
            text.truncate(length);
            text
        }
        Compression::None => frame.to_vec(),
        Compression::Xz { .. } | Compression::Bzip2 { .. } => return Err(io::ErrorKind::Unsupported.into()),
    };
    if text.len() == size { Ok(text) } else { Err(io::Error::other("its text has another length")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_that_is_named_is_the_one_that_is_built() {
        let locked =
            include_str!("../../../Cargo.lock").split("name = \"libdeflate-sys\"\nversion = \"").nth(1).unwrap();
        assert!(format!("libdeflate-{locked}").starts_with(&format!("{GZIP_LIBRARY}.")));
    }

    #[test]
    fn gzip_tells_neither_time_nor_name() {
        let frame = Compressor::new(Compression::Gzip { level: 6 }).unwrap().compress(b"text").unwrap();
        assert_eq!(frame[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!(open(Compression::Gzip { level: 6 }, &frame, 4).unwrap(), b"text");
    }
}
