//! What do the arguments ask a run for? What is not carried is refused, and what has no effect is told.

use std::time::Duration;

use super::{
    ContentArgs, Createrepo, FilesArgs, HeadArgs, LocationArgs, OtherArgs, RetainArgs, SelectionArgs, UpdateArgs,
    WatchArgs,
};
use crate::config::Span;
use crate::createrepo::{
    Content, Error, Extras, Files, Head, Location, MOST_WORKERS, Options, Packing, Retain, Selection, Tell, Update,
    Watch, default_workers,
};
use crate::model::ChecksumType;
use crate::repodata::{Distro, Tags};

/// How many workers createrepo_c has, and takes for a number that it does not like.
const USUAL_WORKERS: usize = 5;
/// How many changelog entries createrepo_c writes, and takes for a number that it does not like.
const USUAL_CHANGELOG: usize = 10;

impl Createrepo {
    /// Returns whether only errors are to be said.
    pub(in crate::cli) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Returns how the directory is to be watched, if it is.
    pub(in crate::cli) fn watch(&self) -> Option<Watch> {
        let WatchArgs { watch, watch_quiet, watch_every } = &self.watch;
        let or = |span: &Option<Span>, seconds| span.map_or(Duration::from_secs(seconds), |span| span.0);
        watch.then(|| Watch { quiet: or(watch_quiet, 1), every: or(watch_every, 60) })
    }

    /// Returns what the run is asked for; what is accepted and not done is told.
    ///
    /// # Errors
    /// Something is asked for that is not carried.
    pub(in crate::cli) fn options(self, tell: &dyn Tell) -> Result<Options, Error> {
        self.other.refuse()?;
        if !self.more.is_empty() {
            return Err(Error::Usage("there can be one directory only".to_owned()));
        }
        self.other.warn(self.files.compatibility, tell);
        self.update.warn(tell);
        let recycle = self.selection.recycle_pkglist;
        let keep_last = self.selection.duplicated_nevra == "keep-last";
        let base = self.basedir.unwrap_or_default();
        let compatibility = self.files.compatibility;
        Ok(Options {
            dir: base.join(self.dir),
            output_dir: self.outputdir,
            read_list: self.selection.read_pkgs_list.clone(),
            selection: self.selection.into(),
            location: self.location.into(),
            extras: Extras {
                group_file: self.content.groupfile.clone(),
                plain_group: compatibility,
                discard: self.update.discard_additional_metadata,
            },
            update: self.update.into(recycle),
            files: self.files.into(self.content.checksum),
            content: self.content.into(keep_last, tell),
            head: self.head.into(),
            retain: self.retain.into(compatibility),
            workers: self.other.workers(tell),
            ignore_lock: self.other.ignore_lock,
        })
    }
}

impl From<SelectionArgs> for Selection {
    fn from(args: SelectionArgs) -> Self {
        Self {
            pkglist: args.pkglist,
            include: args.includepkg,
            excludes: args.excludes,
            skip_symlinks: args.skip_symlinks,
            recycle: args.recycle_pkglist,
        }
    }
}

impl From<LocationArgs> for Location {
    fn from(args: LocationArgs) -> Self {
        Self { base_url: args.baseurl, prefix: args.location_prefix, cut_dirs: args.cut_dirs }
    }
}

impl UpdateArgs {
    fn warn(&self, tell: &dyn Tell) {
        if !self.update && !self.update_md_path.is_empty() {
            tell.warning("--update-md-path has no effect without --update");
        }
    }

    fn into(self, recycle: bool) -> Option<Update> {
        (self.update || recycle).then_some(Update { skip_stat: self.skip_stat, paths: self.update_md_path })
    }
}

impl ContentArgs {
    fn into(self, keep_last: bool, tell: &dyn Tell) -> Content {
        let changelog = match self.changelog_limit {
            -1 => None,
            limit => Some(usize::try_from(limit).unwrap_or_else(|_| {
                tell.warning(&format!("{limit} is no number of changelog entries: {USUAL_CHANGELOG} are written"));
                USUAL_CHANGELOG
            })),
        };
        Content {
            checksum: self.checksum,
            changelog,
            filelists_ext: self.filelists_ext,
            pretty: self.pretty || !self.no_pretty,
            keep_last,
        }
    }
}

impl FilesArgs {
    fn into(self, checksum: ChecksumType) -> Files {
        let usual = if self.compatibility { Packing::Gzip } else { Packing::Zstd };
        let packing = self.general_compress_type.unwrap_or(usual);
        let extra_packing = if self.xz { Some(Packing::Xz) } else { self.compress_type };
        Files {
            checksum: self.repomd_checksum.unwrap_or(checksum),
            packing,
            extra_packing: extra_packing.unwrap_or(packing),
            simple_names: self.simple_md_filenames,
        }
    }
}

impl From<HeadArgs> for Head {
    fn from(args: HeadArgs) -> Self {
        let distro = |text: String| match text.split_once(',') {
            Some((cpeid, name)) => Distro { cpeid: Some(cpeid.to_owned()), name: name.to_owned() },
            None => Distro { cpeid: None, name: text },
        };
        let tags =
            Tags { content: args.content, repo: args.repo, distro: args.distro.into_iter().map(distro).collect() };
        Self { revision: args.revision, timestamp_to_revision: args.set_timestamp_to_revision, tags }
    }
}

impl RetainArgs {
    fn into(self, compatibility: bool) -> Retain {
        match (self.retain_old_md, self.retain_old_md_by_age) {
            (_, Some(age)) => Retain::ByAge(age),
            (Some(0), None) => Retain::Nothing,
            (Some(count), None) if compatibility => Retain::Newest(count),
            (Some(_), None) => Retain::Everything,
            (None, None) => Retain::For(self.keep_for.map_or(Duration::from_secs(600), |span| span.0)),
        }
    }
}

impl OtherArgs {
    /// Refuses what is not carried.
    fn refuse(&self) -> Result<(), Error> {
        let asked = [
            (self.split, "--split: make one repository for each medium, or one above all of them"),
            (self.zck, "--zck: zchunk files are not made"),
            (self.zck_dict_dir.is_some(), "--zck-dict-dir: zchunk files are not made"),
            (self.deltas, "--deltas: delta packages are not made"),
            (!self.oldpackagedirs.is_empty(), "--oldpackagedirs: delta packages are not made"),
            (self.num_deltas.is_some(), "--num-deltas: delta packages are not made"),
            (self.max_delta_rpm_size.is_some(), "--max-delta-rpm-size: delta packages are not made"),
        ];
        match asked.into_iter().find(|(is_asked, _)| *is_asked) {
            Some((_, why)) => Err(Error::Usage(format!("tannery does not carry {why}"))),
            None => Ok(()),
        }
    }

    /// Says what is accepted and not done.
    fn warn(&self, compatibility: bool, tell: &dyn Tell) {
        let databases = ((self.database || compatibility) && !self.no_database) || self.local_sqlite;
        if databases {
            tell.warning("SQLite databases are not made: no tool since EL7 reads them");
        }
        if self.cachedir.is_some() {
            tell.warning("there is no cache of checksums: --update takes them from the old metadata");
        }
    }

    fn workers(&self, tell: &dyn Tell) -> usize {
        let Some(asked) = self.workers else { return default_workers() };
        match usize::try_from(asked) {
            Ok(workers @ 1..=MOST_WORKERS) => workers,
            _ => {
                tell.warning(&format!("there can be 1 to {MOST_WORKERS} workers: taking {USUAL_WORKERS}"));
                USUAL_WORKERS
            }
        }
    }
}
