//! What happens in a run, from the options to the repository? The steps, in their order.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::candidates::{self, Candidates};
use super::error::Error;
use super::extras;
use super::lender::Lender;
use super::listing::{self, Listing, Settled};
use super::lock::Lock;
use super::old::OldRepo;
use super::options::Options;
use super::own::Own;
use super::publish::{self, Change};
use super::spool::Spool;
use super::staging::{Laid, Layer};
use super::stop::Stop;
use super::tell::{Problems, Tell};
use crate::clock::Clock;
use crate::model::chain;
use crate::repodata::Repomd;
use crate::store::durable;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How many packages are listed.
    pub packages: u64,
    /// How many files and directories were left out, each of which was told.
    pub problems: usize,
    /// Whether something was written.
    pub change: Change,
    /// The directories that were walked through; none where packages were named.
    pub dirs: Vec<PathBuf>,
}

/// What all steps need.
pub(super) struct Run<'a> {
    pub options: &'a Options,
    /// The directory that `repodata/` is in.
    pub out: &'a Path,
    /// Where the run keeps what is not in its place yet.
    pub lock_dir: &'a Path,
    pub clock: &'a Clock,
    pub tell: &'a dyn Tell,
    pub problems: &'a Problems<'a>,
    pub stop: &'a Stop,
}

impl Run<'_> {
    /// Returns whether a file that is gone when it is to be read is no problem: nobody named it, or it was
    /// named for an update that looks at each file first.
    pub(super) fn may_vanish(&self) -> bool {
        let looks = self.options.update.as_ref().is_some_and(|update| !update.skip_stat);
        looks || !self.options.selection.is_listed()
    }
}

/// Makes or updates the metadata of a directory.
///
/// # Errors
/// Nothing was written, and the old metadata stands as it was.
pub fn run(options: &Options, clock: &Clock, tell: &dyn Tell, stop: &Stop) -> Result<Outcome, Error> {
    options.check()?;
    let out = check_places(options)?;
    let group = extras::group_file(options)?;
    let lock = Lock::take(out, options.ignore_lock, tell)?;
    let problems = Problems::new(tell);
    let run = Run { options, out, lock_dir: lock.dir(), clock, tell, problems: &problems, stop };
    let old = OldRepo::load(out, tell);
    let mut spool = Spool::new(lock.dir())?;
    let settled = Settled::of(options);
    let own = own(&run, old.as_ref(), &settled, &mut spool);
    let lenders = lenders(&run, old.as_ref().filter(|_| own.is_none()));
    let known = known(own.as_ref(), &lenders);
    let recycled = if options.selection.recycle { known.clone() } else { Vec::new() };
    let Candidates { packages, modules, dirs } = candidates::find(&run, &recycled)?;
    if options.update.is_some() {
        tell.line(&format!("Loaded information about {} packages", known.len()));
    }
    tell.line(&format!("Temporary output repo path: {}/", lock.dir().display()));
    tell.line(&format!("Pool started (with {} workers)", options.workers));
    let listing = listing::make(&run, &settled, packages, own, &lenders, &spool)?;
    tell.line(if problems.count() == 0 { "Pool finished" } else { "Pool finished with errors" });
    let mut extras: Vec<extras::Extra> =
        group.iter().map(|path| extras::group(path, options)).collect::<Result<_, _>>()?;
    extras.extend(extras::modules(&modules, old.as_ref(), options)?);
    if let (Some(old), Some(_), false) = (&old, &options.update, options.extras.discard) {
        extras.extend(extras::kept(old, &extras, &problems, tell));
    }
    let (laid, repomd) = lay(&run, old.as_ref(), &settled, &listing, &spool, extras)?;
    if let Some(path) = &options.read_list {
        publish::write_list(path, &listing.read)?;
    }
    let change = publish::publish(&run, old.as_ref(), laid, repomd)?;
    Ok(Outcome { packages: listing.manifest.packages(), problems: problems.count(), change, dirs })
}

/// Checks that what must be there is; returns where the repository is written.
fn check_places(options: &Options) -> Result<&Path, Error> {
    let missing = |what: &str, path: &Path| Error::Missing(format!("{what} {} does not exist", path.display()));
    if !options.dir.is_dir() {
        return Err(missing("the directory", &options.dir));
    }
    let out = options.output_dir.as_deref().unwrap_or(&options.dir);
    if !out.is_dir() {
        return Err(missing("the output directory", out));
    }
    match &options.selection.pkglist {
        Some(list) if !list.exists() => Err(missing("the list of packages", list)),
        _ => Ok(out),
    }
}

/// Returns what can be taken over from the old repository segment by segment.
fn own(run: &Run<'_>, old: Option<&OldRepo>, settled: &Settled, spool: &mut Spool) -> Option<Own> {
    let is_wanted = run.options.update.is_some() || run.options.selection.recycle;
    let own = Own::open(old.filter(|_| is_wanted)?, settled, spool, run.options.workers);
    if own.is_none() {
        run.tell.detail("the old metadata was not made with the same settings");
    }
    own
}

/// Returns the repositories that lend what they know: the old one first, where it is not taken over as it is.
fn lenders(run: &Run<'_>, old: Option<&OldRepo>) -> Vec<Lender> {
    let Some(update) = &run.options.update else { return Vec::new() };
    let mut lenders = Vec::new();
    let mut lend = |repo: OldRepo| {
        let name = repo.name();
        match Lender::new(repo, run.options.content.filelists_ext) {
            Ok(lender) => lenders.push(lender),
            Err(useless) => run.tell.warning(&format!("the old metadata of {name} is of no use: {}", chain(&useless))),
        }
    };
    if let Some(old) = old {
        lend(old.clone());
    }
    for path in &update.paths {
        run.tell.line(&format!("Loading metadata from md-path: {}", path.display()));
        match OldRepo::load(path, run.tell) {
            Some(repo) => lend(repo),
            None => run.tell.warning(&format!("there is no metadata in {}", path.display())),
        }
    }
    lenders
}

/// Returns the locations that are known, each once.
fn known(own: Option<&Own>, lenders: &[Lender]) -> Vec<String> {
    let own = own.iter().flat_map(|own| &own.packages).map(|(_, facts)| facts.href.clone());
    let lent = lenders.iter().flat_map(|lender| &lender.facts).map(|facts| facts.href.clone());
    let all: BTreeSet<String> = own.chain(lent).collect();
    all.into_iter().collect()
}

/// Lays all files beside their places, and says what `repomd.xml` is to be.
fn lay(
    run: &Run<'_>,
    old: Option<&OldRepo>,
    settled: &Settled,
    listing: &Listing,
    spool: &Spool,
    extras: Vec<extras::Extra>,
) -> Result<(Vec<Laid>, Repomd), Error> {
    let repodata = run.out.join("repodata");
    publish::make_ready(&repodata)?;
    if run.lock_dir == Lock::place(run.out) {
        // Nobody else is at work here: what is unfinished is of a run that was killed.
        durable::sweep(&repodata)?;
    }
    let (revision, time) = times(run, old)?;
    let layer = Layer { repodata: &repodata, files: &run.options.files, time };
    let mut laid = Vec::new();
    for result in listings(&layer, old, settled, listing, spool) {
        run.stop.check()?;
        laid.push(result?);
    }
    for extra in extras {
        laid.push(layer.extra(extra)?);
    }
    let mut records: Vec<_> = laid.iter().map(|laid| laid.record.clone()).collect();
    if run.options.head.timestamp_to_revision {
        records.iter_mut().for_each(|record| record.timestamp = time);
    }
    let tags = run.options.head.tags.clone();
    Ok((laid, Repomd { revision, tags, records, ..Repomd::default() }))
}

/// Lays the files that list packages, all at once; where they are the old ones, these stay.
fn listings(
    layer: &Layer<'_>,
    old: Option<&OldRepo>,
    settled: &Settled,
    listing: &Listing,
    spool: &Spool,
) -> Vec<Result<Laid, Error>> {
    let kinds = settled.settings.kinds();
    let stay = old.filter(|_| listing.is_old).and_then(|old| layer.stay(kinds, &old.repomd));
    if let Some(stay) = stay {
        return stay.into_iter().map(Ok).collect();
    }
    std::thread::scope(|scope| {
        let started: Vec<_> =
            kinds.iter().map(|kind| scope.spawn(move || layer.listing(*kind, listing, settled, spool))).collect();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        started.into_iter().map(joined).collect()
    })
}

/// Returns the revision, and the time of all records. Both only rise, whatever the clock says: yum refuses an
/// older one.
fn times(run: &Run<'_>, old: Option<&OldRepo>) -> Result<(String, i64), Error> {
    let head = &run.options.head;
    let now = run.clock.seconds();
    let newest = old.and_then(|old| old.repomd.records.iter().map(|record| record.timestamp).max());
    let time = head.timestamp()?.unwrap_or_else(|| now.max(newest.unwrap_or(0)));
    let last: Option<i64> = old.and_then(|old| old.repomd.revision.parse().ok());
    let revision = || now.max(last.unwrap_or(0).saturating_add(1)).to_string();
    Ok((head.revision.clone().unwrap_or_else(revision), time))
}

/// Returns how many threads a run has where nobody says: one for each core.
pub fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.min(super::options::MOST_WORKERS)
}
