//! What does a repository of ours look like whose packages exist in metadata only? Written by the engine
//! itself, with short segments, so that few packages make many.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tannery::model::{Blake3, ChangelogEntry, FileEntry, FileKind, Nevra};
use tannery::repodata::segments::{Cuts, Frame, Frames, Key, Manifest, Piece, Settings, assemble, place, update};
use tannery::repodata::{Checksum, Compression, Described, Entry, Kind, Repomd, Sums};

/// The segments that these repositories are cut into, in bytes.
pub const CUTS: Cuts = Cuts { filelists: 10_000, primary: 15_000, other: 20_000 };

/// Packages by their place in a repository.
pub type Set = BTreeMap<Key, Piece>;

/// Returns a package; `bulk` decides how many files and changes it has.
pub fn described(name: &str, arch: &str, version: &str, bulk: usize) -> Described {
    let of = |text: &str| Blake3::of(format!("{name} {arch} {version} {text}").as_bytes()).to_string();
    let file =
        |at: usize| FileEntry { path: format!("/usr/share/{name}/{at}-{}", &of("f")[..9]), kind: FileKind::Plain };
    let change = |at: usize| ChangelogEntry {
        author: format!("Ann <ann@example.org> - {version}-{at}"),
        date: 1_600_000_000 + at as u64,
        text: format!("- change {at} & <more> of {}", &of("c")[..20]),
    };
    let provided = Entry {
        name: name.to_owned(),
        flags: Some("EQ".to_owned()),
        epoch: Some("0".to_owned()),
        version: Some(version.to_owned()),
        release: Some("1".to_owned()),
        pre: false,
    };
    let required = Entry { name: "libc.so.6()(64bit)".to_owned(), ..Entry::default() };
    Described {
        name: name.to_owned(),
        arch: arch.to_owned(),
        epoch: "0".to_owned(),
        version: version.to_owned(),
        release: "1".to_owned(),
        checksum: Checksum { algorithm: "sha256".to_owned(), hex: of("id") },
        summary: format!("The package {name}"),
        description: format!("{} & more\n{}", of("d"), of("e")),
        packager: String::new(),
        url: "https://example.org/".to_owned(),
        time_file: 1_700_000_000,
        time_build: 1_700_000_000,
        size_package: 5_000 + bulk as u64,
        size_installed: 9_000,
        size_archive: 0,
        href: format!("packages/{name}-{version}-1.{arch}.rpm"),
        base: None,
        license: "MIT".to_owned(),
        vendor: String::new(),
        group: "Unspecified".to_owned(),
        build_host: "localhost".to_owned(),
        source_rpm: format!("{name}-{version}-1.src.rpm"),
        header_start: 280,
        header_end: 4_000,
        dependencies: [Some(vec![provided]), Some(vec![required]), None, None, None, None, None, None],
        primary_files: vec![FileEntry { path: format!("/usr/bin/{name}"), kind: FileKind::Plain }],
        files: (0..bulk).map(file).collect(),
        file_digests: None,
        changelog: (0..bulk % 10).map(change).collect(),
    }
}

/// Returns a package as it is listed.
pub fn piece(described: Described) -> Piece {
    let Described { name, version, release, arch, .. } = &described;
    let nevra = Nevra::new(name, described.epoch.parse().unwrap(), version, release, arch).unwrap();
    let texts = described.texts();
    let key = Key { nevra, pkgid: described.checksum.hex, href: place(described.base, described.href) };
    Piece { key, texts }
}

/// Returns `count` packages of all sizes, some of one name.
pub fn set(count: usize) -> Set {
    let mut set = Set::new();
    for at in 0..count {
        let (arch, version) = if at % 10 == 3 { ("i686", "1.10") } else { ("x86_64", "1.9") };
        let bulk = if at % 97 == 5 { 900 } else { at * 37 % 60 };
        put(&mut set, described(&format!("p{:04}", at - usize::from(at % 10 == 3)), arch, version, bulk));
    }
    set
}

/// Puts a package into a set.
pub fn put(set: &mut Set, described: Described) {
    let piece = piece(described);
    set.insert(piece.key.clone(), piece);
}

/// Takes all packages of a name out of a set.
pub fn take(set: &mut Set, name: &str) {
    set.retain(|key, _| key.nevra.name.as_str() != name);
}

/// Segments in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Blake3, Vec<u8>>>);

impl Frames for Memory {
    fn get(&self, _: Kind, frame: &Frame) -> io::Result<Vec<u8>> {
        self.find(&frame.name)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&self, name: &Blake3) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn put(&self, name: &Blake3, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().insert(*name, bytes.to_vec());
        Ok(())
    }
}

/// Writes the metadata of a set below `dir`, beside that of older ones; `time` is revision and time of all.
pub fn write(dir: &Path, set: &Set, compression: Compression, time: i64) {
    write_with(dir, set, compression, true, time);
}

/// As [`write`], with or without the checksums of what is uncompressed.
pub fn write_with(dir: &Path, set: &Set, compression: Compression, open: bool, time: i64) {
    let sums = Sums { open, ..Sums::default() };
    let (settings, frames) = (Settings { cuts: CUTS, ..Settings::of(compression) }, Memory::default());
    let added = set.values().cloned().map(Ok::<_, Infallible>);
    let manifest = update(&Manifest::default(), [], added, &settings, &frames).ok().unwrap();
    let repodata = dir.join("repodata");
    fs::create_dir_all(&repodata).unwrap();
    let mut records = Vec::new();
    for kind in settings.kinds() {
        let mut bytes = Vec::new();
        let written = assemble(*kind, &manifest, &settings, sums, &frames, &mut bytes).unwrap();
        fs::write(repodata.join(written.file_name()), bytes).unwrap();
        records.push(written.record(time));
    }
    let repomd = Repomd { revision: time.to_string(), records, ..Repomd::default() };
    fs::write(repodata.join("repomd.xml"), repomd.to_bytes()).unwrap();
}
