//! Which bytes has a data file of a repository that does not lie on disk? Those of its segments, joined while
//! they are read.
//!
//! Holds one segment at a time, and gives no byte of one that is not the one it was made as. A file that is
//! being read keeps its segments, also when its generation is let go meanwhile.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sha2::Digest;

use super::publish::beside;
use super::style::Style;
use super::{Error, Repos};
use crate::model::{Blake3, RepoName, Sha256, TagName};
use crate::repodata::Kind;
use crate::repodata::segments::{self, Frame, Index, Manifest, Part, Settings};
use crate::store::generations::{self, Generation};
use crate::store::segments::Segments;
use crate::store::wakeups::{self, Room};

/// A data file of a kept generation, joined of segments. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DataFile {
    joined: Arc<Joined>,
    made_at: i64,
}

impl DataFile {
    /// Returns how many bytes it has.
    pub fn size(&self) -> u64 {
        self.joined.ends.last().copied().unwrap_or(0)
    }

    /// Returns when its generation was made, in seconds after 1970.
    pub fn made_at(&self) -> i64 {
        self.made_at
    }

    /// Returns bytes from `first` on, as many as are had in one go: none from the end on. Blocks.
    ///
    /// # Errors
    /// A segment is not there any more, or is not the one it was.
    pub fn read_at(&self, first: u64) -> Result<Vec<u8>, Error> {
        let at = self.joined.ends.partition_point(|end| *end <= first);
        let Some((part, end)) = self.joined.parts.get(at).zip(self.joined.ends.get(at)) else { return Ok(Vec::new()) };
        let mut bytes = match part {
            Part::Bytes(bytes) => bytes.clone(),
            Part::Frame(frame) => self.joined.read(frame)?,
        };
        let behind = (first + part.size() - end) as usize;
        Ok(bytes.split_off(behind))
    }
}

/// What a data file is joined of.
#[derive(Debug)]
struct Joined {
    name: String,
    parts: Vec<Part>,
    /// Where each part ends in the file.
    ends: Vec<u64>,
    segments: Segments,
    /// Whether a segment was found damaged: whoever comes now must not read on from this.
    is_damaged: AtomicBool,
}

impl Joined {
    fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.parts.iter().filter_map(|part| match part {
            Part::Frame(frame) => Some(frame),
            Part::Bytes(_) => None,
        })
    }

    fn lost(&self, frame: &Frame, source: io::Error) -> Error {
        Error::Segment { segment: frame.name, file: self.name.clone(), source }
    }

    /// A damaged segment is taken away: one that is missing is made again as soon as somebody asks.
    fn damaged(&self, frame: &Frame, why: &str) -> Error {
        self.is_damaged.store(true, Ordering::Relaxed);
        let removed = self.segments.remove(&frame.name);
        let source = removed.map_or_else(io::Error::other, |()| io::Error::new(io::ErrorKind::InvalidData, why));
        self.lost(frame, source)
    }

    fn read(&self, frame: &Frame) -> Result<Vec<u8>, Error> {
        match self.segments.read(&frame.name) {
            Ok(Some(bytes)) if frame.is(&bytes) => Ok(bytes),
            Ok(Some(_)) => Err(self.damaged(frame, "it has other bytes")),
            Ok(None) => Err(self.lost(frame, io::ErrorKind::NotFound.into())),
            Err(error) => Err(self.lost(frame, error)),
        }
    }

    /// Looks whether every segment is there, as far as can be told without reading it.
    fn check(&self) -> Result<(), Error> {
        for frame in self.frames() {
            match self.segments.size(&frame.name) {
                Ok(Some(size)) if size == u64::from(frame.size) => {}
                Ok(Some(_)) => return Err(self.damaged(frame, "it has another size")),
                Ok(None) => return Err(self.lost(frame, io::ErrorKind::NotFound.into())),
                Err(error) => return Err(self.lost(frame, error)),
            }
        }
        Ok(())
    }

    /// Reads all of it, and returns whether its name is its digest.
    fn is_as_named(&self) -> Result<bool, Error> {
        let mut digest = sha2::Sha256::new();
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => digest.update(bytes),
                Part::Frame(frame) => digest.update(self.read(frame)?),
            }
        }
        Ok(self.name.starts_with(&Sha256::from_bytes(digest.finalize().into()).to_string()))
    }
}

/// The files that are being read, by name: each is held once, however many read it.
#[derive(Debug, Clone, Default)]
pub(super) struct BeingRead(Arc<Mutex<BTreeMap<String, Weak<Joined>>>>);

impl BeingRead {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Joined>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, name: &str) -> Option<Arc<Joined>> {
        let one = self.lock().get(name).and_then(Weak::upgrade);
        one.filter(|joined| !joined.is_damaged.load(Ordering::Relaxed))
    }

    fn put(&self, new: &Arc<Joined>) {
        let mut all = self.lock();
        all.retain(|_, one| one.strong_count() > 0);
        all.insert(new.name.clone(), Arc::downgrade(new));
    }

    /// Adds the segments of all files that are being read.
    pub fn name_segments(&self, named: &mut HashSet<Blake3>) {
        for one in self.lock().values().filter_map(Weak::upgrade) {
            named.extend(one.frames().map(|frame| frame.name));
        }
    }
}

impl Repos {
    /// Returns a data file of a repository that a kept generation names and that its segments give; `None`
    /// where none does. Whether it also lies on disk is not looked at.
    ///
    /// # Errors
    /// The state cannot be read, or a segment is lost, or the file is not what its name says.
    pub async fn data_file(&self, tag: &TagName, repo: &RepoName, name: &str) -> Result<Option<DataFile>, Error> {
        let Some(kind) = kind_of(name) else { return Ok(None) };
        let mut tx = self.db.read().await?;
        let Some(generation) = generations::with_file(&mut tx, tag, repo, name).await? else { return Ok(None) };
        let made_at = generation.made_at / 1_000_000;
        if let Some(joined) = self.being_read.get(name) {
            return Ok(Some(DataFile { joined, made_at }));
        }
        let Some(kept) = generations::manifest(&mut tx, &generation.manifest).await? else { return Ok(None) };
        drop(tx);
        let (segments, being_read, name) = (self.library.segments().clone(), self.being_read.clone(), name.to_owned());
        let work = move || {
            let joined = Arc::new(join(kind, &generation, &kept, name, segments)?);
            // From here on nobody takes its segments away; what was taken before is found missing.
            being_read.put(&joined);
            joined.check()?;
            let settings = Settings::of(generation.compression.into());
            if Style::writer_of(&generation.style) != Index::writer_of(&settings) && !joined.is_as_named()? {
                return Err(Error::Foreign { file: joined.name.clone() });
            }
            Ok(DataFile { joined, made_at })
        };
        let opened = beside(work).await;
        if let Err(Error::Segment { .. }) = &opened {
            self.wake_damaged(tag, repo).await?;
        }
        opened.map(Some)
    }

    /// Has a repository looked at, which makes lost segments of its shown generation again.
    async fn wake_damaged(&self, tag: &TagName, repo: &RepoName) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        wakeups::wake(&mut tx, Room::Repos, tag.as_str(), &repo.to_string(), self.clock.micros()).await?;
        tx.commit().await?;
        self.tags.bells.repos.ring();
        Ok(())
    }

    /// Returns the names of the data files of all kept generations of a repository, on disk or not.
    pub async fn data_files(&self, tag: &TagName, repo: &RepoName) -> Result<Vec<String>, Error> {
        let all = generations::of_repo(&mut self.db.read().await?, tag, repo).await?;
        Ok(all.into_iter().flat_map(|one| one.files).collect())
    }
}

/// Returns which metadata file a name such as `SHA256-primary.xml.zst` is of.
fn kind_of(name: &str) -> Option<Kind> {
    let (digest, rest) = name.split_once('-')?;
    digest.parse::<Sha256>().ok()?;
    Kind::ALL.into_iter().find(|kind| rest.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with(".xml")))
}

fn join(kind: Kind, of: &Generation, kept: &[u8], name: String, segments: Segments) -> Result<Joined, Error> {
    let (manifest, writer) = (Manifest::from_bytes(kept)?, Style::writer_of(&of.style).to_owned());
    let parts = segments::parts(kind, &manifest, of.compression.into(), writer)?.parts;
    let ends = parts.iter().scan(0, |end, part| {
        *end += part.size();
        Some(*end)
    });
    Ok(Joined { name, ends: ends.collect(), parts, segments, is_damaged: AtomicBool::new(false) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_metadata_files_are_looked_for() {
        let digest = "ab".repeat(32);
        assert_eq!(kind_of(&format!("{digest}-primary.xml.zst")), Some(Kind::Primary));
        assert_eq!(kind_of(&format!("{digest}-other.xml.gz")), Some(Kind::Other));
        for name in ["repomd.xml", "x-primary.xml.zst", &format!("{digest}-comps.xml"), &format!("{digest}-primary")] {
            assert_eq!(kind_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_file_is_read_from_any_byte_on_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        let frame = |text: &[u8]| {
            let batch = segments.batch().unwrap();
            batch.put(&Blake3::of(text), text).unwrap();
            batch.keep().unwrap();
            let mut hash = [0; 16];
            hash.copy_from_slice(&Blake3::of(text).as_bytes()[..16]);
            Frame { name: Blake3::of(text), hash, count: 1, size: text.len() as u32, open: 0 }
        };
        let (one, other) = (frame(b"34567"), frame(b"89"));
        let parts =
            vec![Part::Bytes(b"012".to_vec()), Part::Frame(one), Part::Frame(other), Part::Bytes(b"x".to_vec())];
        let name = format!("{}-primary.xml", Sha256::of(b"0123456789x"));
        let joined = Joined {
            name,
            ends: vec![3, 8, 10, 11],
            parts,
            segments: segments.clone(),
            is_damaged: AtomicBool::new(false),
        };
        assert!(joined.is_as_named().unwrap());
        let file = DataFile { joined: Arc::new(joined), made_at: 7 };
        for (first, bytes) in [(0, "012"), (2, "2"), (3, "34567"), (7, "7"), (8, "89"), (10, "x"), (11, ""), (99, "")] {
            assert_eq!(file.read_at(first).unwrap(), bytes.as_bytes(), "{first}");
        }
        file.joined.check().unwrap();
        std::fs::write(segments.path(&one.name), format!("34x67{}", "h".repeat(16))).unwrap();
        file.joined.check().unwrap();
        let refused = file.read_at(3).unwrap_err();
        assert!(refused.to_string().starts_with(&format!("segment {} of ", one.name)), "{refused}");
        assert!(matches!(file.joined.check(), Err(Error::Segment { segment, .. }) if segment == one.name));
        let being_read = BeingRead::default();
        being_read.put(&file.joined);
        let mut named = HashSet::new();
        being_read.name_segments(&mut named);
        assert_eq!(named, [one.name, other.name].into());
        drop(file);
        named.clear();
        being_read.name_segments(&mut named);
        assert!(named.is_empty());
    }
}
