//! What does a tag mean? Its package set: the builds of each package, most often one, with the exact files of each.
//!
//! A set is kept as a list of chunks, cut by content: a package's name begins a chunk where a hash
//! of the name says so. The cuts depend on nothing but the packages present, so equal sets have
//! equal chunks whatever their history, and tags that share packages share chunks.

use serde::{Deserialize, Serialize};

use super::{Blake3, Nevra, Nvr, PackageName, Sha256, Sigkey, TagName};

/// On average, one package name in this many begins a chunk.
const NAMES_PER_CHUNK: u32 = 32;

/// One RPM file of a set.
///
/// Ordered by NEVRA, then digest, as metadata lists packages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RpmEntry {
    /// Name, epoch, version, release, arch.
    pub nevra: Nevra,
    /// SHA-256 of the whole file: what the reuse of results goes by, never the NEVRA.
    pub sha256: Sha256,
    /// Size of the file in bytes.
    pub size: u64,
    /// The key that signed this copy; `None` for the unsigned one.
    pub sigkey: Option<Sigkey>,
    /// Where the file lies below `packages/` of the volume, and below the pool: `N/V/R/ARCH/FILE`.
    pub location: String,
}

/// One build of a set, whole: it enters and leaves on all arches together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEntry {
    /// Name, version and release of the build; its name is the package.
    pub nvr: Nvr,
    /// The tag whose listing it comes from: the tag itself, or one it inherits from.
    pub from: TagName,
    /// ExclusiveArch of the source header; empty where there is none.
    pub exclusive_arch: Vec<String>,
    /// ExcludeArch of the source header; empty where there is none.
    pub exclude_arch: Vec<String>,
    /// The build's RPMs, sorted by NEVRA, then digest.
    pub rpms: Vec<RpmEntry>,
}

impl BuildEntry {
    /// Returns the package, the name of the build.
    pub fn package(&self) -> &PackageName {
        self.nvr.name()
    }
}

/// A run of a package set: the builds of neighbouring package names, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The builds, sorted by package name, then NVR.
    pub builds: Vec<BuildEntry>,
}

impl Chunk {
    /// Returns the canonical bytes: equal chunks, equal bytes.
    ///
    /// # Panics
    /// Never: the types hold no map with keys that JSON refuses.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a chunk holds only strings, numbers and lists")
    }

    /// Returns the chunk held in `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Cuts builds, sorted by package name, into chunks.
    pub fn cut(builds: Vec<BuildEntry>) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut last: Option<PackageName> = None;
        for build in builds {
            let new_name = last.as_ref() != Some(build.package());
            if chunks.is_empty() || (new_name && chunk_begins(build.package())) {
                chunks.push(Chunk::default());
            }
            last = Some(build.package().clone());
            if let Some(chunk) = chunks.last_mut() {
                chunk.builds.push(build);
            }
        }
        chunks
    }
}

/// Returns whether a package of this name begins a chunk.
pub fn chunk_begins(name: &PackageName) -> bool {
    let digest = Blake3::of(name.as_str().as_bytes());
    let head =
        u32::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1], digest.as_bytes()[2], digest.as_bytes()[3]]);
    head.is_multiple_of(NAMES_PER_CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[String]) -> Vec<Chunk> {
        let mut names = names.to_vec();
        names.sort();
        Chunk::cut(names.iter().map(|name| build(name)).collect())
    }

    fn build(name: &str) -> BuildEntry {
        BuildEntry {
            nvr: Nvr::new(name, "1", "1").unwrap(),
            from: "base".parse().unwrap(),
            exclusive_arch: vec![],
            exclude_arch: vec![],
            rpms: vec![],
        }
    }

    #[test]
    fn one_more_package_changes_one_chunk() {
        let names: Vec<String> = (0..2000).map(|i| format!("package{i:04}")).collect();
        let before = set(&names);
        let after = set(&[names, vec!["package1000a".to_owned()]].concat());
        let changed = after.iter().filter(|chunk| !before.contains(chunk)).count();
        assert!((40..90).contains(&before.len()), "{}", before.len());
        assert!((1..=2).contains(&changed), "{changed}");
    }

    #[test]
    fn bytes_round_trip() {
        let chunk = set(&["a".to_owned(), "b".to_owned()]).remove(0);
        assert_eq!(Chunk::from_bytes(&chunk.to_bytes()).unwrap(), chunk);
    }
}
