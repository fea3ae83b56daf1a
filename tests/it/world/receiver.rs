//! Who hears webhooks? A receiver of HTTP that keeps what comes and answers as the story says.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::listener::Listener;
use super::service::free_port;

/// How long a client may be silent within a request.
const SILENCE: Duration = Duration::from_secs(30);

/// One request.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Method and path.
    pub target: String,
    /// The header lines, names in lower case.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What was answered.
    pub answer: u16,
}

impl Heard {
    /// Returns a header that has to be there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).1
    }
}

/// A receiver on a port of its own, up or down.
#[derive(Debug)]
pub struct Receiver {
    port: u16,
    answer: Arc<AtomicU16>,
    heard: Arc<Mutex<Vec<Heard>>>,
    server: Option<Listener>,
}

impl Receiver {
    /// Makes one that is down, and answers 200 once it is up.
    pub fn new() -> Self {
        let (answer, heard) = (Arc::new(AtomicU16::new(200)), Arc::default());
        Self { port: free_port(), answer, heard, server: None }
    }

    /// Returns where it hears.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// Answers with this status from now on.
    pub fn answers(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    /// Begins to listen.
    pub fn up(&mut self) {
        let (answer, heard) = (self.answer.clone(), self.heard.clone());
        self.server = Some(Listener::new(self.port, move |stream| {
            // A client that breaks off, killed by the story, was not heard.
            let _ = stream.and_then(|stream| hear(stream, answer.load(Ordering::SeqCst), &heard));
        }));
    }

    /// Returns all that was heard.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn hear(stream: TcpStream, answer: u16, heard: &Mutex<Vec<Heard>>) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    let mut target = String::new();
    reader.read_line(&mut target)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let target = target.rsplit_once(' ').map_or(target.clone(), |(target, _)| target.to_owned());
    heard.lock().unwrap().push(Heard { target, headers, body, answer });
    let head =
        format!("HTTP/1.1 {answer} as told\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.into_inner().write_all(head.as_bytes())
}
