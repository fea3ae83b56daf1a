//! How does a source package of the demonstration become an RPM file?
//!
//! What makes RPM take a package for a source package: there is a SOURCEPACKAGE entry and no
//! SOURCERPM; the files have no directory, in the header as in the payload; the spec file is marked.
//! The spec file tells of the packages; they are not built from it.

use rpm::{Dependency, FileFlags, FileMode, FileOptions, IndexData, IndexTag, PackageBuilder};

use super::Error;
use super::binary::{builder, dependency};
use super::catalog::{Package, Release};
use super::cpio::{Member, archive};
use super::header::Entries;
use crate::model::Arch;

/// Where in the file the lead says what kind of package this is. Only `file` and the like look.
const LEAD_TYPE: usize = 7;

/// Returns the name of the source RPM file and its bytes. As rpmbuild does, its ARCH entry has the
/// arch it was built on, its file name `src`.
pub(super) fn build(release: &Release<'_>, arch: &Arch) -> Result<(String, Vec<u8>), Error> {
    let file = release.file_name(&release.source.name, "src");
    let noarch = release.packages().iter().all(|package| package.noarch);
    let arch = if noarch { "noarch" } else { arch.as_str() };
    match to_bytes(release, arch) {
        Ok(bytes) => Ok((file, bytes)),
        Err(source) => Err(Error::Build { file, source }),
    }
}

fn to_bytes(release: &Release<'_>, arch: &str) -> Result<Vec<u8>, rpm::Error> {
    let source = release.source;
    let text = format!("The source of {}.\n", source.name);
    // The builder sorts files by name; the payload and what is set here must be in that order.
    let mut files = [
        (format!("{}-{}.txt", source.name, source.version), text),
        (format!("{}.spec", source.name), spec(release, arch)),
    ];
    files.sort();
    let mut builder = builder(release, &source.name, arch, &source.summary);
    add_files(&mut builder, &files)?;
    let built = builder.build()?;
    let mut entries = Entries::of(&built)?;
    entries.remove(&[
        IndexTag::RPMTAG_SOURCERPM,
        IndexTag::RPMTAG_PROVIDENAME,
        IndexTag::RPMTAG_PROVIDEVERSION,
        IndexTag::RPMTAG_PROVIDEFLAGS,
    ]);
    entries.set(IndexTag::RPMTAG_SOURCEPACKAGE, IndexData::Int32(vec![1]));
    entries.set(IndexTag::RPMTAG_BUILDTIME, IndexData::Int32(vec![release.built()]));
    entries.set(IndexTag::RPMTAG_DIRNAMES, IndexData::StringArray(vec![String::new()]));
    let flags = files.iter().map(|(name, _)| flags_of(name)).collect();
    entries.set(IndexTag::RPMTAG_FILEFLAGS, IndexData::Int32(flags));
    set_requires(&mut entries, release);
    let member = |(name, content)| Member { name, content, modified: release.built() };
    let members: Vec<Member<'_>> =
        files.iter().map(|(name, content)| member((name.as_str(), content.as_bytes()))).collect();
    let mut bytes = entries.into_rpm(&built, archive(&members))?;
    if let Some(kind) = bytes.get_mut(LEAD_TYPE) {
        *kind = 1;
    }
    Ok(bytes)
}

fn add_files(builder: &mut PackageBuilder, files: &[(String, String)]) -> Result<(), rpm::Error> {
    for (name, content) in files {
        let options = FileOptions::new(format!("/{name}")).mode(FileMode::regular(0o644));
        builder.with_file_contents(content.as_str(), options)?;
    }
    Ok(())
}

fn flags_of(name: &str) -> u32 {
    let flags = if name.ends_with(".spec") { FileFlags::SPECFILE } else { FileFlags::empty() };
    flags.bits()
}

/// Sets what is needed to build the package and to read it, in the order of names.
fn set_requires(entries: &mut Entries, release: &Release<'_>) {
    let build_requires = &release.source.build_requires;
    let mut requires: Vec<Dependency> = build_requires.iter().map(|text| dependency(&release.fill(text))).collect();
    requires.push(Dependency::rpmlib("CompressedFileNames", "3.0.4-1"));
    requires.push(Dependency::rpmlib("FileDigests", "4.6.0-1"));
    requires.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let names = requires.iter().map(|dep| dep.name.clone()).collect();
    let versions = requires.iter().map(|dep| dep.version.clone()).collect();
    let flags = requires.iter().map(|dep| dep.flags.bits()).collect();
    entries.set(IndexTag::RPMTAG_REQUIRENAME, IndexData::StringArray(names));
    entries.set(IndexTag::RPMTAG_REQUIREVERSION, IndexData::StringArray(versions));
    entries.set(IndexTag::RPMTAG_REQUIREFLAGS, IndexData::Int32(flags));
}

/// Returns the text of the spec file.
fn spec(release: &Release<'_>, arch: &str) -> String {
    let source = release.source;
    let mut text = format!("Name: {}\n", source.name);
    if let Some(epoch) = source.epoch {
        text.push_str(&format!("Epoch: {epoch}\n"));
    }
    text.push_str(&format!("Version: {}\nRelease: {}\n", source.version, release.release()));
    text.push_str(&format!("Summary: {}\nLicense: MIT\n", source.summary));
    text.push_str(&format!("Source0: {}-{}.txt\n", source.name, source.version));
    if arch == "noarch" {
        text.push_str("BuildArch: noarch\n");
    }
    for requirement in &source.build_requires {
        text.push_str(&format!("BuildRequires: {}\n", release.fill(requirement)));
    }
    text.push_str(&format!("\n%description\n{}.\n", source.summary));
    for package in release.packages() {
        text.push_str(&spec_of_package(release, &package));
    }
    text.push_str("\n%changelog\n");
    for (_, evr, change) in release.changelog() {
        text.push_str(&format!("# {evr}: {change}\n"));
    }
    text
}

fn spec_of_package(release: &Release<'_>, package: &Package) -> String {
    let mut text = String::new();
    if package.name != release.source.name {
        text.push_str(&format!("\n%package -n {}\nSummary: {}\n", package.name, package.summary));
        for requirement in &package.requires {
            text.push_str(&format!("Requires: {}\n", release.fill(requirement)));
        }
        text.push_str(&format!("\n%description -n {}\n{}.\n", package.name, package.summary));
    }
    text.push_str(&format!("\n%files -n {}\n", package.name));
    for path in package.files.keys().chain(package.links.keys()) {
        text.push_str(&format!("{}\n", release.fill(path)));
    }
    text
}
