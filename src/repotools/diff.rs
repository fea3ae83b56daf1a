//! How do two repositories differ? Which packages came, went, and which of their fields changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::Error;
use super::repository::{Files, Repository};
use crate::fetch::Fetcher;
use crate::model::Blake3;
use crate::repodata::{DEPENDENCIES, Described};

/// What differs from the first repository to the second. Packages are told apart by NEVRA and digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// NEVRAs that only the second has.
    pub added: Vec<String>,
    /// NEVRAs that only the first has.
    pub removed: Vec<String>,
    /// What both have, and say different things of.
    pub changed: Vec<Changed>,
    /// How many packages both have and say the same of.
    pub equal: u64,
}

/// A package that two repositories say different things of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Its NEVRA.
    pub nevra: String,
    /// The fields that differ, by their names in metadata.
    pub fields: Vec<&'static str>,
}

impl Difference {
    /// Returns whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Compares two repositories.
///
/// # Errors
/// A file of one cannot be had or read.
pub async fn diff(fetcher: &Fetcher, first: &Repository, second: &Repository) -> Result<Difference, Error> {
    let (first, second) = (first.files(fetcher).await?, second.files(fetcher).await?);
    let compared = tokio::task::spawn_blocking(move || Ok(compare(&known(first)?, &known(second)?))).await;
    compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// NEVRA, and one for each package of it: fields in the order of [`fields`]. A field takes eight bytes of
/// a digest, so that 70,000 packages take some 30 MB and not all that they say.
type Known = BTreeMap<String, Vec<Fields>>;

/// Names of fields, with digests of what they hold.
pub(super) type Fields = Vec<(&'static str, [u8; 8])>;

fn known(files: Files) -> Result<Known, Error> {
    let mut joined = files.joined()?;
    let mut known = Known::new();
    while let Some(listed) = joined.next()? {
        known.entry(listed.quick.nevra()).or_default().push(fields(&listed.described()?));
    }
    for same in known.values_mut() {
        same.sort();
    }
    Ok(known)
}

fn compare(first: &Known, second: &Known) -> Difference {
    let mut difference = Difference::default();
    for (nevra, ours) in first {
        let theirs = second.get(nevra).map(Vec::as_slice).unwrap_or_default();
        let (mut left, mut right): (Vec<_>, Vec<_>) = (ours.clone(), theirs.to_vec());
        left.retain(|package| match right.iter().position(|other| other == package) {
            Some(at) => {
                right.remove(at);
                difference.equal += 1;
                false
            }
            None => true,
        });
        for (left, right) in left.iter().zip(&right) {
            let pairs = left.iter().zip(right).filter(|(left, right)| left != right);
            difference.changed.push(Changed { nevra: nevra.clone(), fields: pairs.map(|(left, _)| left.0).collect() });
        }
        let (gone, came) = (left.len().saturating_sub(right.len()), right.len().saturating_sub(left.len()));
        difference.removed.extend(std::iter::repeat_n(nevra.clone(), gone));
        difference.added.extend(std::iter::repeat_n(nevra.clone(), came));
    }
    for (nevra, theirs) in second.iter().filter(|(nevra, _)| !first.contains_key(*nevra)) {
        difference.added.extend(std::iter::repeat_n(nevra.clone(), theirs.len()));
    }
    difference.added.sort();
    difference
}

/// Returns what a package says, field by field, as digests.
pub(super) fn fields(described: &Described) -> Fields {
    let d = described;
    let mut fields = vec![
        ("checksum", short(&(&d.checksum.algorithm, &d.checksum.hex))),
        ("summary", short(&d.summary)),
        ("description", short(&d.description)),
        ("packager", short(&d.packager)),
        ("url", short(&d.url)),
        ("time file", short(&d.time_file)),
        ("time build", short(&d.time_build)),
        ("size package", short(&d.size_package)),
        ("size installed", short(&d.size_installed)),
        ("size archive", short(&d.size_archive)),
        ("location", short(&(&d.href, &d.base))),
        ("rpm:license", short(&d.license)),
        ("rpm:vendor", short(&d.vendor)),
        ("rpm:group", short(&d.group)),
        ("rpm:buildhost", short(&d.build_host)),
        ("rpm:sourcerpm", short(&d.source_rpm)),
        ("rpm:header-range", short(&(d.header_start, d.header_end))),
    ];
    for (name, list) in DEPENDENCIES.iter().zip(&d.dependencies) {
        fields.push((name, short(list)));
    }
    fields.extend([
        ("file", short(&d.primary_files)),
        ("filelists", short(&d.files)),
        ("changelog", short(&d.changelog)),
    ]);
    fields
}

/// Returns the beginning of a digest over what a value looks like.
fn short(value: &impl std::fmt::Debug) -> [u8; 8] {
    let digest = Blake3::of(format!("{value:?}").as_bytes());
    let mut short = [0; 8];
    short.copy_from_slice(&digest.as_bytes()[..8]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known_of(packages: &[(&str, u8, u8)]) -> Known {
        let mut known = Known::new();
        for (nevra, a, b) in packages {
            known.entry((*nevra).to_owned()).or_default().push(vec![("a", [*a; 8]), ("b", [*b; 8])]);
        }
        known
    }

    #[test]
    fn packages_come_go_and_change() {
        let first = known_of(&[("gone", 1, 1), ("same", 1, 1), ("other", 1, 2), ("twice", 1, 1), ("twice", 2, 2)]);
        let second = known_of(&[("same", 1, 1), ("other", 1, 3), ("twice", 2, 2), ("new", 1, 1)]);
        let difference = compare(&first, &second);
        assert_eq!(
            (difference.added, difference.removed),
            (vec!["new".to_owned()], vec!["gone".to_owned(), "twice".to_owned()])
        );
        assert_eq!(difference.changed, [Changed { nevra: "other".to_owned(), fields: vec!["b"] }]);
        assert_eq!(difference.equal, 2);
        assert!(compare(&first, &first).is_empty());
    }
}
