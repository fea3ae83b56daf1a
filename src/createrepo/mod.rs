//! How does a directory of RPM files become a repository? What createrepo_c does, without service and database.
//!
//! [`run`] is one run; its steps are in `run.rs`. `docs/createrepo.md` tells people who know createrepo_c what
//! is the same and what is not. Blocks: call it where that is allowed.

mod candidates;
mod compact;
mod digesting;
mod error;
mod exclude;
mod extras;
mod guess;
mod keep;
mod known;
mod lender;
mod listing;
mod lock;
mod modules;
mod names;
mod old;
mod options;
mod ordered;
mod own;
mod pieces;
mod publish;
mod run;
mod spool;
mod staging;
mod stop;
mod tell;
mod unpack;
mod walk;
mod watch;

pub use error::Error;
pub use options::{
    Content, Extras, Files, Head, Location, MOST_WORKERS, Options, Packing, Retain, Selection, Update, age, checksum,
};
pub use publish::Change;
pub use run::{Outcome, default_workers, run};
pub use stop::Stop;
pub use tell::{Silent, Tell};
pub use watch::{Watch, watch};
