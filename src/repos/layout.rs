//! Where do repositories and pools lie? Paths below the data directory, and the names of pools.
//!
//! Over HTTP the paths are the same. Every part is a checked name, so none leaves its directory.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::merged::merged_name;
use crate::model::{Arch, Blake3, RepoName, Sha256, Sigkey, TagName};

/// The directories of live repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    data_dir: PathBuf,
}

impl Layout {
    /// Returns the layout below a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned() }
    }

    /// Returns the directory of all repositories.
    pub fn repos(&self) -> PathBuf {
        self.data_dir.join("repos")
    }

    /// Returns the directory of all pools.
    pub fn pools(&self) -> PathBuf {
        self.data_dir.join("pools")
    }

    /// Returns the directory of one repository.
    pub fn repo(&self, tag: &TagName, repo: &RepoName) -> PathBuf {
        self.repos().join(tag.as_str()).join(repo.to_string())
    }

    /// Returns the directory of a repository's metadata.
    pub fn repodata(&self, tag: &TagName, repo: &RepoName) -> PathBuf {
        self.repo(tag, repo).join("repodata")
    }

    /// Returns the pointer to a repository's current generation.
    pub fn repomd(&self, tag: &TagName, repo: &RepoName) -> PathBuf {
        self.repodata(tag, repo).join("repomd.xml")
    }

    /// Returns the directory of the repository that is merged from that of an arch and external ones.
    pub fn merged(&self, tag: &TagName, arch: &Arch) -> PathBuf {
        self.repos().join(tag.as_str()).join(merged_name(arch))
    }

    /// Returns the directory of the copies of external repositories.
    pub fn externals(&self) -> PathBuf {
        self.data_dir.join("external")
    }

    /// Returns the name of the directory of the copies of one external repository.
    pub fn external_name(&self, url: &str) -> String {
        Blake3::of(url.as_bytes()).to_string()[..32].to_owned()
    }

    /// Returns the directory of the copy of one state of an external repository.
    pub fn external(&self, url: &str, repomd: &Sha256) -> PathBuf {
        self.externals().join(self.external_name(url)).join(repomd.to_string())
    }

    /// Returns the directory where metadata is put together to be merged.
    pub fn scratch(&self) -> PathBuf {
        self.data_dir.join("merging")
    }

    /// Returns the `.repo` file of a repository.
    pub fn repo_file(&self, tag: &TagName, repo: &impl Display) -> PathBuf {
        self.repos().join(tag.as_str()).join(format!("{repo}.repo"))
    }

    /// Returns the directory of one pool.
    pub fn pool(&self, name: &str) -> PathBuf {
        self.pools().join(name)
    }

    /// Returns where the link `packages` of a repository points.
    pub fn packages_target(pool: &str) -> PathBuf {
        Path::new("../../../pools").join(pool)
    }
}

/// Returns the name of the pool for a signature policy: one pool holds only what that policy lets in.
pub fn pool_name(signatures: &[Option<Sigkey>]) -> String {
    let keys: Vec<&str> = signatures.iter().flatten().map(Sigkey::as_str).collect();
    let unsigned = signatures.contains(&None);
    let name = match (keys.len(), unsigned) {
        (0, _) => return "any".to_owned(),
        (1..=8, _) => keys.join("-"),
        (many, _) => format!("{many}-keys-{}", &Blake3::of(keys.join("-").as_bytes()).to_string()[..16]),
    };
    if unsigned { format!("{name}-or-unsigned") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signature_policy_has_its_own_pool() {
        let key = |text: &str| Some(text.parse::<Sigkey>().unwrap());
        assert_eq!(pool_name(&[None]), "any");
        assert_eq!(pool_name(&[key("aaaaaaaa")]), "aaaaaaaa");
        assert_eq!(pool_name(&[key("aaaaaaaa"), key("bbbbbbbb"), None]), "aaaaaaaa-bbbbbbbb-or-unsigned");
        let many: Vec<_> = (0..20).map(|i| key(&format!("{i:08x}"))).collect();
        assert!(pool_name(&many).starts_with("20-keys-"));
    }
}
