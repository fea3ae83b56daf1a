//! Which packages come and go in a repository? The part of a package set's difference that belongs on its arch.

use std::collections::BTreeSet;

use super::{Error, Repos};
use crate::model::{BuildEntry, RepoName, ReposOf, RpmEntry, TagName};
use crate::repodata::segments::Key;
use crate::rpms::Listed;
use crate::store::Tx;
use crate::store::pkgsets::ChunkRef;
use crate::tags::difference;

/// Packages of one repository that go and come, each sorted by NEVRA, then digest, then location.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub removed: Vec<RpmEntry>,
    pub added: Vec<RpmEntry>,
}

impl Changes {
    /// Returns what changes in a repository from one list of chunks to another.
    pub async fn between(
        tx: &mut Tx,
        old: &[ChunkRef],
        new: &[ChunkRef],
        repos: &ReposOf,
        repo: &RepoName,
    ) -> Result<Self, Error> {
        let builds = difference(tx, old, new).await?;
        let (mut removed, mut added) = (rpms_of(builds.removed, repos, repo), rpms_of(builds.added, repos, repo));
        // A build whose entry changed may have the very same files.
        let both: BTreeSet<RpmEntry> = removed.intersection(&added).cloned().collect();
        removed.retain(|rpm| !both.contains(rpm));
        added.retain(|rpm| !both.contains(rpm));
        Ok(Self { removed: removed.into_iter().collect(), added: added.into_iter().collect() })
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }

    /// Returns the places of the packages that go.
    pub fn keys_removed(&self) -> Vec<Key> {
        self.removed.iter().map(key).collect()
    }
}

/// Returns the RPMs of some builds that belong into a repository.
pub(super) fn rpms_of(builds: Vec<BuildEntry>, repos: &ReposOf, repo: &RepoName) -> BTreeSet<RpmEntry> {
    let mut taken = BTreeSet::new();
    for BuildEntry { rpms, exclusive_arch, exclude_arch, .. } in builds {
        taken.extend(rpms.into_iter().filter(|rpm| repos.takes(repo, &rpm.nevra, &exclusive_arch, &exclude_arch)));
    }
    taken
}

/// Returns where a package stands in a repository's metadata.
fn key(rpm: &RpmEntry) -> Key {
    Key { nevra: rpm.nevra.clone(), pkgid: rpm.sha256.to_string(), href: href(rpm) }
}

fn href(rpm: &RpmEntry) -> String {
    format!("packages/{}", rpm.location)
}

impl Repos {
    /// Returns packages as a repository of a tag lists them, which has them in this pool.
    pub(super) fn listed(&self, tag: &TagName, pool: &str, rpms: &[RpmEntry]) -> Result<Vec<Listed>, Error> {
        let mut places = BTreeSet::new();
        if let Some(twice) = rpms.iter().find(|rpm| !places.insert(rpm.location.as_str())) {
            return Err(Error::Clash { tag: tag.clone(), location: twice.location.clone() });
        }
        let pool = self.layout.pool(pool);
        let file = |rpm: &RpmEntry| pool.join(&rpm.location);
        Ok(rpms.iter().map(|rpm| Listed { rpm: rpm.clone(), href: href(rpm), file: file(rpm) }).collect())
    }
}
