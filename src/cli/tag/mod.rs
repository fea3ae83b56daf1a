//! `tannery tag`: what may be done with tags of the local build system?

mod explain;
mod links;
mod list;
mod show;

use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};

use super::output::{Form, print};
use super::suggest::explained;
use crate::app::App;
use crate::model::{Arch, Nvr, PackageName, TagName};
use crate::tags::{EditError, TagEdit};
use links::{LinkOptions, ParentArg};
pub(super) use list::{HEADING, Summary, summaries};

#[derive(Debug, Subcommand)]
pub(super) enum Tag {
    Create(Create),
    Edit(Edit),
    /// Show a tag: parents, package set, held builds, blocked packages
    ///
    /// Brings the set up to date first, as the service does.
    Show {
        /// The tag
        tag: TagName,
        #[command(flatten)]
        form: Form,
    },
    /// Say which build of a package is in a tag's set, and why not another
    ///
    /// Shows what is kept, and what waits to be done; brings nothing up to date.
    Explain {
        /// The tag
        tag: TagName,
        /// The package, by its source name
        package: PackageName,
        #[command(flatten)]
        form: Form,
    },
    /// List all tags with their package sets as they are kept
    List {
        #[command(flatten)]
        form: Form,
    },
    /// Put builds into a tag, in the order given, or none of them
    ///
    /// The last one of a package is its latest. A build that is there already is tagged again, and so is
    /// the latest.
    Add {
        /// The tag
        tag: TagName,
        /// Builds that were imported
        #[arg(required = true, value_name = "NVR")]
        builds: Vec<Nvr>,
        /// Also where the tag blocks the package; the block stays
        #[arg(long)]
        force: bool,
    },
    /// Take builds out of a tag, or none of them
    Remove {
        /// The tag
        tag: TagName,
        /// Builds in the tag itself
        #[arg(required = true, value_name = "NVR")]
        builds: Vec<Nvr>,
    },
    /// Shut packages out of a tag and of those that inherit from it
    Block {
        /// The tag
        tag: TagName,
        /// Packages; they need not be listed there
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<PackageName>,
    },
    /// Let blocked packages in again; a block inherited from a parent is overridden
    Unblock {
        /// The tag
        tag: TagName,
        /// Packages
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<PackageName>,
    },
}

/// Make a tag
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its name
    tag: TagName,
    /// An arch it has repositories for; may be repeated [default: its parents', else this machine's]
    #[arg(long = "arch", value_name = "ARCH", value_parser = base_arch)]
    arches: Vec<Arch>,
    /// A tag to inherit from; the lowest priority comes first; may be repeated
    #[arg(long = "parent", value_name = "TAG[:PRIORITY]")]
    parents: Vec<ParentArg>,
    #[command(flatten)]
    options: LinkOptions,
}

/// Change a tag's arches and parents, all at once or not at all
///
/// Parents are removed first, so that one can be replaced.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args(["arches", "parents", "without"]))]
pub(super) struct Edit {
    /// The tag
    tag: TagName,
    /// An arch it has repositories for, in place of those it had; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = base_arch)]
    arches: Vec<Arch>,
    /// A tag to inherit from; the lowest priority comes first; may be repeated
    #[arg(long = "add-parent", value_name = "TAG[:PRIORITY]")]
    parents: Vec<ParentArg>,
    /// A tag not to inherit from any more; may be repeated
    #[arg(long = "remove-parent", value_name = "TAG")]
    without: Vec<TagName>,
    #[command(flatten)]
    options: LinkOptions,
}

fn base_arch(text: &str) -> Result<Arch, String> {
    let arch: Arch = text.parse().map_err(|error: crate::model::BadName| error.to_string())?;
    if arch.is_source() || arch.is_noarch() {
        return Err("is not the arch of a machine; source and noarch packages come with any".to_owned());
    }
    Ok(arch)
}

impl Tag {
    pub(super) async fn run(self, app: &App) -> anyhow::Result<ExitCode> {
        let done = match self {
            Self::Show { tag, form } => return show::run(app, &tag, form).await,
            Self::Explain { tag, package, form } => return explain::run(app, &tag, &package, form).await,
            Self::List { form } => return list::run(app, form).await,
            Self::Create(create) => {
                let with = create.options.links(create.parents)?;
                let edit = TagEdit { arches: Some(create.arches), without: Vec::new(), with };
                told(app.tags.create_tag(&create.tag, &edit).await, || format!("created tag {}\n", create.tag))
            }
            Self::Edit(edit) => {
                let with = edit.options.links(edit.parents)?;
                let arches = Some(edit.arches).filter(|arches| !arches.is_empty());
                let changes = TagEdit { arches, without: edit.without, with };
                told(app.tags.edit_tag(&edit.tag, &changes).await, || format!("changed tag {}\n", edit.tag))
            }
            Self::Add { tag, builds, force } => {
                let each = || lines(&builds, |nvr| format!("tagged {nvr} into {tag}"));
                told(app.tags.tag_builds(&tag, &builds, force).await, each)
            }
            Self::Remove { tag, builds } => {
                let each = || lines(&builds, |nvr| format!("untagged {nvr} from {tag}"));
                told(app.tags.untag_builds(&tag, &builds).await, each)
            }
            Self::Block { tag, packages } => {
                let each = || lines(&packages, |package| format!("blocked {package} in {tag}"));
                told(app.tags.block(&tag, &packages).await, each)
            }
            Self::Unblock { tag, packages } => {
                let each = || lines(&packages, |package| format!("unblocked {package} in {tag}"));
                told(app.tags.unblock(&tag, &packages).await, each)
            }
        };
        match done {
            Ok(text) => print(&text)?,
            Err(error) => return Err(explained(app, error).await),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn told(done: Result<(), EditError>, text: impl FnOnce() -> String) -> Result<String, EditError> {
    done.map(|()| text())
}

fn lines<T>(of: &[T], line: impl Fn(&T) -> String) -> String {
    of.iter().map(|one| line(one) + "\n").collect()
}
