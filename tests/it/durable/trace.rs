//! What did a program do to its files? Reads what `strace -f -y` wrote.
//!
//! Only calls that changed a file or a directory, or made one durable, and that succeeded. A call has
//! a beginning and an end, since those of other threads lie in between.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What to trace, for `strace -e trace=`.
pub const CALLS: &str = "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,ioctl,\
                         ftruncate,truncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,symlink,\
                         symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir";

/// What one call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A file came to be, or was emptied.
    Create(PathBuf),
    /// Bytes went into a file; the text is what strace shows of them.
    Write(PathBuf, String),
    /// A file or directory was synced.
    Sync(PathBuf),
    /// A name was moved, onto another one maybe.
    Rename(PathBuf, PathBuf),
    /// A second name was given.
    Link(PathBuf, PathBuf),
    /// A symbolic link was made.
    Symlink(PathBuf),
    /// A directory was made.
    MakeDir(PathBuf),
    /// A name was taken away.
    Remove(PathBuf),
}

/// One call, with the lines of the trace on which it began and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where it began.
    pub begin: usize,
    /// Where it ended.
    pub end: usize,
    /// What it did.
    pub act: Act,
}

/// Reads a trace.
pub fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let (begin, whole) = if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (number, start));
            continue;
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let Some((begin, start)) = unfinished.remove(thread) else { continue };
            (begin, format!("{start}{end}"))
        } else {
            (number, rest.to_owned())
        };
        let act = act(&whole);
        calls.extend(act.map(|act| Call { begin, end: number, act }));
    }
    calls.sort_by_key(|call| call.end);
    calls
}

/// Returns what a call did, if it succeeded and did something.
fn act(call: &str) -> Option<Act> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let paths = paths(arguments);
    let path = |at: usize| paths.get(at).cloned();
    Some(match name {
        "creat" => Act::Create(path(0)?),
        "open" | "openat" if arguments.contains("O_CREAT") || arguments.contains("O_TRUNC") => Act::Create(path(0)?),
        "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate" | "fallocate" => {
            Act::Write(descriptor(arguments)?, arguments.to_owned())
        }
        "sendfile" => Act::Write(descriptor(arguments)?, String::new()),
        // Whole clones and clones of a range.
        "ioctl" if arguments.contains("FICLONE") => Act::Write(descriptor(arguments)?, String::new()),
        "copy_file_range" => Act::Write(descriptor(arguments.split_once(", ")?.1.split_once(", ")?.1)?, String::new()),
        "truncate" => Act::Write(path(0)?, String::new()),
        "fsync" | "fdatasync" => Act::Sync(descriptor(arguments)?),
        "rename" | "renameat" | "renameat2" => Act::Rename(path(0)?, path(1)?),
        "link" | "linkat" => Act::Link(path(0)?, path(1)?),
        // The first text is what the link says.
        "symlink" | "symlinkat" => Act::Symlink(path(1)?),
        "mkdir" | "mkdirat" => Act::MakeDir(path(0)?),
        "unlink" | "unlinkat" | "rmdir" => Act::Remove(path(0)?),
        _ => return None,
    })
}

/// Returns the path that `-y` shows of the descriptor at the beginning of the arguments: `7</path>`.
fn descriptor(arguments: &str) -> Option<PathBuf> {
    let (number, rest) = arguments.split_once('<')?;
    number.chars().all(|digit| digit.is_ascii_digit()).then_some(())?;
    let path = rest.split_once('>')?.0;
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Returns the paths that stand in quotes, each below the directory descriptor before it.
fn paths(arguments: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut rest = arguments;
    while let Some((before, after)) = rest.split_once('"') {
        let Some((path, behind)) = after.split_once('"') else { break };
        let below = before.rsplit_once('<').and_then(|(_, open)| open.split_once('>')).map_or("/", |(path, _)| path);
        paths.push(Path::new(below).join(path));
        rest = behind;
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acts(text: &str) -> Vec<Act> {
        parse(text).into_iter().map(|call| call.act).collect()
    }

    #[test]
    fn each_kind_of_call_is_read() {
        let text = r#"7 openat(AT_FDCWD</w>, "/d/a", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 5</d/a>
7 openat(AT_FDCWD</w>, "/d/a", O_RDONLY|O_CLOEXEC) = 5</d/a>
7 write(5</d/a>, "x \"y\" = 3", 9) = 9
7 copy_file_range(4</d/from>, NULL, 5</d/a>, NULL, 10, 0) = 10
7 fsync(5</d/a>)        = 0
7 renameat(AT_FDCWD</w>, "/d/a", AT_FDCWD</w>, "b") = 0
7 linkat(AT_FDCWD</w>, "/d/b", 9</e>, "c", 0) = 0
7 symlink("../../pools/any", "/d/packages") = 0
7 mkdir("/d/new", 0777)   = 0
7 unlink("/d/new") = 0
7 write(1<pipe:[3]>, "x", 1) = 1
7 +++ exited with 0 +++
"#;
        let write = |path: &str, text: &str| Act::Write(path.into(), text.to_owned());
        assert_eq!(
            acts(text),
            [
                Act::Create("/d/a".into()),
                write("/d/a", r#"5</d/a>, "x \"y\" = 3", 9)"#),
                write("/d/a", ""),
                Act::Sync("/d/a".into()),
                Act::Rename("/d/a".into(), "/w/b".into()),
                Act::Link("/d/b".into(), "/e/c".into()),
                Act::Symlink("/d/packages".into()),
                Act::MakeDir("/d/new".into()),
                Act::Remove("/d/new".into()),
            ]
        );
    }

    #[test]
    fn a_call_that_failed_did_nothing() {
        let text = "7 mkdir(\"/d\", 0777) = -1 EEXIST (File exists)\n7 fsync(5</d>) = -1 EIO (Input/output error)\n";
        assert_eq!(acts(text), []);
    }

    #[test]
    fn a_call_that_others_came_in_between_keeps_beginning_and_end() {
        let text = "7 fsync(5</d/a> <unfinished ...>\n8 fsync(6</d/b>) = 0\n7 <... fsync resumed>) = 0\n";
        let call = |begin, end, path: &str| Call { begin, end, act: Act::Sync(path.into()) };
        assert_eq!(parse(text), [call(1, 1, "/d/b"), call(0, 2, "/d/a")]);
    }
}
