//! Does a list of segments that followed changes equal the one made from scratch, and did it cost what it
//! may?

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::Mutex;

use proptest::prelude::*;

use super::super::{Checksum, Digested, Sums};
use super::cut::Begins;
use super::*;
use crate::model::ChecksumType;

/// Segments in memory.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<Blake3, Vec<u8>>>);

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

const SUMS: Sums = Sums { checksum: ChecksumType::Sha256, open: true };

type Set = BTreeMap<Key, Piece>;

fn settings(compression: Compression) -> Settings {
    let threads = NonZeroUsize::new(2).unwrap();
    Settings { cuts: Cuts { filelists: 1_000, primary: 2_000, other: 1_200 }, threads, ..Settings::of(compression) }
}

/// Returns a package; `bulk` decides how much is said of it.
fn piece(name: usize, arch: &str, version: u32, bulk: usize) -> Piece {
    let nevra = Nevra::new(&format!("p{name:03}"), 0, &version.to_string(), "1", arch).unwrap();
    let pkgid = Blake3::of(format!("{nevra}{bulk}").as_bytes()).to_string();
    let href = format!("packages/{nevra}&.rpm");
    let primary = format!(
        "<package type=\"rpm\">\n  <name>{}</name>\n  <arch>{arch}</arch>\n  <version epoch=\"0\" ver=\"{version}\" \
         rel=\"1\"/>\n  <checksum type=\"sha256\" pkgid=\"YES\">{pkgid}</checksum>\n  <summary>{}</summary>\n  \
         <location href=\"{}\"/>\n</package>\n",
        nevra.name,
        "s".repeat(bulk / 3),
        href.replace('&', "&amp;"),
    );
    let files = format!("<package pkgid=\"{pkgid}\">\n  <file>{}</file>\n</package>\n", "f".repeat(bulk));
    let other = format!("<package pkgid=\"{pkgid}\">\n</package>\n");
    Piece { key: Key { nevra, pkgid, href }, texts: [primary, files, other, String::new()] }
}

fn scratch(set: &Set, settings: &Settings, frames: &Memory) -> Manifest {
    let added = set.values().cloned().map(Ok::<_, Infallible>);
    update(&Manifest::default(), [], added, settings, frames).ok().unwrap()
}

fn bytes(manifest: &Manifest, settings: &Settings, frames: &Memory) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for kind in settings.kinds() {
        let mut file = Vec::new();
        assemble(*kind, manifest, settings, SUMS, frames, &mut file).unwrap();
        files.push(file);
    }
    files
}

/// One change: which name, which arch, and the version it gets or that it goes.
type Change = (usize, bool, Option<(u32, usize)>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let version = prop::option::weighted(0.8, (0u32..4, prop_oneof![5 => 0usize..400, 1 => 400usize..9000]));
    prop::collection::vec((0usize..400, prop::bool::weighted(0.1), version), 1..4)
}

/// Applies changes to the set; returns what goes, what comes, and how many packages that concerns.
fn apply(set: &mut Set, changes: &[Change]) -> (Vec<Key>, Vec<Piece>, usize) {
    let mut touched: BTreeMap<(usize, bool), Option<(u32, usize)>> = BTreeMap::new();
    touched.extend(changes.iter().map(|(name, multilib, to)| ((*name, *multilib), *to)));
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for ((name, multilib), to) in &touched {
        let arch = if *multilib { "i686" } else { "x86_64" };
        let text = format!("p{name:03}");
        let old = set.keys().find(|key| key.nevra.name.as_str() == text && key.nevra.arch.as_str() == arch).cloned();
        let new = to.map(|(version, bulk)| piece(*name, arch, version, bulk));
        if old.as_ref() == new.as_ref().map(|piece| &piece.key) {
            continue;
        }
        set.extend(new.iter().map(|piece| (piece.key.clone(), piece.clone())));
        if let Some(old) = &old {
            set.remove(old);
        }
        removed.extend(old);
        added.extend(new);
    }
    removed.sort();
    added.sort_by(|a, b| a.key.cmp(&b.key));
    (removed, added, touched.len())
}

fn first_set() -> Set {
    let mut set = Set::new();
    for name in (0..400).step_by(2) {
        let one = piece(name, "x86_64", 1, (name * 37) % 500);
        set.insert(one.key.clone(), one);
    }
    set
}

fn rewritten(old: &Manifest, new: &Manifest, kind: Kind) -> usize {
    let old: Vec<&Blake3> = old.frames[kind as usize].iter().map(|frame| &frame.name).collect();
    new.frames[kind as usize].iter().filter(|frame| !old.contains(&&frame.name)).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn following_changes_gives_what_starting_anew_gives(history in prop::collection::vec(changes(), 1..12)) {
        for compression in [Compression::Zstd { level: 3 }, Compression::Gzip { level: 1 }, Compression::None] {
            let (settings, frames) = (settings(compression), Memory::default());
            let mut set = first_set();
            let mut manifest = scratch(&set, &settings, &frames);
            prop_assert!(manifest.frames[Kind::Filelists as usize].len() >= 50);
            for step in &history {
                let (removed, added, k) = apply(&mut set, step);
                let added = added.into_iter().map(Ok::<_, Infallible>);
                let next = update(&manifest, removed, added, &settings, &frames).ok().unwrap();
                let anew = Memory::default();
                let from_scratch = scratch(&set, &settings, &anew);
                prop_assert_eq!(&next, &from_scratch);
                prop_assert_eq!(bytes(&next, &settings, &frames), bytes(&from_scratch, &settings, &anew));
                for kind in settings.kinds() {
                    let written = rewritten(&manifest, &next, *kind);
                    prop_assert!(written <= 2 * k, "{written} segments of {kind:?} for {k} packages");
                }
                manifest = next;
            }
        }
    }
}

#[test]
fn a_repository_of_ours_tells_what_it_is_made_of() {
    for compression in [Compression::Zstd { level: 3 }, Compression::Gzip { level: 1 }] {
        let (settings, frames) = (settings(compression), Memory::default());
        let set = first_set();
        let manifest = scratch(&set, &settings, &frames);
        let files = bytes(&manifest, &settings, &frames);
        let mut indexes: [Option<Index>; KINDS] = Default::default();
        for (kind, file) in settings.kinds().iter().zip(&files) {
            let length = usize::try_from(Index::length(file).unwrap()).unwrap();
            indexes[*kind as usize] = Index::parse(&file[file.len() - length..]);
        }
        let keys: Vec<Key> = set.keys().cloned().collect();
        let recovered = recover(&indexes, &keys, &settings).unwrap();
        let strip = |mut manifest: Manifest| {
            manifest.frames.iter_mut().flatten().for_each(|frame| frame.name = Blake3::of(b""));
            // What begins the first leaf is of no account: it begins everything anyway.
            manifest.leaves[0].begins = Begins::NONE;
            manifest
        };
        assert_eq!(strip(recovered.clone()), strip(manifest));
        assert_eq!(recover(&indexes, &keys[1..], &settings), None);
        let other = Settings { compression: Compression::Zstd { level: 4 }, ..settings };
        assert_eq!(recover(&indexes, &keys, &other), None);
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let (settings, frames) = (settings(Compression::None), Memory::default());
    let one = piece(1, "noarch", 1, 10);
    let set: Set = [(one.key.clone(), one.clone())].into();
    let manifest = scratch(&set, &settings, &frames);
    let refused = |removed: &[Key], added: &[Piece]| {
        let added = added.iter().cloned().map(Ok::<_, Infallible>);
        match update(&manifest, removed.to_vec(), added, &settings, &frames) {
            Err(Failed::Segments(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let (before, behind) = (piece(0, "noarch", 1, 10), piece(2, "noarch", 1, 10));
    assert_eq!(refused(&[], &[one]), "packages/p001-0:1-1.noarch&.rpm is listed already");
    for missing in [&before, &behind] {
        let error = refused(std::slice::from_ref(&missing.key), &[]);
        assert!(error.ends_with("is to be removed and is not listed"), "{error}");
    }
    assert!(refused(&[], &[behind.clone(), before.clone()]).contains("is out of order"));
    assert!(refused(&[], &[behind.clone(), behind]).contains("is listed already"));
}

#[test]
fn a_damaged_segment_is_found_and_never_listed_again() {
    let (settings, frames) = (settings(Compression::Zstd { level: 1 }), Memory::default());
    let set = first_set();
    let manifest = scratch(&set, &settings, &frames);
    let frame = manifest.frames[Kind::Primary as usize][0];
    frames.0.lock().unwrap().get_mut(&frame.name).unwrap()[20] ^= 1;
    let error = assemble(Kind::Primary, &manifest, &settings, SUMS, &frames, io::sink()).unwrap_err();
    assert_eq!(error.to_string(), "a segment of primary cannot be read");
    let first = manifest.leaves[0].first.clone();
    let none: [Result<Piece, Infallible>; 0] = [];
    let changed = update(&manifest, [first], none, &settings, &frames);
    assert!(matches!(changed, Err(Failed::Segments(Error::Damaged { kind: Kind::Primary, .. }))));
}

#[test]
fn a_package_that_cannot_be_had_ends_the_update_with_its_cause() {
    let added = [Err("gone")];
    let ended = update(&Manifest::default(), [], added, &settings(Compression::None), &Memory::default());
    assert!(matches!(ended, Err(Failed::Package("gone"))));
}

#[test]
fn the_files_are_those_that_are_written_in_one_stream() {
    let (settings, frames) = (settings(Compression::None), Memory::default());
    let set = first_set();
    let manifest = scratch(&set, &settings, &frames);
    let mut out = Vec::new();
    let written = assemble(Kind::Other, &manifest, &settings, SUMS, &frames, &mut out).unwrap();
    let all: String = set.values().map(|piece| piece.texts[Kind::Other as usize].as_str()).collect();
    assert_eq!(String::from_utf8(out).unwrap(), format!("{}{all}</otherdata>", Kind::Other.head(set.len() as u64)));
    assert_eq!((written.open, written.compression), (None, Compression::None));
}

#[test]
fn an_empty_set_has_files_with_a_count_of_nothing() {
    let (settings, frames) = (settings(Compression::None), Memory::default());
    let texts =
        bytes(&Manifest::default(), &settings, &frames).into_iter().map(|file| String::from_utf8(file).unwrap());
    let (head, base) = ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "http://linux.duke.edu/metadata");
    let expected = [
        format!("{head}<metadata xmlns=\"{base}/common\" xmlns:rpm=\"{base}/rpm\" packages=\"0\">\n</metadata>"),
        format!("{head}<filelists xmlns=\"{base}/filelists\" packages=\"0\">\n</filelists>"),
        format!("{head}<otherdata xmlns=\"{base}/other\" packages=\"0\">\n</otherdata>"),
    ];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
}

#[test]
fn sums_are_of_the_bytes_and_of_the_type_that_is_asked_for() {
    let set = first_set();
    let plain = |settings: &Settings, frames: &Memory| bytes(&scratch(&set, settings, frames), settings, frames);
    let open = plain(&settings(Compression::None), &Memory::default()).remove(Kind::Other as usize);
    for compression in [Compression::Zstd { level: 1 }, Compression::Gzip { level: 1 }, Compression::Xz { level: 0 }] {
        let (settings, frames) = (settings(compression), Memory::default());
        let manifest = scratch(&set, &settings, &frames);
        let mut file = Vec::new();
        let sums = Sums { checksum: ChecksumType::Sha512, open: true };
        let written = assemble(Kind::Other, &manifest, &settings, sums, &frames, &mut file).unwrap();
        let sum = |bytes: &[u8]| Digested {
            checksum: Checksum { algorithm: "sha512".to_owned(), hex: ChecksumType::Sha512.hex_of(bytes) },
            size: bytes.len() as u64,
        };
        assert_eq!((&written.file, &written.open), (&sum(&file), &Some(sum(&open))));
        let name = format!("{}-other.xml{}", ChecksumType::Sha512.hex_of(&file), compression.suffix());
        assert_eq!(written.file_name(), name);
    }
}
