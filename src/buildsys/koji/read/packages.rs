//! What are the rows of some packages of a tag? A small call for each, many in one request.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::{Asked, Collected};
use super::{ReadError, add_former, parse};
use crate::buildsys::koji::calls::{self, Filter, Table, TagRef};
use crate::buildsys::koji::{Error, Hub};
use crate::model::PackageName;
use crate::store::mirror::{KnownTag, Part, Reading, TagReading};

/// Reads all rows that there ever were of packages in a tag's own list, and of their builds that stood in it, as they
/// counted at `event`. The tag's links and settings, and its ancestors, are not looked at.
///
/// All rows of a package come in one answer: they are few, and one that is revoked says so itself.
///
/// # Errors
/// The hub does not answer or contradicts itself; the tag was never read whole.
pub async fn read_packages(
    hub: &Hub,
    known: &BTreeMap<i64, KnownTag>,
    tag: i64,
    packages: &BTreeSet<PackageName>,
    event: i64,
) -> Result<Reading, ReadError> {
    let ask = |package: &PackageName| {
        let filter = Filter { tag: Some(TagRef::Id(tag)), package: Some(package.as_str()), ..Filter::default() };
        calls::history(&[Table::Packages, Table::Taggings], &filter)
    };
    let answers = hub.ask_all(packages.iter().map(ask).collect()).await?;
    let mut collected = Collected::new(tag, event);
    for (package, answer) in packages.iter().zip(answers) {
        match answer {
            Ok(rows) => collected.take(Asked::Package(package.as_str()), rows)?,
            Err(error) if is_unknown_package(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    collected.check()?;
    let name = match (collected.names.get(&tag), known.get(&tag)) {
        (Some(name), _) => parse(tag, name)?,
        (None, Some(known)) => known.name.clone(),
        (None, None) => return Err(collected.wrong("nothing says what it is called".to_owned())),
    };
    let mut names = BTreeMap::from([(tag, name)]);
    add_former(hub, known, event, &mut names).await?;
    let part = Part::Packages(packages.clone());
    let tags = vec![TagReading { hub_id: tag, part, rows: collected.rows }];
    let Collected { builds, left_out, times, .. } = collected;
    Ok(Reading { event, tags, names, builds, left_out, times })
}

/// A package that the hub has never heard of is a fault that only its text tells from others (`get_package_id` of
/// `kojihub`): it has no rows.
fn is_unknown_package(error: &Error) -> bool {
    matches!(error, Error::Fault { code: 1000, text, .. } if text.contains("table package"))
}
