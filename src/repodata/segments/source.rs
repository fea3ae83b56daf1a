//! How do the pieces of a file come fast enough? They are read, checked and opened ahead of who takes them.

use std::sync::mpsc::sync_channel;

use super::super::{Compression, Kind};
use super::assemble::Part;
use super::codec;
use super::texts::checked;
use super::{Error, Frames};

/// How many bytes are handed on together: many threads wake one another seldom.
const TOGETHER: usize = 512 << 10;

/// How many times as much is read ahead.
const AHEAD: usize = 4;

/// Where the segments of a file come from.
pub(super) struct Source<'a, F> {
    pub kind: Kind,
    compression: Compression,
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
    /// Returns the source of a file whose segments are compressed so; `is_opened` says whether texts are wanted.
    pub fn new(kind: Kind, compression: Compression, is_opened: bool, frames: &'a F) -> Self {
        Self { kind, compression: compression.of_segments(), is_opened, frames }
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
            let (give, given) = sync_channel(AHEAD);
            let (hand_on, handed_on) = sync_channel(AHEAD);
            // Whoever gives ends where nobody takes any more, which is where taking failed.
            scope.spawn(move || {
                let mut parts = parts.peekable();
                while parts.peek().is_some() && give.send(self.some(&mut parts)).is_ok() {}
            });
            scope.spawn(move || {
                given.into_iter().try_for_each(|mut some: Result<Vec<Read>, Error>| {
                    some.iter_mut().flatten().for_each(&mut pass);
                    hand_on.send(some)
                })
            });
            handed_on.into_iter().try_for_each(|some| some?.into_iter().try_for_each(&mut take))
        })
    }

    /// Reads the next pieces.
    fn some(&self, parts: &mut impl Iterator<Item = Part>) -> Result<Vec<Read>, Error> {
        let (mut some, mut size) = (Vec::new(), 0);
        while size < TOGETHER
            && let Some(part) = parts.next()
        {
            let read = self.read(part)?;
            size += read.bytes.len() + read.text.as_ref().map_or(0, Vec::len);
            some.push(read);
        }
        Ok(some)
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
