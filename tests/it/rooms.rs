//! Does the code keep to its map? Holds the table in `src/lib.rs` against what each file names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// More lines than this and a file answers more than one question.
const LINES: usize = 500;

/// What only one room may name, and that room's place below `src/`.
const OWNED: [(&str, &str); 3] = [("sqlx::", "store"), ("lapin::", "bus"), ("tokio::process", "process")];

/// Rooms of this layer may name each other.
const GROUND: u32 = 1;

/// One source file, without its comments.
struct Source {
    path: PathBuf,
    room: String,
    text: String,
    code: String,
}

#[test]
fn the_table_has_every_room_once_and_no_other() {
    let lib = fs::read_to_string(src().join("lib.rs")).unwrap();
    let declared: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let layers = layers(&lib);
    assert_eq!(declared, layers.keys().map(String::as_str).collect::<Vec<_>>());
    for source in sources() {
        let known = layers.contains_key(&source.room) || ["lib", "main"].contains(&source.room.as_str());
        assert!(known, "{}: no room of the table", source.path.display());
    }
}

#[test]
fn a_room_names_lower_layers_only() {
    let layers = layers(&fs::read_to_string(src().join("lib.rs")).unwrap());
    let found: Vec<String> = sources().iter().flat_map(|source| wrong_names(source, &layers)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_program_calls_the_command_line_only() {
    let main = sources().into_iter().find(|source| source.room == "main").unwrap();
    let named = names_after(&main.code, "tannery::");
    assert!(named.iter().all(|name| name == "cli"), "main.rs names {named:?}");
}

#[test]
fn sql_amqp_and_processes_each_have_one_door() {
    let found: Vec<String> = sources().iter().flat_map(trespasses).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_says_first_what_it_answers_and_is_short() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "{}: no `//!` on line 1", source.path.display());
        let lines = source.text.lines().count();
        assert!(lines <= LINES, "{}: {lines} lines", source.path.display());
    }
}

#[test]
fn the_check_itself_sees_a_trespass() {
    let layers = BTreeMap::from([("http".to_owned(), 8), ("store".to_owned(), 2), ("bus".to_owned(), 2)]);
    let source = |code: &str| Source {
        path: PathBuf::from("src/store/x.rs"),
        room: "store".to_owned(),
        text: String::new(),
        code: code.to_owned(),
    };
    assert_eq!(wrong_names(&source("use crate::{store::Row, http::{Page, Form}, bus};"), &layers).len(), 2);
    assert_eq!(wrong_names(&source("let x = crate::nowhere::x();"), &layers).len(), 1);
    assert_eq!(wrong_names(&source("use crate::store::Row;"), &layers).len(), 0);
    assert_eq!(trespasses(&source("use lapin::Channel;")).len(), 1);
    assert_eq!(trespasses(&source("use std::process::{ Command, Stdio };")).len(), 1);
    assert_eq!(trespasses(&source("fn f() { std::process::Command::new(x); }")).len(), 1);
    assert_eq!(trespasses(&source("use std::process::ExitCode; use sqlx::Row;")).len(), 0);
    assert_eq!(without_comments("//! crate::http\nlet a = 1; // crate::http\n").trim(), "let a = 1;");
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the layer of each room, from the table of the crate's documentation.
fn layers(lib: &str) -> BTreeMap<String, u32> {
    let mut layers = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! |")) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let Ok(layer) = columns[0].parse() else { continue };
        for room in columns[1].split_whitespace() {
            let room = room.trim_matches(['[', ']', '`']).to_owned();
            assert_eq!(layers.insert(room, layer), None, "a room is there twice: {row}");
        }
    }
    assert!(!layers.is_empty(), "no table in src/lib.rs");
    layers
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&src(), &mut files);
    files.sort();
    files.into_iter().map(source).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let first = path.strip_prefix(src()).unwrap().components().next().unwrap();
    let room = Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned();
    Source { room, code: without_comments(&text), text, path }
}

/// Returns the code in one line for each of its own, so that what spans lines is found too.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("//") {
        // An address in a string is no comment.
        Some((before, _)) if !before.ends_with(':') => before,
        _ => line,
    });
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn wrong_names(source: &Source, layers: &BTreeMap<String, u32>) -> Vec<String> {
    // The map itself and the program's start are no rooms.
    let Some(own) = layers.get(&source.room) else { return Vec::new() };
    let mut wrong = Vec::new();
    for name in names_after(&source.code, "crate::") {
        let allowed = match layers.get(&name) {
            None => false,
            Some(_) if name == source.room => true,
            Some(other) => other < own || (*other == GROUND && *own == GROUND),
        };
        if !allowed {
            wrong.push(format!("{}: {} must not name crate::{name}", source.path.display(), source.room));
        }
    }
    wrong
}

/// Returns the first name of each path after `prefix`, those in braces too.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let joined = code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            _ if joined => {}
            Some(group) => names.extend(names_of_group(group)),
            None => names.push(identifier(rest)),
        }
    }
    names
}

fn names_of_group(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = true;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            ' ' => {}
            _ if begins => {
                names.push(identifier(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn trespasses(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (word, owner) in OWNED {
        if source.room != owner && source.code.contains(word) {
            found.push(format!("{}: `{word}` is for src/{owner} only", source.path.display()));
        }
    }
    let starts = source.code.split(';').any(|statement| {
        let imports = statement.trim_start().starts_with("use std::") && statement.contains("process");
        statement.contains("std::process::Command") || (imports && statement.contains("Command"))
    });
    if starts && source.room != "process" {
        found.push(format!("{}: processes are started by src/process.rs only", source.path.display()));
    }
    found
}
