//! What is asked of a run? The options of createrepo_c as fields, checked as a whole before anything is done.
//!
//! Each field means what the option of its name means to createrepo_c 1.2.5; `docs/createrepo.md` has the
//! table and the differences. Nothing here looks at the disk.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::error::Error;
use crate::model::ChecksumType;
use crate::repodata::{Compression, Tags};

/// Most threads that read packages, as createrepo_c has it.
pub const MOST_WORKERS: usize = 100;

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory whose packages are listed.
    pub dir: PathBuf,
    /// Where `repodata/` is made; `dir` where there is none.
    pub output_dir: Option<PathBuf>,
    /// Which packages are listed.
    pub selection: Selection,
    /// What readers are told of where packages are.
    pub location: Location,
    /// What is taken over from older metadata; `None` reads every package.
    pub update: Option<Update>,
    /// What is written of each package.
    pub content: Content,
    /// How files are named, compressed and checked.
    pub files: Files,
    /// What stands beside the packages.
    pub extras: Extras,
    /// What `repomd.xml` says of the whole.
    pub head: Head,
    /// What happens to the files of a `repomd.xml` that is replaced.
    pub retain: Retain,
    /// How many packages are read at once, 1 to [`MOST_WORKERS`].
    pub workers: usize,
    /// Where the locations of the packages that were read are written, one a line.
    pub read_list: Option<PathBuf>,
    /// Go on where another run holds the lock.
    pub ignore_lock: bool,
}

/// Which packages are listed.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// A file with one path a line, below the directory; there is no walk then.
    pub pkglist: Option<PathBuf>,
    /// Paths below the directory; there is no walk then.
    pub include: Vec<String>,
    /// Patterns (`*`, `?`) of names and paths that are left out.
    pub excludes: Vec<String>,
    /// Leave out packages that are symbolic links.
    pub skip_symlinks: bool,
    /// Take the locations in the old metadata as a list; there is no walk then.
    pub recycle: bool,
}

impl Selection {
    /// Returns whether the packages are named, and not found by walking.
    pub fn is_listed(&self) -> bool {
        self.pkglist.is_some() || !self.include.is_empty() || self.recycle
    }
}

/// What readers are told of where packages are.
#[derive(Debug, Clone, Default)]
pub struct Location {
    /// `xml:base` of every package; a path that begins with `/` becomes a `file://` URL.
    pub base_url: Option<String>,
    /// What stands before each location.
    pub prefix: Option<String>,
    /// How many directories are cut off the front of each location; never the file name.
    pub cut_dirs: usize,
}

/// What is taken over from older metadata.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Believe that a package of the same location is the same: do not look at its time and size.
    pub skip_stat: bool,
    /// More repositories whose metadata is taken over; the one that is written comes first.
    pub paths: Vec<PathBuf>,
}

/// What is written of each package.
#[derive(Debug, Clone)]
pub struct Content {
    /// How packages are named by digest.
    pub checksum: ChecksumType,
    /// How many changelog entries are written, the newest; `None` all.
    pub changelog: Option<usize>,
    /// Write `filelists-ext` too.
    pub filelists_ext: bool,
    /// Write line feeds and indents between elements.
    pub pretty: bool,
    /// Of packages of one NEVRA, list only the one built last.
    pub keep_last: bool,
}

/// How files are named, compressed and checked.
#[derive(Debug, Clone)]
pub struct Files {
    /// How `repomd.xml` names files by digest.
    pub checksum: ChecksumType,
    /// Compression of the files that list packages.
    pub packing: Packing,
    /// Compression of all others that are made here.
    pub extra_packing: Packing,
    /// Leave the checksum out of the files' names.
    pub simple_names: bool,
}

/// What stands beside the packages.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// comps; relative to the directory of packages.
    pub group_file: Option<PathBuf>,
    /// Leave the group file uncompressed.
    pub plain_group: bool,
    /// Do not take over what stood beside the packages before.
    pub discard: bool,
}

/// What `repomd.xml` says of the whole.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// Text of `<revision>`; the time of writing where there is none.
    pub revision: Option<String>,
    /// Take the revision, which is a number of seconds then, as the time of all files.
    pub timestamp_to_revision: bool,
    /// Tags.
    pub tags: Tags,
}

/// What happens to the files of a `repomd.xml` that is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retain {
    /// They stay so long, and go with the first run after that.
    For(Duration),
    /// They go at once.
    Nothing,
    /// They stay for ever.
    Everything,
    /// So many of each of the files that list packages stay, the newest.
    Newest(usize),
    /// Whatever was last written longer ago goes, whoever wrote it.
    ByAge(Duration),
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Zstandard.
    Zstd,
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

impl Packing {
    /// Returns how files are compressed: with createrepo_c's levels, but for zstd, where segments of level 8 come
    /// out as small as its one frame of level 10.
    pub fn compression(self) -> Compression {
        match self {
            Self::Zstd => Compression::Zstd { level: 8 },
            Self::Gzip => Compression::Gzip { level: 5 },
            Self::Xz => Compression::Xz { level: 5 },
            Self::Bzip2 => Compression::Bzip2 { level: 9 },
        }
    }

    /// Returns the end of the file's name.
    pub fn suffix(self) -> &'static str {
        self.compression().suffix()
    }
}

impl FromStr for Packing {
    type Err = Error;

    /// Takes createrepo_c's names, in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "zstd" => Ok(Self::Zstd),
            "gz" => Ok(Self::Gzip),
            "xz" => Ok(Self::Xz),
            "bz2" => Ok(Self::Bzip2),
            _ => Err(Error::Usage(format!("{text:?} is no compression type: zstd, gz, xz and bz2 are"))),
        }
    }
}

/// Returns the algorithm of `--checksum`: what createrepo_c 1.2.5 takes, in any case.
///
/// # Errors
/// It is none, or one that nobody should write any more.
pub fn checksum(text: &str) -> Result<ChecksumType, Error> {
    let known = text.parse::<ChecksumType>().ok();
    match known {
        Some(
            algorithm @ (ChecksumType::Sha224 | ChecksumType::Sha256 | ChecksumType::Sha384 | ChecksumType::Sha512),
        ) => Ok(algorithm),
        Some(_) => Err(Error::Usage(format!("{text:?} is too weak a checksum type: take sha256"))),
        None => Err(Error::Usage(format!("{text:?} is no checksum type: sha224, sha256, sha384 and sha512 are"))),
    }
}

/// Returns the time that `--retain-old-md-by-age` names: a number of seconds, or of the unit behind it: `m`
/// minutes, `h` hours, `d` days.
///
/// # Errors
/// It is no such time.
pub fn age(text: &str) -> Result<Duration, Error> {
    let bad = || Error::Usage(format!("{text:?} is no time: write seconds, or a number and m, h or d"));
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(unit));
    seconds.map(Duration::from_secs).ok_or_else(bad)
}

impl Options {
    /// Returns the options of a run that is asked for nothing but a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            output_dir: None,
            selection: Selection::default(),
            location: Location::default(),
            update: None,
            content: Content {
                checksum: ChecksumType::Sha256,
                changelog: Some(10),
                filelists_ext: false,
                pretty: true,
                keep_last: false,
            },
            files: Files {
                checksum: ChecksumType::Sha256,
                packing: Packing::Zstd,
                extra_packing: Packing::Zstd,
                simple_names: false,
            },
            extras: Extras::default(),
            head: Head::default(),
            retain: Retain::For(Duration::from_secs(600)),
            workers: 1,
            read_list: None,
            ignore_lock: false,
        }
    }

    /// Refuses options that contradict each other.
    ///
    /// # Errors
    /// They do; the text says which.
    pub fn check(&self) -> Result<(), Error> {
        self.head.timestamp()?;
        if !(1..=MOST_WORKERS).contains(&self.workers) {
            return Err(Error::Usage(format!("there can be 1 to {MOST_WORKERS} workers")));
        }
        Ok(())
    }
}

impl Head {
    /// Returns the time that all files are to have, in seconds after 1970, where it is the revision's.
    ///
    /// # Errors
    /// It is to be the revision's, and there is none, or it is no number.
    pub fn timestamp(&self) -> Result<Option<i64>, Error> {
        let usage = |why: &str| Error::Usage(format!("--set-timestamp-to-revision needs {why}"));
        match (&self.revision, self.timestamp_to_revision) {
            (_, false) => Ok(None),
            (None, true) => Err(usage("--revision")),
            (Some(revision), true) => match revision.parse::<i64>() {
                Ok(seconds) if seconds >= 0 => Ok(Some(seconds)),
                _ => Err(usage("a --revision that is a number of seconds")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_any_case_and_refusals_say_what_would_do() {
        assert_eq!("ZSTD".parse::<Packing>().unwrap(), Packing::Zstd);
        assert_eq!(checksum("SHA512").unwrap(), ChecksumType::Sha512);
        for (refusal, text) in [
            ("zck".parse::<Packing>().err(), "\"zck\" is no compression type: zstd, gz, xz and bz2 are"),
            (checksum("md5").err(), "\"md5\" is too weak a checksum type: take sha256"),
            (checksum("foo").err(), "\"foo\" is no checksum type: sha224, sha256, sha384 and sha512 are"),
            (age("2w").err(), "\"2w\" is no time: write seconds, or a number and m, h or d"),
        ] {
            assert_eq!(refusal.unwrap().to_string(), text);
        }
    }

    #[test]
    fn ages_have_createrepos_units() {
        for (text, seconds) in [("90", 90), ("2m", 120), ("3h", 10_800), ("30d", 2_592_000), ("0", 0)] {
            assert_eq!(age(text).unwrap(), Duration::from_secs(seconds));
        }
        for bad in ["", "h", "-1", "+1", "1.5h", "2hh", "99999999999999999999d", "9999999999999999999d"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_of_a_revision_needs_one_that_is_a_time() {
        let head = |revision: Option<&str>| Head {
            revision: revision.map(str::to_owned),
            timestamp_to_revision: true,
            tags: Tags::default(),
        };
        assert_eq!(head(Some("123")).timestamp().unwrap(), Some(123));
        for (revision, needs) in [
            (None, "--revision"),
            (Some("a"), "a --revision that is a number of seconds"),
            (Some("-1"), "a --revision that is a number of seconds"),
        ] {
            let error = Options { head: head(revision), ..Options::new("x") }.check().unwrap_err();
            assert_eq!(error.to_string(), format!("--set-timestamp-to-revision needs {needs}"));
        }
        assert!(Options { workers: 101, ..Options::new("x") }.check().is_err());
    }
}
