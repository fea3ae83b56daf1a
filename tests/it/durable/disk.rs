//! What would a disk hold if the machine lost its power now? What was synced, and in time.
//!
//! Follows a trace: files by their names, whatever they are renamed to, when they were last written, and
//! which entries of directories were synced. Only what began before it happened counts as synced in time.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::trace::{Act, Call};

/// A file, whatever its names are.
type File = usize;

/// When bytes or entries changed last, and since when they are synced.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    changed: Option<usize>,
    synced: Option<usize>,
}

impl Times {
    fn is_durable(self) -> bool {
        self.changed.is_none_or(|changed| self.synced.is_some_and(|synced| changed < synced))
    }
}

/// A disk, as far as a trace tells.
#[derive(Debug, Default)]
pub struct Disk {
    names: BTreeMap<PathBuf, File>,
    files: Vec<Times>,
    /// When the entry of a path came to be in its directory.
    entries: BTreeMap<PathBuf, usize>,
    /// When the last finished sync of a directory began.
    synced: HashMap<PathBuf, usize>,
}

impl Disk {
    /// Follows one call. Calls come in the order in which they ended.
    fn follow(&mut self, call: &Call) {
        match &call.act {
            Act::Create(path) => {
                if !self.names.contains_key(path) {
                    self.entries.insert(path.clone(), call.end);
                }
                self.write(path, call.end);
            }
            Act::Write(path, _) => self.write(path, call.end),
            Act::Sync(path) => {
                // One that began earlier may have ended later.
                let synced = self.synced.entry(path.clone()).or_default();
                *synced = call.begin.max(*synced);
                if let Some(file) = self.names.get(path) {
                    let synced = &mut self.files[*file].synced;
                    *synced = Some(call.begin).max(*synced);
                }
            }
            Act::Rename(from, to) => self.rename(from, to, call.end),
            Act::Link(from, to) => {
                let file = self.file(from);
                self.names.insert(to.clone(), file);
                self.entries.insert(to.clone(), call.end);
            }
            Act::Symlink(path) | Act::MakeDir(path) => {
                self.entries.insert(path.clone(), call.end);
            }
            Act::Remove(path) => {
                self.names.remove(path);
                self.entries.remove(path);
            }
        }
    }

    fn file(&mut self, path: &Path) -> File {
        if let Some(file) = self.names.get(path) {
            return *file;
        }
        self.files.push(Times::default());
        self.names.insert(path.to_owned(), self.files.len() - 1);
        self.files.len() - 1
    }

    fn write(&mut self, path: &Path, when: usize) {
        let file = self.file(path);
        self.files[file].changed = Some(when);
    }

    /// Moves a name and, where it is a directory's, all below it.
    fn rename(&mut self, from: &Path, to: &Path, when: usize) {
        self.names = moved(std::mem::take(&mut self.names), from, to);
        self.entries = moved(std::mem::take(&mut self.entries), from, to);
        self.synced = moved(std::mem::take(&mut self.synced).into_iter().collect(), from, to).into_iter().collect();
        self.entries.insert(to.to_owned(), when);
    }

    /// Returns a disk that has seen all calls that had ended when the line `before` of the trace began.
    pub fn at(before: usize, calls: &[Call]) -> Self {
        let mut disk = Self::default();
        for call in calls.iter().filter(|call| call.end < before) {
            disk.follow(call);
        }
        disk
    }

    /// Returns what a loss of power now would take from the file at `path`: its bytes, its name, or that
    /// of a directory above it.
    pub fn losses(&self, path: &Path) -> Vec<String> {
        let mut losses: Vec<String> = self.lost_bytes(path).into_iter().collect();
        losses.extend(self.lost_names(path));
        losses
    }

    /// Returns the complaint that a loss of power now would take bytes of the file at `path`.
    pub fn lost_bytes(&self, path: &Path) -> Option<String> {
        match self.names.get(path) {
            None => Some(format!("{} was never put there", path.display())),
            Some(file) if !self.files[*file].is_durable() => {
                Some(format!("{} was not synced after it was written", path.display()))
            }
            Some(_) => None,
        }
    }

    /// Returns which name, of `path` or of a directory above it, a loss of power now would take.
    pub fn lost_names(&self, path: &Path) -> Vec<String> {
        let mut losses = Vec::new();
        for name in path.ancestors() {
            let (Some(came), Some(directory)) = (self.entries.get(name), name.parent()) else { continue };
            if self.synced.get(directory).is_none_or(|synced| synced < came) {
                losses.push(format!("{} was not synced after {} came into it", directory.display(), name.display()));
            }
        }
        losses
    }

    /// Returns all names below a directory that came to be in the trace: files, links and directories.
    pub fn below(&self, directory: &Path) -> Vec<PathBuf> {
        self.entries.keys().filter(|path| path.starts_with(directory)).cloned().collect()
    }

    /// Returns whether a name is that of a file, as opposed to a directory or a symbolic link.
    pub fn is_file(&self, path: &Path) -> bool {
        self.names.contains_key(path)
    }
}

fn moved<T>(map: BTreeMap<PathBuf, T>, from: &Path, to: &Path) -> BTreeMap<PathBuf, T> {
    let mut moved = BTreeMap::new();
    let mut came = Vec::new();
    for (path, value) in map {
        match path.strip_prefix(from) {
            Ok(rest) if rest.as_os_str().is_empty() => came.push((to.to_owned(), value)),
            Ok(rest) => came.push((to.join(rest), value)),
            Err(_) => {
                moved.insert(path, value);
            }
        }
    }
    moved.extend(came);
    moved
}

#[cfg(test)]
mod tests {
    use super::super::trace::parse;
    use super::*;

    /// A file as it should be written: beside its place, synced, renamed, the directories synced.
    const WHOLE: [&str; 7] = [
        "mkdir(\"/r/d\", 0777) = 0",
        "fsync(3</r>) = 0",
        "openat(AT_FDCWD</>, \"/r/d/.new\", O_WRONLY|O_CREAT, 0666) = 4</r/d/.new>",
        "write(4</r/d/.new>, \"x\", 1) = 1",
        "fsync(4</r/d/.new>) = 0",
        "rename(\"/r/d/.new\", \"/r/d/file\") = 0",
        "fsync(5</r/d>) = 0",
    ];

    fn losses(lines: &[&str]) -> Vec<String> {
        let text: String = lines.iter().map(|line| format!("7 {line}\n")).collect();
        Disk::at(usize::MAX, &parse(&text)).losses(Path::new("/r/d/file"))
    }

    #[test]
    fn a_file_that_was_synced_at_each_step_is_safe() {
        assert_eq!(losses(&WHOLE), Vec::<String>::new());
    }

    #[test]
    fn each_sync_that_is_missing_is_found() {
        for (missing, complaint) in [(1, "/r was not synced"), (4, "file was not synced"), (6, "/r/d was not synced")] {
            let mut lines = WHOLE.to_vec();
            lines.remove(missing);
            let found = losses(&lines);
            assert!(found.len() == 1 && found[0].contains(complaint), "{found:?}");
        }
    }

    #[test]
    fn a_sync_that_comes_too_early_or_overlaps_does_not_count() {
        let mut early = WHOLE.to_vec();
        early.swap(5, 6);
        assert_eq!(losses(&early).len(), 1);
        let mut rewritten = WHOLE.to_vec();
        rewritten.push("write(4</r/d/file>, \"y\", 1) = 1");
        assert_eq!(losses(&rewritten).len(), 1);
        let text = "7 openat(AT_FDCWD</>, \"/r/d/file\", O_WRONLY|O_CREAT, 0666) = 4</r/d/file>\n\
                    8 fsync(4</r/d/file> <unfinished ...>\n7 write(4</r/d/file>, \"x\", 1) = 1\n\
                    8 <... fsync resumed>) = 0\n7 fsync(4</r/d>) = 0\n";
        assert_eq!(
            Disk::at(usize::MAX, &parse(text)).losses(Path::new("/r/d/file")),
            ["/r/d/file was not synced after it was written"]
        );
    }

    #[test]
    fn a_renamed_directory_takes_what_is_in_it_along() {
        let mut lines: Vec<String> = WHOLE.iter().map(|line| line.replace("/r/d", "/r/.t")).collect();
        lines.push("rename(\"/r/.t\", \"/r/d\") = 0".to_owned());
        let as_text = |lines: &[String]| losses(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(as_text(&lines), ["/r was not synced after /r/d came into it"]);
        lines.push("fsync(3</r>) = 0".to_owned());
        assert_eq!(as_text(&lines), Vec::<String>::new());
        lines.remove(4);
        assert_eq!(as_text(&lines), ["/r/d/file was not synced after it was written"]);
    }

    #[test]
    fn a_second_name_has_the_bytes_of_the_first() {
        let mut lines = WHOLE.to_vec();
        lines[5] = "link(\"/r/d/.new\", \"/r/d/file\") = 0";
        assert_eq!(losses(&lines), Vec::<String>::new());
        lines.remove(4);
        assert_eq!(losses(&lines).len(), 1);
    }
}
