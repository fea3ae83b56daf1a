//! Which part of a stream is in memory? A window that grows at its end and is given up at its start.

use std::io::{self, Read};

use super::error::Problem;

const LEAST: usize = 256 << 10;

/// Bytes of a stream that are looked at. Positions count from the start of the window.
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where the start of the window is in the stream.
    offset: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), start: 0, end: 0, offset: 0 }
    }

    /// Returns what is in the window.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Returns where in the stream the window starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Gives up the first bytes of the window.
    pub(super) fn give_up(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// Reads more of the stream; returns whether there was more.
    pub(super) fn more(&mut self) -> Result<bool, Problem> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.end < LEAST {
            let size = (self.bytes.len() * 2).max(LEAST * 2);
            self.bytes.resize(size, 0);
        }
        loop {
            match self.input.read(&mut self.bytes[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads on until the window has so many bytes; returns whether the stream had them.
    pub(super) fn has(&mut self, length: usize) -> Result<bool, Problem> {
        while self.bytes().len() < length {
            if !self.more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
