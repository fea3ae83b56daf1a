//! What lies on the hub's volume? Real RPM files, and signature headers of its own making.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use md5::Digest;
use rpm::{BuildConfig, CompressionType, FileOptions, Header, HeaderEntry, IndexData, IndexTag, PackageBuilder};

use super::rows::Build;

/// Bytes of the lead, in front of the signature header.
const LEAD: usize = 96;

const BUILT: u32 = 1_700_000_000;

/// A package to make.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub release: &'a str,
    pub epoch: Option<i64>,
    pub arch: &'a str,
}

impl Wanted<'_> {
    fn file(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.arch)
    }
}

/// A package that was made, and what the hub remembers of it.
#[derive(Debug)]
pub struct Made {
    pub name: String,
    pub arch: String,
    pub file: String,
    /// Where they are still to be written.
    pub bytes: Option<Vec<u8>>,
    pub size: i64,
    pub sigmd5: String,
    pub sighash: String,
    pub sha256: Option<String>,
    /// The key that it was signed with before it was imported.
    pub sigkey: Option<String>,
    /// Whether there is no file, nor will be.
    pub metadata_only: bool,
}

impl Made {
    /// Remembers an RPM, but not its bytes.
    pub fn of(name: &str, arch: &str, file: &str, bytes: &[u8]) -> Self {
        let signature = &bytes[LEAD..main_header(bytes)];
        Self {
            name: name.to_owned(),
            arch: arch.to_owned(),
            file: file.to_owned(),
            bytes: None,
            size: bytes.len() as i64,
            sigmd5: promised_md5(signature),
            sighash: md5(signature),
            sha256: Some(sha256(bytes)),
            sigkey: None,
            metadata_only: false,
        }
    }

    /// Signs it before it is imported; the signature verifies by no key.
    #[must_use]
    pub fn signed(self, sigkey: &str) -> Self {
        let bytes = self.bytes.as_ref().unwrap();
        let bytes = spliced(bytes, &signature_header(bytes, |_| unverifiable(sigkey)));
        let made = Self::of(&self.name, &self.arch, &self.file, &bytes);
        Self { bytes: Some(bytes), sigkey: Some(sigkey.to_owned()), ..made }
    }

    /// Returns its signature header.
    pub fn header(&self) -> Option<&[u8]> {
        self.bytes.as_ref().map(|bytes| &bytes[LEAD..main_header(bytes)])
    }
}

/// Makes an RPM of the build of this source package.
pub fn make(wanted: &Wanted<'_>, source: &str) -> Made {
    let built = unsigned(wanted, source);
    let bytes = spliced(&built, &signature_header_of(&built, None));
    let made = Made::of(wanted.name, wanted.arch, &wanted.file(), &bytes);
    Made { bytes: Some(bytes), ..made }
}

/// Remembers an RPM that is nowhere.
pub fn pretend(wanted: &Wanted<'_>) -> Made {
    let file = wanted.file();
    let hash = md5(file.as_bytes());
    let (name, arch, sha256) = (wanted.name.to_owned(), wanted.arch.to_owned(), Some(sha256(file.as_bytes())));
    let (sigmd5, sighash) = (hash.clone(), hash);
    Made { name, arch, file, bytes: None, size: 10_000, sigmd5, sighash, sha256, sigkey: None, metadata_only: false }
}

/// Returns an RPM as the library makes it, with the source package that it is of, or as one.
fn unsigned(wanted: &Wanted<'_>, source: &str) -> Vec<u8> {
    let is_source = wanted.arch == "src";
    let arch = if is_source { "noarch" } else { wanted.arch };
    let mut builder = PackageBuilder::new(wanted.name, wanted.version, "MIT", arch, "A package");
    let config = BuildConfig::v4().compression(CompressionType::None).reserved_space(None);
    builder.using_config(config.source_date(BUILT)).release(wanted.release).build_host("localhost");
    if let Some(epoch) = wanted.epoch {
        builder.epoch(epoch as u32);
    }
    if !is_source {
        let path = format!("/usr/share/doc/{}/README", wanted.name);
        builder.with_file_contents(wanted.file(), FileOptions::new(path)).unwrap();
    }
    let mut package = builder.build().unwrap();
    let mut entries = package.metadata.header.get_all_entries().unwrap();
    let odd = [IndexTag::RPMTAG_HEADERIMMUTABLE, IndexTag::RPMTAG_SOURCERPM, IndexTag::RPMTAG_BUILDTIME];
    entries.retain(|(tag, _)| !odd.iter().any(|odd| u32::from(*odd) == *tag));
    entries.push((IndexTag::RPMTAG_BUILDTIME.into(), IndexData::Int32(vec![BUILT])));
    entries.push(if is_source {
        (IndexTag::RPMTAG_SOURCEPACKAGE.into(), IndexData::Int32(vec![1]))
    } else {
        let file = format!("{source}-{}-{}.src.rpm", wanted.version, wanted.release);
        (IndexTag::RPMTAG_SOURCERPM.into(), IndexData::StringTag(file))
    });
    entries.sort_by_key(|(tag, _)| *tag);
    let entries = entries.into_iter().map(|(tag, data)| HeaderEntry::new(tag, data));
    package.metadata.header = Header::from_entries(entries, IndexTag::RPMTAG_HEADERIMMUTABLE);
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    if is_source {
        // The lead says what kind of package it is.
        bytes[7] = 1;
    }
    bytes
}

/// Returns how long the header is that begins at `start`.
fn header_length(bytes: &[u8], start: usize) -> usize {
    let number = |at: usize| u32::from_be_bytes(bytes[start + at..start + at + 4].try_into().unwrap()) as usize;
    16 + number(8) * 16 + number(12)
}

/// Returns the MD5 of header and payload that a signature header promises; nothing where it promises none.
fn promised_md5(header: &[u8]) -> String {
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap()) as usize;
    let count = number(8);
    let line = (0..count).map(|line| 16 + line * 16).find(|line| number(*line) == 1004);
    line.map_or(String::new(), |line| {
        let start = 16 + count * 16 + number(line + 8);
        hex(&header[start..start + 16])
    })
}

/// Returns where the main header begins: the signature header is filled up to eight bytes.
fn main_header(bytes: &[u8]) -> usize {
    LEAD + header_length(bytes, LEAD).next_multiple_of(8)
}

/// Returns the signature header of an RPM with a signature over its main header, as the hub keeps it.
pub fn signature_header(rpm: &[u8], signer: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let start = main_header(rpm);
    let packet = signer(&rpm[start..start + header_length(rpm, start)]);
    signature_header_of(rpm, Some(&packet))
}

/// Returns an RPM with another signature header: all that Koji does to write a signed copy.
pub fn spliced(rpm: &[u8], header: &[u8]) -> Vec<u8> {
    [&rpm[..LEAD], header, &rpm[main_header(rpm)..]].concat()
}

fn signature_header_of(rpm: &[u8], packet: Option<&[u8]>) -> Vec<u8> {
    let start = main_header(rpm);
    let main = &rpm[start..start + header_length(rpm, start)];
    let text = |hex: String| [hex.as_bytes(), &[0]].concat();
    // Tag, type, bytes, count: RSA, SHA1, SHA256, SIZE, MD5.
    let mut entries: Vec<(u32, u32, Vec<u8>, usize)> = Vec::new();
    entries.extend(packet.map(|packet| (268, 7, packet.to_vec(), packet.len())));
    entries.push((269, 6, text(hex(&sha1::Sha1::digest(main))), 1));
    entries.push((273, 6, text(sha256(main)), 1));
    entries.push((1000, 4, ((rpm.len() - start) as u32).to_be_bytes().to_vec(), 1));
    entries.push((1004, 7, md5::Md5::digest(&rpm[start..]).to_vec(), 16));
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, bytes, count) in &entries {
        if *kind == 4 {
            data.resize(data.len().next_multiple_of(4), 0);
        }
        index.extend([*tag, *kind, data.len() as u32, *count as u32].map(u32::to_be_bytes).concat());
        data.extend(bytes);
    }
    // The region that spans all of it.
    let all = entries.len() as u32 + 1;
    let region = [62, 7, data.len() as u32, 16].map(u32::to_be_bytes).concat();
    data.extend([62, 7, (all * 16).wrapping_neg(), 16].map(u32::to_be_bytes).concat());
    let magic = [0x8ead_e801, 0, all, data.len() as u32].map(u32::to_be_bytes).concat();
    let mut header = [magic, region, index, data].concat();
    header.resize(header.len().next_multiple_of(8), 0);
    header
}

/// Returns an OpenPGP packet that names a key and verifies by none.
pub fn unverifiable(sigkey: &str) -> Vec<u8> {
    let key = u32::from_str_radix(sigkey, 16).unwrap().to_be_bytes();
    // Version 4, of a binary document, RSA, SHA-256; the time; the issuer; a number of one byte.
    let (kind, time, issuer) = ([4, 0, 1, 8], [0, 6, 5, 2, 0x65, 0x53, 0xf1, 0], [0, 10, 9, 16, 0, 0, 0, 0]);
    let body = [&kind[..], &time, &issuer, &key, &[0, 0, 0, 8, 0xff]].concat();
    [&[0x88, body.len() as u8][..], &body].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn md5(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha2::Sha256::digest(bytes))
}

/// Returns the directory of a build on a volume.
pub fn build_dir(root: &Path, volume: &str, build: &Build) -> PathBuf {
    let top = if volume == "DEFAULT" { root.to_owned() } else { root.join("vol").join(volume) };
    top.join("packages").join(&build.name).join(&build.version).join(&build.release)
}

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Takes a file or a directory away, if it is there.
pub fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
}

/// Moves a directory; a link stays behind.
pub fn rename(from: &Path, to: &Path) {
    if from.exists() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
        symlink(to.file_name().unwrap(), from).unwrap();
    }
}

/// Moves a build to another volume; on DEFAULT a relative link leads to where it is.
pub fn change_volume(root: &Path, build: &Build, from: &str, to: &str) {
    let (old, new) = (build_dir(root, from, build), build_dir(root, to, build));
    let link = build_dir(root, "DEFAULT", build);
    remove_link(&new);
    if old.exists() {
        fs::create_dir_all(new.parent().unwrap()).unwrap();
        fs::rename(&old, &new).unwrap();
    }
    remove_link(&link);
    if to != "DEFAULT" {
        let up = PathBuf::from("../../..");
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(up.join(new.strip_prefix(root).unwrap()), link).unwrap();
    }
}

fn remove_link(path: &Path) {
    if path.is_symlink() {
        fs::remove_file(path).unwrap();
    }
}
