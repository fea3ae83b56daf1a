//! What are the things we speak of? Names, versions, digests and states of the field, as types.
//!
//! Pure: no I/O, no async, no clock. A string from outside becomes one of these at the edge, by
//! `FromStr`, and from there on needs no second check before it is shown, stored or made part of
//! a path.

mod arch;
mod chain;
mod checksum;
mod compose;
mod compose_status;
mod digest;
mod evr;
pub(crate) mod glob;
mod name;
mod nevra;
mod nvr;
mod package;
mod package_list;
mod pkgset;
mod release;
mod sigkey;
mod variant;
mod words;

pub use arch::{Arch, RepoName, ReposOf};
pub use chain::chain;
pub use checksum::{ChecksumType, Hasher};
pub use compose::{ComposeDate, ComposeId, ComposeType, Label, Milestone};
pub use compose_status::{ComposeEvent, ComposeStatus, IllegalTransition};
pub use digest::{Blake3, Sha256};
pub use evr::Evr;
pub use name::{BadName, PackageName, TagName};
pub use nevra::Nevra;
pub use nvr::Nvr;
pub use package::{
    CHANGELOG_KEPT, ChangelogEntry, Dependencies, Dependency, DependencyEvr, FileDigests, FileEntry, FileFacts,
    FileKind, HeaderRange, ListedFile, Package, Sense,
};
pub use package_list::{PackageList, PackagePattern, Packages};
pub use pkgset::{BuildEntry, Chunk, RpmEntry, chunk_begins};
pub use release::{ReleaseId, ReleaseType, Title};
pub use sigkey::Sigkey;
pub use variant::{Variant, VariantId};
pub(crate) use words::words;
