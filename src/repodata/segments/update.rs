//! How does a list of segments follow a change? Leaves that are touched are opened, all others kept.
//!
//! From an empty list it is how a repository is made in the first place: there is one way only, and
//! the same set gives the same bytes by it.

use std::iter::Peekable;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use super::super::Kind;
use super::cut::Begins;
use super::groups::{Groups, Part};
use super::manifest::{Frame, Leaf, Manifest};
use super::pool::{Made, Pool};
use super::texts::{LeafTexts, OldTexts};
use super::{Error, Failed, Frames, KINDS, Key, Piece, Settings};

/// Returns what `old` becomes when the packages `removed` are taken out and `added` are put in; both come
/// in canonical order, and may be made as they are asked for.
///
/// `old` must have been made with the same settings, the number of threads excepted. New segments are put
/// into `frames`; nothing is taken out of it.
///
/// # Errors
/// A package cannot be had, is out of order, is to be removed and not there, or to be added and there
/// already; a segment is damaged, or cannot be read or kept.
pub fn update<E>(
    old: &Manifest,
    removed: impl IntoIterator<Item = Key>,
    added: impl IntoIterator<Item = Result<Piece, E>>,
    settings: &Settings,
    frames: &impl Frames,
) -> Result<Manifest, Failed<E>> {
    let pool = Pool::new(settings, frames);
    std::thread::scope(|scope| {
        let (jobs, made) = pool.start(scope);
        // Taken along, so that the jobs end where the walk ends, and the threads with them.
        let groups = Groups::new(settings.kinds(), jobs);
        let texts = OldTexts::new(old, settings.kinds(), settings.compression.of_segments(), frames);
        let mut walk = Walk { settings, old, texts, groups, leaves: Vec::new(), open: Open::Nothing };
        let mut changes = Changes::new(removed.into_iter(), added.into_iter());
        walk.all(&mut changes, &pool)?;
        let Walk { leaves, groups: Groups { frames: slots, .. }, .. } = walk;
        Ok(collect(leaves, slots, settings.kinds(), &made, frames)?)
    })
}

/// Puts the segments that are made into their places, and tells of each file as it is complete.
fn collect(
    leaves: Vec<Leaf>,
    mut slots: [Vec<Option<Frame>>; KINDS],
    kinds: &[Kind],
    made: &Receiver<Made>,
    frames: &impl Frames,
) -> Result<Manifest, Error> {
    let mut manifest = Manifest { leaves, frames: Default::default() };
    let mut left = slots.each_ref().map(|slots| slots.iter().filter(|slot| slot.is_none()).count());
    let mut incomplete = kinds.to_vec();
    while !incomplete.is_empty() {
        if let Some(at) = incomplete.iter().position(|kind| left[*kind as usize] == 0) {
            let kind = incomplete.remove(at);
            manifest.frames[kind as usize] = std::mem::take(&mut slots[kind as usize]).into_iter().flatten().collect();
            frames.complete(kind, &manifest);
            continue;
        }
        // Where a thread panicked there is nothing more to come, and it shows where the thread is waited for.
        let Ok(one) = made.recv() else { break };
        let (kind, at, frame) = one?;
        slots[kind as usize][at] = Some(frame);
        left[kind as usize] -= 1;
    }
    Ok(manifest)
}

/// Packages that go and come, each list in canonical order.
struct Changes<R: Iterator<Item = Key>, A: Iterator<Item = Result<Piece, E>>, E> {
    removed: Peekable<R>,
    added: A,
    /// The next of `added`.
    next: Option<Piece>,
    is_begun: bool,
}

impl<R: Iterator<Item = Key>, A: Iterator<Item = Result<Piece, E>>, E> Changes<R, A, E> {
    fn new(removed: R, added: A) -> Self {
        Self { removed: removed.peekable(), added, next: None, is_begun: false }
    }

    fn added(&mut self) -> Result<Option<&Piece>, Failed<E>> {
        if !self.is_begun {
            self.is_begun = true;
            self.next = self.added.next().transpose().map_err(Failed::Package)?;
        }
        Ok(self.next.as_ref())
    }

    /// Takes the next package that comes, if it belongs before `bound`.
    fn take_added(&mut self, bound: Option<&Key>) -> Result<Option<Piece>, Failed<E>> {
        if self.added()?.is_none_or(|piece| bound.is_some_and(|bound| piece.key >= *bound)) {
            return Ok(None);
        }
        let taken = self.next.take();
        self.next = self.added.next().transpose().map_err(Failed::Package)?;
        if let (Some(taken), Some(next)) = (&taken, &self.next)
            && next.key <= taken.key
        {
            return Err(out_of_order(&next.key, &taken.key).into());
        }
        Ok(taken)
    }

    /// Takes the next package that goes, if it belongs before `bound`.
    fn take_removed(&mut self, bound: Option<&Key>) -> Result<Option<Key>, Error> {
        let taken = self.removed.next_if(|key| bound.is_none_or(|bound| key < bound));
        match (&taken, self.removed.peek()) {
            (Some(taken), Some(next)) if next <= taken => Err(out_of_order(next, taken)),
            _ => Ok(taken),
        }
    }

    /// Returns the next package that goes or comes, if it belongs before `bound`: one that does both goes first.
    fn next_before(&mut self, bound: Option<&Key>) -> Result<Option<Key>, Failed<E>> {
        self.added()?;
        let added = self.next.as_ref().map(|piece| &piece.key);
        let next = self.removed.peek().into_iter().chain(added).min();
        Ok(next.filter(|key| bound.is_none_or(|bound| *key < bound)).cloned())
    }
}

fn out_of_order(late: &Key, last: &Key) -> Error {
    if late == last {
        return Error::Twice { href: late.href.clone() };
    }
    Error::Order { href: late.href.clone(), before: last.href.clone() }
}

/// What was walked over last and is not given on yet.
enum Open {
    Nothing,
    /// A leaf of the old state that may still have to take in what follows.
    Kept(usize),
    /// Packages of a new leaf.
    Run(Box<Run>),
}

/// A new leaf under way.
struct Run {
    leaf: Leaf,
    texts: [String; KINDS],
}

struct Walk<'a, F> {
    settings: &'a Settings,
    old: &'a Manifest,
    texts: OldTexts<'a, F>,
    groups: Groups<'a>,
    leaves: Vec<Leaf>,
    open: Open,
}

impl<F: Frames> Walk<'_, F> {
    fn all<R, A, E>(&mut self, changes: &mut Changes<R, A, E>, pool: &Pool<'_, F>) -> Result<(), Failed<E>>
    where
        R: Iterator<Item = Key>,
        A: Iterator<Item = Result<Piece, E>>,
    {
        let old = self.old;
        for at in 0..old.leaves.len() {
            let bound = old.leaves.get(at + 1).map(|next| &next.first);
            if changes.next_before(bound)?.is_some() {
                self.open_leaf(at, bound, changes)?;
            } else {
                self.give_on()?;
                self.open = Open::Kept(at);
            }
        }
        while let Some(piece) = changes.take_added(None)? {
            self.put(piece)?;
            if pool.has_failed() {
                break;
            }
        }
        if let Some(key) = changes.take_removed(None)? {
            return Err(Error::Missing { href: key.href }.into());
        }
        self.give_on()?;
        Ok(self.groups.finish(&mut self.texts)?)
    }

    /// Walks over the changes among the packages of an old leaf, and takes the packages between them along.
    fn open_leaf<R, A, E>(
        &mut self,
        at: usize,
        bound: Option<&Key>,
        changes: &mut Changes<R, A, E>,
    ) -> Result<(), Failed<E>>
    where
        R: Iterator<Item = Key>,
        A: Iterator<Item = Result<Piece, E>>,
    {
        let texts = self.texts.of_leaf(self.settings.kinds(), at)?;
        let mut walked = 0;
        while let Some(key) = changes.next_before(bound)? {
            let place = texts.find(&key, walked)?;
            let (Ok(next) | Err(next)) = place;
            self.keep(at, &texts, walked..next)?;
            walked = next;
            if changes.removed.peek() == Some(&key) {
                if place.is_err() {
                    return Err(Error::Missing { href: key.href }.into());
                }
                changes.take_removed(bound)?;
                walked += 1;
                continue;
            }
            if place.is_ok() {
                return Err(Error::Twice { href: key.href }.into());
            }
            if let Some(added) = changes.take_added(bound)? {
                self.put(added)?;
            }
        }
        Ok(self.keep(at, &texts, walked..texts.count())?)
    }

    /// Adds packages of an old leaf as they are. Only its first one can begin a segment.
    fn keep(&mut self, at: usize, texts: &LeafTexts, packages: Range<usize>) -> Result<(), Error> {
        if packages.is_empty() {
            return Ok(());
        }
        let leaf = &self.old.leaves[at];
        let (first, begins) = match packages.start {
            0 => (leaf.first.clone(), leaf.begins),
            start => (texts.key(start)?, Begins::NONE),
        };
        let count = packages.len() as u32;
        let of_kind = |kind| texts.slice(kind, packages.clone());
        self.append(first, count, begins, of_kind)
    }

    /// Adds the next package.
    fn put(&mut self, piece: Piece) -> Result<(), Error> {
        let Piece { key, texts } = piece;
        let sizes = texts.each_ref().map(String::len);
        let begins = self.settings.cuts.begins(&key, self.settings.kinds(), sizes);
        self.append(key, 1, begins, |kind| &texts[kind as usize])
    }

    /// Adds packages, of which only the first may begin a segment: to the leaf under way, or as the first of another.
    fn append<'t>(
        &mut self,
        first: Key,
        count: u32,
        begins: Begins,
        of_kind: impl Fn(Kind) -> &'t str,
    ) -> Result<(), Error> {
        let kinds = self.settings.kinds();
        if begins == Begins::NONE {
            if let Open::Kept(at) = self.open {
                self.open = Open::Run(Box::new(self.reopen(at)?));
            }
            if let Open::Run(run) = &mut self.open {
                run.leaf.count =
                    run.leaf.count.checked_add(count).ok_or_else(|| Error::TooLarge { href: first.href.clone() })?;
                kinds.iter().for_each(|kind| run.texts[*kind as usize].push_str(of_kind(*kind)));
                return Ok(());
            }
        }
        self.give_on()?;
        let mut texts: [String; KINDS] = Default::default();
        kinds.iter().for_each(|kind| texts[*kind as usize].push_str(of_kind(*kind)));
        self.open = Open::Run(Box::new(Run { leaf: Leaf { first, count, begins }, texts }));
        Ok(())
    }

    /// Returns a kept leaf as one that takes in what follows.
    fn reopen(&mut self, at: usize) -> Result<Run, Error> {
        let mut texts: [String; KINDS] = Default::default();
        for kind in self.settings.kinds() {
            let (text, packages) = self.texts.text(*kind, at)?;
            text.slice(packages).clone_into(&mut texts[*kind as usize]);
        }
        Ok(Run { leaf: self.old.leaves[at].clone(), texts })
    }

    /// Gives on what is open.
    fn give_on(&mut self) -> Result<(), Error> {
        // The first leaf of all begins all files, whatever its package says.
        let is_first = self.leaves.is_empty();
        let head = |leaf: &Leaf| -> (Begins, u32, String) {
            (if is_first { Begins::ALL } else { leaf.begins }, leaf.count, leaf.first.href.clone())
        };
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Kept(at) => {
                let leaf = &self.old.leaves[at];
                let (begins, count, href) = head(leaf);
                self.groups.add(&mut self.texts, (begins, count, &href), |_| Part::Kept(at))?;
                self.leaves.push(leaf.clone());
            }
            Open::Run(run) => {
                let Run { leaf, mut texts } = *run;
                let (begins, count, href) = head(&leaf);
                let part = |kind| Part::Fresh(std::mem::take(&mut texts[kind as usize]));
                self.groups.add(&mut self.texts, (begins, count, &href), part)?;
                self.leaves.push(leaf);
            }
        }
        Ok(())
    }
}
