//! When does a client see a new `repomd.xml`? Asks for it again and again, on one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;

/// Between an answer and the next question. It counts as the service's, which is to serve and not to be kept busy.
const PAUSE: Duration = Duration::from_millis(5);

/// Notes each change of a file over HTTP until it is asked for them.
pub struct Watcher {
    ended: Arc<AtomicBool>,
    watching: JoinHandle<anyhow::Result<Vec<Timestamp>>>,
}

impl Watcher {
    /// Starts to watch; what is served first is no change.
    pub fn start(address: &str, path: &str) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address, path)?;
        let mut last = connection.get()?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = ended.clone();
        let watching = thread::spawn(move || {
            let mut changes = Vec::new();
            loop {
                // What was there when the end was asked for is still seen.
                let is_last = end.load(Ordering::SeqCst);
                let now = connection.get()?;
                if now != last {
                    changes.push(Timestamp::now());
                    last = now;
                }
                if is_last {
                    return Ok(changes);
                }
                thread::sleep(PAUSE);
            }
        });
        Ok(Self { ended, watching })
    }

    /// Ends and returns when each change was read.
    pub fn changes(self) -> anyhow::Result<Vec<Timestamp>> {
        self.ended.store(true, Ordering::SeqCst);
        self.watching.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    }
}

/// A connection that is kept, for one path.
struct Connection {
    stream: BufReader<TcpStream>,
    question: String,
}

impl Connection {
    fn open(address: &str, path: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        Ok(Self { stream: BufReader::new(stream), question })
    }

    /// Returns the file's bytes.
    fn get(&mut self) -> anyhow::Result<Vec<u8>> {
        self.stream.get_mut().write_all(self.question.as_bytes())?;
        let (mut status, mut length) = (String::new(), None);
        self.stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                bail!("the service closed the connection");
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        if !status.contains(" 200 ") {
            bail!("{} for {}", status.trim(), self.question.lines().next().unwrap_or_default());
        }
        let mut bytes = vec![0; length.context("the answer has no length")?];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
