//! What is in a small file that may be compressed, and what is it called without that?

use std::io::{self, Read};

use crate::repodata::read::{Decompressed, Limits};

/// Most bytes that a small file may have uncompressed: comps and module documents take a few megabytes.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// Returns what a file holds uncompressed, however it is compressed: its first bytes tell.
///
/// # Errors
/// It is damaged, or larger than [`MOST_BYTES`].
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let limits = Limits { open_bytes: MOST_BYTES, ..Limits::default() };
    let mut open = Vec::new();
    Decompressed::new(packed, limits).map_err(io::Error::other)?.read_to_end(&mut open)?;
    Ok(open)
}

/// Returns the name of a file without the ending that tells how it is compressed.
pub(super) fn without_suffix(name: &str) -> &str {
    [".zst", ".gz", ".xz", ".bz2"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::options::Packing;
    use super::*;
    use crate::repodata::Packer;

    #[test]
    fn what_is_packed_is_unpacked_whatever_it_is_packed_with() {
        for packing in [Packing::Zstd, Packing::Gzip, Packing::Xz, Packing::Bzip2] {
            let mut packer = Packer::new(packing.compression(), Vec::new()).unwrap();
            packer.write_all(b"some text").unwrap();
            let packed = packer.finish().unwrap();
            assert_eq!(unpack(&packed).unwrap(), b"some text");
            assert!(unpack(&packed[..packed.len() - 3]).is_err(), "{packing:?}");
            assert_eq!(without_suffix(&format!("comps.xml{}", packing.suffix())), "comps.xml");
        }
        assert_eq!(unpack(b"plain").unwrap(), b"plain");
    }
}
