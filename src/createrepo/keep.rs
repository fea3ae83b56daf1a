//! Which files of older metadata stay, and for how long? Readers may still fetch what an older `repomd.xml` names.
//!
//! A `repomd.xml` that is replaced is kept as `.replaced-SECONDS-DIGEST.xml` in `repodata/`: that tells since
//! when its files are old, and which files were ever ours. When its time has come, it goes with those of its
//! files that neither the current one names, nor another that is kept. Files that no `repomd.xml` of ours ever
//! named are nobody's business, except by `--retain-old-md-by-age`, which goes by the time of files alone.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::Error;
use super::options::Retain;
use super::tell::Tell;
use crate::clock::Clock;
use crate::model::Sha256;
use crate::repodata::Repomd;
use crate::store::durable;

const PREFIX: &str = ".replaced-";

/// What stays beside any data file, whatever its age.
const HEADS: [&str; 3] = ["repomd.xml", "repomd.xml.asc", "repomd.xml.key"];

/// A `repomd.xml` that was replaced.
struct Replaced {
    path: PathBuf,
    /// Seconds after 1970.
    since: i64,
    names: BTreeSet<String>,
}

/// Keeps a `repomd.xml` that is about to be replaced, so that it is known what was its; to be called before it is.
///
/// # Errors
/// It cannot be written.
pub(super) fn note(repodata: &Path, repomd: &[u8], now: i64) -> Result<(), Error> {
    let digest = Sha256::of(repomd).to_string();
    Ok(durable::write(&repodata.join(format!("{PREFIX}{now}-{}.xml", &digest[..16])), repomd)?)
}

/// Removes what is not to stay beside `current`, whose file is in place already.
///
/// What cannot be removed is told, and tried again by the next run.
pub(super) fn clear(repodata: &Path, current: &Repomd, retain: &Retain, clock: &Clock, tell: &dyn Tell) {
    let current = names(current);
    let gone = match retain {
        Retain::Everything => return,
        Retain::For(span) => expired(repodata, &current, *span, clock.seconds()),
        Retain::Nothing => expired(repodata, &current, Duration::ZERO, clock.seconds()),
        Retain::Newest(count) => superseded(repodata, &current, *count, clock.seconds()),
        Retain::ByAge(span) => aged(repodata, &current, *span, clock),
    };
    for path in gone {
        match durable::remove(&path) {
            Ok(()) => tell.detail(&format!("removed {}", path.display())),
            Err(error) => tell.warning(&crate::model::chain(&error)),
        }
    }
}

/// Returns the names in `repodata/` that a `repomd.xml` names.
fn names(repomd: &Repomd) -> BTreeSet<String> {
    let local = repomd.records.iter().filter(|record| record.base.is_none());
    local.filter_map(|record| Some(record.href.strip_prefix("repodata/")?.to_owned())).collect()
}

/// Returns the files of every `repomd.xml` that was replaced longer ago than `span`, and these themselves.
fn expired(repodata: &Path, current: &BTreeSet<String>, span: Duration, now: i64) -> Vec<PathBuf> {
    let span = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let (old, young): (Vec<_>, Vec<_>) =
        replaced(repodata).into_iter().partition(|replaced| now.saturating_sub(replaced.since) >= span);
    let mut gone = BTreeSet::new();
    for name in old.iter().flat_map(|replaced| &replaced.names) {
        let is_named = current.contains(name) || young.iter().any(|replaced| replaced.names.contains(name));
        if !is_named && is_simple(name) {
            gone.insert(repodata.join(name));
        }
    }
    // The files first: were it the other way, a kill in between would leave them for ever.
    gone.into_iter().chain(old.into_iter().map(|replaced| replaced.path)).collect()
}

/// Returns what was replaced and is known of.
fn replaced(repodata: &Path) -> Vec<Replaced> {
    let mut all = Vec::new();
    for (path, name) in entries(repodata) {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let since = rest.split('-').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let repomd = fs::read(&path).ok().and_then(|bytes| Repomd::parse(&bytes).ok());
        all.push(Replaced { path, since, names: repomd.as_ref().map(names).unwrap_or_default() });
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    all
}

/// Returns what is not among the newest `count` of each kind that lists packages, besides the current ones: of
/// these kinds whoever wrote it, of others what was ours. What tells of a file that stays, stays with it.
fn superseded(repodata: &Path, current: &BTreeSet<String>, count: usize, now: i64) -> Vec<PathBuf> {
    let (newest, older) = by_age(repodata, count, current);
    let older: BTreeSet<PathBuf> = older.into_iter().map(|name| repodata.join(name)).collect();
    let mut staying: BTreeSet<PathBuf> = newest.iter().map(|name| repodata.join(name)).collect();
    let telling = replaced(repodata).into_iter().filter(|replaced| !replaced.names.is_disjoint(&newest));
    staying.extend(telling.map(|replaced| replaced.path));
    let mut gone = expired(repodata, current, Duration::ZERO, now);
    gone.retain(|path| !staying.contains(path) && !older.contains(path));
    older.into_iter().chain(gone).collect()
}

/// Returns the names of the newest `count` files of each kind that lists packages, and those of the older ones;
/// the current ones are in neither.
fn by_age(repodata: &Path, count: usize, current: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut by_kind: HashMap<&'static str, Vec<(SystemTime, String)>> = HashMap::new();
    for (path, name) in entries(repodata) {
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
        if let (Some(kind), Ok(written), false) = (listing_kind(&name), written, current.contains(&name)) {
            by_kind.entry(kind).or_default().push((written, name));
        }
    }
    let (mut newest, mut older) = (BTreeSet::new(), BTreeSet::new());
    for mut files in by_kind.into_values() {
        files.sort();
        for (place, (_, name)) in files.into_iter().rev().enumerate() {
            let side = if place < count { &mut newest } else { &mut older };
            side.insert(name);
        }
    }
    (newest, older)
}

/// Returns which of the files that list packages a name is of.
fn listing_kind(name: &str) -> Option<&'static str> {
    let own = without_checksum(name);
    let kinds = ["primary.xml", "filelists.xml", "other.xml", "primary.sqlite", "filelists.sqlite", "other.sqlite"];
    kinds.into_iter().find(|kind| own.starts_with(kind))
}

/// Returns the name of a metadata file without the checksum that it begins with, if it does.
pub(super) fn without_checksum(name: &str) -> &str {
    match name.split_once('-') {
        Some((hex, own)) if hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => own,
        _ => name,
    }
}

/// Returns the files that were last written longer ago than `span`, whoever wrote them.
fn aged(repodata: &Path, current: &BTreeSet<String>, span: Duration, clock: &Clock) -> Vec<PathBuf> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(clock.micros().max(0).cast_unsigned());
    let limit = now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut gone = Vec::new();
    for (path, name) in entries(repodata) {
        let written = path.symlink_metadata().and_then(|metadata| metadata.modified());
        let is_old = written.is_ok_and(|written| written < limit);
        if is_old && !current.contains(&name) && !HEADS.contains(&&*name) {
            gone.push(path);
        }
    }
    gone
}

/// Returns the regular files of a directory with their names.
fn entries(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if let (Ok(name), true) = (entry.file_name().into_string(), entry.file_type().is_ok_and(|kind| kind.is_file()))
        {
            entries.push((entry.path(), name));
        }
    }
    entries.sort();
    entries
}

/// Returns whether a name is one of a file right in the directory.
fn is_simple(name: &str) -> bool {
    !name.contains('/') && !HEADS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::super::tell::Silent;
    use super::*;
    use crate::repodata::{Checksum, Record};

    const NOW: i64 = 2_000_000_000;

    struct House(tempfile::TempDir);

    impl House {
        fn new(files: &[&str]) -> Self {
            let house = Self(tempfile::tempdir().unwrap());
            for file in files {
                fs::write(house.0.path().join(file), file).unwrap();
            }
            house
        }

        fn clear(&self, current: &[&str], retain: &Retain, now: i64) -> Vec<String> {
            clear(self.0.path(), &repomd(current), retain, &Clock::held(now), &Silent);
            self.names()
        }

        fn note(&self, names: &[&str], now: i64) {
            note(self.0.path(), &repomd(names).to_bytes(), now).unwrap();
        }

        /// Returns what is there, without what tells of replaced ones.
        fn names(&self) -> Vec<String> {
            entries(self.0.path()).into_iter().map(|(_, name)| name).filter(|name| !name.starts_with(PREFIX)).collect()
        }

        fn notes(&self) -> usize {
            replaced(self.0.path()).len()
        }
    }

    fn repomd(names: &[&str]) -> Repomd {
        let record = |name: &&str| Record {
            kind: "primary".to_owned(),
            checksum: Checksum { algorithm: "sha256".to_owned(), hex: "ab".repeat(32) },
            open_checksum: None,
            header_checksum: None,
            href: format!("repodata/{name}"),
            base: None,
            timestamp: 1,
            size: None,
            open_size: None,
            header_size: None,
            database_version: None,
        };
        Repomd { records: names.iter().map(record).collect(), ..Repomd::default() }
    }

    #[test]
    fn files_of_a_replaced_one_stay_their_time_and_go_after_it() {
        let house = House::new(&["a", "b", "c", "foreign", "repomd.xml"]);
        house.note(&["a", "b"], NOW);
        house.note(&["b", "c"], NOW + 100);
        let retain = Retain::For(Duration::from_secs(600));
        let all = ["a", "b", "c", "foreign", "repomd.xml"];
        assert_eq!(house.clear(&["d"], &retain, NOW + 599), all);
        assert_eq!(house.clear(&["d"], &Retain::Everything, NOW + 9_999), all);
        assert_eq!(house.clear(&["d"], &retain, NOW + 600), ["b", "c", "foreign", "repomd.xml"]);
        assert_eq!(house.notes(), 1);
        assert_eq!(house.clear(&["b"], &retain, NOW + 700), ["b", "foreign", "repomd.xml"]);
        assert_eq!(house.notes(), 0);
    }

    #[test]
    fn nothing_stays_where_nothing_is_to() {
        let house = House::new(&["a", "b", "foreign"]);
        house.note(&["a", "b"], NOW);
        assert_eq!(house.clear(&["b"], &Retain::Nothing, NOW), ["b", "foreign"]);
        assert_eq!(house.notes(), 0);
    }

    #[test]
    fn what_a_note_names_outside_of_the_directory_is_left_alone() {
        let house = House::new(&["repomd.xml"]);
        let inner = house.0.path().join("sub");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("x"), "").unwrap();
        house.note(&["sub/x", "repomd.xml"], NOW);
        assert_eq!(house.clear(&[], &Retain::Nothing, NOW), ["repomd.xml"]);
        assert!(inner.join("x").exists());
    }

    #[test]
    fn the_newest_of_each_kind_stay_and_other_old_files_go() {
        let hex = |digit: &str| digit.repeat(64);
        let name = |digit: &str, own: &str| format!("{}-{own}", hex(digit));
        let olds = [name("1", "primary.xml.gz"), name("2", "primary.xml.gz"), name("3", "primary.xml.zst")];
        let other = name("4", "comps.xml");
        let house = House::new(&[&olds[0], &olds[1], &olds[2], &other, "foreign"]);
        for (age, old) in olds.iter().enumerate() {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + age as u64);
            fs::File::options().write(true).open(house.0.path().join(old)).unwrap().set_modified(time).unwrap();
        }
        house.note(&[&olds[0], &olds[1], &olds[2], &other], NOW);
        let left = house.clear(&[], &Retain::Newest(2), NOW);
        assert_eq!(left, [olds[1].as_str(), &olds[2], "foreign"]);
        assert_eq!(house.clear(&[], &Retain::Newest(1), NOW), [olds[2].as_str(), "foreign"]);
        assert_eq!(house.notes(), 1, "it is still known whose the last one was");
        assert_eq!(house.clear(&[], &Retain::Nothing, NOW), ["foreign"]);
    }

    #[test]
    fn by_age_everything_old_goes_that_is_not_named() {
        let house = House::new(&["old", "named", "repomd.xml", "repomd.xml.key", "young"]);
        for (name, age) in
            [("old", 7_201), ("named", 9_999), ("repomd.xml", 9_999), ("repomd.xml.key", 9_999), ("young", 7_199)]
        {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs((NOW - age).cast_unsigned());
            fs::File::options().write(true).open(house.0.path().join(name)).unwrap().set_modified(time).unwrap();
        }
        let retain = Retain::ByAge(Duration::from_secs(7_200));
        assert_eq!(house.clear(&["named"], &retain, NOW), ["named", "repomd.xml", "repomd.xml.key", "young"]);
    }

    #[test]
    fn a_checksum_before_a_name_is_cut_off() {
        let prefixed = format!("{}-updateinfo.xml.gz", "ab".repeat(32));
        assert_eq!(without_checksum(&prefixed), "updateinfo.xml.gz");
        for plain in ["updateinfo.xml", "my-comps.xml", "abcdef-x"] {
            assert_eq!(without_checksum(plain), plain);
        }
    }
}
