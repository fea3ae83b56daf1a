//! What does the hub say about RPMs? Their names, signatures and checksums.

use std::io::BufRead;

use serde_json::{Value, json};

use super::super::error::Error;
use super::super::xmlrpc::{Call, Limits, read};
use super::ask::{Ask, Stop};
use super::builds::TaggedBuild;
use super::row::{Row, array, kind, shape};
use crate::model::Sha256;

/// An RPM of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpm {
    /// Its id.
    pub id: i64,
    /// The build it is of.
    pub build_id: i64,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its release.
    pub release: String,
    /// Its epoch.
    pub epoch: Option<i64>,
    /// Its arch: `src` and `noarch` among them.
    pub arch: String,
    /// Bytes of the file as it was imported; signed copies are larger.
    pub size: u64,
    /// MD5 of header and payload as the signature header has it (`RPMTAG_SIGMD5`): the same in all signed copies.
    pub payloadhash: String,
    /// When it was built, in seconds after 1970.
    pub buildtime: Option<i64>,
    /// Whether the hub knows of it and has no file.
    pub metadata_only: bool,
}

/// An RPM that stands in a tag, once for each signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedRpm {
    /// The RPM.
    pub rpm: Rpm,
    /// The key of one signature that the hub has a header of, 8 hex digits; empty for the form without any, which an
    /// RPM does not have that was signed when it was imported: the file in its place is the signed one. `None` where
    /// the hub has no header of it at all.
    pub sigkey: Option<String>,
}

/// A signature of an RPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The RPM.
    pub rpm_id: i64,
    /// Its key; `None` for the form without any.
    pub sigkey: Option<String>,
    /// MD5 of the signature header: another one is another signature by the same key.
    pub sighash: String,
}

/// What the hub knows about the bytes of one form of an RPM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    /// The key of the form; `None` for that without any.
    pub sigkey: Option<String>,
    /// Of the whole file; `None` where the hub has not reckoned it.
    pub sha256: Option<Sha256>,
}

/// Which RPMs of a tag are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedRpms<'a> {
    /// The tag.
    pub tag_id: i64,
    /// When.
    pub event: i64,
    /// Whether those of its ancestors are asked for too.
    pub inherit: bool,
    /// Of the latest build of each package only, by the order of taggings.
    pub latest: bool,
    /// Of this package only.
    pub package: Option<&'a str>,
    /// Of these arches only; of all for none. Arch by arch keeps large answers small, though the builds come each time.
    pub arches: &'a [String],
}

impl TaggedRpms<'_> {
    pub(in super::super) fn call(&self) -> Call {
        let mut call = Call::new("listTaggedRPMS", []).with("tag", self.tag_id).with("event", self.event);
        call = call.with("inherit", self.inherit).with("latest", self.latest);
        call = call.with("rpmsigs", true).with("extra", false);
        if let Some(package) = self.package {
            call = call.with("package", package);
        }
        match self.arches {
            [] => call,
            [arch] => call.with("arch", arch.as_str()),
            arches => call.with("arch", json!(arches)),
        }
    }
}

/// Whom rows are given to as they come.
pub trait Sink {
    /// An answer begins: what came before it belongs to a try that failed, and is void.
    fn begin(&mut self);

    /// Takes an RPM, for one signature of it. Rows of one RPM need not stand together.
    ///
    /// # Errors
    /// It cannot be taken, and no more need come.
    fn rpm(&mut self, row: TaggedRpm) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// Takes a build that one or more of the RPMs are of; builds come behind all RPMs.
    ///
    /// # Errors
    /// As [`Sink::rpm`].
    fn build(&mut self, row: TaggedBuild) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// All rows of one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// The RPMs, for each of their signatures.
    pub rpms: Vec<TaggedRpm>,
    /// The builds they are of, and those that have none.
    pub builds: Vec<TaggedBuild>,
}

impl Sink for Taken {
    fn begin(&mut self) {
        *self = Self::default();
    }

    fn rpm(&mut self, row: TaggedRpm) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.rpms.push(row);
        Ok(())
    }

    fn build(&mut self, row: TaggedBuild) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.builds.push(row);
        Ok(())
    }
}

/// Reads the body of an answer to listTaggedRPMS into a sink.
pub(in super::super) fn pour(
    method: &'static str,
    body: &mut dyn BufRead,
    limits: Limits,
    sink: &mut impl Sink,
) -> Result<(), Error> {
    sink.begin();
    let count = read(body, 2, limits, |places, value| {
        let taken = match places.first() {
            Some(0) => sink.rpm(TaggedRpm::read(method, value)?),
            Some(1) => sink.build(TaggedBuild::read(method, value)?),
            _ => return Err(shape(method, "the end", "more").into()),
        };
        taken.map_err(|source| Stop::Own(Error::Sink { method, source }))
    });
    match count.map_err(|stop| stop.told(method))? {
        2 => Ok(()),
        // A tag that is missing is a fault: an empty answer is none.
        count => Err(shape(method, "the number of lists", &count.to_string())),
    }
}

impl Rpm {
    fn take(row: &mut Row) -> Result<Self, Error> {
        let size = row.int("size")?;
        Ok(Self {
            id: row.int("id")?,
            build_id: row.int("build_id")?,
            name: row.text("name")?,
            version: row.text("version")?,
            release: row.text("release")?,
            epoch: row.int_or_nil("epoch")?,
            arch: row.text("arch")?,
            size: u64::try_from(size).map_err(|_| row.wrong("size", Some(&size.into())))?,
            payloadhash: row.text("payloadhash")?,
            buildtime: row.int_or_nil("buildtime")?,
            metadata_only: row.flag_or_off("metadata_only")?,
        })
    }

    fn read(method: &'static str, value: Value) -> Result<Self, Error> {
        Self::take(&mut Row::of(method, "an RPM", value)?)
    }
}

impl TaggedRpm {
    fn read(method: &'static str, value: Value) -> Result<Self, Error> {
        let mut row = Row::of(method, "an RPM", value)?;
        Ok(Self { rpm: Rpm::take(&mut row)?, sigkey: row.text_or_nil("sigkey")? })
    }
}

/// Asks for the RPMs of one package in a tag: all that a message about it can be after.
pub fn tagged_rpms(tag_id: i64, event: i64, inherit: bool, package: &str) -> Ask<Taken> {
    let wanted = TaggedRpms { tag_id, event, inherit, latest: false, package: Some(package), arches: &[] };
    Ask::whole(wanted.call(), |method, value| {
        let lists = array(method, "the whole", value)?;
        let [rpms, builds]: [Value; 2] =
            lists.try_into().map_err(|lists: Vec<_>| shape(method, "the number of lists", &lists.len().to_string()))?;
        let mut taken = Taken::default();
        for value in array(method, "the RPMs", rpms)? {
            taken.rpms.push(TaggedRpm::read(method, value)?);
        }
        for value in array(method, "the builds", builds)? {
            taken.builds.push(TaggedBuild::read(method, value)?);
        }
        Ok(taken)
    })
}

/// Asks for all RPMs of a build; none where there is no such build.
pub fn build_rpms(build_id: i64) -> Ask<Vec<Rpm>> {
    Ask::rows(Call::new("listBuildRPMs", []).with("build", build_id), |method, rpms, value| {
        rpms.push(Rpm::read(method, value)?);
        Ok(())
    })
}

/// Asks for the signatures of an RPM.
pub fn rpm_signatures(rpm_id: i64) -> Ask<Vec<Signature>> {
    Ask::rows(Call::new("queryRPMSigs", []).with("rpm_id", rpm_id), |method, signatures, value| {
        let mut row = Row::of(method, "a signature", value)?;
        let (rpm_id, sigkey) = (row.int("rpm_id")?, row.text_or_nil("sigkey")?.filter(|key| !key.is_empty()));
        signatures.push(Signature { rpm_id, sigkey, sighash: row.text("sighash")? });
        Ok(())
    })
}

/// Asks for the checksums of an RPM that the hub has already, by the order of keys. It is never made to reckon one.
pub fn rpm_checksums(rpm_id: i64) -> Ask<Vec<Checksums>> {
    let call = Call::new("getRPMChecksums", []).with("rpm_id", rpm_id);
    let call = call.with("checksum_types", json!(["sha256"])).with("cacheonly", true);
    Ask::whole(call, |method, value| {
        let mut found = Vec::new();
        for (key, sums) in Row::of(method, "the whole", value)?.rest() {
            // As names of members: nil, where there is no key.
            let sigkey = Some(key).filter(|key| !matches!(key.as_str(), "" | "null" | "None"));
            let sha256 = match sums {
                Value::Null => None,
                sums => read_sha256(&mut Row::of(method, "a key's checksums", sums)?)?,
            };
            found.push(Checksums { sigkey, sha256 });
        }
        found.sort_by(|one, other| one.sigkey.cmp(&other.sigkey));
        Ok(found)
    })
}

fn read_sha256(row: &mut Row) -> Result<Option<Sha256>, Error> {
    let Some(text) = row.text_or_nil("sha256")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| shape(row.method(), "sha256", &kind(Some(&text.into()))))
}
