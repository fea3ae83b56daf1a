//! Which build system is followed, and how is it asked? The sections `[buildsys]` and `[koji]`.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::address::{Address, hub};
use super::error::Error;
use super::overrides::Sources;
use super::sections::short_name;
use super::units::{duration, positive_duration, size_limit};
use crate::model::Sigkey;

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
    /// Past so many packages of one tag that are asked for together, all of its rows are; and past so many builds all of
    /// its RPMs.
    pub whole_from: NonZeroU32,
    /// From so many packages of one tag on that wait together, it is a burst,
    pub burst_from: NonZeroU32,
    /// which may wait this long.
    pub burst_at_latest: Duration,
    /// How often it is asked whether anything happened that no message told of.
    pub probe_every: Duration,
    /// How often all rows of a tag are compared.
    pub check_every: Duration,
    /// The URL of its files; `None` where they are had by path, as `buildsys.volume`.
    pub volume_url: Option<Address>,
    /// Most files that are read or fetched at once.
    pub files_at_once: NonZeroU16,
    /// Most bytes a second that are read of files whose digests are known from nowhere.
    pub read_rate: u64,
    /// Repositories that digests are taken from.
    pub digests_from: Vec<DigestsFrom>,
}

/// A repository that digests of a hub's files are taken from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with \"repository\"")]
pub struct DigestsFrom {
    /// The directory or URL that holds `repodata/`.
    pub repository: Where,
    /// The key that all its packages are signed with; `None` for packages as they were imported.
    pub sigkey: Option<Sigkey>,
}

/// A directory or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// On this machine, an absolute path.
    Path(PathBuf),
    /// Over HTTP or HTTPS.
    Url(Address),
}

impl<'de> Deserialize<'de> for Where {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        if text.contains("://") {
            return Address::parse(&text, &["http", "https"]).map(Self::Url).map_err(de::Error::custom);
        }
        let path = PathBuf::from(text);
        if path.is_absolute() { Ok(Self::Path(path)) } else { Err(de::Error::custom("name a URL or an absolute path")) }
    }
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
    #[serde(deserialize_with = "hub")]
    volume_url: Option<Address>,
    files_at_once: NonZeroU16,
    #[serde(deserialize_with = "size_limit")]
    read_rate: u64,
    digests_from: Vec<DigestsFrom>,
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
            volume_url: None,
            files_at_once: NonZeroU16::new(4).unwrap_or(NonZeroU16::MIN),
            read_rate: 64 << 20,
            digests_from: Vec::new(),
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
    if koji.burst_at_latest < koji.at_latest {
        return Err(sources.refuse("koji.burst_at_latest", "is shorter than at_latest"));
    }
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
            volume_url: koji.volume_url,
            files_at_once: koji.files_at_once,
            read_rate: koji.read_rate,
            digests_from: koji.digests_from,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn koji(text: &str) -> Result<RawKoji, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn digests_come_from_a_url_or_an_absolute_path() {
        let text = r#"digests_from = [{ repository = "/srv/r", sigkey = "AAAAAAAA" }, { repository = "http://h/r" }]"#;
        let from = koji(text).unwrap().digests_from;
        assert_eq!(from[0].repository, Where::Path("/srv/r".into()));
        assert_eq!(from[0].sigkey.as_ref().map(Sigkey::as_str), Some("aaaaaaaa"));
        assert!(matches!(&from[1].repository, Where::Url(url) if url.url().as_str() == "http://h/r"));
        for bad in
            [r#"{ repository = "r" }"#, r#"{ repository = "ftp://h/" }"#, "{}", r#"{ repository = "/r", key = "x" }"#]
        {
            assert!(koji(&format!("digests_from = [{bad}]")).is_err(), "{bad}");
        }
        assert!(koji("volume_url = \"/mnt/koji\"").is_err());
    }
}
