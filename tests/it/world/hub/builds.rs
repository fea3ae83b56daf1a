//! What happens to builds? They are imported, tagged, moved, promoted, deleted; most of it is announced.

use super::Hub;
use super::files::{self, Made};
use super::messages::{Message, promoted, state_change, tagging};
use super::rows::{Build, CANCELED, COMPLETE, DELETED, Rows, Rpm, Signature, Tagging, When};
use super::tags::{package_id, tag_mut};

/// A build to import.
#[derive(Debug, Clone)]
pub struct NewBuild {
    nvr: String,
    epoch: Option<i64>,
    rpms: Vec<(String, String)>,
    draft: bool,
    files: bool,
    sigkey: Option<String>,
    fileless: Vec<(String, String)>,
}

impl NewBuild {
    /// A build with a source package, and a package of its own name for each of these arches.
    pub fn new(nvr: &str, arches: &[&str]) -> Self {
        let name = split(nvr).0;
        let mut rpms = vec![(name.clone(), "src".to_owned())];
        rpms.extend(arches.iter().map(|arch| (name.clone(), (*arch).to_owned())));
        let (epoch, draft, files, sigkey, fileless) = (None, false, true, None, Vec::new());
        Self { nvr: nvr.to_owned(), epoch, rpms, draft, files, sigkey, fileless }
    }

    /// Adds a package.
    #[must_use]
    pub fn rpm(mut self, name: &str, arch: &str) -> Self {
        self.rpms.push((name.to_owned(), arch.to_owned()));
        self
    }

    /// With an epoch.
    #[must_use]
    pub fn epoch(mut self, epoch: i64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// As a draft: its release is `RELEASE,draft_ID` until it is promoted.
    #[must_use]
    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    /// With packages that were signed with a key before they were imported.
    #[must_use]
    pub fn signed(mut self, sigkey: &str) -> Self {
        self.sigkey = Some(sigkey.to_owned());
        self
    }

    /// Adds a package that the hub knows of without a file.
    #[must_use]
    pub fn fileless(mut self, name: &str, arch: &str) -> Self {
        self.fileless.push((name.to_owned(), arch.to_owned()));
        self
    }

    /// Without any packages.
    #[must_use]
    pub fn empty(mut self) -> Self {
        self.rpms.clear();
        self
    }

    /// Without any files: rows only.
    #[must_use]
    pub fn rows_only(mut self) -> Self {
        self.files = false;
        self
    }
}

/// Splits a name-version-release.
fn split(nvr: &str) -> (String, String, String) {
    let mut parts = nvr.rsplitn(3, '-').map(str::to_owned);
    let (release, version) = (parts.next().unwrap(), parts.next().unwrap());
    (parts.next().unwrap(), version, release)
}

impl Hub {
    /// Imports a build: writes its RPM files and knows of it. Returns its id.
    pub fn import(&self, new: &NewBuild) -> (i64, Vec<Message>) {
        let (name, version, release) = split(&new.nvr);
        let mut made = Vec::new();
        for (rpm, arch) in &new.rpms {
            let wanted = files::Wanted { name: rpm, version: &version, release: &release, epoch: new.epoch, arch };
            let rpm = if new.files { files::make(&wanted, &name) } else { files::pretend(&wanted) };
            made.push(match &new.sigkey {
                Some(sigkey) => rpm.signed(sigkey),
                None => rpm,
            });
        }
        for (rpm, arch) in &new.fileless {
            let wanted = files::Wanted { name: rpm, version: &version, release: &release, epoch: new.epoch, arch };
            made.push(Made { metadata_only: true, ..files::pretend(&wanted) });
        }
        self.import_made(new, made)
    }

    /// As [`Hub::import`], with RPMs that were made already instead of those that the build would have.
    pub fn import_made(&self, new: &NewBuild, made: Vec<Made>) -> (i64, Vec<Message>) {
        let (name, version, release) = split(&new.nvr);
        self.act(|rows, event| {
            let id = rows.builds.last_key_value().map_or(1, |(id, _)| id + 1);
            let package = package_id(rows, &name);
            let release = if new.draft { format!("{release},draft_{id}") } else { release };
            let (epoch, draft) = (new.epoch, new.draft);
            let (state, volume) = (COMPLETE, 0);
            let build = Build { package, name, version, release, epoch, state, volume, draft, create: event };
            assert!(rows.build_id(&build.nvr()).is_none(), "{} is there", build.nvr());
            let message = state_change(id, &build, None);
            for made in &made {
                if let Some(bytes) = &made.bytes {
                    let dir = files::build_dir(&self.volume, "DEFAULT", &build).join(&made.arch);
                    files::write(&dir.join(&made.file), bytes);
                }
                if let (Some(sigkey), Some(header)) = (&made.sigkey, made.header()) {
                    let dir = files::build_dir(&self.volume, "DEFAULT", &build).join("data/sigcache").join(sigkey);
                    files::write(&dir.join(&made.arch).join(format!("{}.sig", made.file)), header);
                }
            }
            rows.nvrs.insert(build.nvr(), id);
            rows.builds.insert(id, build);
            add_rpms(rows, id, made);
            (id, vec![message])
        })
    }

    /// As [`Hub::import`] of a build with packages of its own name for these arches.
    pub fn build(&self, nvr: &str, arches: &[&str]) -> i64 {
        self.import(&NewBuild::new(nvr, arches)).0
    }

    /// Tags a build. Tagged again, it has a newer place, and nothing tells of an untag.
    pub fn tag_build(&self, tag: &str, nvr: &str) -> Vec<Message> {
        self.act(|rows, event| vec![put(rows, event, tag, nvr)])
    }

    /// Tags builds in one transaction, by one event, whatever the package list says.
    pub fn mass_tag(&self, tag: &str, nvrs: &[String]) -> Vec<Message> {
        self.act(|rows, event| nvrs.iter().map(|nvr| put(rows, event, tag, nvr)).collect())
    }

    /// Takes a build out of a tag.
    pub fn untag_build(&self, tag: &str, nvr: &str) -> Vec<Message> {
        self.act(|rows, event| vec![take(rows, event, tag, nvr)])
    }

    /// Takes a build out of one tag and puts it into another, by one event: two messages.
    pub fn move_build(&self, from: &str, to: &str, nvr: &str) -> Vec<Message> {
        self.act(|rows, event| vec![take(rows, event, from, nvr), put(rows, event, to, nvr)])
    }

    /// Deletes a build with its files and signatures. It leaves its tags, and no untag tells of it.
    pub fn delete_build(&self, nvr: &str) -> Vec<Message> {
        self.act(|rows, event| {
            let id = rows.build_id(nvr).unwrap();
            for tag in rows.tags.values_mut() {
                tag.taggings.get_mut(&id).into_iter().flatten().for_each(|row| row.when.end(event));
            }
            for rpm in rows.rpms[&id].clone() {
                rows.signatures.remove(&rpm.id);
            }
            self.end_build(rows, id, DELETED)
        })
    }

    /// Resets a build so that it could be imported again: its taggings leave no trace, in history neither.
    pub fn reset_build(&self, nvr: &str) -> Vec<Message> {
        self.act(|rows, _| {
            let id = rows.build_id(nvr).unwrap();
            for tag in rows.tags.values_mut() {
                tag.taggings.remove(&id);
            }
            for rpm in rows.rpms.insert(id, Vec::new()).unwrap_or_default() {
                rows.signatures.remove(&rpm.id);
                rows.build_of.remove(&rpm.id);
            }
            self.end_build(rows, id, CANCELED)
        })
    }

    fn end_build(&self, rows: &mut Rows, id: i64, state: i64) -> Vec<Message> {
        files::remove(&files::build_dir(&self.volume, &rows.volumes[&rows.builds[&id].volume], &rows.builds[&id]));
        let build = rows.builds.get_mut(&id).unwrap();
        let old = std::mem::replace(&mut build.state, state);
        vec![state_change(id, build, Some(old))]
    }

    /// Moves a build's files to another volume, which is made known if it is not; announces nothing, and only
    /// `tag_updates` tells of it.
    pub fn change_volume(&self, nvr: &str, volume: &str) {
        self.act(|rows, event| {
            let id = rows.build_id(nvr).unwrap();
            let known = rows.volumes.iter().find(|(_, name)| *name == volume).map(|(id, _)| *id);
            let other = known.unwrap_or(rows.volumes.len() as i64);
            rows.volumes.insert(other, volume.to_owned());
            let build = rows.builds.get_mut(&id).unwrap();
            let old = std::mem::replace(&mut build.volume, other);
            files::change_volume(&self.volume, build, &rows.volumes[&old], volume);
            update_tags(rows, event, id);
        });
    }

    /// Promotes a draft: its release changes, its id does not, and the message does not say which it was.
    pub fn promote(&self, nvr: &str) -> Vec<Message> {
        self.act(|rows, event| {
            let id = rows.build_id(nvr).unwrap();
            let build = rows.builds.get_mut(&id).unwrap();
            let volume = &rows.volumes[&build.volume];
            let old = files::build_dir(&self.volume, volume, build);
            build.release = build.release.split_once(",draft_").unwrap().0.to_owned();
            build.draft = false;
            rows.nvrs.remove(nvr);
            rows.nvrs.insert(build.nvr(), id);
            files::rename(&old, &files::build_dir(&self.volume, volume, build));
            update_tags(rows, event, id);
            vec![promoted()]
        })
    }

    /// Imports one more RPM into a build that is finished; announces nothing.
    pub fn add_rpm(&self, nvr: &str, name: &str, arch: &str) {
        self.act(|rows, event| {
            let id = rows.build_id(nvr).unwrap();
            let build = rows.builds[&id].clone();
            let (version, release, epoch) = (&*build.version, &*build.release, build.epoch);
            let made = files::make(&files::Wanted { name, version, release, epoch, arch }, &build.name);
            let dir = files::build_dir(&self.volume, &rows.volumes[&build.volume], &build);
            files::write(&dir.join(arch).join(&made.file), made.bytes.as_ref().unwrap());
            add_rpms(rows, id, vec![made]);
            update_tags(rows, event, id);
        });
    }
}

/// Has the tags that hold a build say that they changed, by a row that is not versioned.
fn update_tags(rows: &mut Rows, event: i64, build: i64) {
    let holds = |row: &Tagging| row.when.revoke.is_none();
    let tags = rows.tags.values_mut().filter(|tag| tag.taggings.get(&build).is_some_and(|rows| rows.iter().any(holds)));
    tags.for_each(|tag| tag.updates.push(event));
}

fn put(rows: &mut Rows, event: i64, tag: &str, nvr: &str) -> Message {
    let build = rows.build_id(nvr).unwrap_or_else(|| panic!("no build {nvr}"));
    assert_eq!(rows.builds[&build].state, COMPLETE, "{nvr} is not complete");
    let (id, package) = (rows.tag_id(&tag.into()).unwrap(), rows.builds[&build].package);
    let tag = tag_mut(rows, tag);
    let of_build = tag.taggings.entry(build).or_default();
    of_build.iter_mut().for_each(|row| row.when.end(event));
    of_build.push(Tagging { build, package, when: When::from(event) });
    tagging(rows, true, id, build)
}

fn take(rows: &mut Rows, event: i64, tag: &str, nvr: &str) -> Message {
    let (id, build) = (rows.tag_id(&tag.into()).unwrap(), rows.build_id(nvr).unwrap());
    let mut standing = tag_mut(rows, tag).taggings.get_mut(&build).into_iter().flatten();
    let row = standing.find(|row| row.when.revoke.is_none());
    row.unwrap_or_else(|| panic!("{nvr} is not in {tag}")).when.end(event);
    tagging(rows, false, id, build)
}

fn add_rpms(rows: &mut Rows, build: i64, made: Vec<Made>) {
    let of = &rows.builds[&build];
    let release = of.release.split(',').next().unwrap().to_owned();
    let (version, epoch) = (of.version.clone(), of.epoch);
    rows.rpms.entry(build).or_default();
    for Made { name, arch, size, sigmd5: payloadhash, sighash, sha256, sigkey, metadata_only, .. } in made {
        let id = rows.build_of.last_key_value().map_or(1, |(id, _)| id + 1);
        let (version, release) = (version.clone(), release.clone());
        let rpm = Rpm { id, name, version, release, epoch, arch, size, payloadhash, metadata_only };
        rows.build_of.insert(id, build);
        rows.rpms.entry(build).or_default().push(rpm);
        let row = Signature { sigkey: sigkey.unwrap_or_default(), sighash, sha256 };
        rows.signatures.insert(id, if metadata_only { Vec::new() } else { vec![row] });
    }
}
