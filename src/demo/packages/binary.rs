//! How does a binary package of the demonstration become an RPM file?

use rpm::{
    BuildConfig, CompressionType, Dependency, FileMode, FileOptions, IndexData, IndexTag, PackageBuilder, Timestamp,
};

use super::Error;
use super::catalog::{Package, Release};
use super::header::Entries;
use crate::model::Arch;

/// Who made the packages, in their changelogs.
const PACKAGER: &str = "Tannery Demonstration <demo@example.org>";

/// Returns a builder with what source and binary packages of a release have in common.
pub(super) fn builder(release: &Release<'_>, name: &str, arch: &str, summary: &str) -> PackageBuilder {
    let source = release.source;
    let config = BuildConfig::v4()
        .compression(CompressionType::None)
        .reserved_space(None)
        .source_date(Timestamp(release.built()));
    let mut builder = PackageBuilder::new(name, &source.version, "MIT", arch, summary);
    builder
        .using_config(config)
        .release(release.release())
        .url(format!("https://oak.example.org/{}", source.name))
        .vendor("Oak")
        .packager(PACKAGER)
        .build_host("demo")
        .description(format!("{summary}.\n\nA package of the small distribution that the demonstration makes."));
    if let Some(epoch) = source.epoch {
        builder.epoch(epoch);
    }
    for (time, evr, text) in release.changelog() {
        builder.add_changelog_entry(format!("{PACKAGER} - {evr}"), format!("- {text}"), Timestamp(time));
    }
    builder
}

/// Returns the name of the RPM file and its bytes.
pub(super) fn build(release: &Release<'_>, package: &Package, arch: &Arch) -> Result<(String, Vec<u8>), Error> {
    let arch = if package.noarch { "noarch" } else { arch.as_str() };
    let file = release.file_name(&package.name, arch);
    match to_bytes(release, package, arch) {
        Ok(bytes) => Ok((file, bytes)),
        Err(source) => Err(Error::Build { file, source }),
    }
}

fn to_bytes(release: &Release<'_>, package: &Package, arch: &str) -> Result<Vec<u8>, rpm::Error> {
    let mut builder = builder(release, &package.name, arch, &package.summary);
    add_dependencies(&mut builder, release, package);
    add_files(&mut builder, release, package)?;
    let built = builder.build()?;
    let mut entries = Entries::of(&built)?;
    let source = release.file_name(&release.source.name, "src");
    entries.set(IndexTag::RPMTAG_SOURCERPM, IndexData::StringTag(source));
    entries.set(IndexTag::RPMTAG_BUILDTIME, IndexData::Int32(vec![release.built()]));
    let payload = built.payload.clone();
    entries.into_rpm(&built, payload)
}

fn add_dependencies(builder: &mut PackageBuilder, release: &Release<'_>, package: &Package) {
    let read =
        |list: &[String]| -> Vec<Dependency> { list.iter().map(|text| dependency(&release.fill(text))).collect() };
    for dep in read(&package.requires) {
        builder.requires(dep);
    }
    for dep in read(&package.provides) {
        builder.provides(dep);
    }
    for dep in read(&package.conflicts) {
        builder.conflicts(dep);
    }
    for dep in read(&package.obsoletes) {
        builder.obsoletes(dep);
    }
    for dep in read(&package.recommends) {
        builder.recommends(dep);
    }
    for dep in read(&package.suggests) {
        builder.suggests(dep);
    }
    for dep in read(&package.supplements) {
        builder.supplements(dep);
    }
    for dep in read(&package.enhances) {
        builder.enhances(dep);
    }
}

/// Reads `NAME`, `NAME OPERATOR VERSION`, or a rich dependency in parentheses.
pub(super) fn dependency(text: &str) -> Dependency {
    let parts: Vec<&str> = if text.starts_with('(') { vec![text] } else { text.split_whitespace().collect() };
    match parts[..] {
        [name, "=", version] => Dependency::eq(name, version),
        [name, "<", version] => Dependency::less(name, version),
        [name, "<=", version] => Dependency::less_eq(name, version),
        [name, ">", version] => Dependency::greater(name, version),
        [name, ">=", version] => Dependency::greater_eq(name, version),
        _ => Dependency::any(text),
    }
}

fn add_files(builder: &mut PackageBuilder, release: &Release<'_>, package: &Package) -> Result<(), rpm::Error> {
    for path in &package.directories {
        builder.with_dir_entry(FileOptions::dir(path).permissions(0o755))?;
    }
    for (path, content) in &package.files {
        let permissions = if path.starts_with("/usr/bin/") { 0o755 } else { 0o644 };
        let mut options = FileOptions::new(release.fill(path)).mode(FileMode::regular(permissions));
        if package.config.contains(path) {
            options = options.config();
        }
        if path.starts_with("/usr/share/doc/") {
            options = options.doc();
        }
        builder.with_file_contents(release.fill(content), options)?;
    }
    for (path, target) in &package.links {
        builder.with_symlink(FileOptions::symlink(path, target))?;
    }
    for path in &package.ghosts {
        builder.with_ghost(FileOptions::ghost(path).permissions(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_with_and_without_a_version() {
        assert_eq!(dependency("bash"), Dependency::any("bash"));
        assert_eq!(dependency("bash >= 5.1"), Dependency::greater_eq("bash", "5.1"));
        assert_eq!(dependency("bash = 1:5.1-2"), Dependency::eq("bash", "1:5.1-2"));
        assert_eq!(dependency("(a if b)"), Dependency::any("(a if b)"));
    }
}
