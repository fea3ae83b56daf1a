//! What does a hub remember? Versioned rows, from the event that made them to the one that revoked them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// When a row counts. Koji's `eventCondition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    pub create: i64,
    pub revoke: Option<i64>,
}

impl When {
    pub fn from(create: i64) -> Self {
        Self { create, revoke: None }
    }

    /// Whether the row counts at an event, now for none.
    pub fn counts(&self, event: Option<i64>) -> bool {
        match event {
            None => self.revoke.is_none(),
            Some(event) => self.create <= event && (self.revoke.is_none() || event < self.revoke.unwrap()),
        }
    }

    /// Revokes the row, unless that was done before.
    pub fn end(&mut self, event: i64) {
        if self.revoke.is_none() {
            self.revoke = Some(event);
        }
    }

    /// Whether the row was made or revoked after an event.
    pub fn touched_after(&self, event: i64) -> bool {
        self.create > event || self.revoke.is_some_and(|revoke| revoke > event)
    }
}

#[derive(Debug, Clone)]
pub struct Config {
    pub arches: Option<String>,
    pub locked: bool,
    pub when: When,
}

#[derive(Debug, Clone)]
pub struct Extra {
    pub key: String,
    pub value: Value,
    pub when: When,
}

/// A link with all that a release engineer can set on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub parent: i64,
    pub priority: i64,
    pub maxdepth: Option<i64>,
    pub intransitive: bool,
    pub noconfig: bool,
    pub pkg_filter: String,
}

impl Link {
    /// A link without any limits.
    pub fn to(parent: i64, priority: i64) -> Self {
        Self { parent, priority, maxdepth: None, intransitive: false, noconfig: false, pkg_filter: String::new() }
    }
}

#[derive(Debug, Clone)]
pub struct Linked {
    pub link: Link,
    pub when: When,
}

#[derive(Debug, Clone)]
pub struct Listed {
    pub package: i64,
    pub blocked: bool,
    pub extra_arches: Option<String>,
    pub when: When,
}

#[derive(Debug, Clone)]
pub struct Tagging {
    pub build: i64,
    pub package: i64,
    pub when: When,
}

#[derive(Debug, Clone)]
pub struct Joined {
    pub repo: i64,
    pub priority: i64,
    pub when: When,
}

/// A tag, with the rows that are its own. A deleted one stays, its rows revoked.
#[derive(Debug, Clone, Default)]
pub struct Tag {
    pub name: String,
    pub configs: Vec<Config>,
    pub extras: Vec<Extra>,
    pub links: Vec<Linked>,
    pub listed: Vec<Listed>,
    /// By build, the oldest first.
    pub taggings: BTreeMap<i64, Vec<Tagging>>,
    pub joined: Vec<Joined>,
    /// Events of changes that have no versioned row (`tag_updates`).
    pub updates: Vec<i64>,
}

/// States of builds.
pub const COMPLETE: i64 = 1;
pub const DELETED: i64 = 2;
pub const CANCELED: i64 = 4;

#[derive(Debug, Clone)]
pub struct Build {
    pub package: i64,
    pub name: String,
    pub version: String,
    pub release: String,
    pub epoch: Option<i64>,
    pub state: i64,
    pub volume: i64,
    pub draft: bool,
    pub create: i64,
}

impl Build {
    pub fn nvr(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.release)
    }
}

#[derive(Debug, Clone)]
pub struct Rpm {
    pub id: i64,
    pub name: String,
    pub version: String,
    pub release: String,
    pub epoch: Option<i64>,
    pub arch: String,
    pub size: i64,
    pub payloadhash: String,
    /// Whether it is known of without a file.
    pub metadata_only: bool,
}

impl Rpm {
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.arch)
    }
}

/// A signature of an RPM; its key is empty for the form without any.
#[derive(Debug, Clone)]
pub struct Signature {
    pub sigkey: String,
    pub sighash: String,
    /// The SHA-256 of the file, where the hub has reckoned it.
    pub sha256: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Repo {
    pub name: String,
    pub url: String,
    pub merge_mode: String,
    pub arches: Option<String>,
}

/// All tables.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The time of each event that was drawn.
    pub events: BTreeMap<i64, f64>,
    /// The number of the last event whose transaction is done.
    pub committed: i64,
    pub tags: BTreeMap<i64, Tag>,
    /// Names by id.
    pub packages: BTreeMap<i64, String>,
    /// Ids by name.
    pub package_ids: BTreeMap<String, i64>,
    pub builds: BTreeMap<i64, Build>,
    /// Builds by name-version-release.
    pub nvrs: BTreeMap<String, i64>,
    /// By build.
    pub rpms: BTreeMap<i64, Vec<Rpm>>,
    /// The build of each RPM.
    pub build_of: BTreeMap<i64, i64>,
    /// By RPM.
    pub signatures: BTreeMap<i64, Vec<Signature>>,
    pub repos: BTreeMap<i64, Repo>,
    /// Names by id; DEFAULT is 0.
    pub volumes: BTreeMap<i64, String>,
}

impl Rows {
    /// Returns the tag of an id or a name, whether or not it counts.
    pub fn tag_id(&self, tag: &Value) -> Option<i64> {
        match tag {
            Value::String(name) => self.tags.iter().find(|(_, tag)| tag.name == *name).map(|(id, _)| *id),
            other => other.as_i64().filter(|id| self.tags.contains_key(id)),
        }
    }

    pub fn package_id(&self, name: &str) -> Option<i64> {
        self.package_ids.get(name).copied()
    }

    /// Returns a tag's own setting, of the row that counts.
    pub fn config(&self, tag: i64, event: Option<i64>) -> Option<&Config> {
        self.tags.get(&tag)?.configs.iter().find(|row| row.when.counts(event))
    }

    pub fn extra(&self, tag: i64, event: Option<i64>) -> Map<String, Value> {
        let rows = self.tags[&tag].extras.iter().filter(|row| row.when.counts(event));
        rows.map(|row| (row.key.clone(), row.value.clone())).collect()
    }

    pub fn build_id(&self, nvr: &str) -> Option<i64> {
        self.nvrs.get(nvr).copied()
    }

    pub fn rpm(&self, id: i64) -> Option<&Rpm> {
        self.rpms.get(self.build_of.get(&id)?)?.iter().find(|rpm| rpm.id == id)
    }
}
