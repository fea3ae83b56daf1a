//! Which files are right for a tag? By the hub's rows and the bytes in its volume.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::files::{sha256, spliced};
use super::rows::{Extra, Rows, Rpm};
use super::{Hub, right};

impl Hub {
    /// Returns what the x86_64 repository of a tag is to have: by NAME-EPOCH:VERSION-RELEASE.ARCH the SHA-256 of the
    /// file. With keys, the best first and the last perhaps empty for files as they were imported, a build is passed over of which a package has none of them; without, files are
    /// as they were imported. A tag that says so has all builds of a package, else the latest alone.
    pub fn right_files(&self, tag: &str, keys: &[&str]) -> BTreeMap<String, String> {
        let rows = self.desk.rows();
        let mut files = BTreeMap::new();
        for rpm in right_rpms(&rows, tag, keys, &["x86_64", "noarch"]) {
            files.insert(nevra(rpm), self.form(&rows, rpm, best(&rows, rpm, keys)));
        }
        files
    }

    /// As [`Hub::right_files`] without keys, of any arches, by the digests that the hub has: it opens no file. The
    /// digest is empty where the hub has none.
    pub fn right_digests(&self, tag: &str, arches: &[&str]) -> BTreeMap<String, String> {
        let rows = self.desk.rows();
        let mut files = BTreeMap::new();
        for rpm in right_rpms(&rows, tag, &[], arches) {
            let imported = rows.signatures[&rpm.id].first();
            files.insert(nevra(rpm), imported.and_then(|row| row.sha256.clone()).unwrap_or_default());
        }
        files
    }

    /// Returns the SHA-256 of an RPM as it was imported, or signed with a key.
    fn form(&self, rows: &Rows, rpm: &Rpm, key: Option<&str>) -> String {
        let unsigned = self.unsigned(rows, rpm);
        match key {
            None | Some("") => sha256(&unsigned),
            Some(key) => sha256(&spliced(&unsigned, &fs::read(self.sigcache(rows, rpm, key)).unwrap())),
        }
    }
}

/// Returns whether a tag's setting says that its repositories have all builds.
fn has_all(setting: &Extra) -> bool {
    setting.when.counts(None) && setting.key == "repo_include_all" && setting.value == true
}

/// Returns the RPMs of these arches that are right for a tag: of the first build of each package that has a key of
/// these, if there are any, for all of its RPMs.
fn right_rpms<'a>(rows: &'a Rows, tag: &str, keys: &[&str], arches: &[&str]) -> Vec<&'a Rpm> {
    let tag = rows.tag_id(&tag.into()).unwrap();
    let has_all = rows.tags[&tag].extras.iter().any(has_all);
    let (mut found, mut right) = (BTreeSet::new(), Vec::new());
    for one in right::tagged_builds(rows, tag, None, true, None, None) {
        let package = rows.builds[&one.build].package;
        let rpms: Vec<&Rpm> = rows.rpms[&one.build].iter().filter(|rpm| !rpm.metadata_only).collect();
        let is_signed = |rpm: &Rpm| best(rows, rpm, keys).is_some();
        if (!has_all && found.contains(&package)) || !(keys.is_empty() || rpms.iter().all(|rpm| is_signed(rpm))) {
            continue;
        }
        right.extend(rpms.into_iter().filter(|rpm| arches.contains(&rpm.arch.as_str())));
        found.insert(package);
    }
    right
}

fn nevra(rpm: &Rpm) -> String {
    let Rpm { name, version, release, arch, epoch, .. } = rpm;
    format!("{name}-{}:{version}-{release}.{arch}", epoch.unwrap_or(0))
}

fn best<'a>(rows: &Rows, rpm: &Rpm, keys: &[&'a str]) -> Option<&'a str> {
    let signatures = rows.signatures.get(&rpm.id)?;
    keys.iter().copied().find(|key| key.is_empty() || signatures.iter().any(|row| row.sigkey == *key))
}
