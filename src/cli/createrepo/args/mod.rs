//! Which options has `tannery createrepo`? createrepo_c's, under their names, and a few of our own.
//!
//! What a run is asked for by them is in `asked`.

mod asked;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::Span;
use crate::createrepo::{self, Packing};
use crate::model::ChecksumType;

/// Make a directory of packages a repository, as createrepo_c does
///
/// Writes DIR/repodata for the RPM files in and below DIR. Options, lines and exit codes are createrepo_c's;
/// docs/createrepo.md has the differences. Needs no configuration, database or service.
#[derive(Debug, Args)]
#[command(
    version,
    args_override_self = true,
    after_help = "Exit status: 0 done, 1 nothing was written, 2 written without some packages or files, each of \
                  which is named."
)]
pub(in crate::cli) struct Createrepo {
    /// Directory whose packages are listed
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[arg(hide = true)]
    more: Vec<PathBuf>,
    /// Write repodata into this directory, which must exist, and not into DIR
    #[arg(short, long, value_name = "DIR")]
    outputdir: Option<PathBuf>,
    /// Take DIR from here, where it is a relative path
    #[arg(long, value_name = "DIR")]
    basedir: Option<PathBuf>,
    /// Say errors only
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    location: LocationArgs,
    #[command(flatten)]
    update: UpdateArgs,
    #[command(flatten)]
    content: ContentArgs,
    #[command(flatten)]
    files: FilesArgs,
    #[command(flatten)]
    head: HeadArgs,
    #[command(flatten)]
    retain: RetainArgs,
    #[command(flatten)]
    watch: WatchArgs,
    #[command(flatten)]
    other: OtherArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Which packages")]
struct SelectionArgs {
    /// Leave out what this pattern (*, ?) matches: a name, or a path below DIR; may be repeated
    #[arg(short = 'x', long, value_name = "PATTERN")]
    excludes: Vec<String>,
    /// List the files named here, one path below DIR a line, and do not search
    #[arg(short = 'i', long, value_name = "FILE")]
    pkglist: Option<PathBuf>,
    /// List this file, by its path below DIR, and do not search; may be repeated
    #[arg(short = 'n', long, value_name = "PATH")]
    includepkg: Vec<String>,
    /// List what the old metadata lists, and do not search
    #[arg(long)]
    recycle_pkglist: bool,
    /// Leave out packages that are symbolic links
    #[arg(short = 'S', long)]
    skip_symlinks: bool,
    /// What becomes of packages of the same name, version and arch: keep, or keep-last (built last)
    #[arg(long, value_name = "WHICH", value_parser = ["keep", "keep-last"], default_value = "keep")]
    duplicated_nevra: String,
    /// Write the locations of the packages that were read, one a line
    #[arg(long, value_name = "FILE")]
    read_pkgs_list: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where packages are")]
struct LocationArgs {
    /// Base of the locations of all packages
    #[arg(short = 'u', long, value_name = "URL")]
    baseurl: Option<String>,
    /// Put this before each location
    #[arg(long, value_name = "PREFIX")]
    location_prefix: Option<String>,
    /// Cut so many directories off the front of each location
    #[arg(long, value_name = "NUM", default_value_t = 0)]
    cut_dirs: usize,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is taken over")]
struct UpdateArgs {
    /// Do not read packages again whose size and time are those in the old metadata
    #[arg(long)]
    update: bool,
    /// With --update: take over from this repository too; may be repeated
    #[arg(long, value_name = "DIR")]
    update_md_path: Vec<PathBuf>,
    /// With --update: do not look at size and time either
    #[arg(long)]
    skip_stat: bool,
    /// With --update: keep group, updateinfo and other records (default)
    #[arg(long)]
    keep_all_metadata: bool,
    /// Do not keep group, updateinfo and other records
    #[arg(long, conflicts_with = "keep_all_metadata")]
    discard_additional_metadata: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What is written")]
struct ContentArgs {
    /// Group file (comps) to add, a path below DIR
    #[arg(short = 'g', long, value_name = "FILE")]
    groupfile: Option<PathBuf>,
    /// Checksum of packages, and of metadata files: sha224, sha256, sha384, sha512
    #[arg(short = 's', long, value_name = "TYPE", default_value = "sha256", value_parser = createrepo::checksum)]
    checksum: ChecksumType,
    /// Most changelog entries of a package; -1 for all
    #[arg(long, value_name = "NUM", default_value_t = 10, allow_negative_numbers = true)]
    changelog_limit: i64,
    /// Write filelists-ext too, with the checksum of each file
    #[arg(long)]
    filelists_ext: bool,
    /// Indent elements (default)
    #[arg(short = 'p', long, overrides_with = "no_pretty")]
    pretty: bool,
    /// Do not indent elements
    #[arg(long, overrides_with = "pretty")]
    no_pretty: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How files are written")]
struct FilesArgs {
    /// Checksum of metadata files [default: as --checksum]
    #[arg(long, value_name = "TYPE", value_parser = createrepo::checksum)]
    repomd_checksum: Option<ChecksumType>,
    /// Compression of all files: zstd (default), gz, xz, bz2
    #[arg(long, value_name = "TYPE")]
    general_compress_type: Option<Packing>,
    /// Compression of files that list no packages
    #[arg(long, value_name = "TYPE", overrides_with = "xz")]
    compress_type: Option<Packing>,
    /// The same as --compress-type xz
    #[arg(long)]
    xz: bool,
    /// Begin file names with the checksum (default)
    #[arg(long)]
    unique_md_filenames: bool,
    /// Do not begin file names with the checksum: readers may meet files that do not belong together
    #[arg(long)]
    simple_md_filenames: bool,
    /// As yum liked it: gzip, a plain group file, and another meaning of --retain-old-md
    #[arg(long)]
    compatibility: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "What repomd.xml says")]
struct HeadArgs {
    /// Text of the revision [default: seconds since 1970]
    #[arg(long, value_name = "TEXT")]
    revision: Option<String>,
    /// Give all files the time that is the revision
    #[arg(long)]
    set_timestamp_to_revision: bool,
    /// Distribution that the repository is for, [CPEID,]NAME; may be repeated
    #[arg(long, value_name = "DISTRO")]
    distro: Vec<String>,
    /// Tag of what the packages are; may be repeated
    #[arg(long, value_name = "TAG")]
    content: Vec<String>,
    /// Tag of the repository; may be repeated
    #[arg(long, value_name = "TAG")]
    repo: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Files of older metadata")]
struct RetainArgs {
    /// 0: remove them at once; more: keep them for ever, with --compatibility so many of each
    #[arg(long, value_name = "NUM")]
    retain_old_md: Option<usize>,
    /// Remove every file in repodata older than this: 90, 15m, 2h, 30d
    #[arg(long, value_name = "AGE", value_parser = createrepo::age, conflicts_with_all = ["retain_old_md", "keep_for"])]
    retain_old_md_by_age: Option<Duration>,
    /// Keep them so long for who still reads them; they go with the first run after [default: 10m]
    #[arg(long, value_name = "TIME", conflicts_with = "retain_old_md")]
    keep_for: Option<Span>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Staying current")]
struct WatchArgs {
    /// Stay, and run again whenever packages come or go
    #[arg(long, conflicts_with_all = ["recycle_pkglist", "pkglist", "includepkg"])]
    watch: bool,
    /// With --watch: run when nothing has changed for so long [default: 1s]
    #[arg(long, value_name = "TIME", requires = "watch")]
    watch_quiet: Option<Span>,
    /// With --watch: look at least so often, since network file systems do not tell of changes [default: 1m]
    #[arg(long, value_name = "TIME", requires = "watch")]
    watch_every: Option<Span>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Others")]
struct OtherArgs {
    /// How many packages are read at once, 1 to 100 [default: one for each core]
    #[arg(long, value_name = "NUM", allow_negative_numbers = true)]
    workers: Option<i64>,
    /// Go on although another run is at work, or createrepo_c left its lock
    #[arg(long)]
    ignore_lock: bool,
    /// End with 2 if packages were left out (always so)
    #[arg(long)]
    error_exit_val: bool,
    /// Do not make SQLite databases (default)
    #[arg(long)]
    no_database: bool,
    /// Accepted with a warning: SQLite databases are not made
    #[arg(short = 'd', long)]
    database: bool,
    /// Accepted with a warning: SQLite databases are not made
    #[arg(long)]
    local_sqlite: bool,
    /// Accepted with a warning: there is no cache of checksums
    #[arg(short = 'c', long, value_name = "DIR")]
    cachedir: Option<PathBuf>,
    #[arg(long, hide = true)]
    split: bool,
    #[arg(long, hide = true)]
    zck: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    zck_dict_dir: Option<PathBuf>,
    #[arg(long, hide = true)]
    deltas: bool,
    #[arg(long, hide = true, value_name = "DIR")]
    oldpackagedirs: Vec<PathBuf>,
    #[arg(long, hide = true, value_name = "NUM")]
    num_deltas: Option<i64>,
    #[arg(long, hide = true, value_name = "SIZE")]
    max_delta_rpm_size: Option<u64>,
}
