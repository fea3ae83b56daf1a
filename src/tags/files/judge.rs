//! What are the signatures of a build's files worth? Each file is looked at once for the keys that it is held against.

use std::collections::BTreeMap;

use super::Ended;
use crate::buildsys::{self, BuildFiles, Copy};
use crate::model::{Blake3, Sha256, chain};
use crate::rpms::{Judgement, Keys};
use crate::store::builds::BuildState;
use crate::store::mirror;
use crate::store::verdicts::{self, Verdict};
use crate::store::wakeups::WakeUp;
use crate::tags::{Error, Tags};

/// Most files of one build that are looked at before what came out is kept.
const MOST_FILES: usize = 100;

/// What was found out about files of a build.
pub(super) struct Judged {
    /// The digest of the keys.
    pub keys: Blake3,
    pub verdicts: BTreeMap<Sha256, Verdict>,
    /// Whether there are more that were never tried.
    pub has_more: bool,
    /// Why it ended early, where the fault is no file's.
    pub outage: Option<buildsys::Error>,
}

/// Looks at signatures of a build.
pub(super) async fn judge(tags: Tags, wake_up: WakeUp) -> Ended {
    match try_judge(&tags, &wake_up).await {
        Ok(Some(judged)) => Ended::Judged(wake_up, judged),
        Ok(None) => Ended::Void(vec![wake_up]),
        Err(error) => Ended::Failed(vec![wake_up], error),
    }
}

async fn try_judge(tags: &Tags, wake_up: &WakeUp) -> Result<Option<Judged>, Error> {
    let Ok(id) = wake_up.key.parse::<i64>() else { return Ok(None) };
    let Some(keys) = tags.keys_of(&wake_up.part).await? else { return Ok(None) };
    let files = tags.buildsys.builds(&[id]).await?.into_iter().find(|files| files.build.state == BuildState::Complete);
    let Some(files) = files else { return Ok(None) };
    let mut tx = tags.db.read().await?;
    // What nobody has any more is asked for again if somebody ever does.
    if mirror::standing(&mut tx, &[id]).await?.is_empty() {
        return Ok(None);
    }
    let digests = files.copies.iter().map(|copy| copy.rpm.sha256).collect();
    let known = verdicts::of(&mut tx, &keys.digest(), &digests).await?;
    drop(tx);
    let (some, has_more) = next(&files, &known);
    let mut judged = Judged { keys: keys.digest(), verdicts: BTreeMap::new(), has_more, outage: None };
    for copy in some {
        match judge_one(tags, &keys, copy).await {
            Ok(verdict) => {
                tell(&files, copy, &verdict);
                judged.verdicts.insert(copy.rpm.sha256, verdict);
            }
            Err(error) => {
                judged.outage = Some(error);
                break;
            }
        }
    }
    Ok(Some(judged))
}

/// Returns the files to look at now: those that were never tried, then those of which nothing could be said; and whether
/// there are more that were never tried.
fn next<'a>(files: &'a BuildFiles, known: &BTreeMap<Sha256, Verdict>) -> (Vec<&'a Copy>, bool) {
    let verdict = |copy: &&Copy| known.get(&copy.rpm.sha256);
    let mut untried: Vec<&Copy> = files.copies.iter().filter(|copy| verdict(copy).is_none()).collect();
    let has_more = untried.len() > MOST_FILES;
    let failed = files.copies.iter().filter(|copy| matches!(verdict(copy), Some(Verdict::Unknown { .. })));
    untried.extend(failed);
    untried.truncate(MOST_FILES);
    (untried, has_more)
}

/// Looks at the signature of a file.
///
/// # Errors
/// The hub, a server or our state cannot be asked: nothing is said about the file.
async fn judge_one(tags: &Tags, keys: &Keys, copy: &Copy) -> Result<Verdict, buildsys::Error> {
    let unknown = |error: &dyn std::error::Error| Ok(Verdict::Unknown { problem: chain(error) });
    let signed = match tags.buildsys.signed(copy).await {
        Ok(signed) => signed,
        Err(error) if error.is_outage() => return Err(error),
        Err(error) => return unknown(&error),
    };
    match keys.judge(&signed).await {
        Ok(Judgement::Good { key }) => Ok(Verdict::Good { key }),
        Ok(Judgement::NotGood { why }) => Ok(Verdict::Bad { why }),
        Err(error) => unknown(&error),
    }
}

/// Says of a file that it names a key and does not verify, or that it cannot be said.
fn tell(files: &BuildFiles, copy: &Copy, verdict: &Verdict) {
    let (nvr, nevra) = (&files.build.nvr, &copy.rpm.nevra);
    match (verdict, &copy.rpm.sigkey) {
        (Verdict::Bad { why }, Some(key)) => {
            tracing::warn!(build = %nvr, why, "{nevra}, signed with {key}, does not verify: {why}");
        }
        (Verdict::Unknown { problem }, _) => {
            tracing::warn!(build = %nvr, problem, "{nevra} cannot be verified: {problem}");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buildsys::{BuildRow, RpmRow, Rpms};
    use crate::model::Nevra;

    fn copy(at: u8) -> Copy {
        let sha256 = Sha256::from_bytes([at; 32]);
        let nevra = Nevra::new("bash", 0, "1", "1", "x86_64").unwrap();
        let (content, sigkey, source_rpm) = (None, None, String::new());
        let rpm = RpmRow { sha256, nevra, size: 1, content, sigkey, source_rpm, build_time: 0 };
        Copy { build_id: 1, path: at.to_string(), rpm }
    }

    #[test]
    fn what_was_never_tried_comes_before_what_failed_and_what_is_judged_never_again() {
        let (exclusive_arch, exclude_arch) = (vec![], vec![]);
        let nvr = "bash-1-1".parse().unwrap();
        let build = BuildRow { id: 1, nvr, epoch: 0, state: BuildState::Complete, exclusive_arch, exclude_arch };
        let copies = (0..MOST_FILES as u8 + 2).map(copy).collect();
        let files = BuildFiles { build, rpms: Rpms::Known, copies, unread: vec![] };
        let good = || Verdict::Good { key: String::new() };
        let unknown = Verdict::Unknown { problem: String::new() };
        let mut known = BTreeMap::from([(copy(0).rpm.sha256, unknown.clone())]);
        let paths = |known: &_| {
            let (some, has_more) = next(&files, known);
            (some.iter().map(|copy| copy.path.clone()).collect::<Vec<_>>(), has_more)
        };
        let (some, has_more) = paths(&known);
        assert_eq!((some.len(), some[0].as_str(), has_more), (MOST_FILES, "1", true));
        known.extend((1..MOST_FILES as u8 + 1).map(|at| (copy(at).rpm.sha256, good())));
        assert_eq!(paths(&known), (vec![(MOST_FILES + 1).to_string(), "0".to_owned()], false));
    }
}
