//! How does a repository come to stand alone? Its shown generation as plain files in a directory of their own.
//!
//! What is written is what readers of the live repository get, byte for byte: data files first, then packages,
//! then `repomd.xml`, each durable before the next. A directory that holds an older export, or anybody's
//! repository, is replaced in the same order, and the files of the one before stay for readers under way.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::Digest;

use super::publish::{beside, blocking};
use super::{DataFile, Error, Repos, sign};
use crate::config::Transfer;
use crate::model::{RepoName, Sha256, TagName};
use crate::repodata::Repomd;
use crate::repodata::read::{Decompressed, Document, Limits, Packages, Quick};
use crate::store::durable::{self, ANY_WAY, Lock, Staged};
use crate::store::generations::{self, Generation};
use crate::store::{self};

/// Bytes read at a time.
const PIECE: usize = 128 << 10;

/// Largest `repomd.xml` that is read, in bytes.
const LARGEST_REPOMD: u64 = 4 << 20;

/// How the packages of an export are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithPackages {
    /// As further names of the same files where the file system can, else as copies.
    Linked,
    /// As files of their own.
    Copied,
    /// Not at all: whoever asked sees to them.
    No,
}

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The generation.
    pub generation: i64,
    /// The revision of the package set it shows.
    pub revision: i64,
    /// How many packages it lists.
    pub packages: i64,
}

impl Repos {
    /// Writes the shown generation of a repository into `dir` as a repository of plain files.
    ///
    /// # Errors
    /// Nothing is published, `dir` is not fit for it, another export writes there, or a file cannot be had or
    /// written. The repository that was in `dir` is whole then.
    pub async fn export(
        &self,
        tag: &TagName,
        repo: &RepoName,
        dir: &Path,
        with: WithPackages,
    ) -> Result<Exported, Error> {
        let (generation, repomd) = self.shown(tag, repo).await?;
        let keep_for = self.config.follow.for_tag(tag).map_or(Duration::ZERO, |rule| rule.repos.keep_for);
        let (dir, data_dir) = (dir.to_owned(), self.config.data_dir.clone());
        let target = beside(move || Target::open(&dir, &data_dir)).await?;
        for name in &generation.files {
            let live = self.layout.repodata(tag, repo).join(name);
            let joined = if live.exists() { None } else { self.data_file(tag, repo, name).await? };
            let (repodata, name) = (target.repodata(), name.clone());
            beside(move || bring_file(&name, &live, joined.as_ref(), &repodata)).await?;
        }
        if with != WithPackages::No {
            let primary = generation.files.iter().find(|name| name.contains("-primary.xml"));
            let primary = primary.map(|name| target.repodata().join(name)).unwrap_or_default();
            let (pool, dir) = (self.layout.pool(&generation.pool), target.dir.clone());
            beside(move || bring_packages(&primary, &pool, &dir, with)).await?;
        }
        let Generation { number, revision, packages, files, signature, .. } = generation;
        blocking(move || target.show((&repomd, signature.as_deref()), files, keep_for)).await?;
        Ok(Exported { generation: number, revision, packages })
    }

    /// Returns the generation that the pointer on disk names, and the pointer.
    pub(super) async fn shown(&self, tag: &TagName, repo: &RepoName) -> Result<(Generation, Vec<u8>), Error> {
        let all = generations::of_repo(&mut self.db.read().await?, tag, repo).await?;
        let place = self.layout.repomd(tag, repo);
        let repomd = blocking(move || read_limited(&place)).await?;
        let digest = repomd.as_deref().map(Sha256::of);
        match (all.into_iter().find(|one| Some(one.repomd) == digest), repomd) {
            (Some(generation), Some(repomd)) => Ok((generation, repomd)),
            _ => Err(Error::NotPublished { tag: tag.clone(), repo: repo.clone() }),
        }
    }
}

/// Returns the bytes of a `repomd.xml`; `None` where there is none.
fn read_limited(place: &Path) -> Result<Option<Vec<u8>>, store::Error> {
    let mut bytes = Vec::new();
    match File::open(place).and_then(|file| file.take(LARGEST_REPOMD).read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(store::Error::file("cannot read", place)(error)),
    }
}

/// The directory that is written to, held by one export at a time.
struct Target {
    dir: PathBuf,
    _lock: Lock,
}

impl Target {
    fn open(dir: &Path, data_dir: &Path) -> Result<Self, Error> {
        let unfit = |why| Error::Target { dir: dir.display().to_string(), why };
        let dir = std::path::absolute(dir).map_err(store::Error::file("cannot find", dir))?;
        let real = |dir: &Path| dir.ancestors().find_map(|above| above.canonicalize().ok());
        if real(&dir).zip(real(data_dir)).is_some_and(|(dir, data_dir)| dir.starts_with(data_dir)) {
            return Err(unfit("it lies in the data directory"));
        }
        if fs::symlink_metadata(dir.join("packages")).is_ok_and(|there| there.is_symlink()) {
            return Err(unfit("its packages are a symbolic link"));
        }
        let repodata = dir.join("repodata");
        durable::make_dir(&repodata)?;
        let lock = match Lock::take(&repodata.join(".export.lock")) {
            Err(store::Error::Locked { .. }) => return Err(unfit("another export writes there")),
            lock => lock?,
        };
        durable::sweep(&repodata)?;
        Ok(Self { dir, _lock: lock })
    }

    fn repodata(&self) -> PathBuf {
        self.dir.join("repodata")
    }

    /// Shows the new repository, and removes what none of the last ones needs any more.
    fn show(
        self,
        (repomd, signature): (&[u8], Option<&str>),
        files: Vec<String>,
        keep_for: Duration,
    ) -> Result<(), store::Error> {
        let (repodata, now) = (self.repodata(), SystemTime::now());
        let place = repodata.join("repomd.xml");
        let before = read_limited(&place)?;
        let replaced = before.as_deref().filter(|before| *before != repomd).and_then(|old| Repomd::parse(old).ok());
        let mut kept: HashSet<String> = files.into_iter().collect();
        for record in replaced.iter().flat_map(|old| &old.records) {
            let Some(name) = record.href.strip_prefix("repodata/") else { continue };
            // Its time tells from now on when it was replaced.
            if kept.insert(name.to_owned())
                && let Ok(file) = File::options().append(true).open(repodata.join(name))
            {
                file.set_modified(now).map_err(store::Error::file("cannot write", &repodata.join(name)))?;
            }
        }
        durable::sync_dir(&repodata)?;
        sign::show(&repodata, repomd, signature)?;
        for entry in fs::read_dir(&repodata).map_err(store::Error::file("cannot read", &repodata))? {
            let entry = entry.map_err(store::Error::file("cannot read", &repodata))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_data = name.split_once('-').is_some_and(|(digest, _)| digest.parse::<Sha256>().is_ok());
            let age = entry.metadata().and_then(|facts| facts.modified()).map(|then| now.duration_since(then));
            if is_data && !kept.contains(&name) && matches!(age, Ok(Ok(age)) if age > keep_for) {
                durable::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Writes a data file whose name begins with its checksum, unless it is there.
pub(super) fn bring_file(name: &str, live: &Path, joined: Option<&DataFile>, repodata: &Path) -> Result<(), Error> {
    let is_right = |digest: &Sha256| name.starts_with(&digest.to_string());
    let place = repodata.join(name);
    if digest_of(&place).is_ok_and(|digest| is_right(&digest)) {
        return Ok(());
    }
    let mut staged = Staged::new(repodata, name)?;
    let digest = match joined {
        None => {
            let mut file = File::open(live).map_err(store::Error::file("cannot read", live))?;
            copied(&mut file, &mut staged).map_err(store::Error::file("cannot write", &place))?
        }
        Some(file) => {
            let mut digest = sha2::Sha256::new();
            let mut at = 0;
            while at < file.size() {
                let bytes = file.read_at(at)?;
                digest.update(&bytes);
                staged.write_all(&bytes).map_err(store::Error::file("cannot write", &place))?;
                at += bytes.len() as u64;
            }
            Sha256::from_bytes(digest.finalize().into())
        }
    };
    if !is_right(&digest) {
        return Err(Error::Foreign { file: name.to_owned() });
    }
    staged.put(name)?;
    Ok(())
}

/// Puts every package that `primary` lists below `dir`, durable.
fn bring_packages(primary: &Path, pool: &Path, dir: &Path, with: WithPackages) -> Result<(), Error> {
    let unread = |error: crate::repodata::read::Error| {
        let what = io::Error::new(io::ErrorKind::InvalidData, error);
        Error::Store(store::Error::file("cannot read", primary)(what))
    };
    let ways = if with == WithPackages::Linked { ANY_WAY } else { &[Transfer::Reflink, Transfer::Copy] };
    let file = File::open(primary).map_err(store::Error::file("cannot read", primary))?;
    let open = Decompressed::new(file, Limits::default()).map_err(|problem| {
        store::Error::file("cannot read", primary)(io::Error::new(io::ErrorKind::InvalidData, problem))
    })?;
    let mut packages = Packages::new(open, Document::Primary, "primary", Limits::default());
    while let Some(text) = packages.next().map_err(unread)? {
        let package = Quick::read(text).map_err(unread)?;
        let Some(location) = package.href.strip_prefix("packages/") else { continue };
        let (from, place) = (pool.join(location), dir.join(&package.href));
        if !is_same(&from, &place, &package)? {
            durable::remove(&place)?;
            durable::place_file_unsynced(&from, &place, ways)?;
        }
    }
    durable::sync_file_system(dir)?;
    Ok(())
}

/// Returns whether what stands at `place` is the package: the very file, or one of its size and digest.
fn is_same(from: &Path, place: &Path, package: &Quick) -> Result<bool, store::Error> {
    let Ok(there) = fs::symlink_metadata(place) else { return Ok(false) };
    if !there.is_file() || there.len() != package.size {
        return Ok(false);
    }
    let own = fs::metadata(from).map_err(store::Error::file("cannot find", from))?;
    if (own.dev(), own.ino()) == (there.dev(), there.ino()) {
        return Ok(true);
    }
    let digest = digest_of(place).map_err(store::Error::file("cannot read", place))?;
    Ok(digest.to_string() == package.checksum.hex)
}

fn digest_of(path: &Path) -> io::Result<Sha256> {
    copied(&mut File::open(path)?, &mut io::sink())
}

/// Copies all, and returns its digest.
fn copied(from: &mut File, to: &mut impl Write) -> io::Result<Sha256> {
    let mut digest = sha2::Sha256::new();
    let mut buffer = vec![0; PIECE];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(Sha256::from_bytes(digest.finalize().into())),
            length => {
                digest.update(&buffer[..length]);
                to.write_all(&buffer[..length])?;
            }
        }
    }
}
