//! Which packages does one metadata file list? Their elements one after another, as raw text.
//!
//! Holds one element at a time. Does not read what an element says: see [`super::Quick`] and
//! [`super::Listed::described`].

use std::io::Read;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::error::{Error, Place, Problem};
use super::limits::Limits;
use super::scan::{self, Markup, Scan};
use super::scope::{Scope, Space};
use super::window::Window;

/// Which kind of metadata file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// What solvers need.
    Primary,
    /// All files.
    Filelists,
    /// All files, with a digest each.
    FilelistsExt,
    /// Changelogs.
    Other,
}

impl Document {
    /// Returns the type of the record in `repomd.xml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Filelists => "filelists",
            Self::FilelistsExt => "filelists-ext",
            Self::Other => "other",
        }
    }

    fn root(self) -> (Space, &'static str) {
        match self {
            Self::Primary => (Space::Common, "metadata"),
            Self::Filelists => (Space::Filelists, "filelists"),
            Self::FilelistsExt => (Space::FilelistsExt, "filelists-ext"),
            Self::Other => (Space::Other, "otherdata"),
        }
    }
}

/// One package's element in a metadata file.
#[derive(Debug, Clone, Copy)]
pub struct PackageText<'a> {
    /// The element from its `<` to the `>` of its end.
    pub text: &'a str,
    /// Its first byte in the uncompressed stream.
    pub offset: u64,
    /// Whether the element may stand in a document of ours as it is: its prefixes are createrepo_c's.
    pub is_usual: bool,
    /// Whether there are comments, instructions or raw sections in it.
    pub(super) has_asides: bool,
    pub(super) from: Origin<'a>,
}

/// What is needed to read an element that was cut out of its document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) file: &'a str,
    pub(super) space: Space,
    pub(super) scope: &'a Scope,
    pub(super) limits: &'a Limits,
}

/// The packages of one metadata file, in its order.
pub struct Packages<R> {
    file: String,
    document: Document,
    limits: Limits,
    window: Window<R>,
    scope: Scope,
    scan: Scan,
    announced: Option<u64>,
    came: u64,
    /// Bytes of the element that was given out last.
    given: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body,
    Tail,
}

/// Markup outside of packages.
struct Met {
    /// Name of the element that begins; `None` for an end, a comment, an instruction.
    name: Option<String>,
    is_end: bool,
    length: usize,
}

/// A problem, and where in the window it is.
type Failed = (usize, Problem);

impl<R: Read> Packages<R> {
    /// Returns the packages in an uncompressed stream; `file` is what errors call it.
    pub fn new(input: R, document: Document, file: impl Into<String>, limits: Limits) -> Self {
        Self {
            file: file.into(),
            document,
            limits,
            window: Window::new(input),
            scope: Scope::default(),
            scan: Scan::default(),
            announced: None,
            came: 0,
            given: 0,
            state: State::Head,
        }
    }

    /// Returns which kind of file this is.
    pub fn document(&self) -> Document {
        self.document
    }

    /// Returns how many packages the head announces, once [`Packages::next`] was called.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Returns how many packages have come.
    pub fn came(&self) -> u64 {
        self.came
    }

    /// Returns the next package; `None` at the end of the document.
    ///
    /// # Errors
    /// The stream cannot be read, is cut off, is no such document, or passes a limit.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<PackageText<'_>>, Error> {
        Ok(if self.step()? { Some(self.current()) } else { None })
    }

    /// Goes to the next package; returns whether there is one.
    pub(super) fn step(&mut self) -> Result<bool, Error> {
        if !self.advance().map_err(|(at, problem)| self.error(at, problem))? {
            return Ok(false);
        }
        let verified = scan::text(&self.window.bytes()[..self.given]).and_then(|text| {
            // What neither scanning nor a parser that stops early would see.
            if self.scan.has_asides { Ok(()) } else { scan::references(text) }
        });
        verified.map(|()| true).map_err(|problem| self.error(0, problem))
    }

    /// Returns the package that [`Packages::step`] went to.
    pub(super) fn current(&self) -> PackageText<'_> {
        // It is text: `step` has seen to that.
        let text = std::str::from_utf8(&self.window.bytes()[..self.given]).unwrap_or_default();
        let space = self.document.root().0;
        let from = Origin { file: &self.file, space, scope: &self.scope, limits: &self.limits };
        let declares = memchr::memmem::find(text.as_bytes(), b"xmlns").is_some();
        let is_usual = !declares && self.scope.is_usual(space);
        PackageText { text, offset: self.window.offset(), is_usual, has_asides: self.scan.has_asides, from }
    }

    /// Returns what elements of this file need to be read later.
    pub(super) fn into_origin(self) -> (String, Document, Space, Scope, Limits) {
        (self.file, self.document, self.document.root().0, self.scope, self.limits)
    }

    pub(super) fn error(&self, at: usize, problem: Problem) -> Error {
        let place = Place { file: self.file.clone(), package: None, offset: self.window.offset() + at as u64 };
        Error { place, problem }
    }

    /// Brings the next package to the start of the window; returns whether there is one. An error has
    /// the position in the window.
    fn advance(&mut self) -> Result<bool, Failed> {
        self.window.give_up(std::mem::take(&mut self.given));
        if self.state == State::Head {
            self.head()?;
        }
        while self.state == State::Body {
            let Met { name, is_end, length } = match self.markup()? {
                None => return Err((self.window.bytes().len(), Problem::Cut)),
                Some(found) => found,
            };
            if is_end {
                self.state = State::Tail;
                self.window.give_up(length);
                break;
            }
            let Some(name) = name else {
                self.window.give_up(length);
                continue;
            };
            let length = self.element()?;
            if self.is_package(&name).map_err(|problem| (0, problem))? {
                self.came += 1;
                if self.came > self.limits.packages {
                    return Err((0, Problem::TooLarge { what: "packages", limit: self.limits.packages }));
                }
                self.given = length;
                return Ok(true);
            }
            self.window.give_up(length);
        }
        self.tail()?;
        Ok(false)
    }

    /// Passes blanks, and returns the markup that follows; `None` at the end of the stream.
    fn markup(&mut self) -> Result<Option<Met>, Failed> {
        loop {
            let blanks = self.window.bytes().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.window.give_up(blanks);
            match self.window.bytes().first() {
                Some(b'<') => {
                    if let Some(found) = scan::markup(self.window.bytes(), &self.limits).map_err(|p| (0, p))? {
                        return self.understood(found).map(Some);
                    }
                }
                Some(_) => return Err((0, Problem::Form("there is text between elements"))),
                None => {}
            }
            if !self.window.more().map_err(|problem| (0, problem))? {
                return if self.window.bytes().is_empty() { Ok(None) } else { Err((0, Problem::Cut)) };
            }
        }
    }

    fn understood(&self, (found, length): (Markup<'_>, usize)) -> Result<Met, Failed> {
        match found {
            Markup::Aside => Ok(Met { name: None, is_end: false, length }),
            Markup::Raw => Err((0, Problem::Form("there is text between elements"))),
            Markup::Close { .. } => Ok(Met { name: None, is_end: true, length }),
            Markup::Open { name, .. } => {
                let name = std::str::from_utf8(name).map_err(|_| (0, Problem::Encoding))?;
                Ok(Met { name: Some(name.to_owned()), is_end: false, length })
            }
        }
    }

    /// Brings the element that the window starts with into the window whole; returns its length.
    fn element(&mut self) -> Result<usize, Failed> {
        self.scan.restart();
        let most = self.limits.package_bytes;
        loop {
            let found = self.scan.element(self.window.bytes(), &self.limits);
            let seen = self.scan.seen();
            let found = found.map_err(|problem| (seen, problem))?;
            if found.unwrap_or(seen) > most {
                return Err((seen, Problem::TooLarge { what: "bytes of one package", limit: most as u64 }));
            }
            if let Some(length) = found {
                return Ok(length);
            }
            if !self.window.more().map_err(|problem| (seen, problem))? {
                return Err((self.window.bytes().len(), Problem::Cut));
            }
        }
    }

    /// Returns whether the element that the window starts with is a package.
    fn is_package(&self, name: &str) -> Result<bool, Problem> {
        let wanted = (self.document.root().0, "package");
        let bytes = self.window.bytes();
        let tag = scan::markup(bytes, &self.limits)?.map_or(0, |(_, length)| length);
        if memchr::memmem::find(&bytes[..tag], b"xmlns").is_none() {
            return Ok(self.scope.resolve(name) == wanted);
        }
        let mut scope = self.scope.clone();
        scope.enter(&start_tag(scan::text(&bytes[..tag])?)?)?;
        Ok(scope.resolve(name) == wanted)
    }

    /// Reads what stands before the first package.
    fn head(&mut self) -> Result<(), Failed> {
        self.begin().map_err(|problem| (0, problem))?;
        loop {
            let Some(Met { name, length, .. }) = self.markup()? else { return Err((0, Problem::Cut)) };
            if let Some(name) = name {
                self.root(&name, length).map_err(|problem| (0, problem))?;
                self.window.give_up(length);
                return Ok(());
            }
            self.window.give_up(length);
        }
    }

    /// Passes a byte order mark, and refuses a declaration of another encoding than UTF-8.
    fn begin(&mut self) -> Result<(), Problem> {
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.window.has(MARK.len())? && self.window.bytes().starts_with(MARK) {
            self.window.give_up(MARK.len());
        }
        if !self.window.has(6)? || !self.window.bytes().starts_with(b"<?xml ") {
            return Ok(());
        }
        while scan::markup(self.window.bytes(), &self.limits)?.is_none() {
            if !self.window.more()? {
                return Err(Problem::Cut);
            }
        }
        let length = scan::markup(self.window.bytes(), &self.limits)?.map_or(0, |(_, length)| length);
        let text = scan::text(&self.window.bytes()[..length])?;
        if let Event::Decl(declaration) = Reader::from_str(text).read_event().map_err(Problem::Xml)?
            && let Some(encoding) = declaration.encoding()
        {
            let encoding = encoding.map_err(|error| Problem::Xml(error.into()))?;
            if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&encoding.to_ascii_lowercase().as_str()) {
                return Err(Problem::Encoding);
            }
        }
        self.window.give_up(length);
        Ok(())
    }

    fn root(&mut self, name: &str, length: usize) -> Result<(), Problem> {
        let text = scan::text(&self.window.bytes()[..length])?;
        let start = start_tag(text)?;
        let mut scope = Scope::default();
        scope.enter(&start)?;
        let wanted = self.document.root();
        if scope.resolve(name) != wanted {
            return Err(Problem::Root(wanted.1));
        }
        let announced = start.try_get_attribute("packages").map_err(|error| Problem::Xml(error.into()))?;
        let is_empty = text.ends_with("/>");
        self.announced = announced.and_then(|found| found.value.trim().parse().ok());
        self.scope = scope;
        self.state = if is_empty { State::Tail } else { State::Body };
        Ok(())
    }

    /// Checks that nothing stands behind the root.
    fn tail(&mut self) -> Result<(), Failed> {
        while let Some(Met { name, is_end, length }) = self.markup()? {
            if name.is_some() || is_end {
                return Err((0, Problem::Form("there is something behind the root")));
            }
            self.window.give_up(length);
        }
        Ok(())
    }
}

/// Reads the start tag that is all of `text`.
fn start_tag(text: &str) -> Result<BytesStart<'_>, Problem> {
    match Reader::from_str(text).read_event().map_err(Problem::Xml)? {
        Event::Start(start) | Event::Empty(start) => Ok(start),
        _ => Err(Problem::Form("a tag is not where it has to be")),
    }
}
