//! How does a list of segments follow a change? Leaves that are touched are opened, all others kept.
//!
//! From an empty list it is how a repository is made in the first place: there is one way only, and
//! the same set gives the same bytes by it.

use std::iter::Peekable;
use std::sync::mpsc::Receiver;

use super::super::Kind;
use super::cut::Begins;
use super::groups::{Groups, Part};
use super::keys::key_of;
use super::manifest::{Frame, Leaf, Manifest};
use super::pool::{Made, Pool};
use super::texts::OldTexts;
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

    /// Returns whether something changes before `bound`.
    fn any_before(&mut self, bound: Option<&Key>) -> Result<bool, Failed<E>> {
        let before = |key: &Key| bound.is_none_or(|bound| key < bound);
        Ok(self.removed.peek().is_some_and(before) || self.added()?.is_some_and(|piece| before(&piece.key)))
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
            if changes.any_before(bound)? {
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

    /// Walks over the packages of an old leaf and the changes among them.
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
        for piece in self.pieces(at)? {
            while let Some(added) = changes.take_added(Some(&piece.key))? {
                self.put(added)?;
            }
            if let Some(missing) = changes.take_removed(Some(&piece.key))? {
                return Err(Error::Missing { href: missing.href }.into());
            }
            if changes.removed.peek() == Some(&piece.key) {
                changes.removed.next();
                continue;
            }
            if changes.added()?.is_some_and(|added| added.key == piece.key) {
                return Err(Error::Twice { href: piece.key.href }.into());
            }
            self.put(piece)?;
        }
        while let Some(added) = changes.take_added(bound)? {
            self.put(added)?;
        }
        match changes.take_removed(bound)? {
            Some(missing) => Err(Error::Missing { href: missing.href }.into()),
            None => Ok(()),
        }
    }

    /// Returns the packages of an old leaf.
    fn pieces(&mut self, at: usize) -> Result<Vec<Piece>, Error> {
        let count = self.old.leaves.get(at).map_or(0, |leaf| leaf.count as usize);
        self.texts.open_all(self.settings.kinds(), at)?;
        let mut texts: Vec<[String; KINDS]> = vec![Default::default(); count];
        for kind in self.settings.kinds() {
            let (text, packages) = self.texts.text(*kind, at)?;
            for (of_package, package) in texts.iter_mut().zip(packages) {
                text.slice(package..package + 1).clone_into(&mut of_package[*kind as usize]);
            }
        }
        let mut pieces = Vec::with_capacity(count);
        for texts in texts {
            let unnamed = Error::Damaged { kind: Kind::Primary, why: "a package in it has no name" };
            pieces.push(Piece { key: key_of(&texts[Kind::Primary as usize]).ok_or(unnamed)?, texts });
        }
        Ok(pieces)
    }

    /// Adds the next package, to the leaf under way or as the first of another.
    fn put(&mut self, piece: Piece) -> Result<(), Error> {
        let Piece { key, texts } = piece;
        let sizes = texts.each_ref().map(String::len);
        let begins = self.settings.cuts.begins(&key, self.settings.kinds(), sizes);
        if begins == Begins::NONE {
            if let Open::Kept(at) = self.open {
                self.open = Open::Run(Box::new(self.reopen(at)?));
            }
            if let Open::Run(run) = &mut self.open {
                return run.push(&key, &texts);
            }
        }
        self.give_on()?;
        self.open = Open::Run(Box::new(Run { leaf: Leaf { first: key, count: 1, begins }, texts }));
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

impl Run {
    fn push(&mut self, key: &Key, texts: &[String; KINDS]) -> Result<(), Error> {
        self.leaf.count = self.leaf.count.checked_add(1).ok_or_else(|| Error::TooLarge { href: key.href.clone() })?;
        for (all, text) in self.texts.iter_mut().zip(texts) {
            all.push_str(text);
        }
        Ok(())
    }
}
