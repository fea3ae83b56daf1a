//! What do the tags of the two headers mean? Headers to [`Package`].
//!
//! Where tags are absent, repeated or of unequal length, the answer is librpm's and createrepo_c's,
//! so that our metadata says what theirs would.

use super::error::Error;
use super::file::Parts;
use super::files::{file_digests, files};
use super::header::Header;
use super::limited::{MOST_CHANGES, MOST_DEPENDENCIES, Tags};
use super::openpgp;
use super::tags::{self, sig};
use super::text;
use crate::model::{ChangelogEntry, Dependencies, Dependency, Nevra, Package};

/// What of the headers is wanted that is not always.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// How many entries of the changelog, the newest; `None` for all.
    pub changelog: Option<usize>,
    /// Whether the digests of the files.
    pub file_digests: bool,
    /// Whether the key of the signature; where it is not, a signature that is none refuses nothing.
    pub sigkey: bool,
}

/// Returns what the headers say.
pub(super) fn package(parts: &Parts, wanted: Wanted) -> Result<Package, Error> {
    check_no_signature_inside(parts)?;
    let tags = Tags::new(&parts.header);
    let is_source = is_source(&parts.header)?;
    let files = files(&tags)?;
    let file_digests = if wanted.file_digests { Some(file_digests(&tags, files.len())?) } else { None };
    let listed = |tag, field| if is_source { tags.arches(tag, field) } else { Ok(vec![]) };
    Ok(Package {
        nevra: nevra(&tags, is_source)?,
        summary: tags.text(tags::SUMMARY, "summary")?,
        description: tags.text(tags::DESCRIPTION, "description")?,
        packager: tags.text(tags::PACKAGER, "packager")?,
        url: tags.text(tags::URL, "url")?,
        license: tags.text(tags::LICENSE, "license")?,
        vendor: tags.text(tags::VENDOR, "vendor")?,
        group: tags.text(tags::GROUP, "group")?,
        build_host: tags.text(tags::BUILD_HOST, "build host")?,
        source_rpm: tags.text(tags::SOURCE_RPM, "source RPM")?,
        build_time: first_number(&parts.header, &[tags::BUILD_TIME])?.unwrap_or(0),
        installed_size: first_number(&parts.header, &[tags::LONG_SIZE, tags::SIZE])?.unwrap_or(0),
        archive_size: archive_size(parts)?,
        header_range: parts.header_range,
        dependencies: dependencies(&tags)?,
        files,
        file_digests,
        changelog: changelog(&tags, wanted.changelog)?,
        exclusive_arch: listed(tags::EXCLUSIVE_ARCH, "ExclusiveArch")?,
        exclude_arch: listed(tags::EXCLUDE_ARCH, "ExcludeArch")?,
        sigkey: if wanted.sigkey { openpgp::sigkey(&parts.signature, &parts.header)? } else { None },
    })
}

/// Refuses a main header that holds what belongs into the signature header, as librpm does: merged,
/// one would be taken for the other.
fn check_no_signature_inside(parts: &Parts) -> Result<(), Error> {
    const SIGNATURE_TAGS: std::ops::Range<u32> = 256..300;
    let doubled = |tag: &u32| match *tag {
        tags::ARCHIVE_SIZE => parts.signature.has(sig::PAYLOAD_SIZE),
        tag => SIGNATURE_TAGS.contains(&tag) && parts.signature.has(tag),
    };
    match parts.header.tags().find(doubled) {
        Some(tag) => Err(parts.header.bad(tag, "is in the signature header too")),
        None => Ok(()),
    }
}

/// Returns whether this is a source package; where a header has neither of the tags that tell, the
/// files do, as in librpm: those of a source package have no directory.
fn is_source(header: &Header) -> Result<bool, Error> {
    if header.has(tags::SOURCE_PACKAGE) {
        return Ok(header.number(tags::SOURCE_PACKAGE)?.unwrap_or(0) != 0);
    }
    if header.has(tags::SOURCE_RPM) {
        return Ok(false);
    }
    if let Some(mut whole) = header.strings(tags::OLD_FILE_NAMES)? {
        return Ok(whole.next().is_some_and(|path| !path.starts_with(b"/")));
    }
    Ok(header.strings(tags::DIR_NAMES)?.is_some_and(|dirs| dirs.eq([b""])))
}

fn nevra(tags: &Tags<'_>, is_source: bool) -> Result<Nevra, Error> {
    let needed = |tag, field| match tags.header.string(tag)? {
        Some(bytes) => text::decode(field, bytes.to_vec()),
        None => Err(tags.header.bad(tag, "is missing")),
    };
    let epoch = tags.header.number(tags::EPOCH)?.unwrap_or(0);
    let epoch = u32::try_from(epoch).map_err(|_| tags.header.bad(tags::EPOCH, "has more than 32 bits"))?;
    let arch = if is_source { "src".to_owned() } else { needed(tags::ARCH, "arch")? };
    let (version, release) = (needed(tags::VERSION, "version")?, needed(tags::RELEASE, "release")?);
    Ok(Nevra::new(&needed(tags::NAME, "name")?, epoch, &version, &release, &arch)?)
}

/// Returns the first of several numbers that is there.
fn first_number(header: &Header, tags: &[u32]) -> Result<Option<u64>, Error> {
    for tag in tags {
        if let Some(number) = header.number(*tag)? {
            return sane(header, *tag, number).map(Some);
        }
    }
    Ok(None)
}

/// Refuses a size or a time that no reader of metadata has room for.
fn sane(header: &Header, tag: u32, number: u64) -> Result<u64, Error> {
    if i64::try_from(number).is_err() {
        return Err(header.bad(tag, "has more than 63 bits"));
    }
    Ok(number)
}

fn archive_size(parts: &Parts) -> Result<u64, Error> {
    let sizes = [
        first_number(&parts.signature, &[sig::LONG_ARCHIVE_SIZE])?,
        first_number(&parts.header, &[tags::LONG_ARCHIVE_SIZE])?,
        first_number(&parts.signature, &[sig::PAYLOAD_SIZE])?,
        first_number(&parts.header, &[tags::ARCHIVE_SIZE])?,
    ];
    Ok(sizes.into_iter().flatten().next().unwrap_or(0))
}

fn dependencies(tags: &Tags<'_>) -> Result<Dependencies, Error> {
    let mut all = Dependencies {
        provides: provides(tags)?,
        requires: tags.dependencies(&tags::REQUIRES, "name of a requirement")?,
        conflicts: tags.dependencies(&tags::CONFLICTS, "name of a conflict")?,
        obsoletes: tags.dependencies(&tags::OBSOLETES, "name of an obsolete")?,
        suggests: tags.dependencies(&tags::SUGGESTS, "name of a suggestion")?,
        enhances: tags.dependencies(&tags::ENHANCES, "name of an enhancement")?,
        recommends: tags.dependencies(&tags::RECOMMENDS, "name of a recommendation")?,
        supplements: tags.dependencies(&tags::SUPPLEMENTS, "name of a supplement")?,
    };
    for old in tags.dependencies(&tags::OLD_SUGGESTS, "name of a suggestion")? {
        let kind = if old.is_strong() { &mut all.recommends } else { &mut all.suggests };
        kind.push(old);
    }
    for old in tags.dependencies(&tags::OLD_ENHANCES, "name of an enhancement")? {
        let kind = if old.is_strong() { &mut all.supplements } else { &mut all.enhances };
        kind.push(old);
    }
    Ok(all)
}

/// Returns the provides. To those of a package from before signed regions librpm adds what RPM
/// had not yet: versions, and the package itself.
fn provides(tags: &Tags<'_>) -> Result<Vec<Dependency>, Error> {
    const EQUAL: u32 = 8;
    let field = "name of a provide";
    let mut list = tags.dependencies(&tags::PROVIDES, field)?;
    let header = tags.header;
    if header.has(tags::HEADER_IMMUTABLE) {
        return Ok(list);
    }
    if !header.has(tags::PROVIDES.version) {
        let names = tags.strings(tags::PROVIDES.name, MOST_DEPENDENCIES, "dependencies")?;
        for name in names.into_iter().flatten() {
            list.push(Dependency { name: tags.decode(field, &[name])?, ..Dependency::default() });
        }
    }
    let epoch = header.number(tags::EPOCH)?.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let version = format!("{epoch}{}-{}", tags.text(tags::VERSION, "version")?, tags.text(tags::RELEASE, "release")?);
    let own = Dependency { name: tags.text(tags::NAME, "name")?, flags: EQUAL, version };
    if !list.contains(&own) {
        list.push(own);
    }
    Ok(list)
}

/// Returns the newest entries, `most` of them; the header has them newest first.
fn changelog(tags: &Tags<'_>, most: Option<usize>) -> Result<Vec<ChangelogEntry>, Error> {
    let header = tags.header;
    let (Some(dates), Some(authors), Some(texts)) = (
        header.numbers(tags::CHANGELOG_TIME)?,
        header.strings(tags::CHANGELOG_NAME)?,
        header.strings(tags::CHANGELOG_TEXT)?,
    ) else {
        return Ok(vec![]);
    };
    let count = header.count(tags::CHANGELOG_TIME).min(most.unwrap_or(usize::MAX));
    if count > MOST_CHANGES {
        return Err(Error::TooLarge { what: "entries of the changelog", limit: MOST_CHANGES as u64 });
    }
    let mut entries = Vec::with_capacity(count);
    for ((date, author), text) in dates.zip(authors).zip(texts).take(count) {
        entries.push(ChangelogEntry {
            author: tags.decode("author of a change", &[author])?,
            date: sane(header, tags::CHANGELOG_TIME, date)?,
            text: tags.decode("text of a change", &[text])?,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::super::read;
    use super::super::testing::{Value, header, joined, rpm, saved};
    use super::*;

    fn package_of(main: &[(u32, Value)]) -> Result<Package, Error> {
        Ok(read(&saved(&rpm(main, &[], b"")))?.0)
    }

    #[test]
    fn names_that_could_become_paths_or_break_dnf_are_refused() {
        for (tag, text) in [
            (tags::NAME, "../evil"),
            (tags::NAME, "-rf"),
            (tags::NAME, ""),
            (tags::NAME, "n\u{fc}"),
            (tags::VERSION, "1:2"),
            (tags::RELEASE, "1/2"),
            (tags::ARCH, "x\ny"),
        ] {
            let error = package_of(&[(tag, Value::Text(text))]).unwrap_err();
            assert!(matches!(error, Error::Name(_)) && error.source().is_some(), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_text_that_xml_cannot_hold_is_refused_with_its_field() {
        let list = |text| Value::Texts(vec![text]);
        let zero = || Value::Int32(vec![0]);
        let one_file = |name| {
            vec![
                (tags::BASE_NAMES, list(name)),
                (tags::DIR_NAMES, list("/")),
                (tags::DIR_INDEXES, zero()),
                (tags::FILE_MODES, Value::Int16(vec![0o100_644])),
                (tags::FILE_FLAGS, zero()),
                (tags::FILE_DIGESTS, list("")),
            ]
        };
        let provide = vec![(1047, list("\u{FFFF}")), (1112, zero()), (1113, list(""))];
        let change = vec![
            (tags::CHANGELOG_TIME, zero()),
            (tags::CHANGELOG_NAME, list("a")),
            (tags::CHANGELOG_TEXT, list("\x1b")),
        ];
        for (main, field) in [
            (vec![(tags::SUMMARY, Value::I18n(vec!["\x07"]))], "summary"),
            (vec![(tags::VENDOR, Value::Text("\u{FFFE}"))], "vendor"),
            (one_file("a\x01"), "file name"),
            (provide, "name of a provide"),
            (change, "text of a change"),
        ] {
            assert!(matches!(package_of(&main), Err(Error::Text { field: found, .. }) if found == field), "{field}");
        }
    }

    #[test]
    fn more_dependencies_than_anybody_has_are_too_many() {
        let most = MOST_DEPENDENCIES + 1;
        let error = package_of(&[
            (1047, Value::Texts(vec!["p"; most])),
            (1112, Value::Int32(vec![0; most])),
            (1113, Value::Texts(vec![""; most])),
        ]);
        assert_eq!(error.unwrap_err().to_string(), "the dependencies exceed the limit of 200000");
    }

    #[test]
    fn source_packages_tell_their_arches() {
        let package = package_of(&[
            (tags::SOURCE_PACKAGE, Value::Int32(vec![1])),
            (tags::ARCH, Value::Text("x86_64")),
            (tags::EXCLUSIVE_ARCH, Value::Texts(vec!["x86_64", "aarch64"])),
            (tags::EXCLUDE_ARCH, Value::Texts(vec!["s390x"])),
        ])
        .unwrap();
        assert!(package.nevra.is_source());
        assert_eq!(package.exclusive_arch, ["x86_64", "aarch64"]);
        assert_eq!(package.exclude_arch, ["s390x"]);
    }

    #[test]
    fn a_signature_that_does_not_reach_the_payload_is_none() {
        let packet = [&[0x88, 15, 3, 5, 0, 0, 0, 0, 0][..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        let names = [tags::NAME, tags::VERSION, tags::RELEASE, tags::ARCH];
        let main = header(tags::HEADER_IMMUTABLE, &names.map(|tag| (tag, Value::Text("1"))));
        let read_with = |tag, packet: &[u8]| {
            read(&saved(&joined(&header(tags::HEADER_SIGNATURES, &[(tag, Value::Bin(packet.to_vec()))]), &main, b"x")))
                .map(|(package, _)| package)
        };
        assert_eq!(read_with(sig::RSA, &packet).unwrap().sigkey, None);
        assert_eq!(read_with(sig::PGP, &packet).unwrap().sigkey.unwrap().as_str(), "05060708");
        assert!(matches!(read_with(sig::PGP, &packet[1..]), Err(Error::BadSignature { tag: sig::PGP, .. })));
    }

    #[test]
    fn a_tag_of_the_signature_header_in_the_main_header_is_refused() {
        let error = package_of(&[(sig::SHA256, Value::Text("00"))]).unwrap_err();
        assert_eq!(error.to_string(), "tag 273 of the main header is in the signature header too");
    }

    #[test]
    fn sizes_and_times_beyond_what_readers_hold_are_refused() {
        let huge = || Value::Int64(vec![1 << 63]);
        for tag in [tags::BUILD_TIME, tags::LONG_SIZE, tags::LONG_ARCHIVE_SIZE] {
            assert!(
                matches!(package_of(&[(tag, huge())]), Err(Error::BadTag { tag: found, .. }) if found == tag),
                "{tag}"
            );
        }
        assert!(matches!(package_of(&[(tags::EPOCH, huge())]), Err(Error::BadTag { tag: tags::EPOCH, .. })));
        let change = [
            (tags::CHANGELOG_TIME, huge()),
            (tags::CHANGELOG_NAME, Value::Texts(vec!["a"])),
            (tags::CHANGELOG_TEXT, Value::Texts(vec!["t"])),
        ];
        assert!(matches!(package_of(&change), Err(Error::BadTag { tag: tags::CHANGELOG_TIME, .. })));
    }
}
