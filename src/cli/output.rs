//! How does a command speak? Results to standard output, all else to standard error.
//!
//! What came from outside is made harmless before it reaches a terminal. Nothing here knows what is said.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

/// How many columns a screen has.
pub(super) const COLUMNS: usize = 80;

/// Whoever read standard output has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("standard output was closed by its reader")]
pub(super) struct ReaderGone;

/// Arguments that parse one by one and do not go together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// The choice between text for people and JSON for programs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Form {
    /// Print JSON, whose keys stay as they are from release to release
    #[arg(long)]
    pub(super) json: bool,
}

impl Form {
    /// Prints a result: as JSON where that was asked for, else as the text.
    pub(super) fn print<T: Serialize>(self, result: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if !self.json {
            return print(&text(result));
        }
        let json = serde_json::to_string_pretty(result).context("the result cannot be written as JSON")?;
        print(&(harmless_json(&json) + "\n"))
    }
}

/// Writes text to standard output, at once.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes a line to standard error, with a word of how grave it is: `error`, `warning`.
pub(super) fn complain(word: &str, line: &str) {
    // There is nobody left to tell that standard error is closed.
    let _ = writeln!(io::stderr(), "tannery: {word}: {}", harmless(line));
}

/// Returns text that may go to a terminal in one line: control characters, and those that turn or hide
/// the text around them, are escaped.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_harmful(char) {
            // Writing to a string does not fail.
            let _ = write!(shown, "{}", char.escape_default());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// Returns JSON that may go to a terminal: what its strings hold is escaped as JSON does it.
pub(super) fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for char in json.chars() {
        if is_harmful(char) && char != '\n' {
            let _ = write!(shown, "\\u{:04x}", u32::from(char));
        } else {
            shown.push(char);
        }
    }
    shown
}

fn is_harmful(char: char) -> bool {
    let turns_or_hides = matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    char.is_control() || turns_or_hides || char == '\u{feff}'
}

/// Returns a time in microseconds after 1970 as `2026-11-21T00:42:24Z`.
pub(super) fn time(micros: i64) -> String {
    let time = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns how long it is from `then` to `now`, both in microseconds, in the unit that says it best.
pub(super) fn age(then: i64, now: i64) -> String {
    let seconds = now.saturating_sub(then).max(0) / 1_000_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Returns text of at most `columns` characters, cut where it is longer.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Returns text in lines of at most `columns` characters, divided between words; a longer word is cut.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(|word| fit(word, columns)) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Returns how many there are of something, in words: `1 build`, `2 builds`.
pub(super) fn count(number: i64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{9b}\u{202e}ü"), "a\\u{1b}[2Jb\\nc\\u{9b}\\u{202e}ü");
        let json = serde_json::to_string(&["\u{1b}[2J\u{9b}\u{202e}"]).unwrap();
        let shown = harmless_json(&json);
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), ["\u{1b}[2J\u{9b}\u{202e}"]);
    }

    #[test]
    fn long_text_is_divided_between_words() {
        assert_eq!(wrap("a bb ccc dddddd", 4), ["a bb", "ccc", "ddd…"]);
        assert_eq!(wrap("ää öö", 5), ["ää öö"]);
        assert!(wrap(" ", 5).is_empty());
    }

    #[test]
    fn ages_have_the_unit_that_fits() {
        let ages = [5, 119, 120, 7_200, 200_000].map(|seconds| age(0, seconds * 1_000_000));
        assert_eq!(ages, ["5 s", "119 s", "2 min", "2 h", "2 d"]);
        assert_eq!(age(10, 0), "0 s");
        assert_eq!(time(1_795_221_744_000_000), "2026-11-21T00:42:24Z");
        assert_eq!((fit("abcd", 4), fit("abcde", 4)), ("abcd".to_owned(), "abc…".to_owned()));
    }
}
