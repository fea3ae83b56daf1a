//! What has the operator decided, and what shall a compose contain? Configuration and compose definitions.
//!
//! Both are TOML, refused as a whole at the first mistake, with file, line, column and the nearest
//! valid name. Environment and command line override the configuration file. Nothing here talks to
//! anyone; the only files read are the ones named.
//!
//! Variables: `TANNERY_` and the key in capitals, sections parted by two underscores:
//! `TANNERY_HTTP__BIND` is `http.bind`, `TANNERY_DATA_DIR` is `data_dir`. A value is TOML if it reads as
//! TOML (`true`, `5`, `["f43*"]`), else a string; a string that looks like a number needs quotes.
//! Relative paths of the file begin at its directory, all others at the working directory.

mod address;
mod buildsys;
mod definition;
mod document;
mod error;
mod follow;
mod overrides;
mod policy;
mod records;
mod repos;
mod sections;
#[cfg(test)]
mod tests;
mod tokens;
mod units;
mod webhooks;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use address::{Address, Secret};
pub use buildsys::{Buildsys, BuildsysKind, DigestsFrom, Koji, Transfer, Where};
pub use definition::Definition;
pub use error::{Error, Place};
pub use follow::{BadTagPattern, Follow, FollowRule, Live, TagPattern, machine_arch};
pub use overrides::Overrides;
pub use policy::{Latest, Verify};
pub use records::{BadRecordKind, RecordFile, RecordKind};
pub use repos::{BadCompression, Compression, ExternalRepos, Form, Repos};
pub use sections::{Bus, Compose, Database, Http, Identity, Inbox, Log, LogFormat};
pub use units::{BadUnit, Size, Span};
pub use webhooks::{BadTopicPattern, TopicPattern, Webhook};

use document::Document;
use overrides::Sources;
use tokens::read_tokens;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The whole configuration: valid, paths absolute, inheritance resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything of ours is that has no option of its own.
    pub data_dir: PathBuf,
    /// What is logged and how.
    pub log: Log,
    /// Which database holds the state.
    pub database: Database,
    /// The HTTP server.
    pub http: Http,
    /// The message broker; `None`: there is none.
    pub bus: Option<Bus>,
    /// Messages before they are applied.
    pub inbox: Inbox,
    /// The build system.
    pub buildsys: Buildsys,
    /// Which tags are followed and how.
    pub follow: Follow,
    /// What follow rules inherit.
    pub repos: Repos,
    /// Composes.
    pub compose: Compose,
    /// Who is told of messages by HTTP.
    pub webhooks: Vec<Webhook>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section")]
struct RawConfig {
    data_dir: Option<PathBuf>,
    log: Log,
    state: sections::RawState,
    http: sections::RawHttp,
    bus: Option<sections::RawBus>,
    inbox: Inbox,
    buildsys: buildsys::RawBuildsys,
    koji: buildsys::RawKoji,
    follow: Vec<follow::RawRule>,
    repos: Repos,
    compose: sections::RawCompose,
    webhook: Vec<webhooks::RawWebhook>,
}

impl Config {
    /// Reads the configuration `file`, if one is named, then what environment and flags override.
    ///
    /// `env` is `std::env::vars_os()`; every variable that begins with `TANNERY_` is an option, save
    /// `TANNERY_CONFIG`. Refuses an unknown key, a bad value, and values that do not go together.
    pub fn load(
        file: Option<&Path>,
        flags: &Overrides,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Error> {
        let document = file.map(|path| Document::read(path, LARGEST)).transpose()?;
        let (raw, sources) = overrides::read::<RawConfig>(document, flags, env)?;
        Self::resolve(raw, &sources)
    }

    /// Returns the defaults with everything below `data_dir`.
    pub fn default_for(data_dir: &Path) -> Self {
        // Made absolute here, so that nothing is left that could fail.
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| Path::new("/").join(data_dir));
        let raw = RawConfig { data_dir: Some(data_dir), ..RawConfig::default() };
        Self::resolve(raw, &Sources::default()).expect("the defaults are valid, as a test shows")
    }

    fn resolve(mut raw: RawConfig, sources: &Sources) -> Result<Self, Error> {
        let data_dir = raw.data_dir.unwrap_or_else(|| PathBuf::from("tannery-data"));
        let data_dir = sources.path("data_dir", &data_dir)?;
        let below = |key: &str, path: Option<PathBuf>, name: &str| match path {
            Some(path) => sources.path(key, &path),
            None => Ok(data_dir.join(name)),
        };
        for (number, rule) in raw.follow.iter_mut().enumerate() {
            for (kind, file) in &mut rule.records {
                let path = sources.path(&format!("follow.{number}.records.{kind}"), file.pattern())?;
                *file = RecordFile::new(path);
            }
            if let Some(file) = &mut rule.keys_file {
                *file = sources.path(&format!("follow.{number}.keys_file"), file)?;
            }
        }
        let volume = below("buildsys.volume", raw.buildsys.volume.take(), "volume")?;
        raw.repos.check().map_err(|(key, why)| sources.refuse(&format!("repos.{key}"), why))?;
        Ok(Self {
            log: raw.log,
            database: match raw.state.url {
                Some(url) => Database::Postgres(url),
                None => Database::Sqlite(data_dir.join("state.sqlite")),
            },
            http: http(raw.http, sources)?,
            bus: raw.bus.map(|raw| bus(raw, sources)).transpose()?,
            inbox: raw.inbox,
            buildsys: buildsys::resolve(raw.buildsys, raw.koji, volume, !raw.follow.is_empty(), sources)?,
            follow: follow::resolve(raw.follow, &raw.repos)
                .map_err(|(number, key, why)| sources.refuse(&format!("follow.{number}.{key}"), why))?,
            repos: raw.repos,
            compose: Compose { dir: below("compose.dir", raw.compose.dir, "composes")? },
            webhooks: webhooks::resolve(raw.webhook, sources)?,
            data_dir,
        })
    }
}

fn http(raw: sections::RawHttp, sources: &Sources) -> Result<Http, Error> {
    let mut tokens = raw.tokens;
    if let Some(path) = raw.token_file {
        tokens.extend(read_tokens("http.token_file", &sources.path("http.token_file", &path)?, sources)?);
    }
    if tokens.is_empty() && !raw.bind.ip().to_canonical().is_loopback() {
        let why = format!("{} can be reached from outside: set http.token_file or http.tokens too", raw.bind);
        return Err(sources.refuse("http.bind", why));
    }
    Ok(Http {
        bind: raw.bind,
        public_url: raw.public_url,
        tokens,
        max_body: raw.max_body,
        request_timeout: raw.request_timeout,
    })
}

fn bus(raw: sections::RawBus, sources: &Sources) -> Result<Bus, Error> {
    let Some(url) = raw.url else {
        return Err(sources.refuse("bus.url", "a broker needs its address: write amqp://… or amqps://…"));
    };
    for (key, path) in [("bus.ca", &raw.ca), ("bus.cert", &raw.cert), ("bus.key", &raw.key)] {
        if path.is_some() && url.scheme() != "amqps" {
            return Err(sources.refuse(key, "has no effect without TLS: bus.url must begin with amqps://"));
        }
    }
    let path = |key: &str, path: Option<PathBuf>| path.map(|path| sources.path(key, &path)).transpose();
    let identity = match (path("bus.cert", raw.cert)?, path("bus.key", raw.key)?) {
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        (None, None) => None,
        (Some(_), None) => return Err(sources.refuse("bus.cert", "a certificate needs its key: set bus.key too")),
        (None, Some(_)) => return Err(sources.refuse("bus.key", "a key needs its certificate: set bus.cert too")),
    };
    if raw.backoff_max < raw.backoff_min {
        return Err(sources.refuse("bus.backoff_max", "is shorter than backoff_min"));
    }
    Ok(Bus {
        ca: path("bus.ca", raw.ca)?,
        url,
        identity,
        exchange: raw.exchange,
        queue: raw.queue,
        bindings: raw.bindings,
        passive_declares: raw.passive_declares,
        prefetch: raw.prefetch,
        heartbeat: raw.heartbeat,
        probe_every: raw.probe_every,
        answer_within: raw.answer_within,
        backoff_min: raw.backoff_min,
        backoff_max: raw.backoff_max,
        publish_exchange: raw.publish_exchange,
        topic_prefix: raw.topic_prefix,
    })
}
