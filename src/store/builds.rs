//! Which builds are there, and which files belong to them?

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_optional, fetch_value, from_json, parse, to_json};
use crate::model::{FileFacts, Nevra, Nvr, Package, PackageName, RpmEntry, Sha256, Sigkey, TagName};

/// Whether a build may be in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildState {
    /// It was built and imported.
    Complete,
    /// It was deleted or reset in the build system, or never completed there.
    Deleted,
}

impl BuildState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Deleted => "deleted",
        }
    }
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRow {
    /// Its id with us.
    pub id: i64,
    /// Name, version, release.
    pub nvr: Nvr,
    /// Epoch.
    pub epoch: u32,
    /// Whether it may be in a set.
    pub state: BuildState,
    /// ExclusiveArch of the source header.
    pub exclusive_arch: Vec<String>,
    /// ExcludeArch of the source header.
    pub exclude_arch: Vec<String>,
}

/// What is known of an RPM file, by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmRow {
    /// SHA-256 of the file.
    pub sha256: Sha256,
    /// Name, epoch, version, release, arch.
    pub nevra: Nevra,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of all that follows the signature header: equal for the signed copies of one RPM; `None` where that
    /// was never read.
    pub content: Option<Sha256>,
    /// The key that signed it.
    pub sigkey: Option<Sigkey>,
    /// The file name of the source package; empty for a source package.
    pub source_rpm: String,
    /// When it was built, in seconds.
    pub build_time: i64,
}

impl RpmRow {
    /// Returns what is kept of a package that was read from a file.
    pub fn of(package: &Package, file: &FileFacts) -> Self {
        Self {
            sha256: file.sha256,
            nevra: package.nevra.clone(),
            size: file.size,
            content: file.content,
            sigkey: package.sigkey.clone(),
            source_rpm: package.source_rpm.clone(),
            build_time: i64::try_from(package.build_time).unwrap_or(i64::MAX),
        }
    }
}

/// A file of a build: an RPM at its place in the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The build it belongs to.
    pub build_id: i64,
    /// Where it lies below `packages/` of the volume.
    pub path: String,
    /// The RPM.
    pub rpm: RpmRow,
}

impl Copy {
    /// Returns what a package set has of it.
    pub fn entry(&self) -> RpmEntry {
        RpmEntry {
            nevra: self.rpm.nevra.clone(),
            sha256: self.rpm.sha256,
            size: self.rpm.size,
            sigkey: self.rpm.sigkey.clone(),
            location: self.path.clone(),
        }
    }
}

type Build = (i64, String, String, String, i64, String, String, String);
type Rpm = (String, String, i64, String, String, String, i64, Option<String>, Option<String>, String, i64);

fn build_row(row: Build) -> Result<BuildRow, Error> {
    let (id, name, version, release, epoch, state, exclusive, exclude) = row;
    let corrupt = |error: crate::model::BadName| Error::Corrupt { column: "builds.name", why: error.to_string() };
    Ok(BuildRow {
        id,
        nvr: Nvr::new(&name, &version, &release).map_err(corrupt)?,
        epoch: epoch as u32,
        state: if state == "deleted" { BuildState::Deleted } else { BuildState::Complete },
        exclusive_arch: from_json("builds.exclusive_arch", &exclusive)?,
        exclude_arch: from_json("builds.exclude_arch", &exclude)?,
    })
}

fn rpm_row(row: Rpm) -> Result<RpmRow, Error> {
    let (sha256, name, epoch, version, release, arch, size, content, sigkey, source_rpm, build_time) = row;
    let corrupt = |error: crate::model::BadName| Error::Corrupt { column: "rpms.name", why: error.to_string() };
    Ok(RpmRow {
        sha256: parse("rpms.sha256", &sha256)?,
        nevra: Nevra::new(&name, epoch as u32, &version, &release, &arch).map_err(corrupt)?,
        size: size as u64,
        content: content.map(|content| parse("rpms.content", &content)).transpose()?,
        sigkey: sigkey.map(|key| parse("rpms.sigkey", &key)).transpose()?,
        source_rpm,
        build_time,
    })
}

/// Makes a build of ours; gives its id.
pub async fn create(tx: &mut Write, buildsys: &str, nvr: &Nvr, epoch: u32, now: i64) -> Result<i64, Error> {
    let id = tx.next("builds").await?;
    let sql = "INSERT INTO builds (id, buildsys, hub_id, name, version, release, epoch, state, exclusive_arch, \
               exclude_arch, imported_at) VALUES ($1, $2, $1, $3, $4, $5, $6, 'complete', '[]', '[]', $7)";
    exec!(tx, sql, id, buildsys, nvr.name().as_str(), nvr.version(), nvr.release(), i64::from(epoch), now)?;
    Ok(id)
}

/// Records what the source header says of arches.
pub async fn set_arches(tx: &mut Write, id: i64, exclusive: &[String], exclude: &[String]) -> Result<(), Error> {
    let sql = "UPDATE builds SET exclusive_arch = $1, exclude_arch = $2 WHERE id = $3";
    exec!(tx, sql, to_json(&exclusive), to_json(&exclude), id)?;
    Ok(())
}

/// Changes whether a build may be in a set.
pub async fn set_state(tx: &mut Write, id: i64, state: BuildState) -> Result<(), Error> {
    exec!(tx, "UPDATE builds SET state = $1 WHERE id = $2", state.name(), id)?;
    Ok(())
}

/// Returns those of the builds with these NVRs that there are, in no order.
pub async fn by_nvrs(tx: &mut Tx, buildsys: &str, nvrs: &[&Nvr]) -> Result<Vec<BuildRow>, Error> {
    let sql = dialect!(
        tx,
        "SELECT b.id, b.name, b.version, b.release, b.epoch, b.state, b.exclusive_arch, b.exclude_arch \
         FROM json_each($2) j CROSS JOIN builds b ON b.buildsys = $1 AND b.name = json_extract(j.value, '$[0]') \
         AND b.version = json_extract(j.value, '$[1]') AND b.release = json_extract(j.value, '$[2]')",
        "SELECT b.id, b.name, b.version, b.release, b.epoch, b.state, b.exclusive_arch, b.exclude_arch \
         FROM json_array_elements(CAST($2 AS JSON)) j(value) JOIN builds b ON b.buildsys = $1 \
         AND b.name = j.value ->> 0 AND b.version = j.value ->> 1 AND b.release = j.value ->> 2"
    );
    let asked: Vec<[&str; 3]> = nvrs.iter().map(|nvr| [nvr.name().as_str(), nvr.version(), nvr.release()]).collect();
    fetch!(tx, Build, sql, buildsys, to_json(&asked))?.into_iter().map(build_row).collect()
}

/// Returns the build with this NVR.
pub async fn by_nvr(tx: &mut Tx, buildsys: &str, nvr: &Nvr) -> Result<Option<BuildRow>, Error> {
    let sql = "SELECT id, name, version, release, epoch, state, exclusive_arch, exclude_arch FROM builds \
               WHERE buildsys = $1 AND name = $2 AND version = $3 AND release = $4";
    let row = fetch_optional!(tx, Build, sql, buildsys, nvr.name().as_str(), nvr.version(), nvr.release())?;
    row.map(build_row).transpose()
}

/// Returns the NVRs of up to `limit` builds, those that were made last first.
pub async fn newest(tx: &mut Tx, buildsys: &str, limit: i64) -> Result<Vec<Nvr>, Error> {
    let sql = "SELECT name, version, release FROM builds WHERE buildsys = $1 ORDER BY id DESC LIMIT $2";
    let corrupt = |error: crate::model::BadName| Error::Corrupt { column: "builds.name", why: error.to_string() };
    let rows = fetch!(tx, (String, String, String), sql, buildsys, limit)?;
    rows.into_iter().map(|(name, version, release)| Nvr::new(&name, &version, &release).map_err(corrupt)).collect()
}

/// Returns the builds with these ids, by id.
pub async fn by_ids(tx: &mut Tx, ids: &[i64]) -> Result<Vec<BuildRow>, Error> {
    let sql = dialect!(
        tx,
        "SELECT id, name, version, release, epoch, state, exclusive_arch, exclude_arch FROM builds \
         WHERE id IN (SELECT value FROM json_each($1)) ORDER BY id",
        "SELECT id, name, version, release, epoch, state, exclusive_arch, exclude_arch FROM builds \
         WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON))) ORDER BY id"
    );
    fetch!(tx, Build, sql, to_json(&ids))?.into_iter().map(build_row).collect()
}

/// Returns the builds of a package that stand in a tag now and are not complete, each with the event that tagged it.
pub async fn deleted_in(
    tx: &mut Tx,
    buildsys: &str,
    tag: &TagName,
    package: &PackageName,
) -> Result<Vec<(Nvr, i64)>, Error> {
    let sql = "SELECT b.name, b.version, b.release, t.from_event FROM taggings t JOIN builds b ON b.id = t.build_id \
               JOIN tags g ON g.id = t.tag_id WHERE g.buildsys = $1 AND g.name = $2 AND t.package = $3 \
               AND t.to_event IS NULL AND b.state <> 'complete' ORDER BY t.from_event DESC, b.hub_id DESC";
    let rows = fetch!(tx, (String, String, String, i64), sql, buildsys, tag.as_str(), package.as_str())?;
    let build = |(name, version, release, event): (String, String, String, i64)| {
        let nvr = Nvr::new(&name, &version, &release);
        let nvr = nvr.map_err(|error| Error::Corrupt { column: "builds.name", why: error.to_string() })?;
        Ok((nvr, event))
    };
    rows.into_iter().map(build).collect()
}

/// Returns all files of these builds, by build and path.
pub async fn copies(tx: &mut Tx, ids: &[i64]) -> Result<Vec<Copy>, Error> {
    let sql = dialect!(
        tx,
        "SELECT c.build_id, c.path, c.sha256 FROM build_rpms c \
         WHERE c.build_id IN (SELECT value FROM json_each($1)) ORDER BY c.build_id, c.path",
        "SELECT c.build_id, c.path, c.sha256 FROM build_rpms c WHERE c.build_id IN \
         (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON))) ORDER BY c.build_id, c.path"
    );
    let places = fetch!(tx, (i64, String, String), sql, to_json(&ids))?;
    let sql = dialect!(
        tx,
        "SELECT r.sha256, r.name, r.epoch, r.version, r.release, r.arch, r.size, r.content, r.sigkey, r.source_rpm, \
         r.build_time FROM build_rpms c JOIN rpms r ON r.sha256 = c.sha256 \
         WHERE c.build_id IN (SELECT value FROM json_each($1)) ORDER BY c.build_id, c.path",
        "SELECT r.sha256, r.name, r.epoch, r.version, r.release, r.arch, r.size, r.content, r.sigkey, r.source_rpm, \
         r.build_time FROM build_rpms c JOIN rpms r ON r.sha256 = c.sha256 WHERE c.build_id IN \
         (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON))) ORDER BY c.build_id, c.path"
    );
    let rpms = fetch!(tx, Rpm, sql, to_json(&ids))?;
    let copy = |((build_id, path, _), rpm)| Ok(Copy { build_id, path, rpm: rpm_row(rpm)? });
    places.into_iter().zip(rpms).map(copy).collect()
}

/// Returns the files, of any build, whose RPM has name, version, release and arch of one of these.
pub async fn same_nvra(tx: &mut Tx, nevras: &[&Nevra]) -> Result<Vec<(String, RpmRow)>, Error> {
    let sql = dialect!(
        tx,
        "SELECT r.sha256, r.name, r.epoch, r.version, r.release, r.arch, r.size, r.content, r.sigkey, \
         r.source_rpm, r.build_time, c.path FROM json_each($1) j CROSS JOIN rpms r \
         ON r.name = json_extract(j.value, '$[0]') AND r.version = json_extract(j.value, '$[1]') \
         AND r.release = json_extract(j.value, '$[2]') AND r.arch = json_extract(j.value, '$[3]') \
         JOIN build_rpms c ON c.sha256 = r.sha256 ORDER BY c.path",
        "SELECT r.sha256, r.name, r.epoch, r.version, r.release, r.arch, r.size, r.content, r.sigkey, \
         r.source_rpm, r.build_time, c.path FROM json_array_elements(CAST($1 AS JSON)) j(value) JOIN rpms r \
         ON r.name = j.value ->> 0 AND r.version = j.value ->> 1 \
         AND r.release = j.value ->> 2 AND r.arch = j.value ->> 3 \
         JOIN build_rpms c ON c.sha256 = r.sha256 ORDER BY c.path"
    );
    let mut asked: Vec<[&str; 4]> = Vec::with_capacity(nevras.len());
    for nevra in nevras {
        asked.push([nevra.name.as_str(), &nevra.evr.version, &nevra.evr.release, nevra.arch.as_str()]);
    }
    asked.sort_unstable();
    asked.dedup();
    type Found =
        (String, String, i64, String, String, String, i64, Option<String>, Option<String>, String, i64, String);
    let found =
        |(a, b, c, d, e, f, g, h, i, j, k, path): Found| Ok((path, rpm_row((a, b, c, d, e, f, g, h, i, j, k))?));
    fetch!(tx, Found, sql, to_json(&asked))?.into_iter().map(found).collect()
}

/// Keeps what is known of an RPM file, with its rendered metadata.
pub async fn put_rpm(tx: &mut Write, rpm: &RpmRow, fragments: &[u8]) -> Result<(), Error> {
    let sql = "INSERT INTO rpms (sha256, name, epoch, version, release, arch, size, content, sigkey, source_rpm, \
               build_time, fragments) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (sha256) DO UPDATE SET fragments = excluded.fragments, \
               content = COALESCE(rpms.content, excluded.content)";
    exec!(
        tx,
        sql,
        rpm.sha256.to_string(),
        rpm.nevra.name.as_str(),
        i64::from(rpm.nevra.evr.epoch),
        rpm.nevra.evr.version.as_str(),
        rpm.nevra.evr.release.as_str(),
        rpm.nevra.arch.as_str(),
        rpm.size as i64,
        rpm.content.map(|content| content.to_string()),
        rpm.sigkey.as_ref().map(Sigkey::as_str),
        rpm.source_rpm.as_str(),
        rpm.build_time,
        fragments,
    )?;
    Ok(())
}

/// Says that a build has this file at this place; gives whether that is new.
pub async fn put_copy(tx: &mut Write, build_id: i64, path: &str, sha256: &Sha256) -> Result<bool, Error> {
    let sql = "INSERT INTO build_rpms (build_id, path, sha256) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(exec!(tx, sql, build_id, path, sha256.to_string())? > 0)
}

/// Says that what a build has at this place is this file, whatever was there before; gives whether that is new.
pub async fn replace_copy(tx: &mut Write, build_id: i64, path: &str, sha256: &Sha256) -> Result<bool, Error> {
    let sql = "INSERT INTO build_rpms (build_id, path, sha256) VALUES ($1, $2, $3) ON CONFLICT (build_id, path) \
               DO UPDATE SET sha256 = excluded.sha256 WHERE build_rpms.sha256 <> excluded.sha256";
    Ok(exec!(tx, sql, build_id, path, sha256.to_string())? > 0)
}

/// Says that a build has no files at these places any more; gives how many it had.
pub async fn drop_copies(tx: &mut Write, build_id: i64, paths: &[&str]) -> Result<u64, Error> {
    let sql = dialect!(
        tx,
        "DELETE FROM build_rpms WHERE build_id = $1 AND path IN (SELECT value FROM json_each($2))",
        "DELETE FROM build_rpms WHERE build_id = $1 \
         AND path IN (SELECT value FROM json_array_elements_text(CAST($2 AS JSON)))"
    );
    Ok(if paths.is_empty() { 0 } else { exec!(tx, sql, build_id, to_json(&paths))? })
}

/// Returns the rendered metadata of these files. A file that is not known is left out. At most some hundreds at a time: each may be large.
pub async fn fragments(tx: &mut Tx, digests: &[Sha256]) -> Result<Vec<(Sha256, Vec<u8>)>, Error> {
    let sql = dialect!(
        tx,
        "SELECT sha256, fragments FROM rpms WHERE sha256 IN (SELECT value FROM json_each($1))",
        "SELECT sha256, fragments FROM rpms \
         WHERE sha256 IN (SELECT value FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let rows = fetch!(tx, (String, Vec<u8>), sql, to_json(&digests))?;
    let row = |(digest, bytes): (String, Vec<u8>)| Ok((parse("rpms.sha256", &digest)?, bytes));
    rows.into_iter().map(row).collect()
}

/// Returns how many builds and how many RPM files are known.
pub async fn counts(tx: &mut Tx) -> Result<(i64, i64), Error> {
    let builds = fetch_value!(tx, i64, "SELECT COUNT(*) FROM builds")?;
    Ok((builds, fetch_value!(tx, i64, "SELECT COUNT(*) FROM rpms")?))
}
