//! How is the metadata of one package kept? Rendered once, compact, with a digest over it.
//!
//! The location and the time of the file are not part of it: they belong to a listing, not to a
//! package. All else that metadata says of a package is: dependencies, files, changes, sizes. What
//! is rendered here is what `repodata::read` reads, so who needs these as fields (a solver, a
//! comparison) parses the texts and never opens the RPM file again.
//!
//! Of a generated distribution a package takes 1.8 kB on average (15 kB before compression):
//! 100,000 packages take 180 MB.

use zstd::bulk::{Compressor, Decompressor};

use super::describe::describe;
use super::error::Error;
use super::render::{filelists, other, primary_head, push_location, push_primary_middle, push_primary_tail};
use crate::model::{Blake3, ChecksumType, FileFacts, ListedFile, Nevra, Package, Sha256};

/// Changes whenever the form, or what is rendered for the same package, changes.
const VERSION: &[u8; 4] = b"TFR2";
/// What nearly every package says, so that not every one has to: saves a fifth. Another dictionary
/// is another [`VERSION`].
const DICTIONARY: &[u8] = include_bytes!("fragments.dictionary");
const DIGEST: usize = 32;
/// Smaller by a tenth than level 3; above 6 nothing is gained.
const LEVEL: i32 = 6;
/// Most bytes that the fragments of one package may take uncompressed: readers hold us to 64 MiB of
/// text, which stands in two files and grows by escapes.
const MOST_BYTES: usize = 1 << 30;

/// The elements of one package in primary, filelists and other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragments {
    pub(super) nevra: Nevra,
    pub(super) sha256: Sha256,
    pub(super) build_time: i64,
    /// Cut where the time of the file and the location go.
    pub(super) primary: [String; 3],
    pub(super) filelists: String,
    pub(super) other: String,
}

/// Returns what is kept of a package: what metadata says of it, all but its location and the time of
/// its file.
pub fn render(package: &Package, file: &FileFacts) -> Fragments {
    let (checksum_type, checksum) = (ChecksumType::Sha256, file.sha256.to_string());
    let described = describe(package.clone(), ListedFile { checksum_type, checksum, size: file.size, time: 0 });
    let (mut middle, mut tail) = (String::new(), String::new());
    push_primary_middle(&mut middle, &described);
    push_primary_tail(&mut tail, &described);
    Fragments {
        nevra: package.nevra.clone(),
        sha256: file.sha256,
        build_time: described.time_build,
        primary: [primary_head(&described), middle, tail],
        filelists: filelists(&described),
        other: other(&described),
    }
}

impl Fragments {
    /// Returns the name of the package: the first part of its place in the canonical order.
    pub fn nevra(&self) -> &Nevra {
        &self.nevra
    }

    /// Returns the digest of the RPM file: the second part of its place in the canonical order.
    pub fn sha256(&self) -> &Sha256 {
        &self.sha256
    }

    /// Returns when the package was built, in seconds after 1970: the time of its file, where that is to
    /// be the same wherever the file is copied to.
    pub fn build_time(&self) -> i64 {
        self.build_time
    }

    /// Returns the elements of the package as [`Described::texts`](super::Described::texts) would, where
    /// a listing has it at `href` below `base`, with this time of its file (seconds after 1970). There is
    /// no filelists-ext: the digests of files are not kept.
    pub fn piece_texts(&self, href: &str, base: Option<&str>, time_file: i64) -> [String; 4] {
        let [head, middle, tail] = &self.primary;
        let mut place = String::new();
        push_location(&mut place, href, base);
        let primary = [head, &*time_file.to_string(), middle, &place, tail].concat();
        [primary, self.filelists.clone(), self.other.clone(), String::new()]
    }

    /// Returns the compact form: version, BLAKE3 of the rest, size, compressed fields.
    ///
    /// # Errors
    /// The fragments are larger than [`Fragments::from_bytes`] takes, or compression fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let evr = &self.nevra.evr;
        let mut fields = evr.epoch.to_le_bytes().to_vec();
        fields.extend(self.sha256.as_bytes());
        fields.extend(self.build_time.to_le_bytes());
        let texts = [self.nevra.name.as_str(), self.nevra.arch.as_str(), &evr.version, &evr.release];
        for text in
            texts.into_iter().chain(self.primary.iter().map(String::as_str)).chain([&*self.filelists, &*self.other])
        {
            fields.extend((text.len() as u64).to_le_bytes());
            fields.extend(text.as_bytes());
        }
        if fields.len() > MOST_BYTES {
            return Err(Error::Fragments("they are larger than a package's may be"));
        }
        let mut body = (fields.len() as u64).to_le_bytes().to_vec();
        let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARY).map_err(Error::Write)?;
        body.extend(compressor.compress(&fields).map_err(Error::Write)?);
        Ok([&VERSION[..], Blake3::of(&body).as_bytes(), &body].concat())
    }

    /// Returns the fragments held in `bytes`.
    ///
    /// # Errors
    /// Any bit differs from what [`Fragments::to_bytes`] gave, or another version gave it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bad = Error::Fragments;
        let (version, rest) = bytes.split_first_chunk().ok_or(bad("they are cut off"))?;
        if version != VERSION {
            return Err(bad("they are of another version"));
        }
        let (digest, body) = rest.split_at_checked(DIGEST).ok_or(bad("they are cut off"))?;
        if Blake3::of(body).as_bytes() != digest {
            return Err(bad("their digest differs"));
        }
        let mut fields = Fields(body);
        let size = fields.number().filter(|size| *size <= MOST_BYTES).ok_or(bad("their size is absurd"))?;
        let unpacked = Decompressor::with_dictionary(DICTIONARY)
            .and_then(|mut decompressor| decompressor.decompress(fields.0, size))
            .map_err(|_| bad("they do not decompress"))?;
        Fields(&unpacked).fragments().ok_or(bad("they do not hold what they should"))
    }
}

/// What is left to read of the serialised fields.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let raw = self.take(8)?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(raw)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn fragments(mut self) -> Option<Fragments> {
        let epoch = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        let sha256 = Sha256::from_bytes(self.take(32)?.try_into().ok()?);
        let build_time = i64::from_le_bytes(self.take(8)?.try_into().ok()?);
        let (name, arch, version, release) = (self.text()?, self.text()?, self.text()?, self.text()?);
        let nevra = Nevra::new(&name, epoch, &version, &release, &arch).ok()?;
        let primary = [self.text()?, self.text()?, self.text()?];
        let (filelists, other) = (self.text()?, self.text()?);
        self.0.is_empty().then_some(Fragments { nevra, sha256, build_time, primary, filelists, other })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{change, file, file_facts, listed_file, package};
    use super::*;

    fn known() -> Package {
        let mut package = package("p");
        package.files = vec![file("/etc/x")];
        package.changelog = vec![change("é", 1)];
        package
    }

    fn fragments() -> Fragments {
        render(&known(), &file_facts())
    }

    #[test]
    fn fragments_give_the_texts_that_the_package_would() {
        let mut described = describe(known(), listed_file());
        for base in [None, Some("/srv")] {
            (described.href, described.base) = ("a&b.rpm".to_owned(), base.map(str::to_owned));
            assert_eq!(fragments().piece_texts("a&b.rpm", base, described.time_file), described.texts());
        }
    }

    #[test]
    fn fragments_come_back_as_they_were() {
        let bytes = fragments().to_bytes().unwrap();
        assert_eq!(Fragments::from_bytes(&bytes).unwrap(), fragments());
        assert_eq!(fragments().to_bytes().unwrap(), bytes, "equal fragments, equal bytes");
    }

    /// What is in databases was compressed with exactly this dictionary.
    #[test]
    fn the_dictionary_of_this_version_never_changes() {
        assert_eq!(VERSION, b"TFR2");
        assert_eq!(
            Blake3::of(DICTIONARY).to_string(),
            "c1d4a4aacff68540d0b7170cce5f9c8a4852c3f13b31d61368a3f694d07ed8c9"
        );
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = fragments().to_bytes().unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Fragments::from_bytes(&damaged), Err(Error::Fragments(_))), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(matches!(Fragments::from_bytes(&bytes[..length]), Err(Error::Fragments(_))), "{length}");
        }
    }

    #[test]
    fn a_size_that_lies_under_a_right_digest_is_refused() {
        let body = [&u64::MAX.to_le_bytes()[..], b"x"].concat();
        let forged = [&VERSION[..], Blake3::of(&body).as_bytes(), &body].concat();
        let error = Fragments::from_bytes(&forged).unwrap_err().to_string();
        assert_eq!(error, "the stored fragments of a package are unusable: their size is absurd");
    }
}
