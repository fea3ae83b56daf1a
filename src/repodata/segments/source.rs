//! How do the pieces of a file come fast enough? They are read, checked and opened ahead of who takes them.

use std::sync::mpsc::sync_channel;

use super::super::{Compression, Kind};
use super::assemble::Part;
use super::codec;
use super::texts::checked;
use super::{Error, Frames, Settings};

/// About how many bytes of text are read ahead.
const AHEAD: u64 = 8 << 20;

/// Where the segments of a file come from.
pub(super) struct Source<'a, F> {
    pub kind: Kind,
    compression: Compression,
    /// How many are read ahead.
    ahead: usize,
    /// Whether their text is wanted.
    is_opened: bool,
    frames: &'a F,
}

/// A piece on its way.
pub(super) struct Read {
    /// The bytes as they lie.
    pub bytes: Vec<u8>,
    /// The text of a segment, where that is wanted.
    pub text: Option<Vec<u8>>,
}

impl<'a, F: Frames> Source<'a, F> {
    /// Returns the source of a file made with `settings`; `is_opened` says whether texts are wanted.
    pub fn new(kind: Kind, settings: &Settings, is_opened: bool, frames: &'a F) -> Self {
        let ahead = (AHEAD / settings.cuts.of(kind).max(1)).max(1) as usize;
        Self { kind, compression: settings.compression.of_segments(), ahead, is_opened, frames }
    }

    /// Shows each piece to `pass` and then gives it to `take`, in their order. Reading, passing and taking each go
    /// on in a thread of their own.
    pub fn each(
        &self,
        parts: impl Iterator<Item = Part> + Send,
        mut pass: impl FnMut(&mut Read) + Send,
        mut take: impl FnMut(Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        std::thread::scope(|scope| {
            let (give, given) = sync_channel(self.ahead);
            let (hand_on, handed_on) = sync_channel(self.ahead);
            // Whoever gives ends where nobody takes any more, which is where taking failed.
            scope.spawn(move || parts.map(|part| self.read(part)).try_for_each(|read| give.send(read)));
            scope.spawn(move || {
                given.into_iter().try_for_each(|mut read: Result<Read, Error>| {
                    if let Ok(read) = &mut read {
                        pass(read);
                    }
                    hand_on.send(read)
                })
            });
            handed_on.into_iter().try_for_each(|read| take(read?))
        })
    }

    fn read(&self, part: Part) -> Result<Read, Error> {
        let kind = self.kind;
        let frame = match part {
            Part::Bytes(bytes) => return Ok(Read { bytes, text: None }),
            Part::Frame(frame) => frame,
        };
        let bytes = checked(self.frames, kind, &frame)?;
        let text = self.is_opened.then(|| codec::open(self.compression, &bytes, frame.open as usize)).transpose();
        Ok(Read { bytes, text: text.map_err(|source| Error::Get { kind, source })? })
    }
}
