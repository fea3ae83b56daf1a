//! Which data files of repositories are there that do not lie on disk? Those that live repositories join.

use super::path::Wanted;
use super::tree::{Content, Entries, Entry, MOST_ENTRIES, NotShown, OpenFile, checksum_in_name, http_date};
use crate::model::{RepoName, TagName, chain};
use crate::repos::{self, Repos};

/// Where the repositories are served.
const TREE: &str = "repos";

/// Returns the data file that a path means; absent where there is none, or none that could be sent whole.
pub(super) async fn open(repos: &Repos, wanted: &Wanted) -> Result<OpenFile, NotShown> {
    let [tag, repo, dir, name] = wanted.below() else { return Err(NotShown::Absent) };
    let Some((tag, repo)) = repository(wanted, tag, repo, dir) else { return Err(NotShown::Absent) };
    let file = match repos.data_file(&tag, &repo, name).await {
        Ok(Some(file)) => file,
        Ok(None) => return Err(NotShown::Absent),
        Err(repos::Error::Store(error)) => return Err(NotShown::Failed(std::io::Error::other(error))),
        Err(error) => {
            let path = wanted.url();
            tracing::error!(path, error = %chain(&error), "{path} cannot be joined: {}", chain(&error));
            return Err(NotShown::Absent);
        }
    };
    let checksum = checksum_in_name(wanted.below()).ok_or(NotShown::Absent)?;
    Ok(OpenFile {
        name: name.clone(),
        size: file.size(),
        etag: format!("\"{checksum}\""),
        modified: http_date(file.made_at()),
        is_named_by_content: true,
        content: Content::Joined(file),
    })
}

/// Adds the data files of a repository to what lies in its directory.
pub(super) async fn list(repos: &Repos, wanted: &Wanted, entries: &mut Entries) -> Result<(), repos::Error> {
    let [tag, repo, dir] = wanted.below() else { return Ok(()) };
    let Some((tag, repo)) = repository(wanted, tag, repo, dir) else { return Ok(()) };
    for name in repos.data_files(&tag, &repo).await? {
        if entries.list.len() == MOST_ENTRIES {
            entries.is_cut = true;
            break;
        }
        entries.list.push(Entry { name, is_directory: false, size: None });
    }
    // What also lies on disk stands there with its size, and behind the one without.
    entries.list.sort();
    entries.list.reverse();
    entries.list.dedup_by(|one, other| one.name == other.name);
    entries.list.reverse();
    Ok(())
}

fn repository(wanted: &Wanted, tag: &str, repo: &str, dir: &str) -> Option<(TagName, RepoName)> {
    if wanted.tree() != TREE || dir != "repodata" {
        return None;
    }
    Some((tag.parse().ok()?, repo.parse().ok()?))
}
