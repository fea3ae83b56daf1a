//! Which RPMs has a hub's build, and in which forms? As the hub said when it was last asked.
//!
//! A build's RPMs are one row, written and compared whole. Which of their files were read is kept with all other
//! builds' ([`super::builds`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::db::{Error, Tx, Write, dialect, exec, fetch, fetch_optional, from_json, to_json, without_nul};
use crate::model::{Nevra, Sigkey};

/// How many builds are asked for at a time.
const AT_ONCE: usize = 500;

/// One form of an RPM's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Form {
    /// The key that signed it; `None` for the form without a signature.
    pub sigkey: Option<Sigkey>,
    /// MD5 of its signature header, padding included, hex digits: another one is another signature by the same key.
    /// `None` where neither the hub was asked for it nor any file of this form was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighash: Option<String>,
    /// Whether the RPM had another form by this key before: what lay in its place may be in use, so it gets another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// An RPM of a hub's build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubRpm {
    /// The hub's id of it.
    pub id: i64,
    /// What names it.
    pub nevra: Nevra,
    /// Bytes of the file as it was imported.
    pub size: u64,
    /// MD5 of header and payload, hex digits: the same in all forms.
    pub payloadhash: String,
    /// Whether another RPM of this name was there before: what lay in its place may be in use, so it gets another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
    /// Its forms that the hub knows the signature headers of, by key. The file as it was imported is there in any
    /// case; where no form is without a signature, it was imported with one.
    pub forms: Vec<Form>,
}

impl HubRpm {
    /// Returns whether the file as it was imported has a signature: then no form of it is without.
    pub fn was_signed(&self) -> bool {
        self.forms.iter().all(|form| form.sigkey.is_some())
    }
}

/// What a hub says of a build's RPMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRpms {
    /// The volume where the files lie.
    pub volume: String,
    /// The RPMs, by name.
    pub rpms: Vec<HubRpm>,
    /// RPMs that the hub knows of and has no file of: they are in no set.
    pub left_out: Vec<String>,
    /// Why the build can be in no set, if it cannot.
    pub refusal: Option<String>,
}

type Row = (i64, String, String, String, Option<String>);

fn of_row((build_id, volume, rpms, left_out, refusal): Row) -> Result<(i64, HubRpms), Error> {
    let rpms = from_json("hub_listings.rpms", &rpms)?;
    let left_out = from_json("hub_listings.left_out", &left_out)?;
    Ok((build_id, HubRpms { volume, rpms, left_out, refusal }))
}

/// Returns what was said of these builds, by our ids; one that was never asked for is left out.
pub async fn of_builds(tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<i64, HubRpms>, Error> {
    let sql = dialect!(
        tx,
        "SELECT build_id, volume, rpms, left_out, refusal FROM hub_listings \
         WHERE build_id IN (SELECT value FROM json_each($1))",
        "SELECT build_id, volume, rpms, left_out, refusal FROM hub_listings \
         WHERE build_id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let mut found = BTreeMap::new();
    for some in ids.chunks(AT_ONCE) {
        for row in fetch!(tx, Row, sql, to_json(&some))? {
            found.extend([of_row(row)?]);
        }
    }
    Ok(found)
}

/// Returns what was said of a build; `None` where it was never asked for.
pub async fn of_build(tx: &mut Tx, id: i64) -> Result<Option<HubRpms>, Error> {
    let sql = "SELECT build_id, volume, rpms, left_out, refusal FROM hub_listings WHERE build_id = $1";
    Ok(fetch_optional!(tx, Row, sql, id)?.map(of_row).transpose()?.map(|(_, rpms)| rpms))
}

/// Returns the hub's ids of complete builds, by ours.
pub async fn hub_ids(tx: &mut Tx, buildsys: &str, ids: &[i64]) -> Result<BTreeMap<i64, i64>, Error> {
    let sql = dialect!(
        tx,
        "SELECT id, hub_id FROM builds WHERE buildsys = $1 AND state = 'complete' \
         AND id IN (SELECT value FROM json_each($2))",
        "SELECT id, hub_id FROM builds WHERE buildsys = $1 AND state = 'complete' \
         AND id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)))"
    );
    Ok(fetch!(tx, (i64, i64), sql, buildsys, to_json(&ids))?.into_iter().collect())
}

/// Keeps what is said of a build at `now`, in microseconds, in place of what was.
pub async fn put(tx: &mut Write, id: i64, said: &HubRpms, now: i64) -> Result<(), Error> {
    let sql = "INSERT INTO hub_listings (build_id, volume, rpms, left_out, refusal, listed_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (build_id) DO UPDATE SET volume = excluded.volume, \
               rpms = excluded.rpms, left_out = excluded.left_out, refusal = excluded.refusal, \
               listed_at = excluded.listed_at";
    let refusal = said.refusal.as_deref().map(without_nul);
    exec!(tx, sql, id, said.volume.as_str(), to_json(&said.rpms), to_json(&said.left_out), refusal, now)?;
    Ok(())
}

/// Keeps what was found out of a build's RPMs otherwise than by asking the hub for them.
pub async fn set_rpms(tx: &mut Write, id: i64, rpms: &[HubRpm]) -> Result<(), Error> {
    exec!(tx, "UPDATE hub_listings SET rpms = $1 WHERE build_id = $2", to_json(&rpms), id)?;
    Ok(())
}

/// Returns the builds of these, by our ids, of which the RPMs are known; those that were asked for longest ago first.
pub async fn longest_ago(tx: &mut Tx, ids: &[i64]) -> Result<Vec<i64>, Error> {
    let sql = dialect!(
        tx,
        "SELECT build_id FROM hub_listings WHERE build_id IN (SELECT value FROM json_each($1)) \
         ORDER BY listed_at, build_id",
        "SELECT build_id FROM hub_listings \
         WHERE build_id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON))) \
         ORDER BY listed_at, build_id"
    );
    Ok(fetch!(tx, (i64,), sql, to_json(&ids))?.into_iter().map(|(id,)| id).collect())
}

/// Returns the volumes on which any build of this build system was said to lie.
pub async fn volumes(tx: &mut Tx, buildsys: &str) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT DISTINCT h.volume FROM hub_listings h JOIN builds b ON b.id = h.build_id WHERE b.buildsys = $1";
    Ok(fetch!(tx, (String,), sql, buildsys)?.into_iter().map(|(volume,)| volume).collect())
}

/// Returns what went wrong with these builds, by our ids and the parts that were asked for.
pub async fn problems(tx: &mut Tx, ids: &[i64]) -> Result<BTreeMap<(i64, String), String>, Error> {
    let sql = dialect!(
        tx,
        "SELECT build_id, part, problem FROM hub_problems WHERE build_id IN (SELECT value FROM json_each($1))",
        "SELECT build_id, part, problem FROM hub_problems \
         WHERE build_id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST($1 AS JSON)))"
    );
    let mut found = BTreeMap::new();
    for some in ids.chunks(AT_ONCE) {
        let rows = fetch!(tx, (i64, String, String), sql, to_json(&some))?;
        found.extend(rows.into_iter().map(|(id, part, problem)| ((id, part), problem)));
    }
    Ok(found)
}

/// Says what went wrong with a part of a build at `now`, in microseconds, or that nothing did; gives whether that is
/// news.
pub async fn set_problem(tx: &mut Write, id: i64, part: &str, problem: Option<&str>, now: i64) -> Result<bool, Error> {
    let Some(problem) = problem else {
        let sql = "DELETE FROM hub_problems WHERE build_id = $1 AND part = $2";
        return Ok(exec!(tx, sql, id, part)? > 0);
    };
    let sql = "INSERT INTO hub_problems (build_id, part, problem, since) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (build_id, part) DO UPDATE SET problem = excluded.problem, since = excluded.since \
               WHERE hub_problems.problem <> excluded.problem";
    Ok(exec!(tx, sql, id, part, without_nul(problem), now)? > 0)
}

/// How much is known of a hub's builds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Builds whose RPMs are known.
    pub listed: i64,
    /// Of these, builds with RPMs that have no file.
    pub with_left_out: i64,
    /// Of these, builds that can be in no set.
    pub refused: i64,
    /// The first problems, by build and part, and how many there are: the build, what was asked for, what went wrong.
    pub problems: Vec<(String, String, String)>,
    /// How many problems there are.
    pub all_problems: i64,
}

/// Returns how much is known, with up to `most` problems.
pub async fn known(tx: &mut Tx, most: i64) -> Result<Known, Error> {
    let sql = "SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN left_out = '[]' THEN 0 ELSE 1 END), 0) AS BIGINT), \
               COUNT(refusal), (SELECT COUNT(*) FROM hub_problems) FROM hub_listings";
    let counts = fetch_optional!(tx, (i64, i64, i64, i64), sql)?;
    let (listed, with_left_out, refused, all_problems) = counts.unwrap_or_default();
    let sql = "SELECT b.name, b.version, b.release, p.part, p.problem FROM hub_problems p \
               JOIN builds b ON b.id = p.build_id ORDER BY b.name, b.version, b.release, p.part LIMIT $1";
    let rows = fetch!(tx, (String, String, String, String, String), sql, most)?;
    let problem = |(name, version, release, part, problem): (String, String, String, String, String)| {
        (format!("{name}-{version}-{release}"), part, problem)
    };
    Ok(Known { listed, with_left_out, refused, problems: rows.into_iter().map(problem).collect(), all_problems })
}
