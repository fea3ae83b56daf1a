//! Who serves repositories that are not ours? A server of HTTP over a directory that counts what it is asked for, can
//! be away, and answers some paths as the story says.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use super::listener::Listener;
use super::service::free_port;

/// How long a client may be silent within a request.
const SILENCE: Duration = Duration::from_secs(30);

/// What the threads of a server share.
#[derive(Debug, Default)]
struct Desk {
    /// `STATUS PATH` of each request.
    asked: Mutex<Vec<String>>,
    /// Whole answers, head and body, by path.
    told: Mutex<BTreeMap<String, Vec<u8>>>,
}

/// A server on a port of its own, up or down.
#[derive(Debug)]
pub struct Outside {
    port: u16,
    root: PathBuf,
    desk: Arc<Desk>,
    server: Option<Listener>,
}

impl Outside {
    /// Serves a directory.
    pub fn serve(root: &Path) -> Self {
        let mut server = Self { port: free_port(), root: root.to_owned(), desk: Arc::default(), server: None };
        server.up();
        server
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Answers a path with these bytes, head and body, from now on.
    pub fn tell(&self, path: &str, answer: &[u8]) {
        self.desk.told.lock().unwrap().insert(path.to_owned(), answer.to_owned());
    }

    /// Returns `STATUS PATH` of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.desk.asked.lock().unwrap().clone()
    }

    /// Begins to listen.
    pub fn up(&mut self) {
        let (desk, root) = (self.desk.clone(), self.root.clone());
        self.server = Some(Listener::new(self.port, move |stream| {
            let (desk, root) = (desk.clone(), root.clone());
            // A client that breaks off is answered no more.
            thread::spawn(move || stream.and_then(|stream| answer(stream, &root, &desk)));
        }));
    }

    /// Ceases to listen.
    pub fn down(&mut self) {
        self.server = None;
    }
}

fn answer(stream: TcpStream, root: &Path, desk: &Desk) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut known = None;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("if-none-match") {
            known = Some(value.trim().to_owned());
        }
    }
    let mut words = first.split_whitespace();
    let (is_head, path) =
        (words.next() == Some("HEAD"), words.next().unwrap_or("/").trim_start_matches('/').to_owned());
    let told = desk.told.lock().unwrap().get(&path).cloned();
    let (status, bytes) = match told {
        Some(bytes) => ("told", bytes),
        None => file(&root.join(&path), known, is_head),
    };
    desk.asked.lock().unwrap().push(format!("{status} {path}"));
    reader.into_inner().write_all(&bytes)
}

fn file(path: &Path, known: Option<String>, is_head: bool) -> (&'static str, Vec<u8>) {
    let end = "connection: close\r\n\r\n";
    let Ok(bytes) = fs::read(path) else {
        return ("404", format!("HTTP/1.1 404 no\r\ncontent-length: 0\r\n{end}").into_bytes());
    };
    let written = fs::metadata(path).and_then(|facts| facts.modified()).unwrap();
    let etag = format!("\"{}-{}\"", bytes.len(), written.duration_since(UNIX_EPOCH).unwrap().as_nanos());
    if known.as_ref() == Some(&etag) {
        return ("304", format!("HTTP/1.1 304 same\r\netag: {etag}\r\n{end}").into_bytes());
    }
    let head = format!("HTTP/1.1 200 yes\r\netag: {etag}\r\ncontent-length: {}\r\n{end}", bytes.len());
    let body = if is_head { Vec::new() } else { bytes };
    ("200", [head.into_bytes(), body].concat())
}
