//! What is there, and may it be shown? Opens a file or a directory, once, and looks where it really is.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, OFlags};
use rustix::io::Errno;

use super::path::{Wanted, is_shown};
use crate::repos::DataFile;

/// Most entries of a directory that are listed.
pub(super) const MOST_ENTRIES: usize = 50_000;

/// Last second that an HTTP date can hold, 9999-12-31, as seconds after 1970.
const LAST_SECOND: i64 = 253_402_300_799;

/// A directory that is served under `/NAME/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The first component of its URLs: letters.
    pub name: &'static str,
    /// The directory; it need not exist yet.
    pub dir: PathBuf,
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(OpenFile),
    Directory(Entries),
}

/// Why nothing is shown.
#[derive(Debug)]
pub(super) enum NotShown {
    /// Nothing is there, or it is nobody's business what.
    Absent,
    /// It could not be found out.
    Failed(io::Error),
}

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum Content {
    /// Behind this handle.
    OnDisk(File),
    /// In segments.
    Joined(DataFile),
}

/// A file to be read and what it was like when it was opened.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub content: Content,
    /// Its name, which decides about its type.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// A strong entity tag, quotes included.
    pub etag: String,
    /// When it was written, in whole seconds as HTTP dates have them; `None` if no such date can say it.
    pub modified: Option<SystemTime>,
    /// Whether its name is the checksum of what it holds.
    pub is_named_by_content: bool,
}

/// A directory's names, sorted.
#[derive(Debug)]
pub(super) struct Entries {
    pub list: Vec<Entry>,
    /// Whether there are more than are listed.
    pub is_cut: bool,
}

/// One name of a directory.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub name: String,
    pub is_directory: bool,
    /// Bytes, of a regular file.
    pub size: Option<u64>,
}

/// Opens what `wanted` leads to. Blocks.
pub(super) fn open(trees: &[Tree], wanted: &Wanted) -> Result<Found, NotShown> {
    let tree = trees.iter().find(|tree| tree.name == wanted.tree()).ok_or(NotShown::Absent)?;
    let mut path = tree.dir.clone();
    path.extend(wanted.below());
    // Not to wait for whoever writes, should it be a pipe.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let handle = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(judge)?;
    if !is_inside(trees, &handle)? {
        return Err(NotShown::Absent);
    }
    let metadata = handle.metadata().map_err(NotShown::Failed)?;
    if metadata.is_dir() {
        return entries(&handle).map(Found::Directory).map_err(|error| NotShown::Failed(error.into()));
    }
    if !metadata.is_file() {
        return Err(NotShown::Absent);
    }
    let checksum = checksum_in_name(wanted.below());
    Ok(Found::File(OpenFile {
        content: Content::OnDisk(handle),
        name: wanted.below().last().cloned().unwrap_or_default(),
        size: metadata.len(),
        // The inode tells apart two files that were renamed into place within one tick of the clock.
        etag: match checksum {
            Some(checksum) => format!("\"{checksum}\""),
            None => format!(
                "\"{:x}-{:x}-{:x}.{:x}\"",
                metadata.ino(),
                metadata.len(),
                metadata.mtime(),
                metadata.mtime_nsec()
            ),
        },
        modified: http_date(metadata.mtime()),
        is_named_by_content: checksum.is_some(),
    }))
}

/// Says what a failure to open means to the reader: nothing there, or our trouble.
fn judge(error: io::Error) -> NotShown {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => return NotShown::Absent,
        _ => {}
    }
    match Errno::from_io_error(&error) {
        // Too long a name, a loop of links, a socket.
        Some(Errno::NAMETOOLONG | Errno::LOOP | Errno::NXIO) => NotShown::Absent,
        _ => NotShown::Failed(error),
    }
}

/// Returns whether the file that `handle` really is lies inside one of the trees.
fn is_inside(trees: &[Tree], handle: &File) -> Result<bool, NotShown> {
    // A file replaced just now is shown as "PATH (deleted)", which is inside where PATH is.
    let real = std::fs::read_link(format!("/proc/self/fd/{}", handle.as_raw_fd())).map_err(NotShown::Failed)?;
    for tree in trees {
        // Looked up each time: a tree may come into being, or be moved behind a link, while we run.
        match tree.dir.canonicalize() {
            Ok(dir) if real.starts_with(&dir) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(NotShown::Failed(error)),
        }
    }
    Ok(false)
}

/// Returns the checksum that a data file of a repository is named by: `repodata/CHECKSUM-primary.xml.zst`.
///
/// Only there: elsewhere a name may happen to look like one.
pub(super) fn checksum_in_name(names: &[String]) -> Option<&str> {
    let [.., parent, name] = names else { return None };
    let (checksum, rest) = name.split_at_checked(64)?;
    let hex = checksum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (parent == "repodata" && hex && rest.starts_with(['-', '.'])).then_some(checksum)
}

/// Returns a time in seconds after 1970 as HTTP dates have them; `None` if no such date can say it.
pub(super) fn http_date(seconds: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(seconds).ok().filter(|_| seconds <= LAST_SECOND)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn entries(directory: &File) -> rustix::io::Result<Entries> {
    let mut list = Vec::new();
    let mut is_cut = false;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().ok().filter(|name| is_shown(name)) else { continue };
        if list.len() == MOST_ENTRIES {
            is_cut = true;
            break;
        }
        // Links are not followed: what they lead to is told when it is asked for.
        let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_file = kind == FileType::RegularFile;
        let size = if is_file { u64::try_from(stat.st_size).ok() } else { None };
        list.push(Entry { name: name.to_owned(), is_directory: kind == FileType::Directory, size });
    }
    list.sort();
    Ok(Entries { list, is_cut })
}

impl OpenFile {
    /// Returns the media type, by the name alone. Nothing is ever shown as HTML.
    pub(super) fn content_type(&self) -> &'static str {
        const TEXT: &str = "text/plain; charset=utf-8";
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("xml") => "application/xml",
            Some("rpm") => "application/x-rpm",
            Some("zst") => "application/zstd",
            Some("gz") => "application/gzip",
            Some("xz") => "application/x-xz",
            Some("json") => "application/json",
            Some("iso") => "application/x-iso9660-image",
            Some("asc") => "application/pgp-signature",
            Some("repo" | "txt" | "log" | "html" | "htm" | "treeinfo" | "discinfo" | "composeinfo") => TEXT,
            _ if matches!(self.name.as_str(), "STATUS" | "COMPOSE_ID") => TEXT,
            _ => "application/octet-stream",
        }
    }
}
