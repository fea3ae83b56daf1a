//! Which packages are listed in the end, and in which segments? What old metadata says of unchanged files is
//! taken over, all others are read.
//!
//! Packages are read in the order that the names of their files promise, which is nearly always the one they
//! are listed in. A few neighbours are sorted by what their headers say: names do not tell the epoch. Those that
//! come later still wait, up to a limit, and are put in by themselves: so names may be whatever they are, and
//! memory stays bounded.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use super::candidates::Candidate;
use super::error::Error;
use super::guess;
use super::known::Facts;
use super::lender::Lender;
use super::names::known_as;
use super::options::Options;
use super::ordered::Ordered;
use super::own::Own;
use super::pieces::{self, Ready};
use super::run::Run;
use super::spool::Spool;
use crate::model::chain;
use crate::repodata::segments::{Failed, Key, Manifest, Piece, Settings, update};
use crate::rpms;

/// Most bytes of packages that came too late for their place, and wait.
const LATE: usize = 48 << 20;
/// How many neighbours are sorted, and how many bytes they may take.
const NEAR: (usize, usize) = (64, 8 << 20);
/// Most packages that a lender is ahead.
const LENT: usize = 64;

/// How a listing is written: what decides its bytes besides the packages.
pub(super) struct Settled {
    pub settings: Settings,
    pub pretty: bool,
}

impl Settled {
    pub(super) fn of(options: &Options) -> Self {
        let settings =
            Settings { files_ext: options.content.filelists_ext, ..Settings::of(options.files.packing.compression()) };
        Self { settings, pretty: options.content.pretty }
    }
}

/// The packages of a repository.
pub(super) struct Listing {
    pub manifest: Manifest,
    /// Locations of the packages that were read, in the order they were read in.
    pub read: Vec<String>,
    /// Whether the old files list exactly this.
    pub is_old: bool,
}

/// A listing under way.
struct Making<'a> {
    run: &'a Run<'a>,
    settled: &'a Settled,
    spool: &'a Spool,
    manifest: Manifest,
    /// What is listed so far, and when it was built.
    built: BTreeMap<Key, i64>,
    read: Vec<String>,
}

/// Lists `candidates`, taking over from `own` and `lenders` what has not changed.
///
/// # Errors
/// A segment cannot be kept or read, or the run was told to stop.
pub(super) fn make(
    run: &Run<'_>,
    settled: &Settled,
    mut candidates: Vec<Candidate>,
    own: Option<Own>,
    lenders: &[Lender],
    spool: &Spool,
) -> Result<Listing, Error> {
    let all = candidates.len();
    let mut seen = HashSet::new();
    candidates.retain(|candidate| seen.insert((candidate.path.clone(), candidate.href.clone())));
    if candidates.len() < all {
        run.tell.warning(&format!("{} files were named more than once and are listed once", all - candidates.len()));
    }
    let (manifest, packages) = own.map(|own| (own.manifest, own.packages)).unwrap_or_default();
    let Plan { stays, mut lent, mut read } = plan(run, candidates, &packages, lenders);
    let mut making = Making { run, settled, spool, manifest, built: BTreeMap::new(), read: Vec::new() };
    let mut removed = Vec::new();
    for (key, facts) in packages {
        if stays.contains(known_as(&facts.href)) {
            making.built.insert(key, facts.built);
        } else {
            removed.push(key);
        }
    }
    let is_old = !stays.is_empty() && removed.is_empty() && stays.len() == all;
    for (lender, wanted) in lenders.iter().zip(&mut lent) {
        if !wanted.is_empty() {
            making.borrow(lender, wanted, &mut removed)?;
            read.extend(std::mem::take(wanted).into_values());
        }
    }
    guess::sort(&mut read, |candidate| &candidate.href);
    making.put(removed, &read, all)?;
    let dropped = making.duplicates()?;
    Ok(Listing { manifest: making.manifest, read: making.read, is_old: is_old && !dropped })
}

/// Where what is said of each candidate comes from.
struct Plan {
    /// Locations that our own old metadata speaks for as it stands.
    stays: HashSet<String>,
    /// What each lender knows, by location.
    lent: Vec<HashMap<String, Candidate>>,
    /// What is to be read.
    read: Vec<Candidate>,
}

fn plan(run: &Run<'_>, candidates: Vec<Candidate>, own: &[(Key, Facts)], lenders: &[Lender]) -> Plan {
    let base = run.options.location.base();
    let own: HashMap<&str, &Facts> = own.iter().map(|(_, facts)| (known_as(&facts.href), facts)).collect();
    let known: Vec<HashMap<&str, &Facts>> = lenders.iter().map(Lender::by_href).collect();
    let mut plan = Plan { stays: HashSet::new(), lent: vec![HashMap::new(); lenders.len()], read: Vec::new() };
    for candidate in candidates {
        let href = known_as(&candidate.href).to_owned();
        // Without a base, the old one stays.
        let stands = |facts: &&&Facts| {
            facts.href == candidate.href && (base.is_none() || base == facts.base) && facts.hold(run, &candidate)
        };
        if own.get(&*href).filter(stands).is_some() {
            plan.stays.insert(href);
            continue;
        }
        let lender = known.iter().position(|known| known.get(&*href).is_some_and(|facts| facts.hold(run, &candidate)));
        match lender {
            Some(lender) if !plan.lent[lender].contains_key(&href) => {
                plan.lent[lender].insert(href, candidate);
            }
            _ => plan.read.push(candidate),
        }
    }
    plan
}

impl Making<'_> {
    /// Takes packages out, reads `candidates`, and puts them in.
    fn put(&mut self, removed: Vec<Key>, candidates: &[Candidate], all: usize) -> Result<(), Error> {
        if removed.is_empty() && candidates.is_empty() && !self.manifest.leaves.is_empty() {
            return Ok(());
        }
        let run = self.run;
        let threads = run.options.workers;
        let base = run.options.location.base();
        let ordered = Ordered::new(candidates.len(), threads);
        let work = |at: usize| {
            let candidate = &candidates[at];
            let ready = pieces::read(&candidate.path, &candidate.href, base.as_deref(), &run.options.content);
            let size = ready.as_ref().map_or(0, Ready::size);
            (ready, size)
        };
        std::thread::scope(|scope| {
            ordered.start(scope, threads, &work);
            let mut at = 0;
            let already = all - candidates.len();
            let stream = std::iter::from_fn(|| ordered.take()).zip(candidates).map(|(read, candidate)| {
                at += 1;
                run.tell.progress(already + at, all);
                (Cow::Borrowed(candidate), read)
            });
            let fed = self.feed(removed, stream, true);
            ordered.end();
            fed
        })
    }

    /// Puts in what a lender knows of candidates; what it turns out not to know stays among them.
    fn borrow(
        &mut self,
        lender: &Lender,
        wanted: &mut HashMap<String, Candidate>,
        removed: &mut Vec<Key>,
    ) -> Result<(), Error> {
        let run = self.run;
        // The lender gives one after the other, and so does whoever puts them in: they meet in the middle.
        let (give, take) = std::sync::mpsc::sync_channel(LENT);
        std::thread::scope(|scope| {
            let lending = scope.spawn(move || {
                lender.lend(run, wanted, &mut |candidate, ready| give.send((candidate, ready)).is_ok());
            });
            let stream = take.into_iter().map(|(candidate, ready)| (Cow::Owned(candidate), Ok(ready)));
            let fed = self.feed(std::mem::take(removed), stream, false);
            lending.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            fed
        })
    }

    /// Feeds packages to the segments, run by run: each goes on until too many wait that came too late.
    fn feed<'c>(
        &mut self,
        mut removed: Vec<Key>,
        mut stream: impl Iterator<Item = Fed<'c>>,
        is_read: bool,
    ) -> Result<(), Error> {
        let mut near = Near::default();
        loop {
            let mut late = Late::default();
            let old = std::mem::take(&mut self.manifest);
            let (settings, spool) = (self.settled.settings, self.spool);
            let added = std::iter::from_fn(|| self.next(&mut stream, &mut near, &mut late, is_read));
            let manifest = update(&old, std::mem::take(&mut removed), added, &settings, spool).map_err(failed)?;
            self.manifest = manifest;
            let is_over = late.bytes < LATE;
            if !late.pieces.is_empty() {
                late.pieces.sort_by(|one, other| one.key.cmp(&other.key));
                let added = late.pieces.into_iter().map(Ok::<_, Error>);
                self.manifest = update(&self.manifest, [], added, &settings, spool).map_err(failed)?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// Returns the next package that comes in order; those that do not are put aside.
    fn next<'c>(
        &mut self,
        stream: &mut impl Iterator<Item = Fed<'c>>,
        near: &mut Near,
        late: &mut Late,
        is_read: bool,
    ) -> Option<Result<Piece, Error>> {
        while late.bytes < LATE {
            if let Err(stopped) = self.run.stop.check() {
                return Some(Err(stopped));
            }
            while near.has_room()
                && let Some((candidate, read)) = stream.next()
            {
                near.put(self.judge(&candidate, read, is_read));
            }
            let ready = near.take()?;
            if late.last.as_ref().is_none_or(|last| *last < ready.piece.key) {
                late.last = Some(ready.piece.key.clone());
                return Some(Ok(ready.piece));
            }
            late.bytes += ready.size();
            late.pieces.push(ready.piece);
        }
        None
    }

    /// Returns the package that was read, if it is to be listed.
    fn judge(&mut self, candidate: &Candidate, read: Result<Ready, rpms::Error>, is_read: bool) -> Option<Ready> {
        let ready = match read {
            Ok(ready) => ready,
            // Gone between walk and reading: as if it had never been there.
            Err(rpms::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound && self.run.may_vanish() => {
                self.run.tell.warning(&format!("{} is gone", candidate.path.display()));
                return None;
            }
            Err(error) => {
                self.run.problems.left_out(&candidate.path, &chain(&error));
                return None;
            }
        };
        if is_read {
            self.read.push(candidate.href.clone());
        }
        if self.built.insert(ready.piece.key.clone(), ready.built).is_some() {
            let text = format!("{} is there twice, with the same bytes and location: listed once", candidate.href);
            self.run.tell.warning(&text);
            return None;
        }
        Some(ready)
    }

    /// Tells of packages that share a NEVRA; takes out all but the last built, where that is asked for. Returns
    /// whether any was taken out.
    fn duplicates(&mut self) -> Result<bool, Error> {
        let mut removed = Vec::new();
        let all: Vec<(&Key, &i64)> = self.built.iter().collect();
        for same in all.chunk_by(|one, other| one.0.nevra == other.0.nevra).filter(|same| same.len() > 1) {
            let tell = self.run.tell;
            tell.warning(&format!("{} is listed {} times, and should be once", same[0].0.nevra, same.len()));
            let kept = same.iter().max_by(|one, other| (one.1, &one.0.href).cmp(&(other.1, &other.0.href)));
            for (key, built) in same {
                let goes = self.run.options.content.keep_last && kept.is_some_and(|kept| kept.0 != *key);
                let fate = if goes { " (left out)" } else { "" };
                tell.warning(&format!("    {}, built at {built}{fate}", key.href));
                if goes {
                    removed.push((*key).clone());
                }
            }
        }
        if removed.is_empty() {
            return Ok(false);
        }
        let nothing = std::iter::empty::<Result<Piece, Error>>();
        self.manifest = update(&self.manifest, removed, nothing, &self.settled.settings, self.spool).map_err(failed)?;
        Ok(true)
    }
}

/// A candidate, and what was found out of it.
type Fed<'c> = (Cow<'c, Candidate>, Result<Ready, rpms::Error>);

/// Neighbours that are being sorted.
#[derive(Default)]
struct Near {
    ready: BTreeMap<Key, Ready>,
    bytes: usize,
}

impl Near {
    fn has_room(&self) -> bool {
        self.ready.len() < NEAR.0 && self.bytes < NEAR.1
    }

    fn put(&mut self, ready: Option<Ready>) {
        if let Some(ready) = ready {
            self.bytes += ready.size();
            self.ready.insert(ready.piece.key.clone(), ready);
        }
    }

    /// Takes out the first.
    fn take(&mut self) -> Option<Ready> {
        let (_, ready) = self.ready.pop_first()?;
        self.bytes -= ready.size();
        Some(ready)
    }
}

/// Packages that came too late for their place.
#[derive(Default)]
struct Late {
    /// The package that came last in order.
    last: Option<Key>,
    pieces: Vec<Piece>,
    bytes: usize,
}

fn failed(failed: Failed<Error>) -> Error {
    match failed {
        Failed::Segments(source) => Error::Segments(source),
        Failed::Package(error) => error,
    }
}
