//! Which packages does a repository list? The part of a package set that belongs on its arch.

use std::collections::BTreeSet;

use super::layout::pool_name;
use super::{Error, Repos};
use crate::config::FollowRule;
use crate::model::{Blake3, BuildEntry, RepoName, ReposOf, RpmEntry, TagName};
use crate::rpms::{Listed, canonical};
use crate::store::pkgsets::{self, Revision};
use crate::store::{self, Tx};

/// Changes whenever other bytes come of the same packages and settings.
const FORM: &str = "1";

/// What one generation is made of.
#[derive(Debug)]
pub struct Listing {
    /// The packages, in canonical order.
    pub packages: Vec<Listed>,
    /// The pool they are reached through.
    pub pool: String,
    /// Digest of all that decides the bytes.
    pub input: String,
}

impl Repos {
    /// Returns what a repository of this revision lists.
    pub(super) async fn listing(
        &self,
        tx: &mut Tx,
        tag: &TagName,
        repo: &RepoName,
        rule: &FollowRule,
        revision: &Revision,
    ) -> Result<Listing, Error> {
        let repos = rule.repos_of(&revision.arches);
        let mut packages = Vec::new();
        for rpm in rpms_of(tx, revision, &repos, repo).await? {
            let href = format!("packages/{}", rpm.location);
            let file = self.tags.buildsys.file(&rpm.location);
            packages.push(Listed { rpm, href, file });
        }
        canonical(&mut packages);
        let mut places = BTreeSet::new();
        if let Some(twice) = packages.iter().find(|listed| !places.insert(listed.rpm.location.as_str())) {
            return Err(Error::Clash { tag: tag.clone(), location: twice.rpm.location.clone() });
        }
        let pool = pool_name(&rule.signatures);
        let input = input(&packages, &pool, rule);
        Ok(Listing { packages, pool, input })
    }
}

/// Returns the RPMs of a revision that belong into a repository.
pub(super) async fn rpms_of(
    tx: &mut Tx,
    revision: &Revision,
    repos: &ReposOf,
    repo: &RepoName,
) -> Result<Vec<RpmEntry>, store::Error> {
    let mut rpms = Vec::new();
    for some in revision.chunks.chunks(64) {
        let digests: Vec<Blake3> = some.iter().map(|chunk| chunk.digest).collect();
        for build in pkgsets::chunks(tx, &digests).await?.into_iter().flat_map(|chunk| chunk.builds) {
            let BuildEntry { rpms: of_build, exclusive_arch, exclude_arch, .. } = build;
            rpms.extend(
                of_build.into_iter().filter(|rpm| repos.takes(repo, &rpm.nevra, &exclusive_arch, &exclude_arch)),
            );
        }
    }
    Ok(rpms)
}

fn input(packages: &[Listed], pool: &str, rule: &FollowRule) -> String {
    let mut digest = blake3::Hasher::new();
    let settings = format!("{FORM} {pool} {:?} {}\n", rule.repos.compression, rule.repos.open_checksums);
    digest.update(settings.as_bytes());
    for listed in packages {
        digest.update(listed.rpm.sha256.as_bytes());
        digest.update(listed.rpm.location.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().to_hex().to_string()
}
