//! Which packages do the tests of this room write? Small ones, with what a test asks for.

use crate::model::{
    ChangelogEntry, ChecksumType, Dependencies, Dependency, FileEntry, FileFacts, FileKind, HeaderRange, ListedFile,
    Nevra, Package, Sha256,
};

/// Returns a package with a name and nothing else worth telling.
pub(super) fn package(name: &str) -> Package {
    Package {
        nevra: Nevra::new(name, 0, "1", "2", "noarch").expect("tests name packages well"),
        summary: String::new(),
        description: String::new(),
        packager: String::new(),
        url: String::new(),
        license: String::new(),
        vendor: String::new(),
        group: String::new(),
        build_host: String::new(),
        source_rpm: format!("{name}-1-2.src.rpm"),
        build_time: 100,
        installed_size: 2,
        archive_size: 3,
        header_range: HeaderRange { start: 4, end: 5 },
        dependencies: Dependencies::default(),
        files: vec![],
        file_digests: None,
        changelog: vec![],
        exclusive_arch: vec![],
        exclude_arch: vec![],
        sigkey: None,
    }
}

/// Returns the measures of a kept file.
pub(super) fn file_facts() -> FileFacts {
    FileFacts { sha256: Sha256::from_bytes([7; 32]), size: 1, content: Some(Sha256::from_bytes([8; 32])) }
}

/// Returns the measures of the same file where it is listed.
pub(super) fn listed_file() -> ListedFile {
    ListedFile { checksum_type: ChecksumType::Sha256, checksum: file_facts().sha256.to_string(), size: 1, time: -5 }
}

/// Returns a dependency.
pub(super) fn dependency(name: &str, flags: u32, version: &str) -> Dependency {
    Dependency { name: name.to_owned(), flags, version: version.to_owned() }
}

/// Returns a plain file.
pub(super) fn file(path: &str) -> FileEntry {
    FileEntry { path: path.to_owned(), kind: FileKind::Plain }
}

/// Returns a changelog entry.
pub(super) fn change(author: &str, date: u64) -> ChangelogEntry {
    ChangelogEntry { author: author.to_owned(), date, text: "- text".to_owned() }
}
