//! Which bytes of the broker may lapin see? All but those of a message that would bring it down.
//!
//! The broker passes on what publishers put into a message's properties without reading it. lapin
//! 4.12 parses nested tables by recursion (a header of 7 KB ends the process by stack overflow) and
//! ends the connection over a name that is not UTF-8 or a type it does not know (and again at each
//! redelivery). So each frame with properties is read here first, without recursion; properties that
//! are not sound are taken off the message, and its body comes alone. What the broker itself says is
//! passed on untouched, but for a routing key that is not UTF-8.

use std::io;

/// Deepest nesting of tables and arrays in headers, the headers not counted. RabbitMQ's own
/// (`x-death`) nest three deep.
const DEEPEST: usize = 8;

/// Longest frame that is held back for a look. RabbitMQ's default of the longest frame is 128 KiB.
const LONGEST: usize = 1024 * 1024;

/// Bytes before the payload: type, channel, size of the payload.
const HEAD: usize = 7;

const METHOD: u8 = 1;
const PROPERTIES: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// Class and method of `basic.deliver`.
const DELIVER: [u8; 4] = [0, 60, 0, 60];

/// The filter: bytes of the broker in, bytes for lapin out.
#[derive(Debug, Default)]
pub(super) struct Filter {
    state: State,
    /// The beginning of a frame that is not whole yet.
    held: Vec<u8>,
    out: Vec<u8>,
    taken: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum State {
    /// At the beginning of a frame.
    #[default]
    Head,
    /// In a frame of this length that is held until it is whole.
    Hold(usize),
    /// In a frame that passes; this much is to come.
    Pass(usize),
    /// No frames (a broker of another protocol): everything passes.
    Through,
}

impl Filter {
    /// Takes in what the broker sent. Fails on a frame longer than any broker sends.
    pub fn push(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.state {
                State::Through => bytes = self.pass(bytes, usize::MAX),
                State::Pass(left) => {
                    let before = bytes.len();
                    bytes = self.pass(bytes, left);
                    let left = left - (before - bytes.len());
                    self.state = if left == 0 { State::Head } else { State::Pass(left) };
                }
                State::Head => {
                    bytes = self.hold(bytes, HEAD);
                    self.begin()?;
                }
                State::Hold(length) => {
                    bytes = self.hold(bytes, length);
                    if self.held.len() == length {
                        mend(&mut self.held);
                        self.out.append(&mut self.held);
                        self.state = State::Head;
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands out what may pass; returns how many bytes.
    pub fn take(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.out.len() - self.taken);
        out[..count].copy_from_slice(&self.out[self.taken..self.taken + count]);
        self.taken += count;
        if self.taken == self.out.len() {
            self.out.clear();
            self.taken = 0;
        }
        count
    }

    fn pass<'a>(&mut self, bytes: &'a [u8], most: usize) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(most));
        self.out.extend_from_slice(now);
        later
    }

    fn hold<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(length - self.held.len()));
        self.held.extend_from_slice(now);
        later
    }

    /// Decides what becomes of the frame whose beginning is held.
    fn begin(&mut self) -> io::Result<()> {
        let kind = self.held[0];
        if ![METHOD, PROPERTIES, BODY, HEARTBEAT].contains(&kind) {
            self.state = State::Through;
            self.out.append(&mut self.held);
            return Ok(());
        }
        if self.held.len() < HEAD {
            return Ok(());
        }
        let size = u32::from_be_bytes([self.held[3], self.held[4], self.held[5], self.held[6]]) as usize;
        // With the byte that ends a frame.
        if kind == BODY || kind == HEARTBEAT {
            self.out.append(&mut self.held);
            self.state = State::Pass(size + 1);
        } else if size > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {size} bytes")));
        } else {
            self.state = State::Hold(HEAD + size + 1);
        }
        Ok(())
    }
}

/// Makes a whole frame bearable.
fn mend(frame: &mut Vec<u8>) {
    let payload = HEAD..frame.len() - 1;
    if frame[0] == METHOD {
        mend_routing_key(&mut frame[payload]);
    } else if properties_are_sound(&frame[payload]).is_none() {
        tracing::warn!(bytes = frame.len(), "a message came with unreadable properties; it is taken without them");
        strip(frame);
    }
}

/// Replaces the bytes of a delivery's routing key that are not ASCII if it is not UTF-8.
fn mend_routing_key(payload: &mut [u8]) {
    let key = || {
        let mut scan = Scan { bytes: payload, at: 0 };
        if scan.skip(4)? != DELIVER {
            return None;
        }
        // Consumer tag, delivery tag and redelivered, exchange.
        scan.short()?;
        scan.skip(9)?;
        scan.short()?;
        let begin = scan.at + 1;
        let key = scan.short()?;
        std::str::from_utf8(key).is_err().then_some(begin..scan.at)
    };
    if let Some(key) = key() {
        payload[key].iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    }
}

/// Takes all properties off a frame: class, weight and size of the body stay, no flag is set.
fn strip(frame: &mut Vec<u8>) {
    const KEPT: usize = 12;
    let end = frame.pop();
    frame.resize(HEAD + KEPT, 0);
    frame.extend([0, 0]);
    frame.extend(end);
    frame[3..HEAD].copy_from_slice(&(KEPT as u32 + 2).to_be_bytes());
}

#[derive(Clone, Copy)]
enum Property {
    Short,
    Table,
    Octet,
    Time,
}

/// The properties of class basic, highest flag first.
const ORDER: [Property; 14] = {
    use Property::{Octet, Short, Table, Time};
    [Short, Short, Table, Octet, Octet, Short, Short, Short, Short, Time, Short, Short, Short, Short]
};

/// Reads the payload of a frame with properties; none if lapin would stumble over it.
fn properties_are_sound(payload: &[u8]) -> Option<()> {
    let mut scan = Scan { bytes: payload, at: 0 };
    scan.skip(12)?;
    let flags = u16::from_be_bytes(scan.skip(2)?.try_into().ok()?);
    // The last two bits stand for no property.
    if flags & 0b11 != 0 {
        return None;
    }
    for (index, property) in ORDER.iter().enumerate() {
        if flags & (0x8000 >> index) == 0 {
            continue;
        }
        match property {
            Property::Short => scan.name()?,
            Property::Table => scan.table()?,
            Property::Octet => drop(scan.skip(1)?),
            Property::Time => drop(scan.skip(8)?),
        }
    }
    (scan.at == payload.len()).then_some(())
}

/// A place in bytes that may end too early.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let skipped = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(skipped)
    }

    fn short(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(*self.skip(1)?.first()?);
        self.skip(length)
    }

    fn name(&mut self) -> Option<()> {
        std::str::from_utf8(self.short()?).ok().map(drop)
    }

    fn length(&mut self) -> Option<usize> {
        Some(u32::from_be_bytes(self.skip(4)?.try_into().ok()?) as usize)
    }

    /// Reads a table with all that is in it, without recursion: what is open stands on a stack.
    fn table(&mut self) -> Option<()> {
        let end = self.length()?.checked_add(self.at)?;
        let mut open = vec![(end, true)];
        while let Some(&(end, named)) = open.last() {
            if self.at >= end {
                // What is inside ends where it said, and so inside of what is around it.
                (self.at == end).then_some(())?;
                open.pop();
                continue;
            }
            if named {
                self.name()?;
            }
            let kind = *self.skip(1)?.first()?;
            match kind {
                b'V' => {}
                b't' | b'b' | b'B' => drop(self.skip(1)?),
                b's' | b'U' | b'u' => drop(self.skip(2)?),
                b'I' | b'i' | b'f' => drop(self.skip(4)?),
                b'D' => drop(self.skip(5)?),
                b'L' | b'l' | b'd' | b'T' => drop(self.skip(8)?),
                b'S' | b'x' => {
                    let length = self.length()?;
                    self.skip(length)?;
                }
                b'F' | b'A' if open.len() <= DEEPEST => {
                    let end = self.length()?.checked_add(self.at)?;
                    open.push((end, kind == b'F'));
                }
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
