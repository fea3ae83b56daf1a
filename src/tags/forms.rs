//! Which forms of its RPMs does a build have in a set, and if it cannot be in one, why? Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::select::{FILES, Want};
use super::trust::{Policy, Worth};
use crate::buildsys::{BuildFiles, Copy, Rpms, UNSIGNED, Unread, Volume};
use crate::model::{Nevra, RpmEntry, Sigkey};

/// Picks the best copy of each RPM of a build; the error is why the build is held.
pub(super) fn rpms_of(
    files: &BuildFiles,
    policy: &Policy<'_>,
    wanted: &mut BTreeSet<Want>,
) -> Result<Vec<RpmEntry>, String> {
    let build_id = files.build.id;
    match &files.rpms {
        Rpms::Known => {}
        Rpms::Refused(why) => return Err(format!("{FILES}{why}")),
        Rpms::Unknown(problem) => {
            wanted.insert(Want { build_id, part: String::new(), was_tried: problem.is_some() });
            return Err(format!("{FILES}{}", problem.as_deref().unwrap_or("its RPMs are not known yet")));
        }
    }
    let mut of_rpm: BTreeMap<&Nevra, Forms<'_>> = BTreeMap::new();
    for copy in &files.copies {
        of_rpm.entry(&copy.rpm.nevra).or_default().copies.push(copy);
    }
    for unread in &files.unread {
        of_rpm.entry(&unread.nevra).or_default().unread.push(unread);
    }
    let (mut chosen, mut wanting, mut open) = (Vec::new(), None, None);
    for (nevra, forms) in &mut of_rpm {
        forms.copies.sort_by(|a, b| (&a.rpm.sigkey, &a.path).cmp(&(&b.rpm.sigkey, &b.path)));
        let picked = forms.pick(policy);
        wanted.extend(picked.wants(build_id, policy));
        match picked {
            Picked { copy: Some(copy), .. } => chosen.push(copy.entry()),
            Picked { unread: Some(unread), .. } => wanting = wanting.or(Some(unread)),
            Picked { open: Some(copy), .. } => open = open.or(Some(copy)),
            Picked { bad, .. } => return Err(refusal(nevra, bad, policy)),
        }
    }
    match (wanting, open.zip(policy.trust)) {
        (Some(Unread { problem: Some(problem), .. }), _) => Err(format!("{FILES}{problem}")),
        (Some(Unread { nevra, .. }), _) => Err(format!("{FILES}{nevra} is not read yet")),
        // What the set has of the build stays until it is known what it is worth.
        (None, Some((copy, trust))) => trust.standing(files).ok_or_else(|| trust.reason(copy)),
        (None, None) => Ok(chosen),
    }
}

/// Returns why an RPM can be in no set; `bad` is the best of its copies that does not verify.
fn refusal(nevra: &Nevra, bad: Option<&Copy>, policy: &Policy<'_>) -> String {
    match bad.zip(policy.trust) {
        Some((copy, trust)) => trust.reason(copy),
        None => format!("signature: {nevra} is not signed with {}", keys(policy.signatures)),
    }
}

/// The forms of one RPM.
#[derive(Default)]
struct Forms<'a> {
    copies: Vec<&'a Copy>,
    unread: Vec<&'a Unread>,
}

/// The best form of an RPM that may be taken, and what was passed over on the way to it: the first of each.
#[derive(Default)]
struct Picked<'a> {
    copy: Option<&'a Copy>,
    /// Was not read.
    unread: Option<&'a Unread>,
    /// It is not known whether it verifies.
    open: Option<&'a Copy>,
    /// Does not verify.
    bad: Option<&'a Copy>,
}

impl Picked<'_> {
    /// Returns what is to be learned of the forms that were passed over.
    fn wants(&self, build_id: i64, policy: &Policy<'_>) -> Vec<Want> {
        let mut wants = Vec::new();
        if let Some(unread) = self.unread {
            let part = unread.sigkey.as_ref().map_or(UNSIGNED, Sigkey::as_str).to_owned();
            wants.push(Want { build_id, part, was_tried: unread.problem.is_some() });
        }
        if let Some((copy, trust)) = self.open.zip(policy.trust) {
            wants.push(Want { build_id, part: trust.part(), was_tried: trust.problem(copy).is_some() });
        }
        wants
    }
}

impl<'a> Forms<'a> {
    /// Returns the first form by the order of keys that verifies, where that counts; where it is only preferred and
    /// none does, the first of all.
    fn pick(&self, policy: &Policy<'_>) -> Picked<'a> {
        let Some(trust) = policy.trust else { return self.first(policy.signatures, |_| Worth::Good) };
        let picked = self.first(policy.signatures, |copy| trust.worth(copy));
        match picked {
            Picked { copy: None, open: None, .. } if !trust.is_required => {
                self.first(policy.signatures, |_| Worth::Good)
            }
            picked => picked,
        }
    }

    /// Goes through the keys in their order. A form that may be taken stands in until it is known of a better one.
    fn first(&self, signatures: &[Option<Sigkey>], worth: impl Fn(&Copy) -> Worth) -> Picked<'a> {
        let mut picked = Picked::default();
        for wanted in signatures {
            let unread = self.unread.iter().find(|unread| unread.sigkey == *wanted).copied();
            for copy in self.matching(wanted.as_ref(), unread.is_some()) {
                match worth(copy) {
                    Worth::Good => return Picked { copy: Some(copy), ..picked },
                    Worth::Open => picked.open = picked.open.or(Some(copy)),
                    Worth::Bad => picked.bad = picked.bad.or(Some(copy)),
                }
            }
            picked.unread = picked.unread.or(unread);
        }
        picked
    }

    /// Returns the copies that a key lets in. "Unsigned is allowed" takes the copy as it was imported, which may carry
    /// a signature; where there is none, nor will be, any.
    fn matching(&self, wanted: Option<&Sigkey>, is_unread: bool) -> Vec<&'a Copy> {
        let fits = |copy: &&&Copy| match wanted {
            Some(key) => copy.rpm.sigkey.as_ref() == Some(key),
            None => !Volume::is_signed_copy(&copy.path),
        };
        let matching: Vec<&Copy> = self.copies.iter().filter(fits).copied().collect();
        if matching.is_empty() && wanted.is_none() && !is_unread { self.copies.clone() } else { matching }
    }
}

fn keys(signatures: &[Option<Sigkey>]) -> String {
    let keys: Vec<&str> = signatures.iter().flatten().map(Sigkey::as_str).collect();
    if keys.is_empty() { "any key".to_owned() } else { keys.join(" or ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::{BuildRow, RpmRow};
    use crate::config::Latest;
    use crate::model::{Blake3, Sha256};
    use crate::store::builds::BuildState;
    use crate::store::verdicts::Verdict;
    use crate::tags::trust::Trust;

    fn key(text: &str) -> Sigkey {
        text.parse().unwrap()
    }

    /// A build with copies of one RPM, known by numbers: signed with these keys, or as it was imported.
    fn files(copies: &[(u8, Option<&str>)]) -> BuildFiles {
        let nvr = "bash-3-1".parse().unwrap();
        let nevra = Nevra::new("bash", 0, "3", "1", "x86_64").unwrap();
        let copy = |(at, sigkey): &(u8, Option<&str>)| {
            let (sha256, sigkey) = (Sha256::from_bytes([*at; 32]), sigkey.map(key));
            let path = Volume::location(&nvr, &nevra, sigkey.as_ref());
            let (content, source_rpm) = (None, String::new());
            let rpm = RpmRow { sha256, nevra: nevra.clone(), size: 1, content, sigkey, source_rpm, build_time: 0 };
            Copy { build_id: 1, path, rpm }
        };
        let copies = copies.iter().map(copy).collect();
        let (exclusive_arch, exclude_arch) = (vec![], vec![]);
        let build = BuildRow { id: 1, nvr, epoch: 0, state: BuildState::Complete, exclusive_arch, exclude_arch };
        BuildFiles { build, rpms: Rpms::Known, copies, unread: vec![] }
    }

    fn trust(is_required: bool, verdicts: &[(u8, Verdict)]) -> Trust {
        let verdict = |(at, verdict): &(u8, Verdict)| (Sha256::from_bytes([*at; 32]), verdict.clone());
        let (verdicts, standing) = (verdicts.iter().map(verdict).collect(), BTreeMap::new());
        Trust { is_required, keys: Blake3::of(b"keys"), verdicts, standing }
    }

    fn good() -> Verdict {
        Verdict::Good { key: "AB".to_owned() }
    }

    fn bad() -> Verdict {
        Verdict::Bad { why: "by nobody".to_owned() }
    }

    fn unknown() -> Verdict {
        Verdict::Unknown { problem: "it is gone".to_owned() }
    }

    /// Returns which copy is taken, or why none is; and for each attempt that is wanted, whether one was made.
    fn picked(files: &BuildFiles, trust: &Trust) -> (Result<u8, String>, Vec<bool>) {
        let signatures = [Some(key("aaaaaaaa")), Some(key("bbbbbbbb")), None];
        let mut wanted = BTreeSet::new();
        let latest = Latest::Builds(std::num::NonZeroU32::MIN);
        let policy = Policy { signatures: &signatures, latest, trust: Some(trust) };
        let rpms = rpms_of(files, &policy, &mut wanted);
        assert!(wanted.iter().all(|want| want.build_id == 1 && want.part == trust.part()));
        (rpms.map(|rpms| rpms[0].sha256.as_bytes()[0]), wanted.iter().map(|want| want.was_tried).collect())
    }

    const SIGNED: [(u8, Option<&str>); 3] = [(1, Some("aaaaaaaa")), (2, Some("bbbbbbbb")), (3, None)];

    #[test]
    fn the_first_key_whose_copy_verifies_wins_required_or_preferred() {
        let files = files(&SIGNED);
        for is_required in [true, false] {
            let picked = |verdicts: &[_]| picked(&files, &trust(is_required, verdicts));
            assert_eq!(picked(&[(1, good()), (2, good()), (3, good())]), (Ok(1), vec![]));
            assert_eq!(picked(&[(1, bad()), (2, good()), (3, bad())]), (Ok(2), vec![]));
            assert_eq!(picked(&[(1, bad()), (2, bad()), (3, good())]), (Ok(3), vec![]));
            assert_eq!(picked(&[(2, good()), (3, bad())]), (Ok(2), vec![false]), "it stands in for the better one");
        }
    }

    #[test]
    fn where_none_verifies_the_best_is_taken_if_that_is_only_preferred() {
        let files = files(&SIGNED);
        let all_bad = [(1, bad()), (2, bad()), (3, bad())];
        assert_eq!(picked(&files, &trust(false, &all_bad)), (Ok(1), vec![]));
        let why = "signature: bash-0:3-1.x86_64, signed with aaaaaaaa, does not verify: by nobody".to_owned();
        assert_eq!(picked(&files, &trust(true, &all_bad)), (Err(why), vec![]));
        let unsigned = self::files(&[(3, None)]);
        let why = "signature: bash-0:3-1.x86_64 does not verify: by nobody".to_owned();
        assert_eq!(picked(&unsigned, &trust(true, &all_bad)).0, Err(why));
    }

    #[test]
    fn nobody_waits_longer_than_for_one_attempt_where_it_is_only_preferred() {
        let files = files(&SIGNED);
        let not_yet = "signature: bash-0:3-1.x86_64 is not verified yet".to_owned();
        for is_required in [true, false] {
            let some = trust(is_required, &[(1, bad()), (3, bad())]);
            assert_eq!(picked(&files, &some), (Err(not_yet.clone()), vec![false]));
        }
        let failed = [(1, bad()), (2, unknown()), (3, bad())];
        assert_eq!(picked(&files, &trust(false, &failed)), (Ok(1), vec![]));
        let cannot = "signature: bash-0:3-1.x86_64 cannot be verified: it is gone".to_owned();
        assert_eq!(picked(&files, &trust(true, &failed)), (Err(cannot), vec![true]));
    }

    #[test]
    fn what_the_set_has_stays_until_it_is_known_what_it_is_worth() {
        let files = files(&SIGNED);
        for is_required in [true, false] {
            let mut trust = trust(is_required, &[(1, bad())]);
            trust.standing.insert("bash-3-1".to_owned(), vec![files.copies[2].entry()]);
            assert_eq!(picked(&files, &trust), (Ok(3), vec![false]));
            trust.standing.insert("bash-3-1".to_owned(), vec![files.copies[0].entry()]);
            assert_eq!(picked(&files, &trust).0.is_ok(), !is_required, "but not what is known to be bad");
            let other = RpmEntry { sha256: Sha256::from_bytes([9; 32]), ..files.copies[2].entry() };
            trust.standing.insert("bash-3-1".to_owned(), vec![other]);
            assert!(picked(&files, &trust).0.is_err(), "nor what is no file of the build any more");
        }
    }
}
