//! What do the elements of a package say? The three files of metadata, element by element.

use std::borrow::Cow;
use std::str::FromStr;

use super::error::{Problem, shortened};
use super::scope::Space;
use super::walker::{Element, Walker};
use crate::model::{ChangelogEntry, ChecksumType, FileEntry, FileKind};
use crate::repodata::{Checksum, DEPENDENCIES, Described, Entry};

/// A package of primary in the making.
#[derive(Default)]
pub(super) struct Draft {
    name: Option<String>,
    arch: Option<String>,
    version: Option<[String; 3]>,
    checksum: Option<Checksum>,
    /// Summary, description, packager, URL.
    texts: [Option<String>; 4],
    time: Option<[i64; 2]>,
    size: Option<[u64; 3]>,
    location: Option<(String, Option<String>)>,
    format: Option<Format>,
}

/// What stands in `format`.
#[derive(Default)]
struct Format {
    /// License, vendor, group, build host, source RPM.
    texts: [Option<String>; 5],
    header_range: Option<[u64; 2]>,
    dependencies: [Option<Vec<Entry>>; 8],
    files: Vec<FileEntry>,
}

const TEXTS: [&str; 4] = ["summary", "description", "packager", "url"];
const FORMAT_TEXTS: [&str; 5] = ["license", "vendor", "group", "buildhost", "sourcerpm"];

impl Draft {
    /// Returns what the package is called, as far as it was read.
    pub(super) fn label(&self) -> Option<String> {
        let name = self.name.as_deref()?;
        let (Some([epoch, version, release]), Some(arch)) = (&self.version, &self.arch) else {
            return Some(shortened(name));
        };
        Some(shortened(&format!("{name}-{epoch}:{version}-{release}.{arch}")))
    }

    /// Takes in a child of `package`; returns whether it was `format` and is still to be read.
    pub(super) fn child(&mut self, walker: &mut Walker<'_>, element: &Element<'_>) -> Result<bool, Problem> {
        if element.space != Space::Common {
            return walker.skip().map(|()| false);
        }
        match element.local() {
            "name" => once(&mut self.name, "name", walker.text()?)?,
            "arch" => once(&mut self.arch, "arch", walker.text()?)?,
            "version" => once(&mut self.version, "version", version(walker, element)?)?,
            "checksum" => once(&mut self.checksum, "checksum", checksum(walker, element)?)?,
            "time" => once(&mut self.time, "time", time(walker, element)?)?,
            "size" => once(&mut self.size, "size", size(walker, element)?)?,
            "location" => once(&mut self.location, "location", location(walker, element)?)?,
            "format" => return Ok(true),
            local => match TEXTS.iter().position(|text| *text == local) {
                Some(at) => once(&mut self.texts[at], TEXTS[at], walker.text()?)?,
                None => walker.skip()?,
            },
        }
        Ok(false)
    }

    /// Returns whether all is there that [`super::Quick`] tells.
    pub(super) fn is_known(&self) -> bool {
        self.name.is_some()
            && self.arch.is_some()
            && self.version.is_some()
            && self.checksum.is_some()
            && self.time.is_some()
            && self.size.is_some()
            && self.location.is_some()
    }

    /// Reads `format`, whose start tag was read.
    pub(super) fn format(&mut self, walker: &mut Walker<'_>) -> Result<(), Problem> {
        let mut format = Format::default();
        while let Some(element) = walker.child()? {
            format.child(walker, &element)?;
        }
        once(&mut self.format, "format", format)
    }

    /// Returns what every package has: name, arch, version, checksum, times, sizes, location.
    pub(super) fn known(&mut self) -> Result<Known, Problem> {
        let [epoch, version, release] = required(&mut self.version, "version")?;
        let [time_file, time_build] = self.time.take().unwrap_or_default();
        let (href, base) = required(&mut self.location, "location")?;
        Ok(Known {
            name: required(&mut self.name, "name")?,
            arch: required(&mut self.arch, "arch")?,
            epoch,
            version,
            release,
            checksum: required(&mut self.checksum, "checksum")?,
            time_file,
            time_build,
            size: self.size.take().unwrap_or_default(),
            href,
            base,
        })
    }

    /// Returns the package, without what the other two files say of it.
    pub(super) fn finish(mut self) -> Result<Described, Problem> {
        let known = self.known()?;
        let [summary, description, packager, url] = self.texts.map(Option::unwrap_or_default);
        let format = self.format.unwrap_or_default();
        let [license, vendor, group, build_host, source_rpm] = format.texts.map(Option::unwrap_or_default);
        let [header_start, header_end] = format.header_range.unwrap_or_default();
        let [size_package, size_installed, size_archive] = known.size;
        Ok(Described {
            name: known.name,
            arch: known.arch,
            epoch: known.epoch,
            version: known.version,
            release: known.release,
            checksum: known.checksum,
            summary,
            description,
            packager,
            url,
            time_file: known.time_file,
            time_build: known.time_build,
            size_package,
            size_installed,
            size_archive,
            href: known.href,
            base: known.base,
            license,
            vendor,
            group,
            build_host,
            source_rpm,
            header_start,
            header_end,
            dependencies: format.dependencies,
            primary_files: format.files,
            files: Vec::new(),
            file_digests: None,
            changelog: Vec::new(),
        })
    }
}

/// What every package of primary has.
pub(super) struct Known {
    pub(super) name: String,
    pub(super) arch: String,
    pub(super) epoch: String,
    pub(super) version: String,
    pub(super) release: String,
    pub(super) checksum: Checksum,
    pub(super) time_file: i64,
    pub(super) time_build: i64,
    pub(super) size: [u64; 3],
    pub(super) href: String,
    pub(super) base: Option<String>,
}

impl Format {
    fn child(&mut self, walker: &mut Walker<'_>, element: &Element<'_>) -> Result<(), Problem> {
        match (element.space, element.local()) {
            (Space::Common, "file") => {
                self.files.push(file(walker, element)?);
                Ok(())
            }
            (Space::Rpm, "header-range") => {
                let [start, end] = walker.attributes(element, ["start", "end"])?;
                let range = [number("header-range start", start)?, number("header-range end", end)?];
                walker.skip()?;
                once(&mut self.header_range, "header-range", range)
            }
            (Space::Rpm, local) => {
                if let Some(at) = FORMAT_TEXTS.iter().position(|text| *text == local) {
                    return once(&mut self.texts[at], FORMAT_TEXTS[at], walker.text()?);
                }
                // DEPENDENCIES has the prefix that createrepo_c gives.
                match DEPENDENCIES.iter().position(|name| name.strip_prefix("rpm:") == Some(local)) {
                    Some(at) => once(&mut self.dependencies[at], DEPENDENCIES[at], entries(walker)?),
                    None => walker.skip(),
                }
            }
            _ => walker.skip(),
        }
    }
}

fn entries(walker: &mut Walker<'_>) -> Result<Vec<Entry>, Problem> {
    let mut entries = Vec::new();
    while let Some(element) = walker.child()? {
        if (element.space, element.local()) == (Space::Rpm, "entry") {
            let names = ["name", "flags", "epoch", "ver", "rel", "pre"];
            let [name, flags, epoch, version, release, pre] =
                walker.attributes(&element, names)?.map(|value| value.map(Cow::into_owned));
            entries.push(Entry {
                name: name.ok_or(Problem::Missing("name of a dependency"))?,
                flags,
                epoch,
                version,
                release,
                pre: pre.is_some_and(|pre| pre == "1" || pre.eq_ignore_ascii_case("true")),
            });
        }
        walker.skip()?;
    }
    Ok(entries)
}

/// Reads what filelists says of a package behind its start tag.
pub(super) fn filelists(walker: &mut Walker<'_>, own: Space) -> Result<([String; 3], Vec<FileEntry>), Problem> {
    let (mut found, mut files) = (None, Vec::new());
    while let Some(element) = walker.child()? {
        match element.local() {
            "version" if element.space == own => once(&mut found, "version", version(walker, &element)?)?,
            "file" if element.space == own => files.push(file(walker, &element)?),
            _ => walker.skip()?,
        }
    }
    Ok((required(&mut found, "version")?, files))
}

/// Reads what other says of a package behind its start tag.
pub(super) fn other(walker: &mut Walker<'_>) -> Result<([String; 3], Vec<ChangelogEntry>), Problem> {
    let (mut found, mut changelog) = (None, Vec::new());
    while let Some(element) = walker.child()? {
        match (element.space, element.local()) {
            (Space::Other, "version") => once(&mut found, "version", version(walker, &element)?)?,
            (Space::Other, "changelog") => {
                let [author, date] = walker.attributes(&element, ["author", "date"])?;
                let date = number("date of a changelog", date)?;
                let author = author.unwrap_or_default().into_owned();
                changelog.push(ChangelogEntry { author, date, text: walker.text()? });
            }
            _ => walker.skip()?,
        }
    }
    Ok((required(&mut found, "version")?, changelog))
}

fn version(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<[String; 3], Problem> {
    let [epoch, version, release] = walker.attributes(element, ["epoch", "ver", "rel"])?;
    let epoch = epoch.filter(|epoch| !epoch.is_empty()).map_or("0".to_owned(), Cow::into_owned);
    let version = version.ok_or(Problem::Missing("ver of version"))?.into_owned();
    let release = release.unwrap_or_default().into_owned();
    walker.skip()?;
    Ok([epoch, version, release])
}

fn checksum(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<Checksum, Problem> {
    let [algorithm] = walker.attributes(element, ["type"])?;
    let algorithm = algorithm.unwrap_or_default().into_owned();
    digest(&algorithm, &walker.text()?)
}

/// Returns the checksum that these texts are.
pub(super) fn digest(algorithm: &str, hex: &str) -> Result<Checksum, Problem> {
    let bad = |value: &str| Problem::Value { field: "checksum", value: shortened(value) };
    let known = ChecksumType::from_str(algorithm).map_err(|_| bad(algorithm))?;
    let hex = hex.trim();
    if hex.len() != known.hex_digits() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad(hex));
    }
    Ok(Checksum { algorithm: algorithm.to_ascii_lowercase(), hex: hex.to_ascii_lowercase() })
}

fn time(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<[i64; 2], Problem> {
    let [file, build] = walker.attributes(element, ["file", "build"])?;
    let times = [number("time file", file)?, number("time build", build)?];
    walker.skip()?;
    Ok(times)
}

fn size(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<[u64; 3], Problem> {
    let [package, installed, archive] = walker.attributes(element, ["package", "installed", "archive"])?;
    let sizes =
        [number("size package", package)?, number("size installed", installed)?, number("size archive", archive)?];
    walker.skip()?;
    Ok(sizes)
}

fn location(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<(String, Option<String>), Problem> {
    let [href, base] = walker.attributes(element, ["href", "xml:base"])?;
    let href = href.filter(|href| !href.is_empty()).ok_or(Problem::Missing("href of location"))?.into_owned();
    let base = base.map(Cow::into_owned);
    walker.skip()?;
    Ok((href, base))
}

fn file(walker: &mut Walker<'_>, element: &Element<'_>) -> Result<FileEntry, Problem> {
    let [kind] = walker.attributes(element, ["type"])?;
    let kind = match kind.as_deref() {
        None | Some("" | "file") => FileKind::Plain,
        Some("dir") => FileKind::Dir,
        Some("ghost") => FileKind::Ghost,
        Some(other) => return Err(Problem::Value { field: "type of a file", value: shortened(other) }),
    };
    Ok(FileEntry { path: walker.text()?, kind })
}

/// Returns a number, 0 where there is none; a fraction, which some writers add to times, is cut.
fn number<T: FromStr + Default>(field: &'static str, value: Option<Cow<'_, str>>) -> Result<T, Problem> {
    let Some(value) = value else { return Ok(T::default()) };
    let whole = value.trim().split('.').next().unwrap_or_default();
    whole.parse().map_err(|_| Problem::Value { field, value: shortened(&value) })
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), Problem> {
    if place.replace(value).is_some() {
        return Err(Problem::Repeated(name));
    }
    Ok(())
}

fn required<T>(place: &mut Option<T>, name: &'static str) -> Result<T, Problem> {
    place.take().ok_or(Problem::Missing(name))
}
