//! How does a compose come to lie on disk? Packages linked, metadata written, everything synced.
//!
//! Works in a directory that nobody sees; who makes it visible is another's to say. Blocks: it runs
//! where blocking is allowed, and stops at the next file once nobody listens to its steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::identity::Identity;
use super::run::Step;
use super::select::{Selection, TreeEntry, TreeRepo, select};
use super::{Error, layout, productmd, treeinfo};
use crate::buildsys::BuildSystem;
use crate::model::{
    Arch, BuildEntry, ComposeStatus, PackagePattern, RepoName, ReposOf, RpmEntry, Sha256, Variant, VariantId,
};
use crate::repodata::segments::Settings;
use crate::repodata::{Compression, Repomd, Sums};
use crate::rpms::{Library, Listed};
use crate::store;
use crate::store::durable::{self, ANY_WAY};
use crate::tags;

/// How many packages are asked for at a time.
const SOME: usize = 500;

/// What to make, of what, and where.
pub(super) struct Job {
    pub identity: Identity,
    pub variants: Vec<Variant>,
    pub builds: Vec<BuildEntry>,
    pub rules: ReposOf,
    /// When the compose started, seconds after 1970, above 0: every time in its files.
    pub time: i64,
    /// How metadata is compressed.
    pub compression: Compression,
    /// The directory to fill; it is not there yet.
    pub root: PathBuf,
    pub buildsys: Arc<dyn BuildSystem>,
    pub library: Library,
    pub handle: Handle,
}

/// What was made.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub packages: usize,
    pub unmatched: Vec<(VariantId, PackagePattern)>,
}

/// Makes the whole tree and syncs it.
pub(super) fn build(job: &Job, steps: &Sender<Step>) -> Result<Made, Error> {
    let selections: Vec<Selection> =
        job.variants.iter().map(|variant| select(&job.builds, variant, &job.rules)).collect();
    refuse_clashes(&selections)?;
    let mut made = Made::default();
    for selection in &selections {
        let id = selection.variant.id();
        made.unmatched.extend(selection.unmatched.iter().map(|pattern| (id.clone(), pattern.clone())));
        for repo in selection.repositories() {
            fill(job, &selection.variant, &repo, steps)?;
            made.packages += repo.entries.len();
        }
    }
    write_documents(job, &selections)?;
    sync_below(&job.root)?;
    Ok(made)
}

fn refuse_clashes(selections: &[Selection]) -> Result<(), Error> {
    match selections.iter().flat_map(|selection| &selection.clashing).next() {
        None => Ok(()),
        Some(clash) => Err(Error::Clash {
            path: clash.path.clone(),
            kept: clash.kept.location.clone(),
            left_out: clash.left_out.location.clone(),
        }),
    }
}

/// Fills the tree of one repository: its packages, its metadata, and what stands at its root.
fn fill(job: &Job, variant: &Variant, repo: &TreeRepo<'_>, steps: &Sender<Step>) -> Result<(), Error> {
    let content = job.root.join(layout::CONTENT);
    let directory = content.join(&repo.directory);
    for some in repo.entries.chunks(SOME) {
        let rpms: Vec<RpmEntry> = some.iter().map(|entry| entry.rpm.clone()).collect();
        job.handle.block_on(job.buildsys.provide(&rpms)).map_err(tags::Error::from)?;
        for entry in some {
            if steps.is_closed() {
                return Err(Error::Stopped);
            }
            place(job.buildsys.file(&entry.rpm.location), entry, &content)?;
        }
    }
    let repomd = write_repodata(job, repo, &directory)?;
    let arch = match &repo.name {
        RepoName::Binary(arch) => Some(arch.clone()),
        RepoName::Source => Some(Arch::source()),
        RepoName::Debug(_) => None,
    };
    if let Some(arch) = arch {
        let tree = treeinfo::treeinfo(&job.identity, variant, &arch, job.time, &repomd);
        durable::write(&directory.join(treeinfo::TREEINFO), tree.as_bytes())?;
        let disc = treeinfo::discinfo(&job.identity, &arch, job.time);
        durable::write(&directory.join(treeinfo::DISCINFO), disc.as_bytes())?;
        let media = treeinfo::media_repo(&job.identity, job.time);
        durable::write(&directory.join(treeinfo::MEDIA_REPO), media.as_bytes())?;
    }
    let step = Step::Wrote { directory: repo.directory.clone(), packages: repo.entries.len() };
    steps.blocking_send(step).map_err(|_| Error::Stopped)
}

/// Puts a package in its place; the file must still be as long as the one that was imported.
fn place(from: PathBuf, entry: &TreeEntry, content: &Path) -> Result<(), Error> {
    let to = content.join(&entry.path);
    let linked = durable::place_file(&from, &to, ANY_WAY);
    if linked.is_err() && !from.exists() {
        return Err(Error::Vanished { path: from });
    }
    linked?;
    let found = fs::metadata(&to).map_err(store::Error::file("cannot read", &to))?.len();
    if found != entry.rpm.size {
        return Err(Error::Changed { path: from, size: entry.rpm.size, found });
    }
    Ok(())
}

/// Writes `repodata/` and returns the digest of its `repomd.xml`.
fn write_repodata(job: &Job, repo: &TreeRepo<'_>, directory: &Path) -> Result<Sha256, Error> {
    let content = job.root.join(layout::CONTENT);
    let listed = |entry: &&TreeEntry| Listed {
        rpm: entry.rpm.clone(),
        href: layout::in_tree(&entry.rpm.nevra),
        file: content.join(&entry.path),
    };
    let packages: Vec<Listed> = repo.entries.iter().map(listed).collect();
    let repodata = directory.join("repodata");
    durable::make_dir(&repodata)?;
    let (settings, sums) = (Settings::of(job.compression), Sums { open: true, ..Sums::default() });
    let written = job.handle.block_on(async {
        let manifest = job.library.update(Arc::default(), Vec::new(), packages, settings, false).await?;
        job.library.write_files(&repodata, Arc::new(manifest), settings, sums).await
    })?;
    let records = written.iter().map(|written| written.record(job.time)).collect();
    let bytes = Repomd { revision: job.time.to_string(), records, ..Repomd::default() }.to_bytes();
    durable::write(&repodata.join("repomd.xml"), &bytes)?;
    Ok(Sha256::from_bytes(sha2::Sha256::digest(&bytes).into()))
}

/// Writes what speaks of the whole compose. Its status is already the one it will be seen with.
fn write_documents(job: &Job, selections: &[Selection]) -> Result<(), Error> {
    let content = job.root.join(layout::CONTENT);
    durable::write(&content.join(layout::COMPOSEINFO), &productmd::composeinfo(&job.identity, selections))?;
    durable::write(&content.join(layout::RPMS), &productmd::rpms(&job.identity, selections))?;
    durable::write(&job.root.join(layout::COMPOSE_ID), job.identity.id().to_string().as_bytes())?;
    let status = format!("{}\n", ComposeStatus::Finished);
    durable::write(&job.root.join(layout::STATUS), status.as_bytes())?;
    Ok(())
}

/// Syncs a directory and all below it, the deepest first; the files are synced already.
fn sync_below(dir: &Path) -> Result<(), store::Error> {
    for entry in fs::read_dir(dir).map_err(store::Error::file("cannot read", dir))? {
        let entry = entry.map_err(store::Error::file("cannot read", dir))?;
        if entry.file_type().map_err(store::Error::file("cannot read", &entry.path()))?.is_dir() {
            sync_below(&entry.path())?;
        }
    }
    durable::sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_clash_names_both_files() {
        let build = || fixture::build("shell", 0, "1", &["shell.x86_64"], false);
        let (one, mut other) = (build(), build());
        let select = |builds: &[BuildEntry]| [select(builds, &fixture::variant("Base"), &ReposOf::default())];
        refuse_clashes(&select(&[one.clone(), other.clone()])).unwrap();
        other.rpms[0].sha256 = Sha256::from_bytes([9; 32]);
        other.rpms[0].location = "other/1/1/x86_64/shell-1-1.oak.x86_64.rpm".to_owned();
        let error = refuse_clashes(&select(&[one, other])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "shell/1/1.oak/x86_64/shell-1-1.oak.x86_64.rpm and other/1/1/x86_64/shell-1-1.oak.x86_64.rpm differ and \
             would both be Base/x86_64/os/Packages/s/shell-1-1.oak.x86_64.rpm"
        );
    }

    #[test]
    fn a_tree_of_directories_is_synced_and_a_missing_one_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        sync_below(dir.path()).unwrap();
        let error = sync_below(&dir.path().join("c")).unwrap_err().to_string();
        assert!(error.ends_with("/c"), "{error}");
    }
}
