//! Which build system is followed, and how is it asked? The sections `[buildsys]` and `[koji]`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::address::{Address, hub};
use super::error::Error;
use super::overrides::Sources;
use super::sections::short_name;
use super::units::{duration, positive_duration};

/// Which kind of build system is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildsysKind {
    /// Builds and tags in our own database, files in our own volume.
    Local,
    /// A Koji hub, asked by its calls; files in its volume.
    Koji,
}

/// A way to bring a file into the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transfer {
    /// A second name of the same file; only within one file system.
    Hardlink,
    /// A copy that shares its blocks; only where the file system can.
    Reflink,
    /// A copy.
    Copy,
}

/// `[buildsys]`: the build system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buildsys {
    /// The name by which its builds and tags are told from another's.
    pub id: String,
    /// The directory of its package files.
    pub volume: PathBuf,
    /// How imported files come into the volume: the first way that works. Never empty.
    pub import: Vec<Transfer>,
    /// The hub that is followed; `None` for the local build system.
    pub koji: Option<Koji>,
}

/// `[buildsys]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawBuildsys {
    kind: BuildsysKind,
    #[serde(deserialize_with = "some_name")]
    id: Option<String>,
    pub volume: Option<PathBuf>,
    #[serde(deserialize_with = "transfers")]
    import: Vec<Transfer>,
}

impl Default for RawBuildsys {
    fn default() -> Self {
        let import = vec![Transfer::Hardlink, Transfer::Reflink, Transfer::Copy];
        Self { kind: BuildsysKind::Local, id: None, volume: None, import }
    }
}

/// `[koji]`: a hub, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Koji {
    /// Where calls are sent.
    pub hub: Address,
    /// Most calls at once.
    pub calls_at_once: NonZeroU16,
    /// Most calls that begin within a second.
    pub calls_per_second: NonZeroU32,
    /// How long the hub may be silent before a call counts as failed.
    pub answer_within: Duration,
    /// How long a tag must be quiet before the hub is asked about it,
    pub quiet: Duration,
    /// and how long it may wait at most where it never is.
    pub at_latest: Duration,
    /// Past so many packages of one tag that are asked for together, all of its rows are.
    pub whole_from: NonZeroU32,
    /// From so many packages of one tag on that wait together, it is a burst,
    pub burst_from: NonZeroU32,
    /// which may wait this long.
    pub burst_at_latest: Duration,
    /// How often it is asked whether anything happened that no message told of.
    pub probe_every: Duration,
    /// How often all rows of a tag are compared.
    pub check_every: Duration,
}

/// `[koji]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
pub(super) struct RawKoji {
    #[serde(deserialize_with = "hub")]
    hub: Option<Address>,
    calls_at_once: NonZeroU16,
    calls_per_second: NonZeroU32,
    #[serde(deserialize_with = "positive_duration")]
    answer_within: Duration,
    #[serde(deserialize_with = "duration")]
    quiet: Duration,
    #[serde(deserialize_with = "duration")]
    at_latest: Duration,
    whole_from: NonZeroU32,
    burst_from: NonZeroU32,
    #[serde(deserialize_with = "duration")]
    burst_at_latest: Duration,
    #[serde(deserialize_with = "positive_duration")]
    probe_every: Duration,
    #[serde(deserialize_with = "positive_duration")]
    check_every: Duration,
}

impl Default for RawKoji {
    fn default() -> Self {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            hub: None,
            calls_at_once: NonZeroU16::new(4).unwrap_or(NonZeroU16::MIN),
            calls_per_second: count(20),
            answer_within: Duration::from_secs(300),
            quiet: Duration::from_millis(500),
            at_latest: Duration::from_secs(5),
            whole_from: count(500),
            burst_from: count(100),
            burst_at_latest: Duration::from_secs(30),
            probe_every: Duration::from_secs(60),
            check_every: Duration::from_secs(6 * 3600),
        }
    }
}

/// Puts both sections together; `volume` is made absolute already, `follows` is whether a follow rule is written.
pub(super) fn resolve(
    raw: RawBuildsys,
    koji: RawKoji,
    volume: PathBuf,
    follows: bool,
    sources: &Sources,
) -> Result<Buildsys, Error> {
    let default = match raw.kind {
        BuildsysKind::Local => "local",
        BuildsysKind::Koji => "koji",
    };
    let id = raw.id.unwrap_or_else(|| default.to_owned());
    let koji = match (raw.kind, koji.hub) {
        (BuildsysKind::Local, None) => None,
        (BuildsysKind::Local, Some(_)) => {
            return Err(sources.refuse("koji.hub", "has no effect without kind = \"koji\" in [buildsys]"));
        }
        (BuildsysKind::Koji, None) => {
            return Err(sources.refuse("buildsys.kind", "a hub needs its address: set koji.hub"));
        }
        (BuildsysKind::Koji, Some(_)) if !follows => {
            return Err(
                sources.refuse("buildsys.kind", "a hub has too many tags to follow all: write [[follow]] rules")
            );
        }
        (BuildsysKind::Koji, Some(hub)) => Some(Koji {
            hub,
            calls_at_once: koji.calls_at_once,
            calls_per_second: koji.calls_per_second,
            answer_within: koji.answer_within,
            quiet: koji.quiet,
            at_latest: koji.at_latest,
            whole_from: koji.whole_from,
            burst_from: koji.burst_from,
            burst_at_latest: koji.burst_at_latest,
            probe_every: koji.probe_every,
            check_every: koji.check_every,
        }),
    };
    Ok(Buildsys { id, volume, import: raw.import, koji })
}

fn some_name<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    short_name(input).map(Some)
}

fn transfers<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Transfer>, D::Error> {
    let list = Vec::<Transfer>::deserialize(input)?;
    let twice = list.iter().enumerate().any(|(at, way)| list[..at].contains(way));
    if list.is_empty() || twice {
        return Err(de::Error::custom("name at least one of \"hardlink\", \"reflink\", \"copy\", each once"));
    }
    Ok(list)
}
