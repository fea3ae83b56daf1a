//! What are the rows of a hub's tags, all at one event? Asked for, checked, and made one reading.
//!
//! Bare rows of `queryHistory`: `listTagged` leaves out what the tag's own lists do not have, and no call but this
//! one tells of rows that are gone. Rows that count now are asked for first, then those that were made or revoked
//! after an event: what is revoked between the two answers is in the second. Rows made after the event of the
//! reading are left out, and rows revoked after it count.
//!
//! An answer that contradicts itself is refused. That nothing is missing is not known here: who keeps the rows sees
//! what is gone without a trace.

mod collect;
mod packages;
mod tags;

use std::collections::BTreeMap;

use super::calls::{self, Filter, Table, TagRef};
use super::{Error, Hub};
use crate::model::{BadName, TagName};
use crate::store;
use crate::store::mirror::KnownTag;

pub use packages::read_packages;
pub use tags::{Reach, read_tag};

/// How many events before the last reading are asked for again: an event's number is drawn inside its transaction,
/// so that one with a lower number may have become visible later. One that took longer than all these is still
/// found, but its rows are taken for gone without a trace until two readings agree.
pub const OVERLAP: i64 = 1_000;

/// Why there is no reading.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The hub does not answer, or its answer cannot be used.
    #[error(transparent)]
    Hub(#[from] Error),
    /// What is known already could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The hub has no such tag, and never had one that we know of.
    #[error("the hub has no tag {0}")]
    NoSuchTag(TagName),
    /// Packages of a tag are asked for that was never read whole.
    #[error("tag {0} has to be read whole first")]
    NotRead(TagName),
    /// A tag has a name or settings that we cannot work with.
    #[error("tag {tag} of the hub cannot be used")]
    Unusable {
        /// The hub's id of it.
        tag: i64,
        /// What is wrong.
        #[source]
        source: BadName,
    },
    /// Answers do not fit together: the hub changed meanwhile, or something is wrong with it.
    #[error("the hub contradicts itself about tag {tag} at event {event}: {what}")]
    Contradiction {
        /// The hub's id of the tag.
        tag: i64,
        /// The event.
        event: i64,
        /// What does not fit.
        what: String,
    },
    /// The inheritance of a tag holds more tags than any real one.
    #[error("tag {root} of the hub inherits from more than {limit} tags")]
    TooManyTags {
        /// The hub's id of the tag that was asked for.
        root: i64,
        /// The limit.
        limit: usize,
    },
}

impl ReadError {
    /// Returns whether the same reading may well succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Hub(error) => error.is_transient(),
            Self::Store(error) => error.is_passing(),
            Self::Contradiction { .. } => true,
            _ => false,
        }
    }
}

/// Adds the tags that were called as others are now, with their new names, however often names were handed on.
async fn add_former(
    hub: &Hub,
    known: &BTreeMap<i64, KnownTag>,
    event: i64,
    names: &mut BTreeMap<i64, TagName>,
) -> Result<(), ReadError> {
    let holders: BTreeMap<&TagName, i64> = known.iter().map(|(hub_id, tag)| (&tag.name, *hub_id)).collect();
    let mut todo: Vec<TagName> = names.values().cloned().collect();
    while let Some(name) = todo.pop() {
        let Some(former) = holders.get(&name).filter(|holder| !names.contains_key(holder)) else { continue };
        let filter = Filter { tag: Some(TagRef::Id(*former)), ..Filter::default() };
        let rows = hub.ask(calls::history(&[Table::Configs], &filter)).await?;
        let text = rows.iter().find(|row| row.tag_id == *former).and_then(|row| row.tag_name.as_deref());
        let what = || format!("it has given its name {name} away and has no other");
        let text = text.ok_or_else(|| ReadError::Contradiction { tag: *former, event, what: what() })?;
        let other = parse(*former, text)?;
        todo.push(other.clone());
        names.insert(*former, other);
    }
    let mut seen: BTreeMap<&TagName, i64> = BTreeMap::new();
    for (hub_id, name) in names.iter() {
        if let Some(other) = seen.insert(name, *hub_id) {
            let what = format!("it is called {name}, as tag {other} is");
            return Err(ReadError::Contradiction { tag: *hub_id, event, what });
        }
    }
    Ok(())
}

/// Takes a tag's name in.
fn parse(tag: i64, name: &str) -> Result<TagName, ReadError> {
    name.parse().map_err(|source| ReadError::Unusable { tag, source })
}
