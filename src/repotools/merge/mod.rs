//! How do several repositories become one? Their packages are chosen by [`Method`], rendered anew and written in
//! segments; each says where it lies.
//!
//! Packages are spooled on disk: memory holds their names and digests. The output is the old
//! metadata or the new, whole, at any moment.

mod arches;
mod extras;
mod gather;
mod select;
mod texts;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use extras::blocked;
pub use select::Method;

use super::blocking;
use super::error::Error;
use super::output::{Laid, Output};
use super::repository::{Files, Repository};
use crate::fetch::{Fetcher, Place};
use crate::model::Arch;
use crate::repodata::segments::{Failed, Manifest, Piece, Settings, Spool, assemble, update};
use crate::repodata::{Compression, Record, Repomd, Sums};
use extras::Extra;
use gather::{Gathered, Row};
use select::{Rules, select};
use texts::Texts;

/// How repositories are merged.
#[derive(Debug, Clone)]
pub struct Merging {
    /// By which rules packages are taken.
    pub method: Method,
    /// Names of source packages that are left out, with all that was built from them.
    pub blocked: BTreeSet<String>,
    /// Arches that are taken, beside `noarch`; all where it is empty.
    pub arches: Vec<Arch>,
    /// Whether arches that are compatible to these, and those of multilib, are taken too.
    pub expand: bool,
    /// Which groups the merged repository has.
    pub groups: Groups,
    /// Whether the packages of the first repository lie elsewhere too; else they lie where the merged one does.
    pub first_elsewhere: bool,
    /// How the metadata is compressed.
    pub compression: Compression,
    /// Now, in seconds after 1970.
    pub time: i64,
}

/// Where groups (comps) come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// The first repository that has any.
    First,
    /// Nowhere.
    None,
    /// A file.
    File(PathBuf),
}

/// What was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Whether the output has another `repomd.xml` now.
    pub changed: bool,
    /// Packages of the merged repository.
    pub packages: u64,
    /// The repositories in their order.
    pub repositories: Vec<MergedFrom>,
}

/// What came from one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergedFrom {
    /// What the user called it.
    pub name: String,
    /// Packages that it has.
    pub packages: u64,
    /// Packages that were taken.
    pub taken: u64,
}

/// A repository that is read: where its packages lie, and its files.
struct Source {
    /// As it is written in the list of origins.
    origin: String,
    /// As it stands in `xml:base`; `None` for what lies where the merged one does.
    base: Option<String>,
    files: Files,
}

/// A merged repository that nobody sees yet: its files are written beside their places, in a directory that is held
/// until this value is dropped.
#[derive(Debug)]
pub struct Prepared {
    output: Output,
    laid: Vec<Laid>,
    files: Vec<String>,
    repomd: Vec<u8>,
    merged: Merged,
}

impl Prepared {
    /// Returns the bytes of its `repomd.xml`: those that stand in the directory where nothing else is named.
    pub fn repomd(&self) -> &[u8] {
        &self.repomd
    }

    /// Returns the names of its files in `repodata/`.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Returns what was merged.
    pub fn merged(&self) -> &Merged {
        &self.merged
    }

    /// Puts the files in their places, durable. Readers see them once `repomd.xml` is put there, which is left to the
    /// caller; so are files that nobody needs any more.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn lay(&mut self) -> Result<(), Error> {
        self.output.lay(std::mem::take(&mut self.laid)).map(drop)
    }

    /// Puts all in place.
    fn publish(self) -> Result<Merged, Error> {
        // A signature of the old one does not fit, and nobody has signed the new one yet.
        let changed = self.output.publish(self.laid, &self.repomd, &[("repomd.xml.asc", None)])?;
        Ok(Merged { changed, ..self.merged })
    }
}

/// Merges the metadata of repositories, the first being the one preferred, into a directory.
///
/// # Errors
/// A repository cannot be read, or the output not be written: it has the old metadata then.
pub async fn merge(
    fetcher: &Fetcher,
    repositories: &[Repository],
    merging: Merging,
    dir: &Path,
) -> Result<Merged, Error> {
    let prepared = prepare(fetcher, repositories, merging, dir).await?;
    blocking(move || prepared.publish()).await
}

/// As [`merge`], up to where somebody would see it.
///
/// # Errors
/// A repository cannot be read, or the output not be written.
pub async fn prepare(
    fetcher: &Fetcher,
    repositories: &[Repository],
    merging: Merging,
    dir: &Path,
) -> Result<Prepared, Error> {
    let output = Output::open(dir, [].into_iter())?;
    let mut sources = Vec::new();
    for (at, repository) in repositories.iter().enumerate() {
        let origin = origin(repository)?;
        let lies_elsewhere = at > 0 || merging.first_elsewhere;
        let base = lies_elsewhere.then(|| origin.strip_suffix('/').unwrap_or(&origin).to_owned());
        let files = repository.files(fetcher).await.map_err(|error| of(&repository.name, error))?;
        sources.push(Source { origin, base, files });
    }
    let extras = extras::of(fetcher, repositories, &merging.groups).await?;
    let names: Vec<String> = repositories.iter().map(|repository| repository.name.clone()).collect();
    blocking(move || write(sources, names, extras, &merging, output)).await
}

/// Says of which repository an error is.
fn of(name: &str, error: Error) -> Error {
    Error::Of { name: name.to_owned(), source: Box::new(error) }
}

/// Returns where a repository is, as a URL with a slash at its end and without a password.
fn origin(repository: &Repository) -> Result<String, Error> {
    if let Some(origin) = &repository.origin {
        return Ok(format!("{}/", origin.strip_suffix('/').unwrap_or(origin)));
    }
    let text = match repository.bases.first() {
        Some(place @ Place::Url(_)) => place.to_string(),
        Some(Place::Path(path)) => {
            let io = |source| Error::Io { name: path.display().to_string(), source };
            format!("file://{}", path.canonicalize().map_err(io)?.display())
        }
        None => return Err(Error::NoMirror(repository.name.clone())),
    };
    Ok(if text.ends_with('/') { text } else { text + "/" })
}

fn write(
    sources: Vec<Source>,
    names: Vec<String>,
    mut extras: Vec<Extra>,
    merging: &Merging,
    output: Output,
) -> Result<Prepared, Error> {
    let (mut texts, mut gathered) = (Texts::new(output.nameless()?), Gathered::default());
    let mut counts = Vec::new();
    let mut origins = Vec::new();
    for (at, (source, name)) in sources.into_iter().zip(names).enumerate() {
        let before = gathered.rows.len();
        let read = gathered.read(at, source.files, source.base.as_deref(), &mut texts);
        read.map_err(|error| of(&name, error))?;
        counts.push(MergedFrom { name, packages: (gathered.rows.len() - before) as u64, taken: 0 });
        origins.push(source.origin);
    }
    let rules = Rules {
        method: merging.method,
        blocked: merging.blocked.clone(),
        arches: arches::arches(&merging.arches, merging.expand),
    };
    let selected = select(&gathered.candidates, &rules);
    selected.iter().for_each(|at| counts[gathered.candidates[*at].repository].taken += 1);
    extras.push(Extra::origins(&gathered.candidates, &selected, &origins));
    let rows = ordered(gathered, &selected);
    let (mut laid, mut records) = listings(&rows, &texts, merging, &output)?;
    for extra in extras {
        let (file, record) = extra.lay(&output, merging)?;
        laid.push(file);
        records.push(record);
    }
    let repomd = repomd(&output, records, merging.time);
    let changed = output.before() != Some(&*repomd);
    let merged = Merged { changed, packages: rows.len() as u64, repositories: counts };
    let name = |file: &Laid| file.href.rsplit('/').next().unwrap_or(&file.href).to_owned();
    Ok(Prepared { files: laid.iter().map(name).collect(), output, laid, repomd, merged })
}

/// Returns the packages that were selected in canonical order; of what is the same in all three parts of its key
/// the first.
fn ordered(gathered: Gathered, selected: &[usize]) -> Vec<Row> {
    let mut is_selected = vec![false; gathered.rows.len()];
    selected.iter().for_each(|at| is_selected[*at] = true);
    let mut rows: Vec<Row> =
        gathered.rows.into_iter().zip(is_selected).filter(|(_, is)| *is).map(|(row, _)| row).collect();
    rows.sort_by(|one, other| one.key.cmp(&other.key));
    rows.dedup_by(|later, first| later.key == first.key);
    rows
}

/// Writes the files that list packages.
fn listings(
    rows: &[Row],
    texts: &Texts,
    merging: &Merging,
    output: &Output,
) -> Result<(Vec<Laid>, Vec<Record>), Error> {
    let settings = Settings::of(merging.compression);
    let segments = Spool::new(output.nameless()?);
    let pieces = rows.iter().map(|row| {
        let texts = texts.get(&row.place)?;
        Ok::<_, io::Error>(Piece { key: row.key.clone(), texts })
    });
    let manifest = update(&Manifest::default(), [], pieces, &settings, &segments);
    let manifest = manifest.map_err(|failed| match failed {
        Failed::Segments(error) => Error::Segments(error),
        Failed::Package(source) => Error::Io { name: "the spool".to_owned(), source },
    })?;
    let (mut laid, mut records) = (Vec::new(), Vec::new());
    let sums = Sums { open: true, ..Sums::default() };
    for kind in settings.kinds() {
        let mut staged = output.stage_metadata(kind.as_str())?;
        let written = assemble(*kind, &manifest, &settings, sums, &segments, &mut staged)?;
        let record = written.record(merging.time);
        laid.push(Laid { href: record.href.clone(), staged: Some(staged) });
        records.push(record);
    }
    Ok((laid, records))
}

/// Returns the bytes of `repomd.xml`: the old ones where they name the same files, else new ones, later than the
/// old.
fn repomd(output: &Output, records: Vec<Record>, time: i64) -> Vec<u8> {
    let names = |records: &[Record]| -> BTreeSet<(String, String)> {
        records.iter().map(|record| (record.kind.clone(), record.href.clone())).collect()
    };
    if let (Some(old), Some(bytes)) = (output.old(), output.before())
        && names(&old.records) == names(&records)
    {
        return bytes.to_vec();
    }
    let last = output.old().and_then(|old| old.revision.parse::<i64>().ok());
    let revision = last.map_or(time, |last| time.max(last.saturating_add(1)));
    Repomd { revision: revision.to_string(), records, ..Repomd::default() }.to_bytes()
}
