//! Which calls does the hub answer, and what are their rows? One function for each call, one struct for each row.
//!
//! Parameters go by name. Members that are not known are passed over and those that only describe may be missing;
//! what decides a set (ids, events, states, names) has to be there. Names are text here, as the hub has them: who
//! makes paths or keys of them checks them.
//!
//! Events: a row is there at event E where its create_event ≤ E and its revoke_event is beyond E or none. All parts
//! of one reading have to name the same. Builds deleted since, signatures, volumes and checksums have no history.

mod ask;
mod builds;
mod history;
mod row;
mod rpms;
mod tags;
#[cfg(test)]
mod tests;

pub use crate::events::BuildState;
pub use ask::Ask;
pub(super) use ask::Stop;
pub use builds::{Build, TaggedBuild, Volume, build, tagged, volumes};
pub use history::{Filter, History, Span, Table, Was, history};
pub(super) use row::shape;
pub(super) use rpms::pour;
pub use rpms::{
    Checksums, Rpm, Signature, Sink, TaggedRpm, TaggedRpms, Taken, build_rpms, rpm_checksums, rpm_signatures,
    tagged_rpms,
};
pub use tags::{
    Event, ExternalRepo, Link, ListedPackage, Tag, TagName, TagRef, changed_since, external_repos, last_change,
    last_event, links, packages, tag, tags,
};
