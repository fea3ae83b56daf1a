//! Which RPMs have the builds that stand in a tag, and by which keys are these signed? Asked of the tag as a whole, one
//! answer after another for some arches each, instead of a call for every build and every RPM.
//!
//! All answers name one event, but RPMs, signatures and volumes have no history: what changes between two of them has a
//! message or a probe of its own. An answer is read as it comes and kept short, and only of the builds that are asked
//! for: 400,000 RPMs with their signatures take some 100 MB. A build counts once all answers have it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::error::Error as StdError;
use std::sync::Arc;
use std::vec;

use super::list;
use crate::buildsys::koji::calls::{Rpm, Sink, TaggedBuild, TaggedRpm, TaggedRpms};
use crate::buildsys::koji::{Error, Hub};
use crate::model::Arch;
use crate::store::hub_rpms::HubRpms;

/// What is asked of a tag.
#[derive(Debug, Clone)]
pub struct OfTag {
    /// The hub's id of it.
    pub tag_id: i64,
    /// When.
    pub event: i64,
    /// Whether the latest build of each package suffices.
    pub latest: bool,
    /// Base arches that get an answer each; all others that RPMs can be of come in one.
    pub arches: BTreeSet<Arch>,
    /// Further arches that RPMs may be of.
    pub foreign: BTreeSet<Arch>,
    /// The builds that are asked for, by the hub's ids.
    pub builds: BTreeSet<i64>,
}

impl OfTag {
    /// Returns the arches of each answer.
    fn parts(&self) -> Vec<Vec<String>> {
        let mut left: Vec<&str> = Arch::all_of_rpms().collect();
        left.extend(
            self.foreign.iter().map(Arch::as_str).filter(|arch| !Arch::all_of_rpms().any(|known| known == *arch)),
        );
        let mut parts = vec![vec!["src", "nosrc"], vec!["noarch"]];
        parts.extend(self.arches.iter().map(Arch::native));
        for at in 0..parts.len() {
            let (before, others) = parts.split_at_mut(at);
            let Some(part) = others.first_mut() else { break };
            part.retain(|arch| !before.iter().flatten().any(|taken| taken == arch));
            left.retain(|arch| !part.contains(arch));
        }
        parts.push(left);
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.map(|part| part.into_iter().map(str::to_owned).collect()).collect()
    }
}

/// Asks for the RPMs of builds in a tag.
pub(super) async fn list_tag(hub: &Hub, wanted: &OfTag) -> Result<TagListing, Error> {
    let parts = wanted.parts();
    let mut taker = Taker::new(wanted.builds.clone());
    for arches in &parts {
        let OfTag { tag_id, event, latest, .. } = *wanted;
        let asked = TaggedRpms { tag_id, event, inherit: false, latest, package: None, arches };
        taker = hub.tagged_rpms(&asked, taker).await?;
        taker.has_ended();
    }
    Ok(taker.into_listing(parts.len()))
}

/// An RPM, as short as may be: most of its texts others have too.
#[derive(Debug)]
struct Short {
    build_id: i64,
    id: i64,
    size: u64,
    epoch: Option<i64>,
    name: Arc<str>,
    version: Arc<str>,
    release: Arc<str>,
    arch: Arc<str>,
    payloadhash: Hash,
    metadata_only: bool,
}

/// An MD5: bytes where it is one.
#[derive(Debug)]
enum Hash {
    Md5([u8; 16]),
    Other(Box<str>),
}

impl Hash {
    fn of(text: &str) -> Self {
        let digit = |at: usize| text.as_bytes().get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            match (digit(at * 2), digit(at * 2 + 1)) {
                (Some(high), Some(low)) if text.len() == 32 => *byte = (high * 16 + low) as u8,
                _ => return Self::Other(text.into()),
            }
        }
        Self::Md5(bytes)
    }

    fn text(&self) -> String {
        match self {
            Self::Md5(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Other(text) => text.to_string(),
        }
    }
}

/// Takes answers in.
#[derive(Debug)]
struct Taker {
    wanted: BTreeSet<i64>,
    texts: HashSet<Arc<str>>,
    rpms: Vec<Short>,
    /// Which keys RPMs have, by their ids.
    keys: Vec<(i64, Arc<str>)>,
    /// How many answers had a build, and on which volume it lies.
    builds: BTreeMap<i64, (usize, Arc<str>)>,
    /// How many RPMs and keys came with answers that have ended.
    ended: (usize, usize),
    /// RPMs and builds of this answer.
    of_this: (HashSet<i64>, BTreeMap<i64, Arc<str>>),
}

impl Taker {
    fn new(wanted: BTreeSet<i64>) -> Self {
        Self {
            wanted,
            texts: HashSet::new(),
            rpms: Vec::new(),
            keys: Vec::new(),
            builds: BTreeMap::new(),
            ended: (0, 0),
            of_this: Default::default(),
        }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                let new: Arc<str> = text.into();
                self.texts.insert(Arc::clone(&new));
                new
            }
        }
    }

    /// What came so far stays.
    fn has_ended(&mut self) {
        self.ended = (self.rpms.len(), self.keys.len());
        let (_, builds) = std::mem::take(&mut self.of_this);
        for (id, volume) in builds {
            let (answers, _) = self.builds.get(&id).cloned().unwrap_or((0, Arc::clone(&volume)));
            self.builds.insert(id, (answers + 1, volume));
        }
    }

    /// Returns what all of so many answers said.
    fn into_listing(mut self, answers: usize) -> TagListing {
        self.rpms.sort_unstable_by_key(|rpm| (rpm.build_id, rpm.id));
        self.keys.sort_unstable();
        let builds = self.builds.into_iter().filter(|(_, (had, _))| *had == answers);
        let builds: Vec<(i64, Arc<str>)> = builds.map(|(id, (_, volume))| (id, volume)).collect();
        TagListing { builds: builds.into_iter(), rpms: self.rpms, keys: self.keys }
    }
}

impl Sink for Taker {
    fn begin(&mut self) {
        let (rpms, keys) = self.ended;
        self.rpms.truncate(rpms);
        self.keys.truncate(keys);
        self.of_this = Default::default();
    }

    fn rpm(&mut self, TaggedRpm { rpm, sigkey }: TaggedRpm) -> Result<(), Box<dyn StdError + Send + Sync>> {
        if !self.wanted.contains(&rpm.build_id) {
            return Ok(());
        }
        if let Some(key) = sigkey {
            let key = self.text(&key);
            self.keys.push((rpm.id, key));
        }
        if self.of_this.0.insert(rpm.id) {
            let short = Short {
                build_id: rpm.build_id,
                id: rpm.id,
                size: rpm.size,
                epoch: rpm.epoch,
                name: self.text(&rpm.name),
                version: self.text(&rpm.version),
                release: self.text(&rpm.release),
                arch: self.text(&rpm.arch),
                payloadhash: Hash::of(&rpm.payloadhash),
                metadata_only: rpm.metadata_only,
            };
            self.rpms.push(short);
        }
        Ok(())
    }

    fn build(&mut self, TaggedBuild { build, .. }: TaggedBuild) -> Result<(), Box<dyn StdError + Send + Sync>> {
        if self.wanted.contains(&build.id) {
            let volume = self.text(&build.volume_name);
            self.of_this.1.insert(build.id, volume);
        }
        Ok(())
    }
}

/// What a hub says of the RPMs of builds in a tag: the builds by the hub's ids, in their order. One that it did not have
/// in all its answers is left out. Signatures are known by their keys only.
#[derive(Debug)]
pub struct TagListing {
    builds: vec::IntoIter<(i64, Arc<str>)>,
    /// By build and id.
    rpms: Vec<Short>,
    /// By the id of the RPM.
    keys: Vec<(i64, Arc<str>)>,
}

impl Iterator for TagListing {
    type Item = (i64, HubRpms);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, volume) = self.builds.next()?;
        let begin = self.rpms.partition_point(|rpm| rpm.build_id < id);
        let of_build = self.rpms.iter().skip(begin).take_while(|rpm| rpm.build_id == id);
        let mut said = list::without_forms(volume.to_string(), of_build.map(Short::rpm).collect());
        for rpm in &mut said.rpms {
            let begin = self.keys.partition_point(|(of, _)| *of < rpm.id);
            let keys = self.keys.iter().skip(begin).take_while(|(of, _)| *of == rpm.id);
            rpm.forms = list::forms_by_keys(rpm.id, keys.map(|(_, key)| key.as_ref()));
        }
        Some((id, said))
    }
}

impl Short {
    fn rpm(&self) -> Rpm {
        Rpm {
            id: self.id,
            build_id: self.build_id,
            name: self.name.to_string(),
            version: self.version.to_string(),
            release: self.release.to_string(),
            epoch: self.epoch,
            arch: self.arch.to_string(),
            size: self.size,
            payloadhash: self.payloadhash.text(),
            buildtime: None,
            metadata_only: self.metadata_only,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::koji::calls::{Build, BuildState};

    fn arches(texts: &[&str]) -> BTreeSet<Arch> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn of_tag(base: &[&str], foreign: &[&str]) -> OfTag {
        let (arches, foreign) = (arches(base), arches(foreign));
        OfTag { tag_id: 1, event: 1, latest: true, arches, foreign, builds: BTreeSet::new() }
    }

    fn row(build_id: i64, id: i64, arch: &str, sigkey: Option<&str>) -> TaggedRpm {
        let [name, version, release] = ["bash", "5", "1"].map(str::to_owned);
        let payloadhash = "0123456789abcdef0123456789ABCDEF".to_owned();
        let (arch, epoch, size, buildtime, metadata_only) = (arch.to_owned(), None, 7, Some(1), false);
        let rpm =
            Rpm { id, build_id, name, version, release, epoch, arch, size, payloadhash, buildtime, metadata_only };
        TaggedRpm { rpm, sigkey: sigkey.map(str::to_owned) }
    }

    fn build(id: i64, volume: &str) -> TaggedBuild {
        let [name, version, release] = ["bash", "5", "1"].map(str::to_owned);
        let (state, volume_name) = (BuildState::Complete, volume.to_owned());
        let (package_id, epoch, draft, task_id, owner_name) = (1, None, false, None, None);
        let build =
            Build { id, package_id, name, version, release, epoch, state, volume_name, draft, task_id, owner_name };
        TaggedBuild { tag_id: 1, create_event: 1, build }
    }

    #[test]
    fn each_arch_that_an_rpm_can_be_of_is_asked_for_once() {
        let parts = of_tag(&["x86_64", "i686", "i386", "odd", "noarch"], &["odder", "i686"]).parts();
        assert_eq!(parts[..2], [vec!["src".to_owned(), "nosrc".to_owned()], vec!["noarch".to_owned()]]);
        assert!(parts.iter().all(|part| !part.is_empty()));
        let mut all: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        let mut right: Vec<&str> = Arch::all_of_rpms().chain(["odd", "odder"]).collect();
        all.sort_unstable();
        right.sort_unstable();
        assert_eq!(all, right);
        assert_eq!(of_tag(&[], &[]).parts().len(), 3);
    }

    #[test]
    fn what_came_before_an_answer_broke_off_is_void_and_what_came_with_others_stays() {
        let mut taker = Taker::new(BTreeSet::from([1, 2, 3]));
        let answers: [(bool, &[TaggedRpm], &[TaggedBuild]); 3] = [
            (
                true,
                &[row(1, 10, "src", Some("")), row(9, 90, "src", None), row(1, 10, "src", Some("aaaaaaaa"))],
                &[build(1, "DEFAULT"), build(2, "DEFAULT"), build(3, "DEFAULT"), build(9, "DEFAULT")],
            ),
            (false, &[row(1, 11, "noarch", Some("bbbbbbbb"))], &[]),
            (
                true,
                &[row(1, 11, "noarch", Some("")), row(3, 30, "noarch", None)],
                &[build(1, "fast"), build(3, "DEFAULT")],
            ),
        ];
        for (has_ended, rpms, builds) in answers {
            taker.begin();
            rpms.iter().for_each(|rpm| taker.rpm(rpm.clone()).unwrap());
            builds.iter().for_each(|build| taker.build(build.clone()).unwrap());
            if has_ended {
                taker.has_ended();
            }
        }
        let shown: Vec<String> = taker
            .into_listing(2)
            .map(|(id, said)| {
                let forms = said.rpms.iter().map(|rpm| {
                    let keys: Vec<&str> =
                        rpm.forms.iter().map(|form| form.sigkey.as_ref().map_or("-", |key| key.as_str())).collect();
                    format!(" {} {}", rpm.nevra.arch, keys.join("+"))
                });
                format!("{id} {}{}", said.volume, forms.collect::<String>())
            })
            .collect();
        assert_eq!(shown, ["1 fast noarch - src -+aaaaaaaa", "3 DEFAULT noarch "]);
    }

    #[test]
    fn a_hash_comes_out_as_it_went_in() {
        for text in ["0123456789abcdef0123456789abcdef", "", "0123456789abcdef0123456789abcdeg", "éé", "00"] {
            assert_eq!(Hash::of(text).text(), text);
        }
    }
}
