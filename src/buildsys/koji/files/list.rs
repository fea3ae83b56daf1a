//! Which RPMs have builds, and which signatures have those? Asked of the hub, many at a time.

use crate::buildsys::koji::calls::{self, Rpm, Signature};
use crate::buildsys::koji::{Error, Hub};
use crate::model::{BadName, Nevra, chain};
use crate::store::hub_rpms::{Form, HubRpm, HubRpms};

use super::volumes;

/// Asks what RPMs builds have, by the hub's ids of them; gives an answer for each, in their order: what there is, or
/// why that cannot be said.
pub(super) async fn list(hub: &Hub, ids: &[i64]) -> Result<Vec<Result<HubRpms, String>>, Error> {
    let builds = hub.ask_all(ids.iter().map(|id| calls::build(*id)).collect()).await?;
    let rpms = hub.ask_all(ids.iter().map(|id| calls::build_rpms(*id)).collect()).await?;
    let mut listings = Vec::with_capacity(ids.len());
    for (build, rpms) in builds.into_iter().zip(rpms) {
        listings.push(match (build, rpms) {
            (Ok(Some(build)), Ok(rpms)) => Ok(without_forms(build.volume_name, rpms)),
            (Ok(None), _) => Err("the hub has no such build any more".to_owned()),
            (Err(error), _) | (_, Err(error)) => Err(chain(&error)),
        });
    }
    let listed = listings.iter().flatten().flat_map(|listing| &listing.rpms);
    let asks = listed.map(|rpm| calls::rpm_signatures(rpm.id)).collect();
    let mut answers = hub.ask_all(asks).await?.into_iter();
    for listing in &mut listings {
        let Ok(said) = listing else { continue };
        let mut failed = None;
        for (rpm, answer) in said.rpms.iter_mut().zip(answers.by_ref()) {
            match answer {
                Ok(signatures) => rpm.forms = forms(signatures),
                Err(error) => failed = Some(chain(&error)),
            }
        }
        if let Some(why) = failed {
            *listing = Err(why);
        }
    }
    Ok(listings)
}

/// Returns what is said of a build whose signatures are still to be asked for.
pub(super) fn without_forms(volume: String, rows: Vec<Rpm>) -> HubRpms {
    let (mut rpms, mut left_out, mut refusal) = (Vec::new(), Vec::new(), None);
    for row in rows {
        if row.metadata_only {
            left_out.push(format!("{}-{}-{}.{}", row.name, row.version, row.release, row.arch));
            continue;
        }
        match rpm(&row) {
            Ok(rpm) => rpms.push(rpm),
            Err(error) => refusal = Some(format!("an RPM of it has a name that is not let in: {error}")),
        }
    }
    if !volumes::is_name(&volume) {
        refusal = Some(format!("it lies on the volume {volume:?}, which can be no directory"));
    }
    if refusal.is_some() {
        rpms.clear();
    }
    rpms.sort_by(|one, other| (&one.nevra, one.id).cmp(&(&other.nevra, other.id)));
    left_out.sort();
    HubRpms { volume, rpms, left_out, refusal }
}

fn rpm(row: &Rpm) -> Result<HubRpm, BadName> {
    let epoch = u32::try_from(row.epoch.unwrap_or(0)).unwrap_or(u32::MAX);
    let nevra = Nevra::new(&row.name, epoch, &row.version, &row.release, &row.arch)?;
    let payloadhash = row.payloadhash.to_ascii_lowercase();
    Ok(HubRpm { id: row.id, nevra, size: row.size, payloadhash, again: false, forms: Vec::new() })
}

/// Returns the forms that can have a place: what is no key or no digest becomes no step of a path.
pub(super) fn forms(signatures: Vec<Signature>) -> Vec<Form> {
    let is_hex = |text: &str| !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut forms = Vec::new();
    for Signature { rpm_id, sigkey, sighash } in signatures {
        let parsed = sigkey.as_deref().map(str::parse).transpose();
        match parsed {
            Ok(sigkey) if is_hex(&sighash) => {
                forms.push(Form { sigkey, sighash: Some(sighash.to_ascii_lowercase()), again: false });
            }
            _ => tracing::warn!(rpm_id, ?sigkey, sighash, "a signature is left out: its key or hash is none"),
        }
    }
    forms.sort();
    forms.dedup_by(|one, other| one.sigkey == other.sigkey);
    forms
}

/// As [`forms`], of what only the keys are known; an empty one is the form without any.
pub(super) fn forms_by_keys<'k>(rpm_id: i64, keys: impl Iterator<Item = &'k str>) -> Vec<Form> {
    let mut forms = Vec::new();
    for key in keys {
        match Some(key).filter(|key| !key.is_empty()).map(str::parse).transpose() {
            Ok(sigkey) => forms.push(Form { sigkey, sighash: None, again: false }),
            Err(_) => tracing::warn!(rpm_id, sigkey = key, "a signature is left out: its key is none"),
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, metadata_only: bool) -> Rpm {
        Rpm {
            id: 1,
            build_id: 1,
            name: name.to_owned(),
            version: "1".to_owned(),
            release: "1".to_owned(),
            epoch: None,
            arch: "noarch".to_owned(),
            size: 1,
            payloadhash: "AA".to_owned(),
            buildtime: None,
            metadata_only,
        }
    }

    #[test]
    fn what_has_no_file_is_left_out_and_told() {
        let said = without_forms("DEFAULT".to_owned(), vec![row("b", false), row("c", true), row("a", false)]);
        let names: Vec<&str> = said.rpms.iter().map(|rpm| rpm.nevra.name.as_str()).collect();
        assert_eq!((names, said.left_out, said.refusal), (vec!["a", "b"], vec!["c-1-1.noarch".to_owned()], None));
    }

    #[test]
    fn names_that_could_become_paths_refuse_the_build() {
        let refusal = |volume: &str, name| without_forms(volume.to_owned(), vec![row("a", false), row(name, false)]);
        for (volume, name, told) in [("DEFAULT", "../x", "name that is not let in"), ("../..", "b", "the volume")] {
            let said = refusal(volume, name);
            assert!(said.rpms.is_empty() && said.refusal.unwrap().contains(told), "{volume} {name}");
        }
    }

    #[test]
    fn only_keys_and_hashes_make_forms() {
        let signature = |sigkey: Option<&str>, sighash: &str| Signature {
            rpm_id: 1,
            sigkey: sigkey.map(str::to_owned),
            sighash: sighash.to_owned(),
        };
        let found = forms(vec![
            signature(Some("AAAAAAAA"), "0F"),
            signature(None, "01"),
            signature(Some("../../.."), "02"),
            signature(Some("bbbbbbbb"), "../x"),
        ]);
        let shown: Vec<_> =
            found.iter().map(|form| (form.sigkey.as_ref().map(|key| key.as_str()), form.sighash.as_deref())).collect();
        assert_eq!(shown, [(None, Some("01")), (Some("aaaaaaaa"), Some("0f"))]);
    }
}
