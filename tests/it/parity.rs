//! Does our metadata say what createrepo_c's says, for the same RPM files?
//!
//! Needs createrepo_c's command and Python bindings, and rpmbuild: `TANNERY_PEERS_PYTHON` names the
//! interpreter of a virtual environment that has them.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tannery::model::ChecksumType;
use tannery::repodata::segments::{self, Key, Manifest, Piece, Settings};
use tannery::repodata::{self, Compression, Fragments, Kind, Repomd, Sums};
use tannery::rpms::{self, ReadOptions};

use crate::made::Memory;

/// What createrepo_c leaves out of a repository and we refuse, of the files that corpus.py makes.
const REFUSED: [&str; 3] = [
    "handmade-archivesize-inside-1-1.noarch.rpm",
    "handmade-control-1-1.noarch.rpm",
    "handmade-control-in-file-1-1.noarch.rpm",
];

#[test]
fn our_metadata_says_what_createrepo_c_says() {
    let work = tempfile::tempdir().unwrap();
    let corpus = work.path().join("corpus");
    let theirs = work.path().join("theirs");
    let ours = work.path().join("ours");
    fs::create_dir(&theirs).unwrap();

    run(peers_python().arg(script("corpus.py")).arg(&corpus));
    build_with_the_rpm_crate(&corpus);
    run_createrepo(&corpus, &theirs, &[]);
    let refused = write_repository(&corpus, &ours);

    assert_eq!(refused.iter().map(String::as_str).collect::<Vec<_>>(), REFUSED);
    let by_rpmbuild = |name: &&String| !name.starts_with("handmade-");
    assert!(files(&corpus).len() - REFUSED.len() >= 200);
    assert!(files(&corpus).keys().filter(by_rpmbuild).count() * 2 >= files(&corpus).len());
    run(peers_python().arg(script("parity.py")).arg(&theirs).arg(&ours));
    for kind in Kind::ALL {
        for (our, their) in elements(&ours, kind.as_str()).iter().zip(&elements(&theirs, kind.as_str())) {
            assert_eq!(our, their, "{}", kind.as_str());
        }
    }
}

#[test]
fn whole_changelogs_digests_of_files_and_other_checksums_are_createrepos_too() {
    let work = tempfile::tempdir().unwrap();
    let (corpus, theirs) = (work.path().join("corpus"), work.path().join("theirs"));
    fs::create_dir(&theirs).unwrap();
    run(peers_python().arg(script("corpus.py")).arg(&corpus));
    build_with_the_rpm_crate(&corpus);
    let options = ["--filelists-ext", "--changelog-limit=-1", "--checksum=sha512", "--baseurl=/srv/base"];
    run_createrepo(&corpus, &theirs, &options);

    let ours = texts_of_all(&corpus);
    for (kind, ours) in ["primary", "filelists", "other", "filelists-ext"].iter().zip(&ours) {
        let theirs = elements(&theirs, kind);
        // The first of theirs is the head.
        assert_eq!(ours.len() + 1, theirs.len(), "{kind}");
        for (our, their) in ours.iter().zip(&theirs[1..]) {
            assert_eq!(our, their, "{kind}");
        }
    }
}

/// Returns the elements of all packages in the four files, each list sorted.
fn texts_of_all(corpus: &Path) -> [Vec<String>; 4] {
    let options = ReadOptions { checksum: ChecksumType::Sha512, changelog: None, file_digests: true };
    let mut all = [const { Vec::new() }; 4];
    for (name, path) in files(corpus) {
        let Ok((package, file)) = rpms::read_for_listing(&path, &options) else { continue };
        let mut described = repodata::describe(package, file);
        (described.href, described.base) = (name, Some("/srv/base".to_owned()));
        for (list, text) in all.iter_mut().zip(described.texts()) {
            list.push(text.strip_prefix("<package ").unwrap().to_owned());
        }
    }
    all.iter_mut().for_each(|list| list.sort());
    all
}

#[test]
fn signed_copies_tell_their_key_and_keep_their_content() {
    let work = tempfile::tempdir().unwrap();
    let corpus = work.path().join("corpus");
    run(peers_python().arg(script("corpus.py")).arg(&corpus).arg("--signed"));

    let (original, original_file) = rpms::read_verified(&corpus.join("bulk-p00-1-1.x86_64.rpm")).unwrap();
    assert_eq!(original.sigkey, None);
    let directories = files(&corpus).into_iter().filter(|(_, path)| path.is_dir());
    let copies: Vec<_> = directories.map(|(key, path)| (key, path.join("bulk-p00-1-1.x86_64.rpm"))).collect();
    assert_eq!(copies.len(), 2, "an RSA and an EdDSA key");
    for (key, path) in copies {
        let (copy, copy_file) = rpms::read_verified(&path).unwrap();
        assert_eq!(copy.sigkey.unwrap().as_str(), key);
        assert_eq!(copy_file.content, original_file.content);
        assert_ne!(copy_file.sha256, original_file.sha256);
    }
}

/// Returns the command of the Python interpreter that has the peers.
fn peers_python() -> Command {
    Command::new(peers_python_path())
}

fn peers_python_path() -> PathBuf {
    std::env::var_os("TANNERY_PEERS_PYTHON")
        .expect("TANNERY_PEERS_PYTHON must name the Python of a virtual environment that has createrepo_c 1.2.5")
        .into()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", output.status);
}

/// Adds packages of formats 4 and 6; Debian's rpmbuild makes no format 6.
fn build_with_the_rpm_crate(corpus: &Path) {
    for (name, config) in [("crate4", rpm::BuildConfig::v4()), ("crate6", rpm::BuildConfig::v6())] {
        let config = config.compression(rpm::CompressionWithLevel::None).source_date(1_600_000_000);
        let mut builder = rpm::PackageBuilder::new(name, "1", "MIT", "x86_64", "built by the rpm crate");
        builder.using_config(config).requires(rpm::Dependency::greater_eq("libc", "2"));
        builder.with_file_contents("hello", rpm::FileOptions::new("/etc/hello")).unwrap();
        builder.with_dir_entry(rpm::FileOptions::dir("/usr/share/x")).unwrap();
        builder.build().unwrap().write_file(corpus.join(format!("{name}.rpm"))).unwrap();
    }
}

/// Runs createrepo_c, which ends with status 2 where it leaves a package out.
fn run_createrepo(corpus: &Path, out: &Path, options: &[&str]) {
    let mut command = Command::new(peers_python_path().with_file_name("createrepo_c"));
    command.arg("--quiet").args(options).arg("--outputdir").args([out, corpus]).env("LC_ALL", "C");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the RPM files of a directory by name.
fn files(directory: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path)).collect()
}

/// Writes a repository of all files that can be read; returns the names of the others.
fn write_repository(corpus: &Path, out: &Path) -> BTreeSet<String> {
    let mut refused = BTreeSet::new();
    let mut pieces = Vec::new();
    for (name, path) in files(corpus) {
        let Ok((package, file)) = rpms::read_verified(&path) else {
            refused.insert(name);
            continue;
        };
        let stored = repodata::render(&package, &file).to_bytes().unwrap();
        let fragments = Fragments::from_bytes(&stored).unwrap();
        let key = Key { nevra: package.nevra, pkgid: file.sha256.to_string(), href: name.clone() };
        let time_file = fs::metadata(&path).unwrap().mtime();
        pieces.push(Piece { key, texts: fragments.piece_texts(&name, None, time_file) });
    }
    pieces.sort_by(|one, other| one.key.cmp(&other.key));
    let repodata = out.join("repodata");
    fs::create_dir_all(&repodata).unwrap();
    let (settings, kept) = (Settings::of(Compression::Zstd { level: 3 }), Memory::default());
    let added = pieces.into_iter().map(Ok::<_, Infallible>);
    let manifest = segments::update(&Manifest::default(), [], added, &settings, &kept).ok().unwrap();
    let records = Kind::ALL.map(|kind| write_file(kind, &manifest, &settings, &kept, &repodata));
    let repomd = Repomd { revision: "1".to_owned(), records: records.to_vec(), ..Repomd::default() };
    assert_eq!(Repomd::parse(&repomd.to_bytes()).unwrap(), repomd);
    fs::write(repodata.join("repomd.xml"), repomd.to_bytes()).unwrap();
    refused
}

fn write_file(
    kind: Kind,
    manifest: &Manifest,
    settings: &Settings,
    kept: &Memory,
    repodata: &Path,
) -> repodata::Record {
    let unnamed = repodata.join("unnamed");
    let sums = Sums { open: true, ..Sums::default() };
    let written = segments::assemble(kind, manifest, settings, sums, kept, File::create(&unnamed).unwrap()).unwrap();
    fs::rename(unnamed, repodata.join(written.file_name())).unwrap();
    written.record(1)
}

/// Returns the head of one file of a repository and then the elements of its packages, sorted; the
/// head holds their number.
pub fn elements(repository: &Path, kind: &str) -> Vec<String> {
    let repomd = Repomd::parse(&fs::read(repository.join("repodata/repomd.xml")).unwrap()).unwrap();
    let file = File::open(repository.join(&repomd.record(kind).unwrap().href)).unwrap();
    let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
    let (packages, _end) = text.rsplit_once("</").unwrap();
    let mut elements: Vec<String> = packages.split("<package ").map(str::to_owned).collect();
    elements[1..].sort();
    elements
}
