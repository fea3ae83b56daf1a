//! What does a build system say, and who says and hears it? Koji's messages, and the stock clients of
//! fedora-messaging.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::peer::{Ended, python};

/// Returns Koji's message that a build was tagged (`tag`) or untagged (`untag`), sent in a second of a
/// day that is long past, with an id made of all this.
pub fn tagging(action: &str, tag: &str, nvr: &str, second: u32) -> Value {
    let mut parts = nvr.rsplitn(3, '-');
    let (release, version, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let id = format!("{action}-{tag}-{nvr}-{second}");
    let (hour, minute) = (second / 3600, second / 60 % 60);
    json!({
        "id": uuid_of(&id),
        "topic": format!("org.example.buildsys.{action}"),
        "headers": {
            "sent-at": format!("2020-01-01T{hour:02}:{minute:02}:{:02}+00:00", second % 60),
            "fedora_messaging_severity": 20,
        },
        "body": {
            "base_url": "https://koji.example.org", "instance": "primary", "user": "builder", "owner": "builder",
            "tag": tag, "tag_id": 1, "build_id": 1, "name": name, "version": version, "release": release,
        },
    })
}

/// Returns a UUID that depends on the text alone.
fn uuid_of(text: &str) -> String {
    let mut bits = [0; 16];
    bits.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    uuid::Builder::from_random_bytes(bits).into_uuid().to_string()
}

/// Runs a command on an input.
pub fn feed(command: &mut Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A publisher of fedora-messaging's own library that stays connected.
#[derive(Debug)]
pub struct Publisher {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Publisher {
    /// Starts one for a broker without TLS.
    pub fn new(url: &str) -> Self {
        let mut command = python("publish.py");
        let mut child = command.args(["--lines", url]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    /// Publishes messages and waits until the broker has confirmed each.
    pub fn send(&mut self, messages: &[Value]) {
        for message in messages {
            writeln!(self.input, "{message}").unwrap();
        }
        self.input.flush().unwrap();
        for message in messages {
            let confirmed = self.output.next().unwrap_or_else(|| panic!("not confirmed: {message}")).unwrap();
            assert_eq!(message["id"], confirmed);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stock consumer that prints each message.
#[derive(Debug)]
pub struct Consumer {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Consumer {
    /// Starts `consume.py` with these arguments, and returns it once it consumes.
    pub fn new(arguments: &[&str]) -> Self {
        Self::start(python("consume.py").args(arguments))
    }

    /// As [`Consumer::new`], with the Python packages in a directory installed beside those of all.
    pub fn with_packages(packages: &Path, arguments: &[&str]) -> Self {
        Self::start(python("consume.py").args(arguments).env("PYTHONPATH", packages))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut consumer = Self { child, output };
        assert_eq!(consumer.next().expect("the consumer did not start")["ready"], true);
        consumer
    }

    /// Waits until it has ended, and returns its status.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Iterator for Consumer {
    type Item = Value;
    /// Returns the next message; none once it has ended, at the latest after its own time is over.
    fn next(&mut self) -> Option<Value> {
        Some(serde_json::from_str(&self.output.next()?.unwrap()).unwrap())
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
