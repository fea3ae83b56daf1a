//! Which files can a build have, by what the hub says of its RPMs, and which of them were read?
//!
//! Pure but for the rows: looks at no file.

use std::collections::{BTreeMap, BTreeSet};

use super::look::FileRead;
use crate::buildsys::{BuildFiles, Error, Rpms, UNSIGNED, Unread, Volume, facts};
use crate::model::{Arch, Nevra, Nvr, Sigkey};
use crate::store::Tx;
use crate::store::hub_rpms::{self, Form, HubRpm, HubRpms};

/// One form of an RPM's file, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub rpm: HubRpm,
    /// The key of its signature; `None` for the RPM as it was imported.
    pub sigkey: Option<Sigkey>,
    /// MD5 of its signature header, where it is known which it is.
    pub sighash: Option<String>,
    /// What it is known by: where it lies below `packages/`, here or in the hub's volume.
    pub location: String,
    /// Where it lies in the hub's volume, if it is written there.
    pub source: String,
    /// Where its signature header lies in the hub's volume.
    pub signature: Option<String>,
}

impl Spot {
    /// Returns how the part of a build is called that it belongs to.
    pub fn part(&self) -> &str {
        self.sigkey.as_ref().map_or(UNSIGNED, Sigkey::as_str)
    }
}

/// Returns what names an RPM as its header has it.
pub(super) fn in_header(rpm: &HubRpm) -> Nevra {
    let mut nevra = rpm.nevra.clone();
    if nevra.is_source() {
        // The hub and the volume tell `nosrc` from `src`.
        nevra.arch = Arch::source();
    }
    nevra
}

/// Returns all forms of all RPMs of a build.
pub(super) fn spots(build: &Nvr, said: &HubRpms) -> Vec<Spot> {
    let mut spots = Vec::new();
    for rpm in &said.rpms {
        spots.push(imported(build, rpm));
        for form in &rpm.forms {
            let Some(key) = &form.sigkey else { continue };
            let source = Volume::location(build, &rpm.nevra, Some(key));
            let location = match &form.sighash {
                Some(again) if form.again => {
                    let signed = format!("/data/signed/{key}/");
                    source.replacen(&signed, &format!("{signed}again/{again}/"), 1)
                }
                _ => source.clone(),
            };
            let signature = Some(Volume::signature(build, &rpm.nevra, key));
            let (sigkey, sighash) = (Some(key.clone()), form.sighash.clone());
            spots.push(Spot { rpm: rpm.clone(), sigkey, sighash, location, source, signature });
        }
    }
    spots
}

/// Returns the form of an RPM as it was imported.
pub(super) fn imported(build: &Nvr, rpm: &HubRpm) -> Spot {
    let source = Volume::location(build, &rpm.nevra, None);
    let location = match rpm.again {
        false => source.clone(),
        true => {
            let at = source.len() - rpm.nevra.arch.as_str().len() - rpm.nevra.file_name().len() - 1;
            format!("{}data/again/{}/{}", &source[..at], rpm.id, &source[at..])
        }
    };
    let unsigned = rpm.forms.iter().find(|form| form.sigkey.is_none());
    let sighash = unsigned.and_then(|form| form.sighash.clone());
    Spot { rpm: rpm.clone(), sigkey: None, sighash, location, source, signature: None }
}

/// Where the file of a location comes from, in the hub's volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The file as it is written there.
    pub source: String,
    /// The RPM as it was imported and the signature header that make a signed copy, where it is one.
    pub parts: Option<(String, String)>,
}

impl Origin {
    /// Takes a location of ours apart; `None` for what is none.
    pub fn of(location: &str) -> Option<Self> {
        let steps: Vec<&str> = location.split('/').collect();
        let plain = |dir: &[&str], arch, file| format!("{}/{arch}/{file}", dir.join("/"));
        match steps[..] {
            [_, _, _, "data", "signed", key, .., arch, file] if steps.len() == 8 || steps.len() == 10 => {
                let parts = (
                    plain(&steps[..3], arch, file),
                    format!("{}/data/sigcache/{key}/{arch}/{file}.sig", steps[..3].join("/")),
                );
                Some(Self { source: plain(&steps[..6], arch, file), parts: Some(parts) })
            }
            [_, _, _, "data", "again", _, arch, file] => {
                Some(Self { source: plain(&steps[..3], arch, file), parts: None })
            }
            [_, _, _, _, _] => Some(Self { source: location.to_owned(), parts: None }),
            _ => None,
        }
    }
}

/// Returns whether a newer listing says what an older one says, as far as both know.
pub(super) fn says_the_same(old: &HubRpms, new: &HubRpms) -> bool {
    let is_same_form = |(old, new): (&Form, &Form)| old.sigkey == new.sigkey && is_one(&old.sighash, &new.sighash);
    let is_same = |(old, new): (&HubRpm, &HubRpm)| {
        let said = |rpm: &HubRpm| (rpm.id, rpm.nevra.clone(), rpm.size, rpm.payloadhash.clone(), rpm.forms.len());
        said(old) == said(new) && old.forms.iter().zip(&new.forms).all(is_same_form)
    };
    let said = |said: &HubRpms| (said.volume.clone(), said.left_out.clone(), said.refusal.clone(), said.rpms.len());
    said(old) == said(new) && old.rpms.iter().zip(&new.rpms).all(is_same)
}

/// Returns whether two signature headers of one form may be one: no file was kept of a form whose header is not known.
fn is_one(old: &Option<String>, new: &Option<String>) -> bool {
    old.is_none() || new.is_none() || old == new
}

/// Takes over from a file that was read, and is one of a listing's, which signature header its form has; gives whether
/// that was not known.
pub(super) fn learn(build: &Nvr, said: &mut HubRpms, file: &FileRead) -> bool {
    let spot = spots(build, said).into_iter().find(|spot| spot.location == file.location && spot.rpm.id == file.rpm_id);
    let Some(spot) = spot.filter(|spot| spot.sighash.is_none()) else { return false };
    let rpms = said.rpms.iter_mut().filter(|rpm| rpm.id == file.rpm_id);
    match rpms.flat_map(|rpm| &mut rpm.forms).find(|form| form.sigkey == spot.sigkey) {
        Some(form) => form.sighash = Some(file.sighash.clone()),
        // It was imported with a signature: whose row that is, is not said.
        None => return false,
    }
    true
}

/// Returns a new listing with what has to be remembered of the one before: which places are taken.
pub(super) fn after(old: &HubRpms, mut new: HubRpms) -> HubRpms {
    let by_name: BTreeMap<&Nevra, &HubRpm> = old.rpms.iter().map(|rpm| (&rpm.nevra, rpm)).collect();
    for rpm in &mut new.rpms {
        let Some(old) = by_name.get(&rpm.nevra) else { continue };
        rpm.again = old.again || old.id != rpm.id;
        for form in &mut rpm.forms {
            let Some(before) = old.forms.iter().find(|old| old.sigkey == form.sigkey) else { continue };
            form.again = before.again || !is_one(&before.sighash, &form.sighash);
            if form.sighash.is_none() {
                form.sighash.clone_from(&before.sighash);
            }
        }
    }
    new
}

/// Returns where what was read of a build by an older listing is not what lies there by a newer one.
pub(super) fn outdated(build: &Nvr, old: &HubRpms, new: &HubRpms) -> Vec<String> {
    let mut is_now: BTreeMap<String, Spot> = BTreeMap::new();
    for spot in spots(build, new) {
        is_now.insert(spot.location.clone(), spot);
    }
    let mut outdated = Vec::new();
    for was in spots(build, old) {
        let stays = is_now.get(&was.location).is_some_and(|is| {
            let same = |spot: &Spot| (spot.rpm.id, spot.rpm.size, spot.rpm.payloadhash.clone());
            same(is) == same(&was) && is_one(&was.sighash, &is.sighash)
        });
        if !stays {
            outdated.push(was.location);
        }
    }
    outdated
}

/// Reads builds with what is known of their files, by id.
pub(in super::super) async fn build_files(tx: &mut Tx, ids: &[i64]) -> Result<Vec<BuildFiles>, Error> {
    let mut builds = facts::build_files(tx, ids).await?;
    let said = hub_rpms::of_builds(tx, ids).await?;
    let mut problems = hub_rpms::problems(tx, ids).await?;
    for files in &mut builds {
        let id = files.build.id;
        match said.get(&id) {
            None => {
                files.rpms = Rpms::Unknown(problems.remove(&(id, String::new())));
                files.copies.clear();
            }
            Some(HubRpms { refusal: Some(why), .. }) => {
                files.rpms = Rpms::Refused(why.clone());
                files.copies.clear();
            }
            Some(said) => complete(files, said, &problems),
        }
    }
    Ok(builds)
}

/// Adds what was not read of a build, and leaves out what is no file of it any more.
fn complete(files: &mut BuildFiles, said: &HubRpms, problems: &BTreeMap<(i64, String), String>) {
    let spots = spots(&files.build.nvr, said);
    let places: BTreeSet<&str> = spots.iter().map(|spot| spot.location.as_str()).collect();
    files.copies.retain(|copy| places.contains(copy.path.as_str()));
    for spot in left(&spots, files.copies.iter().map(|copy| (copy.path.as_str(), copy.rpm.sigkey.as_ref()))) {
        let problem = problems.get(&(files.build.id, spot.part().to_owned())).cloned();
        let (nevra, sigkey, path) = (in_header(&spot.rpm), spot.sigkey.clone(), spot.location.clone());
        files.unread.push(Unread { nevra, sigkey, path, problem });
    }
}

/// Returns the forms that were not read, where these were, each by its place and key. An RPM that was imported with a
/// signature is the form of that key too.
pub(super) fn left<'s>(spots: &'s [Spot], read: impl Iterator<Item = (&'s str, Option<&'s Sigkey>)>) -> Vec<&'s Spot> {
    let read: BTreeMap<&str, Option<&Sigkey>> = read.collect();
    let mut imported_with: BTreeMap<i64, &Sigkey> = BTreeMap::new();
    for spot in spots.iter().filter(|spot| spot.sigkey.is_none()) {
        if let Some(Some(key)) = read.get(spot.location.as_str()) {
            imported_with.insert(spot.rpm.id, key);
        }
    }
    let is_left = |spot: &&Spot| {
        let is_imported = spot.sigkey.as_ref().is_some_and(|key| imported_with.get(&spot.rpm.id) == Some(&key));
        !read.contains_key(spot.location.as_str()) && !is_imported
    };
    spots.iter().filter(is_left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256;
    use crate::store::builds::RpmRow;

    fn build() -> Nvr {
        "bash-5-1".parse().unwrap()
    }

    fn key(text: &str) -> Sigkey {
        text.parse().unwrap()
    }

    fn said(id: i64, forms: &[(Option<&str>, &str)]) -> HubRpms {
        let form = |(sigkey, sighash): &(Option<&str>, &str)| Form {
            sigkey: sigkey.map(key),
            sighash: Some((*sighash).to_owned()).filter(|hash| !hash.is_empty()),
            again: false,
        };
        let nevra = Nevra::new("bash-doc", 0, "5", "1", "noarch").unwrap();
        let (size, payloadhash, forms) = (7, "aa".to_owned(), forms.iter().map(form).collect());
        let rpm = HubRpm { id, nevra, size, payloadhash, again: false, forms };
        HubRpms { volume: "DEFAULT".to_owned(), rpms: vec![rpm], left_out: vec![], refusal: None }
    }

    fn places(said: &HubRpms) -> Vec<String> {
        spots(&build(), said).into_iter().map(|spot| spot.location).collect()
    }

    #[test]
    fn each_form_has_its_place() {
        let said = said(1, &[(None, "01"), (Some("aaaaaaaa"), "02")]);
        let file = "noarch/bash-doc-5-1.noarch.rpm";
        assert_eq!(places(&said), [format!("bash/5/1/{file}"), format!("bash/5/1/data/signed/aaaaaaaa/{file}")]);
        assert_eq!(outdated(&build(), &said, &said), [""; 0]);
    }

    #[test]
    fn where_a_file_comes_from_is_seen_by_its_place() {
        let first = said(1, &[(None, "01"), (Some("aaaaaaaa"), "02")]);
        let again = after(&first, said(9, &[(None, "01"), (Some("aaaaaaaa"), "03")]));
        for spot in [spots(&build(), &first), spots(&build(), &again)].concat() {
            let origin = Origin::of(&spot.location).unwrap();
            assert_eq!(origin.source, spot.source);
            assert_eq!(origin.parts.is_some(), spot.sigkey.is_some());
            if let Some((plain, signature)) = origin.parts {
                assert_eq!((plain, Some(signature)), (imported(&build(), &spot.rpm).source, spot.signature));
            }
        }
        assert_eq!(Origin::of("a/b"), None);
    }

    #[test]
    fn what_is_signed_again_lies_in_another_place() {
        let old = said(1, &[(None, "01"), (Some("aaaaaaaa"), "02")]);
        let new = after(&old, said(1, &[(None, "01"), (Some("aaaaaaaa"), "03"), (Some("bbbbbbbb"), "04")]));
        let file = "noarch/bash-doc-5-1.noarch.rpm";
        assert_eq!(
            places(&new)[1..],
            [format!("bash/5/1/data/signed/aaaaaaaa/again/03/{file}"), format!("bash/5/1/data/signed/bbbbbbbb/{file}"),]
        );
        assert_eq!(outdated(&build(), &old, &new), [places(&old)[1].clone()]);
        let later = after(&new, said(1, &[(None, "01"), (Some("aaaaaaaa"), "03"), (Some("bbbbbbbb"), "04")]));
        assert_eq!(later, new, "the place is kept");
    }

    #[test]
    fn a_signature_that_was_not_known_may_be_any_until_a_file_of_it_was_read() {
        let by_keys = said(1, &[(None, ""), (Some("aaaaaaaa"), "")]);
        let by_hub = said(1, &[(None, "01"), (Some("aaaaaaaa"), "03")]);
        assert!(says_the_same(&by_keys, &by_hub) && says_the_same(&by_hub, &by_keys));
        assert_eq!(after(&by_keys, by_hub.clone()), by_hub, "nothing lies in its place yet");
        assert_eq!(outdated(&build(), &by_keys, &by_hub), [""; 0]);
        assert_eq!(after(&by_hub, by_keys.clone()), by_hub, "what is known is not forgotten");
        let mut read = by_keys.clone();
        let file = |location: &str, sighash: &str| FileRead {
            location: location.to_owned(),
            row: RpmRow {
                sha256: Sha256::from_bytes([1; 32]),
                nevra: read_nevra(&by_keys),
                size: 7,
                content: None,
                sigkey: None,
                source_rpm: String::new(),
                build_time: 0,
            },
            fragments: Vec::new(),
            arches: None,
            rpm_id: 1,
            sighash: sighash.to_owned(),
        };
        let place = places(&by_keys).remove(1);
        assert!(learn(&build(), &mut read, &file(&place, "02")) && !learn(&build(), &mut read, &file(&place, "09")));
        assert!(!learn(&build(), &mut read, &file("elsewhere", "02")));
        assert_eq!(read, said(1, &[(None, ""), (Some("aaaaaaaa"), "02")]));
        assert!(!says_the_same(&read, &by_hub));
        assert_eq!(outdated(&build(), &read, &after(&read, by_hub.clone())), [place]);
        assert!(after(&read, by_hub).rpms[0].forms[1].again);
        for other in [said(2, &[(None, ""), (Some("aaaaaaaa"), "")]), said(1, &[(None, "")])] {
            assert!(!says_the_same(&by_keys, &other));
        }
    }

    fn read_nevra(said: &HubRpms) -> Nevra {
        in_header(&said.rpms[0])
    }

    #[test]
    fn another_rpm_of_the_same_name_lies_in_another_place() {
        let old = said(1, &[(None, "01")]);
        let new = after(&old, said(9, &[(None, "05")]));
        assert_eq!(places(&new), ["bash/5/1/data/again/9/noarch/bash-doc-5-1.noarch.rpm"]);
        assert!(!Volume::is_signed_copy(&places(&new)[0]));
        assert_eq!(outdated(&build(), &old, &new), places(&old));
    }

    #[test]
    fn an_rpm_that_was_imported_signed_is_the_signed_form() {
        let said = said(1, &[(Some("aaaaaaaa"), "02"), (Some("bbbbbbbb"), "03")]);
        let spots = spots(&build(), &said);
        let parts = |left: Vec<&Spot>| left.iter().map(|spot| spot.part().to_owned()).collect::<Vec<_>>();
        assert_eq!(parts(left(&spots, std::iter::empty())), ["unsigned", "aaaaaaaa", "bbbbbbbb"]);
        let read = key("aaaaaaaa");
        let read = [(spots[0].location.as_str(), Some(&read))];
        assert_eq!(parts(left(&spots, read.into_iter())), ["bbbbbbbb"]);
    }
}
