//! Which files does a header list? Paths, kinds, and digests where they are wanted.
//!
//! Where arrays are absent or of unequal length, the answer is librpm's and createrepo_c's.

use super::error::Error;
use super::limited::{MOST_FILES, Tags};
use super::tags;
use crate::model::{FileDigests, FileEntry, FileKind};

/// RPMFILE_GHOST.
const GHOST: u64 = 1 << 6;

/// Returns the files. A header without one of the arrays has none, nor has one with too few or too
/// many directory numbers, or one that leads nowhere; other arrays end with the shortest.
pub(super) fn files(tags: &Tags<'_>) -> Result<Vec<FileEntry>, Error> {
    let header = tags.header;
    let (Some(modes), Some(flags), Some(_)) =
        (header.numbers(tags::FILE_MODES)?, header.numbers(tags::FILE_FLAGS)?, header.strings(tags::FILE_DIGESTS)?)
    else {
        return Ok(vec![]);
    };
    let mut files = Vec::with_capacity(header.count(tags::FILE_MODES).min(MOST_FILES));
    let digests = header.count(tags::FILE_DIGESTS);
    for ((path, mode), flags) in paths(tags)?.into_iter().zip(modes).zip(flags).take(digests) {
        let kind = match mode & 0o170_000 {
            0o040_000 => FileKind::Dir,
            _ if flags & GHOST != 0 => FileKind::Ghost,
            _ => FileKind::Plain,
        };
        files.push(FileEntry { path, kind });
    }
    Ok(files)
}

/// Returns the digests of the first `count` files, which have one each.
pub(super) fn file_digests(tags: &Tags<'_>, count: usize) -> Result<FileDigests, Error> {
    let digests = tags.header.strings(tags::FILE_DIGESTS)?.into_iter().flatten();
    let hex = digests.take(count).map(|digest| tags.decode("digest of a file", &[digest])).collect::<Result<_, _>>()?;
    let algorithm = digest_name(tags.header.number(tags::FILE_DIGEST_ALGO)?).to_owned();
    Ok(FileDigests { algorithm, hex })
}

/// Returns createrepo_c's name of one of OpenPGP's digest algorithms.
fn digest_name(number: Option<u64>) -> &'static str {
    match number {
        Some(1) => "md5",
        Some(2) => "sha1",
        Some(3) => "ripemd160",
        Some(5) => "md2",
        Some(6) => "tiger192",
        Some(7) => "haval-5-160",
        Some(8) => "sha256",
        Some(9) => "sha384",
        Some(10) => "sha512",
        Some(11) => "sha224",
        _ => "unknown",
    }
}

/// Returns the paths: directory names joined with base names, or whole names in the old format.
fn paths(tags: &Tags<'_>) -> Result<Vec<String>, Error> {
    let header = tags.header;
    if let Some(whole) = tags.strings(tags::OLD_FILE_NAMES, MOST_FILES, "files")? {
        return whole.map(|path| tags.decode("file name", &[path])).collect();
    }
    let (Some(names), Some(dirs), Some(indexes)) = (
        tags.strings(tags::BASE_NAMES, MOST_FILES, "files")?,
        tags.strings(tags::DIR_NAMES, MOST_FILES, "directories")?,
        header.numbers(tags::DIR_INDEXES)?,
    ) else {
        return Ok(vec![]);
    };
    let count = header.count(tags::BASE_NAMES);
    if header.count(tags::DIR_INDEXES) != count {
        return Ok(vec![]);
    }
    let dirs: Vec<&[u8]> = dirs.collect();
    let mut paths = Vec::with_capacity(count);
    for (name, index) in names.zip(indexes) {
        let dir = usize::try_from(index).ok().and_then(|index| dirs.get(index));
        let Some(dir) = dir else { return Ok(vec![]) };
        paths.push(tags.decode("file name", &[dir, name])?);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::super::content::Wanted;
    use super::super::testing::{Value, rpm, saved};
    use super::super::{Error, content, file};
    use super::*;
    use crate::model::Package;

    fn package_of(main: &[(u32, Value)]) -> Result<Package, Error> {
        let parts = file::scan(&saved(&rpm(main, &[], b"")), |_| {})?;
        content::package(&parts, Wanted { changelog: None, file_digests: true, sigkey: false })
    }

    /// Returns the tags of so many files in one directory.
    fn some_files(count: usize) -> Vec<(u32, Value)> {
        vec![
            (tags::DIR_NAMES, Value::Texts(vec!["/d/"])),
            (tags::BASE_NAMES, Value::Texts(vec!["f"; count])),
            (tags::DIR_INDEXES, Value::Int32(vec![0; count])),
            (tags::FILE_MODES, Value::Int16(vec![0o100_644; count])),
            (tags::FILE_FLAGS, Value::Int32(vec![0; count])),
            (tags::FILE_DIGESTS, Value::Texts(vec!["00"; count])),
        ]
    }

    fn with(mut main: Vec<(u32, Value)>, tag: u32, value: Value) -> Vec<(u32, Value)> {
        main.retain(|(own, _)| *own != tag);
        main.push((tag, value));
        main
    }

    #[test]
    fn arrays_of_unequal_length_end_with_the_shortest() {
        for (tag, value, left) in [
            (tags::FILE_MODES, Value::Int16(vec![0o100_644; 2]), 2),
            (tags::FILE_FLAGS, Value::Int32(vec![0]), 1),
            (tags::FILE_DIGESTS, Value::Texts(vec![""; 2]), 2),
            (tags::FILE_DIGESTS, Value::Texts(vec![""; 9]), 3),
            (tags::DIR_INDEXES, Value::Int32(vec![0; 2]), 0),
            (tags::DIR_INDEXES, Value::Int32(vec![0; 4]), 0),
            (tags::DIR_INDEXES, Value::Int32(vec![0, 1, 0]), 0),
        ] {
            let package = package_of(&with(some_files(3), tag, value.clone())).unwrap();
            assert_eq!(package.files.len(), left, "{tag} {value:?}");
            assert_eq!(package.file_digests.unwrap().hex.len(), left, "{tag} {value:?}");
        }
    }

    #[test]
    fn without_one_of_the_arrays_there_are_no_files() {
        for missing in [tags::DIR_NAMES, tags::BASE_NAMES, tags::DIR_INDEXES, tags::FILE_MODES, tags::FILE_FLAGS] {
            let mut main = some_files(3);
            main.retain(|(tag, _)| *tag != missing);
            assert_eq!(package_of(&main).unwrap().files, [], "{missing}");
        }
    }

    #[test]
    fn whole_names_of_old_packages_are_files() {
        let mut main = some_files(2);
        main.retain(|(tag, _)| ![tags::DIR_NAMES, tags::BASE_NAMES, tags::DIR_INDEXES].contains(tag));
        main.push((tags::OLD_FILE_NAMES, Value::Texts(vec!["/usr/bin/a", "/b"])));
        let paths: Vec<String> = package_of(&main).unwrap().files.into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["/usr/bin/a", "/b"]);
    }

    #[test]
    fn digests_tell_their_algorithm_or_that_it_is_unknown() {
        let algorithm = |main: &[_]| package_of(main).unwrap().file_digests.unwrap().algorithm;
        assert_eq!(algorithm(&some_files(1)), "unknown");
        for (number, name) in [(0, "unknown"), (1, "md5"), (2, "sha1"), (8, "sha256"), (10, "sha512"), (99, "unknown")]
        {
            assert_eq!(algorithm(&with(some_files(1), tags::FILE_DIGEST_ALGO, Value::Int32(vec![number]))), name);
        }
    }

    #[test]
    fn a_long_directory_name_shared_by_many_files_is_too_large() {
        let directory = Box::leak(format!("/{}/", "d".repeat(1 << 20)).into_boxed_str());
        let names = vec!["f"; 100];
        let error = package_of(&[
            (tags::DIR_NAMES, Value::Texts(vec![directory])),
            (tags::BASE_NAMES, Value::Texts(names.clone())),
            (tags::DIR_INDEXES, Value::Int32(vec![0; 100])),
            (tags::FILE_MODES, Value::Int16(vec![0o100_644; 100])),
            (tags::FILE_FLAGS, Value::Int32(vec![0; 100])),
            (tags::FILE_DIGESTS, Value::Texts(names)),
        ]);
        assert_eq!(error.unwrap_err().to_string(), "the bytes of text exceed the limit of 67108864");
    }
}
