//! What was a repository made of that this program wrote before? Its segments, and what they say of each package.
//!
//! Nothing is believed: the files are checked against `repomd.xml` first, and a segment is checked when it is
//! copied. Whatever does not fit means that the repository is read like anybody's.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use memchr::memmem;

use super::known::Facts;
use super::listing::Settled;
use super::old::OldRepo;
use super::ordered::Ordered;
use super::spool::Spool;
use crate::model::Blake3;
use crate::repodata::segments::{
    Index, IndexFrame, KINDS, Key, Manifest, Settings, TAIL, attribute, between, key_of, open, recover,
};
use crate::repodata::{Compression, Kind};

/// An old repository of ours.
pub(super) struct Own {
    pub manifest: Manifest,
    /// The packages in the order they are listed in.
    pub packages: Vec<(Key, Facts)>,
}

impl Own {
    /// Returns what a repository is made of; `None` where it is not one that the same settings made, or damaged.
    pub(super) fn open(old: &OldRepo, settled: &Settled, spool: &mut Spool, threads: usize) -> Option<Self> {
        let settings = &settled.settings;
        let mut indexes = [const { None }; KINDS];
        let mut files = Vec::new();
        for kind in settings.kinds() {
            let record = old.repomd.record(kind.as_str())?;
            let path = old.place(record);
            let index = index(&path).ok()??;
            old.check(record).ok()?;
            files.push((*kind, File::open(path).ok()?));
            indexes[*kind as usize] = Some(index);
        }
        let primary = indexes[Kind::Primary as usize].as_ref()?;
        let (_, file) = files.iter().find(|(kind, _)| *kind == Kind::Primary)?;
        let packages = packages(file, primary, settings, settled.pretty, threads)?;
        let keys: Vec<Key> = packages.iter().map(|(key, _)| key.clone()).collect();
        let manifest = recover(&indexes, &keys, settings)?;
        for (kind, file) in files {
            let index = indexes[kind as usize].as_ref()?;
            let places = index.places().zip(&manifest.frames[kind as usize]);
            let places: HashMap<Blake3, u64> = places.map(|((at, _), frame)| (frame.name, at)).collect();
            spool.add_old(kind, file, places);
        }
        Some(Self { manifest, packages })
    }
}

/// Returns the index at the end of a file.
fn index(path: &Path) -> io::Result<Option<Index>> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let read = |length: u64| -> io::Result<Option<Vec<u8>>> {
        let Some(from) = size.checked_sub(length) else { return Ok(None) };
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, from)?;
        Ok(Some(bytes))
    };
    let Some(length) = read(TAIL as u64)?.and_then(|last| Index::length(&last)) else { return Ok(None) };
    Ok(read(length)?.and_then(|end| Index::parse(&end)))
}

/// Returns the packages of a primary of ours.
fn packages(
    file: &File,
    index: &Index,
    settings: &Settings,
    pretty: bool,
    threads: usize,
) -> Option<Vec<(Key, Facts)>> {
    let places: Vec<(u64, &IndexFrame)> = index.places().collect();
    let ordered = Ordered::new(places.len(), threads);
    let work = |at: usize| {
        let (from, frame): &(u64, &IndexFrame) = &places[at];
        (segment(file, *from, frame, settings.compression, pretty), 0)
    };
    std::thread::scope(|scope| {
        ordered.start(scope, threads, &work);
        let mut all = Vec::new();
        while let Some(some) = ordered.take() {
            let Some(some) = some else {
                ordered.end();
                return None;
            };
            all.extend(some);
        }
        Some(all)
    })
}

fn segment(
    file: &File,
    from: u64,
    frame: &IndexFrame,
    compression: Compression,
    pretty: bool,
) -> Option<Vec<(Key, Facts)>> {
    let mut packed = vec![0; frame.size as usize];
    file.read_exact_at(&mut packed, from).ok()?;
    let text = String::from_utf8(open(compression, &packed, frame.open as usize).ok()?).ok()?;
    let mut all = Vec::with_capacity(frame.count as usize);
    for package in text.split_inclusive("</package>\n") {
        if memmem::find(package.as_bytes(), b"\n  <name>").is_some() != pretty {
            return None;
        }
        all.push(known(package)?);
    }
    (all.len() == frame.count as usize).then_some(all)
}

/// Returns what an element of our primary says of a package.
fn known(text: &str) -> Option<(Key, Facts)> {
    let key = key_of(text)?;
    let location = between(text, "<location ", "/>")?;
    let time = between(text, "<time ", "/>")?;
    let size = between(text, "<size ", "/>")?;
    let checksum = between(text, "<checksum ", ">")?;
    let facts = Facts {
        href: attribute(location, "href")?,
        base: attribute(location, "xml:base"),
        time: attribute(time, "file")?.parse().ok()?,
        built: attribute(time, "build")?.parse().ok()?,
        size: attribute(size, "package")?.parse().ok()?,
        algorithm: attribute(checksum, "type")?,
    };
    Some((key, facts))
}
