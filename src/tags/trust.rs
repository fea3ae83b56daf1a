//! What are signatures worth to a follow rule? Its keys, the verdicts by them, and what stands until there is one.
//!
//! Which copy that makes the best one is decided in [`super::forms`]; signatures are looked at by [`super::files`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::standing::entries_of;
use super::{Error, Tags};
use crate::buildsys::{BuildFiles, Copy};
use crate::config::{Follow, FollowRule, Latest, Verify};
use crate::model::{Blake3, PackageName, RpmEntry, Sha256, Sigkey, TagName};
use crate::rpms::{Keys, VerifyError};
use crate::store;
use crate::store::pkgsets;
use crate::store::verdicts::{self, Verdict};

/// What a part of a build begins with that is its signatures; the digest of the keys follows.
pub(super) const VERIFY: &str = "verify:";

/// Which builds and which copies of their RPMs a follow rule takes.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The keys that copies may name, best first; `None` is the unsigned one.
    pub signatures: &'a [Option<Sigkey>],
    /// How many builds of a package.
    pub latest: Latest,
    /// What their signatures are worth; `None` where that does not count.
    pub trust: Option<&'a Trust>,
}

/// What is known of signatures, by the keys of a rule.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Whether only copies are taken that verify.
    pub(super) is_required: bool,
    /// The digest of the keys.
    pub(super) keys: Blake3,
    /// The verdicts on copies that come into question.
    pub(super) verdicts: BTreeMap<Sha256, Verdict>,
    /// What the set has of packages with copies on which there is no verdict: RPMs by build.
    pub(super) standing: BTreeMap<String, Vec<RpmEntry>>,
}

/// What a copy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It may be taken.
    Good,
    /// It may not.
    Bad,
    /// That is not known yet.
    Open,
}

impl Trust {
    /// Returns what a copy is worth.
    pub(super) fn worth(&self, copy: &Copy) -> Worth {
        match self.verdicts.get(&copy.rpm.sha256) {
            Some(Verdict::Good { .. }) => Worth::Good,
            Some(Verdict::Bad { .. }) => Worth::Bad,
            // Nobody waits longer than for an attempt where it is a matter of preference only.
            Some(Verdict::Unknown { .. }) if !self.is_required => Worth::Bad,
            Some(Verdict::Unknown { .. }) | None => Worth::Open,
        }
    }

    /// Returns what went wrong when a copy was last looked at, if it could not be judged.
    pub(super) fn problem(&self, copy: &Copy) -> Option<&str> {
        match self.verdicts.get(&copy.rpm.sha256) {
            Some(Verdict::Unknown { problem }) => Some(problem),
            _ => None,
        }
    }

    /// Returns why a copy is in no set, or not yet.
    pub(super) fn reason(&self, copy: &Copy) -> String {
        let nevra = &copy.rpm.nevra;
        match self.verdicts.get(&copy.rpm.sha256) {
            Some(Verdict::Bad { why }) => match &copy.rpm.sigkey {
                Some(key) => format!("signature: {nevra}, signed with {key}, does not verify: {why}"),
                None => format!("signature: {nevra} does not verify: {why}"),
            },
            Some(Verdict::Unknown { problem }) => format!("signature: {nevra} cannot be verified: {problem}"),
            _ => format!("signature: {nevra} is not verified yet"),
        }
    }

    /// Returns how the part of a build is called that is its signatures.
    pub(super) fn part(&self) -> String {
        format!("{VERIFY}{}", self.keys)
    }

    /// Returns the RPMs of a build as the set has them, where it has it, and all of them are still its files and may
    /// turn out to be worth it.
    pub(super) fn standing(&self, files: &BuildFiles) -> Option<Vec<RpmEntry>> {
        let standing = self.standing.get(&files.build.nvr.to_string())?;
        let may_stay = |rpm: &RpmEntry| {
            let mut copies = files.copies.iter();
            let copy = copies.find(|copy| copy.path == rpm.location && copy.rpm.sha256 == rpm.sha256);
            copy.is_some_and(|copy| !self.is_required || self.worth(copy) != Worth::Bad && self.problem(copy).is_none())
        };
        standing.iter().all(may_stay).then(|| standing.clone())
    }
}

/// The keys that follow rules name, read when they are first asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Keyrings(Arc<OnceCell<BTreeMap<PathBuf, Arc<Keys>>>>);

impl Keyrings {
    async fn all(&self, follow: &Follow) -> Result<&BTreeMap<PathBuf, Arc<Keys>>, VerifyError> {
        self.0.get_or_try_init(|| read_keys(follow)).await
    }
}

async fn read_keys(follow: &Follow) -> Result<BTreeMap<PathBuf, Arc<Keys>>, VerifyError> {
    let named = follow.rules().iter().filter_map(|rule| rule.verify.keys_file());
    let files: BTreeSet<PathBuf> = named.map(ToOwned::to_owned).collect();
    let read = move || files.into_iter().map(|file| Ok((file.clone(), Arc::new(Keys::read(&file)?)))).collect();
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Finds out whether signatures can be verified as the follow rules ask: their keys can be read, and gpgv is there.
/// Without such a rule, nothing is needed.
///
/// # Errors
/// They cannot.
pub async fn check_keys(follow: &Follow) -> Result<(), VerifyError> {
    match read_keys(follow).await?.is_empty() {
        true => Ok(()),
        false => Keys::try_gpgv().await,
    }
}

impl Tags {
    /// Finds out whether signatures can be verified, and forgets what was found by keys that no rule names any more.
    ///
    /// # Errors
    /// They cannot; the state cannot be written.
    pub async fn begin_to_verify(&self) -> Result<(), Error> {
        check_keys(&self.config.follow).await?;
        let keys = self.keyrings.all(&self.config.follow).await?;
        let digests: BTreeSet<Blake3> = keys.values().map(|keys| keys.digest()).collect();
        let mut tx = self.db.write().await?;
        let forgotten = verdicts::forget_others(&mut tx, &digests).await?;
        tx.commit().await?;
        if forgotten > 0 {
            tracing::info!(
                count = forgotten,
                "{forgotten} verdicts by keys that are not trusted any more are forgotten"
            );
        }
        Ok(())
    }

    /// Returns whether any follow rule has signatures verified.
    pub(super) fn verifies(&self) -> bool {
        self.config.follow.rules().iter().any(|rule| rule.verify != Verify::Off)
    }

    /// Returns the keys that a part of a build names; `None` where no rule names such keys any more.
    pub(super) async fn keys_of(&self, part: &str) -> Result<Option<Arc<Keys>>, Error> {
        let Some(digest) = part.strip_prefix(VERIFY) else { return Ok(None) };
        let keys = self.keyrings.all(&self.config.follow).await?;
        Ok(keys.values().find(|keys| keys.digest().to_string() == digest).cloned())
    }

    /// Returns a rule's keys, nothing being known by them yet; `None` where it has no signatures verified.
    pub(super) async fn trust(&self, rule: &FollowRule) -> Result<Option<Trust>, Error> {
        let Some(file) = rule.verify.keys_file() else { return Ok(None) };
        let keys = self.keyrings.all(&self.config.follow).await?.get(file).map(|keys| keys.digest());
        let is_required = matches!(rule.verify, Verify::Required(_));
        let of = |keys| Trust { is_required, keys, verdicts: BTreeMap::new(), standing: BTreeMap::new() };
        Ok(keys.map(of))
    }

    /// Adds what is known of the files of builds; where nothing is known of some, what the set of `tag` has meanwhile.
    pub(super) async fn look_up<'a>(
        &self,
        trust: &mut Trust,
        tag: &TagName,
        builds: impl Iterator<Item = &'a BuildFiles> + Clone,
    ) -> Result<(), store::Error> {
        let digests = builds.clone().flat_map(|files| &files.copies).map(|copy| copy.rpm.sha256).collect();
        let mut tx = self.db.read().await?;
        trust.verdicts.extend(verdicts::of(&mut tx, &trust.keys, &digests).await?);
        let is_open =
            |files: &&BuildFiles| files.copies.iter().any(|copy| !trust.verdicts.contains_key(&copy.rpm.sha256));
        let open: BTreeSet<&PackageName> = builds.filter(is_open).map(|files| files.build.nvr.name()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let Some(revision) = pkgsets::newest(&mut tx, tag).await? else { return Ok(()) };
        let standing = entries_of(&mut tx, &revision.chunks, &open).await?.into_values().flatten();
        trust.standing.extend(standing.map(|build| (build.nvr.to_string(), build.rpms)));
        Ok(())
    }
}
