//! Which leaves make one segment of a file? Gathers them, keeps segments that stay as they are.

use super::super::Kind;
use super::cut::Begins;
use super::manifest::Frame;
use super::pool::Job;
use super::texts::OldTexts;
use super::{Error, Frames, KINDS};

/// A leaf of the new state, as far as one file is concerned.
pub(super) enum Part {
    /// A leaf of the old state, unchanged.
    Kept(usize),
    /// Text of packages.
    Fresh(String),
}

/// Leaves that are gathered for one segment of one file.
#[derive(Default)]
struct Group {
    parts: Vec<Part>,
    count: u32,
    href: String,
}

/// The segments of all files under way.
pub(super) struct Groups<'a> {
    kinds: &'a [Kind],
    jobs: Box<dyn FnMut(Job) + 'a>,
    open: [Group; KINDS],
    /// The segments so far; `None` is in the hands of the compressors.
    pub frames: [Vec<Option<Frame>>; KINDS],
}

impl<'a> Groups<'a> {
    pub(super) fn new(kinds: &'a [Kind], jobs: Box<dyn FnMut(Job) + 'a>) -> Self {
        Self { kinds, jobs, open: Default::default(), frames: Default::default() }
    }

    /// Adds the next leaf; `part` gives it by kind.
    pub(super) fn add<F: Frames>(
        &mut self,
        old: &mut OldTexts<'_, F>,
        leaf: (Begins, u32, &str),
        mut part: impl FnMut(Kind) -> Part,
    ) -> Result<(), Error> {
        let (begins, count, href) = leaf;
        for kind in self.kinds {
            if begins.of(*kind) {
                self.close(old, *kind)?;
            }
            let group = &mut self.open[*kind as usize];
            if group.parts.is_empty() {
                href.clone_into(&mut group.href);
            }
            let too_large = || Error::TooLarge { href: href.to_owned() };
            group.count = group.count.checked_add(count).ok_or_else(too_large)?;
            group.parts.push(part(*kind));
        }
        Ok(())
    }

    /// Ends all files.
    pub(super) fn finish<F: Frames>(&mut self, old: &mut OldTexts<'_, F>) -> Result<(), Error> {
        self.kinds.iter().try_for_each(|kind| self.close(old, *kind))
    }

    /// Ends a segment: the old one where nothing in it changed, else its text goes to the compressors.
    fn close<F: Frames>(&mut self, old: &mut OldTexts<'_, F>, kind: Kind) -> Result<(), Error> {
        let Group { parts, count, href } = std::mem::take(&mut self.open[kind as usize]);
        if parts.is_empty() {
            return Ok(());
        }
        let frames = &mut self.frames[kind as usize];
        if let Some(frame) = unchanged(&parts, old, kind) {
            frames.push(Some(*frame));
            return Ok(());
        }
        let text = joined(parts, old, kind)?;
        let job = Job { kind, at: frames.len(), count, text, href };
        frames.push(None);
        (self.jobs)(job);
        Ok(())
    }
}

/// Returns the text of a segment.
fn joined<F: Frames>(mut parts: Vec<Part>, old: &mut OldTexts<'_, F>, kind: Kind) -> Result<String, Error> {
    if let [Part::Fresh(fresh)] = &mut parts[..] {
        return Ok(std::mem::take(fresh));
    }
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Fresh(fresh) => text.push_str(&fresh),
            Part::Kept(leaf) => {
                let (held, packages) = old.text(kind, leaf)?;
                text.push_str(held.slice(packages));
            }
        }
    }
    Ok(text)
}

/// Returns the old segment that is made of the same leaves.
fn unchanged<'a, F: Frames>(parts: &[Part], old: &'a OldTexts<'_, F>, kind: Kind) -> Option<&'a Frame> {
    let mut leaves: Option<std::ops::Range<usize>> = None;
    for part in parts {
        match (part, &mut leaves) {
            (Part::Kept(leaf), None) => leaves = Some(*leaf..leaf + 1),
            (Part::Kept(leaf), Some(run)) if run.end == *leaf => run.end += 1,
            _ => return None,
        }
    }
    old.frame_of(kind, leaves?)
}
