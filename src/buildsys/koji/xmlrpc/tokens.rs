//! What pieces is an answer made of? Tags and texts, counted.
//!
//! Nothing here knows which of them may follow which.

use std::io::{self, BufRead, Read, Take};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::{Error, Limits};

/// An input that gives no more bytes for one piece than a value may have: a piece is held whole.
struct Guarded<R> {
    input: Take<R>,
    left: u64,
}

impl<R: BufRead> Read for Guarded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Guarded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.input.limit() == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let bytes = self.input.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        self.input.consume(amount);
        self.left -= amount as u64;
    }
}

/// A piece of the answer.
pub(super) enum Token {
    Open(String),
    Close(String),
    Text(String),
}

/// The pieces of an answer, one after another.
pub(super) struct Tokens<R> {
    reader: Reader<Guarded<R>>,
    buffer: Vec<u8>,
    /// The tag behind the text that was given last.
    held: Option<Token>,
    pub(super) limits: Limits,
    /// How many bytes the value in hand may still have.
    left: u64,
}

impl<R: BufRead> Tokens<R> {
    pub(super) fn new(input: R, limits: Limits) -> Self {
        let mut reader = Reader::from_reader(Guarded { input: input.take(limits.bytes), left: 0 });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), held: None, limits, left: limits.value }
    }

    /// Counts what comes from here on as another value.
    pub(super) fn begin_value(&mut self) {
        self.left = self.limits.value;
    }

    /// Returns what comes next: blanks between tags say nothing.
    pub(super) fn next(&mut self) -> Result<Token, Error> {
        self.next_or(false)
    }

    /// Returns what comes next: blanks are text too.
    pub(super) fn next_text(&mut self) -> Result<Token, Error> {
        self.next_or(true)
    }

    fn next_or(&mut self, are_blanks_text: bool) -> Result<Token, Error> {
        if let Some(tag) = self.held.take() {
            return Ok(tag);
        }
        let mut text = String::new();
        let tag = loop {
            match self.piece()? {
                Token::Text(more) => text.push_str(&more),
                tag => break tag,
            }
        };
        if text.is_empty() || (!are_blanks_text && text.trim().is_empty()) {
            return Ok(tag);
        }
        self.held = Some(tag);
        Ok(Token::Text(text))
    }

    /// Returns the next tag or piece of text.
    fn piece(&mut self) -> Result<Token, Error> {
        loop {
            self.reader.get_mut().left = self.limits.value;
            self.buffer.clear();
            let at = self.reader.buffer_position();
            let token = match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(tag)) => Token::Open(tag.name().as_ref().to_owned()),
                Ok(Event::End(tag)) => Token::Close(tag.name().as_ref().to_owned()),
                Ok(Event::Text(text)) => Token::Text(text.xml10_content().into_owned()),
                Ok(Event::CData(text)) => Token::Text(text.xml10_content().into_owned()),
                Ok(Event::GeneralRef(reference)) => match resolve(&reference) {
                    Some(character) => Token::Text(character.to_string()),
                    None => {
                        return Err(Error::Form { at, what: "it names an entity that XML does not have".to_owned() });
                    }
                },
                Ok(Event::DocType(_)) => return Err(Error::Form { at, what: "it has a document type".to_owned() }),
                Ok(Event::Eof) => return Err(self.broken_off(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => continue,
                Err(quick_xml::Error::Io(cause)) => return Err(self.broken_off(io::Error::new(cause.kind(), cause))),
                Err(source) => return Err(Error::Xml { at, source: Box::new(source) }),
            };
            self.count(&token)?;
            return Ok(token);
        }
    }

    /// Counts a piece to the value in hand: tags take memory too.
    fn count(&mut self, token: &Token) -> Result<(), Error> {
        let size = match token {
            Token::Open(name) | Token::Close(name) => name.len() + 16,
            Token::Text(text) => text.len(),
        };
        let limit = self.limits.value;
        self.left = self.left.checked_sub(size as u64).ok_or(Error::TooMuch { what: "bytes in one value", limit })?;
        Ok(())
    }

    fn broken_off(&self, cause: io::Error) -> Error {
        if cause.kind() != io::ErrorKind::FileTooLarge {
            return Error::Read(cause);
        }
        match self.reader.get_ref().input.limit() {
            0 => Error::TooMuch { what: "bytes", limit: self.limits.bytes },
            _ => Error::TooMuch { what: "bytes in one value", limit: self.limits.value },
        }
    }

    pub(super) fn wrong(&self, what: String) -> Error {
        Error::Form { at: self.reader.buffer_position(), what }
    }

    pub(super) fn unexpected(&self, wanted: &str, found: &Token) -> Error {
        let found = match found {
            Token::Open(name) => format!("<{}>", shortened(name)),
            Token::Close(name) => format!("</{}>", shortened(name)),
            Token::Text(text) => format!("\"{}\"", shortened(text)),
        };
        self.wrong(format!("{wanted} was to come, and {found} came"))
    }
}

fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    match &*reference.xml10_content() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// Returns the beginning of a text, for errors.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
