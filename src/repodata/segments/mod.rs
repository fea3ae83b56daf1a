//! How do metadata files follow a change at the cost of the change? They are lists of segments.
//!
//! The packages of a repository stand in one canonical order, the same in all files, and are cut by
//! content: whether a package begins a segment depends on nothing but the package. So the same set is cut the
//! same whatever its history, and one changed package rewrites at most two segments of a file. A segment is compressed by itself (a zstd frame, a gzip
//! member) and kept under the BLAKE3 of what it holds, whoever needs it.
//!
//! Nothing here knows a repository, a database or an RPM: packages come in as text, segments go out
//! through [`Frames`]. `docs/metadata-format.md` describes the bytes.

mod assemble;
mod codec;
mod cut;
mod error;
mod groups;
mod index;
mod keys;
mod manifest;
mod measure;
mod pool;
mod recover;
mod source;
mod spool;
#[cfg(test)]
mod tests;
mod texts;
mod update;

use std::io;
use std::num::NonZeroUsize;

pub use assemble::{Part, Parts, assemble, parts};
pub use codec::open;
pub use cut::Cuts;
pub use error::{Error, Failed};
pub use index::{Index, IndexFrame, TAIL};
pub use keys::{attribute, between, key_of, place};
pub use manifest::{Frame, Leaf, Manifest};
pub use measure::{Marks, measure};
pub use recover::recover;
pub use spool::Spool;
pub use update::update;

use super::encoding::Compression;
use super::kind::Kind;
use crate::model::{Blake3, Nevra};

/// How many kinds of files there are; arrays by kind are indexed by `Kind as usize`.
pub const KINDS: usize = 4;

/// A package's place in a repository. Ordered canonically: by name, arch, EVR, then digest, then location.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Name, arch, EVR.
    pub nevra: Nevra,
    /// Digest of the file, in hex: what joins the package's elements in the three files.
    pub pkgid: String,
    /// Location as readers get it, with its base if there is one.
    pub href: String,
}

/// A package as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its place.
    pub key: Key,
    /// Its element `<package …>…</package>` and a line feed, in each file by `Kind as usize`; empty for
    /// kinds that are not written.
    pub texts: [String; KINDS],
}

/// How segments are cut and compressed: what decides the bytes beside the packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How the files are compressed, and each segment as [`Compression::of_segments`] has it.
    pub compression: Compression,
    /// How large segments are.
    pub cuts: Cuts,
    /// Whether `filelists-ext` is written too.
    pub files_ext: bool,
    /// How many segments are compressed at once; of no effect on the bytes.
    pub threads: NonZeroUsize,
}

impl Settings {
    /// Returns the usual settings for a compression, with as many threads as there are cores.
    pub fn of(compression: Compression) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { compression, cuts: Cuts::default(), files_ext: false, threads }
    }

    /// Returns the kinds that are written.
    pub fn kinds(&self) -> &'static [Kind] {
        if self.files_ext { &[Kind::Primary, Kind::Filelists, Kind::Other, Kind::FilelistsExt] } else { &Kind::ALL }
    }
}

/// Where segments lie: a directory, a spool file, the data files of an older repository.
pub trait Frames: Sync {
    /// Returns the bytes of a segment that a manifest names.
    ///
    /// # Errors
    /// They are not there, or cannot be read. Whether they are the right ones need not be judged here.
    fn get(&self, kind: Kind, frame: &Frame) -> io::Result<Vec<u8>>;

    /// Returns the bytes kept under a name, if there are any, exactly as they were put: damage that opens to the same
    /// text would give a file that another process does not give.
    ///
    /// # Errors
    /// It cannot be found out.
    fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>>;

    /// Keeps bytes under a name.
    ///
    /// # Errors
    /// They cannot be kept.
    fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()>;

    /// Is told once of each file, as soon as `so_far` names all its segments and all of them can be had, while
    /// those of other files may still be made.
    fn complete(&self, _kind: Kind, _so_far: &Manifest) {}
}
