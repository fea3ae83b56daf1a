//! What does a repository have? Read whole and strictly by another's code, which stays for the next test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Mutex;

use super::peer::python;

/// Readers that nobody uses right now: starting one takes longer than reading a small repository. They end with the
/// tests, whose end closes their input.
static IDLE: Mutex<Vec<Reader>> = Mutex::new(Vec::new());

struct Reader {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

/// Returns the digests of all packages of a repository by NEVRA; everything in it is checked. `base` is its URL or its
/// directory.
///
/// # Panics
/// If anything does not fit.
pub fn packages_of(base: &str) -> BTreeMap<String, String> {
    let idle = IDLE.lock().unwrap().pop();
    let mut reader = idle.unwrap_or_else(Reader::new);
    writeln!(reader.input, "{base}").unwrap();
    let Some(line) = reader.output.next() else { panic!("{base}: {}", reader.problem()) };
    let packages = serde_json::from_str(&line.unwrap()).unwrap();
    IDLE.lock().unwrap().push(reader);
    packages
}

/// As [`packages_of`], in a directory.
pub fn packages_in(directory: &Path) -> BTreeMap<String, String> {
    packages_of(directory.to_str().unwrap())
}

impl Reader {
    fn new() -> Self {
        let mut command = python("packages.py");
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    /// Returns what one says that has ended.
    fn problem(mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        self.child.wait().unwrap();
        text
    }
}
