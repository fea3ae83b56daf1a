//! What is read when a repository is merged? The tag's own as it is shown, whatever its form, and copies of the others.

use std::path::Path;

use tempfile::TempDir;

use super::At;
use super::parts::OwnPart;
use crate::config::Form;
use crate::fetch::Place;
use crate::model::RepoName;
use crate::repos::export::bring_file;
use crate::repos::publish::{beside, blocking};
use crate::repos::{Error, Repos};
use crate::repotools::Repository;
use crate::store::durable;
use crate::store::generations::Generation;

/// The tag's own repository.
pub(super) struct Own {
    pub generation: Generation,
    pub repository: Repository,
    /// Where its files are put together, of one whose metadata lies in segments.
    _scratch: Option<TempDir>,
}

/// Returns what stands for a generation of the own repository among the parts of a merged one.
pub(super) fn part(generation: &Generation) -> OwnPart {
    let Generation { number, revision, repomd, .. } = generation;
    OwnPart { generation: *number, revision: *revision, repomd: *repomd }
}

impl Repos {
    /// Returns the generation of the own repository that is shown; `None` before there is one.
    pub(super) async fn own_shown(&self, at: &At) -> Result<Option<(Generation, Vec<u8>)>, Error> {
        match self.shown(&at.tag, &RepoName::Binary(at.arch.clone())).await {
            Err(Error::NotPublished { .. }) => Ok(None),
            shown => shown.map(Some),
        }
    }

    /// Returns the own repository so that it can be read.
    pub(super) async fn own(&self, at: &At, (generation, repomd): (Generation, Vec<u8>)) -> Result<Own, Error> {
        let repo = RepoName::Binary(at.arch.clone());
        let (place, scratch) = match generation.form {
            Form::Files => (self.layout.repo(&at.tag, &repo), None),
            Form::Assembled => {
                let scratch = self.put_together(at, &repo, &generation).await?;
                (scratch.path().to_owned(), Some(scratch))
            }
        };
        let mut repository = Repository::of(&format!("{}/{repo}", at.tag), vec![Place::Path(place)], repomd)?;
        repository.origin = Some(format!("{}/repos/{}/{repo}", self.base_url, at.tag));
        Ok(Own { generation, repository, _scratch: scratch })
    }

    /// Writes the metadata of a generation as files, where nobody else looks.
    async fn put_together(&self, at: &At, repo: &RepoName, generation: &Generation) -> Result<TempDir, Error> {
        let parent = self.layout.scratch();
        let scratch = blocking(move || made(&parent)).await?;
        let repodata = scratch.path().join("repodata");
        let dir = repodata.clone();
        blocking(move || durable::make_dir(&dir)).await?;
        for name in &generation.files {
            let live = self.layout.repodata(&at.tag, repo).join(name);
            let joined = if live.exists() { None } else { self.data_file(&at.tag, repo, name).await? };
            let (repodata, name) = (repodata.clone(), name.clone());
            beside(move || bring_file(&name, &live, joined.as_ref(), &repodata)).await?;
        }
        Ok(scratch)
    }
}

fn made(parent: &Path) -> Result<TempDir, crate::store::Error> {
    durable::make_dir(parent)?;
    TempDir::new_in(parent).map_err(crate::store::Error::file("cannot write", parent))
}
